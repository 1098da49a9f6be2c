//! Thread of one webhook: it reads on in the order of all events, makes rows of what is wanted, and sends them.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::super::events::random;
use super::super::order::{Order, Span};
use super::Storage;
use super::hook::{Hook, Stage};
use crate::backoff::SendOutcome;
use crate::codec;
use crate::run::Clock;
use crate::run::ledger::{Driver, HookEvent, News, OwnedDelivery, Progress, Switch, Task};
use crate::runs::history::{Mode, Op, Operation};
use crate::serve::index::Record;
use crate::serve::webhook::{From, delivery_id};
use crate::sink::{Delivery, Form, Sink};
use crate::time::Time;

/// Deliveries that may be owed before the webhook reads on.
const MOST_OWED: u64 = 256;

/// Records that are read at once.
const RECORDS: usize = 1024;

/// Bytes of events that are planned at once.
const BYTES: usize = 1 << 20;

/// Events that may be read again after a kill, because none of them was wanted.
const UNWRITTEN: u64 = 10_000;

/// Longest wait for something new.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Part of a wait by which it may become longer, so that many servers do not come back at once.
const JITTER: u64 = 4;

pub(super) struct Worker {
    pub hook: Arc<Hook>,
    pub storage: Arc<Storage>,
    pub order: Arc<Order>,
    pub driver: Driver,
    pub sink: Box<dyn Sink>,
    pub number: i64,
    pub progress: Progress,
    pub clock: Clock,
    /// Number up to which the progress is durable.
    pub written: u64,
    /// True once a webhook of the same ledger has failed.
    pub stops: Arc<AtomicBool>,
    /// Delivery that was tried last: id and run.
    pub last: Option<(String, String)>,
    /// Time at which the ledger has something to do, and the end of the wait for it.
    pub due: Option<(Time, Time)>,
}

/// Result of a look at the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    End,
    /// Enough is owed.
    Limit,
}

impl Worker {
    /// Runs until the server ends, the endpoint wants no more, or the ledger fails.
    pub(super) fn run(mut self) -> Result<()> {
        let done = self.work();
        self.driver.commit()?;
        done
    }

    fn work(&mut self) -> Result<()> {
        while !self.stops.load(Ordering::Relaxed) {
            let reached = self.read_on()?;
            let until = self.hook.until();
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                break;
            }
            let now = self.clock.now();
            if let Some((_, until)) = self.due.filter(|(_, until)| *until > now) {
                let wait = until.since(now);
                match left {
                    Some(left) if left < wait => break,
                    _ => self.hook.wait(wait),
                }
                continue;
            }
            let before = self.driver.counts();
            let task = self.driver.next(now)?;
            if self.driver.counts().unknown > before.unknown {
                self.give_up("no tries left");
            }
            self.show_owed()?;
            match task {
                Task::Send(deliveries) => {
                    for delivery in &deliveries {
                        if self.send(delivery)?.is_break() {
                            return Ok(());
                        }
                    }
                }
                Task::Wait(until) if self.due.is_none_or(|(asked, _)| asked != until) => {
                    let wait = until.since(now);
                    let micros = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX) / JITTER;
                    self.due =
                        Some((until, until + Duration::from_micros(random() % (micros + 1))));
                }
                Task::Wait(_) => self.due = None,
                Task::Idle | Task::Probe(_) if until.is_some() && reached == Reached::End => break,
                Task::Idle | Task::Probe(_) => self.hook.wait(LOOK_EVERY),
            }
        }
        if self.written < self.progress.number {
            self.storage.store.lock().set_progress(self.number, &self.progress)?;
        }
        Ok(())
    }

    /// Makes rows of what is wanted, as long as little is owed.
    fn read_on(&mut self) -> Result<Reached> {
        loop {
            let seen = *self.order.seen.borrow();
            if seen.epoch != self.progress.epoch {
                // What was sent has its id in the ledger, whatever its number was.
                (self.progress.epoch, self.progress.number, self.written) = (seen.epoch, 0, 0);
            }
            if self.progress.number >= seen.count {
                return Ok(Reached::End);
            }
            if self.storage.store.lock().owed(self.number)? >= MOST_OWED {
                return Ok(Reached::Limit);
            }
            let mut events = Vec::new();
            let left = usize::try_from(seen.count - self.progress.number).unwrap_or(RECORDS);
            let passed = self.collect(left.min(RECORDS), &mut events)?;
            if self.order.seen.borrow().epoch != seen.epoch {
                continue;
            }
            if passed == 0 {
                // The index is being replaced.
                return Ok(Reached::End);
            }
            self.progress.number += passed;
            if !events.is_empty() || self.progress.number - self.written >= UNWRITTEN {
                let now = self.clock.now();
                let mut store = self.storage.store.lock();
                let grown = store.plan_webhook(self.number, now, &events, &self.progress)?;
                drop(store);
                self.written = self.progress.number;
                if !grown.is_empty() {
                    // An event of another run need not wait.
                    self.due = None;
                }
                self.driver.take(News { grown, ..News::default() });
            }
        }
    }

    /// Appends what is wanted of the next events, until there is enough. Returns the number of events that were passed, among them
    /// those whose run is removed.
    fn collect(&self, most: usize, events: &mut Vec<HookEvent>) -> Result<u64> {
        let records = self.order.records(self.progress.number, most);
        let records = records.context("cannot read the index")?;
        let (mut passed, mut bytes, mut left) = (0, 0, records.as_slice());
        while let Some(span) = Span::next(&self.order, &mut left)? {
            let Some((run, lines)) = span.read()? else {
                passed += span.count();
                continue;
            };
            for (record, line) in span.lines(&lines) {
                passed += 1;
                if let Some(event) = self.wanted(&run.stream, record, line) {
                    bytes += line.len();
                    events.push(event);
                }
                if bytes >= BYTES || events.len() as u64 >= MOST_OWED {
                    return Ok(passed);
                }
            }
        }
        Ok(passed)
    }

    /// Event of a line, if the webhook gets it.
    fn wanted(&self, run: &str, record: &Record, line: &[u8]) -> Option<HookEvent> {
        let (hook, progress) = (&self.hook.webhook, &self.progress);
        let event = codec::decode(line).ok().filter(|event| hook.takes(event))?;
        // In an order that has begun since, events from before the registration have new numbers.
        let is_other_order = progress.epoch != progress.first_epoch;
        let is_old = event.time().is_some_and(|time| time < progress.since);
        if is_other_order && is_old && hook.from == From::Now {
            return None;
        }
        Some(HookEvent {
            id: delivery_id(&record.run, record.offset, line),
            run: run.to_owned(),
            turn: event.turn,
            seq: event.seq,
            line: event.line.to_owned(),
        })
    }

    /// Shows what is owed, after the ledger has the last outcome.
    fn show_owed(&self) -> Result<()> {
        let owed = self.storage.store.lock().owed(self.number)?;
        self.hook.state().owed = owed;
        Ok(())
    }

    /// Sends one; breaks once the endpoint wants no more.
    fn send(&mut self, delivery: &OwnedDelivery) -> Result<ControlFlow<()>> {
        let (Some(position), Some(id)) = (delivery.position, &delivery.id) else {
            return Ok(ControlFlow::Continue(()));
        };
        let run = self.storage.store.lock().read(position)?.map(|row| row.stream);
        self.last = Some((id.clone(), run.unwrap_or_default()));
        let sent = Delivery { id: Some(id), bytes: &delivery.bytes, form: Form::Event };
        let outcome = self.sink.send(&[sent]).pop().unwrap_or(SendOutcome::NotTried);
        let before = self.driver.counts();
        self.driver.outcome(self.clock.now(), position, outcome.clone());
        match outcome {
            SendOutcome::NotTried => {}
            SendOutcome::Sent(_) => self.hook.sent(),
            SendOutcome::Failed(why) => self.give_up(&why),
            SendOutcome::Retry(_, why) | SendOutcome::Unknown(_, why) => {
                if self.driver.counts().failed > before.failed {
                    self.give_up(&why);
                }
                self.hook.failing(&why);
            }
            SendOutcome::Gone(_, why) => {
                self.switch_off(&why)?;
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Remembers that the endpoint wants no more.
    fn switch_off(&mut self, why: &str) -> Result<()> {
        self.driver.commit()?;
        self.progress.switch = Switch::Off;
        self.storage.store.lock().set_progress(self.number, &self.progress)?;
        self.hook.state().stage = Stage::Off;
        self.hook.warn(&format!("{why}: it is switched off and gets no more events"));
        self.record("off", Some(410));
        Ok(())
    }

    /// Reports a delivery that is not sent any more.
    fn give_up(&self, why: &str) {
        let id = self.last.as_ref().map(|(id, _)| id.as_str()).unwrap_or_default();
        self.hook.state().given_up += 1;
        self.hook.warn(&format!("{id} is given up: {why}"));
        self.record("given up", None);
    }

    fn record(&self, outcome: &str, status: Option<u16>) {
        let now = Clock::start().now();
        let mut operation = Operation::new(now, Op::Webhook, Mode::Runs, &self.hook.name);
        operation.run = self.last.as_ref().map(|(_, run)| run.clone());
        operation.outcome = Some(outcome.to_owned());
        operation.status = status;
        if let Err(e) = self.storage.state.record(&operation) {
            self.hook.warn(&format!("the operation is not in the history: {e:#}"));
        }
    }
}
