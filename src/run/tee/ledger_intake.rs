//! Sinks whose queue is the ledger: events are planned and durable before a thread of each sink sends them.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};

use anyhow::Result;

use super::super::clock::Clock;
use super::super::output::warn;
use super::OnError;
use super::ledger_worker::{self, LedgerWorker};
use super::pending_parts::PendingParts;
use super::status::{SinkStatus, counted};
use super::waker::Waker;
use crate::event::Event;
use crate::ledger::{Held, Options};
pub use crate::run::ledger::Store;
use crate::run::ledger::{Digest, Driver, News, Planned, Planning, Shared};
use crate::sink::address::Selection;
use crate::sink::{Identity, Proof, Sink};
use crate::stage::Io;
use crate::term::{quoted, shell_word};

pub struct LedgerSink {
    pub name: String,
    pub identity: Identity,
    /// The sink, or why it cannot be opened.
    pub sink: Result<Box<dyn Sink>, String>,
    /// Selected events; `None` for all.
    pub only: Option<Selection>,
    pub options: Options,
}

struct LedgerQueue {
    number: i64,
    only: Option<Selection>,
    status: Arc<SinkStatus>,
    /// `None` after the end of the input.
    news: Option<Sender<News>>,
}

pub(super) struct LedgerIntake {
    store: Shared,
    planning: Planning,
    clock: Clock,
    sinks: Vec<LedgerQueue>,
    /// Lines to plan, with the sinks that select them.
    waiting: Vec<(String, Vec<i64>)>,
    pending_parts: PendingParts,
    path: String,
    pub(super) failed: bool,
    broken: bool,
}

impl LedgerIntake {
    /// Registers each sink in the ledger and starts its thread.
    pub(super) fn start(
        store: Store,
        ledger_sinks: Vec<LedgerSink>,
        waker: &Waker,
        on_error: OnError,
        statuses: &mut Vec<Arc<SinkStatus>>,
    ) -> Result<Self> {
        let path = store.path.display().to_string();
        let mut failed = !store.damage.is_empty();
        for damage in &store.damage {
            warn(format_args!("{path}: {}", quoted(damage)));
        }
        let store = Shared::new(store);
        let mut planning = Planning::new(store.clone());
        let clock = Clock::start();
        let (mut sinks, mut workers): (Vec<LedgerQueue>, Vec<LedgerWorker>) = Default::default();
        for LedgerSink { name, identity, sink, only, options } in ledger_sinks {
            let number = store.lock().sink_of(&identity.key, &identity.older)?;
            if sinks.iter().any(|sink| sink.number == number) {
                continue;
            }
            let sink = match sink {
                Ok(sink) => sink,
                Err(why) => {
                    warn(format_args!("{name}: {}", quoted(&why)));
                    failed = true;
                    continue;
                }
            };
            if let Proof::File(file) = &identity.proof {
                let sent = store.lock().sent(number)?;
                match lost(&name, file, sent) {
                    Ok(missing) => planning.lost(number, missing),
                    Err(e) => {
                        warn(format_args!("{name}: cannot be read: {e}"));
                        failed = true;
                    }
                }
            }
            let (sender, news) = mpsc::channel();
            let status = Arc::new(SinkStatus::new(name, on_error, waker.clone()));
            statuses.push(Arc::clone(&status));
            workers.push(LedgerWorker {
                driver: Driver::open(store.clone(), number, options)?,
                status: Arc::clone(&status),
                sink,
                proof: identity.proof,
                news,
                clock,
            });
            sinks.push(LedgerQueue { number, only, status, news: Some(sender) });
        }
        for worker in workers.into_iter().filter(|_| !(failed && on_error.stop)) {
            super::spawn(&worker.status.name.clone(), || worker.run())?;
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

    pub(super) fn offer(&mut self, event: &Event<'_>) {
        let wants = |sink: &&LedgerQueue| sink.only.as_ref().is_none_or(|only| only.takes(event));
        let sinks: Vec<i64> = self.sinks.iter().filter(wants).map(|sink| sink.number).collect();
        // An event without a sink can still show that its stream is another run.
        let line = (event.line.to_owned(), sinks);
        self.pending_parts.take(event, line, &mut self.waiting);
    }

    pub(super) fn commit(&mut self, io: &mut Io) {
        let waiting = std::mem::take(&mut self.waiting);
        if self.broken || waiting.is_empty() {
            return;
        }
        match self.planning.plan(self.clock.now(), &waiting) {
            Ok(planned) => self.notify(planned, io),
            Err(e) => {
                (self.broken, self.failed) = (true, true);
                io.warn(format_args!("{e:#}"));
                for sink in &self.sinks {
                    sink.status.account().given_up = true;
                }
            }
        }
    }

    fn notify(&mut self, planned: Planned, io: &mut Io) {
        self.failed |= planned.failed;
        for text in planned.messages {
            io.warn(format_args!("{}: {text}", self.path));
        }
        for (number, news) in planned.news {
            let sink = self.sinks.iter().find(|sink| sink.number == number);
            if let Some(sender) = sink.and_then(|sink| sink.news.as_ref()) {
                // A sink that has ended takes no news.
                let _ = sender.send(news);
            }
        }
    }

    pub(super) fn close(&mut self, io: &mut Io) {
        for stream in self.pending_parts.streams() {
            self.failed = true;
            io.warn(format_args!(
                "{}: stream {}: the input ended inside a turn: its last text is not sent, because the rest of it may \
                 still change the parts",
                self.path,
                quoted(&stream)
            ));
        }
        for sink in &mut self.sinks {
            sink.news = None;
        }
    }

    pub(super) fn report(&mut self, io: &mut Io) {
        for sink in &self.sinks {
            let account = sink.status.account();
            let name = &sink.status.name;
            let owed = self.store.lock().owed(sink.number).unwrap_or_else(|e| {
                io.warn(format_args!("{name}: the ledger cannot tell what is owed: {e:#}"));
                self.failed = true;
                0
            });
            let lost = self.planning.still_lost(sink.number) as u64;
            let counts = account.ledger.counts;
            // Refused deliveries and those in doubt are owed until the user decides.
            let parts = counted(&[
                (counts.resent, "sent again though in doubt"),
                (counts.expired, "too old to be sent"),
                (account.ledger.dropped, "not in the ledger and not sent"),
                (lost, "sent before and not in the file"),
                (owed, "still owed"),
                (counts.failed, "of them refused"),
                (counts.unknown, "of them in doubt"),
            ]);
            self.failed |= account.trouble || lost + owed + counts.failed + counts.unknown > 0;
            if parts.is_empty() {
                continue;
            }
            let why = account
                .reason
                .clone()
                .or_else(|| self.store.lock().reason(sink.number).ok().flatten());
            let why = why.filter(|_| owed > 0).map(|why| format!(" ({})", quoted(&why)));
            let why = why.unwrap_or_default();
            io.warn(format_args!("{name}: events: {}{why}", parts.join(", ")));
            if let Some(first) = &account.ledger.first_held {
                io.warn(format_args!("{name}: {}", waits(&self.path, first, account.held)));
            }
        }
    }
}

/// Those of `sent` that are not in the file any more; reports them.
fn lost(name: &str, file: &Path, sent: HashSet<Digest>) -> io::Result<HashSet<Digest>> {
    let all = sent.len();
    let missing = ledger_worker::missing(file, sent)?;
    if !missing.is_empty() {
        warn(format_args!(
            "{name}: {} of the {all} events that were sent are not in the file (was it removed or replaced?): those that \
             the input has again are written again",
            missing.len()
        ));
    }
    Ok(missing)
}

/// Report of stopped streams, with the commands by which the user decides.
fn waits(path: &str, (id, state, held): &(String, &'static str, Held), count: usize) -> String {
    let more = match count.saturating_sub(1) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    let (path, id) = (shell_word(path), shell_word(id));
    let forget = format!("`spile ledger forget {path} {id}` skips it");
    match held {
        Held::User => format!(
            "{id} is {state}{more}, and its stream waits: `spile ledger retry {path} {id}` sends it again, {forget}"
        ),
        Held::NextRun => format!(
            "{id} has no tries left{more}, and its stream waits for the next run, which retries it: {forget}"
        ),
    }
}
