//! Rules C3 and C8: the numbers and times of a stream's events, and what a gap in them may have hidden.

use super::report::Rule::{C3, C8};
use super::seen::{Got, Seen};
use crate::event::Type;
use crate::time::Time;

/// Knowledge of the events so far, from most to least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Sight {
    /// Every event.
    #[default]
    Whole,
    /// Numbers were left out on purpose (`--partial`); parts of blocks are not what is left out.
    Gaps,
    /// Anything may be missing: a late start, or something that was already reported.
    Blind,
}

/// Rule for gaps between sequence numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Mode {
    #[default]
    Whole,
    Partial,
}

pub(super) enum Step {
    /// The event that was expected.
    Next,
    /// Events before it are missing; that has been reported if it must be.
    Gap(Sight),
    /// A repeated or late event, already reported: the other rules do not look at it.
    Skip,
}

#[derive(Debug, Default)]
pub(super) struct Order {
    last: Option<Last>,
    /// Events since `last` that should have had a number and had none.
    unnumbered: u64,
    /// The last gap that was reported: an event of it that comes late is not reported again.
    missing: Option<(u64, u64)>,
    /// Last of the numbers that a `gap` says are missing.
    announced: u64,
    /// A run of repeated events, of which only the first is reported.
    again: Option<(u64, u64)>,
    /// Repeated events since the last new one: one of them may only have been numbered wrongly.
    repeats: u64,
    /// A line that could not be read may have been this stream's.
    pub(super) lost: bool,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    seq: u64,
    ts: Option<Time>,
    part: bool,
}

/// Last number of the events that are missing, if this is a `gap` that names them.
fn end_of_gap(seen: &Seen<'_, '_>) -> Option<u64> {
    let is_gap = seen.kind == Type::Status && seen.fields.get("kind") == Some("\"gap\"");
    seen.fields.object("data").filter(|_| is_gap)?.count("to_seq")
}

impl Order {
    pub(super) fn take(&mut self, seen: &Seen<'_, '_>, mode: Mode) -> Step {
        let Got::Is(seq) = seen.seq else {
            self.announced = self.announced.max(end_of_gap(seen).unwrap_or_default());
            let numbered = !matches!(seen.kind, Type::Status | Type::Other);
            self.unnumbered += u64::from(numbered || seen.seq == Got::Wrong);
            if numbered && seen.seq == Got::Absent {
                seen.broken(C3, "seq", format_args!("a {} must have a seq", seen.kind.name()));
            }
            return Step::Next;
        };
        let step = self.number(seen, seq, mode);
        if !matches!(step, Step::Skip) {
            self.time(seen, seq);
            self.unnumbered = 0;
            self.repeats = 0;
            self.lost = false;
            self.last = Some(Last { seq, ts: seen.ts, part: seen.has("part") });
        }
        step
    }

    fn number(&mut self, seen: &Seen<'_, '_>, seq: u64, mode: Mode) -> Step {
        let mut first = seen.first_seq.unwrap_or(seq);
        if first > seq {
            let what = format_args!("first_seq {first} is greater than seq {seq}");
            seen.broken(C3, "first_seq", what);
            first = seq;
            // The beginning of the range is not known.
            self.lost = true;
        }
        let last = self.last.map_or(0, |last| last.seq);
        let shares = seen.has("part") || self.last.is_some_and(|last| last.part);
        if seq == last && shares {
            return Step::Next;
        }
        if seq <= last {
            self.repeats += 1;
            self.repeated(seen, seq, last);
            return Step::Skip;
        }
        // Whatever follows a repeated run of events was cut from elsewhere.
        let rerun = self.again.take().is_some_and(|(from, to)| from < to && to == last);
        let expected = last.saturating_add(1);
        if first > expected {
            return self.gap(seen, (expected, first), mode);
        }
        if first < expected {
            let what = format_args!("the next number is {expected}, and {first} to {seq} came");
            seen.broken(C3, "first_seq", what);
            return Step::Gap(Sight::Blind);
        }
        if rerun { Step::Gap(Sight::Blind) } else { Step::Next }
    }

    fn gap(&mut self, seen: &Seen<'_, '_>, (expected, first): (u64, u64), mode: Mode) -> Step {
        if first - 1 <= self.announced {
            return Step::Gap(Sight::Gaps);
        }
        let missing = first - expected;
        if missing <= self.unnumbered {
            return Step::Next;
        }
        if self.lost || missing <= self.repeats {
            return Step::Gap(Sight::Blind);
        }
        if mode == Mode::Partial {
            return Step::Gap(if self.last.is_some() { Sight::Gaps } else { Sight::Blind });
        }
        self.missing = Some((expected, first - 1));
        let key = if seen.first_seq.is_some() { "first_seq" } else { "seq" };
        seen.broken(C3, key, format_args!("the next number is {expected}, and {first} came"));
        Step::Gap(Sight::Blind)
    }

    fn repeated(&mut self, seen: &Seen<'_, '_>, seq: u64, last: u64) {
        if self.missing.is_some_and(|(from, to)| (from..=to).contains(&seq)) {
            return;
        }
        let first = seen.first_seq.unwrap_or(seq);
        match &mut self.again {
            Some((_, to)) if first == to.saturating_add(1) || (seq == *to && seen.has("part")) => {
                *to = seq;
            }
            again => {
                *again = Some((seq, seq));
                let next = last.saturating_add(1);
                let what = format_args!("the number after {last} is {next}, and {seq} came");
                seen.broken(C3, "seq", what);
            }
        }
    }

    fn time(&self, seen: &Seen<'_, '_>, seq: u64) {
        let Some((last, before)) = self.last.and_then(|last| Some((last.seq, last.ts?))) else {
            return;
        };
        match seen.ts {
            Some(ts) if ts < before => {
                seen.broken(C8, "ts", format_args!("ts goes back from {before} to {ts}"));
            }
            Some(ts) if ts != before && seq == last => {
                let what = format_args!(
                    "events that share the number {seq} must share ts {before}, and {ts} came"
                );
                seen.broken(C3, "ts", what);
            }
            _ => {}
        }
    }
}
