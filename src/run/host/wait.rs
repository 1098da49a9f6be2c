//! Poll of a host: the agent, its guardian, signals, the reader and stdin.

use std::time::Duration;

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags};

use super::Host;
use super::console::Console;
use super::feed::Wants;
use crate::run::child::Guarded;
use crate::run::polling::{self, GONE};

/// Descriptors that are ready.
#[derive(Default)]
pub(super) struct Ready {
    pub signal: bool,
    pub guardian: bool,
    pub stdout: bool,
    pub stderr: bool,
    pub reader_gone: bool,
    pub feed: bool,
    /// The agent has closed its stdin.
    pub deaf: bool,
    pub control: bool,
    pub keys: bool,
}

/// Owner of a descriptor.
#[derive(Clone, Copy)]
pub(super) enum Whose {
    Signal,
    Reader,
    Guardian,
    Stdout,
    Stderr,
    Feed,
    Deaf,
    Control,
    Keys,
    Console,
}

/// Waits until a descriptor is ready, `timeout` at most.
pub(super) fn wait(host: &Host<'_>, timeout: Option<Duration>) -> Result<Ready> {
    let stdin = rustix::stdio::stdin();
    let mut fds = vec![(host.signals.fd(), PollFlags::IN, Whose::Signal)];
    if !host.reader_gone {
        let out = if host.output.pending() > 0 { PollFlags::OUT } else { PollFlags::empty() };
        fds.push((host.output.fd(), out, Whose::Reader));
    }
    if matches!(host.agent.guarded(), Guarded::Yes | Guarded::Finishing) {
        fds.push((host.agent.fd(), PollFlags::IN, Whose::Guardian));
    }
    if !host.held_back {
        let pipes = [(&host.agent.stdout, Whose::Stdout), (&host.agent.stderr, Whose::Stderr)];
        for (fd, whose) in pipes {
            fds.extend(fd.as_ref().map(|fd| (as_fd(fd), PollFlags::IN, whose)));
        }
    }
    if let Some(feed) = &host.feed {
        match feed.wants() {
            Wants::Room => fds.push((as_fd(&feed.to), PollFlags::OUT, Whose::Feed)),
            Wants::Input => {
                fds.push((stdin, PollFlags::IN, Whose::Feed));
                // Polled for the closing of the agent's end alone.
                fds.push((as_fd(&feed.to), PollFlags::empty(), Whose::Deaf));
            }
            Wants::Nothing => {}
        }
    }
    if let Some(control) = &host.requests.server {
        let all = control.fds().into_iter();
        fds.extend(all.map(|(fd, events)| (fd, events, Whose::Control)));
    }
    fds.extend(host.console.iter().flat_map(Console::fds).map(|(fd, events)| {
        let whose = if events == PollFlags::IN { Whose::Keys } else { Whose::Console };
        (fd, events, whose)
    }));
    let mut polled: Vec<PollFd<'_>> =
        fds.iter().map(|(fd, events, _)| PollFd::from_borrowed_fd(*fd, *events)).collect();
    polling::wait(&mut polled, timeout).context("cannot wait for the agent")?;
    let mut ready = Ready::default();
    for (fd, (.., whose)) in polled.iter().zip(&fds) {
        let events = fd.revents();
        let any = !events.is_empty();
        match whose {
            Whose::Signal => ready.signal = any,
            Whose::Reader => ready.reader_gone = events.intersects(GONE),
            Whose::Guardian => ready.guardian = any,
            Whose::Stdout => ready.stdout = any,
            Whose::Stderr => ready.stderr = any,
            Whose::Feed => ready.feed |= any,
            Whose::Deaf => ready.deaf = any,
            Whose::Control => ready.control |= any,
            Whose::Keys => ready.keys = any,
            // Consoles are flushed after every wait.
            Whose::Console => {}
        }
    }
    Ok(ready)
}

fn as_fd(fd: &std::os::fd::OwnedFd) -> std::os::fd::BorrowedFd<'_> {
    std::os::fd::AsFd::as_fd(fd)
}
