//! Loop of `attach`: event files of background runs and one output. A reader never holds up a run; a slow reader of stdout
//! holds up this process alone.

mod engine;
mod reader;
#[cfg(test)]
mod tests;
pub(super) mod watch;

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::clock::Clock;
use super::control::FOLLOWER;
use super::output::{Output, StdoutEnd, warn};
use super::polling::{self, GONE};
use super::signal::{ENDS, OnRepeat, Signals};
use super::state::{RunFolder, RunLife, StateFolder, StoredRun};
use crate::exit::Exit;
use crate::runs::follow::StartAt;
use crate::runs::info::RunInfo;
use crate::runs::select::{Candidate, Selection};

use engine::Engine;
use watch::Watch;

/// Output that may wait for a slow reader before the files are left unread, in bytes.
const MAX_PENDING: usize = 256 << 10;

/// Runs to read, and how.
#[derive(Debug)]
pub struct Plan {
    /// Folders of the runs, in the order of their start.
    pub runs: Vec<RunFolder>,
    pub start: StartAt,
    pub until: Until,
}

/// End of the reading.
#[derive(Debug)]
pub enum Until {
    /// Length of the files at the start.
    Now,
    /// End of the runs.
    End,
    /// No end: runs that are started later and belong to the selection are read, too. The names are those of all runs that
    /// were there when the runs were selected.
    Later(StateFolder, Selection, Vec<String>),
}

/// All runs of a state directory. One that cannot be read is reported and left out.
pub fn candidates(state: &StateFolder) -> Result<Vec<Candidate>> {
    let candidate = |StoredRun { stream, life, info, .. }| Candidate {
        stream,
        label: info.label,
        started: info.started,
        alive: life == RunLife::Alive,
    };
    Ok(state.list()?.into_iter().map(candidate).collect())
}

/// A run with its folder; `None` if it cannot be read, or was removed meanwhile.
fn candidate(state: &StateFolder, stream: &str) -> Option<(RunFolder, Candidate)> {
    let look = || {
        let Some(run) = state.run(stream)? else { return Ok(None) };
        let RunInfo { label, started, .. } = run.info().unwrap_or_default();
        let alive = run.life()? == RunLife::Alive;
        Ok(Some((run, Candidate { stream: stream.to_owned(), label, started, alive })))
    };
    look().unwrap_or_else(|e: anyhow::Error| {
        warn(format_args!("{stream}: {e:#}"));
        None
    })
}

/// Writes the lines of the runs to stdout.
pub fn attach(plan: Plan) -> Result<Exit> {
    // Each run takes a few descriptors.
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    if !matches!(plan.until, Until::Now) {
        // A filter downstream recognises a follower by this name: see `control::lineage`.
        let _ = std::fs::write("/proc/self/comm", FOLLOWER);
    }
    let signals = Signals::catch(&ENDS, OnRepeat::Default).context("cannot catch signals")?;
    let clock = Clock::start();
    let engine = Engine::new(plan, Watch::open(), clock.now())?;
    let stdout = StdoutEnd::default();
    let output = Output::open();
    Attach { engine, output, lines: Vec::new(), signals, clock, stdout, signal: None }.run()
}

struct Attach {
    engine: Engine,
    output: Output,
    /// Lines that the output has not taken.
    lines: Vec<u8>,
    signals: Signals,
    clock: Clock,
    stdout: StdoutEnd,
    signal: Option<i32>,
}

impl Attach {
    fn run(mut self) -> Result<Exit> {
        loop {
            if !self.is_held_back() {
                self.engine.step(self.clock.now(), &mut self.lines)?;
            }
            if self.output.pending() == 0 {
                self.write();
            }
            let written = self.lines.is_empty() && self.output.pending() == 0;
            if self.stdout.reader_gone || self.signal.is_some() || written && self.engine.is_over()
            {
                return Ok(self.stdout.exit(self.signal, self.engine.exit()));
            }
            self.wait()?;
        }
    }

    fn is_held_back(&self) -> bool {
        self.lines.len() + self.output.pending() > MAX_PENDING
    }

    /// Waits for a signal, the reader of stdout, a change of a file, or the next look at a lock.
    fn wait(&mut self) -> Result<()> {
        let is_idle = self.is_held_back() || self.engine.is_over();
        let deadline = self.engine.deadline().filter(|_| !is_idle);
        let timeout = deadline.map(|at| at.since(self.clock.now()));
        let mut fds =
            vec![PollFd::from_borrowed_fd(self.signals.fd(), PollFlags::IN), self.output.poll_fd()];
        if let Some(watch) = self.engine.watch_fd().filter(|_| !is_idle) {
            fds.push(PollFd::from_borrowed_fd(watch, PollFlags::IN));
        }
        polling::wait(&mut fds, timeout).context("cannot wait for the runs")?;
        self.clock.follow();
        let events: Vec<PollFlags> = fds.iter().map(PollFd::revents).collect();
        drop(fds);
        if events.first().is_some_and(|events| !events.is_empty()) {
            self.signal = self.signals.take().first().copied();
        }
        let stdout = events.get(1).copied().unwrap_or(PollFlags::empty());
        self.stdout.reader_gone |= stdout.intersects(GONE);
        if stdout.contains(PollFlags::OUT) && !self.stdout.reader_gone {
            self.write();
        }
        if events.get(2).is_some_and(|events| !events.is_empty()) {
            self.engine.on_change();
        }
        Ok(())
    }

    fn write(&mut self) {
        if let Err(e) = self.output.send(&mut self.lines) {
            self.stdout.fail(&e);
        }
    }
}
