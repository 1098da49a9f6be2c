//! Loop of tee: stdin to stdout, and to a queue for each sink, emptied by a thread. It never waits for a sink.

mod intake;
#[cfg_attr(not(feature = "ledger"), path = "tee/no_ledger.rs")]
mod ledger_intake;
#[cfg(feature = "ledger")]
mod ledger_worker;
mod queue;
mod status;
mod worker;

use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::clock::Clock;
use super::input::{self, Read};
use super::job;
use super::output::{Output, StdoutEnd, warn, warn_user};
use super::polling::{self, GONE};
use super::signal::{ENDS, OnRepeat, Signals, Stopping, ignore};
use super::spool::SpoolLimits;
use crate::exit::Exit;
use crate::outcome::Outcome;
use crate::sink::address::Selection;
use crate::sink::{Sink, end_commands, reopen_requests, request_reopen};
use crate::stage::{Io, Reading};
use crate::term::quoted;
use crate::time::Time;
use intake::{Intake, SinkIntake};
use ledger_intake::LedgerIntake;
use queue::Queue;
use status::{SinkStatus, Waker, counted};
use worker::Worker;

pub use ledger_intake::{LedgerSink, Store};

pub struct Tee {
    pub sinks: Vec<Named>,
    pub ledger_sinks: Option<(Store, Vec<LedgerSink>)>,
    pub queue: SpoolLimits,
    pub linger: Duration,
    pub on_error: OnError,
    pub ignore_interrupts: bool,
    /// True if a sink is a file, which SIGHUP reopens.
    pub has_files: bool,
    pub reading: Reading,
    /// Set if the stream decides the exit status.
    pub outcome: Option<Outcome>,
}

pub struct Named {
    pub name: String,
    /// The sink, or why it cannot be opened.
    pub sink: Result<Box<dyn Sink>, String>,
    /// Selected events; `None` for all.
    pub only: Option<Selection>,
}

/// Effect of an output error, as GNU tee's `--output-error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnError {
    /// True if the other outputs stop.
    pub stop: bool,
    /// True if a closed pipe is an error.
    pub pipes: bool,
}

pub fn tee(tee: Tee) -> Result<Exit> {
    let (mut run, workers) = Loop::new(tee)?;
    // A sink that cannot be opened is an output error before the first byte.
    if !(run.failed && run.on_error.stop) {
        for worker in workers {
            spawn(&worker.queue.status.name.clone(), || worker.run())?;
        }
        run.run()?;
        run.finish()?;
    }
    end_commands(COMMANDS_END);
    Ok(run.exit())
}

/// If the input ends within this time of a SIGHUP, the terminal has gone, and the signal did not mean the files.
const HANGUP: Duration = Duration::from_secs(6);

const COMMANDS_END: Duration = Duration::from_secs(1);

struct Loop {
    intake: Intake,
    statuses: Vec<Arc<SinkStatus>>,
    /// `None` once it has failed.
    stdout: Option<Output>,
    signals: Signals,
    /// Readable once a sink thread has written to a [`Waker`].
    wake_fd: UnixStream,
    io: Io,
    linger: Duration,
    on_error: OnError,
    clock: Clock,
    stopping: Stopping,
    /// Reopen requests so far, and the time of the last.
    reopened: usize,
    hangup: Option<Time>,
    stdout_end: StdoutEnd,
    failed: bool,
    stop: bool,
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(work).context("cannot start a thread")?;
    Ok(())
}

fn waker() -> io::Result<(Waker, UnixStream)> {
    let (sender, receiver) = UnixStream::pair()?;
    sender.set_nonblocking(true)?;
    receiver.set_nonblocking(true)?;
    Ok((Arc::new(sender), receiver))
}

enum Next {
    Read,
    Wait,
    End,
}

struct Ready {
    input: bool,
    stdout: PollFlags,
}

impl Loop {
    fn new(tee: Tee) -> Result<(Self, Vec<Worker>)> {
        let terminal = rustix::termios::isatty(rustix::stdio::stdin());
        if tee.ignore_interrupts {
            ignore(SIGINT);
        }
        let mut caught = if terminal { vec![SIGTERM] } else { ENDS.to_vec() };
        if tee.has_files && !terminal {
            caught.retain(|signal| *signal != SIGHUP);
            super::signal::on_hangup(request_reopen).context("cannot catch signals")?;
        }
        let signals = Signals::catch(&caught, OnRepeat::Default).context("cannot catch signals")?;
        let (waker, wake_fd) = waker().context("cannot make a socket pair")?;
        let (mut sinks, mut workers, mut failed) = (Vec::new(), Vec::new(), false);
        let mut statuses = Vec::new();
        for Named { name, sink, only } in tee.sinks {
            match sink {
                Ok(sink) => {
                    let status = Arc::new(SinkStatus::new(name, tee.on_error, waker.clone()));
                    statuses.push(Arc::clone(&status));
                    let queue = Arc::new(Queue::new(tee.queue, sink.as_ref(), status));
                    workers.push(Worker { sink, queue: Arc::clone(&queue) });
                    sinks.push(SinkIntake { queue, only, selected: Vec::new() });
                }
                Err(why) => {
                    warn(format_args!("{name}: {}", quoted(&why)));
                    failed = true;
                }
            }
        }
        let ledger = tee.ledger_sinks.map(|(store, sinks)| {
            LedgerIntake::start(store, sinks, &waker, tee.on_error, &mut statuses)
        });
        let ledger = ledger.transpose()?;
        failed |= ledger.as_ref().is_some_and(|ledger| ledger.failed);
        let run = Self {
            intake: Intake::new(sinks, ledger, tee.reading, tee.outcome),
            statuses,
            stdout: Some(Output::open()),
            signals,
            wake_fd,
            io: Io::default(),
            linger: tee.linger,
            on_error: tee.on_error,
            clock: Clock::start(),
            stopping: Stopping::default(),
            reopened: 0,
            hangup: None,
            stdout_end: StdoutEnd::default(),
            failed,
            stop: false,
        };
        Ok((run, workers))
    }

    fn run(&mut self) -> Result<()> {
        let mut buf = vec![0; input::CHUNK];
        let mut widened = false;
        let stdin = rustix::stdio::stdin();
        loop {
            let next = self.wait()?;
            self.take_hangup();
            match next {
                Next::Read => {}
                Next::Wait => continue,
                Next::End => break,
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
                    // After stdout: the disk is slower than a pipe.
                    self.with_ledger(LedgerIntake::commit);
                }
            }
            if self.stop {
                break;
            }
        }
        // A Ctrl-C may have ended the upstream, too: its signal counts before the end of the input.
        self.take_signals();
        self.take_hangup();
        let now = self.clock.now();
        if self.hangup.is_some_and(|at| now.since(at) < HANGUP) {
            self.stopping.request(now, SIGHUP, || false);
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<Next> {
        let pending = self.stdout.as_ref().map_or(0, Output::pending);
        let left = self.stopping.until.map(|at| at.since(self.clock.now()));
        let stdin = (pending == 0).then(rustix::stdio::stdin);
        let ready = self.poll(stdin, left)?;
        if self.stopping.is_due(self.clock.now()) {
            return Ok(Next::End);
        }
        self.flush(ready.stdout);
        Ok(match ready.input {
            _ if self.stop || (self.stdout.is_none() && !self.any_sink_accepts()) => Next::End,
            true => Next::Read,
            false => Next::Wait,
        })
    }

    /// Polls signals, sink threads, stdout and, if given, stdin; handles the first two.
    fn poll(&mut self, stdin: Option<BorrowedFd<'_>>, timeout: Option<Duration>) -> Result<Ready> {
        let mut fds = vec![
            PollFd::from_borrowed_fd(self.signals.fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.wake_fd.as_fd(), PollFlags::IN),
        ];
        fds.extend(stdin.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        fds.extend(self.stdout.as_ref().map(Output::poll_fd));
        polling::wait(&mut fds, timeout).context("cannot wait for input")?;
        let mut events = fds.iter().map(PollFd::revents);
        let mut next = || events.next().unwrap_or(PollFlags::empty());
        let (signalled, woken) = (!next().is_empty(), !next().is_empty());
        let ready = Ready { input: stdin.is_some() && !next().is_empty(), stdout: next() };
        drop(fds);
        if woken {
            while self.wake_fd.read(&mut [0; 64]).is_ok_and(|n| n > 0) {}
            self.look_at_sinks();
        }
        if signalled {
            self.take_signals();
        }
        Ok(ready)
    }

    fn flush(&mut self, ready: PollFlags) {
        if ready.intersects(GONE) {
            self.written(Some(Err(Errno::PIPE.into())));
        } else if ready.contains(PollFlags::OUT) {
            let result = self.stdout.as_mut().map(Output::flush_some);
            self.written(result);
        }
    }

    fn written(&mut self, result: Option<io::Result<()>>) {
        let Some(Err(e)) = result else { return };
        self.stdout = None;
        let pipe = e.kind() == io::ErrorKind::BrokenPipe;
        if pipe && !self.on_error.pipes {
            self.stdout_end.reader_gone = true;
            return;
        }
        warn(format_args!("cannot write to stdout: {e}"));
        self.failed = true;
        self.stdout_end.cannot_write |= !pipe;
        self.stop |= self.on_error.stop;
    }

    fn take_hangup(&mut self) {
        let requested = reopen_requests();
        if requested != self.reopened {
            (self.reopened, self.hangup) = (requested, Some(self.clock.now()));
        }
    }

    fn take_signals(&mut self) {
        for signal in self.signals.take() {
            let now = self.clock.now();
            self.stopping.request(now, signal, || job::feeds(rustix::stdio::stdin()));
        }
    }

    /// Stops if a sink has failed and `--output-error` is exit.
    fn look_at_sinks(&mut self) {
        if !self.on_error.stop {
            return;
        }
        let in_trouble = |status: &Arc<SinkStatus>| {
            let account = status.account();
            account.trouble || account.failing || account.held > 0
        };
        if self.failed || self.statuses.iter().any(in_trouble) {
            (self.failed, self.stop) = (true, true);
        }
    }

    fn any_sink_accepts(&self) -> bool {
        self.statuses.iter().map(|status| status.account()).any(|a| !a.given_up && !a.over)
    }

    /// Lets the ledger act, and prints its warnings.
    fn with_ledger(&mut self, act: fn(&mut LedgerIntake, &mut Io)) {
        if let Some(ledger) = &mut self.intake.ledger {
            act(ledger, &mut self.io);
            self.failed |= ledger.failed;
        }
        self.print();
    }

    fn print(&mut self) {
        warn_user(&self.io.err);
        self.io.err.clear();
    }

    /// Waits for stdout, and up to `--linger` for the sinks.
    fn finish(&mut self) -> Result<()> {
        self.intake.end(&mut self.io);
        self.with_ledger(LedgerIntake::commit);
        self.with_ledger(LedgerIntake::close);
        for sink in &self.intake.sinks {
            sink.queue.close();
        }
        let before = self.stopping.signal();
        let until = Instant::now().checked_add(self.linger);
        while !self.stop {
            let owed = self.stdout.as_ref().is_some_and(|out| out.pending() > 0);
            let working = self.statuses.iter().any(|status| !status.account().finished);
            // Stdout is waited for without a limit.
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if !owed && (!working || left.is_some_and(|left| left.is_zero())) {
                break;
            }
            let ready = self.poll(None, left.filter(|_| !owed))?;
            // A signal that comes after the end of the input ends the waiting.
            if self.stopping.signal() != before {
                break;
            }
            if owed || ready.stdout.intersects(PollFlags::ERR) {
                self.flush(ready.stdout);
            }
        }
        self.end_tries()?;
        self.report();
        Ok(())
    }

    /// Waits a moment for the tries that are under way: without its outcome a delivery is in doubt.
    fn end_tries(&mut self) -> Result<()> {
        // Nothing more is written: a reader that goes now must not wake the wait again and again.
        self.stdout = None;
        self.statuses.iter().for_each(|status| status.account().stopped = true);
        let until = Instant::now() + status::LAST_TRY;
        let left = || until.saturating_duration_since(Instant::now());
        while !left().is_zero() && self.statuses.iter().any(|s| s.account().trying) {
            self.poll(None, Some(left()))?;
        }
        Ok(())
    }

    fn report(&mut self) {
        for SinkIntake { queue, .. } in &self.intake.sinks {
            let account = queue.status.account();
            self.failed |= account.trouble;
            if account.over && !account.trouble {
                // Its reader has closed the pipe early.
                continue;
            }
            let (owed, lost) = match account.over || account.finished {
                true => (0, account.owed + account.lost),
                false => (account.owed, account.lost),
            };
            let mut parts = counted(&[
                (account.failed, "refused"),
                (account.doubtful, "in doubt"),
                (owed, "still owed"),
                (lost, "not sent"),
            ]);
            if parts.is_empty() && !account.finished {
                parts.push("still running".to_owned());
            }
            if parts.is_empty() {
                continue;
            }
            self.failed = true;
            let silent = !account.finished && account.owed > 0;
            let silent = silent.then(|| "no answer yet".to_owned());
            let why = account.reason.clone().or(silent);
            let why = why.map(|why| format!(" ({})", quoted(&why))).unwrap_or_default();
            self.io.warn(format_args!("{}: events: {}{why}", queue.status.name, parts.join(", ")));
        }
        self.with_ledger(LedgerIntake::report);
    }

    fn exit(&self) -> Exit {
        let own = self.stdout_end.exit(self.stopping.signal(), Exit::Success);
        let sinks = if self.failed { Exit::Failed } else { Exit::Success };
        own.or(sinks).or(self.intake.exit())
    }
}
