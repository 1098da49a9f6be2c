//! A pseudo terminal for an agent: the master is ours, the other side is its stdin, stdout and stderr.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::FdFlags;
use rustix::process::getpid;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, Termios, Winsize, tcgetattr, tcsetattr, tcsetpgrp,
    tcsetwinsize,
};

/// Both sides of a pseudo terminal.
#[derive(Debug)]
pub(super) struct Pty {
    /// Never blocks.
    pub master: OwnedFd,
    /// The agent's side. It has to be closed here once the agent has it, or its output does not end.
    pub slave: OwnedFd,
    name: CString,
}

impl Pty {
    /// A terminal of this size. It behaves like that of a person, if there is one; else it does not echo: what is fed
    /// to the agent is not what it says.
    ///
    /// # Errors
    /// That the system has no terminal left, or none at all.
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

    /// Tells later what was typed and not read.
    pub(super) fn queue(&self) -> Queue {
        Queue(self.name.clone())
    }
}

/// What was typed at a terminal and waits for the agent.
#[derive(Debug)]
pub(super) struct Queue(CString);

impl Queue {
    /// True if the agent has read all of it, ends of files included.
    pub(super) fn is_empty(&self) -> bool {
        let Ok(side) = open_side(&self.0) else {
            return false;
        };
        let mut fds = [PollFd::new(&side, PollFlags::IN)];
        matches!(poll(&mut fds, Some(&Timespec::default())), Ok(0))
    }
}

fn open_side(name: &CString) -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(name.as_c_str(), flags, Mode::empty())?)
}

/// Makes the terminal at our stdin the controlling one of a session of our own. For a child before `exec`: it calls
/// nothing that is not safe there.
pub(super) fn lead() -> io::Result<()> {
    rustix::process::setsid()?;
    rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
    Ok(())
}

/// Leaves the terminal of our session for a session of our own, and with it a process group. An agent that kept it without
/// being in front could type there (TIOCSTI), and would be stopped for ever by reading from it. For a child before `exec`,
/// too.
pub(super) fn leave_terminal() -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}

/// Makes our process group, of which we are the leader, the one that has the terminal at our stdin. For a child before
/// `exec`, too.
pub(super) fn come_to_the_front() -> io::Result<()> {
    let mut set = std::mem::MaybeUninit::<libc::sigset_t>::zeroed();
    let mut old = std::mem::MaybeUninit::<libc::sigset_t>::zeroed();
    // A group in the background may do it only while this signal is blocked.
    // SAFETY: both are valid places for a signal set, and the first is filled before it is read.
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
