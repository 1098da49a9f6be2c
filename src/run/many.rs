//! The loop of merge: many inputs and one output, waited for at one place. A blocked input delays no other; a slow reader
//! holds back all of them.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::SIGPIPE;

use super::clock::Clock;
use super::input::{self, Read};
use super::output::{Output, warn_user};
use super::signal::{ENDS, OnRepeat, Signals, Stopping};
use super::tree;
use crate::exit::Exit;
use crate::merge::Merge;
use crate::stage::Io;
use crate::time::Time;

/// Events that may wait for a slow reader before the inputs are left unread, in bytes.
const MAX_PENDING: usize = 256 << 10;

/// How long the others wait for the end of a line too long to look at; then it is cut where they have something to say.
const PATIENCE: Duration = Duration::from_millis(100);

/// One input: a descriptor of our own, or our stdin as it is.
#[derive(Debug)]
pub struct Input(Option<OwnedFd>);

/// Our stdin.
#[must_use]
pub fn stdin() -> Input {
    Input(None)
}

/// Opens a file, a FIFO or a process substitution (`/dev/fd/N`). It does not wait for a FIFO's writer.
///
/// # Errors
/// Those of `open(2)`, and that it is a folder.
pub fn open(path: &Path) -> io::Result<Input> {
    // A FIFO without a writer is opened at once and becomes readable when one comes. The description is our own, also
    // that of a `/dev/fd/N`: nobody else finds it non-blocking.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let fd = rustix::fs::open(path, flags, Mode::empty())?;
    let stat = rustix::fs::fstat(&fd)?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        return Err(Errno::ISDIR.into());
    }
    Ok(Input(Some(fd)))
}

/// Starts one agent of several: `program` with `args`, its number from 1 in `SPILE_INDEX`, its stdout as an input.
///
/// # Errors
/// That it cannot be started.
pub fn start(program: &Path, args: &[OsString], number: u16) -> io::Result<(Child, Input)> {
    let mut child = Command::new(program)
        .args(args)
        .env("SPILE_INDEX", number.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take().map(OwnedFd::from);
    Ok((child, Input(stdout)))
}

impl Input {
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        match &self.0 {
            Some(own) => own.as_fd(),
            None => rustix::stdio::stdin(),
        }
    }

    /// True if it is our stdin.
    pub(super) fn is_stdin(&self) -> bool {
        self.0.is_none()
    }

    /// A descriptor that can go elsewhere.
    pub(super) fn into_fd(self) -> io::Result<OwnedFd> {
        match self.0 {
            Some(own) => Ok(own),
            None => rustix::stdio::stdin().try_clone_to_owned(),
        }
    }
}

impl From<OwnedFd> for Input {
    fn from(fd: OwnedFd) -> Self {
        Input(Some(fd))
    }
}

/// Merges `inputs`, in the order of the sources of `merge`, into our stdout. `children` are those that we started and
/// whose outputs are among the inputs: they are told to stop when we are, and their statuses count.
///
/// # Errors
/// That the loop itself cannot wait.
pub fn many(merge: &mut Merge, inputs: Vec<Input>, children: Vec<Child>) -> Result<Exit> {
    let mut many = Many::new(merge, inputs, children)?;
    many.run()?;
    Ok(many.exit())
}

struct Many<'a> {
    merge: &'a mut Merge,
    /// `None`: it has ended.
    inputs: Vec<Option<Input>>,
    widened: Vec<bool>,
    children: Vec<Child>,
    output: Output,
    io: Io,
    signals: Signals,
    clock: Clock,
    stopping: Stopping,
    reader_gone: bool,
    cannot_write: bool,
    said_end: bool,
    /// The last input whose long line the others had to wait for.
    last_favoured: Option<usize>,
}

/// What a wait has found ready.
#[derive(Default)]
struct Ready {
    signal: bool,
    reader_gone: bool,
    inputs: Vec<usize>,
}

impl<'a> Many<'a> {
    fn new(merge: &'a mut Merge, inputs: Vec<Input>, children: Vec<Child>) -> Result<Self> {
        let signals = Signals::catch(&ENDS, OnRepeat::Default).context("cannot catch signals")?;
        Ok(Self {
            merge,
            widened: vec![false; inputs.len()],
            inputs: inputs.into_iter().map(Some).collect(),
            children,
            output: Output::open(),
            io: Io::default(),
            signals,
            clock: Clock::start(),
            stopping: Stopping::default(),
            reader_gone: false,
            cannot_write: false,
            said_end: false,
            last_favoured: None,
        })
    }

    fn run(&mut self) -> Result<()> {
        let mut buf = vec![0; input::CHUNK];
        loop {
            if self.inputs.iter().all(Option::is_none) && !self.said_end && !self.reader_gone {
                self.said_end = true;
                self.merge.on_end(self.clock.now(), &mut self.io);
                self.write();
            }
            if self.reader_gone || (self.said_end && self.output.pending() == 0) {
                return Ok(());
            }
            let ready = self.wait()?;
            if ready.signal {
                self.on_signals();
            }
            if self.deadline().is_some_and(|at| at <= self.clock.now()) {
                self.stop_reading();
            }
            if ready.reader_gone {
                self.lose_reader();
            } else {
                self.read(ready.inputs, &mut buf);
                self.write();
            }
        }
    }

    /// Waits for whatever comes first.
    fn wait(&mut self) -> Result<Ready> {
        let now = self.clock.now();
        let awaited = self.favoured(now);
        let held_back = self.output.pending() > MAX_PENDING;
        let awaited_until = awaited.filter(|_| !held_back).map(|(_, until)| until);
        let timeout =
            awaited_until.into_iter().chain(self.deadline()).min().map(|at| at.since(now));
        let timeout = timeout.and_then(|left| Timespec::try_from(left).ok());
        let out_events = match self.output.pending() {
            0 => PollFlags::empty(),
            _ => PollFlags::OUT,
        };
        let mut fds = Vec::with_capacity(self.inputs.len() + 2);
        fds.push(PollFd::from_borrowed_fd(self.signals.fd(), PollFlags::IN));
        fds.push(PollFd::from_borrowed_fd(self.output.fd(), out_events));
        let live = self.inputs.iter().enumerate().filter_map(|(n, input)| {
            let welcome = !held_back && awaited.is_none_or(|(only, _)| only == n);
            input.as_ref().filter(|_| welcome).map(|input| (n, input))
        });
        let (numbers, inputs): (Vec<usize>, Vec<&Input>) = live.unzip();
        fds.extend(inputs.iter().map(|input| PollFd::from_borrowed_fd(input.fd(), PollFlags::IN)));
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(io::Error::from(e)).context("cannot wait for input"),
        }
        self.clock.follow();
        let mut events = fds.iter().map(PollFd::revents);
        let signal = events.next().is_some_and(|events| !events.is_empty());
        let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
        let reader_gone = events.next().is_some_and(|events| events.intersects(gone));
        let ready = numbers.into_iter().zip(events).filter(|(_, events)| !events.is_empty());
        Ok(Ready { signal, reader_gone, inputs: ready.map(|(n, _)| n).collect() })
    }

    /// The input whose line, too long to look at, is not to be cut yet.
    fn favoured(&self, now: Time) -> Option<(usize, Time)> {
        let (input, since) = self.merge.holder()?;
        let until = since + PATIENCE;
        (now < until).then_some((input, until))
    }

    /// Reads once from each input that is ready.
    fn read(&mut self, mut ready: Vec<usize>, buf: &mut [u8]) {
        // Those behind the one that was last favoured come first, so that it cannot keep the others waiting for ever.
        let behind = ready.iter().position(|n| Some(*n) > self.last_favoured);
        ready.rotate_left(behind.unwrap_or_default());
        if let Some((only, _)) = self.favoured(self.clock.now()) {
            ready.retain(|n| *n == only);
        }
        for n in ready {
            self.read_one(n, buf);
            if self.favoured(self.clock.now()).is_some() {
                self.last_favoured = Some(n);
                return;
            }
        }
    }

    fn read_one(&mut self, n: usize, buf: &mut [u8]) {
        let Some(Some(input)) = self.inputs.get(n) else {
            return;
        };
        let now = self.clock.now();
        match input::read(input.fd(), buf) {
            Ok(Read::Later) => {}
            Ok(Read::Bytes(len)) => {
                if len == buf.len()
                    && let Some(widened @ false) = self.widened.get_mut(n)
                {
                    *widened = true;
                    input::widen(input.fd());
                    input::widen(self.output.fd());
                }
                self.merge.on_bytes(now, n, &buf[..len], &mut self.io);
            }
            Ok(Read::End) => self.end(n, None),
            Err(e) => self.end(n, Some(&format!("cannot read: {e}"))),
        }
    }

    fn end(&mut self, n: usize, broken: Option<&str>) {
        let now = self.clock.now();
        self.merge.on_source_end(now, n, broken, &mut self.io);
        if let Some(input) = self.inputs.get_mut(n) {
            *input = None;
        }
    }

    fn on_signals(&mut self) {
        let now = self.clock.now();
        for signal in self.signals.take() {
            let job = self.live().any(|input| tree::is_fed_by_job(input.fd()));
            self.stopping.request(now, signal, || job);
            match Signal::from_named_raw(signal) {
                // It has reached our children too if it was meant for our job; twice is one request to them.
                Some(signal @ (Signal::INT | Signal::HUP)) => {
                    self.pass_on(signal);
                    // Whoever writes into a pipe of ours has something to say after that, and so have our children. Of
                    // files, and of FIFOs that nobody of our job writes, we are the source.
                    let person = rustix::termios::isatty(rustix::stdio::stdin());
                    let filter = self.live().any(Input::is_stdin) && !person;
                    if !job && !filter && self.children.is_empty() {
                        self.stop_reading();
                    }
                }
                _ => self.pass_on(Signal::TERM),
            }
        }
    }

    /// When nothing more is to be read. Children are heard to their end.
    fn deadline(&self) -> Option<Time> {
        let reads = self.children.is_empty() && self.live().next().is_some();
        self.stopping.deadline().filter(|_| reads)
    }

    /// The inputs that have not ended.
    fn live(&self) -> impl Iterator<Item = &Input> {
        self.inputs.iter().flatten()
    }

    fn stop_reading(&mut self) {
        self.inputs.fill_with(|| None);
    }

    /// Tells our children.
    fn pass_on(&self, signal: Signal) {
        for child in &self.children {
            let _ = kill_process(Pid::from_child(child), signal);
        }
    }

    fn lose_reader(&mut self) {
        if !self.reader_gone {
            self.reader_gone = true;
            self.pass_on(Signal::TERM);
            self.stop_reading();
        }
    }

    fn write(&mut self) {
        warn_user(&self.io.err);
        self.io.err.clear();
        if self.io.out.is_empty() && self.output.pending() == 0 {
            return;
        }
        self.output.push(&mut self.io.out);
        self.io.out.clear();
        // One huge line must not keep its memory for good.
        self.io.out.shrink_to(1 << 20);
        if let Err(e) = self.output.flush_some() {
            if e.kind() != io::ErrorKind::BrokenPipe {
                warn_user(format!("spile: cannot write to stdout: {e}\n").as_bytes());
                self.cannot_write = true;
            }
            self.lose_reader();
        }
    }

    /// Waits for the children's ends and weighs all.
    fn exit(mut self) -> Exit {
        let mut exit = self.merge.exit();
        // Agents that we have stopped for it say nothing of their own.
        let unwritten = if self.children.is_empty() { exit } else { Exit::Success };
        for child in &mut self.children {
            if let Ok(status) = child.wait() {
                let code = u8::try_from(status.code().unwrap_or_default()).unwrap_or(u8::MAX);
                exit = exit.or(status.signal().map_or(Exit::of_spile(code), Exit::Signal));
            }
        }
        match (self.stopping.signal(), self.cannot_write, self.reader_gone) {
            (Some(signal), ..) => Exit::Signal(signal),
            (None, true, _) => unwritten.or(Exit::CannotWrite),
            (None, false, true) => Exit::Signal(SIGPIPE),
            (None, false, false) => exit,
        }
    }
}
