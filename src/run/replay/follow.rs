//! Following a file as `tail -F` does: waits at its end, starts again if it was truncated, and reopens it if it was
//! replaced.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::{SeekFrom, fstat, seek, stat};

use super::source::{Reader, Source};

/// Interval at which the file's name is checked, because a new file of that name sends no notice.
pub(super) const LOOK: Duration = Duration::from_millis(500);

pub(super) struct Tail {
    path: PathBuf,
    notices: Option<OwnedFd>,
    pub waiting: bool,
}

impl Tail {
    /// `None` for a source that cannot grow.
    pub(super) fn of(source: &Source) -> Option<Self> {
        let path = source.path()?;
        let mut tail = Self { path: path.to_owned(), notices: None, waiting: false };
        tail.watch();
        Some(tail)
    }

    fn watch(&mut self) {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
            let flags = CreateFlags::NONBLOCK | CreateFlags::CLOEXEC;
            let wanted = WatchFlags::MODIFY | WatchFlags::MOVE_SELF | WatchFlags::ATTRIB;
            let notices = init(flags).and_then(|notices| {
                add_watch(&notices, &self.path, wanted)?;
                Ok(notices)
            });
            self.notices = notices.ok();
        }
    }

    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.notices.as_ref().map(std::os::fd::AsFd::as_fd)
    }

    pub(super) fn look(&mut self) {
        self.waiting = false;
        if let Some(notices) = &self.notices {
            let mut buf = [0; 4096];
            while rustix::io::read(notices, &mut buf[..]).is_ok_and(|n| n > 0) {}
        }
    }

    /// Handles the end of the file; `true` if more may follow.
    pub(super) fn waits(&mut self, reader: &mut Reader) -> bool {
        if !reader.is_plain() {
            return false;
        }
        self.waiting = true;
        // On failure no file has the name at the moment.
        let _ = self.renew(reader);
        true
    }

    fn renew(&mut self, reader: &mut Reader) -> io::Result<()> {
        let ours = fstat(reader.fd())?;
        let at = rustix::fs::tell(reader.fd())?;
        if u64::try_from(ours.st_size).is_ok_and(|size| size < at) {
            seek(reader.fd(), SeekFrom::Start(0))?;
            self.waiting = false;
        }
        let named = stat(&self.path)?;
        if (named.st_dev, named.st_ino) != (ours.st_dev, ours.st_ino) {
            reader.reopen(&self.path)?;
            self.watch();
            self.waiting = false;
        }
        Ok(())
    }
}
