//! The events of opencode's server: parts of messages, each said in deltas and again as a whole, until the session is idle.

use super::super::prelude::*;
use std::collections::HashMap;

use super::{Run, finish_tool, properties, start_tool, text_kind, why};

/// How many messages and parts are remembered; past that all are forgotten.
const MAX_KNOWN: usize = 4096;

/// A session of the server.
#[derive(Default)]
pub(super) struct Server {
    /// Its id, once that is known.
    pub session: Option<String>,
    /// The costs of its turn.
    pub run: Run,
    /// The messages, each with `true` if it is the user's.
    messages: HashMap<String, bool>,
    parts: HashMap<String, Part>,
    /// Why the last step ended.
    pub reason: Option<String>,
}

/// A part of a message.
#[derive(Default)]
struct Part {
    /// Its kind; a text until the part itself has come.
    kind: Option<TextKind>,
    said: StreamedText,
    /// Its end was said, or its step counted.
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
                error => self.run.fail(error, emit),
            },
            "session.compacted" => emit.status("compaction", "", props.clone()),
            "todo.updated" => emit.status("plan", "", props.clone()),
            t if t.starts_with("permission.") => emit.status("permission", t, props.clone()),
            t if t.starts_with("server.") => emit.status("info", t, props.clone()),
            t if t.starts_with("session.") => emit.status("session", t, props.clone()),
            t => emit.other(t, event),
        }
    }

    /// Opens a turn of the session.
    pub(super) fn start(&mut self, started: TurnStarted<'_>, emit: &mut Emit<'_>) {
        self.run.spent = UsageAndCost::default();
        self.reason = None;
        let (runtime, session) = (super::SPEC.name.into(), self.session.as_deref().map(Into::into));
        emit.start_turn(&TurnStarted { runtime, session, ..started });
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

    /// The part with this id.
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
        if !part.done && !delta.is_empty() {
            let text = text(part.kind.unwrap_or(TextKind::Answer), id);
            part.said.delta(&text, delta, emit);
        }
    }

    fn part(&mut self, part: &Value, emit: &mut Emit<'_>) {
        let (type_, id, status) =
            (part.text("type"), part.text("id"), part.at("state").text("status"));
        let users = self.messages.get(part.text("messageID")) == Some(&true);
        match (type_, part.opt_text("text")) {
            ("text", Some(said)) if users => emit.user(said),
            ("text" | "reasoning", Some(said)) => self.whole(part, said, emit),
            ("step-start", _) => {}
            ("tool", _) if status == "pending" => {}
            ("tool", _) => {
                // A tool closes the texts before it.
                self.parts.values_mut().for_each(|part| part.said.close());
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
                    self.run.step(part, emit);
                    self.reason = part.opt_text("reason").map(str::to_owned);
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
            return std::mem::take(&mut known.said).confirm(&text, whole, emit);
        }
        let missing = known.said.missing(whole).into_owned();
        if !missing.is_empty() {
            known.said.delta(&text, &missing, emit);
        }
    }

    fn idle(&mut self, props: &Value, emit: &mut Emit<'_>) {
        if !emit.turn_open() {
            return emit.status("session", "idle", props.clone());
        }
        let reason = self.reason.take();
        let spent = std::mem::take(&mut self.run.spent);
        emit.complete(reason.as_deref().unwrap_or("idle"), None, &spent);
        // What the server still repeats of them is nothing new.
        self.parts.values_mut().for_each(|part| part.said.close());
    }
}
