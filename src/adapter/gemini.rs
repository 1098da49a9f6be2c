//! Gemini CLI: `gemini -p PROMPT --output-format stream-json`. Text comes in deltas alone, so a block ends where a tool
//! begins or the turn ends; thinking is never printed.
//!
//! Source: the unit-test snapshots of gemini-cli and `packages/core/src/output/types.ts`.

use serde_json::Value;

use super::json::{Call, Done, failure, finish_tool, over, start_tool, usage};
use super::{
    Adapter, Calls, Line, Match, Spec, lines_of, one_line, say_status, text_at, user_said,
};
use crate::event::{Spent, TurnStarted};
use crate::guard::{Ended, Guard, Text, TextKind, Verdict};
use crate::time::Time;

pub(super) const SPEC: Spec = Spec {
    name: "gemini",
    aliases: &["gemini-cli"],
    versions: "0.45 and its own snapshots",
    about: "Gemini CLI, stream-json",
    usage: "gemini -p PROMPT --output-format stream-json",
    commands: &["gemini"],
    flags: &["stream-json"],
    has_result: true,
    detect,
    new: |_| Box::new(Gemini::default()),
};

const ANSWER: Text<'_> = Text { key: "message", kind: TextKind::Answer, parent: None };

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    if text_at(value, "timestamp").is_none() {
        return Match::No;
    }
    let sure = match text_at(value, "type").unwrap_or_default() {
        "init" => has("session_id") && has("model"),
        "message" => has("role") && text_at(value, "content").is_some(),
        "tool_use" => has("tool_name") && has("tool_id"),
        "tool_result" => has("tool_id") && has("status"),
        "result" => has("status") && (has("stats") || has("error")),
        "error" if has("message") && !has("data") && !has("sessionID") => return Match::Maybe,
        _ => false,
    };
    if sure { Match::Sure } else { Match::No }
}

#[derive(Default)]
struct Gemini {
    calls: Calls,
}

impl Adapter for Gemini {
    fn on_line(&mut self, now: Time, line: Line<'_>, guard: &mut Guard) {
        lines_of(now, line, guard, |value, guard| {
            self.value(now, value, guard);
        });
    }

    fn on_end(&mut self, _: Time, _: Ended, _: &mut Guard) -> Verdict {
        Verdict::MissingResult
    }
}

impl Gemini {
    fn value(&mut self, now: Time, value: Value, guard: &mut Guard) {
        let text = |key| text_at(&value, key).unwrap_or_default();
        match (text("type"), text("role")) {
            ("init", _) => {
                let started = TurnStarted {
                    runtime: "gemini".into(),
                    model: text_at(&value, "model").map(Into::into),
                    session: text_at(&value, "session_id").map(Into::into),
                    ..TurnStarted::default()
                };
                guard.start_turn(now, &started);
            }
            ("message", "assistant") if text_at(&value, "content").is_some() => {
                if value.get("delta").and_then(Value::as_bool) == Some(true) {
                    guard.delta(now, &ANSWER, text("content"));
                } else {
                    guard.finish_block(now, &ANSWER, None);
                    guard.finish_block(now, &ANSWER, Some(text("content")));
                }
            }
            ("message", "user") => user_said(now, guard, text("content")),
            ("tool_use", _) => {
                let call = Call {
                    id: text("tool_id"),
                    name: text("tool_name"),
                    input: value.get("parameters"),
                    ..Call::default()
                };
                start_tool(now, &call, &mut self.calls, guard);
            }
            ("tool_result", _) => {
                let error = value.pointer("/error/message");
                let ok = text("status") == "success";
                let done = Done {
                    id: text("tool_id"),
                    name: text("tool_name"),
                    outcome: if ok { "ok" } else { "error" },
                    output: error
                        .or_else(|| value.get("error"))
                        .filter(|_| !ok)
                        .or(value.get("output")),
                    ..Done::default()
                };
                finish_tool(now, &done, &mut self.calls, guard);
            }
            ("error", _) => {
                let kind = if text("severity") == "warning" { "warning" } else { "error" };
                let message = one_line(text("message"));
                say_status(now, guard, kind, &message, value);
            }
            ("result", _) if over(guard) => {
                say_status(now, guard, "log", "the turn had ended already", value);
            }
            ("result", _) => result(now, &value, guard),
            (type_, _) => {
                let message = format!("message of type {type_:?}");
                say_status(now, guard, "info", &message, value);
            }
        }
    }
}

/// Ends the turn. An error that was reported before does not count where the result says success.
fn result(now: Time, value: &Value, guard: &mut Guard) {
    let stats = value.get("stats").unwrap_or(&Value::Null);
    let models = stats.get("models").and_then(Value::as_object);
    if models.is_some_and(|m| !m.is_empty()) {
        say_status(now, guard, "usage", "", stats.clone());
    }
    let spent = Spent {
        usage: usage(stats),
        duration_ms: stats.get("duration_ms").and_then(Value::as_u64),
        ..Spent::default()
    };
    let status = text_at(value, "status").unwrap_or_default();
    let error = value.get("error").unwrap_or(&Value::Null);
    let kind = text_at(error, "type").unwrap_or_default();
    if status == "success" && error.is_null() {
        guard.complete(now, status, None, &spent);
    } else if kind.contains("Cancel") {
        guard.cancelled(now, kind, None, &spent);
    } else {
        let message = error.as_str().or_else(|| text_at(error, "message"));
        let code = error.get("code").and_then(Value::as_u64);
        let message = message.unwrap_or_default();
        guard.fail(now, failure(message, kind, code), &spent);
    }
}
