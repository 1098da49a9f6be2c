//! Choice of the next deliveries: oldest first, in order within a queue, failing queues last.

use std::collections::BTreeMap;
use std::time::Duration;

use super::stream::StreamQueue;
use super::{Change, Item, QueuePlace, Rank, SinkQueue, Step};
use crate::ledger::{Ability, Options, RowHead, State};
use crate::time::Time;

/// Next item of a queue, by its position in the ledger; bytes come behind the row of their position.
enum Next {
    Row(u64),
    Passing(u64),
}

impl SinkQueue {
    /// Begins deliveries; `None` if queues must be examined first.
    pub(super) fn pick(&mut self, now: Time) -> Option<Step> {
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
}

impl StreamQueue {
    /// Rank of a queue that can send something behind its first `at` rows.
    pub(super) fn rank(&self, now: Time, options: &Options, at: usize) -> Option<Rank> {
        Some(match self.next(now, options, at)? {
            Next::Row(position) => (self.failures, position, 0),
            Next::Passing(after) => (self.failures, after, 1),
        })
    }

    fn next(&self, now: Time, options: &Options, at: usize) -> Option<Next> {
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

    fn begin(&mut self, now: Time, at: usize) -> Option<Change> {
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
