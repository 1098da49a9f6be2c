//! Droid's stream-jsonrpc: responses, and notifications of a session with texts in deltas and messages with tools.
//!
//! Source: the notification types of Droid SDKs.

use super::super::prelude::*;

/// True if a message is one of this protocol, which names its version in each.
pub(super) fn is_rpc(value: &Value) -> bool {
    value.get("factoryApiVersion").is_some() && value.get("jsonrpc").is_some()
}

#[derive(Default)]
pub(super) struct Session {
    id: Option<String>,
    /// The open texts, by message and index.
    texts: StreamedTexts,
}

impl Session {
    pub(super) fn message(&mut self, value: &Value, emit: &mut Emit<'_>) {
        match Rpc::of(value) {
            Rpc::Call { params, .. } if params.get("notification").is_some() => {
                self.id = params.owned("sessionId").or(self.id.take());
                self.notification(params.at("notification"), emit);
            }
            Rpc::Call { method, params, .. } => {
                let kind = if method.contains("permission") { "permission" } else { "info" };
                emit.status(kind, method, params.clone());
            }
            Rpc::Result { result, .. } => {
                self.id = result.owned("sessionId").or(self.id.take());
                emit.status("session", self.id.as_deref().unwrap_or_default(), result.clone());
            }
            Rpc::Error { error, .. } => failed(error, emit),
            Rpc::Other => emit.status("info", "a message of another kind", value.clone()),
        }
    }

    fn notification(&mut self, note: &Value, emit: &mut Emit<'_>) {
        let index = note.u64("blockIndex").unwrap_or(0);
        let key = format!("{}/{index}", note.text("messageId"));
        match note.text("type") {
            "assistant_text_delta" => self.delta(&key, TextKind::Answer, note, emit),
            "thinking_text_delta" => self.delta(&key, TextKind::Reasoning, note, emit),
            "assistant_text_complete" | "thinking_text_complete" => {
                self.texts.take(&key);
                emit.finish_texts(&key);
            }
            "create_message" => self.whole(note.at("message"), emit),
            "tool_call" | "tool_use" => self.call(note.get("toolUse").unwrap_or(note), emit),
            "tool_result" => result(note, emit),
            "agent_turn_completed" => self.complete(note, emit),
            "error" => failed(note, emit),
            kind => emit.status("progress", kind, note.clone()),
        }
    }

    fn delta(&mut self, key: &str, kind: TextKind, note: &Value, emit: &mut Emit<'_>) {
        emit.begin(None, self.id.as_deref());
        self.texts.of(key).delta(&text(kind, key), note.text("textDelta"), emit);
    }

    /// A message as a whole: its texts may have been streamed, its tools begin.
    fn whole(&mut self, message: &Value, emit: &mut Emit<'_>) {
        let user = message.text("role") == "user";
        for (at, part) in message.items("content").enumerate() {
            let whole = part.opt_text("text").unwrap_or(part.text("thinking"));
            match part.text("type") {
                "text" if user => emit.user(whole),
                kind @ ("text" | "thinking") => {
                    emit.begin(None, self.id.as_deref());
                    let key = format!("{}/{at}", message.text("id"));
                    let kind = if kind == "text" { TextKind::Answer } else { TextKind::Reasoning };
                    let streamed = self.texts.take(&key).unwrap_or_default();
                    streamed.confirm(&text(kind, &key), whole, emit);
                }
                "tool_use" => self.call(part, emit),
                "tool_result" => result(part, emit),
                _ => emit.status("info", "content of another type", part.clone()),
            }
        }
    }

    fn call(&mut self, call: &Value, emit: &mut Emit<'_>) {
        emit.begin(None, self.id.as_deref());
        let id = call.opt_text("id").unwrap_or(call.text("toolUseId"));
        let name = call.opt_text("name").unwrap_or(call.text("toolName"));
        emit.tool(id, name, call.get("input"));
    }

    fn complete(&mut self, note: &Value, emit: &mut Emit<'_>) {
        emit.begin(None, self.id.as_deref());
        self.texts.clear();
        let usage = usage(note.at("tokenUsage")).map(with_cache);
        let spent = UsageAndCost::from(usage);
        let error = emit.input.error.take();
        match note.opt_text("reason").unwrap_or("completed") {
            reason @ ("cancelled" | "canceled" | "interrupted" | "aborted") => {
                emit.cancelled(reason, Some(reason), &spent);
            }
            reason @ ("error" | "failed") => {
                let message = error.map(|error| error.message).unwrap_or_default();
                emit.fail(failure(&message, reason, None), &spent);
            }
            reason => emit.complete(reason, None, &spent),
        }
    }
}

fn failed(error: &Value, emit: &mut Emit<'_>) {
    emit.input.error = Some(emit.failure(error));
    emit.status("error", &sentence(error), error.clone());
}

fn result(note: &Value, emit: &mut Emit<'_>) {
    let id = note.opt_text("toolUseId").unwrap_or(note.text("tool_use_id"));
    let failed = note.get("isError").unwrap_or(note.at("is_error")) == true;
    let output = note.get("content").or(note.get("value")).map(plain);
    let outcome = if failed { "error" } else { "ok" };
    emit.tool_done(id, note.text("toolName"), outcome, output.as_ref());
}
