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
    keys: "audio executed_tools expires_at reasoning_details search_results transcript accepted_prediction_tokens audio_tokens cached_tokens channel choices completion_time \
        completion_tokens completion_tokens_details content_filter_results cost_details created \
        detected failed_generation filtered finish_reason format function hate image_tokens \
        is_byok jailbreak logprobs native_finish_reason obfuscation object odd \
        prompt_filter_results prompt_index prompt_time prompt_tokens prompt_tokens_details \
        queue_time reasoning reasoning_content reasoning_details reasoning_tokens reference_ids \
        refusal rejected_prediction_tokens seed self_harm severity sexual status_code \
        system_fingerprint tool_calls total_time upstream_inference_completions_cost \
        upstream_inference_cost upstream_inference_prompt_cost violence x_groq",
    detect,
    framing: Framing::Frames,
    new: |_| Box::new(Chat::default()),
    ..Spec::LINES
};

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    let object = value.text("object");
    let choices = value.get("choices").is_some_and(Value::is_array);
    if choices && object.starts_with("chat.completion") {
        return Match::Sure;
    }
    if choices && object == "text_completion" {
        return Match::Sure;
    }
    let choice = value.pointer("/choices/0");
    let said = choice.is_some_and(|c| c.get("delta").or_else(|| c.get("message")).is_some());
    if said || (choices && has("prompt_filter_results")) {
        return Match::Sure;
    }
    let error = value.get("error").filter(|_| !has("type"));
    let known = ["param", "code", "type"];
    let known = |e: &Value| known.iter().any(|key| e.get(key).is_some());
    match error {
        Some(error) if error.opt_text("message").is_some() && known(error) => Match::Maybe,
        _ => Match::No,
    }
}

#[derive(Default)]
struct Chat {
    /// The response that is being read, and the one whose turn has ended.
    id: String,
    /// The index of the first choice, where each chunk has an id and an index of its own.
    first: Option<u64>,
    over: Option<String>,
    stop: Option<String>,
    spent: Spent,
    texts: Currents,
    held: HeldTools,
}

impl Runtime for Chat {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        let error = value.non_null("error");
        let choices = value.at("choices").as_array();
        if choices.is_none() && error.is_none() {
            return emit.status("info", "an unknown message", value);
        }
        let id = value.text("id");
        if !emit.turn_open() && self.over.as_deref() == Some(id) {
            return emit.late(&value);
        }
        self.begin(id, &value, emit);
        let usage = value.get("usage").filter(|u| u.is_object());
        if let Some(usage) = usage.or_else(|| value.pointer("/x_groq/usage")) {
            self.spent = spent(usage);
            emit.note_spent(&self.spent);
        }
        let rotated = id != self.id;
        for choice in choices.into_iter().flatten() {
            self.choice(choice, rotated, emit);
        }
        let choice = |c: &'_ Value| c.non_null("error").cloned();
        let failed = choices.into_iter().flatten().find_map(choice);
        if let Some(error) = error.or(failed.as_ref()) {
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

impl Chat {
    /// Opens the turn of a response; Azure's first chunk names neither it nor the model. Some servers give every chunk an id
    /// of its own, so another id alone does not begin another response.
    fn begin(&mut self, id: &str, value: &Value, emit: &mut Emit<'_>) {
        let begins = value.pointer("/choices/0").is_some_and(|choice| {
            choice.get("message").is_some() || choice.pointer("/delta/role").is_some()
        });
        if emit.turn_open()
            && begins
            && id != self.id
            && let Some(stop) = self.stop.take()
        {
            // The response before it did not say that it was done.
            self.complete(&stop, emit);
        } else if emit.turn_open() {
            return;
        }
        let model = value.opt_text("model").filter(|m| !m.is_empty());
        let empty = value.pointer("/choices/0").is_none() && value.get("error").is_none();
        if model.is_none() && empty {
            return;
        }
        self.close();
        id.clone_into(&mut self.id);
        emit.start_turn(&TurnStarted {
            runtime: SPEC.name.into(),
            model: model.map(Into::into),
            ..TurnStarted::default()
        });
    }

    fn choice(&mut self, choice: &Value, rotated: bool, emit: &mut Emit<'_>) {
        let index = choice.u64("index").unwrap_or(0);
        let first = *self.first.get_or_insert(index);
        let index = if rotated { first } else { index };
        let key = index.to_string();
        if let Some(said) = choice.opt_text("text") {
            self.texts.of(index).delta((TextKind::Answer, &key), said, emit);
        }
        let delta = choice.get("delta").or_else(|| choice.get("message"));
        if let Some(delta) = delta {
            let reasoning = ["reasoning_content", "reasoning"];
            let reasoning = reasoning.into_iter().find_map(|k| delta.opt_text(k));
            let details = details(delta, emit);
            let transcript = delta.pointer("/audio/transcript").and_then(Value::as_str);
            let texts = [
                (TextKind::Reasoning, reasoning.or(Some(String::as_str(&details)))),
                (TextKind::Answer, transcript),
                (TextKind::Answer, delta.opt_text("content")),
                (TextKind::Answer, delta.opt_text("refusal")),
            ];
            for (kind, said) in texts {
                let said = said.unwrap_or_default();
                self.texts.of(index).delta((kind, &key), said, emit);
            }
            if let Some(content) = delta.get("content").filter(|c| !c.is_string()) {
                self.parts((index, &key), TextKind::Answer, content, emit);
            }
            if let Some(data) = delta.pointer("/audio/data") {
                emit.status("info", "audio", serde_json::json!({"data": data}));
            }
            self.executed(delta, index, emit);
            let tools = delta.at("tool_calls").as_array();
            for (at, tool) in tools.into_iter().flatten().enumerate() {
                self.tool((index, at), tool, emit);
            }
            if let Some(function) = delta.get("function_call").filter(|f| f.is_object()) {
                self.function(&format!("{key}/f"), "", function, emit);
            }
        }
        let stop = choice.opt_text("finish_reason").filter(|r| !r.is_empty());
        if let Some(stop) = stop {
            self.texts.of(index).finish(emit);
            self.held.start_under(&format!("{key}/"), emit);
            // Of several choices the first one speaks for the turn.
            if self.stop.is_none() || index == 0 {
                self.stop = Some(stop.to_owned());
            }
        }
    }

    /// The tools that the server has run (Groq), by their index: first the call, then the same with its output.
    fn executed(&mut self, delta: &Value, index: u64, emit: &mut Emit<'_>) {
        let tools = delta.at("executed_tools").as_array();
        for (at, tool) in tools.into_iter().flatten().enumerate() {
            self.texts.of(index).finish(emit);
            let number = tool.u64("index").unwrap_or(at as u64);
            let (id, name) =
                (format!("executed_{number}"), tool.opt_text("type").unwrap_or("tool"));
            let input = arguments(tool.get("arguments"));
            emit.tool(&id, name, input.as_ref());
            if let Some(output) = tool.non_null("output") {
                let output = Some(output);
                emit.tool_done(&id, name, "unknown", output);
            }
            if let Some(results) = tool.non_null("search_results") {
                emit.status(
                    "progress",
                    name,
                    serde_json::json!({"id": id, "search_results": results}),
                );
            }
        }
    }

    /// Content that is no string: a list of parts, as models print it that think in the content; what is unknown is kept.
    fn parts(
        &mut self,
        (index, key): (u64, &str),
        kind: TextKind,
        content: &Value,
        emit: &mut Emit<'_>,
    ) {
        for part in content.as_array().into_iter().flatten() {
            match (part.get("thinking"), part.opt_text("text")) {
                (Some(thinking), _) if thinking.is_array() => {
                    self.parts((index, key), TextKind::Reasoning, thinking, emit);
                }
                (_, Some(said)) => self.texts.of(index).delta((kind, key), said, emit),
                _ => emit.status("info", "content of an unknown type", part.clone()),
            }
        }
        if !content.is_array() && !content.is_null() {
            emit.status("info", "content of an unknown shape", content.clone());
        }
    }

    /// A piece of a tool call, or a whole one; the one before it has all of its arguments.
    fn tool(&mut self, (choice, at): (u64, usize), tool: &Value, emit: &mut Emit<'_>) {
        let index = tool.u64("index");
        let index = index.unwrap_or(at as u64);
        let key = format!("{choice}/{index}");
        let id = tool.text("id");
        if !self.held.has(&key) {
            self.held.start_under(&format!("{choice}/"), emit);
            self.texts.of(choice).finish(emit);
        }
        let nothing = Value::Null;
        let function = tool.get("function").or_else(|| tool.get("custom"));
        self.function(&key, id, function.unwrap_or(&nothing), emit);
    }

    fn function(&mut self, key: &str, id: &str, function: &Value, emit: &mut Emit<'_>) {
        let name = function.text("name");
        self.held.begin(key, (id, name), emit);
        let arguments = function.opt_text("arguments").or_else(|| function.opt_text("input"));
        self.held.add(key, arguments.unwrap_or_default());
    }

    fn complete(&mut self, stop: &str, emit: &mut Emit<'_>) {
        self.held.start_all(emit);
        emit.complete(stop, None, &self.spent);
        self.close();
    }

    /// Forgets the turn that has ended.
    fn close(&mut self) {
        self.over = Some(std::mem::take(&mut self.id));
        self.first = None;
        self.stop = None;
        self.spent = Spent::default();
        self.texts = Currents::default();
        self.held = HeldTools::default();
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
fn spent(usage: &Value) -> Spent {
    let count = |pointer: &str| usage.pointer(pointer).and_then(Value::as_u64);
    let reasoning = count("/completion_tokens_details/reasoning_tokens");
    let output = count("/completion_tokens");
    let sum = count("/prompt_tokens").zip(output).map(|(input, output)| input + output);
    let beside = sum.zip(reasoning).map(|(sum, reasoning)| sum + reasoning);
    let apart =
        reasoning.filter(|n| *n > 0 && beside.is_some() && beside == count("/total_tokens"));
    Spent {
        usage: Some(Usage {
            input_tokens: count("/prompt_tokens"),
            output_tokens: output.map(|output| output + apart.unwrap_or(0)),
            cache_read_tokens: count("/prompt_tokens_details/cached_tokens"),
            cache_write_tokens: None,
            reasoning_tokens: reasoning,
            total_tokens: count("/total_tokens").filter(|_| count("/prompt_tokens").is_none()),
        }),
        cost_usd: usage.at("cost").as_f64(),
        ..Spent::default()
    }
}
