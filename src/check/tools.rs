//! Rule C7: every tool that starts finishes once, before its turn ends.

use std::borrow::Cow;
use std::collections::HashMap;

use super::order::Sight;
use super::report::{Quoted, Report, ReportPlace, Rule};
use super::seen::Seen;
use super::units::Units;

/// How many tools of one turn are told apart; more are not followed, and a note says so.
const MAX_TOOLS: usize = 65_536;
/// The longest id that is kept as it is, in bytes; of a longer one its beginning and a hash.
const MAX_ID: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Tools {
    by_id: HashMap<String, Tool>,
    /// Gaps in the stream so far.
    gaps: u64,
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
    /// Events before the one that comes now are missing.
    pub(super) fn gap(&mut self) {
        self.gaps += 1;
    }

    pub(super) fn new_turn(&mut self) {
        self.by_id = HashMap::new();
        self.full = false;
    }

    /// True if the event is about a tool that is open.
    pub(super) fn holds(&self, seen: &Seen<'_, '_>) -> bool {
        seen.text_in("tool", "id")
            .and_then(|id| self.by_id.get(key(&id).as_ref()))
            .is_some_and(|tool| tool.open)
    }

    pub(super) fn start(&mut self, seen: &Seen<'_, '_>, report: &mut Report) {
        let Some(id) = seen.text_in("tool", "id") else {
            // Reported by C2; which tool it was is not known.
            self.full = true;
            return;
        };
        if let Some(tool) = self.by_id.get_mut(key(&id).as_ref()) {
            let what = format_args!(
                "tool {} of line {} starts again in the same turn",
                Quoted(&id),
                tool.line
            );
            report.violation(seen.at("tool"), Rule::C7, what);
            tool.twice = true;
            return;
        }
        if self.by_id.len() >= MAX_TOOLS {
            self.full = true;
            report.note(
                ReportPlace::line(seen.source.number),
                "a turn has so many tools that no more are followed",
            );
            return;
        }
        self.insert(&id, seen.source.number, Open::Yes);
    }

    pub(super) fn finish(&mut self, seen: &Seen<'_, '_>, sight: Sight, report: &mut Report) {
        let Some(id) = seen.text_in("tool", "id") else {
            // Any open tool may be the one that finished.
            self.gap();
            return;
        };
        match self.by_id.get_mut(key(&id).as_ref()) {
            Some(tool) if tool.open => tool.open = false,
            Some(tool) if tool.twice => tool.twice = false,
            Some(_) => {
                let what = format_args!("tool {} finishes a second time", Quoted(&id));
                report.violation(seen.at("tool"), Rule::C7, what);
            }
            None => {
                if sight == Sight::Whole && !self.full {
                    let what = format_args!("tool {} finishes and never started", Quoted(&id));
                    report.violation(seen.at("tool"), Rule::C7, what);
                }
                if self.by_id.len() < MAX_TOOLS {
                    self.insert(&id, seen.source.number, Open::No);
                }
            }
        }
    }

    /// The turn ends: no tool may be open. Those that are stay known until the next turn begins.
    pub(super) fn before_end(&mut self, seen: &Seen<'_, '_>, report: &mut Report) {
        self.by_id.retain(|_, tool| tool.open);
        let mut open: Vec<_> =
            self.by_id.iter().filter(|(_, tool)| tool.gaps == self.gaps).collect();
        open.sort_by_key(|(id, tool)| (tool.line, id.as_str()));
        for (id, tool) in open {
            let what = format_args!(
                "tool {} of line {} has not finished, and the turn ends",
                Quoted(id),
                tool.line
            );
            report.violation(seen.at("type"), Rule::C7, what);
        }
    }

    fn insert(&mut self, id: &str, line: u64, open: Open) {
        let tool = Tool { line, open: matches!(open, Open::Yes), gaps: self.gaps, twice: false };
        self.by_id.insert(key(id).into_owned(), tool);
    }
}

enum Open {
    Yes,
    No,
}

/// The id, or what stands for a long one.
fn key(id: &str) -> Cow<'_, str> {
    if id.len() <= MAX_ID {
        return Cow::Borrowed(id);
    }
    let head: String = id.chars().take(MAX_ID / 4).collect();
    Cow::Owned(format!("{head}... {:?}", Units::of(id)))
}
