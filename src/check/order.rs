//! Rules C3 and C8: the numbers and times of a stream's events, and what a gap in them may have hidden.

use super::report::{Report, Rule};
use super::seen::{Got, Seen};
use crate::event::Type;
use crate::time::Time;

/// How much of what went before is known, from most to least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sight {
    /// Every event.
    Whole,
    /// Numbers were left out on purpose (`--partial`); parts of blocks are not what is left out.
    Gaps,
    /// Anything may be missing: a late start, or something that was already reported.
    Blind,
}

/// True if numbers may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Whole,
    Partial,
}

pub(super) enum Step {
    /// The event that was expected.
    Next,
    /// Events before it are missing; that has been reported if it must be.
    Gap(Sight),
    /// It came again or late, which has been reported: the other rules do not look at it.
    Skip,
}

#[derive(Debug, Default)]
pub(super) struct Order {
    last: Option<Last>,
    /// Numbered events that came without a number since the last.
    unnumbered: u64,
    /// The last gap that was reported: an event of it that comes late is not reported again.
    missing: Option<(u64, u64)>,
    /// A run of events that were there before, of which only the first is reported.
    again: Option<(u64, u64)>,
    /// How many came again since the last event that did not: one of them may only have been numbered wrongly.
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

impl Order {
    pub(super) fn take(&mut self, seen: &Seen<'_, '_>, mode: Mode, report: &mut Report) -> Step {
        let Got::Is(seq) = seen.seq else {
            if !matches!(seen.kind, Type::Status | Type::Other) {
                self.unnumbered += 1;
                if seen.seq == Got::Absent {
                    let what = format_args!("a {} must have a seq", seen.kind.name());
                    report.violation(seen.at("seq"), Rule::C3, what);
                }
            } else if seen.seq == Got::Wrong {
                self.unnumbered += 1;
            }
            return Step::Next;
        };
        let step = self.number(seen, seq, mode, report);
        if !matches!(step, Step::Skip) {
            self.time(seen, seq, report);
            self.unnumbered = 0;
            self.repeats = 0;
            self.lost = false;
            self.last = Some(Last { seq, ts: seen.ts, part: seen.has("part") });
        }
        step
    }

    fn number(&mut self, seen: &Seen<'_, '_>, seq: u64, mode: Mode, report: &mut Report) -> Step {
        let mut first = seen.first_seq.unwrap_or(seq);
        if first > seq {
            let what = format_args!("first_seq {first} is greater than seq {seq}");
            report.violation(seen.at("first_seq"), Rule::C3, what);
            first = seq;
            // Where the range was meant to begin is not known.
            self.lost = true;
        }
        let last = self.last.map_or(0, |last| last.seq);
        let shares = seen.has("part") || self.last.is_some_and(|last| last.part);
        if seq == last && shares {
            return Step::Next;
        }
        if seq <= last {
            self.repeats += 1;
            self.repeated(seen, seq, last, report);
            return Step::Skip;
        }
        // What follows a repeated run of events was cut from elsewhere.
        let rerun = self.again.take().is_some_and(|(from, to)| from < to && to == last);
        let expected = last.saturating_add(1);
        if first > expected {
            return self.gap(seen, (expected, first), mode, report);
        }
        if first < expected {
            let what = format_args!("the next number is {expected}, and {first} to {seq} came");
            report.violation(seen.at("first_seq"), Rule::C3, what);
            return Step::Gap(Sight::Blind);
        }
        if rerun { Step::Gap(Sight::Blind) } else { Step::Next }
    }

    fn gap(
        &mut self,
        seen: &Seen<'_, '_>,
        (expected, first): (u64, u64),
        mode: Mode,
        report: &mut Report,
    ) -> Step {
        let started = self.last.is_some();
        if first - expected <= self.unnumbered {
            return Step::Next;
        }
        if self.lost || first - expected <= self.repeats {
            return Step::Gap(Sight::Blind);
        }
        if mode == Mode::Partial {
            return Step::Gap(if started { Sight::Gaps } else { Sight::Blind });
        }
        self.missing = Some((expected, first - 1));
        let key = if seen.first_seq.is_some() { "first_seq" } else { "seq" };
        let what = format_args!("the next number is {expected}, and {first} came");
        report.violation(seen.at(key), Rule::C3, what);
        Step::Gap(Sight::Blind)
    }

    fn repeated(&mut self, seen: &Seen<'_, '_>, seq: u64, last: u64, report: &mut Report) {
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
                let what = format_args!(
                    "the number after {last} is {}, and {seq} came",
                    last.saturating_add(1)
                );
                report.violation(seen.at("seq"), Rule::C3, what);
            }
        }
    }

    fn time(&self, seen: &Seen<'_, '_>, seq: u64, report: &mut Report) {
        let (Some(last), Some(ts)) = (self.last, seen.ts) else {
            return;
        };
        let Some(before) = last.ts else {
            return;
        };
        if ts < before {
            let what = format_args!("ts goes back from {before} to {ts}");
            report.violation(seen.at("ts"), Rule::C8, what);
        } else if ts != before && seq == last.seq {
            let what = format_args!(
                "events that share the number {seq} must share ts {before}, and {ts} came"
            );
            report.violation(seen.at("ts"), Rule::C3, what);
        }
    }
}
