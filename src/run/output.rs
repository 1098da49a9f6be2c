//! Writing: all of a buffer to our stdout, or as much of it as fits now, and warnings to stderr.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use signal_hook::consts::SIGPIPE;

use crate::exit::Exit;
use crate::term::marks::without_commands;

/// What a blocking write to a pipe takes without blocking once the pipe is writable (POSIX's PIPE_BUF on Linux).
const SURE: usize = 4096;

/// Writes all of `bytes`, waiting as long as it takes.
///
/// # Errors
/// Those of `write(2)`; `BrokenPipe` if the reader has gone.
pub(super) fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(fd, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => bytes = &bytes[n..],
            Err(Errno::INTR) => {}
            // Node makes descriptors non-blocking that it shares with us.
            Err(Errno::AGAIN) => {
                let _ = poll(&mut [PollFd::new(&fd, PollFlags::OUT)], None);
            }
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

/// Prints a command's own output to stdout: success, death by SIGPIPE if the reader has gone, or 73.
pub fn print(bytes: &[u8]) -> Exit {
    match write_all(rustix::stdio::stdout(), bytes) {
        Ok(()) => Exit::Success,
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Exit::Signal(SIGPIPE),
        Err(e) => {
            warn_user(format!("spile: cannot write to stdout: {e}\n").as_bytes());
            Exit::CannotWrite
        }
    }
}

/// Tells a person something on stderr. That it cannot be told is no reason to stop.
pub fn warn_user(bytes: &[u8]) {
    if !bytes.is_empty() {
        // A message may quote an agent, and stderr may be a CI system's log.
        let text = without_commands(&String::from_utf8_lossy(bytes));
        let _ = write_all(rustix::stdio::stderr(), text.as_bytes());
    }
}

/// True if our stdout was closed when the process started. Rust's runtime opens /dev/null in its place before `main`, where
/// all would be lost in silence.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Runs before Rust's runtime.
extern "C" fn look_at_stdout() {
    // SAFETY: it asks for the flags of a descriptor, which need not be open.
    CLOSED.store(unsafe { libc::fcntl(1, libc::F_GETFD) } == -1, Ordering::Relaxed);
}

// SAFETY: the section holds functions that the system calls at the start of a program, with arguments that need not be
// taken.
#[used]
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
#[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
static LOOK_AT_STDOUT: extern "C" fn() = look_at_stdout;

/// If our stdout was closed, every write to it fails from here on.
pub fn ensure_stdout() {
    if CLOSED.load(Ordering::Relaxed)
        && let Ok(null) = rustix::fs::open("/dev/null", OFlags::RDONLY, Mode::empty())
    {
        let _ = rustix::stdio::dup2_stdout(&null);
    }
}

/// Our stdout for a loop that must not block in it.
pub(super) struct Output {
    own: Option<OwnedFd>,
    /// Bytes that one write takes without blocking, or that no write blocks for long.
    most: usize,
    pending: Vec<u8>,
    written: usize,
}

impl Output {
    /// A description of our own of the pipe or terminal behind stdout, so that making it non-blocking harms nobody else.
    pub(super) fn open() -> Self {
        let stdout = rustix::stdio::stdout();
        let kind = rustix::fs::fstat(stdout).map(|stat| FileType::from_raw_mode(stat.st_mode));
        let writable = rustix::fs::fcntl_getfl(stdout)
            .is_ok_and(|flags| flags.intersects(OFlags::WRONLY | OFlags::RDWR));
        let reopen = writable && matches!(kind, Ok(FileType::Fifo | FileType::CharacterDevice));
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let own = reopen
            .then(|| rustix::fs::open("/proc/self/fd/1", flags, Mode::empty()).ok())
            .flatten();
        let most = if own.is_some() || matches!(kind, Ok(FileType::RegularFile)) {
            usize::MAX
        } else {
            SURE
        };
        Self { own, most, pending: Vec::new(), written: 0 }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        match &self.own {
            Some(own) => own.as_fd(),
            None => rustix::stdio::stdout(),
        }
    }

    /// Bytes that wait to be written.
    pub(super) fn pending(&self) -> usize {
        self.pending.len() - self.written
    }

    pub(super) fn push(&mut self, bytes: &mut Vec<u8>) {
        if self.pending.is_empty() {
            std::mem::swap(&mut self.pending, bytes);
        } else {
            self.pending.append(bytes);
        }
    }

    /// Writes as much of `bytes` as the reader takes now and keeps the rest.
    pub(super) fn offer(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.pending() > 0 {
            self.pending.extend_from_slice(bytes);
            return Ok(());
        }
        // What is no pipe or terminal of our own might block for long: that only after a poll.
        let ready = self.most == usize::MAX;
        let written = match rustix::io::write(self.fd(), if ready { bytes } else { &[] }) {
            Ok(n) => n,
            Err(Errno::AGAIN | Errno::INTR) => 0,
            Err(e) => return Err(e.into()),
        };
        self.pending.extend_from_slice(&bytes[written..]);
        Ok(())
    }

    /// Writes what the reader takes now; call it when the descriptor is writable.
    pub(super) fn flush_some(&mut self) -> io::Result<()> {
        let rest = &self.pending[self.written..];
        let len = rest.len().min(self.most);
        match rustix::io::write(self.fd(), &rest[..len]) {
            Ok(n) => self.written += n,
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
        if self.written == self.pending.len() {
            self.pending.clear();
            self.pending.shrink_to(1 << 20);
            self.written = 0;
        } else if self.written > 1 << 20 {
            self.pending.drain(..self.written);
            self.written = 0;
        }
        Ok(())
    }
}
