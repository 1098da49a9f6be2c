//! `spile check`.

use anyhow::Result;

use super::common::{FileArgs, ReadingArgs};
use crate::check::{Check, Options};
use crate::exit::Exit;

/// Hold a stream of events against the contract, one line a violation
///
/// The rules are those of docs/EVENTS.md, C1 to C9. The status is 1 if any is broken.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    files: FileArgs,
    /// Accept left-out numbers, a late start and an open end, as chunk, --only and seeking leave them
    #[arg(long)]
    partial: bool,
    /// Pass the events on as they came and report on stderr
    #[arg(long)]
    pass: bool,
    /// Exit by how the streams' last turns ended
    #[arg(long)]
    exit_from_stream: bool,
    #[command(flatten)]
    reading: ReadingArgs,
}

const EXAMPLES: &str = "Examples:
  spile check run.ndjson
  spile wrap -- make test | spile check --pass --exit-from-stream >run.ndjson";

pub(super) fn run(args: Args) -> Result<Exit> {
    let Args { files, partial, pass, exit_from_stream, reading } = args;
    let options =
        Options { partial, pass, exit_from_stream, quiet: false, reading: reading.reading() };
    files.run(&mut Check::new(options))
}
