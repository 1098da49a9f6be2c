//! Reading of several runs, without output and signals: the past by time, then lines as they come.

use std::collections::HashSet;
use std::os::fd::BorrowedFd;

use anyhow::Result;

use super::reader::{Lines, RunReader};
use super::watch::{self, Watch, WatchId};
use super::{Plan, Until, candidate};
use crate::exit::Exit;
use crate::outcome::Outcome;
use crate::run::state::{RunFolder, StateFolder};
use crate::runs::cursor::Batch;
use crate::runs::follow::StartAt;
use crate::runs::past::{Past, Step};
use crate::runs::select::Selection;
use crate::time::Time;

/// Output of a step of the past, in bytes.
const STEP: usize = 64 << 10;

pub(super) struct Engine {
    readers: Vec<RunReader>,
    /// Merge of the pasts, until they are read.
    past: Option<Past>,
    watch: Watch,
    /// True if the runs are read beyond their pasts.
    follows: bool,
    later: Option<Later>,
    /// Ends of the turns of all runs that count.
    outcome: Outcome,
    /// True if any run counts.
    counts: bool,
    /// Reader whose turn it is.
    turn: usize,
    buffer: Vec<u8>,
}

/// Runs that are started later.
struct Later {
    state: StateFolder,
    selection: Selection,
    known: HashSet<String>,
    watch: Option<WatchId>,
    look_at: Time,
}

impl Engine {
    pub(super) fn new(plan: Plan, watch: Watch, now: Time) -> Result<Self> {
        let Plan { runs, start, until } = plan;
        let started: Vec<Time> = runs.iter().map(RunFolder::started).collect();
        let readers = runs.into_iter().map(|run| RunReader::open(run, start, &watch, now));
        let readers: Vec<RunReader> = readers.collect::<Result<_>>()?;
        let follows = !matches!(until, Until::Now);
        let later = match until {
            Until::Later(state, selection, known) => Some(Later {
                watch: watch.add(state.runs()),
                state,
                selection,
                known: known.into_iter().collect(),
                look_at: now,
            }),
            Until::Now | Until::End => None,
        };
        let merges = start == StartAt::Start && readers.len() > 1;
        let past = merges.then(|| Past::new(started.into_iter()));
        let counts = follows || readers.iter().any(RunReader::is_complete);
        let (outcome, buffer) = (Outcome::default(), Vec::new());
        let mut engine =
            Self { readers, past, watch, follows, later, outcome, counts, turn: 0, buffer };
        if engine.past.is_none() {
            engine.end_past();
        }
        Ok(engine)
    }

    pub(super) fn watch_fd(&self) -> Option<BorrowedFd<'_>> {
        self.watch.fd()
    }

    /// Takes the changes of [`Engine::watch_fd`].
    pub(super) fn on_change(&mut self) {
        for change in self.watch.changes() {
            let is_meant = |watch: Option<WatchId>| change.is_none() || change == watch;
            let readers = self.readers.iter_mut().filter(|reader| is_meant(reader.watch()));
            readers.for_each(RunReader::on_change);
            if let Some(later) = self.later.as_mut().filter(|later| is_meant(later.watch)) {
                later.look_at = Time::EPOCH;
            }
        }
    }

    /// True if nothing is left to read and nothing will be.
    pub(super) fn is_over(&self) -> bool {
        self.readers.is_empty() && self.later.is_none()
    }

    /// Time of the next [`Engine::step`]; in the past if there is something to read.
    pub(super) fn deadline(&self) -> Option<Time> {
        if self.past.is_some() || self.readers.iter().any(RunReader::is_ready) {
            return Some(Time::EPOCH);
        }
        let looks = self.readers.iter().filter_map(RunReader::look_at);
        looks.chain(self.later.as_ref().map(|later| later.look_at)).min()
    }

    /// Exit status by the ends of the turns, if all has been read.
    pub(super) fn exit(&self) -> Exit {
        if self.counts { self.outcome.exit() } else { Exit::Success }
    }

    /// Appends some lines to `out`, if there are any.
    pub(super) fn step(&mut self, now: Time, out: &mut Vec<u8>) -> Result<()> {
        if self.past.is_some() {
            return self.step_past(now, out);
        }
        self.readers.iter_mut().try_for_each(|reader| reader.look(now))?;
        self.look_for_later(now)?;
        // One read of one run at a time: none starves the others.
        let count = self.readers.len();
        let order = (self.turn..count).chain(0..self.turn.min(count));
        if let Some(n) = { order }.find(|n| self.readers[*n].is_ready()) {
            self.turn = n + 1;
            self.read(n, now, out)?;
        }
        self.drop_done();
        Ok(())
    }

    fn read(&mut self, n: usize, now: Time, out: &mut Vec<u8>) -> Result<()> {
        let reader = &mut self.readers[n];
        let is_counted = self.follows || reader.is_complete();
        match reader.read(&mut self.buffer)? {
            Lines::Some(offset, length) => {
                let lines = Batch { offset, bytes: &self.buffer[..length] };
                let outcome = is_counted.then_some(&mut self.outcome);
                reader.take(now, lines, outcome, out);
                // One huge line must not keep its memory for good.
                self.buffer.truncate(STEP);
                self.buffer.shrink_to(1 << 20);
            }
            Lines::None => {
                reader.caught_up(now, out);
                if !self.follows {
                    reader.finish();
                }
            }
            Lines::End => {}
        }
        Ok(())
    }

    fn step_past(&mut self, now: Time, out: &mut Vec<u8>) -> Result<()> {
        let Some(past) = &mut self.past else { return Ok(()) };
        let end = out.len() + STEP;
        while out.len() < end {
            match past.step() {
                Some(Step::Line(n, bytes)) => {
                    let reader = &mut self.readers[n];
                    let is_counted = self.follows || reader.is_complete();
                    let outcome = is_counted.then_some(&mut self.outcome);
                    reader.take(now, Batch { offset: 0, bytes }, outcome, out);
                }
                Some(Step::Need(n)) => match self.readers[n].read(&mut self.buffer)? {
                    Lines::Some(_, length) => past.feed(n, &self.buffer[..length]),
                    Lines::None | Lines::End => past.end(n),
                },
                None => {
                    self.past = None;
                    if !self.follows {
                        self.readers.clear();
                    }
                    self.end_past();
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Goes on with the lines that come.
    fn end_past(&mut self) {
        if self.follows {
            self.readers.iter_mut().for_each(RunReader::lift_limit);
        }
        self.drop_done();
    }

    fn drop_done(&mut self) {
        let watch = &self.watch;
        self.readers.retain(|reader| {
            if reader.is_done() {
                watch.remove(reader.watch());
            }
            !reader.is_done()
        });
    }

    /// Looks for runs that were started since the last look.
    fn look_for_later(&mut self, now: Time) -> Result<()> {
        let Some(later) = self.later.as_mut().filter(|later| later.look_at <= now) else {
            return Ok(());
        };
        later.look_at = now + watch::interval(later.watch);
        for stream in later.state.streams()? {
            if later.known.contains(&stream) {
                continue;
            }
            if let Some((run, about)) = candidate(&later.state, &stream)
                && later.selection.admits(&about)
            {
                match RunReader::open(run, StartAt::Start, &self.watch, now) {
                    Err(e) => later.state.leave_out(&stream, format_args!("{e:#}")),
                    Ok(mut reader) => {
                        reader.lift_limit();
                        self.readers.push(reader);
                    }
                }
            }
            later.known.insert(stream);
        }
        Ok(())
    }
}
