//! What stands between the queues of one sink and the ledger: nothing is handed out before its transition is durable.

use anyhow::Result;

use super::Shared;
use crate::ledger::{
    Change, DeliveryOutcome, Held, Item, Mark, Options, ProbeAnswer, SinkQueue, State, Step,
};
use crate::time::Time;

/// One sink's driver. Whoever drives it asks [`Driver::next`] what to do, does it, and says what came of it.
pub struct Driver {
    store: Shared,
    sink: i64,
    queues: SinkQueue,
    /// Transitions that are not durable yet; they become so together with what begins next.
    ended: Vec<Change>,
    counts: Counts,
}

/// What has come of deliveries since the driver was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// They are there.
    pub sent: u64,
    /// They are not, and will not be.
    pub failed: u64,
    /// Nobody knows.
    pub unknown: u64,
    /// They were sent again although they may have been there.
    pub resent: u64,
    /// They were too old.
    pub expired: u64,
}

impl Counts {
    fn add(&mut self, change: &Change) {
        let count = match (change.state, change.mark) {
            (State::Sent, _) => &mut self.sent,
            // What is let be later has been counted.
            (State::Failed, Mark::None) => &mut self.failed,
            (State::Unknown, _) => &mut self.unknown,
            (State::Expired, _) => &mut self.expired,
            (State::Planned, Mark::Resent) => &mut self.resent,
            _ => return,
        };
        *count += 1;
    }
}

/// One thing to give to the sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedDelivery {
    /// The row, of which the outcome is to be said; `None`: it is given at most once and asked for no more.
    pub position: Option<u64>,
    /// The delivery id, where it has one.
    pub id: Option<String>,
    /// The line without its line feed.
    pub bytes: Vec<u8>,
}

/// A delivery that the sink is to be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Its row.
    pub position: u64,
    /// The delivery id.
    pub id: String,
    /// The stream.
    pub stream: String,
    /// The line without its line feed.
    pub line: String,
}

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Find out which of these the sink has, and say it with [`Driver::answered`].
    Ask(Vec<Question>),
    /// Give these to the sink in order and say what came of each with [`Driver::outcome`].
    Send(Vec<OwnedDelivery>),
    /// Nothing before this time.
    Wait(Time),
    /// Nothing until something is planned.
    Idle,
}

impl Driver {
    /// The driver of the sink with this number, with everything that the ledger has open for it.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn open(store: Shared, sink: i64, options: Options) -> Result<Self> {
        let mut queues = SinkQueue::new(options);
        let streams = store.lock().open_streams(sink)?;
        for stream in streams {
            queues.more(&stream);
        }
        Ok(Self { store, sink, queues, ended: Vec::new(), counts: Counts::default() })
    }

    /// New rows of this stream are in the ledger.
    pub fn grown(&mut self, stream: &str) {
        self.queues.more(stream);
    }

    /// Rows of this stream that had ended are open again.
    pub fn again(&mut self, stream: &str) {
        self.queues.again(stream);
    }

    /// Something that is never in the ledger, to go behind the row of position `after`.
    pub fn pass(&mut self, stream: &str, after: u64, line: String) {
        self.queues.pass(stream, after, line.into_bytes());
    }

    /// What is to be done now; until then everything that was handed out must have its outcome.
    ///
    /// # Errors
    /// Those of the disk: then nothing may be sent any more.
    pub fn next(&mut self, now: Time) -> Result<Task> {
        loop {
            match self.queues.next(now) {
                Step::Load(stream, after, most) => {
                    self.commit()?;
                    let rows = self.store.lock().load(self.sink, &stream, after, most)?;
                    self.queues.loaded(now, &stream, most, rows);
                }
                Step::Change(changes) => {
                    for change in changes {
                        self.note(change);
                    }
                    self.commit()?;
                }
                Step::Ask(positions) => {
                    self.commit()?;
                    let questions = self.questions(positions)?;
                    if !questions.is_empty() {
                        return Ok(Task::Ask(questions));
                    }
                }
                Step::Send(items) => {
                    let deliveries = self.begin(items)?;
                    if !deliveries.is_empty() {
                        return Ok(Task::Send(deliveries));
                    }
                }
                Step::Wait(until) => {
                    self.commit()?;
                    return Ok(Task::Wait(until));
                }
                Step::Idle => {
                    self.commit()?;
                    return Ok(Task::Idle);
                }
            }
        }
    }

    /// What came of a row that was handed out. It becomes durable with the next call of [`Driver::next`] or
    /// [`Driver::commit`]; until then it stands as in doubt.
    pub fn outcome(&mut self, now: Time, position: u64, outcome: DeliveryOutcome) {
        if let Some(change) = self.queues.outcome(now, position, outcome) {
            self.note(change);
        }
    }

    /// What the sink says of a row that it was asked for.
    pub fn answered(&mut self, now: Time, position: u64, answer: ProbeAnswer) {
        if let Some(change) = self.queues.answered(now, position, answer) {
            self.note(change);
        }
    }

    fn note(&mut self, change: Change) {
        self.counts.add(&change);
        self.ended.push(change);
    }

    /// What has come of deliveries so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Makes durable what has been said.
    ///
    /// # Errors
    /// Those of the disk: then nothing may be sent any more.
    pub fn commit(&mut self) -> Result<()> {
        let ended = std::mem::take(&mut self.ended);
        self.store.lock().apply(&ended)
    }

    /// How many deliveries are open, those that wait for a person too.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn owed(&self) -> Result<u64> {
        self.store.lock().owed(self.sink)
    }

    /// How many streams go no further in this run.
    #[must_use]
    pub fn held_count(&self) -> usize {
        self.queues.held_count()
    }

    /// The streams that go no further in this run, each with the delivery for which it waits, its state, and why it waits.
    pub fn held(&self) -> impl Iterator<Item = (&str, &str, &'static str, Held)> {
        let held = self.queues.held();
        held.map(|(stream, head, why)| (stream, head.id.as_str(), head.state.name(), why))
    }

    /// How many deltas and unnumbered events were dropped because too many waited.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.queues.dropped()
    }

    fn questions(&mut self, positions: Vec<u64>) -> Result<Vec<Question>> {
        let found = self.store.lock().read(&positions)?;
        for (position, question) in positions.iter().zip(&found) {
            if question.is_none() {
                self.queues.forget(*position);
            }
        }
        Ok(found.into_iter().flatten().collect())
    }

    fn begin(&mut self, items: Vec<Item>) -> Result<Vec<OwnedDelivery>> {
        let begins: Vec<Change> = items
            .iter()
            .filter_map(|item| match item {
                Item::Row(change) => Some(change.clone()),
                Item::Passing(_) => None,
            })
            .collect();
        let ended = std::mem::take(&mut self.ended);
        let texts = self.store.lock().begin(&ended, &begins)?;
        let mut texts = texts.into_iter();
        let mut deliveries = Vec::new();
        for item in items {
            match item {
                Item::Passing(bytes) => {
                    deliveries.push(OwnedDelivery { position: None, id: None, bytes });
                }
                Item::Row(change) => match texts.next().flatten() {
                    Some((id, line)) => deliveries.push(OwnedDelivery {
                        position: Some(change.position),
                        id: Some(id),
                        bytes: line.into_bytes(),
                    }),
                    None => self.queues.forget(change.position),
                },
            }
        }
        Ok(deliveries)
    }
}
