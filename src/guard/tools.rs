//! The tools of a turn: every start has one finish, every id is its own.

use std::borrow::Cow;
use std::collections::HashSet;

use super::clean::clean_json;
use super::files::{Files, Named, changed_paths};
use super::terms::{ToolEnd, ToolStart};
use super::{Emitter, Origin};
use crate::event::{ChangedFiles, Tool, Type};
use crate::time::Time;

/// Limit of open tools; past that the oldest is closed as unknown.
const MAX_OPEN: usize = 4096;

/// Limit of remembered ids of a turn; past that every id gets a number of its own.
const MAX_IDS: usize = 65_536;

#[derive(Debug, Default)]
pub(super) struct Tools {
    open: Vec<Open>,
    ids: HashSet<String>,
    count: u64,
    files: Files,
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
    files: Named,
}

impl Open {
    fn finish(&self, outcome: &str, end: Option<&ToolEnd<'_>>, to: &mut Emitter<'_>) {
        let origin = if end.is_none() { Origin::Spile } else { Origin::Runtime };
        let raw = to.raw_outputs;
        to.emit((Type::ToolFinished, self.parent.as_deref(), origin), |body| {
            body.object("tool", |body| {
                body.text("id", &self.id);
                body.text("name", &self.name);
                body.text("kind", &self.kind);
                body.text_if("title", self.title.as_deref());
            });
            body.text("outcome", outcome);
            let Some(end) = end else { return };
            if let Some(output) = end.output.as_deref() {
                let clean = if raw { Cow::Borrowed(output) } else { clean_json(output) };
                body.json("output", &clean);
            }
            body.value_if("exit_code", end.exit_code.as_ref());
            body.value_if("duration_ms", end.duration_ms.as_ref());
        });
    }
}

impl Tools {
    /// Id and name of each that is open.
    pub(super) fn open(&self) -> impl Iterator<Item = (&str, &str)> {
        self.open.iter().map(|t| (t.id.as_str(), t.name.as_str()))
    }

    pub(super) fn start(&mut self, now: Time, tool: &ToolStart<'_>, to: &mut Emitter<'_>) {
        if self.open.len() >= MAX_OPEN {
            let oldest = self.open.remove(0);
            self.close(&oldest, to);
        }
        let id = self.unique(tool.id);
        let kind = if tool.kind.is_empty() { "other" } else { tool.kind };
        to.emit((Type::ToolStarted, tool.parent, Origin::Runtime), |body| {
            body.object("tool", |body| {
                body.text("id", &id);
                body.text("name", tool.name);
                body.text("kind", kind);
                body.text_if("title", tool.title);
                tool.input.into_iter().for_each(|input| body.json("input", input));
                if !tool.paths.is_empty() {
                    body.texts("paths", tool.paths);
                }
            });
        });
        self.open.push(Open {
            theirs: tool.id.to_owned(),
            since: now,
            id,
            name: tool.name.to_owned(),
            kind: kind.to_owned(),
            title: tool.title.map(|title| Tool::short_title(title).to_owned()),
            parent: tool.parent.map(str::to_owned),
            files: self.files.start(changed_paths(&ToolStart { kind, ..*tool })),
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

    pub(super) fn finish(&mut self, now: Time, end: &ToolEnd<'_>, to: &mut Emitter<'_>) {
        let at = self.open.iter().position(|t| t.theirs == end.id).unwrap_or_else(|| {
            let &ToolEnd { id, name, kind, parent, .. } = end;
            let start = ToolStart { id, name, kind, parent, ..ToolStart::default() };
            self.start(now, &start, to);
            self.open.len() - 1
        });
        let mut tool = self.open.remove(at);
        let known = ToolStart { kind: &tool.kind, paths: end.paths, ..ToolStart::default() };
        self.files.add(&mut tool.files, changed_paths(&known));
        self.files.finish(&tool.files, end.outcome);
        tool.finish(end.outcome, Some(end), to);
    }

    /// Closes what is still open when the turn ends, and returns the files that the turn changed.
    pub(super) fn close_all(&mut self, to: &mut Emitter<'_>) -> ChangedFiles<'static> {
        for tool in std::mem::take(&mut self.open) {
            self.close(&tool, to);
        }
        self.files.take()
    }

    /// Closes a tool that was open as unknown.
    fn close(&mut self, tool: &Open, to: &mut Emitter<'_>) {
        self.files.finish(&tool.files, "unknown");
        tool.finish("unknown", None, to);
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
