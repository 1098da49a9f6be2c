//! Blocking loop of the commands that read one input after another: each chunk is handled and its output written before
//! the next wait.

use std::io;
use std::ops::{Deref, DerefMut};

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags};
use signal_hook::consts::{SIGPIPE, SIGTERM};

use super::clock::Clock;
use super::control::CancelFilter;
use super::input::{self, Read};
use super::inputs::Inputs;
use super::output::{report_write, warn_user, write_all};
use super::polling::{self, GONE};
use super::signal::{ENDS, OnRepeat, Signals, Stopping};
use super::tree;
use crate::exit::Exit;
use crate::stage::{Io, Stage};

enum Driven<'a> {
    Filter(&'a mut dyn Stage),
    Cancel(&'a mut CancelFilter),
}

impl<'a> Deref for Driven<'a> {
    type Target = dyn Stage + 'a;

    fn deref(&self) -> &Self::Target {
        match self {
            Driven::Filter(stage) => *stage,
            Driven::Cancel(filter) => *filter,
        }
    }
}

impl DerefMut for Driven<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Driven::Filter(stage) => *stage,
            Driven::Cancel(filter) => *filter,
        }
    }
}

/// Runs `stage` from `inputs` to stdout. A SIGINT or SIGHUP ends the process only at the end of the input, because the
/// upstream still has output; one that reads a terminal or files ends at once.
pub fn single(stage: &mut dyn Stage, inputs: Inputs) -> Result<Exit> {
    drive(Driven::Filter(stage), inputs)
}

pub fn single_cancel(filter: &mut CancelFilter, inputs: Inputs) -> Result<Exit> {
    drive(Driven::Cancel(filter), inputs)
}

fn drive(stage: Driven<'_>, inputs: Inputs) -> Result<Exit> {
    let mut run = Single::new(stage, inputs)?;
    match run.run() {
        Err(e) => match e.downcast_ref::<CannotWrite>() {
            Some(CannotWrite(e)) if !report_write(e) => Ok(Exit::Signal(SIGPIPE)),
            Some(_) => Ok(run.stage.exit().or(Exit::CannotWrite)),
            None => Err(e),
        },
        ok => ok,
    }
}

#[derive(Debug)]
struct CannotWrite(io::Error);

impl std::fmt::Display for CannotWrite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot write to stdout: {}", self.0)
    }
}

impl std::error::Error for CannotWrite {}

struct Single<'a> {
    stage: Driven<'a>,
    inputs: Inputs,
    signals: Signals,
    clock: Clock,
    io: Io,
    name: String,
    widened: bool,
    stopping: Stopping,
}

enum Next {
    Read,
    Wait,
    End,
}

impl<'a> Single<'a> {
    fn new(stage: Driven<'a>, inputs: Inputs) -> Result<Self> {
        // A terminal or files: no upstream has output left.
        let alone = rustix::termios::isatty(inputs.fd()) || inputs.are_at_rest();
        let caught: &[i32] = if alone { &[SIGTERM] } else { &ENDS };
        let signals = Signals::catch(caught, OnRepeat::Default).context("cannot catch signals")?;
        Ok(Self {
            stage,
            inputs,
            signals,
            clock: Clock::start(),
            io: Io::default(),
            name: "stdin".to_owned(),
            widened: false,
            stopping: Stopping::default(),
        })
    }

    fn run(&mut self) -> Result<Exit> {
        let mut buf = vec![0; input::CHUNK];
        self.begin_input()?;
        while !self.stage.is_over() {
            match self.wait()? {
                Next::Wait => {}
                Next::End => break,
                Next::Read => match self.read(&mut buf)? {
                    Read::Later => {}
                    Read::End if self.inputs.next() => self.begin_input()?,
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
                        self.write()?;
                    }
                },
            }
        }
        // A Ctrl-C may have ended the upstream, too: its signal counts before the end of the input.
        self.take_signals();
        self.stage.on_end(self.clock.now(), &mut self.io);
        self.write()?;
        Ok(self.stopping.signal().map_or_else(|| self.stage.exit(), Exit::Signal))
    }

    fn begin_input(&mut self) -> Result<()> {
        if let Some(name) = self.inputs.take_name() {
            self.stage.on_source(self.clock.now(), &name, &mut self.io);
            self.name = name;
        }
        self.write()
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
        if let Driven::Cancel(filter) = &self.stage {
            fds.extend(filter.fds().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        }
        polling::wait(&mut fds, deadline.map(|at| at.since(now)))
            .context("cannot wait for input")?;
        self.clock.follow();
        let (input, reader, signal) = (fds[0].revents(), fds[1].revents(), fds[2].revents());
        let replies = fds[3..].iter().any(|fd| !fd.revents().is_empty());
        drop(fds);
        if !signal.is_empty() {
            self.take_signals();
            self.write()?;
        }
        if self.stopping.is_due(self.clock.now()) {
            return Ok(Next::End);
        }
        if reader.intersects(GONE) {
            return Err(CannotWrite(io::ErrorKind::BrokenPipe.into()).into());
        }
        if let (true, Driven::Cancel(filter)) = (replies, &mut self.stage) {
            filter.read_replies(self.clock.now(), &mut self.io);
            self.write()?;
        }
        if !input.is_empty() {
            return Ok(Next::Read);
        }
        let now = self.clock.now();
        if self.stage.deadline().is_some_and(|at| at <= now) {
            self.stage.on_tick(now, &mut self.io);
            self.write()?;
        }
        Ok(Next::Wait)
    }

    fn take_signals(&mut self) {
        for signal in self.signals.take() {
            let now = self.clock.now();
            self.stopping.request(now, signal, || tree::is_fed_by_job(self.inputs.fd()));
            self.stage.on_signal(now, signal, &mut self.io);
        }
    }

    fn write(&mut self) -> Result<()> {
        warn_user(&self.io.err);
        self.io.err.clear();
        if !self.io.out.is_empty() {
            write_all(rustix::stdio::stdout(), &self.io.out).map_err(CannotWrite)?;
            self.io.out.clear();
            // One huge line must not keep its memory for good.
            self.io.out.shrink_to(1 << 20);
        }
        Ok(())
    }
}
