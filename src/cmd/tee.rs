//! `spile tee`.

#[cfg(feature = "ledger")]
mod ledger;

use std::time::Duration;

use anyhow::Result;

use super::common::{ReadingArgs, duration, size};
#[cfg(not(feature = "ledger"))]
use super::ledger;
use super::usage;
use crate::exit::Exit;
use crate::outcome::Outcome;
use crate::run::tee::{self, Named, OnError, Tee};
use crate::run::{self, SpoolLimits};
use crate::sink::address::{Address, Destination};
use crate::sink::{self, Existing, FileSink};

/// Deliver events to sinks, and pass them on
///
/// Stdin passes to stdout byte for byte. A sink is a path (0600, truncated), cmd:COMMAND (a process for each event, with the
/// event on stdin and its delivery id in SPILE_DELIVERY_ID), pipe:COMMAND (one process for all events), http(s)://... (a POST
/// for each event, with an Idempotency-Key) or unix:PATH (a socket whose readers each get all events from the beginning).
/// Commands are split into words without expansion; their output goes to stderr. A cmd: that exits with 75 (EX_TEMPFAIL) is
/// retried; any other status but 0 refuses the event.
///
/// Options follow a #, joined with &. only=turn_*,status selects events, only=chunks the parts of chunk.
/// to=discord-webhook, slack-webhook, teams-webhook or telegram (with chat=ID) sends answer text as messages. name=NAME names
/// the sink in messages and in the ledger, independent of its address. For HTTP: header=NAME:env:VARIABLE or NAME:file:PATH,
/// bearer=env:VARIABLE or file:PATH, ca=FILE, timeout=30s and retry=429,5xx (statuses after which an event is retried). A
/// literal # is written ##.
///
/// On SIGHUP files are reopened (logrotate).
///
/// tee never waits for a sink: its events queue in memory, then in an anonymous file; a sink that exceeds both is dropped. At
/// the end the sinks have --linger to finish; the exit status is 1 if any delivery is missing.
///
/// With --ledger PATH each delivery to a file, command or HTTP sink is stored in that file before it is sent. If tee is killed
/// at any time and started again with the same input (spile replay), it first settles the deliveries that were in flight. It
/// delivers at-least-once with stable ids, in order per stream; exactly-once at a sink that knows the id within its window or
/// can be asked. A file is read back, an HTTP sink gets the same Idempotency-Key, a command has --reconcile. For any other sink
/// --in-doubt decides. Deltas and events without a number are delivered at most once and are not in the ledger.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Destinations besides stdout
    #[arg(value_name = "SINK")]
    sinks: Vec<String>,
    /// Append to files instead of truncating them
    #[arg(short, long)]
    append: bool,
    /// Ignore SIGINT
    #[arg(short, long)]
    ignore_interrupts: bool,
    /// Effect of an output error: a warning (warn) or the end of tee (exit); with -nopipe a broken pipe is no error
    #[arg(
        long,
        value_enum,
        value_name = "MODE",
        default_value = "warn-nopipe",
        hide_possible_values = true
    )]
    output_error: Mode,
    /// Queue of a sink in memory
    #[arg(long, value_name = "SIZE", default_value = "8M", value_parser = size)]
    queue: usize,
    /// Queue of a sink in an anonymous file after that; a sink that exceeds it is dropped
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = size)]
    spool_max: usize,
    /// Wait for the sinks at the end of the input
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    linger: Duration,
    /// Let the ends of the streams' last turns decide the exit status
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
        OnError {
            stop: matches!(self, Mode::Exit | Mode::ExitNopipe),
            pipes: matches!(self, Mode::Warn | Mode::Exit),
        }
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
    let has_files = addresses.iter().any(is_file);
    let spool_max = args.spool_max as u64;
    let append = args.append || args.ledger.is_given();
    let existing = if append { Existing::Append } else { Existing::Truncate };
    // The ledger comes before any other sink is opened: without it nothing begins.
    let ledger_sinks = args.ledger.take(&mut addresses, spool_max)?;
    let sinks = addresses.iter().map(|address| open(address, existing, spool_max));
    tee::tee(Tee {
        has_files,
        sinks: sinks.collect(),
        ledger_sinks,
        queue: SpoolLimits { memory: args.queue, file: spool_max },
        linger: args.linger,
        on_error: args.output_error.on_error(),
        ignore_interrupts: args.ignore_interrupts,
        reading: args.reading.reading(),
        outcome: args.exit_from_stream.then(Outcome::default),
    })
}

/// Opens the sink at an address; a descriptor that tee has inherited is used as it is.
fn open(address: &Address, existing: Existing, kept: u64) -> Named {
    let inherited = match &address.place {
        Destination::File(path) => run::open_descriptor(path).map(|file| (path, file)),
        _ => None,
    };
    let sink = match inherited {
        None => address.open(existing, kept),
        Some((path, file)) => sink::boxed(file.and_then(|f| FileSink::new(path, Some(f)))),
    };
    Named { name: address.name(), sink, only: address.only.clone() }
}
