//! Droid's stream-jsonrpc: responses, and notifications of a session with texts in deltas and messages with tools.
//!
//! Source: the notification types of Droid SDKs.

use super::super::prelude::*;

/// True if a message is one of this protocol, which names its version in each.
pub(super) fn is_rpc(value: &Value) -> bool {
    value.get("factoryApiVersion").is_some() && value.get("jsonrpc").is_some()
}

/// A session.
#[derive(Default)]
pub(super) struct Session {
    id: Option<String>,
    /// The open texts: message, index and what was said.
    texts: Vec<(String, TextKind, Said)>,
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
            Rpc::Error { error, .. } => {
                self.error = Some(error.clone());
                emit.status("error", &sentence(error), error.clone());
            }
            Rpc::Other => emit.status("info", "a message of another kind", value.clone()),
        }
    }

    /// The output has ended: the last error is why the turn failed.
    pub(super) fn end(&mut self, emit: &mut Emit<'_>) {
        if let Some(error) = self.error.take()
            && !emit.over()
        {
            emit.fail_with(&error, &Spent::default());
        }
    }

    fn start(&self, emit: &mut Emit<'_>) {
        if !emit.turn_open() {
            let session = self.id.as_deref().map(Into::into);
            let runtime = super::SPEC.name.into();
            emit.start_turn(&TurnStarted { runtime, session, ..TurnStarted::default() });
        }
    }

    fn notification(&mut self, note: &Value, emit: &mut Emit<'_>) {
        match note.text("type") {
            "assistant_text_delta" => self.delta(TextKind::Answer, note, emit),
            "thinking_text_delta" => self.delta(TextKind::Reasoning, note, emit),
            "assistant_text_complete" | "thinking_text_complete" => {
                let key = key_of(note);
                if let Some(at) = self.texts.iter().position(|(known, ..)| *known == key) {
                    let (key, kind, mut said) = self.texts.remove(at);
                    said.stop(&Text { key: &key, kind, parent: None }, emit);
                }
            }
            "create_message" => self.whole(note.at("message"), emit),
            "tool_call" | "tool_use" => self.call(note.get("toolUse").unwrap_or(note), emit),
            "tool_result" => result(note, emit),
            "agent_turn_completed" => self.complete(note, emit),
            "error" => {
                self.error = Some(note.clone());
                emit.status("error", &sentence(note), note.clone());
            }
            kind => emit.status("progress", kind, note.clone()),
        }
    }

    fn delta(&mut self, kind: TextKind, note: &Value, emit: &mut Emit<'_>) {
        self.start(emit);
        let key = key_of(note);
        let known = self.texts.iter().position(|(known, ..)| *known == key);
        let at = known.unwrap_or_else(|| {
            self.texts.push((key, kind, Said::default()));
            self.texts.len() - 1
        });
        if let Some((key, kind, said)) = self.texts.get_mut(at) {
            let text = Text { key, kind: *kind, parent: None };
            said.delta(&text, note.text("textDelta"), emit);
        }
    }

    /// A message as a whole: its texts may have been said, its tools begin.
    fn whole(&mut self, message: &Value, emit: &mut Emit<'_>) {
        let id = message.text("id");
        let user = message.opt_text("role") == Some("user");
        for (at, part) in message.items("content").enumerate() {
            let kind = part.text("type");
            let said = part.opt_text("text").or(part.opt_text("thinking")).unwrap_or_default();
            match kind {
                "text" if user => emit.user(said),
                "text" | "thinking" => {
                    self.start(emit);
                    let key = format!("{id}/{at}");
                    let known = self.texts.iter().position(|(known, ..)| *known == key);
                    let known = known.map(|at| self.texts.remove(at).2).unwrap_or_default();
                    let kind = if kind == "text" { TextKind::Answer } else { TextKind::Reasoning };
                    known.confirm(&Text { key: &key, kind, parent: None }, said, emit);
                }
                "tool_use" => self.call(part, emit),
                "tool_result" => result(part, emit),
                _ => emit.status("info", "content of another type", part.clone()),
            }
        }
    }

    fn call(&mut self, call: &Value, emit: &mut Emit<'_>) {
        self.start(emit);
        for (_, _, said) in &mut self.texts {
            said.close();
        }
        let text = |key| call.opt_text(key);
        let id = text("id").or(text("toolUseId")).unwrap_or_default();
        let name = text("name").or(text("toolName")).unwrap_or_default();
        emit.tool(id, name, call.get("input"));
    }

    fn complete(&mut self, note: &Value, emit: &mut Emit<'_>) {
        self.start(emit);
        self.texts.clear();
        let usage = note.get("tokenUsage").and_then(usage).map(with_cache);
        let spent = Spent { usage, ..Spent::default() };
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

fn key_of(note: &Value) -> String {
    let index = note.u64("blockIndex").unwrap_or(0);
    format!("{}/{index}", note.text("messageId"))
}

fn result(note: &Value, emit: &mut Emit<'_>) {
    let text = |key| note.opt_text(key);
    let failed =
        note.get("isError").or(note.get("is_error")).and_then(Value::as_bool) == Some(true);
    let output = note.get("content").or(note.get("value")).map(plain);
    emit.finish_tool(&Done {
        id: text("toolUseId").or(text("tool_use_id")).unwrap_or_default(),
        name: text("toolName").unwrap_or_default(),
        outcome: if failed { "error" } else { "ok" },
        output: output.as_ref(),
        ..Done::default()
    });
}
