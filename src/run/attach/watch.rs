//! Changes of files: inotify, or where that is missing or its limit is reached, a look at short intervals.

#[cfg(target_os = "linux")]
use std::mem::MaybeUninit;
#[cfg(target_os = "linux")]
use std::os::fd::AsRawFd;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

#[cfg(target_os = "linux")]
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};

/// Number of a watched file.
pub(in crate::run) type WatchId = i32;

/// Interval of looks at what cannot be watched.
const UNWATCHED: Duration = Duration::from_millis(50);

/// Interval of looks at what is watched. A freed lock is no change of a file.
const WATCHED: Duration = Duration::from_millis(500);

/// Watched files and folders.
#[derive(Debug, Default)]
pub(in crate::run) struct Watch {
    inotify: Option<OwnedFd>,
}

/// Interval of looks at a file, or at a folder.
pub(in crate::run) fn interval(watch: Option<WatchId>) -> Duration {
    if watch.is_some() { WATCHED } else { UNWATCHED }
}

impl Watch {
    pub(in crate::run) fn open() -> Self {
        #[cfg(target_os = "linux")]
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok();
        #[cfg(not(target_os = "linux"))]
        let inotify = None;
        Self { inotify }
    }

    pub(in crate::run) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().map(AsFd::as_fd)
    }

    /// Watches what is written to a file, or moved into a folder; `None` if that is not possible.
    #[cfg(target_os = "linux")]
    pub(in crate::run) fn add(&self, file: impl AsFd) -> Option<WatchId> {
        // The name of the descriptor is that of the file even if the run is renamed.
        let path = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
        let changes = WatchFlags::MODIFY | WatchFlags::MOVED_TO;
        inotify::add_watch(self.inotify.as_ref()?, path, changes).ok()
    }

    #[cfg(not(target_os = "linux"))]
    pub(in crate::run) fn add(&self, _file: impl AsFd) -> Option<WatchId> {
        None
    }

    /// Ends the watch of a file.
    pub(in crate::run) fn remove(&self, watch: Option<WatchId>) {
        #[cfg(target_os = "linux")]
        if let (Some(inotify), Some(watch)) = (&self.inotify, watch) {
            let _ = inotify::remove_watch(inotify, watch);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = watch;
    }

    /// Files that have changed since the last call; `None` stands for all of them.
    pub(in crate::run) fn changes(&self) -> Vec<Option<WatchId>> {
        let mut changes = Vec::new();
        #[cfg(target_os = "linux")]
        if let Some(inotify) = &self.inotify {
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut reader = inotify::Reader::new(inotify, &mut buffer);
            while let Ok(event) = reader.next() {
                let overflow = event.events().contains(ReadFlags::QUEUE_OVERFLOW);
                let change = (!overflow).then(|| event.wd());
                if !changes.contains(&change) {
                    changes.push(change);
                }
            }
        }
        changes
    }
}
