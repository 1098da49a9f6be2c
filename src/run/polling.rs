//! `poll(2)` as the loops use it: with an optional timeout, and an interruption that is no error.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// Events of a descriptor whose other end is closed.
pub(super) const GONE: PollFlags = PollFlags::ERR.union(PollFlags::HUP).union(PollFlags::NVAL);

/// Waits until a descriptor is ready, `timeout` at most; returns how many are.
pub(super) fn wait(fds: &mut [PollFd<'_>], timeout: Option<Duration>) -> io::Result<usize> {
    let timeout = timeout.and_then(|left| Timespec::try_from(left).ok());
    match poll(fds, timeout.as_ref()) {
        Err(Errno::INTR) => Ok(0),
        ready => Ok(ready?),
    }
}

/// Waits for one descriptor; returns its events, none after `timeout`.
pub(super) fn ready(fd: impl AsFd, events: PollFlags, timeout: Option<Duration>) -> PollFlags {
    let mut fds = [PollFd::new(&fd, events)];
    let _ = wait(&mut fds, timeout);
    fds[0].revents()
}
