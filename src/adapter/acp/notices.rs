//! Plans, usage, modes and all other updates beside texts and tools; the protocol's token counts.

use super::super::prelude::*;
use super::calls::parent;

pub(super) fn emit_text(kind: &str, update: &Value, emit: &mut Emit<'_>) {
    let (status, message) = match kind {
        "plan" | "plan_update" => {
            let entries = update.get("plan").unwrap_or(update).items("entries");
            let done = entries.clone().filter(|entry| entry.text("status") == "completed").count();
            ("plan", format!("{done} of {} done", entries.len()))
        }
        "usage_update" => ("usage", String::new()),
        "user_message_chunk" | "user_message" => ("info", "user message".into()),
        "session_info_update" => ("info", one_line(update.text("title"))),
        "tool_call_content_chunk" | "terminal_output_chunk" => ("progress", kind.into()),
        _ => ("info", kind.into()),
    };
    emit.status_under(parent(update), status, &message, update.clone());
}

/// The texts of parts, if there are any.
pub(super) fn texts<'v>(parts: impl Iterator<Item = &'v Value>) -> Option<String> {
    let texts: Vec<&str> = parts.filter_map(|part| part.opt_text("text")).collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

pub(super) fn usage(value: &Value) -> Option<Usage> {
    let (read, written) = ("cachedReadTokens", "cachedWriteTokens");
    let used = tokens(value, ["inputTokens", "outputTokens", read, written, "thoughtTokens"]);
    let total_tokens = value.u64("totalTokens").filter(|_| used.input_tokens.is_none());
    value.is_object().then_some(Usage { total_tokens, ..used })
}
