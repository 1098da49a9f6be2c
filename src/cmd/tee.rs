//! `spile tee`.

#[cfg_attr(not(feature = "ledger"), path = "tee/no_ledger.rs")]
mod ledger;

use std::time::Duration;

use anyhow::Result;

use super::common::{ReadingArgs, duration, size};
use super::usage;
use crate::exit::Exit;
use crate::outcome::Outcome;
use crate::run::SpoolLimits;
use crate::run::tee::{self, Files, Interrupts, Named, OnError, Others, Pipes, Tee};
use crate::sink::address::{Address, Destination};
use crate::sink::{self, Existing, Sink};

/// Hand events to every sink at once, and pass them on
///
/// Stdin passes to stdout byte for byte. A sink is a path (0600, truncated), cmd:COMMAND (a process for each event, which it
/// reads on stdin, with its delivery id in SPILE_DELIVERY_ID), pipe:COMMAND (one process for all), http(s)://... (a POST for
/// each event, with an Idempotency-Key) or unix:PATH (a socket on which any number of readers get all from the beginning).
/// Commands are split into words, nothing is expanded, and what they print goes to stderr. A cmd: that exits with 75
/// (EX_TEMPFAIL) is tried again, one with any other status but 0 has refused the event.
///
/// Options stand behind a #, joined with &: #only=turn_*,status names the events that a sink wants, #only=chunks the parts that
/// chunk makes. #to=discord-webhook, slack-webhook, teams-webhook or telegram (with chat=ID) sends answer text as messages.
/// #name=NAME is what messages and the ledger call the sink, so that it stays the same when its address changes. For HTTP:
/// header=NAME:env:VARIABLE or NAME:file:PATH, bearer=env:VARIABLE or file:PATH, ca=FILE, timeout=30s and retry=429,5xx (the
/// statuses after which an event is sent again). A # itself is written ##.
///
/// On SIGHUP files are opened anew (logrotate).
///
/// A sink is never waited for: what it does not take yet waits in memory, then in a file without a name, and past that the
/// sink is given up. At the end the sinks have --linger; the status is 1 if anything is owed.
///
/// With --ledger PATH every delivery to a file, command or HTTP sink is a row in that file before it is sent. Killed at any
/// instant and started again with the same input (spile replay), tee first settles what was under way. The promise:
/// at-least-once with stable ids, in order per stream; exactly-once at a sink that knows the id within its window or can be
/// asked. A file is read back, an HTTP sink gets the same Idempotency-Key, of a command --reconcile tells; else --in-doubt
/// decides. Deltas and events without a number are given at most once and are not in the ledger.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Where the events go besides stdout
    #[arg(value_name = "SINK")]
    sinks: Vec<String>,
    /// Append to files instead of truncating them
    #[arg(short, long)]
    append: bool,
    /// Ignore SIGINT
    #[arg(short, long)]
    ignore_interrupts: bool,
    /// What an error of an output does: it is said and the others go on (warn), or all ends (exit); with -nopipe a reader
    /// that has gone is no error
    #[arg(
        long,
        value_enum,
        value_name = "MODE",
        default_value = "warn-nopipe",
        hide_possible_values = true
    )]
    output_error: Mode,
    /// Memory for what a sink has not taken yet
    #[arg(long, value_name = "SIZE", default_value = "8M", value_parser = size)]
    queue: usize,
    /// Then so much in a file without a name; past that the sink is given up
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = size)]
    spool_max: usize,
    /// How long to wait for the sinks at the end of the input
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    linger: Duration,
    /// Exit by how the streams' last turns ended
    #[arg(long)]
    exit_from_stream: bool,
    #[command(flatten)]
    ledger: ledger::LedgerArgs,
    #[command(flatten)]
    reading: ReadingArgs,
}

const EXAMPLES: &str = "Examples:
  spile wrap -- claude -p hi --output-format stream-json \\
    --verbose | spile tee run.ndjson | spile view
  spile replay run.ndjson --instant | spile chunk --for discord \\
    | spile tee --ledger d.db \\
      \"$WEBHOOK#to=discord-webhook&only=chunks\" >/dev/null
  spile chunk --for discord run.ndjson \\
    | spile tee \"$WEBHOOK#to=discord-webhook&only=chunks\" >/dev/null
  spile wrap -- make test | spile tee -a all.ndjson 'pipe:jq -c .type' \\
    'cmd:notify-send -- done#only=turn_*' >/dev/null
  spile wrap -- make test | spile tee unix:make.sock >/dev/null
  nc -U make.sock | spile view   # elsewhere, while the run goes on";

/// Modes of `--output-error`, by the names of GNU tee.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Mode {
    Warn,
    WarnNopipe,
    Exit,
    ExitNopipe,
}

impl Mode {
    fn on_error(self) -> OnError {
        let (others, pipes) = match self {
            Mode::Warn => (Others::GoOn, Pipes::Count),
            Mode::WarnNopipe => (Others::GoOn, Pipes::Ignore),
            Mode::Exit => (Others::Stop, Pipes::Count),
            Mode::ExitNopipe => (Others::Stop, Pipes::Ignore),
        };
        OnError { others, pipes }
    }
}

pub(super) fn run(args: Args) -> Result<Exit> {
    let mut addresses = Vec::new();
    for text in &args.sinks {
        let wrong = |why| usage(format!("sink {:?}: {why}", sink::masked(text)));
        addresses.push(Address::parse(text).map_err(wrong)?);
    }
    let mut names: Vec<&String> = addresses.iter().filter_map(|a| a.called.as_ref()).collect();
    names.sort();
    if let Some(twice) = names.windows(2).find(|w| w[0] == w[1]) {
        return Err(usage(format!("two sinks have the name {}: give each its own", twice[0])));
    }
    let is_file = |address: &Address| matches!(address.place, Destination::File(_));
    let files = if addresses.iter().any(is_file) { Files::Some } else { Files::None };
    let spool_max = args.spool_max as u64;
    let append = args.append || args.ledger.is_given();
    let existing = if append { Existing::Append } else { Existing::Truncate };
    // The ledger comes before any other sink is opened: without it nothing begins.
    let ledger_sinks = args.ledger.take(&mut addresses, spool_max)?;
    let sinks = addresses.into_iter().map(|address| Named {
        name: address.name(),
        sink: open(&address, existing, spool_max),
        only: address.only,
    });
    tee::tee(Tee {
        files,
        sinks: sinks.collect(),
        ledger_sinks,
        queue: SpoolLimits { memory: args.queue, file: spool_max },
        linger: args.linger,
        on_error: args.output_error.on_error(),
        interrupts: if args.ignore_interrupts { Interrupts::Ignore } else { Interrupts::AtEnd },
        reading: args.reading.reading(),
        outcome: args.exit_from_stream.then(Outcome::default),
    })
}

/// Opens the sink at an address, a socket with a history of at most `kept` bytes. `Err` is the reason, for the user.
fn open(address: &Address, existing: Existing, kept: u64) -> Result<Box<dyn Sink>, String> {
    let text = |e: std::io::Error| e.to_string();
    Ok(match &address.place {
        Destination::File(path) => Box::new(sink::FileSink::open(path, existing).map_err(text)?),
        Destination::Command(words) => Box::new(sink::CommandSink::new(words.clone())),
        Destination::Pipe(words) => Box::new(sink::PipeSink::new(words.clone())),
        Destination::Http(url) => return sink::http::open(url, address),
        Destination::Unix(path) => Box::new(sink::UnixSink::new(path, kept).map_err(text)?),
    })
}
