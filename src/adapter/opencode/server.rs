//! The events of opencode's server: parts of messages, each said in deltas and again as a whole, until the session is idle.

use std::collections::HashMap;

use serde_json::Value;

use super::super::said_at;
use super::{Run, Said, say_status, text, text_at, why};
use crate::event::TurnStarted;
use crate::guard::{Guard, Text, TextKind};
use crate::time::Time;

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
    reason: Option<String>,
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
    pub(super) fn event(&mut self, now: Time, event: &Value, run: &mut Run, guard: &mut Guard) {
        let type_ = text_at(event, "type").unwrap_or_default();
        let props = event.get("properties").unwrap_or(&Value::Null);
        match type_ {
            "message.updated" => self.message(now, props, run, guard),
            "message.part.delta" => self.delta(now, props, guard),
            "message.part.updated" => self.part(now, props, run, guard),
            "session.idle" => self.idle(now, props, run, guard),
            "session.status" => {
                let state = props.pointer("/status/type").and_then(Value::as_str);
                match state.unwrap_or_default() {
                    "idle" => self.idle(now, props, run, guard),
                    "retry" => say_status(now, guard, "retry", "", props.clone()),
                    state => say_status(now, guard, "progress", state, props.clone()),
                }
            }
            "session.error" => {
                let error = props.get("error").unwrap_or(props);
                if guard.turn_open() || guard.turns() == 0 {
                    run.fail(now, error, guard);
                } else {
                    let message = why(error).message;
                    say_status(now, guard, "error", &message, props.clone());
                }
            }
            "session.compacted" => say_status(now, guard, "compaction", "", props.clone()),
            "todo.updated" => say_status(now, guard, "plan", "", props.clone()),
            t if t.starts_with("permission.") => {
                say_status(now, guard, "permission", t, props.clone());
            }
            t if t.starts_with("server.") => say_status(now, guard, "info", t, props.clone()),
            t if t.starts_with("session.") => say_status(now, guard, "session", t, props.clone()),
            t => {
                let message = format!("message of type {t:?}");
                say_status(now, guard, "info", &message, event.clone());
            }
        }
    }

    fn message(&mut self, now: Time, props: &Value, run: &mut Run, guard: &mut Guard) {
        let info = props.get("info").unwrap_or(&Value::Null);
        let id = text_at(info, "id").unwrap_or_default();
        let role = match text_at(info, "role") {
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
        if !known && !guard.turn_open() {
            let text = |key| text_at(info, key).map(Into::into);
            run.spent = crate::event::Spent::default();
            self.reason = None;
            let cwd = info.pointer("/path/cwd").and_then(Value::as_str);
            let started = TurnStarted {
                runtime: "opencode".into(),
                model: text("modelID"),
                session: self.session.as_deref().map(Into::into),
                cwd: cwd.map(Into::into),
                ..TurnStarted::default()
            };
            guard.start_turn(now, &started);
        }
        if let Some(error) = info.get("error").filter(|e| !e.is_null()) {
            let message = why(error).message;
            say_status(now, guard, "error", &message, error.clone());
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

    fn delta(&mut self, now: Time, props: &Value, guard: &mut Guard) {
        let get = |key| text_at(props, key).unwrap_or_default();
        let mine = self.role(get("messageID")) == Role::Assistant && get("field") == "text";
        if !mine {
            let message = format!("a piece of {:?}", get("field"));
            say_status(now, guard, "progress", &message, props.clone());
            return;
        }
        let delta = said_at(now, props, "delta", guard);
        let part = self.known(get("partID"));
        let text = Text { key: get("partID"), kind: part.kind, parent: None };
        if !part.done && !delta.is_empty() {
            part.said.delta(now, &text, delta, guard);
        }
    }

    fn part(&mut self, now: Time, props: &Value, run: &mut Run, guard: &mut Guard) {
        let part = props.get("part").unwrap_or(&Value::Null);
        let id = text_at(part, "id").unwrap_or_default();
        let said = text_at(part, "text");
        let role = self.role(text_at(part, "messageID").unwrap_or_default());
        match (text_at(part, "type").unwrap_or_default(), said) {
            ("text", Some(said)) if role == Role::User => super::super::user_said(now, guard, said),
            ("text", Some(said)) => self.whole(now, part, (TextKind::Answer, said), guard),
            ("reasoning", Some(said)) => {
                self.whole(now, part, (TextKind::Reasoning, said), guard);
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
                if guard.turn_open() || !done {
                    run.start_tool(now, part, guard);
                }
                if done && !std::mem::replace(&mut self.known(id).done, true) {
                    run.finish_tool(now, part, guard);
                }
            }
            ("step-finish", _) => {
                if !std::mem::replace(&mut self.known(id).done, true) {
                    run.step(part, guard);
                    self.reason = text_at(part, "reason").map(str::to_owned);
                }
            }
            ("step-start", _) => {}
            (type_, _) => {
                let message = format!("part of type {type_:?}");
                say_status(now, guard, "info", &message, part.clone());
            }
        }
    }

    /// A text so far; with an end time it is whole.
    fn whole(
        &mut self,
        now: Time,
        part: &Value,
        (kind, whole): (TextKind, &str),
        guard: &mut Guard,
    ) {
        let ended = part.pointer("/time/end").is_some_and(|t| !t.is_null());
        let text = text(part, kind);
        let known = self.known(text.key);
        known.kind = kind;
        if known.done {
            return;
        }
        if ended {
            known.done = true;
            std::mem::take(&mut known.said).confirm(now, &text, whole, guard);
        } else if known.said.begins(whole) || known.said.is_empty() {
            let missing = known.said.missing(whole).into_owned();
            if !missing.is_empty() {
                known.said.delta(now, &text, &missing, guard);
            }
        }
    }

    fn idle(&mut self, now: Time, props: &Value, run: &mut Run, guard: &mut Guard) {
        if guard.turn_open() {
            let reason = self.reason.take();
            run.complete(now, reason.as_deref().unwrap_or("idle"), guard);
            // What the server still repeats of them is nothing new.
            for part in self.parts.values_mut() {
                part.said.close();
            }
        } else {
            say_status(now, guard, "session", "idle", props.clone());
        }
    }
}
