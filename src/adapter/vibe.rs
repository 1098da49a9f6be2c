//! Mistral's Vibe: `vibe -p PROMPT --output streaming` (or `json`, one array). Version 2 prints the entries of its history,
//! version 1 messages in OpenAI's roles. It has no result message: the way it exits decides.
//!
//! Source: `vibe/cli/programmatic.py` and `PublicHistoryEntry` of mistral-vibe 2.25, `StreamingJsonOutputFormatter` of 1.3.

use super::kimi::Kimi;
use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "vibe",
    aliases: &["mistral-vibe"],
    versions: "1.3 and 2.25, by their source",
    about: "Mistral Vibe, streaming",
    usage: "vibe -p PROMPT --output streaming",
    commands: &["vibe"],
    flags: &["streaming"],
    keys: "approvalNote approvalSource approvalType createdAt decision detail display durationMs \
        function generationStatus message_id outputText reasoning_content relatedEntryId \
        settledMessage settledVerb source state statusText success suffix tool_call_id tool_calls \
        turnId updatedAt userDisplayContent verb warnings",
    has_result: false,
    detect,
    new: |_| Box::new(Vibe::default()),
    ..Spec::LINES
};

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.has(key);
    let entry = ["generationStatus", "sessionId", "turnId", "type"].into_iter().all(has);
    let message = matches!(value.text("role"), "system" | "user" | "assistant" | "tool");
    // Version 1 writes null for missing fields; later versions number their messages.
    let first = ["tool_calls", "tool_call_id", "name"].into_iter().all(has);
    let message = message && !has("type") && (first || value.opt_text("message_id").is_some());
    if entry || message { Match::Sure } else { Match::No }
}

#[derive(Default)]
struct Vibe {
    roles: Kimi,
    /// Entries of version 2 have been seen.
    entries: bool,
}

impl Runtime for Vibe {
    fn on_message(&mut self, event: &str, value: Value, emit: &mut Emit<'_>) {
        if value.opt_text("type").is_none() {
            return self.roles.on_message(event, value, emit);
        }
        self.entries = true;
        emit.begin(None, value.opt_text("sessionId"));
        let content = plain(value.at("content"));
        let block = |kind| text(kind, value.text("id"));
        match (value.text("type"), value.text("role")) {
            ("message", "user") => emit.user(content.as_str().unwrap_or_default()),
            ("message", "assistant") => match content {
                Value::String(whole) => emit.finish_block(&block(TextKind::Answer), Some(&whole)),
                content => emit.status("info", "content that is no text", content),
            },
            ("reasoning", _) => {
                emit.finish_block(&block(TextKind::Reasoning), value.opt_text("text"));
            }
            ("effect", _) => effect(&value, emit),
            (type_, _) => emit.status("info", &format!("entry of type {type_:?}"), value.clone()),
        }
    }

    fn on_end(&mut self, tail: Tail, emit: &mut Emit<'_>) -> TurnVerdict {
        match tail {
            Tail::Cut if self.entries => TurnVerdict::Truncated,
            _ if self.entries || !emit.turn_open() => TurnVerdict::ByExit,
            _ => self.roles.on_end(tail, emit),
        }
    }
}

/// A tool, which comes when it has ended; its id is the entry's.
fn effect(entry: &Value, emit: &mut Emit<'_>) {
    let (detail, state) = (entry.at("detail"), entry.at("state"));
    let id = entry.text("id");
    let name = detail.opt_text("toolName").unwrap_or(entry.text("title"));
    emit.tool(id, name, detail.get("input"));
    let output = state.at("output");
    let exit_code = output.get("exitCode").or(output.get("returncode")).and_then(Value::as_i64);
    let outcome = match state.text("status") {
        "failed" => "error",
        "completed" if exit_code.is_some_and(|code| code != 0) => "error",
        "completed" => "ok",
        "cancelled" | "canceled" => "cancelled",
        "denied" | "rejected" | "skipped" => "denied",
        _ => return emit.status("progress", name, state.clone()),
    };
    let shown = state.get("outputText").filter(|text| *text != "");
    emit.finish_tool(&Done {
        id,
        name,
        outcome,
        output: state.non_null("error").or(shown).or(Some(output)),
        exit_code,
        duration_ms: state.f64("durationMs").map(|ms| ms.round() as u64),
        ..Done::default()
    });
}
