//! Waker: a thread wakes the loop by a byte on a socket that the loop polls.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

#[derive(Debug, Clone)]
pub(super) struct Waker(Arc<UnixStream>);

#[derive(Debug)]
pub(super) struct WakeFd(UnixStream);

pub(super) fn waker() -> io::Result<(Waker, WakeFd)> {
    let (ring, hear) = UnixStream::pair()?;
    ring.set_nonblocking(true)?;
    hear.set_nonblocking(true)?;
    Ok((Waker(Arc::new(ring)), WakeFd(hear)))
}

impl Waker {
    /// Wakes the loop. A full socket has done so already.
    pub(super) fn ring(&self) {
        let _ = (&*self.0).write(&[0]);
    }
}

impl WakeFd {
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    pub(super) fn drain(&mut self) {
        let mut buffer = [0; 64];
        while self.0.read(&mut buffer).is_ok_and(|n| n > 0) {}
    }
}
