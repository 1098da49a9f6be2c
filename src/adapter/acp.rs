//! The Agent Client Protocol on an agent's stdout, version 1 and the draft of version 2 (whose messages replace their
//! chunks); a log of both directions is read as well.
//!
//! Source: recordings of claude-agent-acp and codex-acp, and the protocol's schema. A turn begins with the first text or
//! tool and ends with the response to `session/prompt`, in version 2 with the state `idle`. One session is followed.

mod calls;
mod notices;
use serde_json::{Value, json};

use super::api::{Current, Snapshot, failure, text};
use super::framing::jsonrpc::{Rpc, is_rpc};
use super::framing::{Framed, Protocol, Tail};
use super::{Match, Order, Spec, say_status, text_at};
use crate::event::{Spent, TurnStarted, Usage};
use crate::guard::{Guard, Text, TextKind, Verdict};
use crate::time::Time;

use calls::ToolCalls;
use notices::{prompt_of, usage};

pub(super) const SPEC: Spec = Spec {
    name: "acp",
    aliases: &["agent-client-protocol"],
    versions: "v1 captures; v2 by its draft of August 2026",
    about: "Agent Client Protocol",
    usage: "claude-agent-acp (JSON-RPC on stdin and stdout)",
    commands: &["claude-agent-acp", "claude-code-acp", "codex-acp"],
    flags: &[],
    has_result: true,
    detect,
    new: |_| Box::new(Framed::new(Acp::default())),
};

fn detect(value: &Value) -> Match {
    if !is_rpc(value) {
        return Match::No;
    }
    let sure = |sure: bool| if sure { Match::Sure } else { Match::Maybe };
    match Rpc::of(value) {
        Rpc::Call { method, params, .. } => {
            let initialize = method == "initialize" && params.get("clientCapabilities").is_some();
            let ours = ["session/", "fs/", "terminal/"];
            let ours = ours.iter().any(|prefix| method.starts_with(prefix));
            if ours || initialize {
                Match::Sure
            } else {
                Match::No
            }
        }
        Rpc::Result { result, .. } if result.get("agentCapabilities").is_some() => Match::Sure,
        Rpc::Result { result, .. } => {
            let stop = text_at(result, "stopReason").is_some();
            if stop || result.get("sessionId").is_some() {
                sure(stop)
            } else {
                Match::No
            }
        }
        _ => Match::No,
    }
}

/// How many messages are remembered that may be replaced.
const MAX_MESSAGES: usize = 64;

/// Whether what comes is new, or a session's history.
#[derive(Debug, Default, PartialEq)]
enum History {
    /// Nothing is known of how the session came about.
    #[default]
    Unknown,
    /// The connection has begun, and nobody has made a session.
    Expected,
    /// It is being replayed, up to the response to this request if that is known.
    Replayed(Option<Value>),
    /// The session is live.
    Over,
}

#[derive(Default)]
struct Acp {
    session: Option<String>,
    agent: Option<String>,
    history: History,
    /// The request whose response ends the turn, where it can be seen.
    prompt: Option<Value>,
    /// The last response that failed, while no turn was open.
    error: Option<Value>,
    current: Current,
    messages: Vec<(String, Snapshot)>,
    calls: ToolCalls,
    cost: Cost,
    /// The response that ended the last turn.
    answered: Option<Value>,
}

/// The cost of the session, which its messages count from its beginning, in US dollars.
#[derive(Debug, Default)]
struct Cost {
    /// At the end of the last turn; `None` where the beginning is not known.
    before: Option<f64>,
    now: Option<f64>,
}

impl Protocol for Acp {
    /// Source: the protocol's schema, `session/cancel` and `session/prompt`.
    fn order(&self, order: Order<'_>, number: u64) -> Option<String> {
        let session = self.session.as_deref()?;
        let message = match order {
            Order::Interrupt => json!({"jsonrpc": "2.0", "method": "session/cancel",
                "params": {"sessionId": session}}),
            Order::Prompt(text) => json!({"jsonrpc": "2.0", "id": format!("spile-{number}"),
                "method": "session/prompt",
                "params": {"sessionId": session, "prompt": [{"type": "text", "text": text}]}}),
        };
        Some(message.to_string())
    }

    fn message(&mut self, now: Time, _: &str, value: Value, guard: &mut Guard) {
        if let Value::Array(values) = value {
            for value in values {
                self.rpc(now, &value, guard);
            }
        } else {
            self.rpc(now, &value, guard);
        }
    }

    fn end(&mut self, now: Time, _: Tail, guard: &mut Guard) -> Verdict {
        if guard.turn_open() {
            self.calls.start_all(now, guard);
        } else if let Some(error) = self.error.take()
            && guard.turns() == 0
        {
            guard.fail(now, failure(&error), &Spent::default());
        }
        Verdict::MissingResult
    }
}

impl Acp {
    fn rpc(&mut self, now: Time, value: &Value, guard: &mut Guard) {
        match Rpc::of(value) {
            Rpc::Call { id, method, params } => self.call(now, (id, method), params, guard),
            Rpc::Result { id, result } => self.result(now, id, result, guard),
            Rpc::Error { id, error } => self.failed(now, id, error, guard),
            Rpc::Other => say_status(now, guard, "info", "an unknown message", value.clone()),
        }
    }

    fn call(
        &mut self,
        now: Time,
        (id, method): (Option<&Value>, &str),
        params: &Value,
        guard: &mut Guard,
    ) {
        match method {
            "session/update" => {
                let update = params.get("update").unwrap_or(&Value::Null);
                if self.is_ours(params, guard) {
                    self.update(now, update, guard);
                } else {
                    say_status(now, guard, "info", "another session", params.clone());
                }
            }
            "session/request_permission" => {
                let call = params.get("toolCall").unwrap_or(&Value::Null);
                let title = text_at(call, "title").unwrap_or_default().to_owned();
                if self.is_ours(params, guard) && call.get("toolCallId").is_some() {
                    self.start(now, guard);
                    self.calls.start_asked(now, call, guard);
                }
                say_status(now, guard, "permission", &title, params.clone());
            }
            "session/prompt" => {
                self.history = History::Over;
                self.is_ours(params, guard);
                self.prompt = id.cloned();
                self.start_with(now, prompt_of(params), guard);
            }
            "session/load" | "session/resume" => {
                self.history = History::Replayed(id.cloned());
                say_status(now, guard, "session", method, params.clone());
            }
            _ => say_status(now, guard, "progress", method, params.clone()),
        }
    }

    /// Whether a message is of the session that is followed; between turns that may become another one.
    fn is_ours(&mut self, params: &Value, guard: &Guard) -> bool {
        let session = text_at(params, "sessionId");
        match (&self.session, session) {
            (Some(ours), Some(theirs)) if ours != theirs && guard.turn_open() => false,
            (_, Some(theirs)) => {
                self.session = Some(theirs.to_owned());
                true
            }
            _ => true,
        }
    }

    fn result(&mut self, now: Time, id: &Value, result: &Value, guard: &mut Guard) {
        if let Some(stop) = text_at(result, "stopReason") {
            if !guard.turn_open() && self.answered.as_ref() == Some(id) && guard.turns() > 0 {
                return say_status(now, guard, "log", "a second response", result.clone());
            }
            let usage = result.get("usage").and_then(usage);
            self.answered = Some(id.clone());
            return self.finish(now, stop, usage, guard);
        }
        match &self.history {
            History::Replayed(None) => self.history = History::Over,
            History::Replayed(Some(load)) if load == id => self.history = History::Over,
            _ => {}
        }
        if result.get("agentCapabilities").is_some() {
            let agent = result.get("agentInfo").or_else(|| result.get("info"));
            let name = agent.and_then(|a| text_at(a, "name"));
            self.agent = name.map(str::to_owned);
            if self.history == History::Unknown {
                self.history = History::Expected;
            }
            say_status(now, guard, "info", name.unwrap_or_default(), result.clone());
        } else if let Some(session) = text_at(result, "sessionId") {
            self.history = History::Over;
            if !guard.turn_open() {
                self.session = Some(session.to_owned());
                self.cost.before = Some(0.0);
            }
            say_status(now, guard, "session", session, result.clone());
        } else if result.as_object().is_some_and(|r| !r.is_empty()) {
            say_status(now, guard, "info", "response", result.clone());
        }
    }

    /// A request has failed: the prompt if that is known or a turn is open, else somebody's.
    fn failed(&mut self, now: Time, id: &Value, error: &Value, guard: &mut Guard) {
        let ours = self.prompt.as_ref().is_none_or(|prompt| prompt == id);
        if !guard.turn_open() || !ours {
            let message = text_at(error, "message").unwrap_or_default();
            self.error = Some(error.clone());
            return say_status(now, guard, "error", message, error.clone());
        }
        self.calls.start_all(now, guard);
        let spent = self.spent(None);
        // The code of a request that was cancelled, in the Language Server Protocol as well.
        if error.get("code").and_then(Value::as_i64) == Some(-32800) {
            let reason = text_at(error, "message").unwrap_or("cancelled");
            guard.cancelled(now, reason, None, &spent);
        } else {
            guard.fail(now, failure(error), &spent);
        }
        self.close();
    }

    fn start(&mut self, now: Time, guard: &mut Guard) {
        if !guard.turn_open() {
            self.start_with(now, None, guard);
        }
    }

    fn start_with(&mut self, now: Time, prompt: Option<String>, guard: &mut Guard) {
        let started = TurnStarted {
            runtime: SPEC.name.into(),
            session: self.session.clone().map(Into::into),
            agent: self.agent.clone().map(Into::into),
            prompt: prompt.map(Into::into),
            ..TurnStarted::default()
        };
        guard.start_turn(now, &started);
    }

    fn finish(&mut self, now: Time, stop: &str, usage: Option<Usage>, guard: &mut Guard) {
        self.start(now, guard);
        self.calls.start_all(now, guard);
        let spent = self.spent(usage);
        match stop {
            "cancelled" => guard.cancelled(now, "cancelled", Some(stop), &spent),
            _ => guard.complete(now, stop, None, &spent),
        }
        self.close();
    }

    fn spent(&mut self, usage: Option<Usage>) -> Spent {
        let cost = self.cost.before.zip(self.cost.now);
        self.cost.before = self.cost.now.or(self.cost.before);
        Spent {
            usage,
            cost_usd: cost.map(|(before, now)| now - before).filter(|c| *c >= 0.0),
            ..Spent::default()
        }
    }

    /// Forgets the turn that has ended.
    fn close(&mut self) {
        self.prompt = None;
        self.history = History::Over;
        self.current = Current::default();
        self.messages.clear();
        self.calls.forget();
    }

    fn update(&mut self, now: Time, update: &Value, guard: &mut Guard) {
        let kind = text_at(update, "sessionUpdate").unwrap_or_default();
        let user = kind.starts_with("user_message");
        if user && !guard.turn_open() && self.history == History::Expected {
            self.history = History::Replayed(None);
        }
        if matches!(self.history, History::Replayed(_)) && !guard.turn_open() {
            return say_status(now, guard, "info", "history", update.clone());
        }
        match kind {
            "agent_message_chunk" => self.chunk(now, TextKind::Answer, update, guard),
            "agent_thought_chunk" => self.chunk(now, TextKind::Reasoning, update, guard),
            "agent_message" => self.whole(now, TextKind::Answer, update, guard),
            "agent_thought" => self.whole(now, TextKind::Reasoning, update, guard),
            "tool_call" | "tool_call_update" => {
                if self.calls.is_news(update, guard) {
                    self.start(now, guard);
                }
                self.calls.update(now, update, guard);
            }
            "state_update" => self.state(now, update, guard),
            _ => self.notice(now, kind, update, guard),
        }
    }

    fn chunk(&mut self, now: Time, kind: TextKind, update: &Value, guard: &mut Guard) {
        let content = update.get("content").unwrap_or(&Value::Null);
        let Some(said) = text_at(content, "text") else {
            return self.other_content(now, content, guard);
        };
        if said.is_empty() {
            return;
        }
        self.start(now, guard);
        self.calls.start_all(now, guard);
        let key = text_at(update, "messageId").unwrap_or_default();
        if let Some(parent) = calls::parent(update) {
            let key = format!("{parent}/{key}");
            let parent = Some(parent);
            let text = Text {
                key: &key,
                kind,
                parent,
            };
            return guard.delta(now, &text, said);
        }
        self.current.switch(now, (kind, key), guard);
        self.with_message(key, |message| {
            message.delta(now, &text(kind, key), said, guard);
        });
    }

    /// Version 2: the message as it stands now, whatever its chunks said.
    fn whole(&mut self, now: Time, kind: TextKind, update: &Value, guard: &mut Guard) {
        let Some(content) = update.get("content") else {
            return;
        };
        let parts = content
            .as_array()
            .map_or(std::slice::from_ref(content), Vec::as_slice);
        let mut whole = String::new();
        for part in parts {
            match text_at(part, "text") {
                Some(said) => whole.push_str(said),
                None => self.other_content(now, part, guard),
            }
        }
        self.start(now, guard);
        self.calls.start_all(now, guard);
        let key = text_at(update, "messageId").unwrap_or_default();
        self.current.switch(now, (kind, key), guard);
        self.with_message(key, |message| {
            message.whole(now, &text(kind, key), &whole, guard);
        });
    }

    fn with_message(&mut self, key: &str, act: impl FnOnce(&mut Snapshot)) {
        let known = self.messages.iter().position(|(k, _)| k == key);
        let mut message = known
            .map(|at| self.messages.remove(at).1)
            .unwrap_or_default();
        act(&mut message);
        if self.messages.len() >= MAX_MESSAGES {
            self.messages.remove(0);
        }
        self.messages.push((key.to_owned(), message));
    }

    fn other_content(&mut self, now: Time, content: &Value, guard: &mut Guard) {
        if !content.is_null() {
            say_status(
                now,
                guard,
                "info",
                "content of another type",
                content.clone(),
            );
        }
    }

    /// Version 2: what the session is doing.
    fn state(&mut self, now: Time, update: &Value, guard: &mut Guard) {
        match text_at(update, "state").unwrap_or_default() {
            "running" => self.start(now, guard),
            "idle" if guard.turn_open() || text_at(update, "stopReason").is_some() => {
                let stop = text_at(update, "stopReason").unwrap_or("idle");
                let usage = update.get("usage").and_then(usage);
                self.finish(now, stop, usage, guard);
            }
            "requires_action" => {
                say_status(now, guard, "permission", "requires_action", update.clone());
            }
            state => say_status(now, guard, "info", state, update.clone()),
        }
    }

    fn notice(&mut self, now: Time, kind: &str, update: &Value, guard: &mut Guard) {
        if kind == "usage_update" {
            self.cost.now = notices::cost(update).or(self.cost.now);
        }
        notices::say(now, kind, update, guard);
    }
}
