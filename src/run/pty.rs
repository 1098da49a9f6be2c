//! Pseudo terminal of an agent: spile holds the master, the agent has the slave as stdin, stdout and stderr.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::fs::{Mode, OFlags};
use rustix::io::FdFlags;
use rustix::process::getpid;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, Termios, Winsize, tcgetattr, tcsetattr, tcsetpgrp,
    tcsetwinsize,
};

use super::polling;

#[derive(Debug)]
pub(super) struct Pty {
    pub master: OwnedFd,
    /// Closed here once the agent has it: otherwise its output does not end.
    pub slave: OwnedFd,
    pub name: CString,
}

impl Pty {
    /// Opens a terminal of this size with the modes of `like`, or without echo.
    pub(super) fn open(size: Winsize, like: Option<&Termios>) -> io::Result<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        rustix::io::fcntl_setfd(&master, FdFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&master, true)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname(&master, Vec::new())?;
        let slave = open_side(&name)?;
        let mut modes = tcgetattr(&slave)?;
        match like {
            Some(like) => {
                modes.input_modes = like.input_modes;
                modes.local_modes = like.local_modes;
                modes.special_codes = like.special_codes.clone();
            }
            None => {
                modes.input_modes |= InputModes::IUTF8;
                modes.local_modes -= LocalModes::ECHO;
            }
        }
        tcsetattr(&slave, OptionalActions::Now, &modes)?;
        tcsetwinsize(&slave, size)?;
        Ok(Self { master, slave, name })
    }
}

/// True if the agent has read all input of the terminal of this name, ends of files included.
pub(super) fn is_input_read(name: &CStr) -> bool {
    let side = open_side(name);
    side.is_ok_and(|side| polling::ready(side, PollFlags::IN, Some(Duration::ZERO)).is_empty())
}

fn open_side(name: &CStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(name, flags, Mode::empty())?)
}

/// Makes the terminal at stdin the controlling one of a new session. Async-signal-safe, for a child before `exec`.
pub(super) fn lead() -> io::Result<()> {
    rustix::process::setsid()?;
    rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
    Ok(())
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
