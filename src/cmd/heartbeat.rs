//! `spile heartbeat`.

use std::time::Duration;

use anyhow::Result;

use super::common::{self, InputArgs, named};
use crate::exit::Exit;
use crate::filter::heartbeat::{Heartbeat, Options};
use crate::stage::Clock;

/// Most heartbeats in one silence by the event clock: a `ts` may be years after the last.
const MOST_BY_EVENT_CLOCK: u64 = 1000;

/// Report that an agent is alive and silent
///
/// If --every passes without an event while a turn is open or a started agent has not opened its first, a status of kind
/// `heartbeat` is emitted. It has the length of the silence and its state: no output yet (waiting), a tool is open (tool), or
/// quiet. All other events pass unchanged. 1024 streams are tracked.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Interval of heartbeats in a silence; 0 is never
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = common::duration)]
    every: Duration,
    /// Silence after which `stalled` is reported, once; 0 is never
    #[arg(long, value_name = "DURATION", value_parser = common::duration)]
    stall_after: Option<Duration>,
    /// Source of times: `event` makes the output depend on the input alone (at most 1000 heartbeats a silence)
    #[arg(long, default_value = "wall", value_parser = named::<Clock>())]
    clock: Clock,
    #[command(flatten)]
    input: InputArgs,
}

const EXAMPLES: &str = "Examples:
  spile wrap -- claude -p 'fix the tests' --output-format stream-json \\
    --verbose | spile heartbeat --every 15s --stall-after 2m \\
    | spile coalesce | spile view
  spile heartbeat --clock event run.ndjson \\
    | jq -c 'select(.kind==\"heartbeat\").data'";

pub(super) fn run(args: Args) -> Result<Exit> {
    let Args { every, stall_after, clock, input } = args;
    let heartbeat = Heartbeat::new(Options {
        every: common::limit(Some(every)).unwrap_or(Duration::MAX),
        stall_after: common::limit(stall_after),
        most: match clock {
            Clock::Wall => u64::MAX,
            Clock::Event => MOST_BY_EVENT_CLOCK,
        },
    });
    input.filter(heartbeat, clock)
}
