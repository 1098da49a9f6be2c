//! Terminal of the user: raw while the agent has it, restored at every end but SIGKILL.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, fstat};
use rustix::process::{Signal, getpgrp, getpid, kill_current_process_group, kill_process};
use rustix::termios::{
    OptionalActions, OutputModes, Termios, Winsize, isatty, tcgetattr, tcgetpgrp, tcgetwinsize,
    tcsetattr, tcsetpgrp,
};

/// Default size: 80 columns, 24 lines.
const DEFAULT_SIZE: Winsize = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };

/// Size of the user's terminal, or the default.
pub(super) fn size() -> Winsize {
    let stdio = [rustix::stdio::stdin(), rustix::stdio::stderr(), rustix::stdio::stdout()];
    let mut sizes = stdio.into_iter().filter_map(|fd| tcgetwinsize(fd).ok());
    let known = sizes.find(|size| size.ws_row > 0 && size.ws_col > 0);
    known.unwrap_or(DEFAULT_SIZE)
}

#[derive(Debug)]
pub(super) struct Terminal {
    /// Own description, so that making it non-blocking affects no other process.
    fd: OwnedFd,
    pub saved: Termios,
    pub raw: bool,
    /// True if the agent's screen is shown.
    pub shows: bool,
}

impl Terminal {
    /// The terminal at stdin, if it is one; unchanged.
    pub(super) fn at_stdin() -> Option<Self> {
        let stdin = rustix::stdio::stdin();
        if !isatty(stdin) {
            return None;
        }
        let fd = reopen(stdin).ok()?;
        let saved = tcgetattr(stdin).ok()?;
        // Events and the agent's screen cannot share a terminal.
        let shows = !is_same(stdin, rustix::stdio::stdout());
        Some(Self { fd, saved, raw: false, shows })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    pub(super) fn take(&mut self) {
        if !self.is_in_front() {
            self.raw = false;
            return;
        }
        if !self.raw
            && let Ok(now) = tcgetattr(&self.fd)
        {
            self.saved = now;
        }
        let mut modes = self.saved.clone();
        modes.make_raw();
        if !self.shows {
            // Lines of other programs need their carriage returns.
            modes.output_modes = self.saved.output_modes | OutputModes::OPOST;
        }
        self.raw = tcsetattr(&self.fd, OptionalActions::Now, &modes).is_ok();
    }

    pub(super) fn restore(&mut self) {
        if self.raw && self.is_in_front() {
            let _ = tcsetattr(&self.fd, OptionalActions::Now, &self.saved);
        }
        self.raw = false;
    }

    fn is_in_front(&self) -> bool {
        // A terminal that is not the controlling one has no foreground group of this session.
        tcgetpgrp(&self.fd).map_or(true, |group| group == getpgrp())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.restore();
    }
}

fn reopen(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let named = rustix::termios::ttyname(fd, Vec::new());
    let named = named.and_then(|name| rustix::fs::open(name, flags, Mode::empty()));
    let opened = named.or_else(|_| rustix::fs::open("/dev/tty", flags, Mode::empty()));
    Ok(opened.or_else(|_| rustix::io::fcntl_dupfd_cloexec(fd, 3))?)
}

fn is_same(fd: BorrowedFd<'_>, other: BorrowedFd<'_>) -> bool {
    let device = |fd| fstat(fd).map(|stat| stat.st_rdev).ok();
    let controlling = rustix::fs::stat("/dev/tty").map(|stat| stat.st_rdev).ok();
    isatty(other) && (device(fd) == device(other) || device(other) == controlling)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Job,
    Us,
}

/// Stops as SIGTSTP does by default, and returns when continued; at once if the job cannot be continued.
pub(super) fn stop(who: Who) {
    let mut old = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    let mut default = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: zeroed is a valid sigaction; its fields are set before it is used, and `old` is a place for the answer.
    let caught = unsafe {
        (*default.as_mut_ptr()).sa_sigaction = libc::SIG_DFL;
        libc::sigaction(libc::SIGTSTP, default.as_ptr(), old.as_mut_ptr()) == 0
    };
    let _ = match who {
        Who::Job => kill_current_process_group(Signal::TSTP),
        Who::Us => kill_process(getpid(), Signal::TSTP),
    };
    if caught {
        // SAFETY: `old` was filled by the call above.
        unsafe {
            libc::sigaction(libc::SIGTSTP, old.as_ptr(), std::ptr::null_mut());
        }
    }
}

/// Starts a new session without a terminal, and with it a process group. An agent that kept the terminal in the
/// background could type there (TIOCSTI) and would be stopped by reading from it. For a child before `exec`.
pub(super) fn leave_terminal() -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}

/// Makes the process group of this process the foreground group of the terminal at stdin. For a child before `exec`.
pub(super) fn come_to_the_front() -> io::Result<()> {
    let mut set = std::mem::MaybeUninit::<libc::sigset_t>::zeroed();
    let mut old = std::mem::MaybeUninit::<libc::sigset_t>::zeroed();
    // SIGTTOU must be blocked for a background group to do this. SAFETY: both are valid places for a signal set, and
    // the first is filled before it is read.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGTTOU);
        libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), old.as_mut_ptr());
    }
    let done = tcsetpgrp(rustix::stdio::stdin().as_fd(), getpid());
    // SAFETY: `old` was filled by the call above; a null place asks for nothing.
    unsafe {
        libc::sigprocmask(libc::SIG_SETMASK, old.as_ptr(), std::ptr::null_mut());
    }
    Ok(done?)
}
