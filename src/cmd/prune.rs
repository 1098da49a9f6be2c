//! `spile prune`.

use std::time::Duration;

use anyhow::Result;

use super::common;
use super::recorded::Recorded;
use crate::exit::Exit;
use crate::run::state::{Removed, StateFolder, StoredRun};
use crate::run::{self, Clock};
use crate::runs::history::Op;
use crate::runs::prune::{Finished, Limits};
use crate::text::number;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Remove the files of finished background runs
///
/// Prints the streams of the removed runs, the oldest first. A run goes if it is over one of the limits; with none of the limits
/// given they are 14d, 200 and 2G, otherwise only those given count. A run that lives stays, and whoever reads a removed run
/// reads it to its end. A stored text (`POST /paste`) goes with the last run that names it, and unused by --older. Exits with 1 if a run cannot be removed.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Remove runs that ended longer ago than this: 90m, 12h, 14d; 0 is all
    #[arg(long, value_name = "AGE", value_parser = age)]
    older: Option<Duration>,
    /// Keep this many finished runs, those that ended last
    #[arg(long, value_name = "N")]
    keep: Option<usize>,
    /// Keep as many finished runs, those that ended last, as have this size together: 500M, 2G
    #[arg(long, value_name = "SIZE", value_parser = common::size)]
    size: Option<usize>,
    /// Only print what would be removed
    #[arg(long)]
    dry_run: bool,
}

const EXAMPLES: &str = "Examples:
  spile prune
  spile prune --older 2d --keep 50
  spile prune --keep 0 --dry-run | wc -l";

pub(super) fn run(args: Args) -> Result<Exit> {
    let Some(state) = StateFolder::open_if_any()? else { return Ok(Exit::Success) };
    let now = Clock::start().now();
    if !args.dry_run {
        state.remove_leftovers(now)?;
    }
    let limits = args.limits();
    let runs = state.finished()?;
    let finished: Vec<Finished> = runs
        .iter()
        .map(|run| {
            // Without a limit of the size it is not looked up.
            let folder = limits.size.and_then(|_| state.run(&run.stream).ok().flatten());
            let bytes = folder.and_then(|folder| folder.size().ok()).unwrap_or_default();
            Finished { ended: run.ended, bytes }
        })
        .collect();
    let excess = &runs[..limits.excess(&finished, now)];
    let (mut exit, mut count) = (Exit::Success, 0);
    let mut context = Vec::new();
    for run in excess {
        let removed = if args.dry_run { Ok(Removed::Done) } else { remove(&state, run) };
        match removed {
            Ok(Removed::Done) => {
                count += 1;
                context.extend(run.info.context.iter().cloned());
                exit = exit.or(run::print(format!("{}\n", run.stream).as_bytes()));
            }
            Ok(Removed::No) => {}
            Err(e) => {
                run::warn(format_args!("{}: {e:#}", run.stream));
                exit = exit.or(Exit::Failed);
            }
        }
    }
    #[cfg(feature = "serve")]
    if !args.dry_run {
        state.remove_contexts(&context, limits.older)?;
    }
    if run::is_stderr_terminal() {
        let what = if args.dry_run { "would be removed" } else { "removed" };
        run::warn(format_args!("{count} of {} finished runs {what}", runs.len()));
    }
    Ok(exit)
}

fn remove(state: &StateFolder, run: &StoredRun) -> Result<Removed> {
    let recorded = Recorded::begin(Op::Prune, None, None);
    let removed = state.remove(&run.stream)?;
    if removed == Removed::Done {
        let mut operation = recorded.ended(&run.stream, "removed", Exit::Success);
        operation.agent.clone_from(&run.info.agent);
        state.note(&operation);
    }
    Ok(removed)
}

impl Args {
    fn limits(&self) -> Limits {
        let size = self.size.map(|size| size as u64);
        let limits = Limits { older: self.older, keep: self.keep, size };
        if limits == Limits::default() { Limits::USUAL } else { limits }
    }
}

/// A duration, also in days.
fn age(text: &str) -> Result<Duration, String> {
    let days = text.strip_suffix('d').and_then(number).and_then(|days| DAY.checked_mul(days));
    days.map_or_else(|| common::duration(text), Ok)
        .map_err(|_| "write an age like 90m, 12h or 14d".to_owned())
}
