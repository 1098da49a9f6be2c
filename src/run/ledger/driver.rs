//! Mediator between the queues of one sink and the ledger: nothing is handed out before its transition is durable.

use anyhow::Result;

use super::{News, Shared};
use crate::backoff::SendOutcome;
use crate::ledger::{Change, Item, Mark, Options, ProbeAnswer, RowHead, SinkQueue, State, Step};
use crate::time::Time;

/// Driver of one sink: [`Driver::next`] gives a task, its outcome is reported back.
pub struct Driver {
    store: Shared,
    sink: i64,
    pub queues: SinkQueue,
    ended: Vec<Change>,
    pub(in crate::run) counts: Counts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub failed: u64,
    pub unknown: u64,
    /// Sent again although they may have arrived.
    pub resent: u64,
    pub expired: u64,
}

impl Counts {
    fn add(&mut self, change: &Change) {
        let count = match (change.row.state, change.row.mark) {
            // A skipped failure was counted before.
            (State::Failed, Mark::None) => &mut self.failed,
            (State::Unknown, _) => &mut self.unknown,
            (State::Expired, _) => &mut self.expired,
            (State::Planned, Mark::Resent) => &mut self.resent,
            _ => return,
        };
        *count += 1;
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedDelivery {
    /// Row whose outcome is to be reported; `None` for at-most-once events.
    pub position: Option<u64>,
    pub id: Option<String>,
    pub bytes: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Probe these and report with [`Driver::answered`].
    Probe(Vec<OwnedDelivery>),
    /// Send these in order and report each with [`Driver::outcome`].
    Send(Vec<OwnedDelivery>),
    Wait(Time),
    Idle,
}

impl OwnedDelivery {
    fn of(position: u64, id: String, line: String) -> Self {
        Self { position: Some(position), id: Some(id), bytes: line.into_bytes() }
    }
}

impl Driver {
    pub fn open(store: Shared, sink: i64, options: Options) -> Result<Self> {
        let mut queues = SinkQueue::new(options);
        let streams = store.lock().open_streams(sink)?;
        for stream in streams {
            queues.more(&stream);
        }
        Ok(Self { store, sink, queues, ended: Vec::new(), counts: Counts::default() })
    }

    pub fn take(&mut self, news: News) {
        for stream in news.grown {
            self.queues.more(&stream);
        }
        for stream in news.again {
            self.queues.again(&stream);
        }
        for p in news.passing {
            self.queues.pass(&p.stream, p.after, p.line.into_bytes());
        }
    }

    #[cfg(feature = "serve")]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Next task. Everything handed out before must have its outcome. After an error nothing may be sent.
    pub fn next(&mut self, now: Time) -> Result<Task> {
        loop {
            let step = self.queues.next(now);
            if !matches!(step, Step::Change(_) | Step::Send(_)) {
                self.commit()?;
            }
            match step {
                Step::Load(stream, after, most) => {
                    let rows = self.store.lock().load(self.sink, &stream, after, most)?;
                    self.queues.loaded(now, &stream, most, rows);
                }
                Step::Change(changes) => {
                    self.note(changes);
                    self.commit()?;
                }
                Step::Probe(positions) => {
                    let questions = self.questions(positions)?;
                    if !questions.is_empty() {
                        return Ok(Task::Probe(questions));
                    }
                }
                Step::Send(items) => {
                    let deliveries = self.begin(items)?;
                    if !deliveries.is_empty() {
                        return Ok(Task::Send(deliveries));
                    }
                }
                Step::Wait(until) => return Ok(Task::Wait(until)),
                Step::Idle => return Ok(Task::Idle),
            }
        }
    }

    /// Reports an outcome, durable with the next [`Driver::next`] or [`Driver::commit`]; in doubt until then.
    pub fn outcome(&mut self, now: Time, position: u64, outcome: SendOutcome) {
        let change = self.queues.outcome(now, position, outcome);
        self.note(change);
    }

    pub fn answered(&mut self, now: Time, position: u64, answer: ProbeAnswer) {
        let change = self.queues.answered(now, position, answer);
        self.note(change);
    }

    fn note(&mut self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            self.counts.add(&change);
            self.ended.push(change);
        }
    }

    pub fn commit(&mut self) -> Result<()> {
        let ended = std::mem::take(&mut self.ended);
        self.store.lock().begin(&ended, &[]).map(drop)
    }

    fn questions(&mut self, positions: Vec<u64>) -> Result<Vec<OwnedDelivery>> {
        let mut questions = Vec::new();
        for position in positions {
            match self.store.lock().read(position)? {
                Some(row) => questions.push(OwnedDelivery::of(position, row.id, row.line)),
                None => self.queues.forget(position),
            }
        }
        Ok(questions)
    }

    fn begin(&mut self, items: Vec<Item>) -> Result<Vec<OwnedDelivery>> {
        let row = |item: &Item| match item {
            Item::Row(change) => Some(change.clone()),
            Item::Passing(_) => None,
        };
        let begins: Vec<Change> = items.iter().filter_map(row).collect();
        let ended = std::mem::take(&mut self.ended);
        let mut lines = self.store.lock().begin(&ended, &begins)?.into_iter();
        let mut deliveries = Vec::new();
        for item in items {
            match item {
                Item::Passing(bytes) => {
                    deliveries.push(OwnedDelivery { position: None, id: None, bytes });
                }
                Item::Row(change) => match lines.next().flatten() {
                    Some(line) => {
                        let RowHead { position, id, .. } = change.row;
                        deliveries.push(OwnedDelivery::of(position, id, line));
                    }
                    None => self.queues.forget(change.row.position),
                },
            }
        }
        Ok(deliveries)
    }
}
