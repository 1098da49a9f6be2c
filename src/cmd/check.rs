//! `spile check`.

use anyhow::Result;

use super::common::InputArgs;
use crate::check::{Check, Options};
use crate::exit::Exit;

/// Check events against the contract, and print a line for each violation
///
/// The rules are C1 to C9 of docs/EVENTS.md. The exit status is 1 if any is broken.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Accept missing numbers, a late start and an open end, as chunk, --only and seeking leave them
    #[arg(long)]
    partial: bool,
    /// Pass the events on unchanged, and report on stderr
    #[arg(long)]
    pass: bool,
    /// Let the ends of the streams' last turns decide the exit status
    #[arg(long)]
    exit_from_stream: bool,
    #[command(flatten)]
    input: InputArgs,
}

const EXAMPLES: &str = "Examples:
  spile check run.ndjson
  spile wrap -- make test | spile check --pass --exit-from-stream >run.ndjson";

pub(super) fn run(args: Args) -> Result<Exit> {
    let Args { partial, pass, exit_from_stream, input } = args;
    let options =
        Options { partial, pass, exit_from_stream, quiet: false, reading: input.reading() };
    input.run(&mut Check::new(options))
}
