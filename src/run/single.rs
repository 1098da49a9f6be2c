//! Blocking loop of the commands that read one input after another.

use std::os::fd::BorrowedFd;

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags};
use signal_hook::consts::SIGTERM;

use super::clock::Clock;
use super::control::CancelFilter;
use super::input::{self, Read};
use super::inputs::Inputs;
use super::job;
use super::output::{StdoutEnd, warn_user, write_all};
use super::polling::{self, GONE};
use super::signal::{ENDS, OnRepeat, Signals, Stopping};
use crate::exit::Exit;
use crate::stage::{Io, Piped, Stage};

/// Runs `stage` from `inputs` to stdout. A SIGINT or SIGHUP ends the process only at the end of the input, because the
/// upstream still has output; one that reads a terminal or files ends at once.
pub fn single(stage: &mut dyn Stage, inputs: Inputs) -> Result<Exit> {
    Single::new(stage, |_| Vec::new(), inputs)?.run()
}

pub fn single_cancel(filter: &mut CancelFilter, inputs: Inputs) -> Result<Exit> {
    Single::new(filter, |filter| filter.fds().collect(), inputs)?.run()
}

pub fn single_piped<S: Stage>(stage: &mut Piped<S, CancelFilter>, inputs: Inputs) -> Result<Exit> {
    Single::new(stage, |stage| stage.filter().fds().collect(), inputs)?.run()
}

struct Single<'a, S: Stage + ?Sized> {
    stage: &'a mut S,
    /// Descriptors of the stage; a readable one makes a tick due.
    fds: fn(&S) -> Vec<BorrowedFd<'_>>,
    inputs: Inputs,
    signals: Signals,
    clock: Clock,
    io: Io,
    name: String,
    widened: bool,
    stopping: Stopping,
    stdout: StdoutEnd,
}

enum Next {
    Read,
    Wait,
    End,
}

impl<'a, S: Stage + ?Sized> Single<'a, S> {
    fn new(stage: &'a mut S, fds: fn(&S) -> Vec<BorrowedFd<'_>>, inputs: Inputs) -> Result<Self> {
        // A terminal or files: no upstream has output left.
        let alone = rustix::termios::isatty(inputs.fd()) || inputs.are_at_rest();
        let caught: &[i32] = if alone { &[SIGTERM] } else { &ENDS };
        let signals = Signals::catch(caught, OnRepeat::Default).context("cannot catch signals")?;
        Ok(Self {
            stage,
            fds,
            inputs,
            signals,
            clock: Clock::start(),
            io: Io::default(),
            name: "stdin".to_owned(),
            widened: false,
            stopping: Stopping::default(),
            stdout: StdoutEnd::default(),
        })
    }

    fn run(mut self) -> Result<Exit> {
        let mut buf = vec![0; input::CHUNK];
        self.begin_input();
        while !self.stage.is_over() && !self.stdout.reader_gone {
            match self.wait()? {
                Next::Wait => {}
                Next::End => break,
                Next::Read => match self.read(&mut buf)? {
                    Read::Later => {}
                    Read::End if self.inputs.next() => self.begin_input(),
                    Read::End => break,
                    Read::Bytes(n) => {
                        if n == buf.len() && !self.widened {
                            self.widened = true;
                            input::widen(self.inputs.fd());
                            input::widen(rustix::stdio::stdout());
                        }
                        let now = self.clock.now();
                        if self.stage.deadline().is_some_and(|at| at <= now) {
                            self.stage.on_tick(now, &mut self.io);
                        }
                        self.stage.on_bytes(now, &buf[..n], &mut self.io);
                        self.write();
                    }
                },
            }
        }
        if !self.stdout.reader_gone {
            // A Ctrl-C may have ended the upstream, too: its signal counts before the end of the input.
            self.take_signals();
            self.stage.on_end(self.clock.now(), &mut self.io);
            self.write();
            while !self.stdout.reader_gone && self.stage.on_rest(self.clock.now(), &mut self.io) {
                self.write();
            }
        }
        // The end of stdout counts before a signal whose effect was still awaited.
        let signal = self.stopping.signal().filter(|_| !self.stdout.reader_gone);
        Ok(self.stdout.exit(signal, self.stage.exit()))
    }

    fn begin_input(&mut self) {
        if let Some(name) = self.inputs.take_name() {
            self.stage.on_source(self.clock.now(), &name, &mut self.io);
            self.name = name;
        }
        self.write();
    }

    fn read(&mut self, buf: &mut [u8]) -> Result<Read> {
        input::read(self.inputs.fd(), buf).with_context(|| format!("cannot read {}", self.name))
    }

    fn wait(&mut self) -> Result<Next> {
        let now = self.clock.now();
        let deadline = self.stage.deadline().into_iter().chain(self.stopping.until).min();
        let mut fds = vec![
            PollFd::from_borrowed_fd(self.inputs.fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(rustix::stdio::stdout(), PollFlags::empty()),
            PollFd::from_borrowed_fd(self.signals.fd(), PollFlags::IN),
        ];
        let own = (self.fds)(self.stage).into_iter();
        fds.extend(own.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        polling::wait(&mut fds, deadline.map(|at| at.since(now)))
            .context("cannot wait for input")?;
        self.clock.follow();
        let (input, reader, signal) = (fds[0].revents(), fds[1].revents(), fds[2].revents());
        let own = fds[3..].iter().any(|fd| !fd.revents().is_empty());
        drop(fds);
        if !signal.is_empty() {
            self.take_signals();
            self.write();
        }
        let now = self.clock.now();
        if self.stopping.is_due(now) {
            return Ok(Next::End);
        }
        self.stdout.reader_gone |= reader.intersects(GONE);
        let due = input.is_empty() && self.stage.deadline().is_some_and(|at| at <= now);
        if (own || due) && !self.stdout.reader_gone {
            self.stage.on_tick(now, &mut self.io);
            self.write();
        }
        let can_read = !input.is_empty() && !self.stdout.reader_gone;
        Ok(if can_read { Next::Read } else { Next::Wait })
    }

    fn take_signals(&mut self) {
        for signal in self.signals.take() {
            let now = self.clock.now();
            self.stopping.request(now, signal, || job::feeds(self.inputs.fd()));
            self.stage.on_signal(now, signal, &mut self.io);
        }
    }

    fn write(&mut self) {
        warn_user(&self.io.err);
        self.io.err.clear();
        if !self.io.out.is_empty() {
            if let Err(e) = write_all(rustix::stdio::stdout(), &self.io.out) {
                self.stdout.fail(&e);
            }
            self.io.out.clear();
            // One huge line must not keep its memory for good.
            self.io.out.shrink_to(1 << 20);
        }
    }
}
