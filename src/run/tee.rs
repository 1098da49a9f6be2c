//! The loop of tee: stdin to stdout as stdout takes it, and to a queue for each sink, which a thread of its own empties. The
//! loop waits for stdin, stdout, signals and its threads at one place, and never for a sink.

mod intake;
#[cfg_attr(not(feature = "ledger"), path = "tee/no_ledger.rs")]
mod ledger_intake;
#[cfg(feature = "ledger")]
mod ledger_worker;
#[cfg(feature = "ledger")]
mod pending_parts;
mod plan;
mod queue;
mod waker;
mod worker;

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM};

use super::clock::Clock;
use super::input::{self, Read};
use super::output::{Output, warn_user};
use super::signal::{ENDS, OnRepeat, Signals, Stopping, ignore};
use super::tree;
use crate::exit::Exit;
use crate::sink::{Reopening, Sink, end_commands};
use crate::stage::Io;
use crate::term::quoted;
use crate::time::Time;
use intake::{Intake, SinkIntake};
use ledger_intake::LedgerIntake;
use queue::Queue;
use waker::{WakeFd, waker};
use worker::Worker;

pub use ledger_intake::{LedgerSink, ProbeBy, Store};
pub use plan::{Files, Interrupts, Named, OnError, Others, Pipes, Tee};

/// Runs tee from our stdin to our stdout and the sinks.
///
/// # Errors
/// That stdin cannot be read, or a thread cannot be started.
pub fn tee(tee: Tee) -> Result<Exit> {
    let (mut run, sinks) = Loop::new(tee)?;
    // What cannot be opened is an error of an output before the first byte.
    if !(run.failed && run.on_error.others == Others::Stop) {
        run.start(sinks)?;
        run.run()?;
        run.finish()?;
    }
    end_commands(COMMANDS_END);
    Ok(run.exit())
}

/// How long after a SIGHUP the end of the input shows that the terminal has gone, and the signal did not mean the files.
const HANGUP: Duration = Duration::from_secs(6);

/// How long commands that have not ended may take to end when they are told to.
const COMMANDS_END: Duration = Duration::from_secs(1);

struct Loop {
    intake: Intake,
    /// `None`: it takes nothing any more.
    stdout: Option<Output>,
    signals: Signals,
    waker: waker::Waker,
    wake_fd: WakeFd,
    io: Io,
    linger: Duration,
    on_error: OnError,
    clock: Clock,
    stopping: Stopping,
    /// How often SIGHUP has asked for files to be opened anew, and when last.
    reopened: usize,
    hangup: Option<Time>,
    reader_gone: bool,
    cannot_write: bool,
    /// A sink or an output has done what the status is to show.
    failed: bool,
    /// Nothing more is read or waited for.
    stop: bool,
}

type Open = (String, Box<dyn Sink>);

impl Loop {
    fn new(tee: Tee) -> Result<(Self, Vec<Open>)> {
        let person = rustix::termios::isatty(rustix::stdio::stdin());
        if tee.interrupts == Interrupts::Ignore {
            ignore(SIGINT);
        }
        let mut caught = if person { vec![SIGTERM] } else { ENDS.to_vec() };
        if tee.files == Files::Some && !person {
            caught.retain(|signal| *signal != SIGHUP);
            super::signal::on_hangup(Reopening::ask).context("cannot catch signals")?;
        }
        let signals = Signals::catch(&caught, OnRepeat::Default).context("cannot catch signals")?;
        let (waker, wake_fd) = waker().context("cannot make a socket pair")?;
        let (mut sink_intakes, mut open, mut failed) = (Vec::new(), Vec::new(), false);
        for named in tee.sinks {
            match named.sink {
                Ok(sink) => {
                    let queue = Arc::new(Queue::new(tee.queue, sink.is_prompt()));
                    sink_intakes.push(SinkIntake::new(named.name.clone(), queue, named.only));
                    open.push((named.name, sink));
                }
                Err(why) => {
                    warn_user(format!("spile: {}: {}\n", named.name, quoted(&why)).as_bytes());
                    failed = true;
                }
            }
        }
        let ledger = match tee.ledger_sinks {
            Some((store, sinks)) => Some(LedgerIntake::start(store, sinks, &waker, tee.on_error)?),
            None => None,
        };
        failed |= ledger.as_ref().is_some_and(|ledger| ledger.failed);
        let run = Self {
            intake: Intake::new(sink_intakes, ledger, tee.reading, tee.outcome),
            stdout: Some(Output::open()),
            signals,
            waker,
            wake_fd,
            io: Io::default(),
            linger: tee.linger,
            on_error: tee.on_error,
            clock: Clock::start(),
            stopping: Stopping::default(),
            reopened: 0,
            hangup: None,
            reader_gone: false,
            cannot_write: false,
            failed,
            stop: false,
        };
        Ok((run, open))
    }

    /// Starts a thread for each sink.
    fn start(&self, sinks: Vec<Open>) -> Result<()> {
        for ((name, sink), sink_intake) in sinks.into_iter().zip(&self.intake.sinks) {
            let worker = Worker {
                name: name.clone(),
                sink,
                queue: Arc::clone(&sink_intake.queue),
                waker: self.waker.clone(),
                on_error: self.on_error,
            };
            std::thread::Builder::new()
                .name(name)
                .spawn(|| worker.run())
                .context("cannot start a thread")?;
        }
        Ok(())
    }

    /// Reads to the end of the input.
    fn run(&mut self) -> Result<()> {
        let mut buf = vec![0; input::CHUNK];
        let mut widened = false;
        let stdin = rustix::stdio::stdin();
        while !self.stop {
            let readable = self.wait()?;
            self.take_hangup();
            let Some(readable) = readable else {
                break;
            };
            if !readable {
                continue;
            }
            match input::read(stdin, &mut buf).context("cannot read stdin")? {
                Read::Later => {}
                Read::End => break,
                Read::Bytes(n) => {
                    if n == buf.len() && !widened {
                        widened = true;
                        input::widen(stdin);
                        if let Some(stdout) = &self.stdout {
                            input::widen(stdout.fd());
                        }
                    }
                    self.intake.feed(&buf[..n], &mut self.io);
                    self.print();
                    let result = self.stdout.as_mut().map(|out| out.offer(&buf[..n]));
                    self.written(result);
                    // The disk is slower than a pipe: whoever reads stdout does not wait for it.
                    self.commit();
                }
            }
        }
        // A Ctrl-C reaches the upstream too, and what wakes us may be its end: it must not pass for an end of its own.
        self.take_signals();
        self.take_hangup();
        let now = self.clock.now();
        if self.hangup.is_some_and(|at| now.since(at) < HANGUP) {
            self.stopping.request(now, SIGHUP, || false);
        }
        Ok(())
    }

    /// Waits for whatever comes first: whether stdin is readable, or `None`: it is not to be read any more.
    fn wait(&mut self) -> Result<Option<bool>> {
        let pending = self.stdout.as_ref().map_or(0, Output::pending);
        let left = self.stopping.deadline().map(|at| at.since(self.clock.now()));
        let (signals, waker, out, input) = self.poll(pending == 0, left)?;
        if waker {
            self.wake_fd.drain();
            self.look_at_sinks();
        }
        if signals {
            self.take_signals();
        }
        if self.stopping.is_due(self.clock.now()) {
            return Ok(None);
        }
        self.flush(out);
        if self.stop || (self.stdout.is_none() && !self.anybody_takes()) {
            return Ok(None);
        }
        Ok(Some(input))
    }

    /// What of signals, waker, stdout and stdin is ready within `timeout`.
    fn poll(&self, read: bool, timeout: Option<Duration>) -> Result<(bool, bool, PollFlags, bool)> {
        let stdin = rustix::stdio::stdin();
        let timeout = timeout.and_then(|left| Timespec::try_from(left).ok());
        let wanted = match self.stdout.as_ref().map_or(0, Output::pending) {
            0 => PollFlags::empty(),
            _ => PollFlags::OUT,
        };
        let mut fds = Vec::with_capacity(4);
        fds.push(PollFd::from_borrowed_fd(self.signals.fd(), PollFlags::IN));
        fds.push(PollFd::from_borrowed_fd(self.wake_fd.fd(), PollFlags::IN));
        if read {
            fds.push(PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN));
        }
        if let Some(stdout) = &self.stdout {
            fds.push(PollFd::from_borrowed_fd(stdout.fd(), wanted));
        }
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(io::Error::from(e)).context("cannot wait for input"),
        }
        let mut ready = fds.iter().map(PollFd::revents);
        let mut next = || ready.next().unwrap_or(PollFlags::empty());
        let (signals, waker) = (!next().is_empty(), !next().is_empty());
        let input = read && !next().is_empty();
        Ok((signals, waker, next(), input))
    }

    /// Writes what waits for stdout, if it is ready.
    fn flush(&mut self, ready: PollFlags) {
        let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
        if ready.intersects(gone) {
            self.written(Some(Err(Errno::PIPE.into())));
        } else if ready.contains(PollFlags::OUT) {
            let result = self.stdout.as_mut().map(Output::flush_some);
            self.written(result);
        }
    }

    /// What a write to stdout has come to.
    fn written(&mut self, result: Option<io::Result<()>>) {
        let Some(Err(e)) = result else { return };
        self.stdout = None;
        let pipe = e.kind() == io::ErrorKind::BrokenPipe;
        if pipe && self.on_error.pipes == Pipes::Ignore {
            self.reader_gone = true;
            return;
        }
        warn_user(format!("spile: cannot write to stdout: {e}\n").as_bytes());
        self.failed = true;
        self.cannot_write |= !pipe;
        self.stop |= self.on_error.others == Others::Stop;
    }

    /// A SIGHUP is for the files; with the end of the input right behind it, a terminal has gone.
    fn take_hangup(&mut self) {
        let asked = Reopening::asked();
        if asked != self.reopened {
            (self.reopened, self.hangup) = (asked, Some(self.clock.now()));
        }
    }

    fn take_signals(&mut self) {
        for signal in self.signals.take() {
            let now = self.clock.now();
            self.stopping.request(now, signal, || tree::is_fed_by_job(rustix::stdio::stdin()));
        }
    }

    /// True if a sink has done something that ends all.
    fn look_at_sinks(&mut self) {
        if self.on_error.others == Others::GoOn {
            return;
        }
        if self.intake.ledger.as_ref().is_some_and(LedgerIntake::trouble) {
            (self.failed, self.stop) = (true, true);
        }
        for sink_intake in &self.intake.sinks {
            let account = sink_intake.queue.account();
            if account.trouble || account.failing.is_some() {
                (self.failed, self.stop) = (true, true);
            }
        }
    }

    fn anybody_takes(&self) -> bool {
        self.intake.ledger.as_ref().is_some_and(LedgerIntake::takes)
            || self.intake.sinks.iter().any(|sink_intake| sink_intake.queue.takes())
    }

    /// Makes durable what was read for the sinks in the ledger.
    fn commit(&mut self) {
        if let Some(ledger) = &mut self.intake.ledger {
            ledger.commit(&mut self.io);
            self.failed |= ledger.failed;
            self.print();
        }
    }

    fn print(&mut self) {
        warn_user(&self.io.err);
        self.io.err.clear();
    }

    /// Waits for stdout and the sinks to take what is theirs, as long as `--linger` says.
    fn finish(&mut self) -> Result<()> {
        self.intake.end(&mut self.io);
        self.print();
        self.commit();
        if let Some(ledger) = &mut self.intake.ledger {
            ledger.close(&mut self.io);
            self.print();
        }
        for sink_intake in &self.intake.sinks {
            sink_intake.queue.close();
        }
        let before = self.stopping.signal();
        let until = Instant::now().checked_add(self.linger);
        while !self.stop {
            let owed = self.stdout.as_ref().is_some_and(|out| out.pending() > 0);
            let sink_intakes = &self.intake.sinks;
            let working =
                sink_intakes.iter().any(|sink_intake| !sink_intake.queue.account().finished)
                    || self.intake.ledger.as_ref().is_some_and(LedgerIntake::working);
            // Stdout is waited for as long as it takes, a sink is not.
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if !owed && (!working || left.is_some_and(|left| left.is_zero())) {
                break;
            }
            let (signals, waker, out, _) = self.poll(false, left.filter(|_| !owed))?;
            if waker {
                self.wake_fd.drain();
                self.look_at_sinks();
            }
            if signals {
                self.take_signals();
                // One that comes while nothing more is read is meant for the waiting.
                if self.stopping.signal() != before {
                    break;
                }
            }
            if owed || out.intersects(PollFlags::ERR) {
                self.flush(out);
            }
        }
        self.report();
        Ok(())
    }

    /// Says what each sink is owed.
    fn report(&mut self) {
        let mut text = String::new();
        for sink_intake in &self.intake.sinks {
            let account = sink_intake.queue.account();
            self.failed |= account.trouble;
            let mut parts = Vec::new();
            let mut part = |count: u64, what: &str| {
                if count > 0 {
                    parts.push(format!("{count} {what}"));
                }
            };
            part(account.failed, "refused");
            part(account.doubtful, "in doubt");
            if account.over && !account.trouble {
                // Its reader wanted no more.
                continue;
            }
            if account.over || account.finished {
                part(account.owed + account.lost, "not sent");
            } else {
                part(account.owed, "still owed");
                part(account.lost, "not sent");
            }
            if !account.finished || !parts.is_empty() {
                self.failed = true;
            }
            if parts.is_empty() && !account.finished {
                parts.push("it has not ended".to_owned());
            }
            if parts.is_empty() {
                continue;
            }
            let silent = || (!account.finished && account.owed > 0).then_some("no answer yet");
            let why = account.reason.or(account.failing).or_else(|| silent().map(str::to_owned));
            let why = why.map(|why| format!(" ({})", quoted(&why)));
            let (parts, why) = (parts.join(", "), why.unwrap_or_default());
            text.push_str(&format!("spile: {}: events: {parts}{why}\n", sink_intake.name));
        }
        warn_user(text.as_bytes());
        if let Some(ledger) = &mut self.intake.ledger {
            ledger.report(&mut self.io);
            self.failed |= ledger.failed;
            self.print();
        }
    }

    fn exit(&self) -> Exit {
        let own = match (self.stopping.signal(), self.cannot_write, self.reader_gone) {
            (Some(signal), ..) => Exit::Signal(signal),
            (None, true, _) => Exit::CannotWrite,
            (None, false, true) => Exit::Signal(SIGPIPE),
            (None, false, false) => Exit::Success,
        };
        let sinks = if self.failed { Exit::Failed } else { Exit::Success };
        own.or(sinks).or(self.intake.exit())
    }
}
