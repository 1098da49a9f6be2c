//! `spile coalesce`.

use std::time::Duration;

use anyhow::Result;

use super::common::{self, InputArgs, named};
use crate::exit::Exit;
use crate::filter::coalesce::{Border, Coalesce, Options};
use crate::stage::Clock;

/// Merge small text deltas into fewer
///
/// The text does not change. Held text is emitted before another event of its stream, before it exceeds --max, after a
/// silence of --idle, and at the latest after --within.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Most code points in a merged delta; a longer delta passes whole
    #[arg(long, value_name = "N", default_value_t = 1200)]
    max: usize,
    /// Code points to hold before a silence alone emits them
    #[arg(long, value_name = "N", default_value_t = 1)]
    min: usize,
    /// Silence after which held text is emitted
    #[arg(long, value_name = "DURATION", default_value = "150ms", value_parser = common::duration)]
    idle: Duration,
    /// Longest time that text is held
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = common::duration)]
    within: Duration,
    /// Preferred place to cut
    #[arg(long, value_parser = named::<Border>())]
    by: Option<Border>,
    /// Deltas at the start of a block that pass at once
    #[arg(long, value_name = "N", default_value_t = 1)]
    first: u32,
    /// Source of times: `event` makes the output depend on the input alone
    #[arg(long, default_value = "wall", value_parser = named::<Clock>())]
    clock: Clock,
    #[command(flatten)]
    input: InputArgs,
}

const EXAMPLES: &str = "Examples:
  claude -p hi --output-format stream-json --verbose \\
    --include-partial-messages \\
    | spile wrap | spile coalesce --by sentence | spile view
  spile coalesce --clock event run.ndjson >merged.ndjson";

pub(super) fn run(args: Args) -> Result<Exit> {
    let Args { max, min, idle, within, by, first, clock, input } = args;
    let coalesce = Coalesce::new(Options { max: max.max(1), min, idle, within, by, first });
    input.filter(coalesce, clock)
}
