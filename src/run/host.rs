//! The loop of a wrap with a command: both outputs, the exit, signals and our reader, all waited for at one place.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Child;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::json;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGTERM};

use super::child;
use super::clock::Clock;
use super::input::{self, Read};
use super::output::{Output, complain};
use super::signal::{Second, Signals};
use crate::exit::Exit;
use crate::guard::{Ended, Notice};
use crate::tap::Tap;
use crate::time::Time;

/// After the child's exit its pipes are read until they have been quiet for so long, and no longer than [`DRAIN_MOST`].
const DRAIN_QUIET: Duration = Duration::from_millis(250);
const DRAIN_MOST: Duration = Duration::from_secs(5);

/// How long each signal of the ladder has to work before the next.
const GRACE: Duration = Duration::from_secs(5);

/// Events that may wait for a slow reader before the agent's output is left in its pipes, in bytes.
const MAX_PENDING: usize = 8 << 20;

/// Drives a started agent to its end; what it says goes through `tap` to our stdout.
///
/// # Errors
/// That the loop itself cannot wait or read.
pub fn host(tap: &mut Tap, child: Child, argv: &[String], feed: bool) -> Result<Exit> {
    let mut host = Host::new(tap, child, feed)?;
    host.say_session(argv);
    host.run()
}

struct Host<'a> {
    tap: &'a mut Tap,
    child: Child,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
    feed: Option<Feed>,
    output: Output,
    reader_gone: bool,
    cannot_write: bool,
    signals: Signals,
    clock: Clock,
    /// How the child ended, and when.
    exited: Option<(Ended, Time)>,
    last_read: Time,
    ladder: Option<Ladder>,
    /// Whether any signal of the ladder was sent.
    killed: bool,
    /// The signal that we were sent.
    dies_of: Option<i32>,
    said_end: bool,
}

/// The signals still to be sent, and when the next is due.
struct Ladder {
    rest: Vec<i32>,
    next: Time,
}

/// Our stdin on its way to the child's.
struct Feed {
    to: OwnedFd,
    held: Vec<u8>,
    ended: bool,
}

/// Which descriptors a wait has found ready.
#[derive(Default)]
struct Ready {
    signal: bool,
    stdout: bool,
    stderr: bool,
    write: bool,
    reader_gone: bool,
    feed_read: bool,
    feed_write: bool,
}

impl<'a> Host<'a> {
    fn new(tap: &'a mut Tap, mut child: Child, feed: bool) -> Result<Self> {
        let signals = Signals::catch(&[SIGINT, SIGTERM, SIGHUP, SIGCHLD], Second::Report)
            .context("cannot catch signals")?;
        let to = child.stdin.take().filter(|_| feed).map(OwnedFd::from);
        if let Some(to) = &to {
            rustix::io::ioctl_fionbio(to, true).context("cannot feed the agent's stdin")?;
        }
        let clock = Clock::start();
        Ok(Self {
            tap,
            stdout: child.stdout.take().map(OwnedFd::from),
            stderr: child.stderr.take().map(OwnedFd::from),
            feed: to.map(|to| Feed {
                to,
                held: Vec::new(),
                ended: false,
            }),
            child,
            output: Output::open(),
            reader_gone: false,
            cannot_write: false,
            signals,
            clock,
            exited: None,
            last_read: clock.now(),
            ladder: None,
            killed: false,
            dies_of: None,
            said_end: false,
        })
    }

    fn say_session(&mut self, argv: &[String]) {
        let data = json!({"pid": self.child.id(), "argv": argv, "adapter": self.tap.adapter()});
        let now = self.clock.now();
        self.tap.guard().status(
            now,
            &Notice {
                kind: "session",
                data: Some(data),
                ..Notice::default()
            },
        );
        self.collect();
    }

    fn run(&mut self) -> Result<Exit> {
        let mut buf = vec![0; input::CHUNK];
        // A child that ended before signals were caught has sent its SIGCHLD to nobody.
        self.reap();
        while !(self.said_end && (self.output.pending() == 0 || self.reader_gone)) {
            let ready = self.wait()?;
            if ready.signal {
                self.on_signals();
            }
            if ready.reader_gone {
                self.lose_reader();
            }
            if ready.stdout {
                self.read_stdout(&mut buf)?;
            }
            if ready.stderr {
                self.read_stderr(&mut buf)?;
            }
            if ready.feed_read || ready.feed_write {
                self.feed_child(&mut buf);
            }
            self.on_time();
            self.collect();
            if self.output.pending() > 0 && !self.reader_gone {
                self.write();
            }
        }
        Ok(self.exit())
    }

    /// Waits for whatever comes first.
    fn wait(&mut self) -> Result<Ready> {
        let now = self.clock.now();
        let timeout = self
            .deadline()
            .map(|at| at.since(now))
            .and_then(|left| Timespec::try_from(left).ok());
        let out_events = if self.output.pending() > 0 {
            PollFlags::OUT
        } else {
            PollFlags::empty()
        };
        let held_back = self.held_back();
        let stdin = rustix::stdio::stdin();
        let mut fds = vec![
            (
                PollFd::from_borrowed_fd(self.signals.fd(), PollFlags::IN),
                0,
            ),
            (PollFd::from_borrowed_fd(self.output.fd(), out_events), 1),
        ];
        if let Some(fd) = self.stdout.as_ref().filter(|_| !held_back) {
            fds.push((PollFd::new(fd, PollFlags::IN), 2));
        }
        if let Some(fd) = self.stderr.as_ref().filter(|_| !held_back) {
            fds.push((PollFd::new(fd, PollFlags::IN), 3));
        }
        if let Some(feed) = &self.feed {
            if !feed.held.is_empty() {
                fds.push((PollFd::new(&feed.to, PollFlags::OUT), 5));
            } else if !feed.ended {
                fds.push((PollFd::from_borrowed_fd(stdin, PollFlags::IN), 4));
                fds.push((PollFd::new(&feed.to, PollFlags::empty()), 5));
            }
        }
        if self.reader_gone {
            fds.remove(1);
        }
        let (mut polled, tags): (Vec<PollFd<'_>>, Vec<u8>) = fds.into_iter().unzip();
        match poll(&mut polled, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(io::Error::from(e)).context("cannot wait for the agent"),
        }
        let mut ready = Ready::default();
        for (fd, tag) in polled.iter().zip(tags) {
            let events = fd.revents();
            match tag {
                0 => ready.signal = !events.is_empty(),
                1 => {
                    ready.reader_gone =
                        events.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL);
                    ready.write = events.contains(PollFlags::OUT);
                }
                2 => ready.stdout = !events.is_empty(),
                3 => ready.stderr = !events.is_empty(),
                4 => ready.feed_read = !events.is_empty(),
                _ => ready.feed_write = !events.is_empty(),
            }
        }
        Ok(ready)
    }

    /// Whether the reader is so slow that the agent's output stays in its pipes.
    fn held_back(&self) -> bool {
        self.output.pending() > MAX_PENDING && !self.reader_gone
    }

    fn deadline(&self) -> Option<Time> {
        let drained = self
            .exited
            .filter(|_| !self.held_back() && !self.said_end)
            .map(|(_, at)| self.drained_at(at));
        [
            self.tap.deadline(),
            self.ladder.as_ref().map(|l| l.next),
            drained,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// When the pipes of a child that exited at `at` have been waited for long enough.
    fn drained_at(&self, at: Time) -> Time {
        if self.stdout.is_none() && self.stderr.is_none() {
            return at;
        }
        (self.last_read.max(at) + DRAIN_QUIET).min(at + DRAIN_MOST)
    }

    fn on_signals(&mut self) {
        for signal in self.signals.take() {
            if signal == SIGCHLD {
                self.reap();
                continue;
            }
            let name = signal_hook::low_level::signal_name(signal).unwrap_or("a signal");
            self.tap.guard().ask_cancel("signal", name);
            if self.dies_of.replace(signal).is_some() {
                self.climb(vec![SIGKILL]);
            } else {
                self.climb(vec![signal, SIGTERM, SIGKILL]);
            }
        }
    }

    /// Our reader has gone: nobody hears the agent any more, so it is told to stop.
    fn lose_reader(&mut self) {
        if !self.reader_gone {
            self.reader_gone = true;
            self.tap
                .guard()
                .ask_cancel("signal", "the reader of the output has gone");
            self.climb(vec![SIGTERM, SIGKILL]);
        }
    }

    /// Sends the first of `signals` now and the others after a while each, until the child has ended.
    fn climb(&mut self, signals: Vec<i32>) {
        self.ladder = Some(Ladder {
            rest: signals,
            next: self.clock.now(),
        });
        self.step();
    }

    fn step(&mut self) {
        let now = self.clock.now();
        let Some(ladder) = &mut self.ladder else {
            return;
        };
        if ladder.next > now {
            return;
        }
        if ladder.rest.is_empty() {
            self.ladder = None;
            return;
        }
        child::signal_group(&self.child, ladder.rest.remove(0));
        self.killed = true;
        ladder.next = now + GRACE;
    }

    fn reap(&mut self) {
        if self.exited.is_none()
            && let Ok(Some(status)) = self.child.try_wait()
        {
            self.exited = Some((child::ended(status), self.clock.now()));
        }
    }

    fn read_stdout(&mut self, buf: &mut [u8]) -> Result<()> {
        let Some(fd) = &self.stdout else {
            return Ok(());
        };
        match input::read(fd.as_fd(), buf).context("cannot read the agent's stdout")? {
            Read::Later => {}
            Read::End => self.stdout = None,
            Read::Bytes(n) => {
                self.last_read = self.clock.now();
                self.tap.on_stdout(self.last_read, &buf[..n]);
            }
        }
        Ok(())
    }

    fn read_stderr(&mut self, buf: &mut [u8]) -> Result<()> {
        let Some(fd) = &self.stderr else {
            return Ok(());
        };
        match input::read(fd.as_fd(), buf).context("cannot read the agent's stderr")? {
            Read::Later => {}
            Read::End => self.stderr = None,
            Read::Bytes(n) => {
                self.last_read = self.clock.now();
                self.tap.on_stderr(self.last_read, &buf[..n]);
            }
        }
        Ok(())
    }

    /// Copies a piece of our stdin to the child's.
    fn feed_child(&mut self, buf: &mut [u8]) {
        let Some(feed) = &mut self.feed else { return };
        if feed.held.is_empty() && !feed.ended {
            match input::read(rustix::stdio::stdin(), buf) {
                Ok(Read::Bytes(n)) => feed.held.extend_from_slice(&buf[..n]),
                Ok(Read::Later) => {}
                Ok(Read::End) | Err(_) => feed.ended = true,
            }
        }
        match rustix::io::write(&feed.to, &feed.held) {
            Ok(n) => drop(feed.held.drain(..n)),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            // The child has closed its stdin: what it does not want it does not get.
            Err(_) => feed.ended = true,
        }
        if feed.ended && feed.held.is_empty() {
            self.feed = None;
        }
    }

    fn on_time(&mut self) {
        let now = self.clock.now();
        self.tap.on_tick(now);
        self.step();
        if let Some((ended, at)) = self.exited
            && !self.said_end
            && !self.held_back()
            && self.drained_at(at) <= now
        {
            self.say_end(now, ended);
        }
    }

    fn say_end(&mut self, now: Time, ended: Ended) {
        self.said_end = true;
        if self.stdout.is_some() || self.stderr.is_some() {
            let message =
                "a process that outlives the agent holds its output open; it is not waited for";
            self.tap.guard().status(
                now,
                &Notice {
                    kind: "detached_writers",
                    message: Some(message),
                    ..Notice::default()
                },
            );
        }
        self.tap.on_end(now, ended);
        let mut data = serde_json::to_value(ended.child_exit()).unwrap_or_default();
        data["killed"] = json!(self.killed);
        self.tap.guard().status(
            now,
            &Notice {
                kind: "exit",
                data: Some(data),
                ..Notice::default()
            },
        );
        if let Some(hint) = self.tap.take_hint() {
            complain(format!("spile: hint: {hint}\n").as_bytes());
        }
    }

    fn collect(&mut self) {
        let out = &mut self.tap.guard().out;
        if self.reader_gone {
            out.clear();
        } else if !out.is_empty() {
            let mut bytes = std::mem::take(out);
            self.output.push(&mut bytes);
        }
    }

    fn write(&mut self) {
        if let Err(e) = self.output.flush_some() {
            if e.kind() != io::ErrorKind::BrokenPipe {
                complain(format!("spile: cannot write to stdout: {e}\n").as_bytes());
                self.cannot_write = true;
            }
            self.lose_reader();
        }
    }

    fn exit(&self) -> Exit {
        let child = match self.exited {
            _ if self.killed => Exit::Success,
            Some((Ended::Exited(code), _)) if code != 0 => {
                Exit::Child(u8::try_from(code).unwrap_or(u8::MAX))
            }
            Some((Ended::Signalled(signal), _)) => Exit::Signal(signal),
            _ => Exit::Success,
        };
        if let Some(signal) = self.dies_of {
            return Exit::Signal(signal);
        }
        match (self.reader_gone, self.cannot_write) {
            (_, true) => Exit::CannotWrite,
            (true, _) => Exit::Signal(SIGPIPE),
            _ => child.or(self.tap.exit()),
        }
    }
}
