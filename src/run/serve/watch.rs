//! Changes of run files: one thread reads inotify, and those that wait for a run are told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::event::PollFlags;
use tokio::sync::watch;

use super::locked;
use crate::run::attach::watch::{Watch as Inotify, WatchId};
use crate::run::polling;
use crate::run::state::{RunFolder, StateFolder};

/// Time between looks at runs whose processes may have died without a word.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The same where inotify has no room left.
const LOOK_UNWATCHED: Duration = Duration::from_millis(50);

/// Progress of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// Length of the event file.
    length: u64,
    /// Length of the complete event file, once the run is over and closed.
    pub(super) ends_at: Option<u64>,
}

/// Watcher of run folders.
#[derive(Debug)]
pub(super) struct Watch {
    state: StateFolder,
    inotify: Inotify,
    runs: Mutex<Runs>,
}

#[derive(Debug, Default)]
struct Runs {
    by_stream: HashMap<String, Arc<Watched>>,
    /// Streams by the number of their watch.
    by_number: HashMap<WatchId, String>,
}

#[derive(Debug)]
struct Watched {
    folder: RunFolder,
    number: Option<WatchId>,
    progress: watch::Sender<Progress>,
}

impl Watch {
    /// Starts the thread.
    pub(super) fn start(state: &StateFolder) -> Result<Arc<Self>> {
        let watch = Arc::new(Self {
            state: state.clone(),
            inotify: Inotify::open(),
            runs: Mutex::default(),
        });
        let thread = watch.clone();
        std::thread::Builder::new()
            .name("watch".into())
            .spawn(move || thread.run())
            .context("cannot start a thread")?;
        Ok(watch)
    }

    /// Subscribes to a run; `None` if there is none.
    pub(super) fn subscribe(&self, stream: &str) -> Result<Option<watch::Receiver<Progress>>> {
        let mut runs = locked(&self.runs);
        if let Some(watched) = runs.by_stream.get(stream) {
            return Ok(Some(watched.progress.subscribe()));
        }
        let Some(folder) = self.state.run(stream)? else { return Ok(None) };
        let number = self.inotify.add(&folder);
        let (progress, receiver) = watch::channel(Progress::default());
        let watched = Watched { folder, number, progress };
        watched.look(Look::Life);
        runs.by_number.extend(number.map(|number| (number, stream.to_owned())));
        runs.by_stream.insert(stream.to_owned(), Arc::new(watched));
        Ok(Some(receiver))
    }

    fn run(&self) {
        let mut looked = Instant::now();
        loop {
            let every = if locked(&self.runs).is_watched() { LOOK_EVERY } else { LOOK_UNWATCHED };
            let left = every.saturating_sub(looked.elapsed());
            match self.inotify.fd() {
                Some(fd) => _ = polling::ready(fd, PollFlags::IN, Some(left)),
                None => std::thread::sleep(left),
            }
            let changes = self.inotify.changes();
            let runs = locked(&self.runs);
            let streams = changes.iter().flatten().filter_map(|number| runs.by_number.get(number));
            let changed: Vec<_> =
                streams.filter_map(|stream| runs.by_stream.get(stream)).cloned().collect();
            drop(runs);
            changed.iter().for_each(|watched| watched.look(Look::Files));
            if looked.elapsed() >= every || changes.contains(&None) {
                looked = Instant::now();
                self.look_at_all();
            }
        }
    }

    /// Looks at all runs, and forgets those that nobody waits for.
    fn look_at_all(&self) {
        let all: Vec<_> = locked(&self.runs).by_stream.values().cloned().collect();
        all.iter().for_each(|watched| watched.look(Look::Life));
        drop(all);
        let Runs { by_stream, by_number } = &mut *locked(&self.runs);
        by_stream.retain(|_, watched| {
            let is_wanted = watched.progress.receiver_count() > 0;
            if let Some(number) = watched.number.filter(|_| !is_wanted) {
                by_number.remove(&number);
                self.inotify.remove(Some(number));
            }
            is_wanted
        });
    }
}

impl Runs {
    /// True if each run is watched by inotify.
    fn is_watched(&self) -> bool {
        self.by_stream.values().all(|watched| watched.number.is_some())
    }
}

/// Extent of a look at a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Its files.
    Files,
    /// Its processes too; if none lives, the run is closed.
    Life,
}

impl Watched {
    fn look(&self, look: Look) {
        if self.progress.borrow().ends_at.is_some() {
            return;
        }
        if look == Look::Life {
            // A file that cannot be written stays as it is.
            let _ = self.folder.settle();
        }
        let now = self.folder.progress();
        self.progress.send_if_modified(|progress| std::mem::replace(progress, now) != now);
    }
}

impl RunFolder {
    fn progress(&self) -> Progress {
        let over = self.summary().filter(|summary| summary.state.is_over());
        let length = self.events().and_then(|file| Ok(file.metadata()?.len())).unwrap_or_default();
        let ends_at = over.filter(|summary| summary.bytes == length).map(|_| length);
        Progress { length, ends_at }
    }
}
