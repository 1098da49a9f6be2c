//! OpenAI's Chat Completions, streamed or whole, as `curl -N` prints them, and what gateways make of them.
//!
//! Source: recordings of OpenAI, Azure, Groq and OpenRouter, and OpenAI's API reference. A turn ends at `[DONE]` or at the
//! end of the body, never at a `finish_reason`: an error may still come. A tool that the client is to run never finishes.

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
    framing: Framing::Frames,
    new: |_| Box::new(Chat::default()),
    ..Spec::LINES
};

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    let object = value.text("object");
    let ours = object.starts_with("chat.completion") || object == "text_completion";
    let choice = value.pointer("/choices/0").unwrap_or(&Value::Null);
    let said = choice.get("delta").or(choice.get("message")).is_some();
    let error = value.at("error");
    let known = ["param", "code", "type"].iter().any(|key| error.get(key).is_some());
    let sure = value.at("choices").is_array() && (ours || has("prompt_filter_results"));
    let maybe = known && !has("type") && error.opt_text("message").is_some();
    let maybe = if maybe { Match::Maybe } else { Match::No };
    if said || sure { Match::Sure } else { maybe }
}

#[derive(Default)]
struct Chat {
    /// The response that is being read, and the one whose turn has ended.
    id: String,
    /// The index of the first choice, where each chunk has an id and an index of its own.
    first: Option<u64>,
    over: Option<String>,
    stop: Option<String>,
    spent: UsageAndCost,
    texts: Currents,
    held: HeldTools,
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
            self.choice(choice, rotated, emit);
        }
        let failed = value.items("choices").find_map(|choice| choice.non_null("error"));
        if let Some(error) = error.or(failed) {
            self.held.start_all(emit);
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
        self.held.end(emit)
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
            // The response before it did not say that it was done.
            let Some(stop) = self.stop.take_if(|_| begins && id != self.id) else { return };
            self.complete(&stop, emit);
        }
        let model = value.filled("model");
        if model.is_some() || first.is_some() || value.get("error").is_some() {
            self.close();
            id.clone_into(&mut self.id);
            emit.begin(SPEC.name, model, None);
        }
    }

    fn choice(&mut self, choice: &Value, rotated: bool, emit: &mut Emit<'_>) {
        let index = choice.u64("index").unwrap_or(0);
        let first = *self.first.get_or_insert(index);
        let index = if rotated { first } else { index };
        let key = index.to_string();
        let texts = self.texts.of(index);
        texts.delta((TextKind::Answer, &key), choice.text("text"), emit);
        let delta = choice.get("delta").or(choice.get("message")).unwrap_or(&Value::Null);
        let details = details(delta, emit);
        let reasoning = delta.opt_text("reasoning_content").or(delta.opt_text("reasoning"));
        for (kind, said) in [
            (TextKind::Reasoning, reasoning.unwrap_or(&details)),
            (TextKind::Answer, delta.at("audio").text("transcript")),
            (TextKind::Answer, delta.text("content")),
            (TextKind::Answer, delta.text("refusal")),
        ] {
            texts.delta((kind, &key), said, emit);
        }
        parts(texts, (TextKind::Answer, &key), delta.at("content"), emit);
        if let Some(data) = delta.pointer("/audio/data") {
            emit.status("info", "audio", serde_json::json!({"data": data}));
        }
        for (at, tool) in delta.items("executed_tools").enumerate() {
            texts.finish(emit);
            executed(at, tool, emit);
        }
        for (at, tool) in delta.items("tool_calls").enumerate() {
            let place = format!("{key}/{}", tool.u64("index").unwrap_or(at as u64));
            // The call before it has all of its arguments.
            if !self.held.has(&place) {
                self.held.start_under(&format!("{key}/"), emit);
                texts.finish(emit);
            }
            let function = tool.get("function").or(tool.get("custom")).unwrap_or(&Value::Null);
            let arguments = function.opt_text("arguments").unwrap_or(function.text("input"));
            let tool = (tool.text("id"), function.text("name"));
            self.held.piece(&place, tool, arguments, emit);
        }
        if let Some(function) = delta.get("function_call").filter(|f| f.is_object()) {
            let arguments = function.opt_text("arguments").unwrap_or(function.text("input"));
            self.held.piece(&format!("{key}/f"), ("", function.text("name")), arguments, emit);
        }
        if let Some(stop) = choice.filled("finish_reason") {
            texts.finish(emit);
            self.held.start_under(&format!("{key}/"), emit);
            // Of several choices the first one speaks for the turn.
            if self.stop.is_none() || index == 0 {
                self.stop = Some(stop.to_owned());
            }
        }
    }

    fn complete(&mut self, stop: &str, emit: &mut Emit<'_>) {
        self.held.start_all(emit);
        emit.complete(stop, None, &self.spent);
        self.close();
    }

    /// Forgets the turn that has ended.
    fn close(&mut self) {
        *self = Self { over: Some(std::mem::take(&mut self.id)), ..Self::default() };
    }
}

/// Content that is no string: a list of parts, some of them thoughts; what is unknown is kept.
fn parts(texts: &mut Current, (kind, key): (TextKind, &str), content: &Value, emit: &mut Emit<'_>) {
    for part in content.as_array().into_iter().flatten() {
        match (part.at("thinking"), part.opt_text("text")) {
            (thinking @ Value::Array(_), _) => {
                parts(texts, (TextKind::Reasoning, key), thinking, emit);
            }
            (_, Some(said)) => texts.delta((kind, key), said, emit),
            _ => emit.status("info", "content of an unknown type", part.clone()),
        }
    }
    if !matches!(content, Value::Null | Value::String(_) | Value::Array(_)) {
        emit.status("info", "content of an unknown shape", content.clone());
    }
}

/// A tool that the server has run (Groq), by its index: first the call, then the same with its output.
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

/// OpenRouter's `reasoning_details`: their texts and summaries. What is encrypted is kept as a status.
fn details(delta: &Value, emit: &mut Emit<'_>) -> String {
    let mut said = String::new();
    for detail in delta.items("reasoning_details") {
        match detail.opt_text("text").or(detail.opt_text("summary")) {
            Some(text) => said.push_str(text),
            None => emit.status("info", "reasoning of another type", detail.clone()),
        }
    }
    said
}

/// The usage of a response, in this API's words; the gateways' cost is in US dollars. xAI counts the reasoning beside the
/// completion and not in it, which its total shows.
fn usage_of(usage: &Value) -> UsageAndCost {
    let (input, output) = (usage.u64("prompt_tokens"), usage.u64("completion_tokens"));
    let (total, details) = (usage.u64("total_tokens"), usage.at("completion_tokens_details"));
    let reasoning = details.u64("reasoning_tokens");
    let sum = input.zip(output).zip(reasoning).map(|((input, output), n)| input + output + n);
    let beside = reasoning.filter(|_| sum.is_some() && sum == total).unwrap_or(0);
    UsageAndCost {
        usage: Some(Usage {
            input_tokens: input,
            output_tokens: output.map(|output| output + beside),
            cache_read_tokens: usage.at("prompt_tokens_details").u64("cached_tokens"),
            cache_write_tokens: None,
            reasoning_tokens: reasoning,
            total_tokens: total.filter(|_| input.is_none()),
        }),
        cost_usd: usage.at("cost").as_f64(),
        ..UsageAndCost::default()
    }
}
