//! Amazon Bedrock: ConverseStream and Converse as JSON, or in the binary event stream as `curl` saves it, and
//! InvokeModelWithResponseStream with Anthropic's events inside.
//!
//! Source: AWS's API reference and captures of 2025 and 2026. `messageStop` and `metadata` come in either order; both end
//! the turn. An exception fails it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::anthropic::Anthropic;
use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "bedrock",
    aliases: &["aws-bedrock", "converse-stream"],
    versions: "captures of 2025 and 2026",
    about: "Amazon Bedrock, Converse and InvokeModel streams",
    usage: "curl -N https://bedrock-runtime.REGION.amazonaws.com/model/MODEL/converse-stream",
    keys: "bytes citation cacheReadInputTokens cacheWriteInputTokens chunk contentBlockDelta \
        contentBlockIndex contentBlockStart contentBlockStop inputTokens latencyMs messageStart \
        messageStop metadata metrics outputTokens p reasoningContent reasoningText start \
        stopReason toolResult toolUse toolUseId totalTokens cache_creation \
        cache_creation_input_tokens cache_read_input_tokens caller content_block stop_details \
        stop_reason stop_sequence url",
    detect,
    new: |_| Box::new(Bedrock::default()),
    ..Spec::FRAMES
};

fn detect(value: &Value) -> Match {
    let Some((key, inner)) = value.as_object().and_then(|fields| fields.iter().next()) else {
        return Match::No;
    };
    let sure = match key.as_str() {
        "messageStart" => inner.has("role"),
        "contentBlockStart" | "contentBlockDelta" | "contentBlockStop" => {
            inner.has("contentBlockIndex")
        }
        "messageStop" => inner.has("stopReason"),
        "metadata" => inner.pointer("/usage/inputTokens").is_some(),
        "chunk" => inner.has("bytes"),
        _ if key.ends_with("Exception") => inner.has("message"),
        _ => value.pointer("/output/message/content").and(value.get("stopReason")).is_some(),
    };
    if sure { Match::Sure } else { Match::No }
}

#[derive(Default)]
struct Bedrock {
    stop: Option<String>,
    spent: UsageAndCost,
    /// Result of a server's tool that is being read: block, id, outcome, content.
    result: Option<(String, String, &'static str, Vec<Value>)>,
    /// The adapter of the events inside `chunk`.
    inner: Anthropic,
}

impl Runtime for Bedrock {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        if value.get("output").is_some() {
            return self.whole(&value, emit);
        }
        for (key, inner) in value.as_object().into_iter().flatten() {
            self.event(key, inner, emit);
        }
    }

    fn on_end(&mut self, tail: Tail, emit: &mut Emit<'_>) -> TurnVerdict {
        if emit.turn_open() && tail == Tail::Clean && self.stop.is_some() {
            self.complete(emit);
        }
        self.inner.on_end(tail, emit)
    }
}

impl Bedrock {
    fn event(&mut self, name: &str, value: &Value, emit: &mut Emit<'_>) {
        let key = value.u64("contentBlockIndex").unwrap_or(0).to_string();
        match name {
            "messageStart" => self.begin(emit),
            "contentBlockStart" => self.block(&key, value.at("start"), emit),
            "contentBlockDelta" => self.block(&key, value.at("delta"), emit),
            "contentBlockStop" => self.stop_block(&key, emit),
            "messageStop" => {
                self.stop = value.owned("stopReason");
                if let Some(more) = value.non_null("additionalModelResponseFields") {
                    emit.status("info", "more of the model", more.clone());
                }
            }
            "metadata" => {
                self.spent.usage = value.get("usage").map(usage);
                emit.note_spent(&self.spent);
            }
            "chunk" => self.chunk(value, emit),
            "p" => {}
            _ if name.ends_with("Exception") || name.ends_with("Error") || name == "message" => {
                let words = value.opt_text("message").or(value.as_str()).unwrap_or_default();
                if emit.over() {
                    emit.status("error", "an error after the turn", value.clone());
                } else {
                    emit.fail(failure(words, name, None), &self.spent);
                }
                (self.stop, self.spent) = (None, UsageAndCost::default());
            }
            _ => emit.other(name, value),
        }
        if self.stop.is_some() && self.spent.usage.is_some() {
            self.complete(emit);
        }
    }

    fn begin(&mut self, emit: &mut Emit<'_>) {
        if emit.turn_open() && self.stop.is_some() {
            self.complete(emit);
        }
        if !emit.turn_open() {
            (self.stop, self.spent) = (None, UsageAndCost::default());
            emit.begin(None, None);
        }
    }

    /// A block, or a piece of one: both have the same members.
    fn block(&mut self, key: &str, block: &Value, emit: &mut Emit<'_>) {
        for (name, value) in block.as_object().into_iter().flatten() {
            match (name.as_str(), value) {
                ("text", _) => emit.text_field((TextKind::Answer, key), block, "text"),
                ("reasoningContent", _) => {
                    let inner = value.get("reasoningText").unwrap_or(value);
                    emit.text_field((TextKind::Reasoning, key), inner, "text");
                }
                ("toolUse", _) => {
                    emit.hold(key, (value.text("toolUseId"), value.text("name")));
                    match value.get("input") {
                        Some(Value::String(piece)) => emit.add_arguments(key, piece),
                        Some(input) => emit.add_arguments(key, &raw(input)),
                        None => {}
                    }
                }
                ("toolResult", Value::Array(more)) => {
                    if let Some(result) = self.result.as_mut().filter(|result| result.0 == key) {
                        result.3.extend(more.iter().cloned());
                    }
                }
                ("toolResult", _) => {
                    let id = value.text("toolUseId").to_owned();
                    let outcome = if value.text("status") == "error" { "error" } else { "ok" };
                    let content = value.items("content").cloned().collect();
                    self.result = Some((key.to_owned(), id, outcome, content));
                }
                _ => emit.status("info", &format!("content of type {name:?}"), value.clone()),
            }
        }
    }

    fn stop_block(&mut self, key: &str, emit: &mut Emit<'_>) {
        emit.end_block(key);
        if let Some((_, id, outcome, content)) = self.result.take_if(|result| result.0 == key) {
            emit.tool_done(&id, "", outcome, Some(&content.into()));
        }
    }

    fn complete(&mut self, emit: &mut Emit<'_>) {
        let stop = self.stop.take().unwrap_or_default();
        emit.complete(&stop, None, &std::mem::take(&mut self.spent));
    }

    /// An answer of Converse that was not streamed.
    fn whole(&mut self, value: &Value, emit: &mut Emit<'_>) {
        self.begin(emit);
        let message = value.at("output").at("message");
        for (index, block) in message.items("content").enumerate() {
            self.block(&index.to_string(), block, emit);
            self.stop_block(&index.to_string(), emit);
        }
        self.spent.usage = value.get("usage").map(usage);
        self.stop = value.owned("stopReason");
        self.complete(emit);
    }

    /// An event of the model itself, in base64: Anthropic's, or one in the shapes of ConverseStream.
    fn chunk(&mut self, chunk: &Value, emit: &mut Emit<'_>) {
        let json = STANDARD.decode(chunk.text("bytes")).ok();
        let json = json.and_then(|json| String::from_utf8(json).ok()).unwrap_or_default();
        match serde_json::from_str::<Value>(&json).ok() {
            Some(value) if value.get("type").is_some() => {
                self.inner.on_message("", value, emit);
                emit.keep_unknown(&json);
            }
            Some(value) if detect(&value) == Match::Sure && value.get("chunk").is_none() => {
                self.on_message("", value, emit);
            }
            Some(value) => emit.status("info", "a chunk of another model", value),
            None => emit.status("info", "a chunk that cannot be read", chunk.clone()),
        }
    }
}

/// Tokens; those of the cache are counted beside the input.
fn usage(usage: &Value) -> Usage {
    let (read, written) = ("cacheReadInputTokens", "cacheWriteInputTokens");
    with_cache(tokens(usage, ["inputTokens", "outputTokens", read, written, ""]))
}
