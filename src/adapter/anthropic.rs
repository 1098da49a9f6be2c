//! Anthropic's Messages API, streamed or whole, as `curl -N` prints it.
//!
//! Source: recordings of the API and of its SDKs' fixtures, and Anthropic's API reference. `message_stop` ends a turn, an
//! `error` fails it. The tools that run on Anthropic's side finish with their `*_tool_result` block, the others never.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "anthropic",
    aliases: &["anthropic-messages"],
    versions: "captures of 2025 and 2026",
    about: "Anthropic Messages API, raw body",
    usage: "curl -N https://api.anthropic.com/v1/messages -d '{\"stream\":true,...}'",
    keys: "cache_creation cache_creation_input_tokens cache_read_input_tokens caller category \
        content_block encrypted_content explanation inference_geo stop_details stop_reason \
        stop_sequence url",
    detect,
    new: |_| Box::new(Anthropic::default()),
    ..Spec::FRAMES
};

fn detect(value: &Value) -> Match {
    let sure = match value.text("type") {
        "message_start" => value.pointer("/message/role").is_some(),
        "content_block_start" => value.has("content_block"),
        "content_block_delta" => value.has("delta"),
        "message" => value.has("stop_reason") && value.has("content"),
        "message_delta" | "content_block_stop" | "message_stop" | "ping" => return Match::Maybe,
        "error" => !value.has("timestamp") && value.at("error").text("type").ends_with("_error"),
        _ => false,
    };
    if sure { Match::Sure } else { Match::No }
}

#[derive(Default)]
pub(super) struct Anthropic {
    id: String,
    count: u64,
    stop: Option<String>,
    usage: Option<Usage>,
}

impl Runtime for Anthropic {
    fn on_message(&mut self, event: &str, value: Value, emit: &mut Emit<'_>) {
        let key = format!("{}/{}", self.count, value.u64("index").unwrap_or(0));
        match value.opt_text("type").unwrap_or(event) {
            "message_start" => {
                let message = value.at("message");
                self.begin(message, emit);
                // A message after a tool that the server ran begins with content and a stop reason.
                self.content(message, "start ", emit);
                self.stop = message.owned("stop_reason").or(self.stop.take());
            }
            "content_block_start" => self.block(&key, value.at("content_block"), emit),
            "content_block_delta" => self.delta(&key, value.at("delta"), emit),
            "content_block_stop" => emit.end_block(&key),
            "message_delta" => {
                let delta = value.at("delta");
                self.stop = delta.owned("stop_reason").or(self.stop.take());
                if let Some(details) = delta.get("stop_details").filter(|d| d.is_object()) {
                    emit.status("info", details.text("explanation"), details.clone());
                }
                self.count_usage(&value, emit);
            }
            "message_stop" if !emit.turn_open() => {}
            "message_stop" => {
                let stop = self.stop.take();
                self.complete(stop.as_deref().unwrap_or("message_stop"), emit);
            }
            "message" => {
                self.begin(&value, emit);
                self.content(&value, "", emit);
                self.complete(value.opt_text("stop_reason").unwrap_or("message"), emit);
            }
            "ping" => {}
            type_ if type_ == "error" || value.get("error").is_some() => {
                emit.fail_open(&value, &self.usage_of());
                self.stop = None;
            }
            type_ => emit.other(type_, &value),
        }
    }

    fn on_end(&mut self, tail: Tail, emit: &mut Emit<'_>) -> TurnVerdict {
        if let Some(stop) = self.stop.take().filter(|_| emit.turn_open() && tail == Tail::Clean) {
            self.complete(&stop, emit);
        }
        TurnVerdict::MissingResult
    }
}

impl Anthropic {
    /// A message begins. Proxies repeat the line, and splice another message in: that one goes on in the same turn.
    fn begin(&mut self, message: &Value, emit: &mut Emit<'_>) {
        let id = message.text("id");
        if emit.turn_open() {
            if id == self.id {
                return;
            }
            emit.start_all_held();
            // Texts that the message before this one left open.
            for index in 0..16 {
                emit.end_block(&format!("{}/{index}", self.count));
            }
        } else {
            (self.stop, self.usage) = (None, None);
            emit.start_turn(&TurnStarted {
                runtime: SPEC.name.into(),
                model: message.filled("model").map(Into::into),
                ..TurnStarted::default()
            });
        }
        self.count += 1;
        id.clone_into(&mut self.id);
        self.count_usage(message, emit);
    }

    fn content(&mut self, message: &Value, prefix: &str, emit: &mut Emit<'_>) {
        for (index, block) in message.items("content").enumerate() {
            let key = format!("{}/{prefix}{index}", self.count);
            self.block(&key, block, emit);
            emit.end_block(&key);
        }
    }

    fn block(&mut self, key: &str, block: &Value, emit: &mut Emit<'_>) {
        match block.text("type") {
            "text" | "thinking" => {
                emit.delta(&text(TextKind::Answer, key), block.text("text"));
                emit.delta(&text(TextKind::Reasoning, key), block.text("thinking"));
            }
            "redacted_thinking" | "compaction" => {}
            type_ if type_.ends_with("tool_use") => {
                let input = block.get("input");
                let input = input.filter(|i| i.as_object().is_some_and(|i| !i.is_empty()));
                let tool = (block.text("id"), block.text("name"));
                emit.hold_piece(key, tool, &input.map(raw).unwrap_or_default());
            }
            type_ if type_.ends_with("tool_result") => {
                let content = block.at("content");
                let failed = block.is("is_error") || content.text("type").ends_with("_error");
                emit.finish_call(&ToolEnd {
                    id: block.text("tool_use_id"),
                    outcome: if failed { "error" } else { "ok" },
                    output: block.get("content").map(raw),
                    ..ToolEnd::default()
                });
            }
            type_ => emit.other_content(type_, block),
        }
    }

    fn delta(&mut self, key: &str, delta: &Value, emit: &mut Emit<'_>) {
        match delta.text("type") {
            "text_delta" => emit.text_field((TextKind::Answer, key), delta, "text"),
            "thinking_delta" => emit.text_field((TextKind::Reasoning, key), delta, "thinking"),
            "input_json_delta" => emit.add_arguments(key, delta.text("partial_json")),
            "signature_delta" => {}
            "compaction_delta" => {
                let data = serde_json::json!({"content": delta.get("content")});
                emit.status("compaction", "", data);
            }
            type_ => emit.status("info", &format!("delta of type {type_:?}"), delta.clone()),
        }
    }

    /// Takes the counts of a message so far; a count that a line leaves out stays.
    fn count_usage(&mut self, message: &Value, emit: &mut Emit<'_>) {
        let Some(usage) = message.get("usage") else { return };
        let (read, written) = ("cache_read_input_tokens", "cache_creation_input_tokens");
        let new = tokens(usage, ["input_tokens", "output_tokens", read, written, ""]);
        self.usage = Some(new.merge(self.usage.unwrap_or_default(), Option::or));
        emit.note_spent(&self.usage_of());
    }

    fn usage_of(&self) -> UsageAndCost {
        self.usage.map(with_cache).into()
    }

    fn complete(&mut self, stop: &str, emit: &mut Emit<'_>) {
        emit.complete(stop, None, &self.usage_of());
        self.usage = None;
    }
}
