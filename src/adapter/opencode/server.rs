//! The events of opencode's server: parts of messages, each said in deltas and again as a whole, until the session is idle.

use super::super::prelude::*;
use std::collections::HashMap;

use super::{Run, properties, text, why};

/// How many messages and parts are remembered; past that all are forgotten.
const MAX_KNOWN: usize = 4096;

/// What is known of a session that the server tells about.
#[derive(Default)]
pub(super) struct Server {
    /// Its id, once that is known.
    pub session: Option<String>,
    /// The role of every message.
    roles: HashMap<String, Role>,
    parts: HashMap<String, Part>,
    /// Why the last step ended.
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    User,
    Assistant,
}

/// A part of a message.
struct Part {
    kind: TextKind,
    said: Said,
    /// Its end was said, or its step counted.
    done: bool,
}

impl Server {
    /// Says what an event says.
    pub(super) fn event(&mut self, event: &Value, run: &mut Run, emit: &mut Emit<'_>) {
        let type_ = event.text("type");
        let props = properties(event);
        if let Some(kind) = type_.strip_prefix("session.next.")
            && self.next(kind, props, run, emit)
        {
            return;
        }
        match type_ {
            "message.updated" => self.message(props, run, emit),
            "message.part.delta" => self.delta(props, emit),
            "message.part.updated" => self.part(props, run, emit),
            "session.idle" => self.idle(props, run, emit),
            "session.status" => {
                let state = props.pointer("/status/type").and_then(Value::as_str);
                match state.unwrap_or_default() {
                    "idle" => self.idle(props, run, emit),
                    "retry" => emit.status("retry", "", props.clone()),
                    state => emit.status("progress", state, props.clone()),
                }
            }
            "session.error" => {
                let error = props.get("error").unwrap_or(props);
                if emit.turn_open() || emit.turns() == 0 {
                    run.fail(error, emit);
                } else {
                    let message = why(error).message;
                    emit.status("error", &message, props.clone());
                }
            }
            "session.compacted" => emit.status("compaction", "", props.clone()),
            "todo.updated" => emit.status("plan", "", props.clone()),
            t if t.starts_with("permission.") => {
                emit.status("permission", t, props.clone());
            }
            t if t.starts_with("server.") => emit.status("info", t, props.clone()),
            t if t.starts_with("session.") => emit.status("session", t, props.clone()),
            t => {
                let message = format!("message of type {t:?}");
                emit.status("info", &message, event.clone());
            }
        }
    }

    fn message(&mut self, props: &Value, run: &mut Run, emit: &mut Emit<'_>) {
        let info = props.at("info");
        let id = info.text("id");
        let role = match info.opt_text("role") {
            Some("user") => Role::User,
            _ => Role::Assistant,
        };
        if self.roles.len() >= MAX_KNOWN {
            self.roles.clear();
        }
        let known = self.roles.insert(id.to_owned(), role).is_some();
        if role == Role::User {
            return;
        }
        if !known && !emit.turn_open() {
            let text = |key| info.opt_text(key).map(Into::into);
            run.spent = Spent::default();
            self.reason = None;
            let cwd = info.pointer("/path/cwd").and_then(Value::as_str);
            emit.start_turn(&TurnStarted {
                runtime: "opencode".into(),
                model: text("modelID"),
                session: self.session.as_deref().map(Into::into),
                cwd: cwd.map(Into::into),
                ..TurnStarted::default()
            });
        }
        if let Some(error) = info.non_null("error") {
            let message = why(error).message;
            emit.status("error", &message, error.clone());
        }
    }

    /// The part with this id; new ones are texts until they say what they are.
    fn known(&mut self, id: &str) -> &mut Part {
        if self.parts.len() >= MAX_KNOWN && !self.parts.contains_key(id) {
            self.parts.clear();
        }
        self.parts.entry(id.to_owned()).or_insert_with(|| Part {
            kind: TextKind::Answer,
            said: Said::default(),
            done: false,
        })
    }

    fn role(&self, message: &str) -> Role {
        self.roles.get(message).copied().unwrap_or(Role::Assistant)
    }

    fn delta(&mut self, props: &Value, emit: &mut Emit<'_>) {
        let get = |key| props.text(key);
        let mine = self.role(get("messageID")) == Role::Assistant && get("field") == "text";
        if !mine {
            let message = format!("a piece of {:?}", get("field"));
            emit.status("progress", &message, props.clone());
            return;
        }
        let delta = said_at(props, "delta", emit);
        let part = self.known(get("partID"));
        let text = Text { key: get("partID"), kind: part.kind, parent: None };
        if !part.done && !delta.is_empty() {
            part.said.delta(&text, delta, emit);
        }
    }

    fn part(&mut self, props: &Value, run: &mut Run, emit: &mut Emit<'_>) {
        let part = props.at("part");
        let id = part.text("id");
        let said = part.opt_text("text");
        let role = self.role(part.text("messageID"));
        match (part.text("type"), said) {
            ("text", Some(said)) if role == Role::User => emit.user(said),
            ("text", Some(said)) => self.whole(part, (TextKind::Answer, said), emit),
            ("reasoning", Some(said)) => {
                self.whole(part, (TextKind::Reasoning, said), emit);
            }
            ("tool", _) => {
                let status = part.pointer("/state/status").and_then(Value::as_str);
                let status = status.unwrap_or_default();
                if status == "pending" {
                    return;
                }
                // A tool closes the texts before it.
                for part in self.parts.values_mut() {
                    part.said.close();
                }
                let done = matches!(status, "completed" | "error");
                if emit.turn_open() || !done {
                    run.start_tool(part, emit);
                }
                if done && !std::mem::replace(&mut self.known(id).done, true) {
                    run.finish_tool(part, emit);
                }
            }
            ("step-finish", _) => {
                if !std::mem::replace(&mut self.known(id).done, true) {
                    run.step(part, emit);
                    self.reason = part.opt_text("reason").map(str::to_owned);
                }
            }
            ("step-start", _) => {}
            (type_, _) => {
                let message = format!("part of type {type_:?}");
                emit.status("info", &message, part.clone());
            }
        }
    }

    /// A text so far; with an end time it is whole.
    fn whole(&mut self, part: &Value, (kind, whole): (TextKind, &str), emit: &mut Emit<'_>) {
        let ended = part.pointer("/time/end").is_some_and(|t| !t.is_null());
        let text = text(part, kind);
        let known = self.known(text.key);
        known.kind = kind;
        if known.done {
            return;
        }
        if ended {
            known.done = true;
            std::mem::take(&mut known.said).confirm(&text, whole, emit);
        } else if known.said.begins(whole) || known.said.is_empty() {
            let missing = known.said.missing(whole).into_owned();
            if !missing.is_empty() {
                known.said.delta(&text, &missing, emit);
            }
        }
    }

    fn idle(&mut self, props: &Value, run: &mut Run, emit: &mut Emit<'_>) {
        if emit.turn_open() {
            let reason = self.reason.take();
            run.complete(reason.as_deref().unwrap_or("idle"), emit);
            // What the server still repeats of them is nothing new.
            for part in self.parts.values_mut() {
                part.said.close();
            }
        } else {
            emit.status("session", "idle", props.clone());
        }
    }
}
