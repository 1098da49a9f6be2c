//! `spile replay`.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use clap::ValueHint;

use super::common::{self, ReadingArgs};
use super::usage;
use crate::exit::Exit;
use crate::replay::Options;
use crate::replay::Pace;
use crate::replay::select::{self, Moment, Types};
use crate::run::replay::{Fetch, Plan, Source};
use crate::run::{self, Waiting};
use crate::sink::access::{Access, Header};
use crate::sink::masked;
use crate::time::Time;

/// Play recorded sessions again, at their own pace or faster
///
/// Sources are files, FIFOs, - (stdin) and http(s) addresses (server-sent events or lines), also compressed with gzip or zstd,
/// played one after another. Events are unchanged and paced by their `ts`. A raw recording (`spile wrap --record`) replays
/// the agent: stdout, stderr, pauses, and the exit status or signal. A range is a first and a last position; events between
/// them are played in the recorded order, even if their times are not. In a long file the position is found by a search, not
/// by reading from the start.
///
/// A file that cannot be opened is reported before anything is played, with exit status 2. An address that does not answer is
/// exit status 69.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Recordings [default: -]
    #[arg(value_name = "FILE|-|URL", value_hint = ValueHint::FilePath)]
    sources: Vec<OsString>,
    /// Speed as a multiple of the recorded one
    #[arg(long, value_name = "X", default_value = "1", value_parser = speed)]
    speed: f64,
    /// Do not wait
    #[arg(long, conflicts_with_all = ["speed", "step", "max_gap"])]
    instant: bool,
    /// Wait for keys: space or right for the next event, down to skip running text, p to play and pause, + and - for the
    /// speed, q to quit
    #[arg(long)]
    step: bool,
    /// Longest wait for an event [default: as recorded]
    #[arg(long, value_name = "DURATION", value_parser = common::duration)]
    max_gap: Option<Duration>,
    /// Begin with the turn of the event with this number, in --stream or the first stream
    #[arg(long, value_name = "N", conflicts_with = "since",
          value_parser = clap::value_parser!(u64).range(1..))]
    from_seq: Option<u64>,
    /// Begin with the first event at or after T: a time (RFC 3339), or a duration after the first event
    #[arg(long, value_name = "T", value_parser = moment)]
    since: Option<Moment>,
    /// End before the first event after T
    #[arg(long, value_name = "T", value_parser = moment)]
    until: Option<Moment>,
    /// Only this stream
    #[arg(long, value_name = "S")]
    stream: Option<String>,
    /// Only the turn of this number, of each stream
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    turn: Option<u64>,
    /// Only these types: names or patterns like turn_*, separated by commas
    #[arg(long, value_name = "TYPES", value_parser = types)]
    only: Option<Types>,
    /// Set `ts` to the time of the replay
    #[arg(long)]
    restamp: bool,
    /// At the end of the last file, wait for more; reconnect to a server whose stream has ended
    #[arg(short = 'F', long)]
    follow: bool,
    /// End a source after this time without data [default: never]
    #[arg(long, value_name = "DURATION", value_parser = idle)]
    idle: Option<Duration>,
    /// Header sent to every address; its value is read from a variable or a file, never from the command line
    #[arg(long, value_name = "NAME:env:VAR|NAME:file:PATH", value_parser = Header::parse, help_heading = "HTTP")]
    header: Vec<Header>,
    /// Bearer token sent to every address
    #[arg(long, value_name = "env:VAR|file:PATH", value_parser = Header::bearer, help_heading = "HTTP")]
    bearer: Option<Header>,
    /// File of CA certificates (PEM) to trust instead of those of CURL_CA_BUNDLE, SSL_CERT_FILE, SSL_CERT_DIR and the system
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "HTTP")]
    ca: Option<PathBuf>,
    #[command(flatten)]
    reading: ReadingArgs,
}

const EXAMPLES: &str = "Examples:
  spile replay run.ndjson --speed 4 --max-gap 2s | spile view
  spile replay run.ndjson --instant | spile check
  spile replay run.ndjson --step --from-seq 1200 | spile view --format plain
  spile wrap -- spile replay run.raw | spile view
  spile replay --follow --idle 5s --instant run.ndjson | spile view";

/// A factor above 0.
fn speed(text: &str) -> Result<f64, String> {
    let speed = text.strip_suffix('x').unwrap_or(text).parse().ok();
    speed.filter(|x: &f64| (1e-3..=1e6).contains(x)).ok_or_else(|| {
        "write a factor from 0.001 to 1000000, like 4 or 0.5 (not to wait at all: --instant)"
            .to_owned()
    })
}

/// A time or a duration.
fn moment(text: &str) -> Result<Moment, String> {
    if let Some(time) = Time::parse(text) {
        return Ok(Moment::At(time));
    }
    common::duration(text).map(Moment::After).map_err(|_| {
        "write a time like 2026-01-31T12:00:00Z, or a duration after the first event like 90s or 1h30m"
            .to_owned()
    })
}

/// A duration above 0.
fn idle(text: &str) -> Result<Duration, String> {
    match common::duration(text)? {
        Duration::ZERO => {
            Err("write a duration above 0 (not to wait for events: --instant)".to_owned())
        }
        idle => Ok(idle),
    }
}

fn types(text: &str) -> Result<Types, String> {
    Types::parse(text).ok_or_else(|| "write types like turn_*,block_final".to_owned())
}

pub(super) fn run(args: Args) -> Result<Exit> {
    let stdin = [OsString::from("-")];
    let named: &[OsString] = match args.sources.as_slice() {
        [] if run::waiting() == Waiting::Terminal => {
            return Err(usage(
                "nothing to play: name recordings or addresses, or pipe events into `spile replay`",
            ));
        }
        [] => &stdin,
        named => named,
    };
    if named.iter().filter(|name| *name == "-").count() > 1 {
        return Err(usage("stdin (-) can be played only once"));
    }
    let headers = args.header.iter().chain(&args.bearer).cloned().collect();
    let access = Access { ca: args.ca.clone(), headers, ..Access::default() };
    let mut sources = Vec::new();
    for name in named {
        let cannot = |e| {
            let name = masked(&Path::new(name).display().to_string());
            usage(format!("cannot open {name}: {e}"))
        };
        sources.push(source(name, &access).map_err(cannot)?);
    }
    let plan = Plan {
        sources,
        pace: Pace::new(args.speed, args.max_gap),
        follow: args.follow,
        idle: args.idle,
        step: args.step,
        options: options(args),
    };
    run::replay::replay(plan)
}

fn options(args: Args) -> Options {
    let from = match (args.from_seq, args.since) {
        (Some(seq), _) => select::From::Seq(seq),
        (None, Some(moment)) => select::From::Since(moment),
        (None, None) => select::From::Start,
    };
    Options {
        select: select::Options {
            stream: args.stream,
            turn: args.turn,
            only: args.only,
            from,
            until: args.until,
        },
        paced: !args.instant,
        restamp: args.restamp,
        watched: false,
        reading: args.reading.reading(),
    }
}

fn source(name: &OsStr, access: &Access) -> std::io::Result<Source> {
    match name.to_str() {
        Some(url) if is_url(url) => {
            let (url, access) = (url.to_owned(), access.clone());
            Ok(Source::Url(Fetch { url, access, follow: false }))
        }
        _ => Source::open(name),
    }
}

/// True for an http or https URL; the scheme is case-insensitive.
fn is_url(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|s| s.eq_ignore_ascii_case("http") || s.eq_ignore_ascii_case("https"))
}
