//! Cohere's `/v2/chat`, streamed or whole, as `curl -N` prints it.
//!
//! Source: Cohere's API reference and the types of its Python client 7.3. `message-end` ends a turn; its finish reason says
//! how. The tool plan is, by the types' own words, the model's chain of thought. Tools run on the client's side.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "cohere",
    aliases: &["cohere-v2"],
    versions: "v2, by its documentation, 2026",
    about: "Cohere API v2, raw body",
    usage: "curl -N https://api.cohere.com/v2/chat -d '{\"stream\":true,...}'",
    keys: "cached_tokens citations finish_reason function tokens tool_calls tool_plan",
    detect,
    framing: Framing::Frames,
    new: |_| Box::new(Cohere::default()),
    ..Spec::LINES
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

#[derive(Default)]
struct Cohere {
    held: HeldTools,
}

impl Runtime for Cohere {
    fn on_message(&mut self, event: &str, value: Value, emit: &mut Emit<'_>) {
        let key = value.u64("index").unwrap_or(0).to_string();
        let delta = value.at("delta");
        let message = delta.at("message");
        match value.opt_text("type").unwrap_or(event) {
            "message-start" => {
                emit.begin(SPEC.name, None, None);
                self.message(message, emit);
            }
            "content-start" | "content-delta" => {
                finish("plan", emit);
                content(&key, message.at("content"), emit);
            }
            "content-end" => finish(&key, emit),
            "tool-plan-delta" => {
                emit.text_field((TextKind::Reasoning, "plan"), message, "tool_plan");
            }
            "tool-call-start" => {
                finish("plan", emit);
                self.call(&key, message.at("tool_calls"), emit);
            }
            "tool-call-delta" => {
                let function = message.at("tool_calls").at("function");
                self.held.add(&key, function.text("arguments"));
            }
            "tool-call-end" => self.held.start(&key, emit),
            "citation-start" => emit.status("info", "citation", message.at("citations").clone()),
            "citation-end" => {}
            "message-end" if emit.over() => emit.late(&value),
            "message-end" => self.end(delta, emit),
            "" if value.at("message").is_object() => {
                emit.begin(SPEC.name, None, None);
                self.message(value.at("message"), emit);
                self.end(&value, emit);
            }
            "" if value.opt_text("message").is_some() || value.get("error").is_some() => {
                self.held.fail(&value, &UsageAndCost::default(), emit);
            }
            type_ => emit.other(type_, &value),
        }
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> TurnVerdict {
        self.held.end(emit)
    }
}

fn content(key: &str, content: &Value, emit: &mut Emit<'_>) {
    if !matches!(content.opt_text("type"), None | Some("text" | "thinking")) {
        return emit.status("info", "content of another type", content.clone());
    }
    emit.text_field((TextKind::Reasoning, key), content, "thinking");
    emit.text_field((TextKind::Answer, key), content, "text");
}

fn finish(key: &str, emit: &mut Emit<'_>) {
    for kind in [TextKind::Reasoning, TextKind::Answer] {
        emit.finish_block(&text(kind, key), None);
    }
}

impl Cohere {
    /// What a message holds, whole.
    fn message(&mut self, message: &Value, emit: &mut Emit<'_>) {
        emit.text_field((TextKind::Reasoning, "plan"), message, "tool_plan");
        finish("plan", emit);
        for (index, part) in message.items("content").enumerate() {
            content(&index.to_string(), part, emit);
            finish(&index.to_string(), emit);
        }
        for (index, call) in message.items("tool_calls").enumerate() {
            self.call(&index.to_string(), call, emit);
            self.held.start(&index.to_string(), emit);
        }
        for citation in message.items("citations") {
            emit.status("info", "citation", citation.clone());
        }
    }

    fn call(&mut self, key: &str, call: &Value, emit: &mut Emit<'_>) {
        let function = call.at("function");
        let tool = (call.text("id"), function.text("name"));
        self.held.piece(key, tool, function.text("arguments"), emit);
    }

    fn end(&mut self, end: &Value, emit: &mut Emit<'_>) {
        self.held.start_all(emit);
        let usage = end.get("usage").filter(|usage| usage.is_object()).map(|usage| Usage {
            input_tokens: usage.at("tokens").u64("input_tokens"),
            output_tokens: usage.at("tokens").u64("output_tokens"),
            cache_read_tokens: usage.u64("cached_tokens"),
            ..Usage::default()
        });
        let spent = UsageAndCost { usage, ..UsageAndCost::default() };
        match end.opt_text("finish_reason").unwrap_or("message-end") {
            stop @ ("ERROR" | "ERROR_TOXIC" | "ERROR_LIMIT" | "TIMEOUT") => {
                let message = end.non_null("error").map(sentence).unwrap_or_default();
                emit.fail(failure(&message, stop, None), &spent);
            }
            stop => emit.complete(stop, None, &spent),
        }
    }
}
