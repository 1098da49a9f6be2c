//! Factory's Droid: `droid exec --output-format stream-json`. Texts and tools come whole, one message a line, and
//! `completion` comes last; an `error` without one is why the turn failed.
//!
//! Source: the event and notification types of Droid SDKs and of programs that read them. By their reports some versions
//! leave out the id of a tool's result; then it is taken for the oldest open call, of the same tool if one is open.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "droid",
    aliases: &["factory"],
    versions: "by reports",
    about: "Factory's Droid, stream-json",
    usage: "droid exec --output-format stream-json PROMPT",
    commands: &["droid"],
    flags: &["stream-json"],
    keys: "inputTokens outputTokens toolUseId blockIndex factoryApiVersion jsonrpc messageId \
        method notification params sessionId textDelta tokenUsage turnId durationMs finalText \
        numTurns source toolId",
    detect,
    new: |_| Box::new(Droid::default()),
    ..Spec::LINES
};

/// The keys that a `system/init` of the other runtimes has and Droid's has not.
const FOREIGN: &str = "apiKeySource claude_code_version mcp_servers permissionMode \
    qwen_code_version slash_commands";

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.has(key);
    let session = value.opt_text("session_id").is_some_and(|id| !id.starts_with("T-"));
    let sure = match value.text("type") {
        _ if is_session(value) => true,
        "system" if value.text("subtype") == "init" && value.at("tools").is_array() => {
            session && has("cwd") && has("model") && !FOREIGN.split(' ').any(has)
        }
        "message" => session && has("role") && value.opt_text("text").is_some(),
        "tool_call" => has("toolName") && has("parameters") && has("id"),
        "tool_result" => session && has("isError") && (has("toolId") || has("messageId")),
        "completion" => session && has("finalText"),
        "error" if has("source") && has("message") => return Match::Maybe,
        _ => false,
    };
    if sure { Match::Sure } else { Match::No }
}

#[derive(Default)]
struct Droid {
    session: Session,
    /// Id and text of the last reasoning, which comes twice.
    thought: (String, String),
}

impl Runtime for Droid {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        if is_session(&value) {
            return self.session.message(&value, emit);
        }
        match (value.text("type"), value.text("role"), value.opt_text("text")) {
            ("system", ..) if value.text("subtype") == "init" => {
                if emit.turn_open() {
                    emit.fail_last();
                }
                emit.open_turn(&value);
            }
            ("message", "assistant", whole @ Some(_)) => emit.finish_block(&ANSWER, whole),
            ("message", "user", Some(prompt)) => emit.user(prompt),
            ("reasoning", _, Some(whole)) => {
                let thought = (value.text("id").to_owned(), whole.to_owned());
                if self.thought != thought {
                    emit.finish_block(&THOUGHT, Some(whole));
                    self.thought = thought;
                }
            }
            ("tool_call", ..) => {
                emit.tool(value.text("id"), tool_name(&value), value.get("parameters"));
            }
            ("tool_result", ..) => {
                let name = tool_name(&value);
                let id = value.owned("id").or_else(|| oldest(name, emit));
                let outcome = if value.is("isError") { "error" } else { "ok" };
                // A call that failed has an `error` with a message where another has its value.
                let error = value.pointer("/error/message").or(value.get("error"));
                let output = value.get("value").or(error);
                emit.tool_done(&id.unwrap_or_default(), name, outcome, output);
            }
            ("error", ..) => {
                emit.input.error = Some(failure(value.text("message"), "", None));
                emit.status("error", &one_line(value.text("message")), value);
            }
            ("completion", ..) if emit.over() => emit.late(&value),
            ("completion", ..) => {
                let usage = usage(value.at("usage")).map(with_cache);
                let duration_ms = value.u64("durationMs");
                let spent = UsageAndCost { duration_ms, ..usage.into() };
                emit.complete("completion", value.opt_text("finalText"), &spent);
            }
            (type_, ..) => {
                let message = format!("message of type {type_:?} {}", value.text("subtype"));
                emit.status("info", message.trim_end(), value);
            }
        }
    }
}

/// A tool's name; older messages have it as the tool's id alone.
fn tool_name(value: &Value) -> &str {
    value.opt_text("toolName").unwrap_or(value.text("toolId"))
}

/// The open call that was started first, of this tool if there is one.
fn oldest(name: &str, emit: &Emit<'_>) -> Option<String> {
    let same = emit.open_tools().find(|(_, open)| *open == name);
    same.or_else(|| emit.open_tools().next()).map(|(id, _)| id.to_owned())
}

/// True if a message is one of stream-jsonrpc, which names its version in each.
fn is_session(value: &Value) -> bool {
    value.get("factoryApiVersion").is_some() && value.get("jsonrpc").is_some()
}

/// A session of stream-jsonrpc: responses, and notifications with texts in deltas and messages with tools.
#[derive(Default)]
struct Session {
    id: Option<String>,
    /// The open texts, by message and index.
    texts: StreamedTexts,
}

impl Session {
    fn message(&mut self, value: &Value, emit: &mut Emit<'_>) {
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
