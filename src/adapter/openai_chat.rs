//! OpenAI's Chat Completions, streamed or whole, as `curl -N` prints them, and what gateways make of them.
//!
//! Source: recordings of OpenAI, Azure, Groq and OpenRouter; OpenAI's API reference. A turn ends at `[DONE]` or at the end of
//! the body, never at a `finish_reason`: an error may still come. Tools of the client never finish.

use std::borrow::Cow;

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "openai-chat",
    aliases: &["chat-completions"],
    versions: "captures of OpenAI, Azure, Groq, OpenRouter",
    about: "OpenAI Chat Completions, raw body",
    usage: "curl -N https://api.openai.com/v1/chat/completions -d '{\"stream\":true,...}'",
    keys: "audio executed_tools expires_at reasoning_details search_results transcript \
        accepted_prediction_tokens audio_tokens cached_tokens channel choices completion_time \
        completion_tokens completion_tokens_details content_filter_results cost_details created \
        detected failed_generation filtered finish_reason format function hate image_tokens \
        is_byok jailbreak logprobs native_finish_reason obfuscation object odd \
        prompt_filter_results prompt_index prompt_time prompt_tokens prompt_tokens_details \
        queue_time reasoning reasoning_content reasoning_tokens reference_ids refusal \
        rejected_prediction_tokens seed self_harm severity sexual status_code system_fingerprint \
        tool_calls total_time upstream_inference_completions_cost upstream_inference_cost \
        upstream_inference_prompt_cost violence x_groq",
    detect,
    new: |_| Box::new(Chat::default()),
    ..Spec::FRAMES
};

fn detect(value: &Value) -> Match {
    let object = value.text("object");
    let ours = object.starts_with("chat.completion") || object == "text_completion";
    let choice = value.pointer("/choices/0").unwrap_or(&Value::Null);
    let text = choice.has("delta") || choice.has("message");
    let error = value.at("error");
    let known = ["param", "code", "type"].iter().any(|key| error.has(key));
    let sure = value.at("choices").is_array() && (ours || value.has("prompt_filter_results"));
    let maybe = known && !value.has("type") && error.opt_text("message").is_some();
    let maybe = if maybe { Match::Maybe } else { Match::No };
    if text || sure { Match::Sure } else { maybe }
}

#[derive(Default)]
struct Chat {
    id: String,
    /// Index of the first choice, where each chunk has an id and an index of its own.
    first: Option<u64>,
    over: Option<String>,
    stop: Option<String>,
    spent: UsageAndCost,
}

impl Runtime for Chat {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        let error = value.non_null("error");
        if !value.at("choices").is_array() && error.is_none() {
            return emit.status("info", "an unknown message", value);
        }
        let id = value.text("id");
        if !emit.turn_open() && self.over.as_deref() == Some(id) {
            return emit.late(&value);
        }
        self.begin(id, &value, emit);
        let usage = value.get("usage").filter(|u| u.is_object());
        if let Some(usage) = usage.or_else(|| value.pointer("/x_groq/usage")) {
            self.spent = usage_of(usage);
            emit.note_spent(&self.spent);
        }
        let rotated = id != self.id;
        for choice in value.items("choices") {
            let index = choice.u64("index").unwrap_or(0);
            let first = *self.first.get_or_insert(index);
            self.choice(choice, if rotated { first } else { index }, emit);
        }
        let failed = value.items("choices").find_map(|choice| choice.non_null("error"));
        if let Some(error) = error.or(failed) {
            emit.fail_with(error, &self.spent);
            self.close();
        }
    }

    fn on_done(&mut self, emit: &mut Emit<'_>) {
        if emit.turn_open() {
            let stop = self.stop.take().unwrap_or_else(|| "done".into());
            self.complete(&stop, emit);
        }
    }

    fn on_end(&mut self, tail: Tail, emit: &mut Emit<'_>) -> TurnVerdict {
        if let Some(stop) = self.stop.take().filter(|_| emit.turn_open() && tail == Tail::Clean) {
            self.complete(&stop, emit);
        }
        TurnVerdict::MissingResult
    }
}

impl Chat {
    /// Opens the turn of a response; Azure's first chunk names neither it nor the model. Some servers give every chunk an id
    /// of its own, so another id alone does not begin another response.
    fn begin(&mut self, id: &str, value: &Value, emit: &mut Emit<'_>) {
        let first = value.pointer("/choices/0");
        if emit.turn_open() {
            let begins = first.is_some_and(|choice| {
                choice.get("message").is_some() || choice.pointer("/delta/role").is_some()
            });
            // The response before it ended without `[DONE]`.
            let Some(stop) = self.stop.take_if(|_| begins && id != self.id) else { return };
            self.complete(&stop, emit);
        }
        let model = value.filled("model");
        if model.is_some() || first.is_some() || value.get("error").is_some() {
            self.close();
            id.clone_into(&mut self.id);
            emit.begin(model, None);
        }
    }

    fn choice(&mut self, choice: &Value, index: u64, emit: &mut Emit<'_>) {
        let key = index.to_string();
        emit.alternate((TextKind::Answer, &key), choice.text("text"));
        let delta = choice.get("delta").or(choice.get("message")).unwrap_or(&Value::Null);
        let details = details(delta, emit);
        let reasoning = delta.opt_text("reasoning_content").or(delta.opt_text("reasoning"));
        for (kind, delta) in [
            (TextKind::Reasoning, reasoning.unwrap_or(&details)),
            (TextKind::Answer, delta.at("audio").text("transcript")),
            (TextKind::Answer, delta.text("content")),
            (TextKind::Answer, delta.text("refusal")),
        ] {
            emit.alternate((kind, &key), delta);
        }
        parts((TextKind::Answer, &key), delta.at("content"), emit);
        if let Some(data) = delta.pointer("/audio/data") {
            emit.status("info", "audio", serde_json::json!({"data": data}));
        }
        for (at, tool) in delta.items("executed_tools").enumerate() {
            emit.finish_texts(&key);
            executed(at, tool, emit);
        }
        for (at, tool) in delta.items("tool_calls").enumerate() {
            let place = format!("{key}/{}", tool.u64("index").unwrap_or(at as u64));
            // The call before it has all of its arguments.
            if !emit.holds(&place) {
                emit.start_held_under(&format!("{key}/"));
                emit.finish_texts(&key);
            }
            let function = tool.get("function").or(tool.get("custom")).unwrap_or(&Value::Null);
            let names = (tool.text("id"), function.text("name"));
            emit.hold_piece(&place, names, &piece(function));
        }
        if let Some(function) = delta.get("function_call").filter(|f| f.is_object()) {
            emit.hold_piece(&format!("{key}/f"), ("", function.text("name")), &piece(function));
        }
        if let Some(stop) = choice.filled("finish_reason") {
            emit.finish_texts(&key);
            emit.start_held_under(&format!("{key}/"));
            // Of several choices the first one decides for the turn.
            if self.stop.is_none() || index == 0 {
                self.stop = Some(stop.to_owned());
            }
        }
    }

    fn complete(&mut self, stop: &str, emit: &mut Emit<'_>) {
        emit.complete(stop, None, &self.spent);
        self.close();
    }

    fn close(&mut self) {
        *self = Self { over: Some(std::mem::take(&mut self.id)), ..Self::default() };
    }
}

/// Piece of a call's arguments: text, or from some servers the object itself.
fn piece(function: &Value) -> Cow<'_, str> {
    match function.non_null("arguments").or(function.get("input")) {
        Some(Value::String(text)) => text.into(),
        Some(value) if !value.is_null() => raw(value),
        _ => "".into(),
    }
}

/// Content that is no string: a list of parts, some of them thoughts; unknown parts become statuses.
fn parts((kind, key): (TextKind, &str), content: &Value, emit: &mut Emit<'_>) {
    for part in content.as_array().into_iter().flatten() {
        match (part.at("thinking"), part.opt_text("text")) {
            (thinking @ Value::Array(_), _) => {
                parts((TextKind::Reasoning, key), thinking, emit);
            }
            (_, Some(text)) => emit.alternate((kind, key), text),
            _ => emit.status("info", "content of an unknown type", part.clone()),
        }
    }
    if !matches!(content, Value::Null | Value::String(_) | Value::Array(_)) {
        emit.status("info", "content of an unknown shape", content.clone());
    }
}

/// Tool that the server has run (Groq), by its index: first the call, then the same with its output.
fn executed(at: usize, tool: &Value, emit: &mut Emit<'_>) {
    let id = format!("executed_{}", tool.u64("index").unwrap_or(at as u64));
    let name = tool.opt_text("type").unwrap_or("tool");
    emit.tool(&id, name, arguments(tool.get("arguments")).as_ref());
    if let Some(output) = tool.non_null("output") {
        emit.tool_done(&id, name, "unknown", Some(output));
    }
    if let Some(results) = tool.non_null("search_results") {
        let data = serde_json::json!({"id": id, "search_results": results});
        emit.status("progress", name, data);
    }
}

/// Texts and summaries of OpenRouter's `reasoning_details`. Encrypted details become statuses.
fn details(delta: &Value, emit: &mut Emit<'_>) -> String {
    let mut reasoning = String::new();
    for detail in delta.items("reasoning_details") {
        match detail.opt_text("text").or(detail.opt_text("summary")) {
            Some(text) => reasoning.push_str(text),
            None => emit.status("info", "reasoning of another type", detail.clone()),
        }
    }
    reasoning
}

/// Usage of a response; a gateway's cost is in US dollars. xAI counts the reasoning beside the completion and not in it,
/// which its total shows.
fn usage_of(usage: &Value) -> UsageAndCost {
    let reasoning = "completion_tokens_details/reasoning_tokens";
    let cached = "prompt_tokens_details/cached_tokens";
    let mut used = tokens(usage, ["prompt_tokens", "completion_tokens", cached, "", reasoning]);
    let (input, total) = (used.input_tokens, usage.u64("total_tokens"));
    if let (Some(input), Some(output), Some(beside)) =
        (input, used.output_tokens, used.reasoning_tokens)
        && total == Some(input.saturating_add(output).saturating_add(beside))
    {
        used.output_tokens = Some(output.saturating_add(beside));
    }
    used.total_tokens = total.filter(|_| input.is_none());
    UsageAndCost { cost_usd: usage.f64("cost"), ..Some(used).into() }
}
