//! What one sink is given next. A lane is one stream's open deliveries in their order; lanes do not wait for each other.
//!
//! Between two calls of [`Lanes::next`] everything that was under way has its outcome; so a delivery that stands in
//! [`State::Sending`] then is one whose end nobody has seen, in this run or in one that was killed.

use std::collections::VecDeque;

use super::row::is_open;
use super::{Ability, Head, InDoubt, MAX_RETRY_AFTER, Mark, Options, State, backoff};
use crate::time::Time;

mod pick;

/// Rows of one lane in memory; the rest waits in the ledger.
const WINDOW: usize = 256;

/// Text that may wait in one lane without being in the ledger, in bytes; what is more is dropped and counted.
const MAX_PASSING: usize = 1 << 20;

/// One sink's lanes.
#[derive(Debug)]
pub struct Lanes {
    options: Options,
    lanes: Vec<Lane>,
    /// No delivery begins before this.
    next_at: Time,
    dropped: u64,
}

#[derive(Debug)]
struct Lane {
    stream: String,
    /// In order of position; the first is the next to go.
    rows: VecDeque<Head>,
    /// The highest position that was asked for.
    loaded: u64,
    /// Whether the ledger may have more than that.
    more: bool,
    /// It waits for a person.
    held: bool,
    /// What is never in the ledger, behind the row of this position.
    passing: VecDeque<(u64, Vec<u8>)>,
    passing_bytes: usize,
    /// Rows that have begun, as they stood before.
    begun: Vec<Head>,
}

/// A transition: to be made durable before anything else happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which row.
    pub position: u64,
    /// Its new state.
    pub state: State,
    /// Its new mark.
    pub mark: Mark,
    /// Its new number of tries.
    pub tries: u32,
    /// When it changed; the beginning of the doubt while it stands in `sending`.
    pub changed: Time,
    /// No try before this.
    pub not_before: Time,
    /// What the sink said; `None` leaves what stands there.
    pub note: Option<String>,
}

/// One thing to give to the sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A row, with the transition to `sending` that must be durable first.
    Row(Change),
    /// Bytes that are given at most once.
    Passing(Vec<u8>),
}

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Fetch this lane's open rows behind this position: at most so many.
    Load(String, u64, usize),
    /// Make these durable.
    Change(Vec<Change>),
    /// Find out whether the sink has these.
    Ask(Vec<u64>),
    /// Make the rows' transitions durable, then give all of it to the sink, in order.
    Send(Vec<Item>),
    /// Nothing before this time.
    Wait(Time),
    /// Nothing at all until something new is planned; what is left waits for a person.
    Idle,
}

/// What has become of a delivery that was given to the sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is there.
    Sent(Option<String>),
    /// Nothing of it is there; another try may succeed, not before so long if the sink said so.
    Retry(Option<std::time::Duration>, String),
    /// The sink will never take it.
    Refused(String),
    /// It may be there or not.
    Unknown(Option<std::time::Duration>, String),
    /// It was not tried at all.
    NotTried,
}

/// What the answer is when a sink is asked for a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// It is there.
    Sent,
    /// Nothing of it is there.
    NotSent,
    /// There is no answer, for this reason.
    Unknown(String),
}

impl Lanes {
    /// Lanes without anything in them.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options, lanes: Vec::new(), next_at: Time::default(), dropped: 0 }
    }

    /// The ledger may have more rows of this stream.
    pub fn more(&mut self, stream: &str) {
        self.lane(stream).more = true;
    }

    /// Bytes that are never in the ledger, to be given behind the row of position `after`.
    pub fn pass(&mut self, stream: &str, after: u64, bytes: Vec<u8>) {
        let lane = self.lane(stream);
        if lane.passing_bytes + bytes.len() > MAX_PASSING {
            self.dropped += 1;
            return;
        }
        lane.passing_bytes += bytes.len();
        lane.passing.push_back((after, bytes));
    }

    /// How many were dropped because too many waited.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The streams that wait for a person, with the delivery for which they wait.
    pub fn held(&self) -> impl Iterator<Item = (&str, &Head)> {
        let held = self.lanes.iter().filter(|lane| lane.held);
        held.filter_map(|lane| Some((lane.stream.as_str(), lane.rows.front()?)))
    }

    /// The answer to [`Step::Load`]: open rows in order of position. Fewer than were asked for are all there are.
    pub fn loaded(&mut self, now: Time, stream: &str, asked: usize, rows: Vec<Head>) {
        let lane = self.lane(stream);
        lane.more = rows.len() >= asked;
        for mut row in rows {
            if row.position <= lane.loaded {
                continue;
            }
            lane.loaded = row.position;
            // A clock that went back must not make anything wait for ever.
            row.born = row.born.min(now);
            row.changed = row.changed.min(now);
            row.not_before = row.not_before.min(now + MAX_RETRY_AFTER);
            lane.rows.push_back(row);
        }
    }

    /// A row that cannot be sent after all, because it is not what it was: it waits for nobody and nobody for it.
    pub fn forget(&mut self, position: u64) {
        for lane in &mut self.lanes {
            lane.rows.retain(|row| row.position != position);
            lane.begun.retain(|row| row.position != position);
        }
    }

    /// What has become of a row; `None` if it is not under way. To be called for every row of a [`Step::Send`].
    pub fn outcome(&mut self, now: Time, position: u64, outcome: Outcome) -> Option<Change> {
        let tries = self.options.tries;
        let (lane, before) = self.lanes.iter_mut().find_map(|lane| {
            let at = lane.begun.iter().position(|b| b.position == position)?;
            let before = lane.begun.remove(at);
            Some((lane, before))
        })?;
        let row = lane.rows.iter_mut().find(|r| r.position == position)?;
        // What was in doubt before stays so until the sink has said that it has it.
        let doubt = before.state == State::Sending;
        let mut note = None;
        let mut wait = |asked: Option<std::time::Duration>, why: String, row: &mut Head| {
            note = Some(why);
            // A sink that asks to be left alone has not failed; nor has one in whose call we were killed.
            row.tries = row.tries.saturating_add(u32::from(asked.is_none()));
            let own = backoff(row.tries);
            row.not_before = now + asked.map_or(own, |a| a.min(MAX_RETRY_AFTER));
        };
        match outcome {
            Outcome::Sent(receipt) => {
                row.state = State::Sent;
                row.changed = now;
                note = receipt.or(Some(String::new()));
            }
            Outcome::Refused(why) => {
                row.state = State::Failed;
                row.changed = now;
                note = Some(why);
            }
            Outcome::NotTried => *row = before,
            Outcome::Unknown(asked, why) => wait(asked, why, row),
            Outcome::Retry(asked, why) => {
                wait(asked, why, row);
                if !doubt {
                    row.state = if row.tries >= tries { State::Failed } else { State::Planned };
                    row.changed = now;
                }
            }
        }
        let change = Change::of(row, note);
        lane.close();
        Some(change)
    }

    /// What the sink, or a command, has answered to [`Step::Ask`].
    pub fn answered(&mut self, now: Time, position: u64, asked: Asked) -> Option<Change> {
        let options = self.options;
        let lane =
            self.lanes.iter_mut().find(|lane| lane.rows.iter().any(|r| r.position == position))?;
        let row = lane.rows.iter_mut().find(|r| r.position == position)?;
        let mut note = None;
        row.changed = now;
        match asked {
            Asked::Sent => {
                row.state = State::Sent;
                note = Some("found there".to_owned());
            }
            Asked::NotSent => {
                row.state = if row.tries >= options.tries { State::Failed } else { State::Planned };
            }
            Asked::Unknown(why) => {
                note = Some(why);
                match options.in_doubt {
                    InDoubt::Resend if row.tries >= options.tries => doubt(InDoubt::Skip, row),
                    policy => doubt(policy, row),
                }
                lane.held |= row.state == State::Unknown && row.mark == Mark::None;
            }
        }
        let change = Change::of(row, note);
        lane.close();
        Some(change)
    }

    /// What is to be done now. Spurious calls do no harm; the order of the steps is the order of the rules: first what is in
    /// doubt is settled, then what is too old goes, then deliveries begin.
    pub fn next(&mut self, now: Time) -> Step {
        if let Some(lane) = self.lanes.iter().find(|lane| lane.wants()) {
            return Step::Load(
                lane.stream.clone(),
                lane.loaded,
                WINDOW - lane.rows.len().min(WINDOW),
            );
        }
        let options = self.options;
        let mut changes = Vec::new();
        for lane in &mut self.lanes {
            lane.settle(now, &options, &mut changes);
        }
        if !changes.is_empty() {
            return Step::Change(changes);
        }
        let asks: Vec<u64> =
            self.lanes.iter().flat_map(|lane| lane.doubtful(now, &options)).collect();
        if !asks.is_empty() {
            return Step::Ask(asks);
        }
        self.pick(now)
    }

    fn lane(&mut self, stream: &str) -> &mut Lane {
        let at = self.lanes.iter().position(|lane| lane.stream == stream);
        let at = at.unwrap_or_else(|| {
            self.lanes.push(Lane::new(stream));
            self.lanes.len() - 1
        });
        &mut self.lanes[at]
    }
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

impl Change {
    fn of(row: &Head, note: Option<String>) -> Self {
        Self {
            position: row.position,
            state: row.state,
            mark: row.mark,
            tries: row.tries,
            changed: row.changed,
            not_before: row.not_before,
            note,
        }
    }
}

impl Lane {
    fn new(stream: &str) -> Self {
        Self {
            stream: stream.to_owned(),
            rows: VecDeque::new(),
            loaded: 0,
            more: true,
            held: false,
            passing: VecDeque::new(),
            passing_bytes: 0,
            begun: Vec::new(),
        }
    }

    fn wants(&self) -> bool {
        self.more && !self.held && self.rows.len() < WINDOW / 2
    }

    /// Lets go of rows that nothing more can happen to.
    fn close(&mut self) {
        self.rows.retain(|row| is_open(row.state, row.mark));
    }

    /// Decides about the first row until it can go, must wait or must be asked for.
    fn settle(&mut self, now: Time, options: &Options, changes: &mut Vec<Change>) {
        while let Some(row) = self.rows.front_mut().filter(|_| !self.held) {
            let old = options.max_age.is_some_and(|age| now.since(row.born) > age);
            let tried_out = row.tries >= options.tries;
            let mut note = None;
            match (row.state, options.ability) {
                (State::Planned, _) if old => {
                    row.state = State::Expired;
                    note = Some("too old to be sent".to_owned());
                }
                (State::Sending | State::Unknown, Ability::Asked) => {
                    row.state = State::Sending;
                    return;
                }
                (State::Sending, Ability::Idempotent(window))
                    if !old && !tried_out && now.since(row.changed) <= window =>
                {
                    return;
                }
                (State::Sending, _) if old => doubt(InDoubt::Skip, row),
                (State::Sending, _) if tried_out => match options.in_doubt {
                    InDoubt::Hold => row.state = State::Unknown,
                    InDoubt::Resend | InDoubt::Skip => doubt(InDoubt::Skip, row),
                },
                (State::Sending, _) => doubt(options.in_doubt, row),
                (State::Unknown | State::Failed, _) if options.in_doubt == InDoubt::Hold => {
                    self.held = true;
                    return;
                }
                (State::Unknown, _) if options.in_doubt == InDoubt::Resend && !old => {
                    doubt(InDoubt::Resend, row);
                    row.tries = 0;
                }
                (State::Unknown | State::Failed, _) => row.mark = Mark::Skipped,
                (State::Planned | State::Sent | State::Expired, _) => return,
            }
            row.changed = now;
            changes.push(Change::of(row, note));
            self.close();
        }
    }

    /// The rows from the first on that must be asked for.
    fn doubtful(&self, now: Time, options: &Options) -> impl Iterator<Item = u64> {
        let asked = options.ability == Ability::Asked && !self.held;
        self.rows
            .iter()
            .take_while(move |row| asked && row.state == State::Sending && row.not_before <= now)
            .map(|row| row.position)
    }
}
