//! Wait of a run for its turn with a key. It starts nothing: it ends with the lock, with the run's one turn cancelled or failed,
//! or with the end of the reader.

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags};
use serde_json::json;
use signal_hook::low_level::signal_name;

use super::claim::Claim;
use super::ticket::{self, Ticket};
use super::{KeyLock, locked, name, runtime_folder};
use crate::exit::Exit;
use crate::guard::Notice;
use crate::run::background::{Background, Report};
use crate::run::clock::Clock;
use crate::run::host::Outlet;
use crate::run::output::{Output, StdoutEnd, warn};
use crate::run::polling::{self, GONE};
use crate::run::signal::{Death, ENDS, OnRepeat, Signals};
use crate::tap::Tap;
use crate::time::Time;

/// Interval at which the tickets before this one, and the lock behind the first, are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Time in which the others renew their tickets if all were removed; until then no order is known.
const RENEWED_WITHIN: Duration = Duration::from_millis(500);

/// Waits until `key` can be locked, behind all runs that wait already, `limit` at most. Emits a status `queued` whenever the
/// number of runs before it has changed. Breaks with the exit status if the run ends before its agent is started.
pub fn queue(
    (tap, outlet, background): (&mut Tap, &mut Outlet, Option<&mut Background>),
    key: &str,
    limit: Option<Duration>,
) -> Result<ControlFlow<Exit, KeyLock>> {
    let clock = Clock::start();
    let mut queue = Queue {
        tap,
        outlet,
        background,
        key,
        lock_name: name(key)?,
        ticket: None,
        claim: Claim::default(),
        hold_until: None,
        before: None,
        limit: limit.map(|limit| (clock.now() + limit, limit)),
        over: None,
        output: Output::open(),
        stdout: StdoutEnd::default(),
        signals: Signals::catch(&ENDS, OnRepeat::Report).context("cannot catch signals")?,
        clock,
        dies_of: Death::default(),
        abandoned: false,
    };
    match queue.run()? {
        Some(file) => {
            // What a slow reader has not taken yet leaves before the agent's events.
            queue.tap.guard().out = queue.output.take();
            Ok(ControlFlow::Continue(locked(file, Some(queue.signals))))
        }
        None => {
            let exit = queue.over.unwrap_or_default();
            Ok(ControlFlow::Break(queue.stdout.exit(queue.dies_of.signal(), exit)))
        }
    }
}

struct Queue<'a> {
    tap: &'a mut Tap,
    outlet: &'a mut Outlet,
    background: Option<&'a mut Background>,
    key: &'a str,
    /// File name of the lock.
    lock_name: String,
    /// Taken at the first look, given back at the end of the wait.
    ticket: Option<Ticket>,
    claim: Claim,
    /// Time before which no lock is taken.
    hold_until: Option<Time>,
    /// Number in the last `queued`.
    before: Option<usize>,
    limit: Option<(Time, Duration)>,
    /// Exit status of a wait that has ended without the lock, unless by a signal.
    over: Option<Exit>,
    output: Output,
    stdout: StdoutEnd,
    signals: Signals,
    clock: Clock,
    dies_of: Death,
    /// True if the reader is not waited for.
    abandoned: bool,
}

impl Queue<'_> {
    /// Waits for the end; returns the locked file if it is the lock.
    fn run(&mut self) -> Result<Option<std::fs::File>> {
        loop {
            if self.over.is_none() {
                match self.look() {
                    Ok(None) => self.on_time(),
                    Ok(file) => return Ok(file),
                    // A stream that has begun gets its terminal event.
                    Err(e) if self.before.is_some() => {
                        let message = format!("the queue cannot be read: {e:#}");
                        warn(&message);
                        self.end(Exit::Internal, &message);
                    }
                    Err(e) => return Err(e),
                }
            }
            self.write();
            let written = self.over.is_some() && self.output.pending() == 0;
            if written || self.abandoned || self.stdout.reader_gone {
                self.ticket = None;
                return Ok(None);
            }
            self.wait()?;
        }
    }

    /// Looks at the tickets, and takes the lock if this one is next and the lock is free.
    fn look(&mut self) -> Result<Option<std::fs::File>> {
        // Its folder may have been removed, or another one may be the first that can be used.
        let path = runtime_folder()?.join(&self.lock_name);
        let folder = ticket::folder(&path);
        self.claim.update(&path)?;
        let (now, micros) = (self.clock.now(), Clock::start().now().as_micros());
        let ticket = match &mut self.ticket {
            Some(ticket) => ticket,
            none => none.insert(Ticket::take(micros, &folder)?),
        };
        let position = ticket.position(micros, &folder)?;
        if position.renewed {
            self.hold_until = Some(now + RENEWED_WITHIN);
        }
        if self.hold_until.is_some_and(|until| now < until) {
            return Ok(None);
        }
        if position.before == 0
            && let Some(file) = self.claim.take(&path)?
        {
            self.ticket = None;
            return Ok(Some(file));
        }
        self.show(position.before);
        Ok(None)
    }

    /// Emits `queued` if the number has changed, once the reader has taken the last one.
    fn show(&mut self, before: usize) {
        if self.before == Some(before) || self.output.pending() > 0 {
            return;
        }
        self.before = Some(before);
        let message = match before {
            0 => "next: waits for the run with the same --once key to end".to_owned(),
            1 => "waits for its turn: 1 run waits before it".to_owned(),
            n => format!("waits for its turn: {n} runs wait before it"),
        };
        let notice = Notice {
            kind: "queued",
            message: Some(&message),
            data: Some(json!({"before": before})),
            parent: None,
        };
        self.tap.guard().at(Clock::start().now()).notice(&notice);
        self.background.iter_mut().for_each(|background| background.report(&Report::Waits));
    }

    fn on_time(&mut self) {
        if let Some((until, limit)) = self.limit
            && until <= self.clock.now()
        {
            let (key, holder) = (self.key, self.claim.holder());
            warn(format_args!(
                "the turn of this run with --once {key} did not come within {limit:?} (--queue-timeout): let process {holder} end, or wait longer"
            ));
            let message = format!("its turn did not come within {limit:?} (--queue-timeout)");
            self.end(Exit::Taken, &message);
        }
    }

    /// Ends the run's one turn, as that of a command that cannot be started, and lets the next run go.
    fn end(&mut self, exit: Exit, message: &str) {
        self.ticket = None;
        self.over = Some(exit);
        self.tap.on_spawn_failed(Clock::start().now(), message);
    }

    fn wait(&mut self) -> Result<()> {
        let timeout = self.over.is_none().then(|| {
            let left = self.limit.map(|(until, _)| until.since(self.clock.now()));
            left.into_iter().chain([LOOK_EVERY]).min().unwrap_or(LOOK_EVERY)
        });
        let mut fds =
            [PollFd::from_borrowed_fd(self.signals.fd(), PollFlags::IN), self.output.poll_fd()];
        polling::wait(&mut fds, timeout).context("cannot wait for the turn of this run")?;
        let (signal, reader) = (fds[0].revents(), fds[1].revents());
        self.stdout.reader_gone |= reader.intersects(GONE);
        if !signal.is_empty() {
            self.on_signals();
        }
        Ok(())
    }

    fn on_signals(&mut self) {
        for signal in self.signals.take() {
            self.abandoned |= self.dies_of.request(self.clock.now(), signal);
            if self.over.is_none() {
                let name = signal_name(signal).unwrap_or("a signal");
                self.tap.guard().request_cancel("signal", name);
                self.end(Exit::Success, "");
            }
        }
    }

    fn write(&mut self) {
        if self.stdout.reader_gone {
            return;
        }
        let now = Clock::start().now();
        self.outlet.pass(now, &std::mem::take(&mut self.tap.guard().out));
        if self.outlet.refuses() {
            self.ticket = None;
            self.over = Some(self.outlet.exit());
        }
        if self.over.is_some() {
            self.outlet.end(now);
        }
        if let Err(e) = self.output.send(&mut self.outlet.take()) {
            self.stdout.fail(&e);
        }
    }
}
