//! Loop of merge: many inputs and one output. A blocked input delays no other; a slow reader holds back all.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use super::child::INDEX;
use super::clock::Clock;
use super::input::{self, Read};
use super::job;
use super::output::{Output, StdoutEnd, warn_user};
use super::polling::{self, GONE};
use super::signal::{ENDS, OnRepeat, Signals, Stopping};
use crate::exit::Exit;
use crate::merge::Merge;
use crate::stage::{Io, STDIN};
use crate::time::Time;

/// Output that may wait for a slow reader before the inputs are left unread, in bytes.
const MAX_PENDING: usize = 256 << 10;

/// Time that other inputs wait for the end of an overlong line before it is cut.
const PATIENCE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub struct Input(pub(super) Option<OwnedFd>);

pub fn stdin() -> Input {
    Input(None)
}

/// Name of an input in messages.
pub fn name(path: &OsStr) -> String {
    if path == "-" { STDIN.to_owned() } else { path.display().to_string() }
}

/// Opens `-` as stdin, or a file, a FIFO or a process substitution (`/dev/fd/N`), without waiting for a FIFO's writer.
pub fn open(path: &OsStr) -> io::Result<Input> {
    if path == "-" {
        return Ok(stdin());
    }
    // A FIFO without a writer opens at once and becomes readable later. The new description affects no other process.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let fd = rustix::fs::open(path, flags, Mode::empty())?;
    let stat = rustix::fs::fstat(&fd)?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        return Err(Errno::ISDIR.into());
    }
    Ok(Input(Some(fd)))
}

/// Starts one of several agents, its number from 1 in `SPILE_INDEX`, its stdout as an input.
pub fn start(program: &Path, args: &[OsString], number: u16) -> io::Result<(Child, Input)> {
    let mut child = Command::new(program)
        .args(args)
        .env(INDEX, number.to_string())
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

    pub(super) fn is_stdin(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn into_fd(self) -> io::Result<OwnedFd> {
        match self.0 {
            Some(own) => Ok(own),
            None => rustix::stdio::stdin().try_clone_to_owned(),
        }
    }
}

/// Merges `inputs`, in the order of the sources of `merge`, into stdout. `children` are agents started for it: they
/// receive its signals, and their statuses count.
pub fn many(merge: &mut Merge, inputs: Vec<Input>, children: Vec<Child>) -> Result<Exit> {
    let mut many = Many::new(merge, inputs, children)?;
    many.run()?;
    Ok(many.exit())
}

struct Many<'a> {
    merge: &'a mut Merge,
    inputs: Vec<Option<Input>>,
    widened: Vec<bool>,
    children: Vec<Child>,
    output: Output,
    io: Io,
    signals: Signals,
    clock: Clock,
    stopping: Stopping,
    stdout: StdoutEnd,
    end_emitted: bool,
    /// Last input whose long line held up the others.
    last_favoured: Option<usize>,
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
            stdout: StdoutEnd::default(),
            end_emitted: false,
            last_favoured: None,
        })
    }

    fn run(&mut self) -> Result<()> {
        let mut buf = vec![0; input::CHUNK];
        loop {
            if self.live().next().is_none() && !self.end_emitted && !self.stdout.reader_gone {
                self.end_emitted = true;
                self.merge.on_end(self.clock.now(), &mut self.io);
                self.write();
            }
            if self.stdout.reader_gone {
                self.pass_on(Signal::TERM);
                self.stop_reading();
                return Ok(());
            }
            if self.end_emitted && self.output.pending() == 0 {
                return Ok(());
            }
            let ready = self.wait()?;
            if !self.stdout.reader_gone {
                self.read(ready, &mut buf);
                self.write();
            }
        }
    }

    /// Waits, handles signals, and returns the inputs that are ready.
    fn wait(&mut self) -> Result<Vec<usize>> {
        let now = self.clock.now();
        let awaited = self.favoured(now);
        let held_back = self.output.pending() > MAX_PENDING;
        let awaited_until = awaited.filter(|_| !held_back).map(|(_, until)| until);
        let timeout =
            awaited_until.into_iter().chain(self.deadline()).min().map(|at| at.since(now));
        let mut fds = Vec::with_capacity(self.inputs.len() + 2);
        fds.push(PollFd::from_borrowed_fd(self.signals.fd(), PollFlags::IN));
        fds.push(self.output.poll_fd());
        let live = self.inputs.iter().enumerate().filter_map(|(n, input)| {
            let welcome = !held_back && awaited.is_none_or(|(only, _)| only == n);
            input.as_ref().filter(|_| welcome).map(|input| (n, input))
        });
        let (numbers, inputs): (Vec<usize>, Vec<&Input>) = live.unzip();
        fds.extend(inputs.iter().map(|input| PollFd::from_borrowed_fd(input.fd(), PollFlags::IN)));
        polling::wait(&mut fds, timeout).context("cannot wait for input")?;
        self.clock.follow();
        let mut events = fds.iter().map(PollFd::revents);
        let signal = events.next().is_some_and(|events| !events.is_empty());
        self.stdout.reader_gone = events.next().is_some_and(|events| events.intersects(GONE));
        let ready = numbers.into_iter().zip(events).filter(|(_, events)| !events.is_empty());
        let ready = ready.map(|(n, _)| n).collect();
        if signal {
            self.on_signals();
        }
        if self.deadline().is_some_and(|at| at <= self.clock.now()) {
            self.stop_reading();
        }
        Ok(ready)
    }

    /// Input whose overlong line is not to be cut yet, and until when.
    fn favoured(&self, now: Time) -> Option<(usize, Time)> {
        let (input, since) = self.merge.holder?;
        let until = since + PATIENCE;
        (now < until).then_some((input, until))
    }

    fn read(&mut self, mut ready: Vec<usize>, buf: &mut [u8]) {
        // Round robin behind the last favoured input, so that it cannot starve the others.
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
        let Some(Some(input)) = self.inputs.get(n) else { return };
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
            let job = self.live().any(|input| job::feeds(input.fd()));
            self.stopping.request(now, signal, || job);
            match Signal::from_named_raw(signal) {
                // A signal to the job has reached the children, too; a second one is harmless.
                Some(signal @ (Signal::INT | Signal::HUP)) => {
                    self.pass_on(signal);
                    // A pipe's upstream and children have output left; files and FIFOs of other jobs are left at once.
                    let terminal = rustix::termios::isatty(rustix::stdio::stdin());
                    let filter = self.live().any(Input::is_stdin) && !terminal;
                    if !job && !filter && self.children.is_empty() {
                        self.stop_reading();
                    }
                }
                _ => self.pass_on(Signal::TERM),
            }
        }
    }

    fn deadline(&self) -> Option<Time> {
        let reads = self.children.is_empty() && self.live().next().is_some();
        self.stopping.until.filter(|_| reads)
    }

    fn live(&self) -> impl Iterator<Item = &Input> {
        self.inputs.iter().flatten()
    }

    fn stop_reading(&mut self) {
        self.inputs.fill_with(|| None);
    }

    fn pass_on(&self, signal: Signal) {
        for child in &self.children {
            let _ = kill_process(Pid::from_child(child), signal);
        }
    }

    fn write(&mut self) {
        warn_user(&self.io.err);
        self.io.err.clear();
        if let Err(e) = self.output.send(&mut self.io.out) {
            self.stdout.fail(&e);
        }
    }

    fn exit(mut self) -> Exit {
        let mut exit = self.merge.exit();
        // Agents that merge stopped for it do not count.
        let unwritten = if self.children.is_empty() { exit } else { Exit::Success };
        for child in &mut self.children {
            if let Ok(status) = child.wait() {
                let code = u8::try_from(status.code().unwrap_or_default()).unwrap_or(u8::MAX);
                exit = exit.or(status.signal().map_or(Exit::of_spile(code), Exit::Signal));
            }
        }
        let exit = if self.stdout.cannot_write { unwritten } else { exit };
        self.stdout.exit(self.stopping.signal(), exit)
    }
}
