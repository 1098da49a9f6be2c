//! What one sink is given next. A lane is one stream's open deliveries in their order; lanes do not wait for each other.
//!
//! Between two calls of [`Lanes::next`] everything that was under way has its outcome; so a delivery that stands in
//! [`State::Sending`] then is one whose end nobody has seen, in this run or in one that was killed.

use std::collections::{BTreeSet, HashMap};

use super::{BACKOFF, Head, InDoubt, Mark, Options, SINK_BACKOFF, State};
use crate::backoff::Wait;
use crate::time::Time;
use one::Lane;

mod one;
mod pick;
mod steps;

pub use steps::{Asked, Change, Item, Outcome, Step};

/// Rows of one lane in memory; the rest waits in the ledger.
const WINDOW: usize = 256;

/// Rows of all lanes in memory, as long as each has at least [`LEAST`].
const ROWS: usize = 1 << 16;

/// Rows that each lane may have in memory, however many lanes there are.
const LEAST: usize = 4;

/// One sink's lanes. Each is looked at when something has happened to it or its time has come, so that the work of a step
/// does not grow with the number of streams.
#[derive(Debug)]
pub struct Lanes {
    options: Options,
    lanes: Vec<Lane>,
    /// Where each stream's lane is.
    names: HashMap<String, usize>,
    /// Lanes that have nothing any more.
    free: Vec<usize>,
    /// Lanes of which something is new, which may need rows.
    fresh: BTreeSet<usize>,
    /// Lanes that have their rows and are to be looked at.
    loaded: BTreeSet<usize>,
    /// Lanes with deliveries that must be asked for.
    doubtful: BTreeSet<usize>,
    /// Lanes that can give something now, the next to go first.
    ready: BTreeSet<(Rank, usize)>,
    /// Lanes that wait for a time.
    waiting: BTreeSet<(Time, usize)>,
    /// Lanes that go no further in this run.
    held: BTreeSet<usize>,
    /// The lanes of deliveries that have been handed out or asked for.
    handed: HashMap<u64, usize>,
    /// No delivery begins before this.
    next_at: Time,
    /// Calls in a row in which the sink was not in order.
    failures: u32,
    dropped: u64,
}

/// The order in which lanes give: those that failed less often in a row first, then what is older.
type Rank = (u32, u64, u8);

/// Why a lane goes no further in this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// A person must decide.
    Person,
    /// Its first delivery has had its tries; the next run tries it again.
    NextRun,
}

impl Lanes {
    /// Lanes without anything in them.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            lanes: Vec::new(),
            names: HashMap::new(),
            free: Vec::new(),
            fresh: BTreeSet::new(),
            loaded: BTreeSet::new(),
            doubtful: BTreeSet::new(),
            ready: BTreeSet::new(),
            waiting: BTreeSet::new(),
            held: BTreeSet::new(),
            handed: HashMap::new(),
            next_at: Time::default(),
            failures: 0,
            dropped: 0,
        }
    }

    /// The ledger may have more rows of this stream.
    pub fn more(&mut self, stream: &str) {
        let n = self.lane(stream);
        self.lanes[n].more = true;
        self.touch(n);
    }

    /// Rows of this stream that had ended are open again, and may stand before those in memory. Not while any is under way.
    pub fn again(&mut self, stream: &str) {
        let n = self.lane(stream);
        if self.lanes[n].begun.is_empty() {
            self.lanes[n].rows.clear();
            self.lanes[n].loaded = 0;
        }
        self.more(stream);
    }

    /// Bytes that are never in the ledger, to be given behind the row of position `after`.
    pub fn pass(&mut self, stream: &str, after: u64, bytes: Vec<u8>) {
        let n = self.lane(stream);
        if !self.lanes[n].put_passing(after, bytes) {
            self.dropped += 1;
        }
        self.touch(n);
    }

    /// How many were dropped because too many waited.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// How many streams go no further in this run.
    #[must_use]
    pub fn held_count(&self) -> usize {
        self.held.len()
    }

    /// How many streams are in memory.
    #[cfg(test)]
    pub(super) fn lanes_in_use(&self) -> usize {
        self.names.len()
    }

    /// The streams that go no further in this run, with the delivery for which they wait, and why.
    pub fn held(&self) -> impl Iterator<Item = (&str, &Head, Held)> {
        let held = self.held.iter().filter_map(|n| self.lanes.get(*n));
        held.filter_map(|lane| Some((lane.stream.as_str(), lane.rows.front()?, lane.held?)))
    }

    /// The answer to [`Step::Load`]: open rows in order of position. Fewer than were asked for are all there are.
    pub fn loaded(&mut self, now: Time, stream: &str, asked: usize, rows: Vec<Head>) {
        let n = self.lane(stream);
        self.lanes[n].take_rows(now, asked, rows);
        self.touch(n);
    }

    /// A row that cannot be sent after all, because it is not what it was: it waits for nobody and nobody for it.
    pub fn forget(&mut self, position: u64) {
        let Some(n) = self.handed.remove(&position) else {
            return;
        };
        self.lanes[n].rows.retain(|row| row.position != position);
        self.lanes[n].begun.retain(|row| row.position != position);
        self.touch(n);
    }

    /// What has become of a row; `None` if it is not under way. To be called for every row of a [`Step::Send`].
    pub fn outcome(&mut self, now: Time, position: u64, outcome: Outcome) -> Option<Change> {
        let n = self.handed.remove(&position)?;
        self.touch(n);
        let options = self.options;
        let lane = &mut self.lanes[n];
        let at = lane.begun.iter().position(|b| b.position == position)?;
        let before = lane.begun.remove(at);
        let row = lane.rows.iter_mut().find(|r| r.position == position)?;
        // What was in doubt before stays so until the sink has said that it has it.
        let doubt = before.state == State::Sending;
        let (note, failed) = match outcome {
            Outcome::Sent(receipt) => {
                (row.state, row.changed) = (State::Sent, now);
                (Some(receipt.unwrap_or_default()), None)
            }
            Outcome::Refused(why) => {
                (row.state, row.changed) = (State::Failed, now);
                (Some(why), None)
            }
            Outcome::NotTried => {
                *row = before;
                let change = Change::of(row, None);
                return Some(change);
            }
            Outcome::Unknown(wait, why) => (Some(why), Some(wait)),
            Outcome::Retry(wait, why) => {
                if !doubt {
                    (row.state, row.changed) = (State::Planned, now);
                }
                (Some(why), Some(wait))
            }
        };
        match failed {
            None => (lane.failures, self.failures) = (0, 0),
            Some(wait) => {
                lane.failures = lane.failures.saturating_add(1);
                // Where the sink may have it twice, sending again is a try whatever it failed of.
                let risk = row.state == State::Sending && !options.is_idempotent();
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
        let change = lane.tried(position, &options).map(|row| Change::of(row, note));
        lane.close();
        change
    }

    /// What the sink, or a command, has answered to [`Step::Ask`].
    pub fn answered(&mut self, now: Time, position: u64, asked: Asked) -> Option<Change> {
        let n = self.handed.remove(&position)?;
        self.touch(n);
        let options = self.options;
        let lane = &mut self.lanes[n];
        let row = lane.rows.iter_mut().find(|r| r.position == position)?;
        let mut note = None;
        row.changed = now;
        match asked {
            Asked::Sent => {
                row.state = State::Sent;
                note = Some("found there".to_owned());
            }
            Asked::NotSent => row.state = State::Planned,
            Asked::Unknown(why) => {
                note = Some(why);
                match options.in_doubt {
                    InDoubt::Resend if row.fails >= options.tries => doubt(InDoubt::Skip, row),
                    policy => doubt(policy, row),
                }
            }
        }
        let change = lane.tried(position, &options).map(|row| Change::of(row, note));
        lane.close();
        change
    }

    /// What is to be done now. Spurious calls do no harm; the order of the steps is the order of the rules: first what is in
    /// doubt is settled, then what is too old goes, then deliveries begin.
    pub fn next(&mut self, now: Time) -> Step {
        loop {
            while let Some((at, n)) = self.waiting.first().copied().filter(|(at, _)| *at <= now) {
                self.waiting.remove(&(at, n));
                self.touch(n);
            }
            let window = (ROWS / self.names.len().max(1)).clamp(LEAST, WINDOW);
            while let Some(n) = self.fresh.first().copied() {
                let lane = &self.lanes[n];
                if lane.wants(window) {
                    let most = window - lane.rows.len().min(window);
                    return Step::Load(lane.stream.clone(), lane.loaded, most);
                }
                self.fresh.remove(&n);
                self.loaded.insert(n);
            }
            let changes = self.settle(now);
            if !changes.is_empty() {
                return Step::Change(changes);
            }
            let asks = self.asks(now);
            if !asks.is_empty() {
                return Step::Ask(asks);
            }
            if let Some(step) = self.pick(now) {
                return step;
            }
        }
    }

    /// Settles what can be settled in the lanes that have their rows, and sorts the others by what they wait for.
    fn settle(&mut self, now: Time) -> Vec<Change> {
        let options = self.options;
        let mut changes = Vec::new();
        while let Some(n) = self.loaded.pop_first() {
            let before = changes.len();
            let lane = &mut self.lanes[n];
            lane.settle(now, &options, &mut changes);
            if changes.len() > before {
                self.touch(n);
                continue;
            }
            if lane.held.is_some() {
                self.held.insert(n);
            } else if lane.asks(now, &options).next().is_some() {
                self.doubtful.insert(n);
            } else if let Some(rank) = lane.rank(now, &options, 0) {
                self.ready.insert((rank, n));
                lane.place = Some(Place::Ready(rank));
            } else if let Some(until) = lane.until(now) {
                self.waiting.insert((until, n));
                lane.place = Some(Place::Waiting(until));
            } else if lane.is_done() {
                self.names.remove(&lane.stream);
                *lane = Lane::new("");
                self.free.push(n);
            }
        }
        changes
    }

    fn asks(&mut self, now: Time) -> Vec<u64> {
        let mut asks = Vec::new();
        for n in std::mem::take(&mut self.doubtful) {
            let before = asks.len();
            asks.extend(self.lanes[n].asks(now, &self.options));
            self.handed.extend(asks.iter().skip(before).map(|position| (*position, n)));
        }
        asks
    }

    /// Something has happened to a lane: it is to be looked at again.
    fn touch(&mut self, n: usize) {
        match self.lanes[n].place.take() {
            Some(Place::Ready(rank)) => drop(self.ready.remove(&(rank, n))),
            Some(Place::Waiting(until)) => drop(self.waiting.remove(&(until, n))),
            None => {}
        }
        self.loaded.remove(&n);
        self.doubtful.remove(&n);
        self.fresh.insert(n);
    }

    fn lane(&mut self, stream: &str) -> usize {
        if let Some(n) = self.names.get(stream) {
            return *n;
        }
        let lane = Lane::new(stream);
        let n = match self.free.pop() {
            Some(n) => {
                self.lanes[n] = lane;
                n
            }
            None => {
                self.lanes.push(lane);
                self.lanes.len() - 1
            }
        };
        self.names.insert(stream.to_owned(), n);
        n
    }
}

/// Where a lane waits for its turn.
#[derive(Debug, Clone, Copy)]
enum Place {
    Ready(Rank),
    Waiting(Time),
}

/// What the person has said is done with a delivery that nobody can tell about.
fn doubt(policy: InDoubt, row: &mut Head) {
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
