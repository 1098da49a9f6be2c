//! `spile cancel`.

mod named;

use std::time::Duration;

use anyhow::Result;

use super::{common, usage};
use crate::exit::Exit;
use named::Named;

/// Stop a turn: as a filter when a condition holds, or by the name of the run
///
/// With STREAM, --label or --all the agents that run by that name are asked to stop; the terminal event of each turn, the
/// proof, is printed. With a condition it is a filter: events pass until the condition holds, then that turn is ended.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    named: Named,
    /// Why, in words, for the turn's terminal event
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// An agent that does not obey is killed, with all below it, after so long
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = common::duration)]
    grace: Duration,
}

const EXAMPLES: &str = "Examples:
  spile cancel --label docs --reason 'wrong branch'
  spile cancel run-42 --then 'leave the tests alone, only fix the build'
  spile ps";

pub(super) fn run(args: Args) -> Result<Exit> {
    if args.named.is_said() {
        return args.named.run(args.reason, args.grace);
    }
    Ok(usage(
        "say what to cancel: a stream, --label, or --all (see `spile ps`); or a condition, as a filter in a pipe",
    ))
}
