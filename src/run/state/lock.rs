//! Lock of a run: held by the processes of the run for as long as any of them lives, and by a starter or closer for a moment.
//! A look at it takes a shared lock and drops it, so that two looks do not see each other.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// Time in which an exclusive lock is tried again: a look drops its lock at once.
const LOOKS_END_WITHIN: Duration = Duration::from_millis(100);

/// Wait between two tries.
const TRY_EVERY: Duration = Duration::from_millis(2);

/// Exclusive lock of a run. The kernel releases it with the last descriptor of its file, here or in a process that inherits
/// one.
#[derive(Debug)]
pub struct RunLock(File);

impl RunLock {
    /// Locks the file; `None` if another process has locked it for longer than a look takes.
    pub(super) fn take(file: File) -> Result<Option<Self>> {
        let start = Instant::now();
        loop {
            if try_lock(&file, FlockOperation::NonBlockingLockExclusive)? {
                return Ok(Some(Self(file)));
            }
            if start.elapsed() >= LOOKS_END_WITHIN {
                return Ok(None);
            }
            std::thread::sleep(TRY_EVERY);
        }
    }
}

/// Descriptor to hand on. It closes on `exec` unless the flag is taken off.
impl AsFd for RunLock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// True if no process has locked the file for itself.
pub(super) fn is_free(file: &File) -> Result<bool> {
    try_lock(file, FlockOperation::NonBlockingLockShared)
}

fn try_lock(file: &File, operation: FlockOperation) -> Result<bool> {
    loop {
        return match flock(file, operation) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(Errno::INTR) => continue,
            Err(e) => Err(failure(e)),
        };
    }
}

/// Message on a lock that failed for another reason than that it is taken.
pub(super) fn failure(e: Errno) -> anyhow::Error {
    match e {
        Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL => anyhow!(e).context(
            "the file system of the state directory has no locks (flock): set SPILE_STATE to a directory on a local disk",
        ),
        _ => anyhow!(e).context("cannot lock the run"),
    }
}
