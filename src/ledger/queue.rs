//! Delivery queues of one sink, one for each stream, independent of each other.
//!
//! Between two calls of [`SinkQueue::next`] everything under way has its outcome, so a delivery in [`State::Sending`]
//! then is in doubt, from this run or one that was killed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use super::{Ability, BACKOFF, InDoubt, Mark, Options, RowHead, SINK_BACKOFF, State};
use crate::backoff::{SendOutcome, Wait};
use crate::time::Time;
use stream::{Next, StreamQueue};

mod stream;

const WINDOW: usize = 256;

/// Rows of all queues in memory, beyond [`LEAST`] each.
const ROWS: usize = 1 << 16;

/// Rows that each queue may have in memory in any case.
const LEAST: usize = 4;

/// Queues of one sink. Only changed or due queues are examined, whatever the number of streams.
#[derive(Debug, Default)]
pub struct SinkQueue {
    options: Options,
    queues: Vec<StreamQueue>,
    names: HashMap<String, usize>,
    free: Vec<usize>,
    /// Changed queues, which may need rows.
    fresh: BTreeSet<usize>,
    loaded: BTreeSet<usize>,
    doubtful: BTreeSet<usize>,
    /// Queues that can send, by rank.
    ready: BTreeSet<(Rank, usize)>,
    waiting: BTreeSet<(Time, usize)>,
    held: BTreeSet<usize>,
    handed: HashMap<u64, usize>,
    next_at: Time,
    failures: u32,
    pub dropped: u64,
}

/// Order of queues: fewest failures in a row first, then oldest.
type Rank = (u32, u64, u8);

/// A transition, made durable before anything else happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The row afterwards; in `sending`, `changed` is the start of the doubt.
    pub row: RowHead,
    /// Note of the sink; `None` keeps the old one.
    pub note: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A row, with the transition to `sending` that must be durable first.
    Row(Change),
    Passing(Vec<u8>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Load open rows of a stream behind a position, at most so many.
    Load(String, u64, usize),
    Change(Vec<Change>),
    Probe(Vec<u64>),
    /// Make the transitions durable, then send everything in order.
    Send(Vec<Item>),
    Wait(Time),
    /// Wait for new rows, or for the user.
    Idle,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeAnswer {
    Sent,
    NotSent,
    Unknown(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    User,
    /// Its first delivery is out of tries until the next run.
    NextRun,
}

impl SinkQueue {
    pub fn new(options: Options) -> Self {
        Self { options, ..Self::default() }
    }

    /// The ledger may have more rows of this stream.
    pub fn more(&mut self, stream: &str) {
        let n = self.queue(stream);
        self.queues[n].more = true;
        self.touch(n);
    }

    /// Ended rows of this stream are open again, perhaps before those in memory.
    pub fn again(&mut self, stream: &str) {
        let n = self.queue(stream);
        if self.queues[n].begun.is_empty() {
            self.queues[n].rows.clear();
            self.queues[n].loaded = 0;
        }
        self.more(stream);
    }

    /// Queues an at-most-once line behind the row of position `after`.
    pub fn pass(&mut self, stream: &str, after: u64, bytes: Vec<u8>) {
        let n = self.queue(stream);
        if !self.queues[n].put_passing(after, bytes) {
            self.dropped += 1;
        }
        self.touch(n);
    }

    pub fn held_count(&self) -> usize {
        self.held.len()
    }

    #[cfg(test)]
    pub(super) fn queues_in_use(&self) -> usize {
        self.names.len()
    }

    /// Stopped streams with the delivery they wait for, and why.
    pub fn held(&self) -> impl Iterator<Item = (&str, &RowHead, Held)> {
        let held = self.held.iter().filter_map(|n| self.queues.get(*n));
        held.filter_map(|queue| Some((queue.stream.as_str(), queue.rows.front()?, queue.held?)))
    }

    /// Answers [`Step::Load`] with open rows in order; fewer than requested are all.
    pub fn loaded(&mut self, now: Time, stream: &str, requested: usize, rows: Vec<RowHead>) {
        let n = self.queue(stream);
        self.queues[n].take_rows(now, requested, rows);
        self.touch(n);
    }

    /// Drops a row whose hash failed; later rows no longer wait for it.
    pub fn forget(&mut self, position: u64) {
        let Some(n) = self.handed.remove(&position) else { return };
        self.queues[n].rows.retain(|row| row.position != position);
        self.queues[n].begun.retain(|row| row.position != position);
        self.touch(n);
    }

    /// Records the outcome of a row of [`Step::Send`]; `None` if it is not under way.
    pub fn outcome(&mut self, now: Time, position: u64, outcome: SendOutcome) -> Option<Change> {
        let n = self.handed.remove(&position)?;
        self.touch(n);
        let options = self.options;
        let queue = &mut self.queues[n];
        let at = queue.begun.iter().position(|b| b.position == position)?;
        let before = queue.begun.remove(at);
        let row = queue.rows.iter_mut().find(|r| r.position == position)?;
        // A delivery in doubt stays so until the sink has confirmed it.
        let doubt = before.state == State::Sending;
        let (note, failed) = match outcome {
            SendOutcome::Sent(receipt) => {
                (row.state, row.changed) = (State::Sent, now);
                (Some(receipt.unwrap_or_default()), None)
            }
            SendOutcome::Failed(why) => {
                (row.state, row.changed) = (State::Failed, now);
                (Some(why), None)
            }
            SendOutcome::NotTried | SendOutcome::Gone(..) => {
                row.clone_from(&before);
                return Some(Change { row: before, note: None });
            }
            SendOutcome::Unknown(wait, why) => (Some(why), Some(wait)),
            SendOutcome::Retry(wait, why) => {
                if !doubt {
                    (row.state, row.changed) = (State::Planned, now);
                }
                (Some(why), Some(wait))
            }
        };
        match failed {
            None => (queue.failures, self.failures) = (0, 0),
            Some(wait) => {
                queue.failures = queue.failures.saturating_add(1);
                // Where a duplicate is possible, every resend counts as a try.
                let idempotent = matches!(options.ability, Ability::Idempotent(_));
                let risk = row.state == State::Sending && !idempotent;
                if wait == Wait::Failed || risk {
                    row.tries = row.tries.saturating_add(1);
                    row.fails = row.fails.saturating_add(1);
                }
                if wait == Wait::Failed {
                    row.not_before = now + BACKOFF.after(row.fails);
                } else {
                    self.failures = self.failures.saturating_add(1);
                    row.not_before = now + wait.at_least(SINK_BACKOFF.after(self.failures));
                    self.next_at = self.next_at.max(row.not_before);
                }
            }
        }
        queue.tried(position, &options, note)
    }

    pub fn answered(&mut self, now: Time, position: u64, answer: ProbeAnswer) -> Option<Change> {
        let n = self.handed.remove(&position)?;
        self.touch(n);
        let options = self.options;
        let queue = &mut self.queues[n];
        let row = queue.rows.iter_mut().find(|r| r.position == position)?;
        let mut note = None;
        row.changed = now;
        match answer {
            ProbeAnswer::Sent => {
                row.state = State::Sent;
                note = Some("found there".to_owned());
            }
            ProbeAnswer::NotSent => row.state = State::Planned,
            ProbeAnswer::Unknown(why) => {
                note = Some(why);
                match options.in_doubt {
                    InDoubt::Resend if row.fails >= options.tries => doubt(InDoubt::Skip, row),
                    policy => doubt(policy, row),
                }
            }
        }
        queue.tried(position, &options, note)
    }

    /// Next step, in this order: settle doubt, expire old deliveries, begin new ones. Spurious calls are harmless.
    pub fn next(&mut self, now: Time) -> Step {
        loop {
            while let Some((at, n)) = self.waiting.first().copied().filter(|(at, _)| *at <= now) {
                self.waiting.remove(&(at, n));
                self.touch(n);
            }
            let window = (ROWS / self.names.len().max(1)).clamp(LEAST, WINDOW);
            while let Some(n) = self.fresh.first().copied() {
                let queue = &self.queues[n];
                if queue.wants(window) {
                    let most = window - queue.rows.len().min(window);
                    return Step::Load(queue.stream.clone(), queue.loaded, most);
                }
                self.fresh.remove(&n);
                self.loaded.insert(n);
            }
            let changes = self.settle(now);
            if !changes.is_empty() {
                return Step::Change(changes);
            }
            let probes = self.probes(now);
            if !probes.is_empty() {
                return Step::Probe(probes);
            }
            if let Some(step) = self.pick(now) {
                return step;
            }
        }
    }

    /// Settles queues that have their rows, and sorts the others by what they wait for.
    fn settle(&mut self, now: Time) -> Vec<Change> {
        let options = self.options;
        let mut changes = Vec::new();
        while let Some(n) = self.loaded.pop_first() {
            let before = changes.len();
            let queue = &mut self.queues[n];
            queue.settle(now, &options, &mut changes);
            if changes.len() > before {
                self.touch(n);
                continue;
            }
            if queue.held.is_some() {
                self.held.insert(n);
            } else if queue.probes(now, &options).next().is_some() {
                self.doubtful.insert(n);
            } else if let Some(rank) = queue.rank(now, &options, 0) {
                self.ready.insert((rank, n));
                queue.place = Some(QueuePlace::Ready(rank));
            } else if let Some(until) = queue.until(now) {
                self.waiting.insert((until, n));
                queue.place = Some(QueuePlace::Waiting(until));
            } else if queue.is_done() {
                self.names.remove(&queue.stream);
                *queue = StreamQueue::new("");
                self.free.push(n);
            }
        }
        changes
    }

    fn probes(&mut self, now: Time) -> Vec<u64> {
        let mut probes = Vec::new();
        for n in std::mem::take(&mut self.doubtful) {
            let before = probes.len();
            probes.extend(self.queues[n].probes(now, &self.options));
            self.handed.extend(probes.iter().skip(before).map(|position| (*position, n)));
        }
        probes
    }

    /// Begins deliveries, oldest first, in order within a queue, failing queues last; `None` if queues must be examined first.
    fn pick(&mut self, now: Time) -> Option<Step> {
        let waits = self.waiting.first().map(|(at, _)| *at);
        if self.ready.is_empty() {
            return Some(waits.map_or(Step::Idle, |at| Step::Wait(at.max(self.next_at))));
        }
        if now < self.next_at {
            return Some(Step::Wait(self.next_at));
        }
        let options = self.options;
        let one_by_one = options.ability == Ability::Blind || options.pace > Duration::ZERO;
        let most = if one_by_one { 1 } else { options.batch.max(1) };
        // Rows begun for each queue.
        let mut begun: BTreeMap<usize, usize> = BTreeMap::new();
        let mut items = Vec::new();
        while items.len() < most
            && let Some((_, n)) = self.ready.pop_first()
        {
            let (at, queue) = (begun.entry(n).or_default(), &mut self.queues[n]);
            queue.place = None;
            match queue.next(now, &options, *at) {
                None => continue,
                Some(Next::Passing(_)) => items.extend(queue.take_passing().map(Item::Passing)),
                Some(Next::Row(position)) => {
                    items.extend(queue.begin(now, *at).map(Item::Row));
                    self.handed.insert(position, n);
                    *at += 1;
                }
            }
            if let Some(rank) = queue.rank(now, &options, *at) {
                queue.place = Some(QueuePlace::Ready(rank));
                self.ready.insert((rank, n));
            }
        }
        // Later rows wait for its outcome.
        begun.into_keys().for_each(|n| self.touch(n));
        if items.is_empty() {
            return None;
        }
        self.next_at = now + options.pace;
        Some(Step::Send(items))
    }

    fn touch(&mut self, n: usize) {
        match self.queues[n].place.take() {
            Some(QueuePlace::Ready(rank)) => drop(self.ready.remove(&(rank, n))),
            Some(QueuePlace::Waiting(until)) => drop(self.waiting.remove(&(until, n))),
            None => {}
        }
        self.loaded.remove(&n);
        self.doubtful.remove(&n);
        self.fresh.insert(n);
    }

    fn queue(&mut self, stream: &str) -> usize {
        if let Some(n) = self.names.get(stream) {
            return *n;
        }
        let queue = StreamQueue::new(stream);
        let n = match self.free.pop() {
            Some(n) => {
                self.queues[n] = queue;
                n
            }
            None => {
                self.queues.push(queue);
                self.queues.len() - 1
            }
        };
        self.names.insert(stream.to_owned(), n);
        n
    }
}

#[derive(Debug, Clone, Copy)]
enum QueuePlace {
    Ready(Rank),
    Waiting(Time),
}

fn doubt(policy: InDoubt, row: &mut RowHead) {
    match policy {
        InDoubt::Resend => {
            row.state = State::Planned;
            row.mark = Mark::Resent;
        }
        InDoubt::Hold => row.state = State::Unknown,
        InDoubt::Skip => {
            row.state = State::Unknown;
            row.mark = Mark::Skipped;
        }
    }
}
