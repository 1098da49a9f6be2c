//! Reader of one run's event file, to the end of the run.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use super::watch::{self, Watch, WatchId};
use crate::outcome::Outcome;
use crate::run::state::{RunFolder, read_at};
use crate::runs::cursor::{Batch, Cursor};
use crate::runs::follow::{Follow, StartAt};
use crate::time::Time;

/// Interval of looks at the lock of a run whose end is reported: its guardian still clears.
const ENDING: Duration = Duration::from_millis(20);

/// Longest wait for the guardian. The file is complete with the report of the end.
const MAX_ENDING: Duration = Duration::from_secs(2);

/// Length from which a line that is not complete is not read again with each change, in bytes.
const LONG: u64 = 1 << 20;

/// Reader of a run. It keeps nothing behind the last complete line.
#[derive(Debug)]
pub(super) struct RunReader {
    run: RunFolder,
    file: File,
    cursor: Cursor,
    follow: Follow,
    watch: Option<WatchId>,
    phase: Phase,
    /// End of what is read, in bytes; `None` for that of the file.
    limit: Option<u64>,
    /// Length of the line that was not complete at the last read.
    torn: u64,
    /// True if there may be something to read.
    ready: bool,
    /// Time of the next look at the lock.
    look_at: Time,
    /// Time at which the end was reported.
    ended: Option<Time>,
    /// Events that close a file that cannot be written.
    tail: Vec<u8>,
}

/// State of the event file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Growing,
    /// Nothing is written any more.
    Complete,
    /// Read to its end, or to the limit.
    Done,
}

/// Result of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    /// Complete lines from this offset of the file on, in so many bytes of the buffer.
    Some(u64, usize),
    /// No further complete line for now, or up to the limit.
    None,
    /// No further line at all.
    End,
}

impl RunReader {
    /// Opens the event file of a run, and closes it if the run is over and it is not closed.
    pub(super) fn open(run: RunFolder, start: StartAt, watch: &Watch, now: Time) -> Result<Self> {
        let over = run.settle()?;
        let file = run.events()?;
        // Watched before its length is taken: no change falls between the two.
        let watched = if over.is_none() { watch.add(&file) } else { None };
        let length = file.metadata().context("cannot read the event file")?.len();
        Ok(Self {
            follow: Follow::new(start, length),
            run,
            file,
            cursor: Cursor::at(0),
            look_at: now + watch::interval(watched),
            watch: watched,
            phase: if over.is_some() { Phase::Complete } else { Phase::Growing },
            limit: over.is_none().then_some(length),
            torn: 0,
            ready: true,
            ended: None,
            tail: over.map(|over| over.tail).unwrap_or_default(),
        })
    }

    pub(super) fn watch(&self) -> Option<WatchId> {
        self.watch
    }

    /// True if the run had ended when its reader was opened, or has ended since.
    pub(super) fn is_complete(&self) -> bool {
        self.phase != Phase::Growing
    }

    pub(super) fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    pub(super) fn is_ready(&self) -> bool {
        self.ready
    }

    /// Reads beyond the length that the file had at the start.
    pub(super) fn lift_limit(&mut self) {
        self.limit = None;
        self.ready = true;
    }

    /// Notes that the file has changed.
    pub(super) fn on_change(&mut self) {
        self.ready = true;
    }

    /// Time of the next look at the lock; `None` if none is needed.
    pub(super) fn look_at(&self) -> Option<Time> {
        let growing = self.phase == Phase::Growing && self.limit.is_none();
        growing.then_some(self.look_at)
    }

    /// Looks whether the run is over, if that is due.
    pub(super) fn look(&mut self, now: Time) -> Result<()> {
        if self.look_at().is_none_or(|at| at > now) {
            return Ok(());
        }
        let over = self.run.settle()?;
        let abandoned = self.ended.is_some_and(|at| now >= at + MAX_ENDING);
        if over.is_some() || abandoned {
            self.phase = Phase::Complete;
            self.tail = over.map(|over| over.tail).unwrap_or_default();
        }
        let interval = watch::interval(self.watch);
        self.look_at = now + self.ended.map_or(interval, |_| ENDING);
        self.torn = 0;
        self.ready = true;
        Ok(())
    }

    /// Reads the next complete lines into `buffer`.
    pub(super) fn read(&mut self, buffer: &mut Vec<u8>) -> Result<Lines> {
        let place = self.cursor.place();
        loop {
            let left = self.limit.map_or(u64::MAX, |limit| limit.saturating_sub(place));
            let most = self.cursor.want().min(usize::try_from(left).unwrap_or(usize::MAX));
            let count = if self.is_still_torn()? { 0 } else { self.read_at(buffer, most)? };
            let bytes = &buffer[..count];
            let lines = self.cursor.take(bytes).map_err(|at| {
                anyhow!("{}: the line at byte {} is too long to be read", self.run.stream(), at.0)
            })?;
            let length = lines.bytes.len();
            if length > 0 {
                self.torn = 0;
                return Ok(Lines::Some(place, length));
            }
            if count < most || most as u64 == left {
                self.torn = self.torn.max(count as u64);
                break;
            }
        }
        Ok(if self.phase == Phase::Complete { self.read_tail(buffer) } else { self.stop() })
    }

    /// Takes lines that were read, and appends those that are shown to `out`. The ends of turns are added to `outcome`, if
    /// there is one.
    pub(super) fn take(
        &mut self,
        now: Time,
        lines: Batch<'_>,
        outcome: Option<&mut Outcome>,
        out: &mut Vec<u8>,
    ) {
        let mut ignored = Outcome::default();
        self.follow.take(now, lines, outcome.unwrap_or(&mut ignored), out);
        if self.ended.is_none() && self.follow.is_over() {
            self.ended = Some(now);
            self.look_at = now;
        }
    }

    /// Notes that all lines were taken that are there at the moment.
    pub(super) fn caught_up(&mut self, now: Time, out: &mut Vec<u8>) {
        self.follow.caught_up(now, out);
    }

    /// Ends the reading at its limit.
    pub(super) fn finish(&mut self) {
        self.phase = Phase::Done;
        self.ready = false;
    }

    fn stop(&mut self) -> Lines {
        self.ready = false;
        Lines::None
    }

    /// Gives out what closes a file that cannot be written, as if it stood in the file.
    fn read_tail(&mut self, buffer: &mut Vec<u8>) -> Lines {
        if self.tail.is_empty() {
            self.finish();
            return Lines::End;
        }
        *buffer = std::mem::take(&mut self.tail);
        Lines::Some(self.cursor.place(), buffer.len())
    }

    /// True if a long line that was not complete at the last read still is not: its beginning is not read again then.
    fn is_still_torn(&self) -> Result<bool> {
        if self.torn < LONG || self.phase != Phase::Growing {
            return Ok(false);
        }
        let mut last = [0];
        let length = self.file.metadata().context("cannot read the event file")?.len();
        let count = self.file.read_at(&mut last, length.saturating_sub(1));
        Ok(count.is_ok_and(|count| count == 1 && last != *b"\n"))
    }

    fn read_at(&self, buffer: &mut Vec<u8>, most: usize) -> Result<usize> {
        buffer.resize(most, 0);
        read_at(&self.file, buffer, self.cursor.place())
            .with_context(|| format!("cannot read {}", self.run.path().display()))
    }
}
