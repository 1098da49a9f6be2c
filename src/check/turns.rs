//! Rules C4 and C5: the turns of a stream, one after another, each with one end.

use super::order::Sight;
use super::report::Rule::{C4, C5};
use super::seen::{Got, Seen};
use crate::event::Type;

#[derive(Debug, Default)]
pub(super) struct Turns {
    pub(super) open: Option<u64>,
    /// The highest turn that was opened.
    last: u64,
    /// Turns opened so far.
    pub(super) count: u64,
    /// Knowledge of the open turn.
    pub(super) sight: Sight,
    /// The open turn may have ended in a gap.
    maybe_over: bool,
    /// The number that the open turn should have had, if it opened with another.
    doubt: Option<u64>,
    /// Turn of an event that belongs to no opened turn, reported once.
    stray: Option<u64>,
    /// The ended turn after which something followed, reported once.
    told_over: Option<u64>,
}

impl Turns {
    /// Events before the next one are missing.
    pub(super) fn gap(&mut self, sight: Sight) {
        self.sight = self.sight.max(sight);
        self.maybe_over = true;
    }

    /// The open turn, if it cannot have ended in a gap.
    pub(super) fn without_end(&self) -> Option<u64> {
        self.open.filter(|_| !self.maybe_over)
    }

    /// The turn of the event, if that turn has ended.
    pub(super) fn over(&self, seen: &Seen<'_, '_>) -> Option<u64> {
        let turn = seen.turn.value()?;
        let over = turn <= self.last && self.open != Some(turn) && self.stray != Some(turn);
        (over && seen.kind != Type::TurnStarted && self.doubt != Some(turn)).then_some(turn)
    }

    /// Reports an event of a turn that has ended, once a turn.
    pub(super) fn tell_over(&mut self, seen: &Seen<'_, '_>, turn: u64) {
        if self.told_over.replace(turn) == Some(turn) {
            return;
        }
        let what = match seen.kind.is_terminal() {
            true => "ends once, and a second end came",
            false => "has ended, and something of it came",
        };
        seen.broken(C5, "turn", format_args!("turn {turn} {what}"));
    }

    /// Takes an event of a turn that has not ended; true if it opens a turn.
    pub(super) fn take(&mut self, seen: &Seen<'_, '_>) -> bool {
        if seen.kind == Type::TurnStarted {
            let next = self.open.unwrap_or(self.last).saturating_add(1);
            return self.start(seen, seen.turn.value().unwrap_or(next));
        }
        let Got::Is(turn) = seen.turn else {
            return false;
        };
        if self.doubt.take() == Some(turn) {
            self.open = Some(turn);
            self.last = turn;
        }
        if self.open == Some(turn) || self.stray == Some(turn) {
            self.maybe_over = false;
            return false;
        }
        if self.sight != Sight::Whole {
            self.sight = Sight::Blind;
        } else if let Some(open) = self.open {
            self.stray = Some(turn);
            let what = format_args!("turn {open} is open, and an event of turn {turn} came");
            seen.broken(C4, "turn", what);
            return false;
        } else {
            let what = format_args!("turn {turn} was not opened by a turn_started");
            seen.broken(C4, "turn", what);
        }
        self.opened(turn);
        true
    }

    fn start(&mut self, seen: &Seen<'_, '_>, turn: u64) -> bool {
        if self.open == Some(turn) {
            let what = format_args!("turn {turn} is already open, and a turn_started came");
            seen.broken(C4, "turn", what);
            return false;
        }
        if let Some(open) = self.without_end() {
            let what = format_args!("turn {open} has no end, and turn {turn} starts");
            seen.broken(C5, "turn", what);
        }
        let next = self.last.saturating_add(1);
        let wrong = turn < next || (turn > next && self.sight == Sight::Whole);
        if wrong {
            seen.broken(C4, "turn", format_args!("the next turn is {next}, and {turn} came"));
        }
        self.opened(turn);
        self.doubt = wrong.then_some(next);
        self.sight = Sight::Whole;
        true
    }

    fn opened(&mut self, turn: u64) {
        self.open = Some(turn);
        self.last = self.last.max(turn);
        self.count += 1;
        self.stray = None;
        self.doubt = None;
        self.maybe_over = false;
    }

    /// Takes the terminal event of the turn.
    pub(super) fn end(&mut self, seen: &Seen<'_, '_>) {
        if let Some(stray) = self.stray.take()
            && seen.turn == Got::Is(stray)
        {
            self.last = self.last.max(stray);
        }
        self.open = None;
        self.sight = Sight::Whole;
    }
}
