//! The tools of a turn: every start has one finish, every id is its own.

use std::collections::HashSet;

use super::terms::{ToolEnd, ToolStart};
use crate::event::Tool;
use crate::time::Time;

/// Limit of open tools; past that the oldest is closed as unknown.
const MAX_OPEN: usize = 4096;

/// Limit of remembered ids of a turn; past that every id gets a number of its own.
const MAX_IDS: usize = 65_536;

pub(super) enum Emitted<'a> {
    Started(&'a ToolStart<'a>),
    Finished {
        /// Id, name and kind.
        tool: [&'a str; 3],
        /// Title of its start, at most [`Tool::MAX_TITLE`] bytes.
        title: Option<&'a str>,
        outcome: &'a str,
        /// The end as the runtime reports it; none if the turn ended first.
        end: Option<&'a ToolEnd<'a>>,
    },
}

/// Takes an event, with the tool's parent.
pub(super) type EmitFn<'a> = dyn FnMut(Option<&str>, Emitted<'_>) + 'a;

#[derive(Debug, Default)]
pub(super) struct Tools {
    open: Vec<Open>,
    ids: HashSet<String>,
    count: u64,
}

#[derive(Debug)]
struct Open {
    /// The runtime's id.
    theirs: String,
    since: Time,
    id: String,
    name: String,
    kind: String,
    title: Option<String>,
    parent: Option<String>,
}

impl Open {
    fn finish(&self, outcome: &str, end: Option<&ToolEnd<'_>>, emit: &mut EmitFn<'_>) {
        let tool = [self.id.as_str(), &self.name, &self.kind];
        let title = self.title.as_deref();
        emit(self.parent.as_deref(), Emitted::Finished { tool, title, outcome, end });
    }
}

impl Tools {
    /// Id and name of each that is open.
    pub(super) fn open(&self) -> impl Iterator<Item = (&str, &str)> {
        self.open.iter().map(|t| (t.id.as_str(), t.name.as_str()))
    }

    pub(super) fn start(&mut self, now: Time, tool: &ToolStart<'_>, emit: &mut EmitFn<'_>) {
        if self.open.len() >= MAX_OPEN {
            self.open.remove(0).finish("unknown", None, emit);
        }
        let id = self.unique(tool.id);
        let kind = if tool.kind.is_empty() { "other" } else { tool.kind };
        let started = ToolStart { id: &id, kind, ..*tool };
        emit(tool.parent, Emitted::Started(&started));
        self.open.push(Open {
            theirs: tool.id.to_owned(),
            since: now,
            id,
            name: tool.name.to_owned(),
            kind: kind.to_owned(),
            title: tool.title.map(|title| Tool::short_title(title).to_owned()),
            parent: tool.parent.map(str::to_owned),
        });
    }

    /// Start of the oldest open tool.
    pub(super) fn oldest(&self) -> Option<Time> {
        self.open.iter().map(|t| t.since).min()
    }

    /// True if a tool with the runtime's id is open.
    pub(super) fn is_open(&self, theirs: &str) -> bool {
        self.open.iter().any(|t| t.theirs == theirs)
    }

    pub(super) fn finish(&mut self, now: Time, end: &ToolEnd<'_>, emit: &mut EmitFn<'_>) {
        let at = self.open.iter().position(|t| t.theirs == end.id).unwrap_or_else(|| {
            let &ToolEnd { id, name, kind, parent, .. } = end;
            let start = ToolStart { id, name, kind, parent, ..ToolStart::default() };
            self.start(now, &start, emit);
            self.open.len() - 1
        });
        self.open.remove(at).finish(end.outcome, Some(end), emit);
    }

    /// Closes what is still open when the turn ends.
    pub(super) fn close_all(&mut self, emit: &mut EmitFn<'_>) {
        for tool in self.open.drain(..) {
            tool.finish("unknown", None, emit);
        }
    }

    fn unique(&mut self, id: &str) -> String {
        self.count += 1;
        let mut unique = if id.is_empty() { format!("tool_{}", self.count) } else { id.to_owned() };
        if self.ids.len() >= MAX_IDS {
            return format!("{unique}#{}", self.count);
        }
        while !self.ids.insert(unique.clone()) {
            unique = format!("{unique}#{}", self.count);
        }
        unique
    }
}
