//! One session: its turns, its texts and what is known of its past.

use super::super::prelude::*;
use super::SPEC;
use super::calls::{self, ToolCalls};
use super::notices::{self, prompt_of, usage};

/// How many messages are remembered that may be replaced.
const MAX_MESSAGES: usize = 64;

/// True if what comes is new, or a session's history.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) enum History {
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

/// What is known of one session.
#[derive(Default)]
pub(super) struct Session {
    pub id: Option<String>,
    agent: Option<String>,
    pub history: History,
    /// The request whose response ends the turn, where it can be seen.
    pub prompt: Option<Value>,
    current: Current,
    messages: Vec<(String, Snapshot)>,
    calls: ToolCalls,
    cost: Cost,
    /// When it last said something, counted in messages of the connection.
    pub spoke: u64,
}

/// The cost of the session, which its messages count from its beginning, in US dollars.
#[derive(Debug, Default)]
struct Cost {
    /// At the end of the last turn; `None` where the beginning is not known.
    before: Option<f64>,
    now: Option<f64>,
}

impl Session {
    pub(super) fn new(agent: Option<String>, history: History) -> Self {
        Self { agent, history, ..Self::default() }
    }

    /// A session that was made on this connection: nothing has come before.
    pub(super) fn is_new(&mut self) {
        self.history = History::Over;
        self.cost.before = Some(0.0);
    }

    /// True if it waits for a tool, so that its turn has hardly ended.
    pub(super) fn has_calls(&self) -> bool {
        !self.calls.is_empty()
    }

    /// The prompt has failed.
    pub(super) fn failed(&mut self, error: &Value, emit: &mut Emit<'_>) {
        self.calls.start_all(emit);
        let spent = self.spent(None);
        // The code of a request that was cancelled, in the Language Server Protocol as well.
        if error.at("code").as_i64() == Some(-32800) {
            let reason = error.opt_text("message").unwrap_or("cancelled");
            emit.cancelled(reason, None, &spent);
        } else {
            emit.fail(failure_of(error), &spent);
        }
        self.close();
    }

    /// A permission is asked for.
    pub(super) fn permission(&mut self, params: &Value, emit: &mut Emit<'_>) {
        let call = params.at("toolCall");
        let title = call.text("title");
        if call.get("toolCallId").is_some() {
            self.start(emit);
            self.calls.start_asked(call, emit);
        }
        emit.status("permission", title, params.clone());
    }

    /// A prompt is sent.
    pub(super) fn prompted(&mut self, id: Option<&Value>, params: &Value, emit: &mut Emit<'_>) {
        self.history = History::Over;
        self.prompt = id.cloned();
        self.start_with(prompt_of(params), emit);
    }

    /// The prompt was answered: the turn has ended.
    pub(super) fn answered(&mut self, result: &Value, emit: &mut Emit<'_>) {
        let stop = result.text("stopReason");
        let usage = result.get("usage").and_then(usage);
        self.finish(stop, usage, emit);
    }

    /// The input has ended.
    pub(super) fn end(&mut self, emit: &mut Emit<'_>) {
        if emit.turn_open() {
            self.calls.start_all(emit);
        }
    }

    fn start(&mut self, emit: &mut Emit<'_>) {
        if !emit.turn_open() {
            self.start_with(None, emit);
        }
    }

    fn start_with(&mut self, prompt: Option<String>, emit: &mut Emit<'_>) {
        emit.start_turn(&TurnStarted {
            runtime: SPEC.name.into(),
            session: self.id.clone().map(Into::into),
            agent: self.agent.clone().map(Into::into),
            prompt: prompt.map(Into::into),
            ..TurnStarted::default()
        });
    }

    fn finish(&mut self, stop: &str, usage: Option<Usage>, emit: &mut Emit<'_>) {
        self.start(emit);
        self.calls.start_all(emit);
        let spent = self.spent(usage);
        match stop {
            "cancelled" => emit.cancelled("cancelled", Some(stop), &spent),
            _ => emit.complete(stop, None, &spent),
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
                if self.calls.is_news(update, emit) {
                    self.start(emit);
                }
                self.calls.update(update, emit);
            }
            "state_update" => self.state(update, emit),
            _ => self.notice(kind, update, emit),
        }
    }

    fn chunk(&mut self, kind: TextKind, update: &Value, emit: &mut Emit<'_>) {
        let content = update.at("content");
        let Some(said) = content.opt_text("text") else {
            return self.other_content(content, emit);
        };
        if said.is_empty() {
            return;
        }
        self.start(emit);
        self.calls.start_all(emit);
        let key = update.text("messageId");
        if let Some(parent) = calls::parent(update) {
            let key = format!("{parent}/{key}");
            let parent = Some(parent);
            let text = Text { key: &key, kind, parent };
            return emit.delta(&text, said);
        }
        self.current.switch((kind, key), emit);
        self.with_message(key, |message| {
            message.delta(&text(kind, key), said, emit);
        });
    }

    /// Version 2: the message as it stands whatever its chunks said.
    fn whole(&mut self, kind: TextKind, update: &Value, emit: &mut Emit<'_>) {
        let Some(content) = update.get("content") else {
            return;
        };
        let parts = content.as_array().map_or(std::slice::from_ref(content), Vec::as_slice);
        let mut whole = String::new();
        for part in parts {
            match part.opt_text("text") {
                Some(said) => whole.push_str(said),
                None => self.other_content(part, emit),
            }
        }
        self.start(emit);
        self.calls.start_all(emit);
        let key = update.text("messageId");
        self.current.switch((kind, key), emit);
        self.with_message(key, |message| {
            message.whole(&text(kind, key), &whole, emit);
        });
    }

    fn with_message(&mut self, key: &str, act: impl FnOnce(&mut Snapshot)) {
        let known = self.messages.iter().position(|(k, _)| k == key);
        let mut message = known.map(|at| self.messages.remove(at).1).unwrap_or_default();
        act(&mut message);
        if self.messages.len() >= MAX_MESSAGES {
            self.messages.remove(0);
        }
        self.messages.push((key.to_owned(), message));
    }

    fn other_content(&mut self, content: &Value, emit: &mut Emit<'_>) {
        if !content.is_null() {
            emit.status("info", "content of another type", content.clone());
        }
    }

    /// Version 2: what the session is doing.
    fn state(&mut self, update: &Value, emit: &mut Emit<'_>) {
        match update.text("state") {
            "running" => self.start(emit),
            "idle" if emit.turn_open() || update.opt_text("stopReason").is_some() => {
                let stop = update.opt_text("stopReason").unwrap_or("idle");
                let usage = update.get("usage").and_then(usage);
                self.finish(stop, usage, emit);
            }
            "requires_action" => {
                emit.status("permission", "requires_action", update.clone());
            }
            state => emit.status("info", state, update.clone()),
        }
    }

    fn notice(&mut self, kind: &str, update: &Value, emit: &mut Emit<'_>) {
        if kind == "usage_update" {
            self.cost.now = notices::cost(update).or(self.cost.now);
        }
        notices::say(kind, update, emit);
    }
}
