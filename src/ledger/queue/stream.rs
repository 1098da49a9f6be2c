//! Open deliveries of one stream, in order.

use std::collections::VecDeque;

use super::{Change, Held, QueuePlace, Rank, doubt};
use crate::ledger::row::is_open;
use crate::ledger::{Ability, InDoubt, MAX_ASKED, Mark, Options, RowHead, State};
use crate::time::Time;

/// At-most-once bytes that may wait; more is dropped and counted.
const MAX_PASSING: usize = 1 << 20;

/// Next item of a queue, by its position in the ledger; bytes come behind the row of their position.
pub(super) enum Next {
    Row(u64),
    Passing(u64),
}

#[derive(Debug, Default)]
pub(super) struct StreamQueue {
    pub(super) stream: String,
    pub(super) rows: VecDeque<RowHead>,
    pub(super) loaded: u64,
    pub(super) more: bool,
    pub(super) held: Option<Held>,
    /// At-most-once lines, each behind the row of a position.
    pub(super) passing: VecDeque<(u64, Vec<u8>)>,
    passing_bytes: usize,
    /// Rows under way, as they were before.
    pub(super) begun: Vec<RowHead>,
    pub(super) failures: u32,
    pub(super) place: Option<QueuePlace>,
}

impl StreamQueue {
    pub(super) fn new(stream: &str) -> Self {
        Self { stream: stream.to_owned(), more: true, ..Self::default() }
    }

    pub(super) fn wants(&self, window: usize) -> bool {
        self.more && self.held.is_none() && self.rows.len() < window.div_ceil(2)
    }

    pub(super) fn is_done(&self) -> bool {
        let empty = self.rows.is_empty() && self.passing.is_empty() && self.begun.is_empty();
        empty && !self.more && self.held.is_none()
    }

    /// Takes loaded rows; fewer than requested are all.
    pub(super) fn take_rows(&mut self, now: Time, requested: usize, rows: Vec<RowHead>) {
        self.more = rows.len() >= requested;
        for mut row in rows {
            if row.position <= self.loaded {
                continue;
            }
            self.loaded = row.position;
            row.fails = 0;
            // A clock that was set back must not delay anything for ever.
            row.born = row.born.min(now);
            row.changed = row.changed.min(now);
            row.not_before = row.not_before.min(now + MAX_ASKED);
            self.rows.push_back(row);
        }
    }

    /// `false` if the limit is reached.
    pub(super) fn put_passing(&mut self, after: u64, bytes: Vec<u8>) -> bool {
        if self.passing_bytes + bytes.len() > MAX_PASSING {
            return false;
        }
        self.passing_bytes += bytes.len();
        self.passing.push_back((after, bytes));
        true
    }

    pub(super) fn take_passing(&mut self) -> Option<Vec<u8>> {
        let (_, bytes) = self.passing.pop_front()?;
        self.passing_bytes = self.passing_bytes.saturating_sub(bytes.len());
        Some(bytes)
    }

    fn close(&mut self) {
        self.rows.retain(|row| is_open(row.state, row.mark));
    }

    /// Applies the limit of tries to a row with an outcome, and drops it if it is settled.
    pub(super) fn tried(
        &mut self,
        position: u64,
        options: &Options,
        note: Option<String>,
    ) -> Option<Change> {
        let row = self.rows.iter_mut().find(|row| row.position == position)?;
        if row.state == State::Planned && row.mark != Mark::Skipped && row.fails >= options.tries {
            match options.in_doubt {
                InDoubt::Hold => self.held = Some(Held::NextRun),
                InDoubt::Resend | InDoubt::Skip => row.state = State::Failed,
            }
        }
        if row.state == State::Unknown && row.mark == Mark::None {
            self.held = Some(Held::User);
        }
        let change = Change { row: row.clone(), note };
        self.close();
        Some(change)
    }

    /// Settles rows from the front until one can go, must wait or must be probed.
    pub(super) fn settle(&mut self, now: Time, options: &Options, changes: &mut Vec<Change>) {
        while let Some(row) = self.rows.front_mut().filter(|_| self.held.is_none()) {
            let old = options.max_age.is_some_and(|age| now.since(row.born) > age);
            let tried_out = row.fails >= options.tries;
            let mut note = None;
            match (row.state, options.ability) {
                (State::Planned, _) if old => {
                    row.state = State::Expired;
                    note = Some("too old to be sent".to_owned());
                }
                (State::Sending | State::Unknown, Ability::Probed) => {
                    row.state = State::Sending;
                    return;
                }
                (State::Sending, Ability::Idempotent(window))
                    if !old && now.since(row.changed) <= window =>
                {
                    if !tried_out {
                        return;
                    }
                    if options.in_doubt == InDoubt::Hold {
                        self.held = Some(Held::NextRun);
                        return;
                    }
                    doubt(InDoubt::Skip, row);
                }
                (State::Sending, _) if old => doubt(InDoubt::Skip, row),
                (State::Sending, _) if tried_out => match options.in_doubt {
                    InDoubt::Hold => row.state = State::Unknown,
                    InDoubt::Resend | InDoubt::Skip => doubt(InDoubt::Skip, row),
                },
                (State::Sending, _) => doubt(options.in_doubt, row),
                (State::Unknown | State::Failed, _) if options.in_doubt == InDoubt::Hold => {
                    self.held = Some(Held::User);
                    return;
                }
                (State::Unknown, _) if options.in_doubt == InDoubt::Resend && !old => {
                    doubt(InDoubt::Resend, row);
                    row.fails = 0;
                }
                (State::Unknown | State::Failed, _) => row.mark = Mark::Skipped,
                (State::Planned | State::Sent | State::Expired, _) => return,
            }
            row.changed = now;
            changes.push(Change { row: row.clone(), note });
            self.close();
        }
    }

    /// Leading rows that must be probed.
    pub(super) fn probes(&self, now: Time, options: &Options) -> impl Iterator<Item = u64> {
        let probed = options.ability == Ability::Probed && self.held.is_none();
        self.rows
            .iter()
            .take_while(move |row| probed && row.state == State::Sending && row.not_before <= now)
            .map(|row| row.position)
    }

    /// Rank of a queue that can send something behind its first `at` rows.
    pub(super) fn rank(&self, now: Time, options: &Options, at: usize) -> Option<Rank> {
        Some(match self.next(now, options, at)? {
            Next::Row(position) => (self.failures, position, 0),
            Next::Passing(after) => (self.failures, after, 1),
        })
    }

    pub(super) fn next(&self, now: Time, options: &Options, at: usize) -> Option<Next> {
        if self.held.is_some() {
            return None;
        }
        let row = self.rows.get(at);
        if let Some((after, _)) = self.passing.front()
            && row.map_or(!self.more, |row| *after < row.position)
        {
            return Some(Next::Passing(*after));
        }
        let row = row?;
        may_begin(now, options, row).then_some(Next::Row(row.position))
    }

    pub(super) fn begin(&mut self, now: Time, at: usize) -> Option<Change> {
        let row = self.rows.get_mut(at)?;
        self.begun.push(row.clone());
        if row.state != State::Sending {
            row.state = State::Sending;
            // Doubt begins with the first try: from then on a sink remembers the id.
            row.changed = now;
        }
        Some(Change { row: row.clone(), note: None })
    }

    /// Time at which the first row may go, if only time is missing.
    pub(super) fn until(&self, now: Time) -> Option<Time> {
        let row = self.rows.front().filter(|_| self.held.is_none())?;
        Some(row.not_before).filter(|t| *t > now)
    }
}

fn may_begin(now: Time, options: &Options, row: &RowHead) -> bool {
    let state = match (row.state, options.ability) {
        (State::Planned, _) => true,
        (State::Sending, Ability::Idempotent(window)) => {
            row.fails < options.tries && now.since(row.changed) <= window
        }
        _ => false,
    };
    let old = options.max_age.is_some_and(|age| now.since(row.born) > age);
    state && !old && row.not_before <= now
}
