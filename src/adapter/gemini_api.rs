//! Google's Interactions API, and `generateContent` and `streamGenerateContent`, with `alt=sse` or as a JSON array, as `curl -N` prints them.
//!
//! Source: recordings of the API, and its reference. Every chunk is a response of its own, and old versions say a
//! `finishReason` in each of them: a turn ends with the body, or where another response begins.

mod arguments;
mod interactions;

use super::prelude::*;

use arguments::Partial;
use interactions::Interaction;

pub(super) const SPEC: Spec = Spec {
    name: "gemini-api",
    aliases: &["generate-content"],
    versions: "captures of 2025 and 2026",
    about: "Gemini API, raw body",
    usage: "curl -N 'https://generativelanguage.googleapis.com/v1beta/models/MODEL:streamGenerateContent?alt=sse'",
    keys: "total_cached_tokens total_input_tokens total_output_tokens total_thought_tokens \
        total_tool_use_tokens consumedCredits created event_type interaction interaction_id object \
        remainingCredits response step traceId updated blockReason candidates candidatesTokenCount \
        candidatesTokensDetails createTime finishMessage finishReason functionCall jsonPath \
        modality modelVersion numberValue partialArgs parts promptFeedback promptTokenCount \
        promptTokensDetails responseId stringValue thought thoughtSignature thoughtsTokenCount \
        tokenCount totalTokenCount trafficType usageMetadata willContinue",
    detect,
    framing: Framing::Frames,
    new: |_| Box::new(Gemini::default()),
    ..Spec::LINES
};

fn detect(value: &Value) -> Match {
    let own = value.opt_text("event_type").is_some_and(|kind| kind != "error");
    if (own && interactions::is_event(value)) || value.opt_text("object") == Some("interaction") {
        return Match::Sure;
    }
    let value = inner(value);
    let has = |key: &str| value.get(key).is_some();
    let theirs = has("usageMetadata") || has("modelVersion") || has("promptFeedback");
    let response = theirs && (has("candidates") || has("promptFeedback"));
    let error = value.at("error");
    let refused = error.opt_text("status").is_some() && error.u64("code").is_some();
    let maybe = if theirs { Match::Maybe } else { Match::No };
    let said = value.pointer("/candidates/0/content").is_some();
    if said || response || refused { Match::Sure } else { maybe }
}

/// Code Assist wraps every response.
fn inner(value: &Value) -> &Value {
    let ours = |r: &&Value| r.get("candidates").is_some() || r.get("usageMetadata").is_some();
    value.get("response").filter(ours).unwrap_or(value)
}

#[derive(Default)]
struct Gemini {
    interaction: Interaction,
    id: String,
    stop: Option<String>,
    spent: UsageAndCost,
    texts: Currents,
    partial: Partial,
    /// How many pieces of code were run, which have no ids.
    code: u64,
}

impl Runtime for Gemini {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        if interactions::is_event(&value) {
            self.interaction.event(&value, emit);
        } else if value.opt_text("object") == Some("interaction") {
            self.interaction.whole(&value, emit);
        } else {
            self.response(inner(&value), emit);
        }
    }

    fn on_end(&mut self, tail: Tail, emit: &mut Emit<'_>) -> TurnVerdict {
        if emit.turn_open() {
            self.partial.start(emit);
            self.interaction.held.start_all(emit);
            if tail == Tail::Clean && !self.interaction.open {
                self.complete(emit);
            }
        }
        TurnVerdict::MissingResult
    }
}

impl Gemini {
    fn response(&mut self, value: &Value, emit: &mut Emit<'_>) {
        if let Some(error) = value.non_null("error") {
            self.partial.start(emit);
            emit.fail_with(error, &self.spent);
            return self.close();
        }
        let ours = ["candidates", "usageMetadata", "promptFeedback"];
        if !ours.iter().any(|key| value.get(key).is_some()) {
            return emit.status("info", "an unknown message", value.clone());
        }
        let id = value.text("responseId");
        if emit.turn_open() && !id.is_empty() && id != self.id && self.stop.is_some() {
            self.complete(emit);
        }
        if !emit.turn_open() {
            self.close();
            id.clone_into(&mut self.id);
            emit.begin(SPEC.name, value.opt_text("modelVersion"), None);
        }
        if let Some(usage) = value.get("usageMetadata").and_then(usage) {
            self.spent.usage = Some(usage);
            emit.note_spent(&self.spent);
        }
        let feedback = value.at("promptFeedback");
        if let Some(reason) = feedback.opt_text("blockReason") {
            emit.status("warning", "the prompt was blocked", feedback.clone());
            self.stop = Some(reason.to_owned());
        }
        for candidate in value.items("candidates") {
            let index = candidate.u64("index").unwrap_or(0);
            for part in candidate.at("content").items("parts") {
                self.part(index, part, emit);
            }
            if let Some(stop) = candidate.opt_text("finishReason")
                && (self.stop.is_none() || index == 0)
            {
                self.stop = Some(stop.to_owned());
            }
            if let Some(grounding) = candidate.get("groundingMetadata") {
                emit.status("info", "grounding", grounding.clone());
            }
        }
    }

    fn part(&mut self, index: u64, part: &Value, emit: &mut Emit<'_>) {
        let current = self.texts.of(index);
        if let Some(said) = part.opt_text("text") {
            current.delta((kind_of(part), &index.to_string()), said, emit);
        } else if let Some(call) = part.get("functionCall") {
            current.finish(emit);
            if call.is("willContinue") || self.partial.open.is_some() {
                return self.partial.add(call, emit);
            }
            let input = call.get("args").map(raw);
            let call = Call { id: call.text("id"), name: call.text("name"), ..Call::default() };
            emit.start_named(&call, input.as_deref());
        } else if let Some(code) = part.get("executableCode") {
            current.finish(emit);
            self.code += 1;
            let id = &format!("code_{}", self.code);
            let call = Call { id, name: "code_execution", ..Call::default() };
            emit.start_named(&call, Some(&raw(code)));
        } else if let Some(result) = part.get("codeExecutionResult") {
            let ok = result.text("outcome") == "OUTCOME_OK";
            emit.finish_call(&ToolEnd {
                id: &format!("code_{}", self.code),
                name: "code_execution",
                kind: "execute",
                outcome: if ok { "ok" } else { "error" },
                output: result.get("output").map(raw),
                ..ToolEnd::default()
            });
        } else if part.as_object().is_some_and(|p| !p.contains_key("thoughtSignature")) {
            emit.status("info", "content of another type", part.clone());
        }
    }

    fn complete(&mut self, emit: &mut Emit<'_>) {
        self.partial.start(emit);
        if let Some(stop) = self.stop.take() {
            emit.complete(&stop, None, &self.spent);
            self.close();
        }
    }

    /// Forgets the turn that has ended.
    fn close(&mut self) {
        let interaction = std::mem::take(&mut self.interaction);
        *self = Self { interaction, code: self.code, ..Self::default() };
    }
}

/// Tokens in this API's words, counted over the whole response; thoughts are apart from the candidates.
pub(super) fn usage(usage: &Value) -> Option<Usage> {
    let reasoning_tokens = usage.u64("thoughtsTokenCount");
    let outputs = [usage.u64("candidatesTokenCount"), reasoning_tokens];
    let usage = Usage {
        input_tokens: usage.u64("promptTokenCount"),
        output_tokens: outputs.into_iter().flatten().reduce(u64::saturating_add),
        cache_read_tokens: usage.u64("cachedContentTokenCount"),
        reasoning_tokens,
        ..Usage::default()
    };
    usage.input_tokens.or(usage.output_tokens).map(|_| usage)
}

/// The kind of a part with a text.
pub(super) fn kind_of(part: &Value) -> TextKind {
    if part.is("thought") { TextKind::Reasoning } else { TextKind::Answer }
}
