//! Google's Interactions API, and `generateContent` and `streamGenerateContent`, with `alt=sse` or as a JSON array, as `curl -N` prints them.
//!
//! Source: recordings of the API, and its reference. Every chunk is a response of its own, in old versions with a
//! `finishReason` each: a turn ends with the body, or where another response begins.

mod interactions;

use super::prelude::*;
use serde_json::Map;

use crate::codec::MAX_LINE;
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
    new: |_| Box::new(Gemini::default()),
    ..Spec::FRAMES
};

fn detect(value: &Value) -> Match {
    let own = value.opt_text("event_type").is_some_and(|kind| kind != "error");
    if (own && interactions::is_event(value)) || value.opt_text("object") == Some("interaction") {
        return Match::Sure;
    }
    let value = inner(value);
    let known = ["usageMetadata", "modelVersion", "promptFeedback"];
    let known = known.into_iter().any(|key| value.has(key));
    let response = known && (value.has("candidates") || value.has("promptFeedback"));
    let error = value.at("error");
    let refused = error.opt_text("status").is_some() && error.u64("code").is_some();
    let maybe = if known { Match::Maybe } else { Match::No };
    let content = value.pointer("/candidates/0/content").is_some();
    if content || response || refused { Match::Sure } else { maybe }
}

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
    partial: Partial,
    code: Code,
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
            emit.begin(value.opt_text("modelVersion"), None);
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
        let key = index.to_string();
        if let Some(text) = part.opt_text("text") {
            emit.alternate((kind_of(part), &key), text);
        } else if let Some(call) = part.non_null("functionCall") {
            emit.finish_texts(&key);
            if call.is("willContinue") || self.partial.open.is_some() {
                return self.partial.add(call, emit);
            }
            emit.tool(call.text("id"), call.text("name"), call.get("args"));
        } else if part.non_null("executableCode").is_some() {
            emit.finish_texts(&key);
            self.code.part(part, emit);
        } else if !self.code.part(part, emit) && !part.has("thoughtSignature") {
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

    fn close(&mut self) {
        let interaction = std::mem::take(&mut self.interaction);
        *self = Self { interaction, code: Code(self.code.0), ..Self::default() };
    }
}

/// Code that the server runs, which has no ids: the number of pieces so far.
#[derive(Default)]
pub(super) struct Code(u64);

impl Code {
    /// Emits a part with code or with its result; `false` if it has neither.
    pub(super) fn part(&mut self, part: &Value, emit: &mut Emit<'_>) -> bool {
        let name = "code_execution";
        if let Some(code) = part.non_null("executableCode") {
            self.0 += 1;
            emit.tool(&format!("code_{}", self.0), name, Some(code));
        } else if let Some(result) = part.non_null("codeExecutionResult") {
            let outcome = if result.text("outcome") == "OUTCOME_OK" { "ok" } else { "error" };
            emit.tool_done(&format!("code_{}", self.0), name, outcome, result.get("output"));
        } else {
            return false;
        }
        true
    }
}

/// Tokens of a whole response; thoughts are counted beside the candidates.
pub(super) fn usage(usage: &Value) -> Option<Usage> {
    let (input, output) = ("promptTokenCount", "candidatesTokenCount");
    let used = tokens(usage, [input, output, "cachedContentTokenCount", "", "thoughtsTokenCount"]);
    let outputs = [used.output_tokens, used.reasoning_tokens];
    let output_tokens = outputs.into_iter().flatten().reduce(u64::saturating_add);
    used.input_tokens.or(output_tokens).map(|_| Usage { output_tokens, ..used })
}

/// The kind of a part with a text.
pub(super) fn kind_of(part: &Value) -> TextKind {
    if part.is("thought") { TextKind::Reasoning } else { TextKind::Answer }
}

/// Longest path, in steps.
const MAX_DEPTH: usize = 64;

/// Highest index of a list.
const MAX_INDEX: usize = 4096;

/// The function call that is being put together: its arguments come in pieces, each with its JSON path.
#[derive(Debug, Default)]
struct Partial {
    open: Option<(String, String, Value)>,
    length: usize,
}

impl Partial {
    /// Adds a piece: one with a name begins another call, and one without `willContinue` is the last.
    fn add(&mut self, piece: &Value, emit: &mut Emit<'_>) {
        if piece.get("name").is_some() {
            self.start(emit);
        }
        let (.., input) = self.open.get_or_insert_with(|| {
            let text = |key| piece.text(key).to_owned();
            (text("id"), text("name"), Map::new().into())
        });
        if let Some(whole) = piece.get("args").filter(|a| a.is_object()) {
            *input = whole.clone();
        }
        for part in piece.items("partialArgs") {
            let Some(place) = place(input, part.text("jsonPath")) else { continue };
            let value = part.get("numberValue").or(part.get("boolValue"));
            let text = part.opt_text("stringValue");
            self.length += text.map_or(0, str::len);
            match (place, text) {
                (Value::String(known), Some(text)) if self.length <= MAX_LINE => {
                    known.push_str(text);
                }
                (Value::String(_), Some(_)) => {}
                (place, Some(text)) => *place = text.into(),
                (place, None) => *place = value.cloned().unwrap_or_default(),
            }
        }
        if !piece.is("willContinue") {
            self.start(emit);
        }
    }

    /// Starts the call, if one is open.
    fn start(&mut self, emit: &mut Emit<'_>) {
        self.length = 0;
        if let Some((id, name, input)) = self.open.take() {
            emit.tool(&id, &name, Some(&input));
        }
    }
}

/// The value at a path such as `$.a.b[0]` or `$['a']`, made if it is not there.
fn place<'v>(root: &'v mut Value, path: &str) -> Option<&'v mut Value> {
    let mut at = root;
    let steps = path.strip_prefix('$').unwrap_or(path).split(['.', '[']);
    let steps = steps.filter(|step| !step.is_empty());
    for step in steps.take(MAX_DEPTH) {
        let step = step.trim_end_matches(']').trim_matches(['\'', '"']);
        if let Ok(index) = step.parse::<usize>()
            && !at.is_object()
        {
            if !at.is_array() {
                *at = Value::Array(Vec::new());
            }
            let list = at.as_array_mut().filter(|_| index <= MAX_INDEX)?;
            list.resize(list.len().max(index + 1), Value::Null);
            at = list.get_mut(index)?;
        } else {
            if !at.is_object() {
                *at = Value::Object(Map::new());
            }
            at = at.as_object_mut()?.entry(step).or_insert(Value::Null);
        }
    }
    Some(at)
}
