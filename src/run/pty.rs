//! Pseudo terminal of the agent: spile holds the master, the agent has the slave as stdin, stdout and stderr.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::fs::{Mode, OFlags};
use rustix::io::FdFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, Termios, Winsize, tcgetattr, tcsetattr, tcsetwinsize,
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
