//! Rule C7: every tool that starts finishes once, before its turn ends.

use std::borrow::Cow;
use std::collections::HashMap;

use super::order::Sight;
use super::report::{Quoted, Rule::C7};
use super::seen::Seen;
use super::units::Units;

/// Tools of one turn that are told apart; more are not followed, and a note says so.
const MAX_TOOLS: usize = 65_536;
/// Longest id that is kept as it is, in bytes; of a longer one its beginning and a hash.
const MAX_ID: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Tools {
    by_id: HashMap<String, Tool>,
    /// Gaps in the stream so far.
    pub(super) gaps: u64,
    full: bool,
}

#[derive(Debug)]
struct Tool {
    /// The line of its start.
    line: u64,
    open: bool,
    /// [`Tools::gaps`] when it started: its finish may be in a later gap.
    gaps: u64,
    /// A second start was reported, so that a second finish need not be.
    twice: bool,
}

impl Tools {
    pub(super) fn new_turn(&mut self) {
        self.by_id = HashMap::new();
        self.full = false;
    }

    /// True if the event is about a tool that is open.
    pub(super) fn holds(&self, seen: &Seen<'_, '_>) -> bool {
        let id = seen.text_in("tool", "id");
        id.and_then(|id| self.by_id.get(&*key(&id))).is_some_and(|tool| tool.open)
    }

    pub(super) fn start(&mut self, seen: &Seen<'_, '_>) {
        let Some(id) = seen.text_in("tool", "id") else {
            // C2 has reported it; the tool is not known.
            self.full = true;
            return;
        };
        if let Some(tool) = self.by_id.get_mut(&*key(&id)) {
            let (id, line) = (Quoted(&id), tool.line);
            let what = format_args!("tool {id} of line {line} starts again in the same turn");
            seen.broken(C7, "tool", what);
            tool.twice = true;
        } else if self.by_id.len() >= MAX_TOOLS {
            self.full = true;
            seen.note("a turn has so many tools that no more are followed");
        } else {
            self.tool(&id, seen.number).open = true;
        }
    }

    pub(super) fn finish(&mut self, seen: &Seen<'_, '_>, sight: Sight) {
        let Some(id) = seen.text_in("tool", "id") else {
            // Any open tool may be the one that finished.
            self.gaps += 1;
            return;
        };
        match self.by_id.get_mut(&*key(&id)) {
            Some(tool) if tool.open => tool.open = false,
            Some(tool) if tool.twice => tool.twice = false,
            Some(_) => {
                let what = format_args!("tool {} finishes a second time", Quoted(&id));
                seen.broken(C7, "tool", what);
            }
            None => {
                if sight == Sight::Whole && !self.full {
                    let what = format_args!("tool {} finishes and never started", Quoted(&id));
                    seen.broken(C7, "tool", what);
                }
                if self.by_id.len() < MAX_TOOLS {
                    self.tool(&id, seen.number);
                }
            }
        }
    }

    /// The turn ends: no tool may be open. Those that are stay known until the next turn begins.
    pub(super) fn before_end(&mut self, seen: &Seen<'_, '_>) {
        self.by_id.retain(|_, tool| tool.open);
        let mut open: Vec<_> =
            self.by_id.iter().filter(|(_, tool)| tool.gaps == self.gaps).collect();
        open.sort_by_key(|(id, tool)| (tool.line, id.as_str()));
        for (id, tool) in open {
            let (id, line) = (Quoted(id), tool.line);
            let what = format_args!("tool {id} of line {line} has not finished, and the turn ends");
            seen.broken(C7, "type", what);
        }
    }

    /// The tool with this id, added as one that is not open.
    fn tool(&mut self, id: &str, line: u64) -> &mut Tool {
        let tool = Tool { line, open: false, gaps: self.gaps, twice: false };
        self.by_id.entry(key(id).into_owned()).or_insert(tool)
    }
}

/// The id, or for a long one its beginning with a hash.
fn key(id: &str) -> Cow<'_, str> {
    if id.len() <= MAX_ID {
        return Cow::Borrowed(id);
    }
    let head: String = id.chars().take(MAX_ID / 4).collect();
    Cow::Owned(format!("{head}... {:?}", Units::of(id)))
}
