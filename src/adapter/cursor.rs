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

fn detect(value: &Value) -> Match {
    let subtype = value.text("subtype");
    let sure = match value.text("type") {
        _ if !value.has("session_id") => false,
        "system" => subtype == "init" && value.has("apiKeySource") && !value.has("tools"),
        "thinking" => matches!(subtype, "delta" | "completed"),
        "tool_call" => matches!(subtype, "started" | "completed") && value.has("call_id"),
        "assistant" if value.has("model_call_id") || value.has("timestamp_ms") => true,
        "assistant" | "user" if value.has("message") && !value.has("uuid") => return Match::Maybe,
        "result" => value.has("request_id") && !value.has("num_turns"),
        _ => false,
    };
    if sure { Match::Sure } else { Match::No }
}

#[derive(Default)]
struct Cursor {
    /// Text streamed since the last whole text.
    streamed: StreamedText,
    /// True if a tool has begun since.
    border: bool,
}

impl Runtime for Cursor {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        let has = |key: &str| value.has(key);
        match (value.text("type"), value.text("subtype"), text_of(&value)) {
            ("system", "init", _) => emit.open_turn(&value),
            ("user", _, text) => text.iter().for_each(|text| emit.user(text)),
            ("thinking", "delta", _) => emit.delta(&THOUGHT, value.text("text")),
            ("thinking", "completed", _) => emit.finish_block(&THOUGHT, None),
            ("assistant", _, Some(delta)) if has("timestamp_ms") && !has("model_call_id") => {
                if std::mem::take(&mut self.border) {
                    self.streamed = StreamedText::default();
                }
                self.streamed.delta(&ANSWER, &delta, emit);
            }
            ("assistant", _, Some(whole)) => {
                let streamed = std::mem::take(&mut self.streamed);
                if streamed.begins(&whole) {
                    return streamed.confirm(&ANSWER, &whole, emit);
                }
                emit.finish_block(&ANSWER, None);
                emit.finish_block(&ANSWER, Some(&whole));
            }
            ("tool_call", "started" | "completed", _) => self.tool(&value, emit),
            ("result", ..) if emit.over() => emit.late(&value),
            ("result", subtype, _) => {
                self.streamed = StreamedText::default();
                result(subtype, &value, emit);
            }
            (type_, subtype, _) => {
                let message = format!("message of type {type_:?} {subtype}");
                emit.status("info", message.trim_end(), value);
            }
        }
    }
}

impl Cursor {
    fn tool(&mut self, value: &Value, emit: &mut Emit<'_>) {
        self.border = true;
        let (key, body) = first_object(value.at("tool_call"));
        let own = body.opt_text("name").filter(|_| key == "function");
        let (id, name) = (value.text("call_id"), own.unwrap_or(key));
        let started = value.text("subtype") == "started";
        if started || emit.turn_open() {
            let input = arguments(body.get("args").or(body.get("arguments")));
            emit.tool(id, name, input.as_ref());
        }
        if started {
            return;
        }
        let (kind, result) = first_object(body.at("result"));
        let exit_code = result.i64("exitCode");
        emit.finish_tool(&Done {
            id,
            name,
            outcome: match kind {
                "success" if matches!(exit_code, None | Some(0)) => "ok",
                "rejected" | "permissionDenied" => "denied",
                "" => "unknown",
                _ => "error",
            },
            output: if kind.is_empty() { body.get("result") } else { Some(result) },
            exit_code,
            duration_ms: result.u64("executionTime"),
            ..Done::default()
        });
    }
}

/// The first field that is an object, with its key: a call's tool, a result's outcome.
fn first_object(value: &Value) -> (&str, &Value) {
    let mut fields = value.as_object().into_iter().flatten();
    let field = fields.find(|(_, body)| body.is_object());
    field.map_or(("", &Value::Null), |(key, body)| (key, body))
}

/// The text of a message; `None` if it has another shape.
fn text_of(value: &Value) -> Option<String> {
    match value.at("message").at("content") {
        Value::String(text) => Some(text.clone()),
        content => content.as_array()?.iter().map(|part| part.opt_text("text")).collect(),
    }
}

fn result(subtype: &str, value: &Value, emit: &mut Emit<'_>) {
    let usage = usage(value.at("usage")).map(with_cache);
    let spent = UsageAndCost { duration_ms: value.u64("duration_ms"), ..usage.into() };
    let result = value.filled("result");
    if value.is("is_error") || subtype.starts_with("error") {
        let message = value.filled("error").or(result).unwrap_or_default();
        emit.fail(failure(message, subtype, None), &spent);
    } else {
        emit.complete(value.filled("subtype").unwrap_or("success"), result, &spent);
    }
}
