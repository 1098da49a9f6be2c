//! Poll of a host: the agent, its guardian, signals, the reader and stdin.

use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags};

use super::Host;
use super::console::Console;
use super::feed::Wants;
use crate::run::child::Guarded;
use crate::run::polling::{self, GONE};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Signal,
    Reader,
    Guardian,
    Stdout,
    Stderr,
    Feed,
    /// The closing of the agent's stdin.
    StdinClosed,
    Control,
    Keys,
    /// Command for permission, read after every wait.
    Question,
    /// Flushed after every wait.
    Console,
}

/// Descriptors that are ready.
pub(super) struct Ready {
    /// Each once, in the order in which they are served; the reader only if it has gone.
    pub whose: Vec<Whose>,
    /// Events of the control socket and its clients, in their order.
    pub control: Vec<PollFlags>,
}

/// Waits, `timeout` at most.
pub(super) fn wait(host: &Host<'_>, timeout: Option<Duration>) -> Result<Ready> {
    let stdin = rustix::stdio::stdin();
    let mut fds = vec![(host.signals.fd(), PollFlags::IN, Whose::Signal)];
    // A file is always ready.
    if !host.stdout.reader_gone && host.run_file.is_none() {
        fds.push((host.output.fd(), host.output.events(), Whose::Reader));
    }
    if matches!(host.agent.guarded, Guarded::Yes | Guarded::Finishing) {
        fds.push((host.agent.fd(), PollFlags::IN, Whose::Guardian));
    }
    if !host.held_back {
        let pipes = [(&host.agent.stdout, Whose::Stdout), (&host.agent.stderr, Whose::Stderr)];
        for (fd, whose) in pipes {
            fds.extend(fd.as_ref().map(|fd| (fd.as_fd(), PollFlags::IN, whose)));
        }
    }
    if let Some(feed) = &host.feed {
        match feed.wants() {
            Wants::Room => fds.push((feed.to.as_fd(), PollFlags::OUT, Whose::Feed)),
            Wants::Input => {
                // Polled for the closing of the agent's end alone.
                fds.push((feed.to.as_fd(), PollFlags::empty(), Whose::StdinClosed));
                fds.push((stdin, PollFlags::IN, Whose::Feed));
            }
            Wants::Message => fds.push((feed.to.as_fd(), PollFlags::empty(), Whose::StdinClosed)),
            Wants::Nothing => {}
        }
    }
    let first_client = fds.len();
    if let Some(control) = &host.requests.server {
        let all = control.fds().into_iter();
        fds.extend(all.map(|(fd, events)| (fd, events, Whose::Control)));
    }
    fds.extend(host.questions.fds().map(|(fd, events)| (fd, events, Whose::Question)));
    fds.extend(host.console.iter().flat_map(Console::fds).map(|(fd, events)| {
        let whose = if events == PollFlags::IN { Whose::Keys } else { Whose::Console };
        (fd, events, whose)
    }));
    let mut polled: Vec<PollFd<'_>> =
        fds.iter().map(|(fd, events, _)| PollFd::from_borrowed_fd(*fd, *events)).collect();
    polling::wait(&mut polled, timeout).context("cannot wait for the agent")?;
    let all = polled.iter().zip(&fds).map(|(fd, (.., whose))| (*whose, fd.revents()));
    let ready = all.filter(|(whose, events)| match whose {
        Whose::Reader => events.intersects(GONE),
        _ => !events.is_empty(),
    });
    let mut whose: Vec<Whose> = ready.map(|(whose, _)| whose).collect();
    whose.dedup();
    let control = polled.iter().zip(&fds).skip(first_client);
    let control = control.filter(|(_, (.., whose))| *whose == Whose::Control);
    Ok(Ready { whose, control: control.map(|(fd, _)| fd.revents()).collect() })
}
