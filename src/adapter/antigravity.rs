//! Antigravity's CLI: `agy --output-format json -p PROMPT`, one JSON document when it exits, and its stream-json, whose
//! `result` repeats the texts before it.
//!
//! Source: a recording of the document; of the stream only reports exist, so its messages are read by what they hold.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "antigravity",
    aliases: &["agy"],
    versions: "a print capture of 2026",
    about: "Antigravity CLI, json",
    usage: "agy --output-format json -p PROMPT",
    commands: &["agy", "antigravity"],
    flags: &["--output-format"],
    keys: "action conversation_id denied_actions duration_seconds response thinking_tokens",
    has_result: true,
    detect,
    framing: Framing::Lines,
    new: |_| Box::new(Antigravity::default()),
};

const ANSWER: Text<'_> = Text { key: "response", kind: TextKind::Answer, parent: None };

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    let status = text_at(value, "status").is_some() && (has("response") || has("error"));
    if has("conversation_id") && status { Match::Sure } else { Match::No }
}

#[derive(Default)]
struct Antigravity {
    said: Said,
}

impl Runtime for Antigravity {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        let type_ = text_at(&value, "type").unwrap_or_default();
        let result = value.get("result").filter(|r| r.is_object()).unwrap_or(&value);
        let piece = ["text", "delta", "data"];
        let piece = piece.iter().find_map(|key| text_at(&value, key));
        match (type_, piece) {
            ("text_delta", Some(delta)) => self.said.delta(&ANSWER, delta, emit),
            ("" | "result", _) if text_at(result, "status").is_some() => {
                if emit.over() && type_ == "result" {
                    emit.status("log", "the turn had ended already", value);
                } else {
                    self.result(result, emit);
                }
            }
            _ => {
                let message = format!("message of type {type_:?}");
                emit.status("info", &message, value);
            }
        }
    }
}

impl Antigravity {
    fn result(&mut self, value: &Value, emit: &mut Emit<'_>) {
        let text = |key| text_at(value, key).unwrap_or_default();
        if !emit.turn_open() {
            let started = TurnStarted {
                runtime: "antigravity".into(),
                session: text_at(value, "conversation_id").map(Into::into),
                ..TurnStarted::default()
            };
            emit.start_turn(&started);
        }
        let denied = value.get("denied_actions").and_then(Value::as_array);
        if let Some(denied) = denied.filter(|d| !d.is_empty()) {
            let message = format!("denied tool calls: {}", denied.len());
            let data = serde_json::json!({"denied_actions": denied});
            emit.status("permission", &message, data);
        }
        let said = std::mem::take(&mut self.said);
        let response = said_at(value, "response", emit);
        if !response.is_empty() {
            said.confirm(&ANSWER, response, emit);
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
                emit.complete(text("status"), None, &spent);
            }
            "CANCELLED" | "CANCELED" => emit.cancelled(text("status"), None, &spent),
            status => {
                let message = one_line(error.unwrap_or_default());
                emit.fail(failure(&message, status, None), &spent);
            }
        }
    }
}
