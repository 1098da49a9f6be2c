//! Google's Agent Development Kit: the events of its API server, `/run_sse` or the array of `/run`.
//!
//! Source: google-adk 2.13, `events/event.py`, `models/llm_response.py` and `cli/api_server.py`. Partial events are pieces
//! of a model's message, the event without `partial` is all of it. A finish reason is a model call's, and there is no
//! result message: a turn ends with the stream, or where another invocation begins.

use std::collections::BTreeMap;

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "adk",
    aliases: &["google-adk"],
    versions: "2.13, by its source",
    about: "Google ADK, events of its API server",
    usage: "curl -N http://localhost:8000/run_sse -d '{\"streaming\":true,...}'",
    keys: "actions author cachedContentTokenCount candidatesTokenCount candidatesTokensDetails \
        codeExecutionResult error_details errorCode errorMessage executableCode finishReason \
        functionCall functionResponse invocationId longRunningToolIds modality modelVersion \
        outcome partial parts promptTokenCount promptTokensDetails response thought \
        thoughtSignature thoughtsTokenCount tokenCount totalTokenCount trafficType turnComplete \
        usageMetadata",
    has_result: false,
    detect,
    framing: Framing::Frames,
    new: |_| Box::new(Adk::default()),
    ..Spec::LINES
};

/// How many agents are told apart in a turn.
const MAX_AUTHORS: usize = 256;

fn detect(value: &Value) -> Match {
    let text = |key| value.opt_text(key).is_some();
    if text("invocationId") && text("author") {
        Match::Sure
    } else if text("error") && value.pointer("/error_details/error_type").is_some() {
        Match::Maybe
    } else {
        Match::No
    }
}

#[derive(Default)]
struct Adk {
    invocation: String,
    authors: BTreeMap<String, Author>,
    spent: Spent,
    error: Option<Value>,
    /// How many pieces of code were run, which have no ids.
    code: u64,
}

/// An agent of the turn, and where it is in its messages.
#[derive(Default)]
struct Author {
    messages: u64,
    /// Pieces of this message have come, and with the last one these tokens.
    partial: bool,
    usage: Option<Usage>,
}

impl Runtime for Adk {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        if value.text("invocationId").is_empty() {
            return self.stranger(value, emit);
        }
        self.begin(value.text("invocationId"), &value, emit);
        let content = value.at("content");
        let parts = content.at("parts").as_array().map_or(&[][..], Vec::as_slice);
        let partial = value.is("partial");
        if value.text("author") == "user" {
            let said = parts.iter().filter_map(|part| part.opt_text("text"));
            emit.user(&said.collect::<String>());
            return;
        }
        if !value.text("errorCode").is_empty() || !value.text("errorMessage").is_empty() {
            emit.status("warning", value.text("errorMessage"), value.clone());
            let words = [value.text("errorCode"), value.text("errorMessage")];
            let error = serde_json::json!({"type": words[0], "message": words[1]});
            self.error = Some(error).filter(|_| words[0] != "MAX_TOKENS");
        } else if !parts.is_empty() {
            self.error = None;
        }
        self.parts((value.text("author"), partial), parts, emit);
        let used = value.get("usageMetadata").and_then(super::gemini_api::usage);
        let author = self.author(value.text("author"));
        author.usage = used.or(author.usage);
        // Results of tools stand between the messages of a model.
        if !partial && (used.is_some() || content.opt_text("role") != Some("user")) {
            (author.messages, author.partial) = (author.messages + 1, false);
            let used = author.usage.take();
            spend(&mut self.spent, used, None);
            emit.note_spent(&self.spent);
        }
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> Verdict {
        let partial = self.authors.values().any(|author| author.partial);
        self.close(emit);
        if partial { Verdict::Truncated } else { Verdict::ByExit }
    }
}

impl Adk {
    /// A message that is no event: an error of the server, as a rule.
    fn stranger(&mut self, value: Value, emit: &mut Emit<'_>) {
        if value.get("error").is_none_or(Value::is_null) {
            return emit.status("info", "an unknown message", value);
        }
        if !emit.error_after_turn(&value) {
            self.close(emit);
            emit.fail_with(&value, &self.spent);
            self.invocation.clear();
        }
    }

    fn begin(&mut self, invocation: &str, value: &Value, emit: &mut Emit<'_>) {
        if invocation == self.invocation {
            return;
        }
        self.close(emit);
        if emit.turn_open() {
            emit.complete("end", None, &self.spent);
        }
        *self = Self { invocation: invocation.to_owned(), ..Self::default() };
        emit.start_turn(&TurnStarted {
            runtime: SPEC.name.into(),
            model: value.opt_text("modelVersion").map(Into::into),
            ..TurnStarted::default()
        });
    }

    /// An error of the model after which nothing came ends the turn.
    fn close(&mut self, emit: &mut Emit<'_>) {
        if let Some(error) = self.error.take().filter(|_| emit.turn_open()) {
            emit.fail_with(&error, &self.spent);
        }
        self.authors.clear();
    }

    fn author(&mut self, name: &str) -> &mut Author {
        let full = self.authors.len() >= MAX_AUTHORS;
        let name = if full && !self.authors.contains_key(name) { "" } else { name };
        self.authors.entry(name.to_owned()).or_default()
    }

    fn parts(&mut self, (name, partial): (&str, bool), parts: &[Value], emit: &mut Emit<'_>) {
        let author = self.author(name);
        let pieces = author.partial;
        author.partial |= partial && !parts.is_empty();
        let message = format!("{name}/{}", author.messages);
        let kind_of = |part: &Value| match part.get("thought").and_then(Value::as_bool) {
            Some(true) => TextKind::Reasoning,
            _ => TextKind::Answer,
        };
        // The whole of what came in pieces; what did not is emitted part by part, in its order.
        for kind in
            [TextKind::Reasoning, TextKind::Answer].into_iter().filter(|_| pieces && !partial)
        {
            let said = parts.iter().filter(|part| kind_of(part) == kind);
            let whole: String = said.filter_map(|part| part.opt_text("text")).collect();
            let whole = Some(whole.as_str()).filter(|whole| !whole.is_empty());
            emit.finish_block(&text(kind, &message), whole);
        }
        let (mut current, mut place) = (Current::default(), 0);
        for part in parts {
            match part.opt_text("text") {
                Some(said) if partial => emit.delta(&text(kind_of(part), &message), said),
                Some(_) if pieces => {}
                Some(said) => {
                    current.delta((kind_of(part), &format!("{message}/{place}")), said, emit);
                }
                // The pieces of a call are nothing that can be run.
                None if partial && part.get("functionCall").is_some() => {}
                None => {
                    current.finish(emit);
                    place += 1;
                    self.part(part, emit);
                }
            }
        }
        current.finish(emit);
    }

    fn part(&mut self, part: &Value, emit: &mut Emit<'_>) {
        let text = |value: &Value, key| value.text(key).to_owned();
        let finish = |id: &str, name: &str, ok: bool, output, emit: &mut Emit<'_>| {
            let outcome = if ok { "ok" } else { "error" };
            emit.tool_done(id, name, outcome, output);
        };
        if let Some(call) = part.get("functionCall") {
            let (id, name) = (text(call, "id"), text(call, "name"));
            let input = call.get("args");
            emit.tool(&id, &name, input);
        } else if let Some(result) = part.get("functionResponse") {
            let response = result.at("response");
            let failed = response.get("error").is_some_and(|e| !e.is_null())
                || response.opt_text("status") == Some("error");
            finish(&text(result, "id"), &text(result, "name"), !failed, Some(response), emit);
        } else if let Some(input) = part.get("executableCode") {
            self.code += 1;
            let id = format!("code_{}", self.code);
            let input = Some(input);
            emit.tool(&id, "code_execution", input);
        } else if let Some(result) = part.get("codeExecutionResult") {
            let ok = result.opt_text("outcome") == Some("OUTCOME_OK");
            let id = format!("code_{}", self.code);
            finish(&id, "code_execution", ok, result.get("output"), emit);
        } else if part.as_object().is_some_and(|p| p.keys().any(|key| key != "thoughtSignature")) {
            emit.status("info", "content of another type", part.clone());
        }
    }
}
