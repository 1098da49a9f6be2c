//! Poll of replay, and the effect of signals and keys.

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP};

use super::super::polling::{self, GONE};
use super::follow;
use super::{AHEAD, MAX_PENDING, Player};
use crate::time::Time;

impl Player {
    /// Waits for an event or deadline; `true` if the source can be read.
    pub(super) fn wait(&mut self) -> Result<bool> {
        let now = self.clock.now();
        let rest = self.progress.rest();
        let quiet = self.idle.filter(|_| self.reading.is_some()).map(|idle| self.last_data + idle);
        let at_end = self.tail.as_ref().is_some_and(|tail| tail.waiting);
        let moments = [self.next_due(now), quiet].into_iter().flatten().map(|at| at.since(now));
        let timeout = moments.chain(rest).chain(at_end.then_some(follow::LOOK)).min();
        let wanted = self.replay.queue.len() < AHEAD && self.output.pending() <= MAX_PENDING;
        let mut fds = Vec::with_capacity(4);
        fds.push(PollFd::from_borrowed_fd(self.signals.fd(), PollFlags::IN));
        fds.push(self.output.poll_fd());
        if let Some(at) = &self.stepping {
            fds.push(PollFd::from_borrowed_fd(at.fd(), PollFlags::IN));
        }
        // A file is always ready: at its end the change notice is polled.
        match (&self.reading, &self.tail) {
            (Some(_), Some(tail)) if at_end => {
                if let Some(fd) = tail.fd() {
                    fds.push(PollFd::from_borrowed_fd(fd, PollFlags::IN));
                }
            }
            (Some(reader), _) if wanted => {
                fds.push(PollFd::from_borrowed_fd(reader.fd(), PollFlags::IN));
            }
            _ => {}
        }
        if polling::wait(&mut fds, timeout).context("cannot wait")? == 0 && rest.is_some() {
            self.progress.draw();
        }
        let mut events = fds.iter().map(PollFd::revents);
        let mut next = || events.next().unwrap_or(PollFlags::empty());
        let (signal, stdout) = (next(), next());
        let pressed = match self.stepping {
            Some(_) => next(),
            None => PollFlags::empty(),
        };
        let readable = next();
        if !signal.is_empty() {
            self.on_signals();
        }
        self.stdout.reader_gone |= stdout.intersects(GONE);
        if !pressed.is_empty() {
            self.on_keys();
        }
        if readable.is_empty() {
            self.end_if_idle();
        }
        if at_end && let Some(tail) = &mut self.tail {
            tail.look();
        }
        Ok((at_end || !readable.is_empty()) && wanted && !self.quit && !self.stdout.reader_gone)
    }

    fn end_if_idle(&mut self) {
        let now = self.clock.now();
        if self.reading.is_some() && self.idle.is_some_and(|idle| self.last_data + idle <= now) {
            self.reading = None;
            self.tail = None;
            self.end_source(None);
        }
    }

    /// Time of the next part, unless it waits for something else.
    fn next_due(&mut self, now: Time) -> Option<Time> {
        let mark = *self.replay.queue.front()?;
        let halted = self.stepping.as_ref().is_some_and(|at| at.halted);
        if self.is_held_back(&mark) {
            None
        } else if self.is_due(now, &mark) {
            Some(now)
        } else {
            self.pace.due(mark.gap).filter(|_| !halted)
        }
    }

    pub(super) fn on_signals(&mut self) {
        for signal in self.signals.take() {
            match signal {
                SIGTSTP => self.stop(),
                SIGINT | SIGHUP if self.upstream && self.stepping.is_none() => {
                    self.dies_of.get_or_insert(signal);
                    self.hurried = true;
                }
                SIGTERM if self.stepping.is_none() => {
                    self.dies_of = Some(signal);
                    self.reading = None;
                    self.waiting.clear();
                    self.replay.queue.clear();
                }
                signal => {
                    self.dies_of.get_or_insert(signal);
                    self.quit = true;
                }
            }
        }
    }

    /// Ctrl-Z: the pause does not count as recorded time.
    fn stop(&mut self) {
        if let Some(at) = &self.stepping {
            at.stop();
        }
        self.pace.restart(self.clock.now());
    }

    fn on_keys(&mut self) {
        let now = self.clock.now();
        if let Some(at) = &mut self.stepping {
            self.quit |= at.on_keys(now, &mut self.pace).is_break();
        }
        self.show_keys();
    }

    pub(super) fn show_keys(&mut self) {
        if let Some(at) = &self.stepping {
            let state = if at.halted { "halted" } else { "playing" };
            self.progress.keys(self.pace.speed(), state);
        }
    }
}
