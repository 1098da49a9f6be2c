//! Our stdin on its way to the agent's.

use std::os::fd::OwnedFd;

use crate::run::input::{self, Read};

/// A pipe to the agent's stdin, and what waits in front of it.
pub(super) struct Feed {
    pub to: OwnedFd,
    held: Vec<u8>,
    ended: bool,
}

/// For what it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wants {
    /// Something to read on our stdin.
    Input,
    /// Room in the agent's.
    Room,
    /// Nothing: everything was passed on, or the agent takes no more.
    Nothing,
}

impl Feed {
    /// # Errors
    /// That the pipe cannot be made non-blocking.
    pub(super) fn new(to: OwnedFd) -> std::io::Result<Self> {
        rustix::io::ioctl_fionbio(&to, true)?;
        Ok(Self {
            to,
            held: Vec::new(),
            ended: false,
        })
    }

    pub(super) fn wants(&self) -> Wants {
        match (self.held.is_empty(), self.ended) {
            (false, _) => Wants::Room,
            (true, false) => Wants::Input,
            (true, true) => Wants::Nothing,
        }
    }

    /// Copies a piece; call it when what it wants is there.
    pub(super) fn copy(&mut self, buf: &mut [u8]) {
        if self.wants() == Wants::Input {
            match input::read(rustix::stdio::stdin(), buf) {
                Ok(Read::Bytes(n)) => self.held.extend(buf.iter().take(n)),
                Ok(Read::Later) => {}
                Ok(Read::End) | Err(_) => self.ended = true,
            }
        }
        match rustix::io::write(&self.to, &self.held) {
            Ok(n) => drop(self.held.drain(..n)),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            // The agent has closed its stdin: what it does not want it does not get.
            Err(_) => {
                self.ended = true;
                self.held.clear();
            }
        }
    }
}
