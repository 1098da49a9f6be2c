//! The loop of every command with one input: one blocking thread that reads a chunk, handles every complete line of it and
//! writes all there is to say before it waits again.

use std::io;
use std::os::fd::AsFd;

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGINT, SIGPIPE, SIGTERM};

use super::clock::Clock;
use super::input::{self, Read};
use super::output::{complain, write_all};
use super::signal::{Second, Signals};
use crate::exit::Exit;
use crate::stage::{Io, Stage};

/// What the first SIGINT does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// It is noted, and the process dies of it at the end of the input: the upstream still has something to say.
    AtEnd,
    /// It ends the process at once.
    AtOnce,
}

/// Runs `stage` from our stdin to our stdout.
///
/// # Errors
/// That stdin cannot be read or stdout cannot be written; a reader that has gone is no error but [`SIGPIPE`].
pub fn single(stage: &mut dyn Stage, interrupt: Interrupt) -> Result<Exit> {
    let mut run = Single::new(stage, interrupt)?;
    match run.run() {
        Err(e) => match e.downcast_ref::<CannotWrite>() {
            Some(CannotWrite(e)) if e.kind() == io::ErrorKind::BrokenPipe => {
                Ok(Exit::Signal(SIGPIPE))
            }
            Some(why) => {
                complain(format!("spile: {why}\n").as_bytes());
                Ok(Exit::CannotWrite)
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
    signals: Signals,
    clock: Clock,
    io: Io,
    widened: bool,
    /// The signal of which the process dies when all is said.
    dies_of: Option<i32>,
}

/// What to do after a wait.
enum Next {
    Read,
    Wait,
    End,
}

impl<'a> Single<'a> {
    fn new(stage: &'a mut dyn Stage, interrupt: Interrupt) -> Result<Self> {
        let person = rustix::termios::isatty(rustix::stdio::stdin());
        let caught: &[i32] = match interrupt {
            Interrupt::AtEnd if !person => &[SIGINT, SIGTERM],
            _ => &[SIGTERM],
        };
        let signals = Signals::catch(caught, Second::Default).context("cannot catch signals")?;
        Ok(Self {
            stage,
            signals,
            clock: Clock::start(),
            io: Io::default(),
            widened: false,
            dies_of: None,
        })
    }

    fn run(&mut self) -> Result<Exit> {
        let stdin = rustix::stdio::stdin();
        let mut buf = vec![0; input::CHUNK];
        while !self.stage.is_over() {
            match self.wait()? {
                Next::Wait => {}
                Next::End => break,
                Next::Read => match input::read(stdin, &mut buf).context("cannot read stdin")? {
                    Read::Later => {}
                    Read::End => break,
                    Read::Bytes(n) => {
                        if n == buf.len() && !self.widened {
                            self.widened = true;
                            input::widen(stdin);
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
        self.hear_signals();
        self.stage.on_end(self.clock.now(), &mut self.io);
        self.write()?;
        Ok(self.dies_of.map_or_else(|| self.stage.exit(), Exit::Signal))
    }

    /// Waits for input, a deadline, a signal, or that our reader goes away.
    fn wait(&mut self) -> Result<Next> {
        let now = self.clock.now();
        let timeout = self.stage.deadline().map(|at| at.since(now));
        let timeout = timeout.and_then(|left| Timespec::try_from(left).ok());
        let (stdin, stdout) = (rustix::stdio::stdin(), rustix::stdio::stdout());
        let signal_fd = self.signals.fd();
        let mut fds = vec![
            PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(stdout.as_fd(), PollFlags::empty()),
            PollFd::from_borrowed_fd(signal_fd, PollFlags::IN),
        ];
        let beside = self.stage.beside().into_iter();
        fds.extend(beside.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(io::Error::from(e)).context("cannot wait for input"),
        }
        let (input, reader, signal) = (fds[0].revents(), fds[1].revents(), fds[2].revents());
        let beside = fds[3..].iter().any(|fd| !fd.revents().is_empty());
        drop(fds);
        if !signal.is_empty() {
            self.hear_signals();
            if self.dies_of == Some(SIGTERM) {
                return Ok(Next::End);
            }
            self.write()?;
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
    fn hear_signals(&mut self) {
        for signal in self.signals.take() {
            if signal == SIGTERM {
                self.dies_of = Some(signal);
            }
            self.dies_of.get_or_insert(signal);
            self.stage.on_signal(self.clock.now(), signal, &mut self.io);
        }
    }

    fn write(&mut self) -> Result<()> {
        complain(&self.io.err);
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
