//! List of all runs in the state directory, by their small files, and the removal of finished ones.

#[cfg(test)]
mod tests;

use std::time::Duration;

use anyhow::{Context, Result};
use rustix::fs::{AtFlags, Dir, FileType};

use super::run_folder::{EVENTS, INFO, SUMMARY, modified, read_json};
use super::{RunFolder, RunLife, StateFolder, if_any, new_word};
use crate::run::output::warn;
use crate::runs::info::{RunInfo, Summary};
use crate::time::Time;

/// Age from which a folder that was not made or removed completely belongs to nobody: both take a moment.
const LEFT_OVER: Duration = Duration::from_secs(60);

/// A run in the state directory.
#[derive(Debug)]
pub struct StoredRun {
    /// Stream of the run.
    pub stream: String,
    /// Life of its processes.
    pub life: RunLife,
    /// Content of `run.json`, empty if that cannot be read.
    pub info: RunInfo,
    /// Content of `summary.json` without the changed files. That of a run that is over covers all events.
    pub summary: Summary,
    /// Time of its last event, or of the last change of its folder where no event has one.
    pub ended: Time,
}

/// Result of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// All files are gone.
    Done,
    /// The run lives, or another process has removed it.
    No,
}

impl StateFolder {
    /// All runs, in the order of their streams. A run that is over and not closed is closed; one that cannot be read is reported
    /// and left out.
    pub fn list(&self) -> Result<Vec<StoredRun>> {
        let streams = self.streams()?;
        let mut runs = Vec::with_capacity(streams.len());
        for stream in streams {
            match self.stored(&stream) {
                Ok(Some(run)) => runs.push(run),
                Ok(None) => self.leave_out(&stream, "it is no folder"),
                Err(e) => self.leave_out(&stream, format_args!("{e:#}")),
            }
        }
        Ok(runs)
    }

    /// Number of runs that live.
    pub fn live(&self) -> Result<usize> {
        let lives = |stream: &String| {
            let run = || {
                self.run(stream)
                    .ok()?
                    .filter(|run| run.life().is_ok_and(|life| life == RunLife::Alive))
            };
            self.complete_summary(stream).is_none() && run().is_some()
        };
        Ok(self.streams()?.iter().filter(|stream| lives(stream)).count())
    }

    /// The finished runs, in the order of their ends.
    pub fn finished(&self) -> Result<Vec<StoredRun>> {
        let mut runs = self.list()?;
        runs.retain(|run| run.life == RunLife::Over);
        runs.sort_by_key(|run| run.ended);
        Ok(runs)
    }

    fn stored(&self, stream: &str) -> Result<Option<StoredRun>> {
        if let Some(summary) = self.complete_summary(stream) {
            let info = read_json(&self.runs, &format!("{stream}/{INFO}")).unwrap_or_default();
            return stored(stream, RunLife::Over, info, summary, || {
                self.run(stream)?.map_or(Ok(Time::EPOCH), |run| run.changed())
            })
            .map(Some);
        }
        let Some(run) = self.run(stream)? else { return Ok(None) };
        let info = run.info().unwrap_or_default();
        let (life, summary) = match run.settle()? {
            None => (RunLife::Alive, run.summary().unwrap_or_default()),
            Some(over) => (RunLife::Over, over.summary),
        };
        stored(stream, life, info, summary, || run.changed()).map(Some)
    }

    /// Summary of a run that is over, if it covers all events. The folder of the run is not opened, which takes time.
    fn complete_summary(&self, stream: &str) -> Option<Summary> {
        let summary: Summary = read_json(&self.runs, &format!("{stream}/{SUMMARY}"))?;
        let events = format!("{stream}/{EVENTS}");
        let length =
            rustix::fs::statat(&self.runs, events, AtFlags::SYMLINK_NOFOLLOW).ok()?.st_size;
        let is_complete = summary.state.is_over() && u64::try_from(length) == Ok(summary.bytes);
        Some(summary).filter(|_| is_complete)
    }

    /// Removes a run that is over. It is renamed away first, so that a reader that has opened its files reads on to their end, and
    /// nobody finds half of it.
    pub fn remove(&self, stream: &str) -> Result<Removed> {
        let Some(run) = self.run(stream)? else { return Ok(Removed::No) };
        let lock = if_any(run.lock())?.flatten();
        // Without the lock another process may have removed it meanwhile, and a new run may have its name.
        let Some(_lock) = lock.filter(|_| self.holds(&run)) else { return Ok(Removed::No) };
        let gone = format!(".{}-{}.gone", std::process::id(), new_word());
        let cannot = || format!("cannot remove {}", run.path().display());
        rustix::fs::renameat(&self.runs, stream, &self.runs, &gone).with_context(cannot)?;
        std::fs::remove_dir_all(self.runs_path().join(&gone)).with_context(cannot)?;
        Ok(Removed::Done)
    }

    /// True if the folder has the name of its stream.
    fn holds(&self, run: &RunFolder) -> bool {
        let named = rustix::fs::statat(&self.runs, run.stream(), AtFlags::SYMLINK_NOFOLLOW);
        let ours = rustix::fs::fstat(&run.folder);
        matches!((named, ours), (Ok(named), Ok(ours)) if named.st_ino == ours.st_ino)
    }

    /// Removes what starters and removers left that were killed.
    pub fn remove_leftovers(&self, now: Time) -> Result<()> {
        let unreadable = || format!("cannot read {}", self.runs_path().display());
        for entry in Dir::read_from(&self.runs).with_context(unreadable)? {
            let entry = entry.with_context(unreadable)?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            let is_ours = name.strip_prefix('.').is_some_and(|name| {
                name.starts_with(|c: char| c.is_ascii_digit())
                    && (name.ends_with(".new") || name.ends_with(".gone"))
            });
            if is_ours && let Err(e) = self.remove_leftover(name, now) {
                warn(format_args!("{name} cannot be removed: {e:#}"));
            }
        }
        Ok(())
    }

    fn remove_leftover(&self, name: &str, now: Time) -> Result<()> {
        let path = self.runs_path().join(name);
        let Some(run) = if_any(RunFolder::open(self, name, name))? else { return Ok(()) };
        if now.since(run.changed()?) < LEFT_OVER {
            return Ok(());
        }
        let _lock = match if_any(run.lock())? {
            Some(None) => return Ok(()),
            // Of a removal the lock may be gone already.
            lock => lock.flatten(),
        };
        Ok(std::fs::remove_dir_all(path)?)
    }
}

/// A run as it is listed; `changed` is asked if no event has a time.
fn stored(
    stream: &str,
    life: RunLife,
    info: RunInfo,
    summary: Summary,
    changed: impl FnOnce() -> Result<Time>,
) -> Result<StoredRun> {
    let summary = Summary { files: Vec::new(), ..summary };
    let ended = Time::parse(&summary.ts).map_or_else(changed, Ok)?;
    Ok(StoredRun { stream: stream.to_owned(), life, info, summary, ended })
}

impl RunFolder {
    /// Last change of the folder.
    fn changed(&self) -> Result<Time> {
        Ok(modified(&self.folder.metadata()?).unwrap_or_default())
    }

    /// Size of its files together, in bytes.
    pub fn size(&self) -> Result<u64> {
        let mut size = 0_u64;
        let unreadable = || format!("cannot read {}", self.path().display());
        for entry in Dir::read_from(&self.folder).with_context(unreadable)? {
            let entry = entry.with_context(unreadable)?;
            let found =
                rustix::fs::statat(&self.folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW);
            if let Ok(found) = found
                && FileType::from_raw_mode(found.st_mode).is_file()
            {
                size = size.saturating_add(u64::try_from(found.st_size).unwrap_or_default());
            }
        }
        Ok(size)
    }
}
