//! Rules C6 and C9: the text blocks of a stream. Of a text only length and hash are kept.

use std::collections::HashSet;

use super::order::Sight;
use super::report::{Quoted, Report, ReportPlace, Rule};
use super::seen::Seen;
use super::units::{Units, units};
use crate::codec::unescape;
use crate::event::Raw;

/// How many blocks of a stream may be open at once before the oldest is forgotten.
const MAX_OPEN: usize = 256;
/// How many blocks of one turn are known to be closed; a delta of another is then taken for a late start.
const MAX_CLOSED: usize = 65_536;

#[derive(Debug, Default)]
pub(super) struct Blocks {
    open: Vec<CheckedBlock>,
    /// Blocks that were closed in this turn.
    closed: HashSet<u64>,
    /// All blocks up to this one belong to earlier turns.
    floor: u64,
    /// The highest number so far.
    max: u64,
    /// The next block may have any number: those before it may have been missed.
    jump: bool,
    /// A name that is none was reported.
    told_name: bool,
}

#[derive(Debug)]
struct CheckedBlock {
    number: u64,
    kind: Option<Units>,
    parent: Option<Units>,
    text: Units,
    /// All of its text was seen.
    whole: bool,
    /// The number of the next part; `None` if it has none yet.
    parts: Option<u64>,
    /// Something about its beginning or end is not known, or was reported.
    unsure: bool,
    /// A change of kind or parent was reported.
    told: bool,
}

/// What an event does to a block.
enum Act<'a> {
    Delta(Option<Raw<'a>>),
    Final(Option<Raw<'a>>),
    /// A part with this number.
    Part(u64),
}

impl Blocks {
    /// Events before the one that comes now are missing.
    pub(super) fn gap(&mut self, sight: Sight) {
        self.jump = true;
        for block in &mut self.open {
            block.whole = false;
            // Gaps that are left on purpose never hide a part.
            block.unsure |= block.parts.is_none() || sight == Sight::Blind;
        }
    }

    /// The next block may have any number.
    pub(super) fn unsure_of_next(&mut self) {
        self.jump = true;
    }

    pub(super) fn new_turn(&mut self) {
        self.open.clear();
        self.closed = HashSet::new();
        self.floor = self.max;
    }

    /// True if the event is about a block that is open.
    pub(super) fn holds(&self, seen: &Seen<'_, '_>) -> bool {
        let number = seen.text("block").and_then(number);
        number.is_some_and(|n| self.find(n).is_some())
    }

    pub(super) fn delta(&mut self, seen: &Seen<'_, '_>, sight: Sight, report: &mut Report) {
        self.take(seen, &Act::Delta(seen.text("text")), sight, report);
    }

    pub(super) fn finish(&mut self, seen: &Seen<'_, '_>, sight: Sight, report: &mut Report) {
        match seen.count("part") {
            Some(part) => {
                check_part(seen, part, report);
                self.take(seen, &Act::Part(part), sight, report);
            }
            None => self.take(seen, &Act::Final(seen.text("text")), sight, report),
        }
    }

    /// A tool of `seen`'s parent starts: no block of that parent may be open.
    pub(super) fn before_tool(&mut self, seen: &Seen<'_, '_>, report: &mut Report) {
        for block in self.open.iter_mut().filter(|b| b.parent == seen.parent) {
            block.must_be_closed(seen.at("tool"), "a tool starts", report);
        }
    }

    /// The turn ends: no block may be open. Those that are stay known until the next turn begins.
    pub(super) fn before_end(&mut self, seen: &Seen<'_, '_>, report: &mut Report) {
        for block in &mut self.open {
            block.must_be_closed(seen.at("type"), "the turn ends", report);
        }
        self.closed = HashSet::new();
    }

    fn find(&self, number: u64) -> Option<usize> {
        self.open.iter().position(|b| b.number == number)
    }

    fn take(&mut self, seen: &Seen<'_, '_>, act: &Act<'_>, sight: Sight, report: &mut Report) {
        let Some(name) = seen.text("block") else {
            // Reported by C2; which block it was is not known.
            self.gap(Sight::Blind);
            return;
        };
        let Some(number) = number(name) else {
            self.jump = true;
            if !std::mem::replace(&mut self.told_name, true) {
                let what = format_args!(
                    "blocks are named b1, b2, ..., and {} came",
                    Quoted(&unescape(name.0))
                );
                report.violation(seen.at("block"), Rule::C6, what);
            }
            return;
        };
        let at = match self.find(number) {
            Some(at) => at,
            None => match self.enter(seen, number, act, sight, report) {
                Some(at) => at,
                None => return,
            },
        };
        self.check_names(seen, number, report);
        let Some(block) = self.open.get_mut(at) else {
            return;
        };
        if block.take(seen, act, report) {
            self.open.remove(at);
            if self.closed.len() < MAX_CLOSED {
                self.closed.insert(number);
            }
        }
    }

    /// Opens a block that is not open, or reports that it cannot be.
    fn enter(
        &mut self,
        seen: &Seen<'_, '_>,
        number: u64,
        act: &Act<'_>,
        sight: Sight,
        report: &mut Report,
    ) -> Option<usize> {
        let at = seen.at("block");
        let next = self.max.saturating_add(1);
        let mut known = sight == Sight::Whole;
        if number >= next {
            if number > next && known && !self.jump {
                let what = format_args!("the next block is b{next}, and b{number} came");
                report.violation(at, Rule::C6, what);
            }
            self.max = number;
            self.jump &= !known;
        } else if number <= self.floor || self.closed.contains(&number) {
            known = false;
            self.closed.remove(&number);
            let (rule, what, ends) = match act {
                Act::Delta(_) => (Rule::C6, "a delta", false),
                Act::Final(_) => (Rule::C6, "a block_final", true),
                Act::Part(_) => (Rule::C9, "a part", seen.flag("last") == Some(true)),
            };
            report.violation(at, rule, format_args!("block b{number} is closed, and {what} came"));
            if ends {
                self.closed.insert(number);
                return None;
            }
        } else if known {
            known = false;
            let what = format_args!("block b{number} comes after b{}", self.max);
            report.violation(at, Rule::C6, what);
        }
        self.make_room(seen, report);
        let blind = sight == Sight::Blind || (!known && sight == Sight::Whole);
        self.open.push(CheckedBlock {
            number,
            kind: seen.text("kind").map(|raw| Units::of(raw.0)),
            parent: seen.parent,
            text: Units::new(),
            whole: known || matches!(act, Act::Final(_)),
            parts: None,
            unsure: blind,
            told: false,
        });
        Some(self.open.len() - 1)
    }

    fn make_room(&mut self, seen: &Seen<'_, '_>, report: &mut Report) {
        if self.open.len() >= MAX_OPEN {
            self.open.remove(0);
            report.note(
                ReportPlace::line(seen.source.number),
                "so many blocks are open that the oldest are forgotten",
            );
        }
    }

    /// `supersedes` and `continues` name blocks that were closed before.
    fn check_names(&self, seen: &Seen<'_, '_>, own: u64, report: &mut Report) {
        for key in ["supersedes", "continues"] {
            let Some(name) = seen.text(key) else {
                continue;
            };
            if !number(name).is_some_and(|n| n < own && self.find(n).is_none()) {
                let what = format_args!(
                    "{key} must name an earlier block that is closed, and {} came",
                    Quoted(&unescape(name.0))
                );
                report.violation(seen.at(key), Rule::C6, what);
            }
        }
    }
}

impl CheckedBlock {
    /// True if the event closes the block.
    fn take(&mut self, seen: &Seen<'_, '_>, act: &Act<'_>, report: &mut Report) -> bool {
        self.check_same(seen, report);
        match act {
            Act::Delta(text) => {
                match text {
                    Some(text) if !text.0.is_empty() => self.text.add(text.0),
                    // Reported by C2: there must have been something.
                    _ => self.whole = false,
                }
                false
            }
            Act::Final(text) => {
                if self.parts.is_some() && !self.unsure {
                    let what =
                        format_args!("block b{} has parts, and a whole text came", self.number);
                    report.violation(seen.at("text"), Rule::C6, what);
                } else if let Some(text) = text {
                    self.check_text(seen, *text, report);
                }
                true
            }
            Act::Part(part) => {
                let next = self.parts.unwrap_or(0);
                if *part != next && !self.unsure {
                    let what = format_args!(
                        "the next part of b{} is {next}, and {part} came",
                        self.number
                    );
                    report.violation(seen.at("part"), Rule::C9, what);
                }
                self.parts = Some(part.saturating_add(1));
                // A part without `last` was reported; it may have been the last.
                self.unsure |= !seen.has("last");
                seen.flag("last") == Some(true)
            }
        }
    }

    fn check_same(&mut self, seen: &Seen<'_, '_>, report: &mut Report) {
        let kind = seen.text("kind").filter(|raw| is_kind(*raw));
        let kind_differs = kind.is_some_and(|raw| {
            let kind = Units::of(raw.0);
            *self.kind.get_or_insert(kind) != kind
        });
        let key = match (kind_differs, self.parent != seen.parent) {
            (true, _) => "kind",
            (false, true) => "parent",
            (false, false) => return,
        };
        if !std::mem::replace(&mut self.told, true) {
            let what = format_args!("block b{} began with another {key}", self.number);
            report.violation(seen.at(key), Rule::C6, what);
        }
    }

    fn check_text(&self, seen: &Seen<'_, '_>, text: Raw<'_>, report: &mut Report) {
        let said = self.text;
        // A block that opens with its final has no deltas to compare with.
        if !self.whole || said.len == 0 {
            return;
        }
        let whole = Units::of(text.0);
        if said != whole {
            let what = format_args!(
                "the text of b{} must be that of its deltas: {} UTF-16 units, and {} came that differ",
                self.number, said.len, whole.len
            );
            report.violation(seen.at("text"), Rule::C6, what);
        }
    }

    fn must_be_closed(&mut self, at: ReportPlace, when: &str, report: &mut Report) {
        if std::mem::replace(&mut self.unsure, true) {
            return;
        }
        if self.parts.is_some() {
            let what = format_args!("block b{} has no last part, and {when}", self.number);
            report.violation(at, Rule::C9, what);
        } else {
            let what = format_args!("block b{} is open, and {when}", self.number);
            report.violation(at, Rule::C6, what);
        }
    }
}

/// What can be said of a part alone.
fn check_part(seen: &Seen<'_, '_>, part: u64, report: &mut Report) {
    for key in ["last", "delivery_id"] {
        if !seen.has(key) {
            let what = format_args!("a part must have {key}");
            report.violation(seen.at("part"), Rule::C9, what);
        }
    }
    if let (Some(id), Some(block), Some(turn), Some(stream)) =
        (seen.text("delivery_id"), seen.text("block"), seen.turn.value(), &seen.stream)
    {
        let want = format!("{stream}/{turn}/{}/{part}", unescape(block.0));
        let id = unescape(id.0);
        if id != want {
            let what =
                format_args!("delivery_id must be {}, and {} came", Quoted(&want), Quoted(&id));
            report.violation(seen.at("delivery_id"), Rule::C9, what);
        }
    }
    let Some(text) = seen.text("text") else {
        return;
    };
    let edge = |key: &str| seen.text(key).map_or_else(Vec::new, |raw| units(raw.0));
    let (text, open, close) = (units(text.0), edge("open"), edge("close"));
    let fits = text.strip_prefix(open.as_slice()).is_some_and(|rest| rest.ends_with(&close));
    if !fits {
        let key = if text.starts_with(&open) { "close" } else { "open" };
        let what = format_args!("the text must begin with open and end with close");
        report.violation(seen.at(key), Rule::C9, what);
    }
}

fn is_kind(raw: Raw<'_>) -> bool {
    matches!(unescape(raw.0).as_ref(), "answer" | "reasoning")
}

/// The n of `b<n>`, from 1.
fn number(name: Raw<'_>) -> Option<u64> {
    let name = unescape(name.0);
    let digits = name.strip_prefix('b')?;
    if digits.starts_with('0') || !digits.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}
