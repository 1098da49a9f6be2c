//! Rules C6 and C9: the text blocks of a stream. Only length and hash of a text are kept.

use std::collections::HashSet;

use super::order::Sight;
use super::report::{
    Quoted,
    Rule::{C6, C9},
};
use super::seen::Seen;
use super::units::{Units, units};
use crate::codec::unescape;
use crate::event::Raw;

/// Open blocks of a stream; past that the oldest is forgotten.
const MAX_OPEN: usize = 256;
/// Blocks of one turn that are known to be closed; a delta of another is taken for a late start.
const MAX_CLOSED: usize = 65_536;

#[derive(Debug, Default)]
pub(super) struct Blocks {
    open: Vec<CheckedBlock>,
    /// Blocks that were closed in this turn.
    closed: HashSet<u64>,
    /// Highest block of earlier turns.
    floor: u64,
    /// Highest number so far.
    max: u64,
    /// The next block may have any number: those before it may have been missed.
    pub(super) jump: bool,
    /// A malformed block name was reported.
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
    /// Number of the next part; `None` before the first.
    parts: Option<u64>,
    /// Something about its beginning or end is not known, or was reported.
    unsure: bool,
    /// A change of kind or parent was reported.
    told: bool,
}

/// Effect of an event on a block.
enum Act<'a> {
    Delta(Option<Raw<'a>>),
    Final(Option<Raw<'a>>),
    /// A part with this number.
    Part(u64),
}

impl Blocks {
    /// Events before the next one are missing.
    pub(super) fn gap(&mut self, sight: Sight) {
        self.jump = true;
        for block in &mut self.open {
            block.whole = false;
            // Gaps that are left on purpose never hide a part.
            block.unsure |= block.parts.is_none() || sight == Sight::Blind;
        }
    }

    pub(super) fn new_turn(&mut self) {
        self.open.clear();
        self.closed = HashSet::new();
        self.floor = self.max;
    }

    /// True if the event is about a block that is open.
    pub(super) fn holds(&self, seen: &Seen<'_, '_>) -> bool {
        seen.text("block").and_then(number).is_some_and(|n| self.find(n).is_some())
    }

    pub(super) fn delta(&mut self, seen: &Seen<'_, '_>, sight: Sight) {
        self.take(seen, &Act::Delta(seen.text("text")), sight);
    }

    pub(super) fn finish(&mut self, seen: &Seen<'_, '_>, sight: Sight) {
        match seen.fields.count("part") {
            Some(part) => {
                check_part(seen, part);
                self.take(seen, &Act::Part(part), sight);
            }
            None => self.take(seen, &Act::Final(seen.text("text")), sight),
        }
    }

    /// A tool of the event's parent starts: no block of that parent may be open.
    pub(super) fn before_tool(&mut self, seen: &Seen<'_, '_>) {
        for block in self.open.iter_mut().filter(|b| b.parent == seen.parent) {
            block.must_be_closed(seen, "tool", "a tool starts");
        }
    }

    /// The turn ends: no block may be open. Those that are stay known until the next turn begins.
    pub(super) fn before_end(&mut self, seen: &Seen<'_, '_>) {
        for block in &mut self.open {
            block.must_be_closed(seen, "type", "the turn ends");
        }
        self.closed = HashSet::new();
    }

    fn find(&self, number: u64) -> Option<usize> {
        self.open.iter().position(|b| b.number == number)
    }

    fn take(&mut self, seen: &Seen<'_, '_>, act: &Act<'_>, sight: Sight) {
        let Some(name) = seen.text("block") else {
            // C2 has reported it; the block is not known.
            return self.gap(Sight::Blind);
        };
        let Some(number) = number(name) else {
            self.jump = true;
            if !std::mem::replace(&mut self.told_name, true) {
                let name = unescape(name.0);
                let what = format_args!("blocks are named b1, b2, ..., and {} came", Quoted(&name));
                seen.broken(C6, "block", what);
            }
            return;
        };
        let Some(at) = self.find(number).or_else(|| self.enter(seen, number, act, sight)) else {
            return;
        };
        self.check_names(seen, number);
        if self.open[at].take(seen, act) {
            self.open.remove(at);
            if self.closed.len() < MAX_CLOSED {
                self.closed.insert(number);
            }
        }
    }

    /// Opens a block that is not open, or reports that it cannot be opened.
    fn enter(
        &mut self,
        seen: &Seen<'_, '_>,
        number: u64,
        act: &Act<'_>,
        sight: Sight,
    ) -> Option<usize> {
        let broken = |rule, what| seen.broken(rule, "block", what);
        let next = self.max.saturating_add(1);
        let mut known = sight == Sight::Whole;
        if number >= next {
            if number > next && known && !self.jump {
                broken(C6, format_args!("the next block is b{next}, and b{number} came"));
            }
            self.max = number;
            self.jump &= !known;
        } else if number <= self.floor || self.closed.contains(&number) {
            known = false;
            self.closed.remove(&number);
            let (rule, what, ends) = match act {
                Act::Delta(_) => (C6, "a delta", false),
                Act::Final(_) => (C6, "a block_final", true),
                Act::Part(_) => (C9, "a part", seen.flag("last") == Some(true)),
            };
            broken(rule, format_args!("block b{number} is closed, and {what} came"));
            if ends {
                self.closed.insert(number);
                return None;
            }
        } else if known {
            known = false;
            broken(C6, format_args!("block b{number} comes after b{}", self.max));
        }
        if self.open.len() >= MAX_OPEN {
            self.open.remove(0);
            seen.note("so many blocks are open that the oldest are forgotten");
        }
        self.open.push(CheckedBlock {
            number,
            kind: seen.text("kind").map(|raw| Units::of(raw.0)),
            parent: seen.parent,
            text: Units::new(),
            whole: known || matches!(act, Act::Final(_)),
            parts: None,
            unsure: sight == Sight::Blind || (!known && sight == Sight::Whole),
            told: false,
        });
        Some(self.open.len() - 1)
    }

    /// `supersedes` and `continues` name blocks that were closed before.
    fn check_names(&self, seen: &Seen<'_, '_>, own: u64) {
        for key in ["supersedes", "continues"] {
            let Some(name) = seen.text(key) else {
                continue;
            };
            if !number(name).is_some_and(|n| n < own && self.find(n).is_none()) {
                let name = unescape(name.0);
                let must = "must name an earlier block that is closed";
                seen.broken(C6, key, format_args!("{key} {must}, and {} came", Quoted(&name)));
            }
        }
    }
}

impl CheckedBlock {
    /// Takes an event of the block; true if it closes the block.
    fn take(&mut self, seen: &Seen<'_, '_>, act: &Act<'_>) -> bool {
        self.check_same(seen);
        let number = self.number;
        match act {
            Act::Delta(Some(text)) if !text.0.is_empty() => self.text.add(text.0),
            // C2 has reported that there is no text.
            Act::Delta(_) => self.whole = false,
            Act::Final(text) => {
                if self.parts.is_some() && !self.unsure {
                    let what = format_args!("block b{number} has parts, and a whole text came");
                    seen.broken(C6, "text", what);
                } else if let Some(text) = text {
                    self.check_text(seen, *text);
                }
                return true;
            }
            Act::Part(part) => {
                let next = self.parts.unwrap_or(0);
                if *part != next && !self.unsure {
                    let what =
                        format_args!("the next part of b{number} is {next}, and {part} came");
                    seen.broken(C9, "part", what);
                }
                self.parts = Some(part.saturating_add(1));
                // A part without `last` was reported; it may have been the last.
                self.unsure |= !seen.has("last");
                return seen.flag("last") == Some(true);
            }
        }
        false
    }

    fn check_same(&mut self, seen: &Seen<'_, '_>) {
        let kind = seen.text("kind");
        let kind = kind.filter(|raw| matches!(&*unescape(raw.0), "answer" | "reasoning"));
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
            seen.broken(C6, key, what);
        }
    }

    fn check_text(&self, seen: &Seen<'_, '_>, text: Raw<'_>) {
        // A block that opens with its final has no deltas to compare with.
        if !self.whole || self.text.len == 0 {
            return;
        }
        let whole = Units::of(text.0);
        if self.text != whole {
            let what = format_args!(
                "the text of b{} must be that of its deltas: {} UTF-16 units, and {} came that differ",
                self.number, self.text.len, whole.len
            );
            seen.broken(C6, "text", what);
        }
    }

    fn must_be_closed(&mut self, seen: &Seen<'_, '_>, key: &str, when: &str) {
        if std::mem::replace(&mut self.unsure, true) {
            return;
        }
        let (rule, state) = match self.parts {
            Some(_) => (C9, "has no last part"),
            None => (C6, "is open"),
        };
        seen.broken(rule, key, format_args!("block b{} {state}, and {when}", self.number));
    }
}

/// Checks a part on its own.
fn check_part(seen: &Seen<'_, '_>, part: u64) {
    for key in ["last", "delivery_id"] {
        if !seen.has(key) {
            seen.broken(C9, "part", format_args!("a part must have {key}"));
        }
    }
    if let (Some(id), Some(block), Some(turn), Some(stream)) =
        (seen.text("delivery_id"), seen.text("block"), seen.turn.value(), &seen.stream)
    {
        let want = format!("{stream}/{turn}/{}/{part}", unescape(block.0));
        let id = unescape(id.0);
        if id != want {
            let (want, id) = (Quoted(&want), Quoted(&id));
            let what = format_args!("delivery_id must be {want}, and {id} came");
            seen.broken(C9, "delivery_id", what);
        }
    }
    let Some(text) = seen.text("text") else {
        return;
    };
    let edge = |key: &str| seen.text(key).map_or_else(Vec::new, |raw| units(raw.0));
    let (text, open, close) = (units(text.0), edge("open"), edge("close"));
    let inside = text.strip_prefix(open.as_slice());
    if !inside.is_some_and(|rest| rest.ends_with(&close)) {
        let key = if inside.is_some() { "close" } else { "open" };
        seen.broken(C9, key, format_args!("the text must begin with open and end with close"));
    }
}

/// The n of `b<n>`, from 1.
fn number(name: Raw<'_>) -> Option<u64> {
    let name = unescape(name.0);
    let digits = name.strip_prefix('b')?;
    let canonical = !digits.starts_with('0') && digits.bytes().all(|c| c.is_ascii_digit());
    canonical.then(|| digits.parse().ok()).flatten()
}
