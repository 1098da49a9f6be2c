//! Cursor's agent: `cursor-agent -p --output-format stream-json`, with or without `--stream-partial-output`. With it a
//! text comes in pieces and again as a whole, and only the fields beside it tell which is which.
//!
//! Source: RUNTIMES' captures; no recording of the partial mode exists, so a whole that does not continue what was streamed
//! is taken for a text of its own.

use serde_json::Value;

use super::json::{
    Call, Done, arguments, failure, finish_tool, open_turn, over, start_tool, usage,
};
use super::{Adapter, Calls, Line, Match, Said, Spec, lines_of, say_status, text_at, user_said};
use crate::event::Spent;
use crate::guard::{Ended, Guard, Text, TextKind, Verdict};
use crate::time::Time;

pub(super) const SPEC: Spec = Spec {
    name: "cursor",
    aliases: &["cursor-agent"],
    versions: "by reports",
    about: "Cursor's agent, stream-json",
    usage: "cursor-agent -p PROMPT --output-format stream-json --stream-partial-output",
    commands: &["cursor-agent"],
    flags: &["stream-json"],
    has_result: true,
    detect,
    new: |_| Box::new(Cursor::default()),
};

const ANSWER: Text<'_> = Text { key: "assistant", kind: TextKind::Answer, parent: None };

const THINKING: Text<'_> = Text { key: "thinking", kind: TextKind::Reasoning, parent: None };

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    if !has("session_id") {
        return Match::No;
    }
    let subtype = text_at(value, "subtype").unwrap_or_default();
    let sure = match text_at(value, "type").unwrap_or_default() {
        "system" => subtype == "init" && has("apiKeySource") && !has("tools"),
        "thinking" => matches!(subtype, "delta" | "completed"),
        "tool_call" => matches!(subtype, "started" | "completed") && has("call_id"),
        "assistant" if has("model_call_id") || has("timestamp_ms") => true,
        "assistant" | "user" if has("message") && !has("uuid") => return Match::Maybe,
        "result" => has("request_id") && !has("num_turns"),
        _ => false,
    };
    if sure { Match::Sure } else { Match::No }
}

#[derive(Default)]
struct Cursor {
    calls: Calls,
    /// What was streamed since the last whole text.
    said: Said,
    /// A tool has begun since.
    border: bool,
}

impl Adapter for Cursor {
    fn on_line(&mut self, now: Time, line: Line<'_>, guard: &mut Guard) {
        lines_of(now, line, guard, |value, guard| {
            self.value(now, value, guard);
        });
    }

    fn on_end(&mut self, _: Time, _: Ended, _: &mut Guard) -> Verdict {
        Verdict::MissingResult
    }
}

impl Cursor {
    fn value(&mut self, now: Time, value: Value, guard: &mut Guard) {
        let text = |key| text_at(&value, key).unwrap_or_default();
        match (text("type"), text("subtype")) {
            ("system", "init") => open_turn(now, SPEC.name, &value, guard),
            ("user", _) => {
                if let Some(said) = said(&value) {
                    user_said(now, guard, &said);
                }
            }
            ("thinking", "delta") => guard.delta(now, &THINKING, text("text")),
            ("thinking", "completed") => guard.finish_block(now, &THINKING, None),
            ("assistant", _) if said(&value).is_some() => {
                let whole = said(&value).unwrap_or_default();
                let piece =
                    value.get("timestamp_ms").filter(|_| value.get("model_call_id").is_none());
                let piece = piece.map_or(Piece::Whole, |_| Piece::Delta);
                self.assistant(now, &whole, piece, guard);
            }
            ("tool_call", "started" | "completed") => self.tool(now, &value, guard),
            ("result", _) if over(guard) => {
                say_status(now, guard, "log", "the turn had ended already", value);
            }
            ("result", subtype) => {
                self.said = Said::default();
                result(now, subtype, &value, guard);
            }
            (type_, subtype) => {
                let message = format!("message of type {type_:?} {subtype}");
                say_status(now, guard, "info", message.trim_end(), value);
            }
        }
    }

    fn assistant(&mut self, now: Time, text: &str, piece: Piece, guard: &mut Guard) {
        if piece == Piece::Delta {
            if std::mem::take(&mut self.border) {
                self.said = Said::default();
            }
            self.said.delta(now, &ANSWER, text, guard);
            return;
        }
        let mut said = std::mem::take(&mut self.said);
        if said.begins(text) {
            said.confirm(now, &ANSWER, text, guard);
        } else {
            said.stop(now, &ANSWER, guard);
            guard.finish_block(now, &ANSWER, Some(text));
        }
    }

    fn tool(&mut self, now: Time, value: &Value, guard: &mut Guard) {
        self.border = true;
        self.said.close();
        let call = value.get("tool_call").and_then(Value::as_object);
        let body = call.and_then(|call| call.iter().find(|(_, body)| body.is_object()));
        let (key, body) = body.map_or(("", &Value::Null), |(key, body)| (key.as_str(), body));
        let own = text_at(body, "name").filter(|_| key == "function");
        let (id, name) = (text_at(value, "call_id").unwrap_or_default(), own.unwrap_or(key));
        let input = arguments(body.get("args").or_else(|| body.get("arguments")));
        let tool = Call { id, name, input: input.as_ref(), ..Call::default() };
        let started = text_at(value, "subtype") == Some("started");
        if started || (guard.turn_open() && !self.calls.started(id, guard)) {
            start_tool(now, &tool, &mut self.calls, guard);
        }
        if started {
            return;
        }
        let result = body.get("result").and_then(Value::as_object);
        let kind = |(key, body): (&'_ String, &Value)| body.is_object().then(|| key.clone());
        let kind = result.and_then(|r| r.iter().find_map(kind)).unwrap_or_default();
        let output = result.and_then(|r| r.get(&kind));
        let exit_code = output.and_then(|o| o.get("exitCode")?.as_i64());
        let done = Done {
            id,
            name,
            outcome: match kind.as_str() {
                "success" if matches!(exit_code, None | Some(0)) => "ok",
                "rejected" | "permissionDenied" => "denied",
                "" => "unknown",
                _ => "error",
            },
            output: output.or_else(|| body.get("result")),
            exit_code,
            duration_ms: output.and_then(|o| o.get("executionTime")?.as_u64()),
            ..Done::default()
        };
        finish_tool(now, &done, &mut self.calls, guard);
    }
}

/// What an `assistant` line is while texts are streamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Delta,
    Whole,
}

/// The text of a message; `None` if it has another shape.
fn said(value: &Value) -> Option<String> {
    let content = value.get("message")?.get("content")?;
    if let Some(text) = content.as_str() {
        return Some(text.to_owned());
    }
    let texts: Option<Vec<&str>> =
        content.as_array()?.iter().map(|part| part.get("text")?.as_str()).collect();
    Some(texts?.concat())
}

fn result(now: Time, subtype: &str, value: &Value, guard: &mut Guard) {
    let text = |key| text_at(value, key).filter(|t| !t.is_empty());
    let spent = Spent {
        usage: value.get("usage").and_then(usage),
        duration_ms: value.get("duration_ms").and_then(Value::as_u64),
        ..Spent::default()
    };
    let failed = value.get("is_error").and_then(Value::as_bool) == Some(true);
    if failed || subtype.starts_with("error") {
        let message = text("error").or(text("result")).unwrap_or_default();
        guard.fail(now, failure(message, subtype, None), &spent);
    } else {
        let stop = if subtype.is_empty() { "success" } else { subtype };
        guard.complete(now, stop, text("result"), &spent);
    }
}
