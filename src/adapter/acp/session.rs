//! One session: its turns, its texts, its tool calls, its notices and its past.

use super::super::prelude::*;

/// The code of a request that was cancelled, in the Language Server Protocol as well.
const CANCELLED: i64 = -32800;

#[derive(Debug, Default, Clone, PartialEq)]
pub(super) enum History {
    /// Nothing is known of how the session came about.
    #[default]
    Unknown,
    /// The connection has begun, and nobody has made a session.
    Expected,
    /// It is being replayed, up to the response to this request if that is known.
    Replayed(Option<Value>),
    Over,
}

#[derive(Default)]
pub(super) struct Session {
    pub id: Option<String>,
    pub agent: Option<String>,
    pub history: History,
    /// The request whose response ends the turn, where it can be seen.
    pub prompt: Option<Value>,
    /// Messages as far as they were emitted: later ones may replace them.
    pub messages: StreamedTexts,
    pub calls: ToolCalls,
    /// The cost of the session in US dollars, which its messages count from its beginning.
    pub cost: Option<f64>,
    /// Cost at the end of the last turn; `None` where the beginning is not known.
    pub cost_before: Option<f64>,
    /// Number of its last message in the connection.
    pub spoke: u64,
}

impl Session {
    pub(super) fn permission(&mut self, id: Option<&Value>, params: &Value, emit: &mut Emit<'_>) {
        let call = params.at("toolCall");
        if call.get("toolCallId").is_some() {
            self.start(emit);
            self.calls.start_pending(call, emit);
        }
        let mut data = params.clone();
        if let (Some(id), Some(data)) = (id, data.as_object_mut()) {
            data.insert("id".into(), id.clone());
        }
        emit.status("permission", call.text("title"), data);
    }

    pub(super) fn prompted(&mut self, id: Option<&Value>, params: &Value, emit: &mut Emit<'_>) {
        self.history = History::Over;
        self.prompt = id.cloned();
        self.start_with(texts(params.items("prompt")), emit);
    }

    fn start(&mut self, emit: &mut Emit<'_>) {
        if !emit.turn_open() {
            self.start_with(None, emit);
        }
    }

    fn start_with(&mut self, prompt: Option<String>, emit: &mut Emit<'_>) {
        emit.start_turn(&TurnStarted {
            session: self.id.as_deref().map(Into::into),
            agent: self.agent.as_deref().map(Into::into),
            prompt: prompt.map(Into::into),
            ..TurnStarted::default()
        });
    }

    pub(super) fn failed(&mut self, error: &Value, emit: &mut Emit<'_>) {
        let spent = self.close(&Value::Null, emit);
        if error.i64("code") == Some(CANCELLED) {
            let reason = error.opt_text("message").unwrap_or("cancelled");
            emit.cancelled(reason, None, &spent);
        } else {
            emit.fail_with(error, &spent);
        }
    }

    pub(super) fn finish(&mut self, stop: &str, used: &Value, emit: &mut Emit<'_>) {
        self.start(emit);
        let spent = self.close(used, emit);
        match stop {
            "cancelled" => emit.cancelled("cancelled", Some(stop), &spent),
            _ => emit.complete(stop, None, &spent),
        }
    }

    /// Starts what waits and forgets the turn, which ends now; the answer is what it used.
    fn close(&mut self, used: &Value, emit: &mut Emit<'_>) -> UsageAndCost {
        self.calls.start_all(emit);
        self.prompt = None;
        self.history = History::Over;
        self.messages.clear();
        self.calls.open.clear();
        let cost_usd = self.cost_of_turn();
        self.cost_before = self.cost.or(self.cost_before);
        let (read, written) = ("cachedReadTokens", "cachedWriteTokens");
        let counts = tokens(used, ["inputTokens", "outputTokens", read, written, "thoughtTokens"]);
        let total_tokens = used.u64("totalTokens").filter(|_| counts.input_tokens.is_none());
        let usage = used.is_object().then_some(Usage { total_tokens, ..counts });
        UsageAndCost { cost_usd, ..usage.into() }
    }

    /// Cost of the open turn so far, where that of the session at its start is known.
    fn cost_of_turn(&self) -> Option<f64> {
        let cost = self.cost_before.zip(self.cost).map(|(before, now)| now - before);
        cost.filter(|cost| *cost >= 0.0)
    }

    pub(super) fn update(&mut self, update: &Value, emit: &mut Emit<'_>) {
        let kind = update.text("sessionUpdate");
        let user = kind.starts_with("user_message");
        if user && !emit.turn_open() && self.history == History::Expected {
            self.history = History::Replayed(None);
        }
        if matches!(self.history, History::Replayed(_)) && !emit.turn_open() {
            return emit.status("info", "history", update.clone());
        }
        match kind {
            "agent_message_chunk" => self.chunk(TextKind::Answer, update, emit),
            "agent_thought_chunk" => self.chunk(TextKind::Reasoning, update, emit),
            "agent_message" => self.whole(TextKind::Answer, update, emit),
            "agent_thought" => self.whole(TextKind::Reasoning, update, emit),
            "tool_call" | "tool_call_update" => {
                // A late patch is no reason for a new turn.
                if kind == "tool_call" || emit.turns() == 0 {
                    self.start(emit);
                }
                self.calls.update(update, emit);
            }
            "state_update" => self.state(update, emit),
            _ => {
                let cost = update.at("cost");
                if kind == "usage_update" && cost.text("currency") == "USD" {
                    self.cost = cost.f64("amount").or(self.cost);
                    let cost_usd = self.cost_of_turn();
                    emit.report_spent(&UsageAndCost { cost_usd, ..UsageAndCost::default() });
                }
                notice(kind, update, emit);
            }
        }
    }

    fn chunk(&mut self, kind: TextKind, update: &Value, emit: &mut Emit<'_>) {
        let content = update.at("content");
        let Some(delta) = content.opt_text("text") else {
            return other_content(content, emit);
        };
        if delta.is_empty() {
            return;
        }
        self.start(emit);
        self.calls.start_all(emit);
        let key = update.text("messageId");
        if let Some(parent) = parent(update) {
            let key = format!("{parent}/{key}");
            return emit.delta(&Text { key: &key, kind, parent: Some(parent) }, delta);
        }
        let block = text(kind, key);
        emit.close_texts_but(Some(&block));
        self.messages.of(key).delta(&block, delta, emit);
    }

    /// Version 2: the message as it stands, which replaces its chunks.
    fn whole(&mut self, kind: TextKind, update: &Value, emit: &mut Emit<'_>) {
        let Some(content) = update.get("content") else { return };
        let parts = content.as_array().map_or(std::slice::from_ref(content), Vec::as_slice);
        let mut whole = String::new();
        for part in parts {
            match part.opt_text("text") {
                Some(text) => whole.push_str(text),
                None => other_content(part, emit),
            }
        }
        self.start(emit);
        self.calls.start_all(emit);
        let block = text(kind, update.text("messageId"));
        emit.close_texts_but(Some(&block));
        self.messages.of(block.key).grow(&block, &whole, emit);
    }

    /// Version 2: the state of the session.
    fn state(&mut self, update: &Value, emit: &mut Emit<'_>) {
        let stop = update.opt_text("stopReason");
        match update.text("state") {
            "running" => self.start(emit),
            "idle" if emit.turn_open() || stop.is_some() => {
                self.finish(stop.unwrap_or("idle"), update.at("usage"), emit);
            }
            "requires_action" => emit.status("permission", "requires_action", update.clone()),
            state => emit.status("info", state, update.clone()),
        }
    }
}

fn other_content(content: &Value, emit: &mut Emit<'_>) {
    if !content.is_null() {
        emit.status("info", "content of another type", content.clone());
    }
}

/// Plans, usage, modes and all other updates beside texts and tools.
fn notice(kind: &str, update: &Value, emit: &mut Emit<'_>) {
    let (status, message) = match kind {
        "plan" | "plan_update" => {
            let entries = update.get("plan").unwrap_or(update).items("entries");
            let done = entries.clone().filter(|entry| entry.text("status") == "completed").count();
            ("plan", format!("{done} of {} done", entries.len()))
        }
        "usage_update" => ("usage", String::new()),
        "user_message_chunk" | "user_message" => ("info", "user message".into()),
        "session_info_update" => ("info", one_line(update.text("title"))),
        "tool_call_content_chunk" | "terminal_output_chunk" => ("progress", kind.into()),
        _ => ("info", kind.into()),
    };
    emit.status_under(parent(update), status, &message, update.clone());
}

/// The texts of parts, if there are any.
fn texts<'v>(parts: impl Iterator<Item = &'v Value>) -> Option<String> {
    let texts: Vec<&str> = parts.filter_map(|part| part.opt_text("text")).collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

/// Calls that may be open; past that the oldest is forgotten.
const MAX_OPEN: usize = 4096;

/// Files of one call that are named.
const MAX_PATHS: usize = 256;

/// The kinds of the protocol that the contract has as well.
const KINDS: [&str; 9] =
    ["read", "edit", "delete", "move", "search", "execute", "think", "fetch", "other"];

/// The tool calls of a session: a call comes as patches, and starts when its input is there or when it runs.
#[derive(Debug, Default)]
pub(super) struct ToolCalls {
    pub open: Vec<OpenCall>,
}

/// A call as its patches have made it.
#[derive(Debug, Default)]
pub(super) struct OpenCall {
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
fn parent(update: &Value) -> Option<&str> {
    let parent = update.pointer("/_meta/claudeCode/parentToolUseId");
    parent.and_then(Value::as_str).filter(|parent| !parent.is_empty())
}

impl ToolCalls {
    fn update(&mut self, update: &Value, emit: &mut Emit<'_>) {
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
    fn start_pending(&mut self, call: &Value, emit: &mut Emit<'_>) {
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
        self.open.push(OpenCall { id: id.to_owned(), ..OpenCall::default() });
        self.open.len() - 1
    }
}

impl OpenCall {
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
            paths: &self.paths,
            output: self.output.as_ref().map(raw),
            exit_code: code("exit_code").or_else(|| code("exitCode")),
            duration_ms: None,
            parent: self.parent.as_deref(),
        });
    }
}
