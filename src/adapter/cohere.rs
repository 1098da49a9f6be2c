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
    keys: "cached_tokens citations finish_reason function message tokens tool_calls tool_plan",
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
        let part = |key| message.get(key).unwrap_or(&Value::Null);
        let over = emit.over();
        match value.opt_text("type").unwrap_or(event) {
            "message-start" => {
                begin(emit);
                self.message(message, emit);
            }
            "content-start" | "content-delta" => {
                finish("plan", emit);
                content(&key, part("content"), emit);
            }
            "content-end" => finish(&key, emit),
            "tool-plan-delta" => self.plan(message, emit),
            "tool-call-start" => {
                finish("plan", emit);
                self.call(&key, part("tool_calls"), emit);
            }
            "tool-call-delta" => {
                let more = message.pointer("/tool_calls/function/arguments");
                self.held.add(&key, more.and_then(Value::as_str).unwrap_or_default());
            }
            "tool-call-end" => self.held.start(&key, emit),
            "citation-start" => emit.status("info", "citation", part("citations").clone()),
            "citation-end" => {}
            "message-end" if over => emit.late(&value),
            "message-end" => self.end(delta, emit),
            "" if value.get("message").is_some_and(Value::is_object) => {
                begin(emit);
                self.message(value.at("message"), emit);
                self.end(&value, emit);
            }
            "" if value.opt_text("message").is_some() || value.get("error").is_some() => {
                if !emit.error_after_turn(&value) {
                    self.held.start_all(emit);
                    emit.fail_with(&value, &Spent::default());
                }
            }
            type_ => {
                emit.other(type_, &value);
            }
        }
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> Verdict {
        if emit.turn_open() {
            self.held.start_all(emit);
        }
        Verdict::MissingResult
    }
}

fn begin(emit: &mut Emit<'_>) {
    if !emit.turn_open() {
        let runtime = SPEC.name.into();
        emit.start_turn(&TurnStarted { runtime, ..TurnStarted::default() });
    }
}

fn content(key: &str, content: &Value, emit: &mut Emit<'_>) {
    if !matches!(content.opt_text("type"), None | Some("text" | "thinking")) {
        return emit.status("info", "content of another type", content.clone());
    }
    for (kind, field) in [(TextKind::Reasoning, "thinking"), (TextKind::Answer, "text")] {
        let said = said_at(content, field, emit);
        emit.delta(&text(kind, key), said);
    }
}

fn finish(key: &str, emit: &mut Emit<'_>) {
    for kind in [TextKind::Reasoning, TextKind::Answer] {
        emit.finish_block(&text(kind, key), None);
    }
}

impl Cohere {
    /// What a message holds, whole.
    fn message(&mut self, message: &Value, emit: &mut Emit<'_>) {
        let all = |key: &str| message.get(key).and_then(Value::as_array).into_iter().flatten();
        self.plan(message, emit);
        finish("plan", emit);
        for (index, part) in all("content").enumerate() {
            let key = index.to_string();
            content(&key, part, emit);
            finish(&key, emit);
        }
        for (index, call) in all("tool_calls").enumerate() {
            let key = index.to_string();
            self.call(&key, call, emit);
            self.held.start(&key, emit);
        }
        for citation in all("citations") {
            emit.status("info", "citation", citation.clone());
        }
    }

    fn plan(&self, message: &Value, emit: &mut Emit<'_>) {
        let said = said_at(message, "tool_plan", emit);
        emit.delta(&text(TextKind::Reasoning, "plan"), said);
    }

    fn call(&mut self, key: &str, call: &Value, emit: &mut Emit<'_>) {
        let function = call.at("function");
        self.held.begin(key, (call.text("id"), function.text("name")), emit);
        self.held.add(key, function.text("arguments"));
    }

    fn end(&mut self, end: &Value, emit: &mut Emit<'_>) {
        self.held.start_all(emit);
        let used = end.at("usage");
        let count = |path| used.pointer(path).and_then(Value::as_u64);
        let usage = Usage {
            input_tokens: count("/tokens/input_tokens"),
            output_tokens: count("/tokens/output_tokens"),
            cache_read_tokens: count("/cached_tokens"),
            ..Usage::default()
        };
        let usage = used.is_object().then_some(usage);
        let spent = Spent { usage, ..Spent::default() };
        match end.opt_text("finish_reason").unwrap_or("message-end") {
            stop @ ("ERROR" | "ERROR_TOXIC" | "ERROR_LIMIT" | "TIMEOUT") => {
                let message = end.non_null("error").map(sentence);
                emit.fail(failure(message.as_deref().unwrap_or_default(), stop, None), &spent);
            }
            stop => emit.complete(stop, None, &spent),
        }
    }
}
