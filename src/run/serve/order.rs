//! Order of all events: one server of a state directory writes the index, the others read it, and take over when it ends. A
//! record stands in the file before its event leaves, so that no id is given twice.

mod recover;
mod span;
mod writer;

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd};
use tokio::sync::watch;

use super::{locked, warn};
use crate::run::attach::watch::Watch as Inotify;
use crate::run::polling;
use crate::run::state::{RunFolder, StateFolder};
use crate::runs::info::RunInfo;
use crate::serve::index::{HEAD_LENGTH, IndexHead, RECORD_LENGTH, Record, RunKey, run_key};
use writer::Writer;

pub(super) use span::Span;

/// Time between looks at what inotify does not tell.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Bytes of the newest events that are kept as they are sent.
const TAIL: usize = 4 << 20;

/// Open event files.
const MAX_FILES: usize = 128;

/// Extent of a look at the runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Files that have changed.
    Changes,
    /// New runs too.
    Runs,
    /// All files and processes.
    All,
}

/// State of the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) epoch: u64,
    /// Number of the last event.
    pub(super) count: u64,
}

/// The order, for all that read it.
#[derive(Debug)]
pub(super) struct Order {
    state: StateFolder,
    pub(super) seen: watch::Sender<Seen>,
    /// Number of looks at the runs so far.
    looks: watch::Sender<u64>,
    index: Mutex<Arc<File>>,
    tail: Mutex<Tail>,
    files: Mutex<Files>,
    ends: AtomicBool,
    wake: OwnedFd,
}

/// Newest events, encoded.
#[derive(Debug, Default)]
struct Tail {
    chunks: VecDeque<Chunk>,
    length: usize,
}

/// Events in one piece.
#[derive(Debug)]
struct Chunk {
    /// Number of the first event.
    first: u64,
    frames: Bytes,
    /// Offset of each event in the piece.
    starts: Vec<usize>,
}

/// Event file of a run.
#[derive(Debug)]
pub(super) struct RunFile {
    pub(super) stream: String,
    pub(super) label: Option<String>,
    pub(super) file: File,
}

#[derive(Debug, Default)]
struct Files {
    open: HashMap<RunKey, Arc<RunFile>>,
    streams: HashMap<RunKey, String>,
    /// Runs that are removed.
    gone: HashSet<RunKey>,
}

impl Order {
    /// Opens the index, and starts the thread that writes or follows it.
    pub(super) fn start(state: &StateFolder) -> Result<(Arc<Self>, std::thread::JoinHandle<()>)> {
        let until = Instant::now() + 5 * LOOK_EVERY;
        let (writer, index) = loop {
            if let Some(writer) = Writer::open(state)? {
                let index = writer.index()?;
                break (Some(writer), index);
            }
            // The other server may be about to make it.
            match state.index()? {
                Some(index) => break (None, index),
                None if Instant::now() > until => anyhow::bail!("another server makes no index"),
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let order = Arc::new(Self {
            seen: watch::Sender::new(seen(&index)?),
            looks: watch::Sender::new(0),
            state: state.clone(),
            index: Mutex::new(Arc::new(index)),
            tail: Mutex::default(),
            files: Mutex::default(),
            ends: AtomicBool::new(false),
            wake: wake.context("cannot make an eventfd")?,
        });
        let thread = order.clone();
        let thread = std::thread::Builder::new()
            .name("order".into())
            .spawn(move || thread.run(writer))
            .context("cannot start a thread")?;
        Ok((order, thread))
    }

    /// Ends the thread. A writer closes the index.
    pub(super) fn end(&self) {
        self.ends.store(true, Ordering::Relaxed);
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }

    /// Waits until everything that stands in the event files now has its number.
    pub(super) async fn catch_up(&self) {
        let mut looks = self.looks.subscribe();
        // The look that is under way may have passed a file before this moment.
        let enough = *looks.borrow_and_update() + 2;
        loop {
            let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
            match looks.changed().await {
                Ok(()) if *looks.borrow_and_update() < enough => {}
                _ => return,
            }
        }
    }

    fn is_ending(&self) -> bool {
        self.ends.load(Ordering::Relaxed)
    }

    fn run(&self, mut writer: Option<Writer>) {
        let inotify = Inotify::open();
        let runs = inotify.add(self.state.runs());
        inotify.add(self.state.folder());
        let mut looked: Option<Instant> = None;
        let mut look = Look::All;
        while !self.is_ending() {
            if looked.is_none_or(|looked| looked.elapsed() >= LOOK_EVERY) {
                looked = Some(Instant::now());
                look = Look::All;
                locked(&self.files).open.clear();
            }
            let done = match &mut writer {
                Some(writer) => writer.pass(self, look),
                None => self.follow(&mut writer, look),
            };
            if let Err(e) = done {
                warn(format_args!("the order of the events stops for a moment: {e:#}"));
                // What stands in the file counts, so the next writer begins with a look at it.
                writer = None;
            }
            self.looks.send_modify(|looks| *looks += 1);
            let fds = writer.as_ref().and_then(Writer::changes).into_iter().chain(inotify.fd());
            self.wait(&fds.collect::<Vec<_>>(), LOOK_EVERY);
            let changes = inotify.changes();
            let is_new = runs.is_none() || changes.contains(&runs) || changes.contains(&None);
            look = if is_new { Look::Runs } else { Look::Changes };
        }
        if let Some(writer) = writer
            && let Err(e) = writer.close(&self.state)
        {
            warn(format_args!("the order of the events is not closed: {e:#}"));
        }
    }

    fn wait(&self, changes: &[impl AsFd], limit: Duration) {
        let fds = changes.iter().map(AsFd::as_fd).chain([self.wake.as_fd()]);
        let mut fds: Vec<_> = fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        let _ = polling::wait(&mut fds, Some(limit));
        let _ = rustix::io::read(&self.wake, &mut [0; 8]);
    }

    /// Reads how far another server has come, and takes over when it has ended.
    fn follow(&self, writer: &mut Option<Writer>, look: Look) -> Result<()> {
        if look == Look::All {
            if let Some(new) = Writer::open(&self.state)? {
                self.replace(new.index()?)?;
                *writer = Some(new);
                return Ok(());
            }
            let current = self.index().metadata()?.ino();
            if let Some(index) = self.state.index()?
                && index.metadata()?.ino() != current
            {
                self.replace(index)?;
            }
        }
        self.publish(seen(&self.index())?);
        Ok(())
    }

    fn replace(&self, index: File) -> Result<()> {
        let seen = seen(&index)?;
        *locked(&self.index) = Arc::new(index);
        *locked(&self.tail) = Tail::default();
        self.publish(seen);
        Ok(())
    }

    fn publish(&self, now: Seen) {
        self.seen.send_if_modified(|seen| std::mem::replace(seen, now) != now);
    }

    fn index(&self) -> Arc<File> {
        locked(&self.index).clone()
    }

    /// Records behind the event with this number, as many as there are up to `most`.
    pub(super) fn records(&self, number: u64, most: usize) -> io::Result<Vec<Option<Record>>> {
        let mut bytes = vec![0; most * RECORD_LENGTH];
        let count = self.index().read_at(&mut bytes, place(number))?;
        let records = bytes[..count].chunks_exact(RECORD_LENGTH);
        Ok(records.map(Record::parse).collect())
    }

    /// Encoded events behind the one with this number, and the number of the last of them.
    pub(super) fn newest(&self, number: u64) -> Option<(Bytes, u64)> {
        let tail = locked(&self.tail);
        let at = tail.chunks.partition_point(|chunk| chunk.first <= number + 1).checked_sub(1)?;
        let chunk = &tail.chunks[at];
        let start = *chunk.starts.get(usize::try_from(number + 1 - chunk.first).ok()?)?;
        Some((chunk.frames.slice(start..), chunk.first + chunk.starts.len() as u64 - 1))
    }

    /// Event file of a run; `None` if the run is removed.
    pub(super) fn file(&self, key: &RunKey) -> Result<Option<Arc<RunFile>>> {
        let mut files = locked(&self.files);
        if let Some(file) = files.open.get(key) {
            return Ok(Some(file.clone()));
        }
        if files.gone.contains(key) {
            return Ok(None);
        }
        if !files.streams.contains_key(key) {
            for stream in self.state.streams()? {
                let found = self.state.look(&stream, |run| Ok(key_of(&run)?.0))?;
                files.streams.extend(found.map(|key| (key, stream)));
            }
        }
        let open = |run: RunFolder| {
            let (found, info) = key_of(&run)?;
            let (stream, file) = (run.stream().to_owned(), run.events()?);
            Ok((found, RunFile { stream, label: info.label, file }))
        };
        let found = match files.streams.get(key) {
            Some(stream) => self.state.look(stream, open)?,
            None => None,
        };
        if let Some((_, file)) = found.filter(|(found, _)| found == key) {
            let file = Arc::new(file);
            if files.open.len() >= MAX_FILES {
                files.open.clear();
            }
            files.open.insert(*key, file.clone());
            return Ok(Some(file));
        }
        files.streams.remove(key);
        files.gone.insert(*key);
        Ok(None)
    }
}

/// Key of a run, and its description.
fn key_of(run: &RunFolder) -> Result<(RunKey, RunInfo)> {
    let info = run.info_if_any()?.unwrap_or_default();
    Ok((run_key(run.stream(), &info.control), info))
}

impl Tail {
    fn push(&mut self, chunk: Chunk) {
        if chunk.frames.len() > TAIL {
            *self = Self::default();
            return;
        }
        self.length += chunk.frames.len();
        self.chunks.push_back(chunk);
        while self.length > TAIL {
            self.length -= self.chunks.pop_front().map_or(0, |chunk| chunk.frames.len());
        }
    }
}

/// State of an index by its head and its length.
fn seen(index: &File) -> Result<Seen> {
    let mut head = [0; HEAD_LENGTH];
    index.read_exact_at(&mut head, 0).context("cannot read the index")?;
    let head = IndexHead::parse(&head).context("the index has no head")?;
    let records = index.metadata()?.len().saturating_sub(HEAD_LENGTH as u64);
    Ok(Seen { epoch: head.epoch, count: records / RECORD_LENGTH as u64 })
}

/// Offset of the record behind the event with this number.
fn place(number: u64) -> u64 {
    number.saturating_mul(RECORD_LENGTH as u64).saturating_add(HEAD_LENGTH as u64)
}
