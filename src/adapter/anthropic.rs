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
    framing: Framing::Frames,
    new: |_| Box::new(Anthropic::default()),
    ..Spec::LINES
};

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    let sure = match value.text("type") {
        "message_start" => value.pointer("/message/role").is_some(),
        "content_block_start" => has("content_block"),
        "content_block_delta" => has("delta"),
        "message" => has("stop_reason") && has("content"),
        "message_delta" | "content_block_stop" | "message_stop" | "ping" => return Match::Maybe,
        "error" => !has("timestamp") && value.at("error").text("type").ends_with("_error"),
        _ => false,
    };
    if sure { Match::Sure } else { Match::No }
}

#[derive(Default)]
pub(super) struct Anthropic {
    /// The message that is being read, and how many there were.
    id: String,
    count: u64,
    stop: Option<String>,
    usage: Option<Usage>,
    held: HeldTools,
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
                let stop = message.opt_text("stop_reason").map(str::to_owned);
                self.stop = stop.or(self.stop.take());
            }
            "content_block_start" => self.block(&key, value.at("content_block"), emit),
            "content_block_delta" => self.delta(&key, value.at("delta"), emit),
            "content_block_stop" => self.held.finish_block(&key, emit),
            "message_delta" => {
                let delta = value.at("delta");
                let stop = delta.opt_text("stop_reason").map(str::to_owned);
                self.stop = stop.or(self.stop.take());
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
                self.held.fail(&value, &self.usage_of(), emit);
                self.stop = None;
            }
            type_ => emit.other(type_, &value),
        }
    }

    fn on_end(&mut self, tail: Tail, emit: &mut Emit<'_>) -> TurnVerdict {
        if let Some(stop) = self.stop.take().filter(|_| emit.turn_open() && tail == Tail::Clean) {
            self.complete(&stop, emit);
        }
        self.held.end(emit)
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
            self.held.start_all(emit);
            // The texts that the message before this one left open.
            for index in 0..16 {
                self.held.finish_block(&format!("{}/{index}", self.count), emit);
            }
        } else {
            (self.stop, self.usage) = (None, None);
            emit.begin(SPEC.name, message.filled("model"), None);
        }
        self.count += 1;
        id.clone_into(&mut self.id);
        self.count_usage(message, emit);
    }

    /// The whole blocks of a message.
    fn content(&mut self, message: &Value, prefix: &str, emit: &mut Emit<'_>) {
        for (index, block) in message.items("content").enumerate() {
            let key = format!("{}/{prefix}{index}", self.count);
            self.block(&key, block, emit);
            self.held.finish_block(&key, emit);
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
                self.held.piece(key, tool, &input.map(raw).unwrap_or_default(), emit);
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
            type_ => emit.status("info", &format!("content of type {type_:?}"), block.clone()),
        }
    }

    fn delta(&mut self, key: &str, delta: &Value, emit: &mut Emit<'_>) {
        match delta.text("type") {
            "text_delta" => emit.text_field((TextKind::Answer, key), delta, "text"),
            "thinking_delta" => emit.text_field((TextKind::Reasoning, key), delta, "thinking"),
            "input_json_delta" => self.held.add(key, delta.text("partial_json")),
            "signature_delta" => {}
            "compaction_delta" => {
                let data = serde_json::json!({"content": delta.get("content")});
                emit.status("compaction", "", data);
            }
            type_ => emit.status("info", &format!("delta of type {type_:?}"), delta.clone()),
        }
    }

    /// Counts of a message go up to the last ones; what a line leaves out stays.
    fn count_usage(&mut self, message: &Value, emit: &mut Emit<'_>) {
        let Some(usage) = message.get("usage") else { return };
        let now = self.usage.get_or_insert_default();
        now.input_tokens = usage.u64("input_tokens").or(now.input_tokens);
        now.output_tokens = usage.u64("output_tokens").or(now.output_tokens);
        now.cache_read_tokens = usage.u64("cache_read_input_tokens").or(now.cache_read_tokens);
        let written = usage.u64("cache_creation_input_tokens");
        now.cache_write_tokens = written.or(now.cache_write_tokens);
        emit.note_spent(&self.usage_of());
    }

    fn usage_of(&self) -> UsageAndCost {
        UsageAndCost { usage: self.usage.map(with_cache), ..UsageAndCost::default() }
    }

    fn complete(&mut self, stop: &str, emit: &mut Emit<'_>) {
        self.held.start_all(emit);
        emit.complete(stop, None, &self.usage_of());
        self.usage = None;
    }
}
