//! Droid's stream-jsonrpc: responses, and notifications of a session with texts in deltas and messages with tools.
//!
//! Source: the notification types of Droid SDKs.

use super::super::prelude::*;
use std::collections::HashMap;

/// True if a message is one of this protocol, which names its version in each.
pub(super) fn is_rpc(value: &Value) -> bool {
    value.get("factoryApiVersion").is_some() && value.get("jsonrpc").is_some()
}

/// A session.
#[derive(Default)]
pub(super) struct Session {
    id: Option<String>,
    /// The open texts, by message and index.
    texts: HashMap<String, (TextKind, StreamedText)>,
    error: Option<Value>,
}

impl Session {
    /// Takes the next message.
    pub(super) fn message(&mut self, value: &Value, emit: &mut Emit<'_>) {
        match Rpc::of(value) {
            Rpc::Call { params, .. } if params.get("notification").is_some() => {
                self.id = params.opt_text("sessionId").map(str::to_owned).or(self.id.take());
                self.notification(params.at("notification"), emit);
            }
            Rpc::Call { method, params, .. } => {
                let kind = if method.contains("permission") { "permission" } else { "info" };
                emit.status(kind, method, params.clone());
            }
            Rpc::Result { result, .. } => {
                self.id = result.opt_text("sessionId").map(str::to_owned).or(self.id.take());
                emit.status("session", self.id.as_deref().unwrap_or_default(), result.clone());
            }
            Rpc::Error { error, .. } => self.failed(error, emit),
            Rpc::Other => emit.status("info", "a message of another kind", value.clone()),
        }
    }

    /// The output has ended: the last error is why the turn failed.
    pub(super) fn end(&mut self, emit: &mut Emit<'_>) {
        let error = self.error.take().map(|error| emit.failure(&error));
        emit.fail_last(error);
    }

    fn failed(&mut self, error: &Value, emit: &mut Emit<'_>) {
        self.error = Some(error.clone());
        emit.status("error", &sentence(error), error.clone());
    }

    fn notification(&mut self, note: &Value, emit: &mut Emit<'_>) {
        let index = note.u64("blockIndex").unwrap_or(0);
        let key = format!("{}/{index}", note.text("messageId"));
        match note.text("type") {
            "assistant_text_delta" => self.delta(key, TextKind::Answer, note, emit),
            "thinking_text_delta" => self.delta(key, TextKind::Reasoning, note, emit),
            "assistant_text_complete" | "thinking_text_complete" => {
                if let Some((kind, mut said)) = self.texts.remove(&key) {
                    said.stop(&text(kind, &key), emit);
                }
            }
            "create_message" => self.whole(note.at("message"), emit),
            "tool_call" | "tool_use" => self.call(note.get("toolUse").unwrap_or(note), emit),
            "tool_result" => result(note, emit),
            "agent_turn_completed" => self.complete(note, emit),
            "error" => self.failed(note, emit),
            kind => emit.status("progress", kind, note.clone()),
        }
    }

    fn delta(&mut self, key: String, kind: TextKind, note: &Value, emit: &mut Emit<'_>) {
        emit.begin(super::SPEC.name, None, self.id.as_deref());
        let begun = || (kind, StreamedText::default());
        let (kind, said) = self.texts.entry(key.clone()).or_insert_with(begun);
        said.delta(&text(*kind, &key), note.text("textDelta"), emit);
    }

    /// A message as a whole: its texts may have been said, its tools begin.
    fn whole(&mut self, message: &Value, emit: &mut Emit<'_>) {
        let user = message.text("role") == "user";
        for (at, part) in message.items("content").enumerate() {
            let said = part.opt_text("text").unwrap_or(part.text("thinking"));
            match part.text("type") {
                "text" if user => emit.user(said),
                kind @ ("text" | "thinking") => {
                    emit.begin(super::SPEC.name, None, self.id.as_deref());
                    let key = format!("{}/{at}", message.text("id"));
                    let known = self.texts.remove(&key).map(|(_, said)| said);
                    let kind = if kind == "text" { TextKind::Answer } else { TextKind::Reasoning };
                    known.unwrap_or_default().confirm(&text(kind, &key), said, emit);
                }
                "tool_use" => self.call(part, emit),
                "tool_result" => result(part, emit),
                _ => emit.status("info", "content of another type", part.clone()),
            }
        }
    }

    fn call(&mut self, call: &Value, emit: &mut Emit<'_>) {
        emit.begin(super::SPEC.name, None, self.id.as_deref());
        for (_, said) in self.texts.values_mut() {
            said.close();
        }
        let id = call.opt_text("id").unwrap_or(call.text("toolUseId"));
        let name = call.opt_text("name").unwrap_or(call.text("toolName"));
        emit.tool(id, name, call.get("input"));
    }

    fn complete(&mut self, note: &Value, emit: &mut Emit<'_>) {
        emit.begin(super::SPEC.name, None, self.id.as_deref());
        self.texts.clear();
        let usage = usage(note.at("tokenUsage")).map(with_cache);
        let spent = UsageAndCost { usage, ..UsageAndCost::default() };
        let error = self.error.take();
        match note.opt_text("reason").unwrap_or("completed") {
            reason @ ("cancelled" | "canceled" | "interrupted" | "aborted") => {
                emit.cancelled(reason, Some(reason), &spent);
            }
            reason @ ("error" | "failed") => {
                let message = error.as_ref().map(sentence).unwrap_or_default();
                emit.fail(failure(&message, reason, None), &spent);
            }
            reason => emit.complete(reason, None, &spent),
        }
    }
}

fn result(note: &Value, emit: &mut Emit<'_>) {
    let id = note.opt_text("toolUseId").unwrap_or(note.text("tool_use_id"));
    let failed = note.get("isError").unwrap_or(note.at("is_error")) == true;
    let output = note.get("content").or(note.get("value")).map(plain);
    let outcome = if failed { "error" } else { "ok" };
    emit.tool_done(id, note.text("toolName"), outcome, output.as_ref());
}
