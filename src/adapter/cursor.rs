//! Cursor's agent: `cursor-agent -p --output-format stream-json`, with or without `--stream-partial-output`. With it a
//! text comes in pieces and again as a whole, and only the fields beside it tell which is which.
//!
//! Source: RUNTIMES' captures; no recording of the partial mode exists, so a whole that does not continue what was streamed
//! is taken for a text of its own.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "cursor",
    aliases: &["cursor-agent"],
    versions: "by reports",
    about: "Cursor's agent, stream-json",
    usage: "cursor-agent -p PROMPT --output-format stream-json --stream-partial-output",
    commands: &["cursor-agent"],
    flags: &["stream-json"],
    keys: "apiKeySource duration_api_ms executionTime exitCode function isBackground model_call_id \
        permissionMode readToolCall rejected shellToolCall stdout success timestamp_ms tool_call",
    detect,
    new: |_| Box::new(Cursor::default()),
    ..Spec::LINES
};

const ANSWER: Text<'_> = Text { key: "assistant", kind: TextKind::Answer, parent: None };

const THINKING: Text<'_> = Text { key: "thinking", kind: TextKind::Reasoning, parent: None };

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    if !has("session_id") {
        return Match::No;
    }
    let subtype = value.text("subtype");
    let sure = match value.text("type") {
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
    /// What was streamed since the last whole text.
    said: Said,
    /// A tool has begun since.
    border: bool,
}

impl Runtime for Cursor {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        self.value(value, emit);
    }
}

impl Cursor {
    fn value(&mut self, value: Value, emit: &mut Emit<'_>) {
        match (value.text("type"), value.text("subtype")) {
            ("system", "init") => emit.open_turn(SPEC.name, &value),
            ("user", _) => {
                if let Some(said) = said(&value) {
                    emit.user(&said);
                }
            }
            ("thinking", "delta") => emit.delta(&THINKING, value.text("text")),
            ("thinking", "completed") => emit.finish_block(&THINKING, None),
            ("assistant", _) if said(&value).is_some() => {
                let whole = said(&value).unwrap_or_default();
                let piece =
                    value.get("timestamp_ms").filter(|_| value.get("model_call_id").is_none());
                let piece = piece.map_or(Piece::Whole, |_| Piece::Delta);
                self.assistant(&whole, piece, emit);
            }
            ("tool_call", "started" | "completed") => self.tool(&value, emit),
            ("result", _) if emit.over() => {
                emit.late(&value);
            }
            ("result", subtype) => {
                self.said = Said::default();
                result(subtype, &value, emit);
            }
            (type_, subtype) => {
                let message = format!("message of type {type_:?} {subtype}");
                emit.status("info", message.trim_end(), value);
            }
        }
    }

    fn assistant(&mut self, text: &str, piece: Piece, emit: &mut Emit<'_>) {
        if piece == Piece::Delta {
            if std::mem::take(&mut self.border) {
                self.said = Said::default();
            }
            self.said.delta(&ANSWER, text, emit);
            return;
        }
        let mut said = std::mem::take(&mut self.said);
        if said.begins(text) {
            said.confirm(&ANSWER, text, emit);
        } else {
            said.stop(&ANSWER, emit);
            emit.finish_block(&ANSWER, Some(text));
        }
    }

    fn tool(&mut self, value: &Value, emit: &mut Emit<'_>) {
        self.border = true;
        self.said.close();
        let call = value.get("tool_call").and_then(Value::as_object);
        let body = call.and_then(|call| call.iter().find(|(_, body)| body.is_object()));
        let (key, body) = body.map_or(("", &Value::Null), |(key, body)| (key.as_str(), body));
        let own = body.opt_text("name").filter(|_| key == "function");
        let (id, name) = (value.text("call_id"), own.unwrap_or(key));
        let input = arguments(body.get("args").or_else(|| body.get("arguments")));
        let tool = Call { id, name, input: input.as_ref(), ..Call::default() };
        let started = value.opt_text("subtype") == Some("started");
        if started || (emit.turn_open() && !emit.call_started(id)) {
            emit.start_tool(&tool);
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
        emit.finish_tool(&done);
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

fn result(subtype: &str, value: &Value, emit: &mut Emit<'_>) {
    let text = |key| value.opt_text(key).filter(|t| !t.is_empty());
    let spent = Spent {
        usage: value.get("usage").and_then(usage).map(with_cache),
        duration_ms: value.u64("duration_ms"),
        ..Spent::default()
    };
    let failed = value.is("is_error");
    if failed || subtype.starts_with("error") {
        let message = text("error").or(text("result")).unwrap_or_default();
        emit.fail(failure(message, subtype, None), &spent);
    } else {
        let stop = if subtype.is_empty() { "success" } else { subtype };
        emit.complete(stop, text("result"), &spent);
    }
}
