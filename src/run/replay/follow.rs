//! A file that may grow: waits at its end for what is appended, as `tail -F` does. A file that was cut short is read from its
//! start again, one that was replaced is opened anew.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::{SeekFrom, fstat, seek, stat};

use super::source::{Reader, Source};

/// How often the file's name is looked at, for nobody tells of a new file of the same name; and the file itself where
/// nobody tells of changes.
pub(super) const LOOK: Duration = Duration::from_millis(500);

/// The file.
pub(super) struct Tail {
    path: PathBuf,
    notices: Option<OwnedFd>,
    /// True if its end has been reached.
    waiting: bool,
}

impl Tail {
    /// A source that may grow; `None`: it cannot.
    pub(super) fn of(source: &Source) -> Option<Self> {
        let path = source.path()?;
        let mut tail = Self { path: path.to_owned(), notices: None, waiting: false };
        tail.watch();
        Some(tail)
    }

    /// Has the kernel tell of changes.
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

    /// What becomes readable when there may be more.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.notices.as_ref().map(std::os::fd::AsFd::as_fd)
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.waiting
    }

    /// The notices have been heard: the file is to be read.
    pub(super) fn look(&mut self) {
        self.waiting = false;
        if let Some(notices) = &self.notices {
            let mut buf = [0; 4096];
            while rustix::io::read(notices, &mut buf[..]).is_ok_and(|n| n > 0) {}
        }
    }

    /// The end of the file has been reached: whether more may come. It may be another file by now.
    pub(super) fn waits(&mut self, reader: &mut Reader) -> bool {
        if !reader.is_plain() {
            return false;
        }
        self.waiting = true;
        // Where that fails the name stands for nothing at the moment.
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
