//! What a session says beside texts and tools: plans, usage, modes; and the protocol's words for prompts and tokens.

use super::super::prelude::*;
use super::calls::parent;

/// Says an update of another kind.
pub(super) fn say(kind: &str, update: &Value, emit: &mut Emit<'_>) {
    let (status, message) = match kind {
        "plan" | "plan_update" => ("plan", plan(update)),
        "usage_update" => ("usage", String::new()),
        "user_message_chunk" | "user_message" => ("info", "user message".into()),
        "session_info_update" => {
            let title = update.opt_text("title").map(one_line);
            ("info", title.unwrap_or_default())
        }
        "tool_call_content_chunk" | "terminal_output_chunk" => ("progress", kind.into()),
        _ => ("info", kind.into()),
    };
    let notice = Notice {
        kind: status,
        message: Some(message.as_str()).filter(|m| !m.is_empty()),
        data: Some(update.clone()),
        parent: parent(update),
    };
    emit.notice(&notice);
}

/// The cost of the session so far, in US dollars.
pub(super) fn cost(update: &Value) -> Option<f64> {
    let cost = update.get("cost").filter(|c| c.opt_text("currency") == Some("USD"))?;
    cost.at("amount").as_f64()
}

/// The text of a prompt.
pub(super) fn prompt_of(params: &Value) -> Option<String> {
    let parts = params.at("prompt").as_array()?;
    let texts: Vec<&str> = parts.iter().filter_map(|p| p.opt_text("text")).collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

fn plan(update: &Value) -> String {
    let plan = update.get("plan").unwrap_or(update);
    let entries = plan.at("entries").as_array();
    let entries = entries.map(Vec::as_slice).unwrap_or_default();
    let done = |e: &&Value| e.opt_text("status") == Some("completed");
    let count = entries.iter().filter(done).count();
    format!("{count} of {} done", entries.len())
}

/// The tokens of a turn in this protocol's words.
pub(super) fn usage(value: &Value) -> Option<Usage> {
    let count = |key: &str| value.u64(key);
    value.is_object().then(|| Usage {
        input_tokens: count("inputTokens"),
        output_tokens: count("outputTokens"),
        cache_read_tokens: count("cachedReadTokens"),
        cache_write_tokens: count("cachedWriteTokens"),
        reasoning_tokens: count("thoughtTokens"),
        total_tokens: count("totalTokens").filter(|_| count("inputTokens").is_none()),
    })
}
