//! Conditions that cancel a turn while it runs: the filter cancel over the guard's own lines. It looks at each line before the
//! turn can end, so that a turn that meets a condition ends as cancelled at that place of the output.

use super::Guard;
use super::ending::PendingEnd;
use crate::codec;
use crate::filter::cancel::{Cancel, CancelRequest, Options, Receiver};
use crate::filter::{Filter, Out};
use crate::time::Time;

/// The filter within a guard.
#[derive(Debug)]
pub(super) struct Conditions {
    cancel: Cancel,
    /// End of the lines of the output that it has seen.
    seen: usize,
    /// Turns that were cancelled since the last [`Guard::take_cancelled`].
    cancelled: Vec<CancelRequest>,
    /// True if conditions on time hold no more.
    timeless: bool,
}

impl Conditions {
    fn deadline(&self) -> Option<Time> {
        self.cancel.deadline().filter(|_| !self.timeless)
    }
}

impl Guard {
    /// Cancels turns for which one of these conditions holds.
    pub fn cancel_when(&mut self, options: Options) {
        let cancel = Cancel::new(options, Receiver::Host);
        let (seen, cancelled) = (self.out.len(), Vec::new());
        self.conditions = Some(Box::new(Conditions { cancel, seen, cancelled, timeless: false }));
    }

    /// The agent has exited: no turn of it is cancelled by a condition on time any more, even if its last output is read
    /// much later.
    pub fn stop_timing(&mut self) {
        if let Some(conditions) = &mut self.conditions {
            conditions.timeless = true;
        }
    }

    /// Takes the finished lines.
    pub fn take_lines(&mut self) -> Vec<u8> {
        self.observe();
        if let Some(conditions) = &mut self.conditions {
            conditions.seen = 0;
        }
        std::mem::take(&mut self.out)
    }

    /// Takes the turns that were cancelled by a condition and whose agent is to be stopped.
    pub fn take_cancelled(&mut self) -> Vec<CancelRequest> {
        let conditions = self.conditions.as_mut();
        conditions.map(|conditions| std::mem::take(&mut conditions.cancelled)).unwrap_or_default()
    }

    /// Time at which a condition holds if nothing comes until then. `quiet_since` is the time of the last output if not all
    /// of it was read; `None` if silence does not count.
    pub fn condition_due(&self, quiet_since: Option<Time>) -> Option<Time> {
        let conditions = self.conditions.as_ref().filter(|conditions| !conditions.timeless)?;
        conditions.cancel.due(quiet_since)
    }

    /// Time of the next [`Guard::on_tick`].
    pub fn deadline(&self) -> Option<Time> {
        self.conditions.as_ref()?.deadline()
    }

    /// Time has passed: conditions on time may hold.
    pub fn on_tick(&mut self, now: Time) {
        if self.deadline().is_some_and(|due| due <= now) {
            self.at(now).observe();
        }
    }

    /// As [`Guard::on_tick`] for the time of [`Guard::condition_due`]: the agent has been stopped for it and may have exited.
    pub fn on_condition_due(&mut self, due: Time) {
        let timeless = |guard: &mut Self, timeless| {
            let conditions = guard.conditions.as_mut();
            conditions.is_some_and(|c| std::mem::replace(&mut c.timeless, timeless))
        };
        let before = timeless(self, false);
        self.on_tick(due);
        timeless(self, before);
    }

    /// Hands the lines since the last call to the conditions.
    pub(super) fn observe(&mut self) {
        let Some(conditions) = &mut self.conditions else { return };
        let lines = self.out.split_off(conditions.seen.min(self.out.len()));
        let now = self.time;
        while let Some(due) = conditions.deadline().filter(|due| *due <= now) {
            conditions.cancel.on_tick(due, &mut Out::bytes(&mut self.out));
        }
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            match codec::decode(line.strip_suffix(b"\n").unwrap_or(line)) {
                Ok(event) => {
                    let out = &mut Out::bytes(&mut self.out);
                    conditions.cancel.on_event(now, &event, out);
                }
                Err(_) => self.out.extend_from_slice(line),
            }
        }
        conditions.seen = self.out.len();
        for request in conditions.cancel.take_requests() {
            self.cancel_turn(request);
        }
    }

    /// Cancels the turn of a request, unless it has ended or has another end already.
    fn cancel_turn(&mut self, request: CancelRequest) {
        let is_open = self.is_at_work(&request.stream, request.turn);
        let state = self.states_mut().find(|state| state.stream == request.stream);
        let state = state.filter(|state| is_open && state.pending_end.is_none());
        let is_new = state.map(|state| {
            state.pending_end = Some(PendingEnd::cancel("filter", &request.reason));
        });
        let Some(conditions) = &mut self.conditions else { return };
        if !is_open {
            let out = &mut Out::bytes(&mut self.out);
            conditions.cancel.refused(self.time, &request, ("no_turn", ""), out);
            conditions.seen = self.out.len();
        } else if is_new.is_some() {
            conditions.cancelled.push(request);
        }
    }

    /// True if this turn is open. A run without a turn is at work on its first.
    pub fn is_at_work(&self, stream: &str, turn: u64) -> bool {
        let starting = self.all_turns() == 0 && turn == 1;
        self.streams().any(|state| {
            state.stream == stream && (starting || state.turn.is_some() && state.turns == turn)
        })
    }
}
