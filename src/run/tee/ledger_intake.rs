//! The sinks of which the ledger is the queue: what is read is planned and durable before a thread of each sink sends it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

use super::super::clock::Clock;
pub use super::ledger_worker::ProbeBy;
use super::ledger_worker::{self, LedgerWorker};
use super::pending_parts::PendingParts;
use super::waker::Waker;
use super::{OnError, Others};
use crate::codec;
use crate::event::Event;
use crate::ledger::{Held, Options};
pub use crate::run::ledger::Store;
use crate::run::ledger::{Counts, Driver, Line, Passing, Planned, Planning, Shared};
use crate::sink::Sink;
use crate::sink::address::Selection;
use crate::stage::Io;
use crate::term::{quoted, shell_word};

/// A sink whose deliveries are kept in the ledger.
pub struct LedgerSink {
    /// For messages.
    pub name: String,
    /// By which it is known in the ledger: the same on every run.
    pub address: String,
    /// By which older ledgers know it.
    pub others: Vec<String>,
    /// The sink, or why there is none.
    pub sink: Result<Box<dyn Sink>, String>,
    /// Which events it gets; `None`: all.
    pub only: Option<Selection>,
    /// What its deliveries are subject to.
    pub options: Options,
    /// Who can tell whether it has something.
    pub ask: ProbeBy,
}

/// What a sink's thread hears, and what is known of it.
pub(super) struct Mailbox {
    state: Mutex<MailboxState>,
    more: Condvar,
}

#[derive(Default)]
pub(super) struct MailboxState {
    pub grown: Vec<String>,
    pub again: Vec<String>,
    pub passing: Vec<Passing>,
    pub closed: bool,
    pub account: Account,
}

/// The account of a sink.
#[derive(Debug, Clone, Default)]
pub(super) struct Account {
    pub counts: Counts,
    /// Events that are given at most once and were not.
    pub dropped: u64,
    /// How many streams go no further.
    pub held: usize,
    /// The delivery for which the first of them waits, its state, and why.
    pub first_held: Option<(String, &'static str, Held)>,
    pub failing: Option<String>,
    /// Why the last delivery did not succeed, also where that is no complaint.
    pub reason: Option<String>,
    /// The exit status is to show something.
    pub trouble: bool,
    pub over: bool,
    pub finished: bool,
}

impl Mailbox {
    fn new() -> Self {
        Self { state: Mutex::new(MailboxState::default()), more: Condvar::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, MailboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for something new, at most so long.
    pub(super) fn wait(&self, most: Option<Duration>) {
        let state = self.lock();
        let new = !state.grown.is_empty() || !state.again.is_empty() || !state.passing.is_empty();
        if new || (state.closed && most.is_none()) {
            return;
        }
        match most {
            Some(most) => drop(self.more.wait_timeout(state, most)),
            None => drop(self.more.wait(state)),
        }
    }

    fn change(&self, change: impl FnOnce(&mut MailboxState)) {
        change(&mut self.lock());
        self.more.notify_all();
    }
}

struct SinkMailbox {
    name: String,
    number: i64,
    only: Option<Selection>,
    mailbox: Arc<Mailbox>,
}

/// The way from the input to the ledger.
pub(super) struct LedgerIntake {
    store: Shared,
    planning: Planning,
    clock: Clock,
    sinks: Vec<SinkMailbox>,
    /// Lines that are to be planned, and the sinks that want them.
    waiting: Vec<(String, Vec<i64>)>,
    pending_parts: PendingParts,
    path: String,
    /// Something that the exit status is to show.
    pub(super) failed: bool,
    broken: bool,
}

/// What a thread is made of.
type Ready = (Box<dyn Sink>, Options, ProbeBy, Arc<Mailbox>, i64, String);

impl LedgerIntake {
    /// Opens a sink's place in the ledger for each of `ledger_intake`, and starts their threads.
    pub(super) fn start(
        mut store: Store,
        ledger_intake: Vec<LedgerSink>,
        waker: &Waker,
        on_error: OnError,
    ) -> Result<Self> {
        let clock = Clock::start();
        let mut said = String::new();
        let mut failed = !store.damage().is_empty();
        let path = store.path().display().to_string();
        for damage in store.damage() {
            said.push_str(&format!("spile: {path}: {}\n", quoted(damage)));
        }
        let (mut sinks, mut ready): (Vec<SinkMailbox>, Vec<Ready>) = (Vec::new(), Vec::new());
        let mut lost = Vec::new();
        for b in ledger_intake {
            let number = store.sink_of(&b.address, &b.others)?;
            if sinks.iter().any(|sink| sink.number == number) {
                continue;
            }
            if let (ProbeBy::File(path), true) = (&b.ask, b.sink.is_ok()) {
                let sent = store.sent(number)?;
                let all = sent.len();
                match ledger_worker::missing(path, sent) {
                    Ok(missing) if missing.is_empty() => {}
                    Ok(missing) => {
                        said.push_str(&format!(
                            "spile: {}: {} of the {all} events that were sent are not in the file (was it removed or \
                             replaced?): what the input brings of them is written again\n",
                            b.name,
                            missing.len()
                        ));
                        lost.push((number, missing));
                    }
                    Err(e) => {
                        said.push_str(&format!("spile: {}: cannot be read: {e}\n", b.name));
                        failed = true;
                    }
                }
            }
            match b.sink {
                Ok(sink) => {
                    let mailbox = Arc::new(Mailbox::new());
                    let shared = Arc::clone(&mailbox);
                    ready.push((sink, b.options, b.ask, shared, number, b.name.clone()));
                    sinks.push(SinkMailbox { name: b.name, number, only: b.only, mailbox });
                }
                Err(why) => {
                    said.push_str(&format!("spile: {}: {}\n", b.name, quoted(&why)));
                    failed = true;
                }
            }
        }
        super::super::output::warn_user(said.as_bytes());
        let store = Shared::new(store);
        if !(failed && on_error.others == Others::Stop) {
            for (sink, options, ask, mailbox, number, name) in ready {
                let ledger_worker = LedgerWorker {
                    driver: Driver::open(store.clone(), number, options)?,
                    name,
                    sink,
                    ask,
                    mailbox,
                    waker: waker.clone(),
                    on_error,
                    clock,
                };
                std::thread::Builder::new()
                    .name(ledger_worker.name.clone())
                    .spawn(|| ledger_worker.run())
                    .context("cannot start a thread")?;
            }
        }
        let mut planning = Planning::new(store.clone());
        for (number, missing) in lost {
            planning.lost(number, missing);
        }
        Ok(Self {
            planning,
            store,
            clock,
            sinks,
            waiting: Vec::new(),
            pending_parts: PendingParts::default(),
            path,
            failed,
            broken: false,
        })
    }

    /// Takes note of an event that has been read.
    pub(super) fn offer(&mut self, event: &Event<'_>) {
        let wants = |sink: &&SinkMailbox| sink.only.is_none_or(|only| only.takes(event));
        let sinks: Vec<i64> = self.sinks.iter().filter(wants).map(|sink| sink.number).collect();
        // An event that no sink wants can still show that its stream is another run.
        let line = (event.line.to_owned(), sinks);
        self.pending_parts.take(event, line, &mut self.waiting);
    }

    /// Makes durable what was offered, and tells the sinks.
    pub(super) fn commit(&mut self, io: &mut Io) {
        let waiting = std::mem::take(&mut self.waiting);
        if self.broken || waiting.is_empty() {
            return;
        }
        let lines: Vec<Line<'_>> = waiting
            .iter()
            .filter_map(|(line, sinks)| {
                let event = codec::decode_text(line).ok()?;
                let sinks = sinks.clone();
                Some(Line { event, sinks })
            })
            .collect();
        match self.planning.plan(self.clock.now(), &lines) {
            Ok(planned) => self.tell(planned, io),
            Err(e) => {
                (self.broken, self.failed) = (true, true);
                io.err.extend_from_slice(format!("spile: {e:#}\n").as_bytes());
            }
        }
    }

    fn tell(&mut self, planned: Planned, io: &mut Io) {
        self.failed |= planned.refused > 0 && !planned.said.iter().all(|s| s.contains("warning:"));
        for text in planned.said {
            io.err.extend_from_slice(format!("spile: {}: {text}\n", self.path).as_bytes());
        }
        let mut passing = planned.passing;
        for sink in &self.sinks {
            let streams = planned.grown.iter().filter(|(number, _)| *number == sink.number);
            let grown: Vec<String> = streams.map(|(_, stream)| stream.clone()).collect();
            let again = planned.again.iter().filter(|(number, _)| *number == sink.number);
            let again: Vec<String> = again.map(|(_, stream)| stream.clone()).collect();
            let ours: Vec<Passing> = passing.extract_if(.., |p| p.sink == sink.number).collect();
            if !grown.is_empty() || !again.is_empty() || !ours.is_empty() {
                sink.mailbox.change(|state| {
                    state.grown.extend(grown);
                    state.again.extend(again);
                    state.passing.extend(ours);
                });
            }
        }
    }

    /// Nothing more comes.
    pub(super) fn close(&mut self, io: &mut Io) {
        for stream in self.pending_parts.streams() {
            self.failed = true;
            let text = format!(
                "spile: {}: stream {}: the input ended inside a turn: what was said last is not sent, for with the rest \
                 of it it would be cut otherwise\n",
                self.path,
                quoted(&stream)
            );
            io.err.extend_from_slice(text.as_bytes());
        }
        for sink in &self.sinks {
            sink.mailbox.change(|state| state.closed = true);
        }
    }

    /// True if a sink is still at work.
    pub(super) fn working(&self) -> bool {
        self.sinks.iter().any(|sink| !sink.mailbox.lock().account.finished)
    }

    /// True if anything that is read may still arrive.
    pub(super) fn takes(&self) -> bool {
        !self.broken && self.sinks.iter().any(|sink| !sink.mailbox.lock().account.over)
    }

    /// True if a sink has done something that the exit status is to show.
    pub(super) fn trouble(&self) -> bool {
        let account = |sink: &SinkMailbox| sink.mailbox.lock().account.clone();
        self.failed
            || self
                .sinks
                .iter()
                .map(account)
                .any(|account| account.trouble || account.failing.is_some() || account.held > 0)
    }

    /// What each sink is owed, in words; and whether the exit status is to show it.
    pub(super) fn report(&mut self, io: &mut Io) {
        for sink in &self.sinks {
            let account = sink.mailbox.lock().account.clone();
            let owed = self.store.lock().owed(sink.number).unwrap_or_default();
            let lost = self.planning.still_lost(sink.number) as u64;
            let counts = account.counts;
            let mut parts = Vec::new();
            // What is refused or in doubt waits for a person, and is owed until then.
            for (count, what) in [
                (counts.resent, "sent again though in doubt"),
                (counts.expired, "too old to be sent"),
                (account.dropped, "not in the ledger and not sent"),
                (lost, "sent before and not in the file"),
                (owed, "still owed"),
                (counts.failed, "of them refused"),
                (counts.unknown, "of them in doubt"),
            ] {
                if count > 0 {
                    parts.push(format!("{count} {what}"));
                }
            }
            let lost = self.planning.still_lost(sink.number) as u64;
            self.failed |= account.trouble || lost + owed + counts.failed + counts.unknown > 0;
            if parts.is_empty() {
                continue;
            }
            let why = account.reason.or(account.failing);
            let why = why.or_else(|| self.store.lock().reason(sink.number).ok().flatten());
            let why = why.filter(|_| owed > 0).map(|why| format!(" ({})", quoted(&why)));
            let mut text = format!(
                "spile: {}: events: {}{}\n",
                sink.name,
                parts.join(", "),
                why.unwrap_or_default()
            );
            if let Some(first) = &account.first_held {
                text.push_str(&format!(
                    "spile: {}: {}\n",
                    sink.name,
                    waits(&self.path, first, account.held)
                ));
            }
            io.err.extend_from_slice(text.as_bytes());
        }
    }
}

/// The report of streams that go no further, with the commands by which a person decides.
fn waits(path: &str, (id, state, held): &(String, &str, Held), count: usize) -> String {
    let more = match count.saturating_sub(1) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    let (path, id) = (shell_word(path), shell_word(id));
    let forget = format!("`spile ledger forget {path} {id}` lets it be");
    match held {
        Held::Person => format!(
            "{id} is {state}{more}, and its stream waits: `spile ledger retry {path} {id}` sends it again, {forget}"
        ),
        Held::NextRun => format!(
            "{id} has had its tries{more}, and its stream waits for the next run, which tries it again: {forget}"
        ),
    }
}
