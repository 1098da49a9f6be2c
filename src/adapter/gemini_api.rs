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
        total_tokens total_tool_use_tokens consumedCredits content created delta event_type interaction interaction_id object \
        remainingCredits response signature step traceId updated blockReason candidates candidatesTokenCount candidatesTokensDetails createTime \
        finishMessage finishReason functionCall jsonPath modality modelVersion numberValue \
        partialArgs parts promptFeedback promptTokenCount promptTokensDetails responseId \
        stringValue thought thoughtSignature thoughtsTokenCount tokenCount totalTokenCount \
        trafficType usageMetadata willContinue",
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
    let said = value.pointer("/candidates/0/content").is_some();
    let error = value.at("error");
    let status = error.opt_text("status");
    let response = theirs && (has("candidates") || has("promptFeedback"));
    let refused = status.is_some() && error.get("code").is_some_and(Value::is_u64);
    if said || response || refused {
        Match::Sure
    } else if theirs {
        Match::Maybe
    } else {
        Match::No
    }
}

/// Code Assist wraps every response.
fn inner(value: &Value) -> &Value {
    value
        .get("response")
        .filter(|r| r.get("candidates").is_some() || r.get("usageMetadata").is_some())
        .unwrap_or(value)
}

#[derive(Default)]
struct Gemini {
    interaction: Interaction,
    id: String,
    stop: Option<String>,
    spent: Spent,
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

    fn on_end(&mut self, tail: Tail, emit: &mut Emit<'_>) -> Verdict {
        if emit.turn_open() {
            self.release(emit);
            self.interaction.release(emit);
            if tail == Tail::Clean && !self.interaction.open {
                self.complete(emit);
            }
        }
        Verdict::MissingResult
    }
}

impl Gemini {
    fn response(&mut self, value: &Value, emit: &mut Emit<'_>) {
        if let Some(error) = value.non_null("error") {
            self.release(emit);
            let failure = emit.failure(error);
            emit.fail(failure, &self.spent);
            self.close();
            return;
        }
        let ours = ["candidates", "usageMetadata", "promptFeedback"];
        if !ours.iter().any(|key| value.get(key).is_some()) {
            return emit.status("info", "an unknown message", value.clone());
        }
        self.begin(value, emit);
        if let Some(usage) = value.get("usageMetadata").and_then(usage) {
            self.spent.usage = Some(usage);
            emit.note_spent(&self.spent);
        }
        let feedback = value.at("promptFeedback");
        if let Some(reason) = feedback.opt_text("blockReason") {
            emit.status("warning", "the prompt was blocked", feedback.clone());
            self.stop = Some(reason.to_owned());
        }
        let candidates = value.at("candidates").as_array();
        for candidate in candidates.into_iter().flatten() {
            self.candidate(candidate, emit);
        }
    }

    fn begin(&mut self, value: &Value, emit: &mut Emit<'_>) {
        let id = value.text("responseId");
        if emit.turn_open() {
            if id.is_empty() || id == self.id || self.stop.is_none() {
                return;
            }
            self.complete(emit);
        }
        self.close();
        id.clone_into(&mut self.id);
        let model = value.opt_text("modelVersion");
        emit.start_turn(&TurnStarted {
            runtime: SPEC.name.into(),
            model: model.map(Into::into),
            ..TurnStarted::default()
        });
    }

    fn candidate(&mut self, candidate: &Value, emit: &mut Emit<'_>) {
        let index = candidate.u64("index").unwrap_or(0);
        let parts = candidate.pointer("/content/parts");
        for part in parts.and_then(Value::as_array).into_iter().flatten() {
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

    fn part(&mut self, index: u64, part: &Value, emit: &mut Emit<'_>) {
        let key = index.to_string();
        if let Some(said) = part.opt_text("text") {
            let thought = part.is("thought");
            let kind = if thought { TextKind::Reasoning } else { TextKind::Answer };
            let current = self.texts.of(index);
            current.delta((kind, &key), said, emit);
        } else if let Some(call) = part.get("functionCall") {
            self.texts.of(index).finish(emit);
            self.function(call, emit);
        } else if let Some(code) = part.get("executableCode") {
            self.texts.of(index).finish(emit);
            self.code += 1;
            let id = format!("code_{}", self.code);
            let input = raw(code);
            let call = Call { id: &id, name: "code_execution", ..Call::default() };
            emit.start_named(&call, Some(&input));
        } else if let Some(result) = part.get("codeExecutionResult") {
            let ok = result.opt_text("outcome") == Some("OUTCOME_OK");
            let end = ToolEnd {
                id: &format!("code_{}", self.code),
                name: "code_execution",
                kind: "execute",
                outcome: if ok { "ok" } else { "error" },
                output: result.get("output").map(raw),
                ..ToolEnd::default()
            };
            emit.finish_call(&end);
        } else if part.as_object().is_some_and(|p| !p.contains_key("thoughtSignature")) {
            emit.status("info", "content of another type", part.clone());
        }
    }

    /// A call comes whole, or in pieces that end with an empty one. It has an id only on some of Google's endpoints.
    fn function(&mut self, call: &Value, emit: &mut Emit<'_>) {
        let more = call.is("willContinue");
        if more || self.partial.is_open() {
            if call.get("name").is_some() {
                self.release(emit);
            }
            self.partial.add(call);
            if !more {
                self.release(emit);
            }
            return;
        }
        let id = call.text("id");
        let name = call.text("name");
        let input = call.get("args").map(raw);
        emit.start_named(&Call { id, name, ..Call::default() }, input.as_deref());
    }

    /// Starts the call whose arguments are being put together.
    fn release(&mut self, emit: &mut Emit<'_>) {
        if let Some((id, name, input)) = self.partial.take() {
            let input = raw(&input);
            emit.start_named(&Call { id: &id, name: &name, ..Call::default() }, Some(&input));
        }
    }

    fn complete(&mut self, emit: &mut Emit<'_>) {
        self.release(emit);
        if let Some(stop) = self.stop.take() {
            emit.complete(&stop, None, &self.spent);
            self.close();
        }
    }

    /// Forgets the turn that has ended.
    fn close(&mut self) {
        self.id.clear();
        self.stop = None;
        self.spent = Spent::default();
        self.texts = Currents::default();
        self.partial = Partial::default();
    }
}

/// Tokens in this API's words, counted over the whole response; thoughts are apart from the candidates.
pub(super) fn usage(usage: &Value) -> Option<Usage> {
    let count = |key: &str| usage.u64(key);
    let (said, thought) = (count("candidatesTokenCount"), count("thoughtsTokenCount"));
    let output = match (said, thought) {
        (None, None) => None,
        (said, thought) => Some(said.unwrap_or(0).saturating_add(thought.unwrap_or(0))),
    };
    let input = count("promptTokenCount");
    input.or(output).map(|_| Usage {
        input_tokens: input,
        output_tokens: output,
        cache_read_tokens: count("cachedContentTokenCount"),
        cache_write_tokens: None,
        reasoning_tokens: thought,
        total_tokens: None,
    })
}
