//! The tool calls of a session: a call comes as patches, and starts when its input is there or when it runs.

use super::super::prelude::*;
use super::session::texts;

/// Calls that may be open; past that the oldest is forgotten.
const MAX_OPEN: usize = 4096;

/// Files of one call that are named.
const MAX_PATHS: usize = 256;

/// The kinds of the protocol that the contract has as well.
const KINDS: [&str; 9] =
    ["read", "edit", "delete", "move", "search", "execute", "think", "fetch", "other"];

#[derive(Debug, Default)]
pub(super) struct ToolCalls {
    pub open: Vec<Call>,
}

/// A call as its patches have made it.
#[derive(Debug, Default)]
pub(super) struct Call {
    id: String,
    name: String,
    kind: String,
    title: String,
    input: Option<Value>,
    paths: Vec<String>,
    parent: Option<String>,
    output: Option<Value>,
    started: bool,
}

/// The call of the sub-agent of Claude Code that sends an update.
pub(super) fn parent(update: &Value) -> Option<&str> {
    let parent = update.pointer("/_meta/claudeCode/parentToolUseId");
    parent.and_then(Value::as_str).filter(|parent| !parent.is_empty())
}

impl ToolCalls {
    pub(super) fn update(&mut self, update: &Value, emit: &mut Emit<'_>) {
        if !emit.turn_open() {
            return emit.status("log", "a tool after its turn had ended", update.clone());
        }
        let at = self.open(update.text("toolCallId"));
        let Some(call) = self.open.get_mut(at) else { return };
        call.patch(update);
        let status = update.text("status");
        let over = ["completed", "failed", "cancelled"].contains(&status);
        if call.started && !over {
            let parent = call.parent.as_deref();
            emit.status_under(parent, "progress", &call.title, update.clone());
        } else if over || status == "in_progress" || call.input.is_some() {
            call.start(emit);
        }
        if over {
            self.open.remove(at).finish(status, emit);
        }
    }

    /// Starts a call that waits for permission: its input is complete.
    pub(super) fn start_pending(&mut self, call: &Value, emit: &mut Emit<'_>) {
        let at = self.open(call.text("toolCallId"));
        if let Some(open) = self.open.get_mut(at) {
            open.patch(call);
            open.start(emit);
        }
    }

    /// Starts the calls that wait for their input: something else goes on, so they have what they will get.
    pub(super) fn start_all(&mut self, emit: &mut Emit<'_>) {
        for call in &mut self.open {
            call.start(emit);
        }
    }

    fn open(&mut self, id: &str) -> usize {
        if let Some(at) = self.open.iter().position(|call| call.id == id) {
            return at;
        }
        if self.open.len() >= MAX_OPEN {
            self.open.remove(0);
        }
        self.open.push(Call { id: id.to_owned(), ..Call::default() });
        self.open.len() - 1
    }
}

impl Call {
    /// Takes a patch. What it leaves out stays as it was; the first title is the name, and stays it.
    fn patch(&mut self, update: &Value) {
        let title = update.text("title");
        if self.name.is_empty() {
            let meta = update.pointer("/_meta/claudeCode/toolName");
            meta.and_then(Value::as_str).unwrap_or(title).clone_into(&mut self.name);
        }
        if !title.is_empty() {
            self.title = one_line(title);
        }
        if let Some(kind) = update.opt_text("kind") {
            kind.clone_into(&mut self.kind);
        }
        let empty = |input: &Value| input.as_object().is_some_and(serde_json::Map::is_empty);
        let input = update.non_null("rawInput").filter(|input| !empty(input));
        self.input = input.cloned().or(self.input.take());
        let places = update.items("locations").chain(update.items("content"));
        for path in places.filter_map(|place| place.opt_text("path")) {
            if self.paths.len() < MAX_PATHS && !self.paths.iter().any(|known| known == path) {
                self.paths.push(path.to_owned());
            }
        }
        let texts = || texts(update.items("content").map(|part| part.at("content")));
        let output = update.non_null("rawOutput").cloned().or_else(|| texts().map(Into::into));
        self.output = output.or(self.output.take());
        self.parent = parent(update).map(str::to_owned).or(self.parent.take());
    }

    fn kind(&self) -> &str {
        match self.kind.as_str() {
            "" => tool_kind(&self.name),
            kind if KINDS.contains(&kind) => kind,
            _ => "other",
        }
    }

    fn start(&mut self, emit: &mut Emit<'_>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let input = self.input.as_ref().map(raw);
        if self.paths.is_empty() {
            self.paths = describe(input.as_deref()).1;
        }
        emit.start_call(&ToolStart {
            id: &self.id,
            name: &self.name,
            kind: self.kind(),
            title: Some(self.title.as_str()).filter(|title| !title.is_empty()),
            input: input.as_deref(),
            paths: &self.paths,
            parent: self.parent.as_deref(),
        });
    }

    fn finish(self, status: &str, emit: &mut Emit<'_>) {
        let code = |key: &str| self.output.as_ref()?.get(key)?.as_i64();
        emit.finish_call(&ToolEnd {
            id: &self.id,
            name: &self.name,
            kind: self.kind(),
            outcome: match status {
                "completed" => "ok",
                "failed" => "error",
                _ => "cancelled",
            },
            output: self.output.as_ref().map(raw),
            exit_code: code("exit_code").or_else(|| code("exitCode")),
            duration_ms: None,
            parent: self.parent.as_deref(),
        });
    }
}
