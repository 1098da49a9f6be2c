//! Cohere's `/v2/chat`, streamed or whole, as `curl -N` prints it.
//!
//! Source: Cohere's API reference and the types of its Python client 7.3. `message-end` ends a turn; its finish reason
//! decides. The tool plan is the model's chain of thought, as the types call it. Tools run on the client's side.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "cohere",
    aliases: &["cohere-v2"],
    versions: "v2, by its documentation, 2026",
    about: "Cohere API v2, raw body",
    usage: "curl -N https://api.cohere.com/v2/chat -d '{\"stream\":true,...}'",
    keys: "cached_tokens citations finish_reason function tokens tool_calls tool_plan",
    detect,
    new: |_| Box::new(on_message),
    ..Spec::FRAMES
};

fn detect(value: &Value) -> Match {
    let delta = value.at("delta");
    let message = delta.get("message").is_some();
    let counts = value.pointer("/usage/billed_units").or(value.pointer("/usage/tokens"));
    let sure = match value.text("type") {
        "message-start" | "content-start" | "content-delta" | "tool-plan-delta"
        | "tool-call-start" | "tool-call-delta" | "citation-start" => message,
        "message-end" => delta.opt_text("finish_reason").is_some(),
        "" => value.pointer("/message/role").is_some() && counts.is_some(),
        _ => false,
    };
    if sure { Match::Sure } else { Match::No }
}

fn on_message(event: &str, value: Value, emit: &mut Emit<'_>) {
    let key = value.u64("index").unwrap_or(0).to_string();
    let delta = value.at("delta");
    let message = delta.at("message");
    match value.opt_text("type").unwrap_or(event) {
        "message-start" => {
            emit.begin(None, None);
            whole_message(message, emit);
        }
        "content-start" | "content-delta" => {
            emit.finish_texts("plan");
            content(&key, message.at("content"), emit);
        }
        "content-end" => emit.finish_texts(&key),
        "tool-plan-delta" => {
            emit.text_field((TextKind::Reasoning, "plan"), message, "tool_plan");
        }
        "tool-call-start" => {
            emit.finish_texts("plan");
            hold_call(&key, message.at("tool_calls"), emit);
        }
        "tool-call-delta" => {
            let function = message.at("tool_calls").at("function");
            emit.add_arguments(&key, function.text("arguments"));
        }
        "tool-call-end" => emit.start_held(&key),
        "citation-start" => emit.status("info", "citation", message.at("citations").clone()),
        "citation-end" => {}
        "message-end" if emit.over() => emit.late(&value),
        "message-end" => end(delta, emit),
        "" if value.at("message").is_object() => {
            emit.begin(None, None);
            whole_message(value.at("message"), emit);
            end(&value, emit);
        }
        "" if value.opt_text("message").is_some() || value.get("error").is_some() => {
            emit.fail_open(&value, &UsageAndCost::default());
        }
        type_ => emit.other(type_, &value),
    }
}

fn content(key: &str, content: &Value, emit: &mut Emit<'_>) {
    if !matches!(content.opt_text("type"), None | Some("text" | "thinking")) {
        return emit.status("info", "content of another type", content.clone());
    }
    emit.text_field((TextKind::Reasoning, key), content, "thinking");
    emit.text_field((TextKind::Answer, key), content, "text");
}

fn whole_message(message: &Value, emit: &mut Emit<'_>) {
    emit.text_field((TextKind::Reasoning, "plan"), message, "tool_plan");
    emit.finish_texts("plan");
    for (index, part) in message.items("content").enumerate() {
        content(&index.to_string(), part, emit);
        emit.finish_texts(&index.to_string());
    }
    for (index, call) in message.items("tool_calls").enumerate() {
        hold_call(&index.to_string(), call, emit);
        emit.start_held(&index.to_string());
    }
    for citation in message.items("citations") {
        emit.status("info", "citation", citation.clone());
    }
}

fn hold_call(key: &str, call: &Value, emit: &mut Emit<'_>) {
    let function = call.at("function");
    let tool = (call.text("id"), function.text("name"));
    emit.hold_piece(key, tool, function.text("arguments"));
}

fn end(end: &Value, emit: &mut Emit<'_>) {
    let usage = end.get("usage").filter(|usage| usage.is_object());
    let paths = ["tokens/input_tokens", "tokens/output_tokens", "cached_tokens", "", ""];
    let usage = usage.map(|usage| tokens(usage, paths));
    let spent = UsageAndCost::from(usage);
    match end.opt_text("finish_reason").unwrap_or("message-end") {
        stop @ ("ERROR" | "ERROR_TOXIC" | "ERROR_LIMIT" | "TIMEOUT") => {
            let message = end.non_null("error").map(sentence).unwrap_or_default();
            emit.fail(failure(&message, stop, None), &spent);
        }
        stop => emit.complete(stop, None, &spent),
    }
}
