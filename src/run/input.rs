//! Reading stdin in whole chunks, straight from the descriptor.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::fs::FileType;
use rustix::io::Errno;

use super::polling;

pub(super) const CHUNK: usize = 64 << 10;

/// Size to which a pipe grows after a full read: most of the gain of a megabyte for a quarter of it.
pub(super) const PIPE: usize = 256 << 10;

pub(super) enum Read {
    Bytes(usize),
    End,
    /// No data yet on a descriptor that another process made non-blocking.
    Later,
}

/// Reads once; EAGAIN, EINTR and a closed terminal are no errors.
pub(super) fn read(fd: BorrowedFd<'_>, buf: &mut [u8]) -> std::io::Result<Read> {
    match rustix::io::read(fd, &mut *buf) {
        Ok(0) => Ok(Read::End),
        Ok(n) => Ok(Read::Bytes(n)),
        Err(Errno::AGAIN | Errno::INTR) => Ok(Read::Later),
        // The master of a terminal whose last user has closed it.
        Err(Errno::IO) => Ok(Read::End),
        Err(e) => Err(e.into()),
    }
}

/// Enlarges a pipe; any other descriptor is unchanged.
pub(super) fn widen(fd: BorrowedFd<'_>) {
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(fd, PIPE);
    #[cfg(not(target_os = "linux"))]
    let _ = (fd, PIPE);
}

/// Length of a regular file.
pub(super) fn file_length(fd: BorrowedFd<'_>) -> Option<u64> {
    let stat = rustix::fs::fstat(fd).ok()?;
    let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    regular.then(|| u64::try_from(stat.st_size).unwrap_or_default())
}

/// True if stdin visibly ended: closed, /dev/null, a file at its end, or a pipe without a writer.
pub(super) fn has_ended() -> bool {
    let stdin = rustix::stdio::stdin();
    let Ok(stat) = rustix::fs::fstat(stdin) else { return true };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            let at = rustix::fs::tell(stdin).unwrap_or_default();
            at >= u64::try_from(stat.st_size).unwrap_or_default()
        }
        FileType::CharacterDevice => {
            rustix::fs::stat("/dev/null").is_ok_and(|null| null.st_rdev == stat.st_rdev)
        }
        _ => {
            let events = polling::ready(stdin, PollFlags::IN, Some(Duration::ZERO));
            let unread = rustix::io::ioctl_fionread(stdin).unwrap_or_default();
            events.contains(PollFlags::HUP) && unread == 0
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    Terminal,
    Bytes,
    /// No bytes, or none yet.
    Nothing,
}

pub fn waiting() -> Waiting {
    let stdin = rustix::stdio::stdin();
    if rustix::termios::isatty(stdin) {
        return Waiting::Terminal;
    }
    let readable = match file_length(stdin) {
        // A shell loop that reads a list has its position in the file: the rest belongs to the loop.
        Some(length) => length > 0 && rustix::fs::tell(stdin).unwrap_or_default() == 0,
        None => {
            let events = polling::ready(stdin, PollFlags::IN, Some(Duration::ZERO));
            events.contains(PollFlags::IN)
                && rustix::io::ioctl_fionread(stdin).unwrap_or_default() > 0
        }
    };
    if readable { Waiting::Bytes } else { Waiting::Nothing }
}
