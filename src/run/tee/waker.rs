//! How a thread wakes the loop: a byte on a socket that the loop waits for with everything else.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// The end that rings.
#[derive(Debug, Clone)]
pub(super) struct Waker(Arc<UnixStream>);

/// The end that hears.
#[derive(Debug)]
pub(super) struct WakeFd(UnixStream);

/// A pair of them.
pub(super) fn waker() -> io::Result<(Waker, WakeFd)> {
    let (ring, hear) = UnixStream::pair()?;
    ring.set_nonblocking(true)?;
    hear.set_nonblocking(true)?;
    Ok((Waker(Arc::new(ring)), WakeFd(hear)))
}

impl Waker {
    /// Rings. If the socket is full it has step often enough.
    pub(super) fn ring(&self) {
        let _ = (&*self.0).write(&[0]);
    }
}

impl WakeFd {
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Makes it silent again.
    pub(super) fn drain(&mut self) {
        let mut buffer = [0; 64];
        while self.0.read(&mut buffer).is_ok_and(|n| n > 0) {}
    }
}
