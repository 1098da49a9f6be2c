//! `spile coalesce`.

use std::time::Duration;

use anyhow::Result;

use super::common::{self, ClockArg, FileArgs, ReadingArgs, named};
use crate::exit::Exit;
use crate::filter::Chain;
use crate::filter::coalesce::{Border, Coalesce, Options};
use crate::stage::FilterStage;

/// Merge many small text deltas into few good ones
///
/// The text that comes out is the text that came in, and nothing is held for ever: held text leaves before another event
/// of its stream, before --max would be passed, after a silence, and at the latest after --within.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    files: FileArgs,
    /// Most code points of a merged delta; one longer delta passes whole
    #[arg(long, value_name = "N", default_value_t = 1200)]
    max: usize,
    /// Code points to have before a silence alone lets them go
    #[arg(long, value_name = "N", default_value_t = 1)]
    min: usize,
    /// Let held text go after this silence
    #[arg(long, value_name = "DURATION", default_value = "150ms", value_parser = common::duration)]
    idle: Duration,
    /// Let held text go at the latest this long after its first delta came
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = common::duration)]
    within: Duration,
    /// Prefer to cut there
    #[arg(long, value_parser = named::<Border>())]
    by: Option<Border>,
    /// Let so many deltas at the start of a block pass at once
    #[arg(long, value_name = "N", default_value_t = 1)]
    first: u32,
    /// Where times come from: `event` makes the output a pure function of the input
    #[arg(long, value_enum, default_value = "wall")]
    clock: ClockArg,
    #[command(flatten)]
    reading: ReadingArgs,
}

const EXAMPLES: &str = "Examples:
  claude -p hi --output-format stream-json --verbose \\
    --include-partial-messages \\
    | spile wrap | spile coalesce --by sentence | spile view
  spile coalesce --clock event run.ndjson >merged.ndjson";

pub(super) fn run(args: Args) -> Result<Exit> {
    let Args { files, max, min, idle, within, by, first, clock, reading } = args;
    let coalesce = Coalesce::new(Options { max: max.max(1), min, idle, within, by, first });
    let mut stage =
        FilterStage::new(Chain::new(vec![Box::new(coalesce)]), clock.into(), &reading.reading());
    files.run(&mut stage)
}
