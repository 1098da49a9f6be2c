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
    new: |_| Box::new(on_message),
    ..Spec::LINES
};

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.has(key);
    let sure = match value.text("type") {
        _ if is_document(value) => true,
        _ if value.opt_text("timestamp").is_none() => false,
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

/// True if a value is the one document of `--output-format json`.
fn is_document(value: &Value) -> bool {
    let has = |path: &str| value.pointer(path).is_some();
    let stats = has("/stats/models") || has("/stats/tools");
    let failed = has("/session_id") && has("/error/type") && !has("/type");
    failed || (stats && value.opt_text("response").is_some())
}

fn on_message(_: &str, value: Value, emit: &mut Emit<'_>) {
    if is_document(&value) && !emit.over() {
        return document(&value, emit);
    }
    match (value.text("type"), value.text("role"), value.opt_text("content")) {
        ("init", ..) => emit.start(value.opt_text("model"), value.opt_text("session_id")),
        ("message", "assistant", Some(delta)) if value.is("delta") => {
            emit.delta(&ANSWER, delta);
        }
        ("message", "assistant", Some(whole)) => {
            emit.finish_block(&ANSWER, None);
            emit.finish_block(&ANSWER, Some(whole));
        }
        ("message", "user", prompt) => emit.user(prompt.unwrap_or_default()),
        ("tool_use", ..) => {
            emit.tool(value.text("tool_id"), value.text("tool_name"), value.get("parameters"));
        }
        ("tool_result", ..) => {
            let ok = value.text("status") == "success";
            let error = value.pointer("/error/message").or(value.get("error"));
            let output = error.filter(|_| !ok).or(value.get("output"));
            let outcome = if ok { "ok" } else { "error" };
            emit.tool_done(value.text("tool_id"), value.text("tool_name"), outcome, output);
        }
        ("error", ..) => {
            let kind = if value.text("severity") == "warning" { "warning" } else { "error" };
            emit.status(kind, &one_line(value.text("message")), value);
        }
        ("result", ..) if emit.over() => emit.late(&value),
        ("result", ..) => result(&value, emit),
        (type_, ..) => emit.other(type_, &value),
    }
}

/// The document of a run: its answer, and the tokens of every model.
fn document(value: &Value, emit: &mut Emit<'_>) {
    emit.open_turn(value);
    let stats = value.at("stats");
    if !stats.is_null() {
        emit.status("usage", "", stats.clone());
    }
    for warning in value.items("warnings") {
        emit.status("warning", warning.as_str().unwrap_or_default(), warning.clone());
    }
    let mut spent = UsageAndCost::default();
    let models = stats.at("models").as_object().into_iter().flatten();
    for tokens in models.filter_map(|(_, model)| model.get("tokens")) {
        let thoughts = tokens.u64("thoughts");
        let used = Usage {
            input_tokens: count(tokens, &["prompt", "input"]),
            output_tokens: tokens.u64("candidates").map(|n| n + thoughts.unwrap_or(0)),
            cache_read_tokens: tokens.u64("cached"),
            reasoning_tokens: thoughts,
            ..Usage::default()
        };
        spend(&mut spent, Some(used), None);
    }
    match value.non_null("error") {
        Some(error) if error.text("type").contains("Cancel") => {
            emit.cancelled(error.text("type"), None, &spent);
        }
        Some(error) => emit.fail_with(error, &spent),
        None => emit.complete("success", value.opt_text("response"), &spent),
    }
}

/// Ends the turn. An earlier error does not count if the result is a success.
fn result(value: &Value, emit: &mut Emit<'_>) {
    let (stats, error) = (value.at("stats"), value.at("error"));
    if stats.at("models").as_object().is_some_and(|models| !models.is_empty()) {
        emit.status("usage", "", stats.clone());
    }
    let spent = UsageAndCost { duration_ms: stats.u64("duration_ms"), ..usage(stats).into() };
    let (status, kind) = (value.text("status"), error.text("type"));
    if status == "success" && error.is_null() {
        emit.complete(status, None, &spent);
    } else if kind.contains("Cancel") {
        emit.cancelled(kind, None, &spent);
    } else {
        let message = error.as_str().unwrap_or(error.text("message"));
        emit.fail(failure(message, kind, error.u64("code")), &spent);
    }
}
