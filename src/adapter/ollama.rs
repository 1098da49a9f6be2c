//! Ollama's `/api/chat` and `/api/generate`, streamed or whole, as `curl -N` prints them.
//!
//! Source: Ollama's API reference, and the types of its Python client 0.6. The message with `done` ends a turn, a message
//! with `error` fails it. Tools run on the client's side and never finish here.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "ollama",
    aliases: &["ollama-api"],
    versions: "by its documentation, 2026",
    about: "Ollama API, raw body",
    usage: "curl -N http://localhost:11434/api/chat -d '{\"model\":\"MODEL\",...}'",
    keys: "context created_at done done_reason eval_count eval_duration function load_duration \
        prompt_eval_count prompt_eval_duration response tool_calls total_duration",
    detect,
    new: |_| Box::new(on_message),
    ..Spec::FRAMES
};

fn detect(value: &Value) -> Match {
    let text = |key| value.opt_text(key).is_some();
    let content = value.pointer("/message/role").is_some() || text("response") || text("image");
    let done = value.get("done").is_some_and(Value::is_boolean);
    if text("model") && text("created_at") && done && content { Match::Sure } else { Match::No }
}

fn on_message(_: &str, value: Value, emit: &mut Emit<'_>) {
    if let Some(error) = value.non_null("error") {
        return emit.fail_open(error, &UsageAndCost::default());
    }
    let message = value.get("message").filter(|m| m.is_object());
    let ours = value.opt_text("response").is_some() || value.get("done").is_some();
    if message.is_none() && !ours {
        return emit.status("info", "an unknown message", value);
    }
    emit.begin(value.opt_text("model"), None);
    let message = message.unwrap_or(&value);
    for (kind, key) in [
        (TextKind::Reasoning, "thinking"),
        (TextKind::Answer, "content"),
        (TextKind::Answer, "response"),
    ] {
        let delta = str_at(message, key, emit);
        emit.only((kind, "text"), delta);
    }
    for call in message.items("tool_calls") {
        emit.close_texts();
        let function = call.get("function").unwrap_or(call);
        let input = arguments(function.get("arguments"));
        emit.tool(call.text("id"), function.text("name"), input.as_ref());
    }
    if value.is("done") {
        let stop = value.opt_text("done_reason").unwrap_or("done");
        // A count of zero, or of cached tokens, is left out.
        let usage = tokens(&value, ["prompt_eval_count", "eval_count", "", "", ""]);
        let spent = UsageAndCost {
            usage: Some(usage).filter(|usage| *usage != Usage::default()),
            duration_ms: value.u64("total_duration").map(|nanoseconds| nanoseconds / 1_000_000),
            ..UsageAndCost::default()
        };
        emit.complete(stop, None, &spent);
    }
}
