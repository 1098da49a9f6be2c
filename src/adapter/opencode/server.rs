//! The events of opencode's server: parts of messages, each in deltas and again as a whole, until the session is idle.

use super::super::prelude::*;
use std::collections::HashMap;

use super::{fail, finish_tool, properties, start_tool, step, text_kind, why};

/// Limit of remembered messages and parts; past that all are forgotten.
const MAX_KNOWN: usize = 4096;

#[derive(Default)]
pub(super) struct Server {
    pub session: Option<String>,
    pub spent: UsageAndCost,
    /// The messages, each with `true` if it is the user's.
    messages: HashMap<String, bool>,
    parts: HashMap<String, Part>,
    /// Reason for the end of the last step.
    pub reason: Option<String>,
}

#[derive(Default)]
struct Part {
    /// Its kind; a text until the part itself has come.
    kind: Option<TextKind>,
    streamed: StreamedText,
    /// True if its end was emitted, or its step counted.
    done: bool,
}

impl Server {
    /// Takes the next event of the session.
    pub(super) fn event(&mut self, event: &Value, emit: &mut Emit<'_>) {
        let (type_, props) = (event.text("type"), properties(event));
        if let Some(kind) = type_.strip_prefix("session.next.")
            && self.next(kind, props, emit)
        {
            return;
        }
        match type_ {
            "message.updated" => self.message(props, emit),
            "message.part.delta" => self.delta(props, emit),
            "message.part.updated" => self.part(props.at("part"), emit),
            "session.idle" => self.idle(props, emit),
            "session.status" => match props.at("status").text("type") {
                "idle" => self.idle(props, emit),
                "retry" => emit.status("retry", "", props.clone()),
                state => emit.status("progress", state, props.clone()),
            },
            "session.error" => match props.get("error").unwrap_or(props) {
                error if emit.over() => emit.status("error", &why(error).message, props.clone()),
                error => fail(error, &mut self.spent, emit),
            },
            "session.compacted" => emit.status("compaction", "", props.clone()),
            "todo.updated" => emit.status("plan", "", props.clone()),
            t if t.starts_with("permission.") => emit.status("permission", t, props.clone()),
            t if t.starts_with("server.") => emit.status("info", t, props.clone()),
            t if t.starts_with("session.") => emit.status("session", t, props.clone()),
            t => emit.other(t, event),
        }
    }

    fn start(&mut self, started: TurnStarted<'_>, emit: &mut Emit<'_>) {
        self.spent = UsageAndCost::default();
        self.reason = None;
        let session = self.session.as_deref().map(Into::into);
        emit.start_turn(&TurnStarted { session, ..started });
    }

    fn message(&mut self, props: &Value, emit: &mut Emit<'_>) {
        let info = props.at("info");
        let users = info.text("role") == "user";
        if self.messages.len() >= MAX_KNOWN {
            self.messages.clear();
        }
        let known = self.messages.insert(info.text("id").to_owned(), users).is_some();
        if users {
            return;
        }
        if !known && !emit.turn_open() {
            let model = info.opt_text("modelID").map(Into::into);
            let cwd = info.at("path").opt_text("cwd").map(Into::into);
            self.start(TurnStarted { model, cwd, ..TurnStarted::default() }, emit);
        }
        if let Some(error) = info.non_null("error") {
            emit.status("error", &why(error).message, error.clone());
        }
    }

    fn known(&mut self, id: &str) -> &mut Part {
        if self.parts.len() >= MAX_KNOWN && !self.parts.contains_key(id) {
            self.parts.clear();
        }
        self.parts.entry(id.to_owned()).or_default()
    }

    fn delta(&mut self, props: &Value, emit: &mut Emit<'_>) {
        let (id, field) = (props.text("partID"), props.text("field"));
        if field != "text" || self.messages.get(props.text("messageID")) == Some(&true) {
            return emit.status("progress", &format!("a piece of {field:?}"), props.clone());
        }
        let delta = str_at(props, "delta", emit);
        let part = self.known(id);
        if !part.done {
            let text = text(part.kind.unwrap_or(TextKind::Answer), id);
            part.streamed.delta(&text, delta, emit);
        }
    }

    fn part(&mut self, part: &Value, emit: &mut Emit<'_>) {
        let (type_, id, status) =
            (part.text("type"), part.text("id"), part.at("state").text("status"));
        let users = self.messages.get(part.text("messageID")) == Some(&true);
        match (type_, part.opt_text("text")) {
            ("text", Some(prompt)) if users => emit.user(prompt),
            ("text" | "reasoning", Some(whole)) => self.whole(part, whole, emit),
            ("step-start", _) => {}
            ("tool", _) if status == "pending" => {}
            ("tool", _) => {
                let done = matches!(status, "completed" | "error");
                if emit.turn_open() || !done {
                    start_tool(part, emit);
                }
                if done && !std::mem::replace(&mut self.known(id).done, true) {
                    finish_tool(part, emit);
                }
            }
            ("step-finish", _) => {
                if !std::mem::replace(&mut self.known(id).done, true) {
                    step(part, &mut self.spent, emit);
                    self.reason = part.owned("reason");
                }
            }
            _ => emit.status("info", &format!("part of type {type_:?}"), part.clone()),
        }
    }

    /// A text so far; with an end time it is whole.
    fn whole(&mut self, part: &Value, whole: &str, emit: &mut Emit<'_>) {
        let text = text(text_kind(part.text("type")), part.text("id"));
        let known = self.known(text.key);
        known.kind = Some(text.kind);
        if known.done {
            return;
        }
        if part.at("time").non_null("end").is_some() {
            known.done = true;
            return std::mem::take(&mut known.streamed).confirm(&text, whole, emit);
        }
        if known.streamed.is("") || known.streamed.begins(whole) {
            known.streamed.grow(&text, whole, emit);
        }
    }

    fn idle(&mut self, props: &Value, emit: &mut Emit<'_>) {
        if !emit.turn_open() {
            return emit.status("session", "idle", props.clone());
        }
        let reason = self.reason.take();
        let spent = std::mem::take(&mut self.spent);
        emit.complete(reason.as_deref().unwrap_or("idle"), None, &spent);
    }
}

/// The events `session.next.*` of newer servers, with steps, texts and tools that begin, go on and end (@opencode-ai/sdk 1.19).
impl Server {
    /// Takes an event by its name behind `session.next.`; `false` if it is of an unknown kind.
    fn next(&mut self, kind: &str, props: &Value, emit: &mut Emit<'_>) -> bool {
        if let Some(session) = props.opt_text("sessionID") {
            self.session = Some(session.to_owned());
        }
        let id = props.opt_text("textID").unwrap_or(props.text("reasoningID"));
        let block = text(text_kind(kind), id);
        match kind {
            "prompted" | "step.started" => self.begin(props, emit),
            "text.delta" | "reasoning.delta" => emit.delta(&block, props.text("delta")),
            "text.ended" | "reasoning.ended" => emit.finish_block(&block, props.opt_text("text")),
            "text.started" | "reasoning.started" => {}
            "tool.input.started" | "tool.input.delta" | "tool.input.ended" => {}
            "tool.called" => {
                emit.tool(props.text("callID"), props.text("tool"), props.get("input"));
            }
            "tool.success" | "tool.failed" | "tool.error" => {
                let result = props.at("structured");
                let exit_code = result.i64("exit").or(result.i64("exitCode"));
                let ok = kind == "tool.success" && matches!(exit_code, None | Some(0));
                let error = props.get("error").filter(|_| !ok).map(|error| why(error).message);
                let content = || plain(props.at("content"));
                emit.finish_tool(&Done {
                    id: props.text("callID"),
                    name: props.text("tool"),
                    outcome: if ok { "ok" } else { "error" },
                    output: Some(&error.map_or_else(content, Value::from)),
                    exit_code,
                    ..Done::default()
                });
            }
            "step.ended" => {
                step(props, &mut self.spent, emit);
                self.reason = props.owned("finish");
            }
            "step.failed" => fail(props.get("error").unwrap_or(props), &mut self.spent, emit),
            "retried" => emit.status("retry", "", props.clone()),
            _ if kind.starts_with("compaction") => emit.status("compaction", kind, props.clone()),
            _ => return false,
        }
        true
    }

    fn begin(&mut self, props: &Value, emit: &mut Emit<'_>) {
        let prompt = props.at("prompt").opt_text("text");
        if emit.turn_open() {
            return prompt.into_iter().for_each(|prompt| emit.user(prompt));
        }
        let started = TurnStarted {
            model: props.at("model").opt_text("id").map(Into::into),
            prompt: prompt.map(Into::into),
            agent: props.opt_text("agent").map(Into::into),
            ..TurnStarted::default()
        };
        self.start(started, emit);
    }
}
