//! Sinks whose queue is the ledger: events are planned and durable before a thread of each sink sends them.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};

use anyhow::Result;
use serde::Deserialize;

use super::super::clock::Clock;
use super::super::output::warn;
use super::ledger_worker::{self, LedgerWorker};
use super::status::{SinkStatus, Waker, counted};
use super::{Named, OnError};
use crate::codec;
use crate::event::{Event, Type};
use crate::ledger::{Held, Options};
pub use crate::run::ledger::Store;
use crate::run::ledger::{Digest, Driver, News, Planned, Planning, Shared};
use crate::sink::address::Selection;
use crate::sink::{Identity, Proof};
use crate::stage::Io;
use crate::term::{quoted, shell_word};

pub struct LedgerSink {
    pub named: Named,
    pub identity: Identity,
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
    waiting: Vec<Wanted>,
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
        for LedgerSink { named: Named { name, sink, only }, identity, options } in ledger_sinks {
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

type Wanted = (String, Vec<i64>);

/// Parts of a block that was closed without its end, by stream, until their stream continues: then the block was complete.
/// If the input ends there, its writer may have been killed, and on a replay the same ids will stand for longer texts.
#[derive(Debug, Default)]
struct PendingParts(HashMap<String, Vec<Wanted>>);

impl PendingParts {
    /// Passes an event on to `sure` or holds it; held parts go first once their stream continues.
    fn take(&mut self, event: &Event<'_>, line: Wanted, sure: &mut Vec<Wanted>) {
        let stream = event.stream.as_deref().unwrap_or_default();
        if is_closed_early(event) {
            self.0.entry(stream.to_owned()).or_default().push(line);
            return;
        }
        // An event without a number may be a remark on the part itself.
        if event.seq.is_some() && !self.0.is_empty() {
            sure.extend(self.0.remove(stream).unwrap_or_default());
        }
        sure.push(line);
    }

    fn streams(&self) -> Vec<String> {
        let mut streams: Vec<String> = self.0.keys().cloned().collect();
        streams.sort();
        streams
    }
}

fn is_closed_early(event: &Event<'_>) -> bool {
    #[derive(Deserialize)]
    struct RowHead {
        #[serde(default)]
        synthetic: bool,
        part: Option<u64>,
    }
    let maybe = event.kind == Type::BlockFinal && event.line.contains("\"synthetic\"");
    maybe
        && codec::body::<RowHead>(&codec::without_lone(event.line))
            .is_ok_and(|head| head.synthetic && head.part.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(stream: &str, seq: u64, synthetic: bool) -> String {
        let synthetic = if synthetic { r#","synthetic":true"# } else { "" };
        format!(
            r#"{{"v":1,"type":"block_final","stream":"{stream}","turn":1,"seq":{seq},"ts":"2026-01-01T00:00:00.000Z"{synthetic},"block":"b1","kind":"answer","text":"x","part":0,"last":true}}"#
        )
    }

    fn end(stream: &str, seq: u64) -> String {
        format!(
            r#"{{"v":1,"type":"turn_failed","stream":"{stream}","turn":1,"seq":{seq},"ts":"2026-01-01T00:00:00.000Z"}}"#
        )
    }

    #[test]
    fn a_part_that_nothing_follows_stays() {
        let lines = [
            part("a", 1, false),
            part("a", 2, true),
            part("b", 1, true),
            r#"{"v":1,"type":"status","stream":"a","ts":"2026-01-01T00:00:00.000Z","kind":"diagnostic"}"#.to_owned(),
            end("a", 3),
        ];
        let (mut pending_parts, mut sure) = (PendingParts::default(), Vec::new());
        let mut seen = Vec::new();
        for line in &lines {
            let event = codec::decode_text(line).unwrap();
            pending_parts.take(&event, (line.clone(), Vec::new()), &mut sure);
            seen.push(sure.len());
        }
        assert_eq!(seen, [1, 1, 1, 2, 4]);
        assert_eq!(sure[2].0, lines[1]);
        assert_eq!(pending_parts.streams(), ["b"]);
    }
}
