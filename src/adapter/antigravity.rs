//! Antigravity's CLI: `agy --output-format json -p PROMPT`, one JSON document when it exits, and its stream-json, whose
//! `result` repeats the texts before it.
//!
//! Source: a recording of the document; of the stream only reports exist, so its messages are read by what they hold.

use serde_json::Value;

use super::json::{Documents, failure, over, usage};
use super::{Adapter, Framing, Line, Match, Said, Spec, one_line, said_at, say_status, text_at};
use crate::event::{Spent, TurnStarted};
use crate::guard::{Ended, Guard, Text, TextKind, Verdict};
use crate::time::Time;

pub(super) const SPEC: Spec = Spec {
    name: "antigravity",
    aliases: &["agy"],
    versions: "a print capture of 2026",
    about: "Antigravity CLI, json",
    usage: "agy --output-format json -p PROMPT",
    commands: &["agy", "antigravity"],
    flags: &["--output-format"],
    has_result: true,
    detect,
    new: |_| Box::new(Antigravity { documents: Documents::new(), turn: Turn::default() }),
};

const ANSWER: Text<'_> = Text { key: "response", kind: TextKind::Answer, parent: None };

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    let status = text_at(value, "status").is_some() && (has("response") || has("error"));
    if has("conversation_id") && status {
        Match::Sure
    } else if has("conversation_id") && text_at(value, "type").is_some() {
        Match::Maybe
    } else {
        Match::No
    }
}

struct Antigravity {
    documents: Documents,
    turn: Turn,
}

#[derive(Default)]
struct Turn {
    said: Said,
}

impl Adapter for Antigravity {
    fn framing(&self) -> Framing {
        Framing::Chunks
    }

    fn on_line(&mut self, now: Time, line: Line<'_>, guard: &mut Guard) {
        let turn = &mut self.turn;
        self.documents.feed(now, line.bytes, guard, |value, guard| {
            turn.value(now, value, guard);
        });
    }

    fn on_end(&mut self, now: Time, _: Ended, guard: &mut Guard) -> Verdict {
        let turn = &mut self.turn;
        self.documents.end(now, guard, |value, guard| {
            turn.value(now, value, guard);
        });
        Verdict::MissingResult
    }
}

impl Turn {
    fn value(&mut self, now: Time, value: Value, guard: &mut Guard) {
        let type_ = text_at(&value, "type").unwrap_or_default();
        let result = value.get("result").filter(|r| r.is_object()).unwrap_or(&value);
        let piece = ["text", "delta", "data"];
        let piece = piece.iter().find_map(|key| text_at(&value, key));
        match (type_, piece) {
            ("text_delta", Some(delta)) => self.said.delta(now, &ANSWER, delta, guard),
            ("" | "result", _) if text_at(result, "status").is_some() => {
                if over(guard) && type_ == "result" {
                    say_status(now, guard, "log", "the turn had ended already", value);
                } else {
                    self.result(now, result, guard);
                }
            }
            _ => {
                let message = format!("message of type {type_:?}");
                say_status(now, guard, "info", &message, value);
            }
        }
    }

    fn result(&mut self, now: Time, value: &Value, guard: &mut Guard) {
        let text = |key| text_at(value, key).unwrap_or_default();
        if !guard.turn_open() {
            let started = TurnStarted {
                runtime: "antigravity".into(),
                session: text_at(value, "conversation_id").map(Into::into),
                ..TurnStarted::default()
            };
            guard.start_turn(now, &started);
        }
        let denied = value.get("denied_actions").and_then(Value::as_array);
        if let Some(denied) = denied.filter(|d| !d.is_empty()) {
            let message = format!("denied tool calls: {}", denied.len());
            let data = serde_json::json!({"denied_actions": denied});
            say_status(now, guard, "permission", &message, data);
        }
        let said = std::mem::take(&mut self.said);
        let response = said_at(now, value, "response", guard);
        if !response.is_empty() {
            said.confirm(now, &ANSWER, response, guard);
        }
        let seconds = value.get("duration_seconds").and_then(Value::as_f64);
        let spent = Spent {
            usage: value.get("usage").and_then(usage),
            // Rust's casts saturate, so no number is too large.
            duration_ms: seconds.map(|s| (s * 1000.0).round() as u64),
            ..Spent::default()
        };
        let error = value.get("error").filter(|e| !e.is_null());
        let error = error.map(|e| e.as_str().or(text_at(e, "message")).unwrap_or_default());
        match text("status") {
            "SUCCESS" | "success" if error.is_none_or(str::is_empty) => {
                guard.complete(now, text("status"), None, &spent);
            }
            "CANCELLED" | "CANCELED" => guard.cancelled(now, text("status"), None, &spent),
            status => {
                let message = one_line(error.unwrap_or_default());
                guard.fail(now, failure(&message, status, None), &spent);
            }
        }
    }
}
