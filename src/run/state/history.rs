//! History files of the state directory: lines are appended under a lock; a full file is renamed, and a few old ones stay. A
//! reader takes no lock.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt};

use anyhow::{Context, Result, anyhow, bail};
use rustix::fs::{AtFlags, OFlags};

use super::{RunLock, StateFolder, if_any, open_file, read_at};
use crate::runs::cursor::{Batch, Cursor, LineTooLong};
use crate::runs::history::{Operation, has_ended};
use crate::text::number;

const CURRENT: &str = "history.ndjson";
const LOCK: &str = "history.lock";

/// Size at which a file is renamed and a new one begins, in bytes.
const MAX_SIZE: u64 = 8 << 20;

/// Number of old files that stay.
const MAX_OLD: usize = 8;

/// Bytes at the end in which the `end` of a run is looked for.
const TAIL: u64 = 1 << 20;

/// Number of attempts to lock, of 100 ms each: a writer holds the lock for a moment.
const TRIES: usize = 50;

/// Lines of all history files, oldest first, and then those that are appended.
#[derive(Debug)]
pub struct HistoryReader {
    state: StateFolder,
    /// Files from the one that is read on.
    files: VecDeque<HistoryFile>,
    cursor: Cursor,
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct HistoryFile {
    name: String,
    file: File,
    inode: u64,
}

impl StateFolder {
    /// Appends an operation to the history.
    pub fn record(&self, operation: &Operation) -> Result<()> {
        let _lock = self.lock_history()?;
        self.append_history(operation, MAX_SIZE)
    }

    /// Appends the `end` of a run unless the history holds one already.
    pub fn record_end_once(&self, end: &Operation) -> Result<()> {
        let _lock = self.lock_history()?;
        match &end.run {
            Some(run) if self.has_recent_end(run)? => Ok(()),
            _ => self.append_history(end, MAX_SIZE),
        }
    }

    /// A reader at the start of the oldest file.
    pub fn history(&self) -> HistoryReader {
        let (files, cursor) = (VecDeque::new(), Cursor::at(0));
        HistoryReader { state: self.clone(), files, cursor, bytes: Vec::new() }
    }

    /// A reader of what is appended from now on.
    pub fn history_from_now(&self) -> Result<HistoryReader> {
        let mut reader = self.history();
        if let Some(last) = self.history_files()?.pop_back() {
            reader.cursor = Cursor::at(last.file.metadata()?.len());
            reader.files.push_back(last);
        }
        Ok(reader)
    }

    fn lock_history(&self) -> Result<RunLock> {
        let file = self.history_file(LOCK, OFlags::RDWR | OFlags::CREATE)?;
        for _ in 0..TRIES {
            if let Some(lock) = RunLock::take(file.try_clone()?)? {
                return Ok(lock);
            }
        }
        bail!("{} is locked by another process", self.path.join(LOCK).display())
    }

    /// Appends a line, in a new file if the last one is full. Only under the lock.
    fn append_history(&self, operation: &Operation, max: u64) -> Result<()> {
        let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE;
        let cannot = || format!("cannot write {}", self.path.join(CURRENT).display());
        let line = operation.line();
        let mut file = self.history_file(CURRENT, flags)?;
        let mut length = end_line(&file).with_context(cannot)?;
        if length > 0 && length + line.len() as u64 > max {
            self.rotate_history().with_context(cannot)?;
            file = self.history_file(CURRENT, flags)?;
            length = 0;
        }
        file.write_all(line.as_bytes()).with_context(|| {
            // The beginning of a line would be of no use.
            let _ = file.set_len(length);
            cannot()
        })
    }

    fn rotate_history(&self) -> Result<()> {
        let old = self.old_history()?;
        let next = old_name(old.last().map_or(1, |last| last + 1));
        rustix::fs::renameat(&self.folder, CURRENT, &self.folder, next)?;
        for number in old.iter().take((old.len() + 1).saturating_sub(MAX_OLD)) {
            rustix::fs::unlinkat(&self.folder, old_name(*number), AtFlags::empty())?;
        }
        Ok(())
    }

    /// Numbers of the old files, oldest first.
    fn old_history(&self) -> Result<Vec<u64>> {
        let unreadable = || format!("cannot read {}", self.path.display());
        let mut numbers = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.folder).with_context(unreadable)? {
            let entry = entry.with_context(unreadable)?;
            numbers.extend(entry.file_name().to_str().ok().and_then(old_number));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// All files, oldest first. The current one is opened first: if it is renamed meanwhile, it stands among the old ones and
    /// is the last of the list.
    fn history_files(&self) -> Result<VecDeque<HistoryFile>> {
        let current = self.history_file_if_any(CURRENT.into())?;
        let mut files = VecDeque::new();
        for number in self.old_history()? {
            let Some(file) = self.history_file_if_any(old_name(number))? else { continue };
            if current.as_ref().is_some_and(|current| current.inode == file.inode) {
                break;
            }
            files.push_back(file);
        }
        files.extend(current);
        Ok(files)
    }

    fn history_file_if_any(&self, name: String) -> Result<Option<HistoryFile>> {
        let Some(file) = if_any(self.history_file(&name, OFlags::RDONLY))? else { return Ok(None) };
        let inode = file.metadata()?.ino();
        Ok(Some(HistoryFile { name, file, inode }))
    }

    fn history_file(&self, name: &str, flags: OFlags) -> Result<File> {
        open_file(&self.folder, name, flags)
            .with_context(|| format!("cannot open {}", self.path.join(name).display()))
    }

    /// True if the last [`TAIL`] bytes hold an `end` of the run. A `start` after it begins another run of that name.
    fn has_recent_end(&self, run: &str) -> Result<bool> {
        let mut tail = Vec::new();
        for file in self.history_files()?.into_iter().rev() {
            let length = file.file.metadata()?.len();
            let from = length.saturating_sub(TAIL - tail.len() as u64);
            let mut part = vec![0; usize::try_from(length - from)?];
            file.file
                .read_exact_at(&mut part, from)
                .with_context(|| format!("cannot read {}", self.path.join(&file.name).display()))?;
            part.append(&mut tail);
            tail = part;
            if tail.len() as u64 >= TAIL {
                break;
            }
        }
        Ok(has_ended(&tail, run))
    }
}

impl HistoryReader {
    /// Next complete lines, with the name of their file; `None` if there are none now. After a rotation it goes on with the
    /// next file, found by the inode of the last one.
    pub fn read(&mut self) -> Result<Option<(&str, Batch<'_>)>> {
        let (start, end) = loop {
            let Some(file) = self.files.front() else {
                self.files = self.state.history_files()?;
                if self.files.is_empty() {
                    return Ok(None);
                }
                continue;
            };
            let (start, want) = (self.cursor.place(), self.cursor.want());
            self.bytes.resize(want, 0);
            let count = read_at(&file.file, &mut self.bytes, start)
                .with_context(|| self.cannot_read(&file.name))?;
            let batch = self.cursor.take(&self.bytes[..count]).map_err(|LineTooLong(at)| {
                anyhow!("the line at {at} is too long").context(self.cannot_read(&file.name))
            })?;
            if !batch.bytes.is_empty() {
                break (start, batch.bytes.len());
            }
            if count == want {
                continue;
            }
            if self.files.len() == 1 {
                let (inode, mut files) = (file.inode, self.state.history_files()?);
                let ours = files.iter().position(|file| file.inode == inode);
                files.drain(..ours.map_or(0, |at| at + 1));
                if files.is_empty() {
                    return Ok(None);
                }
                // A file that has a successor does not grow any more: its rest is read, then it is left.
                self.files.append(&mut files);
            } else {
                self.files.pop_front();
                self.cursor = Cursor::at(0);
            }
        };
        let name = self.files.front().map_or(CURRENT, |file| file.name.as_str());
        Ok(Some((name, Batch { offset: start, bytes: &self.bytes[..end] })))
    }

    fn cannot_read(&self, name: &str) -> String {
        format!("cannot read {}", self.state.path.join(name).display())
    }
}

/// Length of a file of whole lines. If a writer was killed within a line, it gets its line feed.
fn end_line(mut file: &File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let mut last = *b"\n";
    if length > 0 {
        file.read_exact_at(&mut last, length - 1)?;
    }
    if last == *b"\n" {
        return Ok(length);
    }
    file.write_all(b"\n")?;
    Ok(length + 1)
}

fn old_name(number: u64) -> String {
    format!("history.{number}.ndjson")
}

/// Number in the name of an old file.
fn old_number(name: &str) -> Option<u64> {
    number(name.strip_prefix("history.")?.strip_suffix(".ndjson")?)
}
