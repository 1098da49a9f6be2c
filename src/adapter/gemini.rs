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
    detect,
    new: |_| Box::new(Gemini::default()),
    ..Spec::LINES
};

const ANSWER: Text<'_> = Text { key: "message", kind: TextKind::Answer, parent: None };

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    if is_document(value) {
        return Match::Sure;
    }
    if value.opt_text("timestamp").is_none() {
        return Match::No;
    }
    let sure = match value.text("type") {
        "init" => has("session_id") && has("model"),
        "message" => has("role") && value.opt_text("content").is_some(),
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
    let answer = value.opt_text("response").is_some() && stats;
    answer
        || (value.get("session_id").is_some()
            && value.pointer("/error/type").is_some()
            && value.get("type").is_none())
}

/// The document of a run: its answer, and the tokens of every model.
fn document(value: &Value, emit: &mut Emit<'_>) {
    emit.open_turn(SPEC.name, value);
    let stats = value.at("stats");
    if !stats.is_null() {
        emit.status("usage", "", stats.clone());
    }
    for warning in value.items("warnings") {
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
    let said = value.opt_text("response");
    match value.non_null("error") {
        Some(error) if error.opt_text("type").is_some_and(|kind| kind.contains("Cancel")) => {
            emit.cancelled(error.text("type"), None, &spent);
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
        match (value.text("type"), value.text("role")) {
            ("init", _) => {
                emit.start_turn(&TurnStarted {
                    runtime: "gemini".into(),
                    model: value.opt_text("model").map(Into::into),
                    session: value.opt_text("session_id").map(Into::into),
                    ..TurnStarted::default()
                });
            }
            ("message", "assistant") if value.opt_text("content").is_some() => {
                if value.is("delta") {
                    emit.delta(&ANSWER, value.text("content"));
                } else {
                    emit.finish_block(&ANSWER, None);
                    emit.finish_block(&ANSWER, Some(value.text("content")));
                }
            }
            ("message", "user") => emit.user(value.text("content")),
            ("tool_use", _) => {
                emit.tool(value.text("tool_id"), value.text("tool_name"), value.get("parameters"));
            }
            ("tool_result", _) => {
                let error = value.pointer("/error/message");
                let ok = value.text("status") == "success";
                emit.tool_done(
                    value.text("tool_id"),
                    value.text("tool_name"),
                    if ok { "ok" } else { "error" },
                    error.or_else(|| value.get("error")).filter(|_| !ok).or(value.get("output")),
                );
            }
            ("error", _) => {
                let kind = if value.text("severity") == "warning" { "warning" } else { "error" };
                let message = one_line(value.text("message"));
                emit.status(kind, &message, value);
            }
            ("result", _) if emit.over() => {
                emit.late(&value);
            }
            ("result", _) => result(&value, emit),
            (type_, _) => {
                emit.other(type_, &value);
            }
        }
    }
}

/// Ends the turn. An error that was reported before does not count where the result says success.
fn result(value: &Value, emit: &mut Emit<'_>) {
    let stats = value.at("stats");
    let models = stats.get("models").and_then(Value::as_object);
    if models.is_some_and(|m| !m.is_empty()) {
        emit.status("usage", "", stats.clone());
    }
    let spent =
        Spent { usage: usage(stats), duration_ms: stats.u64("duration_ms"), ..Spent::default() };
    let status = value.text("status");
    let error = value.at("error");
    let kind = error.text("type");
    if status == "success" && error.is_null() {
        emit.complete(status, None, &spent);
    } else if kind.contains("Cancel") {
        emit.cancelled(kind, None, &spent);
    } else {
        let message = error.as_str().or_else(|| error.opt_text("message"));
        let code = error.u64("code");
        let message = message.unwrap_or_default();
        emit.fail(failure(message, kind, code), &spent);
    }
}
