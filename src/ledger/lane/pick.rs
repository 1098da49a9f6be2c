//! The next deliveries: of all that may go the oldest first, within a lane never one before another.

use std::time::Duration;

use super::{Change, Item, Lane, Lanes, Step};
use crate::ledger::{Ability, Head, Options, State};
use crate::time::Time;

/// How far a lane has come in the batch that is being made.
#[derive(Debug, Clone, Copy)]
struct Cursor {
    rows: usize,
}

/// What a lane could give next, by its place in the ledger: bytes stand behind the row of their position.
enum Next {
    Row(u64),
    Passing(u64),
}

impl Next {
    fn rank(&self) -> (u64, u8) {
        match self {
            Next::Row(position) => (*position, 0),
            Next::Passing(after) => (*after, 1),
        }
    }
}

impl Lanes {
    /// Begins what may begin now.
    pub(super) fn pick(&mut self, now: Time) -> Step {
        let options = self.options;
        let one_by_one = options.ability == Ability::Blind || options.pace > Duration::ZERO;
        let most = if one_by_one { 1 } else { options.batch.max(1) };
        if now < self.next_at && self.lanes.iter().any(Lane::waits) {
            return Step::Wait(self.next_at);
        }
        let mut cursors = vec![Cursor { rows: 0 }; self.lanes.len()];
        let mut items = Vec::new();
        while items.len() < most {
            let ready = self.lanes.iter().zip(&cursors).enumerate();
            let ready =
                ready.filter_map(|(n, (lane, at))| Some((n, lane.next(now, &options, *at)?)));
            let Some((n, next)) = ready.min_by_key(|(_, next)| next.rank()) else {
                break;
            };
            let (Some(lane), Some(cursor)) = (self.lanes.get_mut(n), cursors.get_mut(n)) else {
                break;
            };
            match next {
                Next::Row(_) => {
                    items.extend(lane.begin(now, cursor.rows).map(Item::Row));
                    cursor.rows += 1;
                }
                Next::Passing(_) => items.extend(lane.take_passing().map(Item::Passing)),
            }
        }
        if !items.is_empty() {
            self.next_at = now + options.pace;
            return Step::Send(items);
        }
        let waits = self.lanes.iter().filter_map(|lane| lane.until(now));
        waits.min().map_or(Step::Idle, Step::Wait)
    }
}

impl Lane {
    /// Whether there is anything that a pace could hold up.
    fn waits(&self) -> bool {
        !(self.held || self.rows.is_empty() && self.passing.is_empty())
    }

    fn next(&self, now: Time, options: &Options, at: Cursor) -> Option<Next> {
        if self.held {
            return None;
        }
        let row = self.rows.get(at.rows);
        if let Some((after, _)) = self.passing.front()
            && row.map_or(!self.more, |row| *after < row.position)
        {
            return Some(Next::Passing(*after));
        }
        let row = row?;
        may_begin(now, options, row).then_some(Next::Row(row.position))
    }

    fn begin(&mut self, now: Time, at: usize) -> Option<Change> {
        let row = self.rows.get_mut(at)?;
        self.begun.push(row.clone());
        if row.state != State::Sending {
            row.state = State::Sending;
            // The doubt begins with the first try: a sink remembers an id from then on.
            row.changed = now;
        }
        Some(Change::of(row, None))
    }

    fn take_passing(&mut self) -> Option<Vec<u8>> {
        let (_, bytes) = self.passing.pop_front()?;
        self.passing_bytes = self.passing_bytes.saturating_sub(bytes.len());
        Some(bytes)
    }

    /// When the first row may go, if that is only a matter of time.
    fn until(&self, now: Time) -> Option<Time> {
        let row = self.rows.front().filter(|_| !self.held)?;
        Some(row.not_before).filter(|t| *t > now)
    }
}

fn may_begin(now: Time, options: &Options, row: &Head) -> bool {
    let state = match (row.state, options.ability) {
        (State::Planned, _) => true,
        (State::Sending, Ability::Idempotent(window)) => {
            row.tries < options.tries && now.since(row.changed) <= window
        }
        _ => false,
    };
    let old = options.max_age.is_some_and(|age| now.since(row.born) > age);
    state && !old && row.not_before <= now
}
