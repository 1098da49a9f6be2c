//! Google's Agent Development Kit: the events of its API server, `/run_sse` or the array of `/run`.
//!
//! Source: google-adk 2.13, `events/event.py`, `models/llm_response.py` and `cli/api_server.py`. Partial events are pieces
//! of a model's message, the event without `partial` is all of it. A finish reason is a model call's, and there is no
//! result message: a turn ends with the stream, or where another invocation begins.

use std::collections::BTreeMap;

use super::gemini_api::{self, Code, kind_of};
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
    new: |_| Box::new(Adk::default()),
    ..Spec::FRAMES
};

/// Limit of the agents of a turn.
const MAX_AUTHORS: usize = 256;

fn detect(value: &Value) -> Match {
    let text = |key| value.opt_text(key).is_some();
    let error = text("error") && value.pointer("/error_details/error_type").is_some();
    let maybe = if error { Match::Maybe } else { Match::No };
    if text("invocationId") && text("author") { Match::Sure } else { maybe }
}

#[derive(Default)]
struct Adk {
    invocation: String,
    authors: BTreeMap<String, Author>,
    spent: UsageAndCost,
    error: Option<Value>,
    code: Code,
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
        let (name, partial) = (value.text("author"), value.is("partial"));
        let Some(invocation) = value.filled("invocationId") else {
            // No event, usually an error of the server.
            if value.non_null("error").is_none() {
                return emit.status("info", "an unknown message", value);
            }
            self.close(emit);
            if !emit.over() {
                self.invocation.clear();
            }
            return emit.fail_open(&value, &self.spent);
        };
        if invocation != self.invocation {
            self.close(emit);
            if emit.turn_open() {
                emit.complete("end", None, &self.spent);
            }
            *self = Self { invocation: invocation.to_owned(), ..Self::default() };
            emit.begin(value.opt_text("modelVersion"), None);
        }
        let content = value.at("content");
        let parts = content.items("parts").as_slice();
        if name == "user" {
            let texts = parts.iter().filter_map(|part| part.opt_text("text"));
            return emit.user(&texts.collect::<String>());
        }
        let (code, message) = (value.text("errorCode"), value.text("errorMessage"));
        if !code.is_empty() || !message.is_empty() {
            emit.status("warning", message, value.clone());
            let error = serde_json::json!({"type": code, "message": message});
            self.error = Some(error).filter(|_| code != "MAX_TOKENS");
        } else if !parts.is_empty() {
            self.error = None;
        }
        self.parts((name, partial), parts, emit);
        let used = value.get("usageMetadata").and_then(gemini_api::usage);
        let author = self.author(name);
        author.usage = used.or(author.usage);
        // Results of tools stand between the messages of a model.
        if !partial && (used.is_some() || content.text("role") != "user") {
            (author.messages, author.partial) = (author.messages + 1, false);
            let used = author.usage.take();
            spend(&mut self.spent, used, None);
            emit.report_spent(&self.spent);
        }
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> TurnVerdict {
        let partial = self.authors.values().any(|author| author.partial);
        self.close(emit);
        if partial { TurnVerdict::Truncated } else { TurnVerdict::ByExit }
    }
}

impl Adk {
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
        let kinds = [TextKind::Reasoning, TextKind::Answer];
        // The whole of what came in pieces; what did not is emitted part by part, in its order.
        for kind in kinds.into_iter().filter(|_| pieces && !partial) {
            let texts = parts.iter().filter(|part| kind_of(part) == kind);
            let whole: String = texts.filter_map(|part| part.opt_text("text")).collect();
            emit.finish_block(&text(kind, &message), Some(&whole));
        }
        let mut place = 0;
        for part in parts {
            match part.opt_text("text") {
                Some(delta) if partial => emit.delta(&text(kind_of(part), &message), delta),
                Some(_) if pieces => {}
                Some(whole) => {
                    emit.alternate((kind_of(part), &format!("{message}/{place}")), whole);
                }
                // The pieces of a call cannot be run.
                None if partial && part.non_null("functionCall").is_some() => {}
                None => {
                    emit.finish_texts(&format!("{message}/{place}"));
                    place += 1;
                    self.part(part, emit);
                }
            }
        }
        emit.finish_texts(&format!("{message}/{place}"));
    }

    fn part(&mut self, part: &Value, emit: &mut Emit<'_>) {
        if let Some(call) = part.non_null("functionCall") {
            emit.tool(call.text("id"), call.text("name"), call.get("args"));
        } else if let Some(result) = part.non_null("functionResponse") {
            let response = result.at("response");
            let failed = response.non_null("error").is_some() || response.text("status") == "error";
            let outcome = if failed { "error" } else { "ok" };
            emit.tool_done(result.text("id"), result.text("name"), outcome, Some(response));
        } else if !self.code.part(part, emit)
            && part.as_object().is_some_and(|p| p.keys().any(|key| key != "thoughtSignature"))
        {
            emit.status("info", "content of another type", part.clone());
        }
    }
}
