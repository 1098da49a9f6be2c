//! Factory's Droid: `droid exec --output-format stream-json`. Texts and tools come whole, one message a line, and
//! `completion` comes last; an `error` without one is why the turn failed.
//!
//! Source: the event types of Droid SDKs and of programs that read them. By their reports some versions leave out the id of
//! a tool's result; then it is taken for the oldest open call, of the same tool if one is open.

mod rpc;

use super::prelude::*;

use rpc::Session;

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
    let has = |key: &str| value.get(key).is_some();
    let session = value.opt_text("session_id").is_some_and(|id| !id.starts_with("T-"));
    let sure = match value.text("type") {
        _ if rpc::is_rpc(value) => true,
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
        if rpc::is_rpc(&value) {
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
