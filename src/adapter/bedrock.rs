//! Amazon Bedrock: ConverseStream and Converse as JSON, or in the binary event stream as `curl` saves it, and
//! InvokeModelWithResponseStream with Anthropic's events inside.
//!
//! Source: AWS's API reference and captures of 2025 and 2026. `messageStop` and `metadata` come in either order; both end
//! the turn. An exception fails it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "bedrock",
    aliases: &["aws-bedrock", "converse-stream"],
    versions: "captures of 2025 and 2026",
    about: "Amazon Bedrock, Converse and InvokeModel streams",
    usage: "curl -N https://bedrock-runtime.REGION.amazonaws.com/model/MODEL/converse-stream",
    keys: "bytes citation cacheReadInputTokens cacheWriteInputTokens chunk contentBlockDelta contentBlockIndex \
        contentBlockStart contentBlockStop inputTokens latencyMs messageStart messageStop metadata \
        metrics outputTokens p reasoningContent reasoningText start stopReason toolResult toolUse \
        toolUseId totalTokens message cache_creation cache_creation_input_tokens \
        cache_read_input_tokens caller content_block stop_details stop_reason stop_sequence \
        partial_json url",
    detect,
    framing: Framing::Frames,
    new: |_| Box::new(Bedrock::default()),
    ..Spec::LINES
};

/// Names of the exceptions in a stream end so.
const EXCEPTION: &str = "Exception";

fn detect(value: &Value) -> Match {
    let Some((key, inner)) = value.as_object().and_then(|fields| fields.iter().next()) else {
        return Match::No;
    };
    let has = |key: &str| inner.get(key).is_some();
    let sure = match key.as_str() {
        "messageStart" => has("role"),
        "contentBlockStart" | "contentBlockDelta" | "contentBlockStop" => has("contentBlockIndex"),
        "messageStop" => has("stopReason"),
        "metadata" => inner.pointer("/usage/inputTokens").is_some(),
        "chunk" => has("bytes"),
        _ if key.ends_with(EXCEPTION) => has("message"),
        _ => {
            value.pointer("/output/message/content").is_some() && value.get("stopReason").is_some()
        }
    };
    if sure { Match::Sure } else { Match::No }
}

struct Bedrock {
    stop: Option<String>,
    spent: Spent,
    held: HeldTools,
    /// The result of a tool of the server that is being read: its block, its id, whether it failed, what it says.
    result: Option<(String, String, bool, Vec<Value>)>,
    /// The adapter of the events inside `chunk`.
    inner: Box<dyn Runtime>,
}

impl Default for Bedrock {
    fn default() -> Self {
        let inner = (super::anthropic::SPEC.new)(&[]);
        let (stop, spent) = (None, Spent::default());
        Self { stop, spent, held: HeldTools::default(), result: None, inner }
    }
}

impl Runtime for Bedrock {
    fn on_message(&mut self, event: &str, value: Value, emit: &mut Emit<'_>) {
        if value.get("output").is_some() {
            return self.whole(&value, emit);
        }
        for (key, inner) in value.as_object().into_iter().flatten() {
            self.event(event, (key, inner), emit);
        }
    }

    fn on_end(&mut self, tail: Tail, emit: &mut Emit<'_>) -> Verdict {
        if emit.turn_open() && tail == Tail::Clean && self.stop.is_some() {
            self.complete(emit);
        }
        if emit.turn_open() {
            self.held.start_all(emit);
        }
        self.inner.on_end(tail, emit)
    }
}

impl Bedrock {
    fn event(&mut self, event: &str, (name, value): (&str, &Value), emit: &mut Emit<'_>) {
        let index = value.u64("contentBlockIndex").unwrap_or(0);
        let key = index.to_string();
        match name {
            "messageStart" => self.begin(emit),
            "contentBlockStart" => {
                self.block(&key, value.at("start"), emit);
            }
            "contentBlockDelta" => {
                self.block(&key, value.at("delta"), emit);
            }
            "contentBlockStop" => self.stop_block(&key, emit),
            "messageStop" => {
                self.stop = value.opt_text("stopReason").map(str::to_owned);
                if let Some(more) = value.non_null("additionalModelResponseFields") {
                    emit.status("info", "more of the model", more.clone());
                }
                self.complete_if_whole(emit);
            }
            "metadata" => {
                self.spent.usage = value.get("usage").map(usage);
                emit.note_spent(&self.spent);
                self.complete_if_whole(emit);
            }
            "chunk" => self.chunk(event, value, emit),
            "p" => {}
            _ if name.ends_with(EXCEPTION) || name.ends_with("Error") || name == "message" => {
                let words = value.opt_text("message").or(value.as_str()).unwrap_or_default();
                if !emit.error_after_turn(value) {
                    self.held.start_all(emit);
                    emit.fail(failure(words, name, None), &self.spent);
                }
                (self.stop, self.spent) = (None, Spent::default());
            }
            _ => emit.status("info", &format!("message of type {name:?}"), value.clone()),
        }
    }

    fn begin(&mut self, emit: &mut Emit<'_>) {
        if emit.turn_open() && self.stop.is_some() {
            self.complete(emit);
        }
        if !emit.turn_open() {
            (self.stop, self.spent) = (None, Spent::default());
            let runtime = SPEC.name.into();
            emit.start_turn(&TurnStarted { runtime, ..TurnStarted::default() });
        }
    }

    /// A block, or a piece of one: both have the same members.
    fn block(&mut self, key: &str, block: &Value, emit: &mut Emit<'_>) {
        for (name, value) in block.as_object().into_iter().flatten() {
            match (name.as_str(), value) {
                ("text", _) => {
                    let said = said_at(block, "text", emit);
                    emit.delta(&text(TextKind::Answer, key), said);
                }
                ("reasoningContent", _) => {
                    let inner = value.get("reasoningText").unwrap_or(value);
                    let said = said_at(inner, "text", emit);
                    emit.delta(&text(TextKind::Reasoning, key), said);
                }
                ("toolUse", _) => {
                    let field = |name| value.text(name);
                    self.held.begin(key, (field("toolUseId"), field("name")), emit);
                    match value.get("input") {
                        Some(Value::String(piece)) => self.held.add(key, piece),
                        Some(input) => self.held.add(key, &raw(input)),
                        None => {}
                    }
                }
                ("toolResult", Value::Array(more)) => {
                    let result = self.result.as_mut().filter(|result| result.0 == key);
                    result.into_iter().for_each(|result| result.3.extend(more.iter().cloned()));
                }
                ("toolResult", _) => {
                    let id = value.text("toolUseId").to_owned();
                    let failed = value.opt_text("status") == Some("error");
                    let content = value.at("content").as_array().cloned();
                    self.result = Some((key.to_owned(), id, failed, content.unwrap_or_default()));
                }
                _ => emit.status("info", &format!("content of type {name:?}"), value.clone()),
            }
        }
    }

    fn stop_block(&mut self, key: &str, emit: &mut Emit<'_>) {
        for kind in [TextKind::Answer, TextKind::Reasoning] {
            emit.finish_block(&text(kind, key), None);
        }
        self.held.start(key, emit);
        if let Some((_, id, failed, content)) = self.result.take_if(|result| result.0 == key) {
            let outcome = if failed { "error" } else { "ok" };
            let output = Some(&Value::from(content));
            emit.tool_done(&id, "", outcome, output);
        }
    }

    fn complete_if_whole(&mut self, emit: &mut Emit<'_>) {
        if self.stop.is_some() && self.spent.usage.is_some() {
            self.complete(emit);
        }
    }

    fn complete(&mut self, emit: &mut Emit<'_>) {
        self.held.start_all(emit);
        let stop = self.stop.take().unwrap_or_default();
        emit.complete(&stop, None, &std::mem::take(&mut self.spent));
    }

    /// An answer of Converse that was not streamed.
    fn whole(&mut self, value: &Value, emit: &mut Emit<'_>) {
        self.begin(emit);
        let blocks = value.pointer("/output/message/content").and_then(Value::as_array);
        for (index, block) in blocks.into_iter().flatten().enumerate() {
            self.block(&index.to_string(), block, emit);
            self.stop_block(&index.to_string(), emit);
        }
        self.spent.usage = value.get("usage").map(usage);
        self.stop = value.opt_text("stopReason").map(str::to_owned);
        self.complete(emit);
    }

    /// An event of the model itself, in base64: Anthropic's, or one in the shapes of ConverseStream.
    fn chunk(&mut self, event: &str, chunk: &Value, emit: &mut Emit<'_>) {
        let bytes = STANDARD.decode(chunk.text("bytes"));
        let json = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let value = json.as_deref().and_then(|json| serde_json::from_str::<Value>(json).ok());
        match value {
            Some(value) if value.get("type").is_some() => {
                let unknown = emit.unknown(&value);
                self.inner.on_message("", value, emit);
                emit.keep(unknown);
            }
            Some(value) if detect(&value) == Match::Sure && value.get("chunk").is_none() => {
                self.on_message(event, value, emit);
            }
            Some(value) => emit.status("info", "a chunk of another model", value),
            None => emit.status("info", "a chunk that cannot be read", chunk.clone()),
        }
    }
}

/// Tokens in Bedrock's words; what the cache gave and took is apart from the input.
fn usage(usage: &Value) -> Usage {
    let count = |key: &str| usage.u64(key);
    let (read, written) = (count("cacheReadInputTokens"), count("cacheWriteInputTokens"));
    let cached = read.unwrap_or(0).saturating_add(written.unwrap_or(0));
    Usage {
        input_tokens: count("inputTokens").map(|input| input.saturating_add(cached)),
        output_tokens: count("outputTokens"),
        cache_read_tokens: read,
        cache_write_tokens: written,
        ..Usage::default()
    }
}
