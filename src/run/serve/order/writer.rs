//! Writer of the index: it follows the event files of all runs, and gives each complete line its number.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result, anyhow};
use rustix::fs::AtFlags;

use super::recover::{Recovered, recover};
use super::{Chunk, Look, Order, Seen, key_of, place};
use crate::run::attach::watch::{Watch as Inotify, WatchId};
use crate::run::serve::locked;
use crate::run::state::{RunFolder, RunLock, StateFolder, read_at};
use crate::runs::cursor::Cursor;
use crate::serve::index::{Close, IndexHead, Position, Record, RunKey};
use crate::serve::sse;

/// Bytes of events that get their numbers at once.
const MOST: usize = 1 << 20;

/// Stamp of a folder that does not change any more: inode and time of the last change.
type Stamp = (u64, i64, u64);

#[derive(Debug)]
pub(super) struct Writer {
    _lock: RunLock,
    file: File,
    head: IndexHead,
    count: u64,
    /// End of the last event of each run that has a number.
    ends: HashMap<RunKey, u64>,
    runs: HashMap<String, Followed>,
    /// Runs whose events all have their numbers.
    done: HashMap<String, Stamp>,
    inotify: Inotify,
}

/// Run that may grow.
#[derive(Debug)]
struct Followed {
    key: RunKey,
    folder: RunFolder,
    file: File,
    cursor: Cursor,
    watch: Option<WatchId>,
    is_changed: bool,
}

/// Events that get their numbers together.
#[derive(Debug, Default)]
struct Batch {
    records: Vec<u8>,
    frames: Vec<u8>,
    starts: Vec<usize>,
    /// Places of the runs behind these events.
    cursors: Vec<(String, Cursor)>,
}

impl Writer {
    /// Opens the index to write it; `None` if another process does.
    pub(super) fn open(state: &StateFolder) -> Result<Option<Self>> {
        let Some(lock) = state.lock_index()? else { return Ok(None) };
        let Recovered { file, head, count, ends } = recover(state)?;
        Ok(Some(Self {
            _lock: lock,
            file,
            head,
            count,
            ends,
            runs: HashMap::new(),
            done: HashMap::new(),
            inotify: Inotify::open(),
        }))
    }

    /// The index, to read it.
    pub(super) fn index(&self) -> Result<File> {
        self.file.try_clone().context("cannot open the index")
    }

    /// Descriptor that is readable when a run has changed.
    pub(super) fn changes(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.fd()
    }

    /// Gives numbers to all events that have none.
    pub(super) fn pass(&mut self, order: &Order, look: Look) -> Result<()> {
        let changes = self.inotify.changes();
        let all = look == Look::All || changes.contains(&None);
        for run in self.runs.values_mut() {
            run.is_changed |= all || run.watch.is_none() || changes.contains(&run.watch);
        }
        if look != Look::Changes {
            self.find(&order.state)?;
        }
        if all {
            self.settle();
        }
        loop {
            let batch = self.read();
            if batch.starts.is_empty() || order.is_ending() {
                return Ok(());
            }
            self.write(order, batch)?;
        }
    }

    /// Finds runs that are new, in the order of their start.
    fn find(&mut self, state: &StateFolder) -> Result<()> {
        let mut new = Vec::new();
        for stream in state.streams()? {
            if self.runs.contains_key(&stream) {
                continue;
            }
            if let Some(known) = self.done.get(&stream)
                && let Ok(found) =
                    rustix::fs::statat(state.runs(), &stream, AtFlags::SYMLINK_NOFOLLOW)
                && stamp(&found) == *known
            {
                continue;
            }
            new.extend(state.look(&stream, |folder| {
                let (key, info) = key_of(&folder)?;
                let file = folder.events()?;
                Ok((info.started, stream.clone(), key, folder, file))
            })?);
        }
        new.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        for (_, stream, key, folder, file) in new {
            let cursor = Cursor::at(self.ends.get(&key).copied().unwrap_or_default());
            let watch = self.inotify.add(&folder);
            self.done.remove(&stream);
            let run = Followed { key, folder, file, cursor, watch, is_changed: true };
            self.runs.insert(stream, run);
        }
        Ok(())
    }

    /// Closes runs whose wrap has died, and forgets those that are over and have all their numbers.
    fn settle(&mut self) {
        let Self { runs, done, inotify, .. } = self;
        runs.retain(|stream, run| {
            // A file that cannot be written stays as it is.
            let is_over = run.folder.settle().is_ok_and(|over| over.is_some());
            let length = run.file.metadata().map_or(0, |file| file.len());
            let is_done = is_over && run.cursor.place() == length;
            if is_done {
                inotify.remove(run.watch);
                // Of a run that was removed there is none, and a new one of its name is found.
                let found = rustix::fs::fstat(&run.folder).ok();
                done.extend(found.map(|found| (stream.clone(), stamp(&found))));
            }
            !is_done
        });
    }

    /// Reads events that have no number yet. A run that cannot be read holds up no other.
    fn read(&mut self) -> Batch {
        let mut batch = Batch::default();
        let (epoch, count) = (self.head.epoch, self.count);
        for (stream, run) in self.runs.iter_mut().filter(|(_, run)| run.is_changed) {
            let before = run.cursor;
            let mut cursor = before;
            if let Err(e) = run.read(&mut cursor, &mut batch, Position { epoch, number: count }) {
                run.folder.leave_out(format_args!("{e:#}"));
                run.is_changed = false;
            }
            if cursor != before {
                batch.cursors.push((stream.clone(), cursor));
            }
        }
        batch
    }

    /// Writes the records, and then shows the events.
    fn write(&mut self, order: &Order, batch: Batch) -> Result<()> {
        let written = self.file.write_all_at(&batch.records, place(self.count));
        written.context("cannot write the index")?;
        for (stream, cursor) in batch.cursors {
            if let Some(run) = self.runs.get_mut(&stream) {
                run.cursor = cursor;
                self.ends.insert(run.key, cursor.place());
            }
        }
        let first = self.count + 1;
        self.count += batch.starts.len() as u64;
        let chunk = Chunk { first, frames: batch.frames.into(), starts: batch.starts };
        locked(&order.tail).push(chunk);
        order.publish(Seen { epoch: self.head.epoch, count: self.count });
        Ok(())
    }

    /// Closes the index, so that its order goes on after the system was started anew.
    pub(super) fn close(self, state: &StateFolder) -> Result<()> {
        state.sync()?;
        let head = IndexHead { close: Close::Clean, ..self.head };
        self.file.write_all_at(&head.bytes(), 0)?;
        self.file.sync_data()?;
        Ok(())
    }
}

impl Followed {
    /// Appends complete lines to the batch until it is full; `last` is the event before those of the batch.
    fn read(&mut self, cursor: &mut Cursor, batch: &mut Batch, last: Position) -> Result<()> {
        while batch.frames.len() < MOST {
            let mut bytes = vec![0; cursor.want()];
            let count = read_at(&self.file, &mut bytes, cursor.place());
            let count = count.context("cannot read its events")?;
            let is_end = count < bytes.len();
            let lines = cursor.take(&bytes[..count]);
            let lines = lines.map_err(|e| anyhow!("the line at {} is too long", e.0))?;
            for (offset, line) in lines.lines() {
                let length = u32::try_from(line.len())?;
                batch.records.extend(Record { run: self.key, offset, length }.bytes());
                batch.starts.push(batch.frames.len());
                let number = last.number + batch.starts.len() as u64;
                sse::event(&mut batch.frames, Position { number, ..last }, line);
            }
            if is_end {
                self.is_changed = false;
                break;
            }
        }
        Ok(())
    }
}

fn stamp(found: &rustix::fs::Stat) -> Stamp {
    (found.st_ino, found.st_mtime, found.st_mtime_nsec)
}
