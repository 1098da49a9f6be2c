//! The loop of every command that reads one input after another: one blocking thread that reads a chunk, handles every complete line of it and
//! writes all there is to say before it waits again.

use std::io;
use std::os::fd::AsFd;

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGPIPE, SIGTERM};

use super::clock::Clock;
use super::input::{self, Read};
use super::inputs::Inputs;
use super::output::{warn_user, write_all};
use super::signal::{ENDS, OnRepeat, Signals, Stopping};
use super::tree;
use crate::exit::Exit;
use crate::stage::{Io, Stage};

/// What the first SIGINT does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// It is noted, and the process dies of it at the end of the input: the upstream still has something to say. So is a
    /// SIGHUP.
    AtEnd,
    /// It ends the process at once.
    AtOnce,
}

/// Runs `stage` from `inputs` to our stdout.
///
/// # Errors
/// That an input cannot be read or stdout cannot be written; a reader that has gone is no error but [`SIGPIPE`].
pub fn single(stage: &mut dyn Stage, inputs: Inputs, interrupt: Interrupt) -> Result<Exit> {
    let mut run = Single::new(stage, inputs, interrupt)?;
    match run.run() {
        Err(e) => match e.downcast_ref::<CannotWrite>() {
            Some(CannotWrite(e)) if e.kind() == io::ErrorKind::BrokenPipe => {
                Ok(Exit::Signal(SIGPIPE))
            }
            Some(why) => {
                warn_user(format!("spile: {why}\n").as_bytes());
                Ok(run.stage.exit().or(Exit::CannotWrite))
            }
            None => Err(e),
        },
        ok => ok,
    }
}

/// Our stdout takes no more.
#[derive(Debug)]
struct CannotWrite(io::Error);

impl std::fmt::Display for CannotWrite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot write to stdout: {}", self.0)
    }
}

impl std::error::Error for CannotWrite {}

struct Single<'a> {
    stage: &'a mut dyn Stage,
    inputs: Inputs,
    signals: Signals,
    clock: Clock,
    io: Io,
    /// The input's name for error messages.
    name: String,
    widened: bool,
    stopping: Stopping,
}

/// What to do after a wait.
enum Next {
    Read,
    Wait,
    End,
}

impl<'a> Single<'a> {
    fn new(stage: &'a mut dyn Stage, inputs: Inputs, interrupt: Interrupt) -> Result<Self> {
        // A person who types, or files: there is no upstream that has something to say.
        let alone = rustix::termios::isatty(inputs.fd()) || inputs.are_at_rest();
        let caught: &[i32] = match interrupt {
            Interrupt::AtEnd if !alone => &ENDS,
            _ => &[SIGTERM],
        };
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
        // A Ctrl-C reaches the upstream too, and what wakes us may be its end: it must not pass for an end of its own.
        self.take_signals();
        self.stage.on_end(self.clock.now(), &mut self.io);
        self.write()?;
        Ok(self.stopping.signal().map_or_else(|| self.stage.exit(), Exit::Signal))
    }

    /// Tells the stage which input comes now, if it has a name.
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

    /// Waits for input, a deadline, a signal, or that our reader goes away.
    fn wait(&mut self) -> Result<Next> {
        let now = self.clock.now();
        let deadline = self.stage.deadline().into_iter().chain(self.stopping.deadline()).min();
        let timeout = deadline.map(|at| at.since(now));
        let timeout = timeout.and_then(|left| Timespec::try_from(left).ok());
        let stdout = rustix::stdio::stdout();
        let signal_fd = self.signals.fd();
        let mut fds = vec![
            PollFd::from_borrowed_fd(self.inputs.fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(stdout.as_fd(), PollFlags::empty()),
            PollFd::from_borrowed_fd(signal_fd, PollFlags::IN),
        ];
        let beside = self.stage.beside().into_iter();
        fds.extend(beside.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(io::Error::from(e)).context("cannot wait for input"),
        }
        self.clock.follow();
        let (input, reader, signal) = (fds[0].revents(), fds[1].revents(), fds[2].revents());
        let beside = fds[3..].iter().any(|fd| !fd.revents().is_empty());
        drop(fds);
        if !signal.is_empty() {
            self.take_signals();
            self.write()?;
        }
        if self.stopping.is_due(self.clock.now()) {
            return Ok(Next::End);
        }
        if reader.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL) {
            return Err(CannotWrite(io::ErrorKind::BrokenPipe.into()).into());
        }
        if beside {
            self.stage.on_beside(self.clock.now(), &mut self.io);
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

    /// Tells the stage of the signals that have come by now.
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
