//! Folder of one run: its files, and its lock. It is opened once, so that a run that is renamed away meanwhile stays readable.

use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use memchr::memrchr;
use rustix::buffer::spare_capacity;
use rustix::fs::OFlags;
use rustix::io::Errno;
use serde::de::DeserializeOwned;

use super::lock::{RunLock, is_free};
use super::{StateFolder, if_any, open_file, open_folder};
use crate::codec::{self, to_json};
use crate::event::Event;
use crate::runs::info::{RunInfo, Summary};
use crate::time::Time;

pub(super) const LOCK: &str = "lock";
pub(super) const INFO: &str = "run.json";
pub(super) const EVENTS: &str = "events.ndjson";
const MESSAGES: &str = "stderr.log";
pub(super) const SUMMARY: &str = "summary.json";
const NEW_SUMMARY: &str = ".summary.json.new";

/// Longest `run.json` or `summary.json` that is read, in bytes.
const MAX_JSON: usize = 16 << 20;

/// Usual length of them, at most.
const SMALL: usize = 4 << 10;

/// Longest event that wrap itself writes about the run, in bytes.
const MAX_OWN: usize = 8 << 10;

/// Bytes of wrap's own messages that are read.
const MAX_MESSAGES: u64 = 64 << 10;

/// Folder of a run.
#[derive(Debug)]
pub struct RunFolder {
    pub(super) state: StateFolder,
    stream: String,
    path: PathBuf,
    pub(super) folder: File,
}

/// Life of the processes of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunLife {
    /// A process of the run holds its lock, or for a moment a closer.
    Alive,
    /// No process of the run lives.
    Over,
}

impl AsFd for RunFolder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }
}

impl RunFolder {
    /// Opens the folder of this name in `runs`, which is or will be that of `stream`. The error of a missing folder is
    /// [`Errno::NOENT`].
    pub(super) fn open(state: &StateFolder, name: &str, stream: &str) -> Result<Self> {
        let path = state.runs_path().join(stream);
        let folder = open_folder(state.runs.as_fd(), Path::new(name), OFlags::NOFOLLOW)
            .with_context(|| format!("cannot open {}", path.display()))?;
        Ok(Self { state: state.clone(), stream: stream.to_owned(), path, folder })
    }

    /// Stream of the run.
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// Path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Path of the open folder, which is short, and right also after the folder was renamed.
    pub(in crate::run) fn open_path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.folder.as_raw_fd()).into()
    }

    /// Looks whether a process of the run lives.
    pub fn life(&self) -> Result<RunLife> {
        let file = self.file(LOCK, OFlags::RDONLY)?;
        Ok(if is_free(&file)? { RunLife::Over } else { RunLife::Alive })
    }

    /// Locks a run of which no process lives; `None` if one does.
    pub(super) fn lock(&self) -> Result<Option<RunLock>> {
        // Some file systems lock for writing only what is open for writing.
        match self.open_file(LOCK, OFlags::RDWR) {
            Err(Errno::ROFS | Errno::ACCESS) => RunLock::take(self.file(LOCK, OFlags::RDONLY)?),
            file => RunLock::take(file.with_context(|| self.cannot("open", LOCK))?),
        }
    }

    /// Makes the lock of a new run, and takes it.
    pub(super) fn create_lock(&self) -> Result<RunLock> {
        let file = self.file(LOCK, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL)?;
        RunLock::take(file)?.with_context(|| self.cannot("lock", LOCK))
    }

    /// Makes the other files of a new run.
    pub(super) fn create(&self, info: &RunInfo) -> Result<()> {
        self.write_json(INFO, &to_json(info))?;
        self.file(EVENTS, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL)?;
        Ok(())
    }

    /// Content of `run.json`; `None` if it is missing or cannot be read, as after a power cut.
    pub fn info(&self) -> Option<RunInfo> {
        self.read_json(INFO)
    }

    /// As [`RunFolder::info`], but an error if it is there and cannot be opened.
    #[cfg(feature = "serve")]
    pub fn info_if_any(&self) -> Result<Option<RunInfo>> {
        let Some(file) = if_any(self.file(INFO, OFlags::RDONLY))? else { return Ok(None) };
        let mut bytes = Vec::new();
        let read = file.take(MAX_JSON as u64).read_to_end(&mut bytes);
        read.with_context(|| self.cannot("read", INFO))?;
        Ok(serde_json::from_slice(&bytes).ok())
    }

    /// Content of `summary.json`; `None` if it is missing or cannot be read: it is made from the events.
    pub fn summary(&self) -> Option<Summary> {
        self.read_json(SUMMARY)
    }

    /// Replaces `summary.json`. Only for the holder of the lock.
    pub fn write_summary(&self, summary: &Summary) -> Result<()> {
        self.write_json(NEW_SUMMARY, &to_json(summary))?;
        rustix::fs::renameat(&self.folder, NEW_SUMMARY, &self.folder, SUMMARY)
            .with_context(|| self.cannot("write", SUMMARY))
    }

    /// The event file, to read it.
    pub fn events(&self) -> Result<File> {
        self.regular(self.file(EVENTS, OFlags::RDONLY)?)
    }

    /// As [`RunFolder::events`]; `None` if there is no event file.
    pub(super) fn events_if_any(&self) -> Result<Option<File>> {
        let file = if_any(self.file(EVENTS, OFlags::RDONLY))?;
        file.map(|file| self.regular(file)).transpose()
    }

    /// An event file, unless it is a pipe or the like.
    fn regular(&self, file: File) -> Result<File> {
        if !file.metadata()?.is_file() {
            bail!("{}: it is no regular file", self.cannot("open", EVENTS));
        }
        Ok(file)
    }

    /// True if the last event of the run has this `kind`, which is one that wrap writes.
    pub(in crate::run) fn ends_with(&self, kind: &str) -> bool {
        let line = self.last_line().unwrap_or_default();
        let is_it = |event: Event<'_>| {
            codec::value_of(event.line, "kind").and_then(codec::text).as_deref() == Some(kind)
        };
        codec::decode(&line).is_ok_and(is_it)
    }

    /// The last complete line of the event file, without its line feed; empty if it is longer than an event of wrap's own.
    fn last_line(&self) -> Result<Vec<u8>> {
        let file = self.events()?;
        let end = Self::line_end(&file, file.metadata()?.len())?;
        let start = Self::line_end(&file, end.saturating_sub(1))?;
        let length = usize::try_from(end - start)?;
        let mut line = vec![0; if length > MAX_OWN { 0 } else { length }];
        file.read_exact_at(&mut line, start)?;
        line.pop();
        Ok(line)
    }

    /// Offset behind the last line feed before another offset of a file; 0 if there is none.
    pub(in crate::run) fn line_end(file: &File, before: u64) -> io::Result<u64> {
        let mut bytes = [0; MAX_OWN];
        let mut end = before;
        while end > 0 {
            let start = end.saturating_sub(MAX_OWN as u64);
            let length = usize::try_from(end - start).unwrap_or(MAX_OWN);
            let count = file.read_at(&mut bytes[..length], start)?;
            if let Some(feed) = memrchr(b'\n', &bytes[..count]) {
                return Ok(start + feed as u64 + 1);
            }
            end = start;
        }
        Ok(0)
    }

    /// Error of an operation on the event file.
    pub(super) fn failed(&self, what: &str, e: io::Error) -> anyhow::Error {
        anyhow::Error::new(e).context(self.cannot(what, EVENTS))
    }

    /// The event file, to append to it.
    pub fn append_events(&self) -> Result<File> {
        self.file(EVENTS, OFlags::RDWR | OFlags::APPEND | OFlags::CREATE)
    }

    /// The file of wrap's own messages, to append to it.
    pub(in crate::run) fn append_messages(&self) -> Result<File> {
        self.file(MESSAGES, OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE)
    }

    /// Text of that file, as far as it can be read.
    pub fn messages(&self) -> String {
        let mut text = Vec::new();
        let file = self.file(MESSAGES, OFlags::RDONLY);
        let _ = file.map(|file| file.take(MAX_MESSAGES).read_to_end(&mut text));
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Time at which the run was started. Without `run.json` it is that of the lock, which is never written.
    pub(in crate::run) fn started(&self) -> Time {
        let info = self.info().and_then(|info| Time::parse(&info.started));
        info.or_else(|| modified(&self.file(LOCK, OFlags::RDONLY).ok()?.metadata().ok()?))
            .unwrap_or_default()
    }

    fn read_json<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        read_json(&self.folder, name)
    }

    fn write_json(&self, name: &str, json: &str) -> Result<()> {
        let mut file = self.file(name, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)?;
        file.write_all(format!("{json}\n").as_bytes()).with_context(|| self.cannot("write", name))
    }

    fn file(&self, name: &str, flags: OFlags) -> Result<File> {
        self.open_file(name, flags).with_context(|| self.cannot("open", name))
    }

    fn open_file(&self, name: &str, flags: OFlags) -> rustix::io::Result<File> {
        open_file(&self.folder, name, flags)
    }

    fn cannot(&self, what: &str, name: &str) -> String {
        format!("cannot {what} {}", self.path.join(name).display())
    }
}

/// Time of the last change of a file or a folder, unless that is before 1970.
pub(super) fn modified(found: &Metadata) -> Option<Time> {
    let seconds = u64::try_from(found.mtime()).ok()?;
    Some(Time::from_millis(seconds.saturating_mul(1000)))
}

/// Content of a small file below a folder; `None` if it cannot be read. As few system calls as possible, because a list reads two
/// of each run.
pub(super) fn read_json<T: DeserializeOwned>(folder: &File, path: &str) -> Option<T> {
    let file = open_file(folder, path, OFlags::RDONLY).ok()?;
    let mut bytes = Vec::with_capacity(SMALL);
    // A read that does not fill the buffer has met the end of the file.
    while bytes.len() == bytes.capacity() || bytes.is_empty() {
        bytes.reserve(SMALL);
        match rustix::io::read(&file, spare_capacity(&mut bytes)) {
            Ok(0) | Err(_) => break,
            Ok(_) if bytes.len() > MAX_JSON => return None,
            Ok(_) => {}
        }
    }
    serde_json::from_slice(&bytes).ok()
}
