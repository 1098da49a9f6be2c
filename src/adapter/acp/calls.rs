//! The tool calls of a session: a call comes as patches, and starts when its input is there or when it runs.

use super::super::prelude::*;

/// How many calls may be open; past that the oldest is forgotten.
const MAX_OPEN: usize = 4096;

/// The kinds of the protocol that the contract has as well.
const KINDS: [&str; 9] =
    ["read", "edit", "delete", "move", "search", "execute", "think", "fetch", "other"];

#[derive(Debug, Default)]
pub(super) struct ToolCalls {
    open: Vec<Call>,
}

/// A call as its patches have made it.
#[derive(Debug, Default)]
struct Call {
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

/// The call under which a sub-agent of Claude Code says something.
pub(super) fn parent(update: &Value) -> Option<&str> {
    let parent = update.pointer("/_meta/claudeCode/parentToolUseId");
    parent.and_then(Value::as_str).filter(|p| !p.is_empty())
}

impl ToolCalls {
    /// True if no call is open.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// True if an update says of something that has not been said; a late patch is no reason for a new turn.
    pub(super) fn is_news(&self, update: &Value, emit: &Emit<'_>) -> bool {
        let new = update.opt_text("sessionUpdate") == Some("tool_call");
        new || emit.turns() == 0
    }

    pub(super) fn update(&mut self, update: &Value, emit: &mut Emit<'_>) {
        if !emit.turn_open() {
            let message = "a tool after its turn had ended";
            return emit.status("log", message, update.clone());
        }
        let id = update.text("toolCallId");
        let at = self.open(id);
        let Some(call) = self.open.get_mut(at) else {
            return;
        };
        call.patch(update);
        let status = update.text("status");
        let over = ["completed", "failed", "cancelled"].contains(&status);
        if !call.started {
            if over || status == "in_progress" || call.input.is_some() {
                call.start(emit);
            }
        } else if !over {
            let notice = Notice {
                kind: "progress",
                message: Some(call.title.as_str()).filter(|t| !t.is_empty()),
                data: Some(update.clone()),
                parent: call.parent.as_deref(),
            };
            emit.notice(&notice);
        }
        if over {
            self.open.remove(at).finish(status, emit);
        }
    }

    /// A call for which a permission is asked: it has all of its input.
    pub(super) fn start_asked(&mut self, call: &Value, emit: &mut Emit<'_>) {
        let at = self.open(call.text("toolCallId"));
        if let Some(open) = self.open.get_mut(at) {
            open.patch(call);
            open.start(emit);
        }
    }

    /// Something else goes on: the calls that wait for their input have what they will get.
    pub(super) fn start_all(&mut self, emit: &mut Emit<'_>) {
        for call in &mut self.open {
            call.start(emit);
        }
    }

    /// The turn has ended.
    pub(super) fn forget(&mut self) {
        self.open.clear();
    }

    fn open(&mut self, id: &str) -> usize {
        if let Some(at) = self.open.iter().position(|c| c.id == id) {
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
    /// What a patch leaves out stays as it was; the first title is the name, and stays it.
    fn patch(&mut self, update: &Value) {
        let meta = update.pointer("/_meta/claudeCode/toolName");
        let title = update.text("title");
        if self.name.is_empty() {
            meta.and_then(Value::as_str).unwrap_or(title).clone_into(&mut self.name);
        }
        if !title.is_empty() {
            self.title = one_line(title);
        }
        if let Some(kind) = update.opt_text("kind") {
            kind.clone_into(&mut self.kind);
        }
        let empty = |v: &Value| v.is_null() || v.as_object().is_some_and(serde_json::Map::is_empty);
        if let Some(input) = update.get("rawInput").filter(|i| !empty(i)) {
            self.input = Some(input.clone());
        }
        let list = |key: &str| update.get(key).and_then(Value::as_array).into_iter().flatten();
        for place in list("locations").chain(list("content")) {
            if let Some(path) = place.opt_text("path")
                && !self.paths.iter().any(|p| p == path)
                && self.paths.len() < 256
            {
                self.paths.push(path.to_owned());
            }
        }
        let output = update.non_null("rawOutput");
        self.output = output.cloned().or_else(|| texts(update)).or(self.output.take());
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
        let tool = ToolStart {
            id: &self.id,
            name: &self.name,
            kind: self.kind(),
            title: Some(self.title.as_str()).filter(|t| !t.is_empty()),
            input: input.as_deref(),
            paths: &self.paths,
            parent: self.parent.as_deref(),
        };
        emit.start_call(&tool);
    }

    fn finish(self, status: &str, emit: &mut Emit<'_>) {
        let code = |key: &str| self.output.as_ref()?.get(key)?.as_i64();
        let end = ToolEnd {
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
        };
        emit.finish_call(&end);
    }
}

/// The texts of a call's content, if there are any.
fn texts(update: &Value) -> Option<Value> {
    let parts = update.at("content").as_array()?;
    let texts = parts.iter().filter_map(|p| p.at("content").opt_text("text"));
    let texts: Vec<&str> = texts.collect();
    (!texts.is_empty()).then(|| texts.join("\n").into())
}
