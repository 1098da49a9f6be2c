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
    match value.text("type") {
        "message_start" if value.pointer("/message/role").is_some() => Match::Sure,
        "content_block_start" if has("content_block") => Match::Sure,
        "content_block_delta" if has("delta") => Match::Sure,
        "message" if has("stop_reason") && has("content") => Match::Sure,
        "message_delta" | "content_block_stop" | "message_stop" | "ping" => Match::Maybe,
        "error" if !has("timestamp") && value.pointer("/error/type").is_some() => {
            let theirs = value.at("error").opt_text("type");
            if theirs.is_some_and(|t| t.ends_with("_error")) { Match::Sure } else { Match::No }
        }
        _ => Match::No,
    }
}

#[derive(Default)]
struct Anthropic {
    /// The message that is being read, and how many there were.
    id: String,
    count: u64,
    stop: Option<String>,
    usage: Usage,
    used: bool,
    held: HeldTools,
}

impl Runtime for Anthropic {
    fn on_message(&mut self, event: &str, value: Value, emit: &mut Emit<'_>) {
        let index = value.u64("index").unwrap_or(0);
        let key = format!("{}/{index}", self.count);
        match value.opt_text("type").unwrap_or(event) {
            "message_start" => {
                let message = value.at("message");
                self.begin(message, emit);
                self.content(message, emit);
            }
            "content_block_start" => {
                let block = value.at("content_block");
                self.block(&key, block, emit);
            }
            "content_block_delta" => {
                let delta = value.at("delta");
                self.delta(&key, delta, emit);
            }
            "content_block_stop" => self.stop_block(&key, emit),
            "message_delta" => self.message_delta(&value, emit),
            "message_stop" => {
                if emit.turn_open() {
                    let stop = self.stop.take();
                    self.complete(stop.as_deref().unwrap_or("message_stop"), emit);
                }
            }
            "message" => self.whole(&value, emit),
            "error" => self.fail(&value, emit),
            "ping" => {}
            _ if value.get("error").is_some() => self.fail(&value, emit),
            type_ => {
                emit.other(type_, &value);
            }
        }
    }

    fn on_end(&mut self, tail: Tail, emit: &mut Emit<'_>) -> Verdict {
        if emit.turn_open() {
            self.held.start_all(emit);
            if let Some(stop) = self.stop.take().filter(|_| tail == Tail::Clean) {
                self.complete(&stop, emit);
            }
        }
        Verdict::MissingResult
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
            self.finish_texts(emit);
        } else {
            (self.stop, self.usage, self.used) = (None, Usage::default(), false);
            let model = message.opt_text("model").filter(|m| !m.is_empty());
            emit.start_turn(&TurnStarted {
                runtime: SPEC.name.into(),
                model: model.map(Into::into),
                ..TurnStarted::default()
            });
        }
        self.count += 1;
        id.clone_into(&mut self.id);
        self.count_usage(message.get("usage"), emit);
    }

    /// The content and the stop reason that a beginning already has, as after a tool that the server ran.
    fn content(&mut self, message: &Value, emit: &mut Emit<'_>) {
        let blocks = message.at("content").as_array();
        for (index, block) in blocks.into_iter().flatten().enumerate() {
            let key = format!("{}/start {index}", self.count);
            self.block(&key, block, emit);
            self.stop_block(&key, emit);
        }
        self.stop = message.opt_text("stop_reason").map(str::to_owned).or(self.stop.take());
    }

    /// Closes what the message before this one left open.
    fn finish_texts(&self, emit: &mut Emit<'_>) {
        for index in 0..16 {
            let key = format!("{}/{index}", self.count);
            for kind in [TextKind::Answer, TextKind::Reasoning] {
                emit.finish_block(&text(kind, &key), None);
            }
        }
    }

    fn block(&mut self, key: &str, block: &Value, emit: &mut Emit<'_>) {
        let type_ = block.text("type");
        let id = block.text("id");
        match type_ {
            "text" | "thinking" => {
                for (kind, field) in [(TextKind::Answer, "text"), (TextKind::Reasoning, "thinking")]
                {
                    let said = block.text(field);
                    emit.delta(&text(kind, key), said);
                }
            }
            "redacted_thinking" | "compaction" => {}
            _ if type_.ends_with("tool_use") => {
                let name = block.text("name");
                self.held.begin(key, (id, name), emit);
                let input = block.get("input");
                if let Some(input) = input.filter(|i| i.as_object().is_some_and(|o| !o.is_empty()))
                {
                    self.held.add(key, &crate::codec::to_json(input));
                }
            }
            _ if type_.ends_with("tool_result") => self.tool_result(block, emit),
            _ => {
                let message = format!("content of type {type_:?}");
                emit.status("info", &message, block.clone());
            }
        }
    }

    fn tool_result(&mut self, block: &Value, emit: &mut Emit<'_>) {
        let content = block.get("content");
        let kind = content.and_then(|c| c.opt_text("type"));
        let error = block.is("is_error") || kind.is_some_and(|k| k.ends_with("_error"));
        let end = ToolEnd {
            id: block.text("tool_use_id"),
            outcome: if error { "error" } else { "ok" },
            output: content.map(raw),
            ..ToolEnd::default()
        };
        emit.finish_call(&end);
    }

    fn delta(&mut self, key: &str, delta: &Value, emit: &mut Emit<'_>) {
        let said = |field: &str| delta.text(field);
        match delta.text("type") {
            "text_delta" => {
                let said = said_at(delta, "text", emit);
                emit.delta(&text(TextKind::Answer, key), said);
            }
            "thinking_delta" => {
                let said = said_at(delta, "thinking", emit);
                emit.delta(&text(TextKind::Reasoning, key), said);
            }
            "input_json_delta" => self.held.add(key, said("partial_json")),
            "signature_delta" => {}
            "compaction_delta" => {
                let data = serde_json::json!({"content": delta.get("content")});
                emit.status("compaction", "", data);
            }
            type_ => {
                let message = format!("delta of type {type_:?}");
                emit.status("info", &message, delta.clone());
            }
        }
    }

    fn stop_block(&mut self, key: &str, emit: &mut Emit<'_>) {
        for kind in [TextKind::Answer, TextKind::Reasoning] {
            emit.finish_block(&text(kind, key), None);
        }
        self.held.start(key, emit);
    }

    fn message_delta(&mut self, value: &Value, emit: &mut Emit<'_>) {
        let delta = value.at("delta");
        if let Some(stop) = delta.opt_text("stop_reason") {
            self.stop = Some(stop.to_owned());
        }
        if let Some(details) = delta.get("stop_details").filter(|d| d.is_object()) {
            let why = details.text("explanation");
            emit.status("info", why, details.clone());
        }
        self.count_usage(value.get("usage"), emit);
    }

    /// Counts of a message go up to the last ones; what a line leaves out stays.
    fn count_usage(&mut self, usage: Option<&Value>, emit: &mut Emit<'_>) {
        let Some(usage) = usage else { return };
        let count = |key: &str| usage.u64(key);
        let now = &mut self.usage;
        now.input_tokens = count("input_tokens").or(now.input_tokens);
        now.output_tokens = count("output_tokens").or(now.output_tokens);
        now.cache_read_tokens = count("cache_read_input_tokens").or(now.cache_read_tokens);
        now.cache_write_tokens = count("cache_creation_input_tokens").or(now.cache_write_tokens);
        self.used = true;
        emit.note_spent(&self.spent());
    }

    fn spent(&self) -> Spent {
        Spent { usage: self.used.then(|| with_cache(self.usage)), ..Spent::default() }
    }

    /// A body that was not streamed.
    fn whole(&mut self, value: &Value, emit: &mut Emit<'_>) {
        self.begin(value, emit);
        let blocks = value.at("content").as_array();
        for (index, block) in blocks.into_iter().flatten().enumerate() {
            let key = format!("{}/{index}", self.count);
            self.block(&key, block, emit);
            self.stop_block(&key, emit);
        }
        let stop = value.opt_text("stop_reason").unwrap_or("message");
        self.complete(stop, emit);
    }

    fn complete(&mut self, stop: &str, emit: &mut Emit<'_>) {
        self.held.start_all(emit);
        emit.complete(stop, None, &self.spent());
        (self.usage, self.used) = (Usage::default(), false);
    }

    fn fail(&mut self, error: &Value, emit: &mut Emit<'_>) {
        if emit.error_after_turn(error) {
            return;
        }
        self.held.start_all(emit);
        let failure = emit.failure(error);
        emit.fail(failure, &self.spent());
        self.stop = None;
    }
}
