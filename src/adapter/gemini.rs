//! Gemini CLI: `gemini -p PROMPT --output-format stream-json`. Text comes in deltas alone, so a block ends where a tool
//! begins or the turn ends; thinking is never printed.
//!
//! Source: the unit-test snapshots of gemini-cli and `packages/core/src/output/types.ts`.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "gemini",
    aliases: &["gemini-cli"],
    versions: "0.45 and its own snapshots",
    about: "Gemini CLI, stream-json",
    usage: "gemini -p PROMPT --output-format stream-json",
    commands: &["gemini"],
    flags: &["stream-json"],
    keys: "response warnings severity tool_id tool_name x",
    has_result: true,
    detect,
    framing: Framing::Lines,
    new: |_| Box::new(Gemini::default()),
};

const ANSWER: Text<'_> = Text { key: "message", kind: TextKind::Answer, parent: None };

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    if is_document(value) {
        return Match::Sure;
    }
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

/// `--output-format json` prints one document.
fn is_document(value: &Value) -> bool {
    let stats = value.pointer("/stats/models").is_some() || value.pointer("/stats/tools").is_some();
    let answer = text_at(value, "response").is_some() && stats;
    answer
        || (value.get("session_id").is_some()
            && value.pointer("/error/type").is_some()
            && value.get("type").is_none())
}

/// The document of a run: its answer, and the tokens of every model.
fn document(value: &Value, emit: &mut Emit<'_>) {
    emit.open_turn(SPEC.name, value);
    let stats = value.get("stats").unwrap_or(&Value::Null);
    if !stats.is_null() {
        emit.status("usage", "", stats.clone());
    }
    for warning in value.get("warnings").and_then(Value::as_array).into_iter().flatten() {
        emit.status("warning", warning.as_str().unwrap_or_default(), warning.clone());
    }
    let mut spent = Spent::default();
    let models = stats.get("models").and_then(Value::as_object);
    for tokens in models.into_iter().flatten().filter_map(|(_, model)| model.get("tokens")) {
        let count = |key: &str| tokens.get(key).and_then(Value::as_u64);
        let used = Usage {
            input_tokens: count("prompt").or(count("input")),
            output_tokens: count("candidates").map(|n| n + count("thoughts").unwrap_or(0)),
            cache_read_tokens: count("cached"),
            reasoning_tokens: count("thoughts"),
            ..Usage::default()
        };
        spend(&mut spent, Some(used), None);
    }
    let said = text_at(value, "response");
    match value.get("error").filter(|error| !error.is_null()) {
        Some(error) if text_at(error, "type").is_some_and(|kind| kind.contains("Cancel")) => {
            emit.cancelled(text_at(error, "type").unwrap_or_default(), None, &spent);
        }
        Some(error) => emit.fail_with(error, &spent),
        None => emit.complete("success", said, &spent),
    }
}

#[derive(Default)]
struct Gemini {}

impl Runtime for Gemini {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        self.value(value, emit);
    }
}

impl Gemini {
    fn value(&mut self, value: Value, emit: &mut Emit<'_>) {
        if is_document(&value) && !emit.over() {
            return document(&value, emit);
        }
        let text = |key| text_at(&value, key).unwrap_or_default();
        match (text("type"), text("role")) {
            ("init", _) => {
                let started = TurnStarted {
                    runtime: "gemini".into(),
                    model: text_at(&value, "model").map(Into::into),
                    session: text_at(&value, "session_id").map(Into::into),
                    ..TurnStarted::default()
                };
                emit.start_turn(&started);
            }
            ("message", "assistant") if text_at(&value, "content").is_some() => {
                if value.get("delta").and_then(Value::as_bool) == Some(true) {
                    emit.delta(&ANSWER, text("content"));
                } else {
                    emit.finish_block(&ANSWER, None);
                    emit.finish_block(&ANSWER, Some(text("content")));
                }
            }
            ("message", "user") => emit.user(text("content")),
            ("tool_use", _) => {
                let call = Call {
                    id: text("tool_id"),
                    name: text("tool_name"),
                    input: value.get("parameters"),
                    ..Call::default()
                };
                emit.start_tool(&call);
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
                emit.finish_tool(&done);
            }
            ("error", _) => {
                let kind = if text("severity") == "warning" { "warning" } else { "error" };
                let message = one_line(text("message"));
                emit.status(kind, &message, value);
            }
            ("result", _) if emit.over() => {
                emit.status("log", "the turn had ended already", value);
            }
            ("result", _) => result(&value, emit),
            (type_, _) => {
                let message = format!("message of type {type_:?}");
                emit.status("info", &message, value);
            }
        }
    }
}

/// Ends the turn. An error that was reported before does not count where the result says success.
fn result(value: &Value, emit: &mut Emit<'_>) {
    let stats = value.get("stats").unwrap_or(&Value::Null);
    let models = stats.get("models").and_then(Value::as_object);
    if models.is_some_and(|m| !m.is_empty()) {
        emit.status("usage", "", stats.clone());
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
        emit.complete(status, None, &spent);
    } else if kind.contains("Cancel") {
        emit.cancelled(kind, None, &spent);
    } else {
        let message = error.as_str().or_else(|| text_at(error, "message"));
        let code = error.get("code").and_then(Value::as_u64);
        let message = message.unwrap_or_default();
        emit.fail(failure(message, kind, code), &spent);
    }
}
