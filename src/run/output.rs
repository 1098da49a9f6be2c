//! Writing to stdout, blocking or not, and warnings on stderr.

use std::fmt::Display;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use signal_hook::consts::SIGPIPE;

use super::polling;
use crate::exit::Exit;
use crate::term::marks::without_commands;

/// Bytes that a blocking write to a writable pipe takes without blocking (POSIX's PIPE_BUF on Linux).
const SURE: usize = 4096;

pub(super) fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(fd, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => bytes = &bytes[n..],
            Err(Errno::INTR) => {}
            // Node makes descriptors non-blocking that it shares with its children.
            Err(Errno::AGAIN) => {
                polling::ready(fd, PollFlags::OUT, None);
            }
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

/// Prints a command's own output: success, death by SIGPIPE if the reader has gone, or 73.
pub fn print(bytes: &[u8]) -> Exit {
    let mut end = StdoutEnd::default();
    if let Err(e) = write_all(rustix::stdio::stdout(), bytes) {
        end.fail(&e);
    }
    end.exit(None, Exit::Success)
}

/// Writes a message to stderr; a failure to do so is ignored.
pub fn warn_user(bytes: &[u8]) {
    if !bytes.is_empty() {
        // A message may quote an agent, and stderr may be a CI system's log.
        let text = without_commands(&String::from_utf8_lossy(bytes));
        let _ = write_all(rustix::stdio::stderr(), text.as_bytes());
    }
}

/// True if stdout was closed at the start, where Rust's runtime opens /dev/null instead.
static CLOSED: AtomicBool = AtomicBool::new(false);

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

pub fn warn(text: impl Display) {
    warn_user(format!("spile: {text}\n").as_bytes());
}

/// End of stdout before that of the output.
#[derive(Debug, Default)]
pub(super) struct StdoutEnd {
    pub reader_gone: bool,
    pub cannot_write: bool,
}

impl StdoutEnd {
    /// Records a failed write, and reports it unless only the reader has gone.
    pub(super) fn fail(&mut self, e: &io::Error) {
        self.reader_gone = true;
        if e.kind() != io::ErrorKind::BrokenPipe {
            self.cannot_write = true;
            warn(format_args!("cannot write to stdout: {e}"));
        }
    }

    /// Exit status of a loop: death by a signal, then the end of stdout, then `exit`.
    pub(super) fn exit(&self, signal: Option<i32>, exit: Exit) -> Exit {
        match signal {
            Some(signal) => Exit::Signal(signal),
            None if self.cannot_write => exit.or(Exit::CannotWrite),
            None if self.reader_gone => Exit::Signal(SIGPIPE),
            None => exit,
        }
    }
}

/// Duplicate of the descriptor that `/dev/stdout`, `/dev/stderr` or `/dev/fd/N` names; `None` for any other path.
pub fn open_descriptor(path: &str) -> Option<io::Result<File>> {
    let fd: i32 = match path {
        "/dev/stdout" => 1,
        "/dev/stderr" => 2,
        _ => path.strip_prefix("/dev/fd/")?.parse().ok()?,
    };
    if fd < 0 {
        return Some(Err(Errno::BADF.into()));
    }
    // SAFETY: nothing is closed through the borrow, and a descriptor that is not open is an error of `dup`.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    Some(borrowed.try_clone_to_owned().map(File::from))
}

/// Discards what is written to stdout from now on.
pub fn mute_stdout() -> io::Result<()> {
    let null = rustix::fs::open("/dev/null", OFlags::WRONLY, Mode::empty())?;
    Ok(rustix::stdio::dup2_stdout(&null)?)
}

/// Makes every write to stdout fail if it was closed at the start.
pub fn ensure_stdout() {
    if CLOSED.load(Ordering::Relaxed)
        && let Ok(null) = rustix::fs::open("/dev/null", OFlags::RDONLY, Mode::empty())
    {
        let _ = rustix::stdio::dup2_stdout(&null);
    }
}

pub(super) struct Output {
    own: Option<OwnedFd>,
    /// Largest write that does not block, or not for long.
    most: usize,
    pending: Vec<u8>,
    written: usize,
}

impl Output {
    /// Reopens a pipe or terminal behind stdout, so that making it non-blocking affects no other process.
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

    /// Polled for room while bytes wait, and always for a reader that has gone.
    pub(super) fn poll_fd(&self) -> PollFd<'_> {
        PollFd::from_borrowed_fd(self.fd(), self.events())
    }

    pub(super) fn events(&self) -> PollFlags {
        if self.pending() > 0 { PollFlags::OUT } else { PollFlags::empty() }
    }

    pub(super) fn pending(&self) -> usize {
        self.pending.len() - self.written
    }

    /// Queues `bytes`, which are empty then, and writes what the reader takes now.
    pub(super) fn send(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        if bytes.is_empty() && self.pending() == 0 {
            return Ok(());
        }
        self.push(bytes);
        bytes.clear();
        // One huge line must not keep its memory for good.
        bytes.shrink_to(1 << 20);
        self.flush_some()
    }

    /// Takes what was not written.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let rest = self.pending.split_off(self.written);
        (self.pending, self.written) = (Vec::new(), 0);
        rest
    }

    pub(super) fn push(&mut self, bytes: &mut Vec<u8>) {
        if self.pending.is_empty() {
            std::mem::swap(&mut self.pending, bytes);
        } else {
            self.pending.append(bytes);
        }
    }

    /// Writes as much of `bytes` as the reader takes now and queues the rest.
    pub(super) fn offer(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.pending() > 0 {
            self.pending.extend_from_slice(bytes);
            return Ok(());
        }
        let ready = self.most == usize::MAX;
        let written = match rustix::io::write(self.fd(), if ready { bytes } else { &[] }) {
            Ok(n) => n,
            Err(Errno::AGAIN | Errno::INTR) => 0,
            Err(e) => return Err(e.into()),
        };
        self.pending.extend_from_slice(&bytes[written..]);
        Ok(())
    }

    /// Writes what the reader takes now. For a writable descriptor.
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
