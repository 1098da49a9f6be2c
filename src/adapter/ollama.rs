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
        message prompt_eval_count prompt_eval_duration response tool_calls total_duration",
    detect,
    framing: Framing::Frames,
    new: |_| Box::new(Ollama::default()),
    ..Spec::LINES
};

fn detect(value: &Value) -> Match {
    let text = |key| value.opt_text(key).is_some();
    let said = value.pointer("/message/role").is_some() || text("response") || text("image");
    let done = value.get("done").is_some_and(Value::is_boolean);
    if text("model") && text("created_at") && done && said { Match::Sure } else { Match::No }
}

#[derive(Default)]
struct Ollama {
    said: Current,
}

impl Runtime for Ollama {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        if let Some(error) = value.non_null("error") {
            if !emit.error_after_turn(error) {
                emit.fail_with(error, &Spent::default());
            }
            return;
        }
        let message = value.get("message").filter(|m| m.is_object());
        if message.is_none() && value.opt_text("response").is_none() && value.get("done").is_none()
        {
            return emit.status("info", "an unknown message", value);
        }
        if !emit.turn_open() {
            self.said = Current::default();
            emit.start_turn(&TurnStarted {
                runtime: SPEC.name.into(),
                model: value.opt_text("model").map(Into::into),
                ..TurnStarted::default()
            });
        }
        let message = message.unwrap_or(&value);
        for (kind, key) in [
            (TextKind::Reasoning, "thinking"),
            (TextKind::Answer, "content"),
            (TextKind::Answer, "response"),
        ] {
            let said = said_at(message, key, emit);
            self.said.delta(
                (kind, if kind == TextKind::Answer { "text" } else { key }),
                said,
                emit,
            );
        }
        for call in message.items("tool_calls") {
            self.said.finish(emit);
            let function = call.get("function").unwrap_or(call);
            emit.tool(
                call.text("id"),
                function.text("name"),
                arguments(function.get("arguments")).as_ref(),
            );
        }
        if value.is("done") {
            let stop = value.opt_text("done_reason").unwrap_or("done");
            emit.complete(stop, None, &spent(&value));
        }
    }
}

/// Tokens and time; the server says no count of what is zero or comes from its cache.
fn spent(value: &Value) -> Spent {
    let count = |key: &str| value.u64(key);
    let (input, output) = (count("prompt_eval_count"), count("eval_count"));
    let usage = Usage { input_tokens: input, output_tokens: output, ..Usage::default() };
    Spent {
        usage: input.or(output).map(|_| usage),
        duration_ms: count("total_duration").map(|nanoseconds| nanoseconds / 1_000_000),
        ..Spent::default()
    }
}
