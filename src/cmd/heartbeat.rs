//! `spile heartbeat`.

use std::time::Duration;

use anyhow::Result;

use super::common::{self, ClockArg, FileArgs, ReadingArgs};
use crate::exit::Exit;
use crate::filter::Chain;
use crate::filter::heartbeat::{Heartbeat, Options};
use crate::stage::FilterStage;

/// Heartbeats in one silence with an event clock: a `ts` may lie years after the last.
const MOST_BY_EVENT_CLOCK: u64 = 1000;

/// Say that an agent is alive and silent: never a silent minute
///
/// While a turn is open, or an agent that was started has not opened its first, and --every has passed without an event of
/// it, a status of kind `heartbeat` says so: whether the agent has said nothing yet (waiting), a tool is open (tool) or it has
/// fallen silent (quiet), and for how long. All else passes as it came. 1024 streams are remembered.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    files: FileArgs,
    /// Say a heartbeat after each such time without an event; 0 is never
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = common::duration)]
    every: Duration,
    /// Say `stalled`, once in a silence, when it is this long; 0 is never
    #[arg(long, value_name = "DURATION", value_parser = common::duration)]
    stall_after: Option<Duration>,
    /// Where times come from: `event` makes the output a pure function of the input (at most 1000 heartbeats a silence)
    #[arg(long, value_enum, default_value = "wall")]
    clock: ClockArg,
    #[command(flatten)]
    reading: ReadingArgs,
}

const EXAMPLES: &str = "Examples:
  spile wrap -- claude -p 'fix the tests' --output-format stream-json \\
    --verbose | spile heartbeat --every 15s --stall-after 2m \\
    | spile coalesce | spile view
  spile heartbeat --clock event run.ndjson \\
    | jq -c 'select(.kind==\"heartbeat\").data'";

pub(super) fn run(args: Args) -> Result<Exit> {
    let Args { files, every, stall_after, clock, reading } = args;
    let heartbeat = Heartbeat::new(Options {
        every: common::limit(Some(every)).unwrap_or(Duration::MAX),
        stall_after: common::limit(stall_after),
        most: match clock {
            ClockArg::Wall => u64::MAX,
            ClockArg::Event => MOST_BY_EVENT_CLOCK,
        },
    });
    let mut stage =
        FilterStage::new(Chain::new(vec![Box::new(heartbeat)]), clock.into(), &reading.reading());
    files.run(&mut stage)
}
