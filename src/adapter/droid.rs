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
    keys: "inputTokens outputTokens toolUseId blockIndex factoryApiVersion jsonrpc messageId method notification params sessionId \
        textDelta tokenUsage turnId durationMs finalText numTurns source toolId",
    detect,
    new: |_| Box::new(Droid::default()),
    ..Spec::LINES
};

const ANSWER: Text<'_> = Text { key: "message", kind: TextKind::Answer, parent: None };

const THOUGHT: Text<'_> = Text { key: "reasoning", kind: TextKind::Reasoning, parent: None };

/// What the other runtimes with a `system/init` say in it and Droid does not.
const FOREIGN: [&str; 6] = [
    "apiKeySource",
    "claude_code_version",
    "mcp_servers",
    "permissionMode",
    "qwen_code_version",
    "slash_commands",
];

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    if rpc::is_rpc(value) {
        return Match::Sure;
    }
    let session = value.opt_text("session_id").is_some_and(|id| !id.starts_with("T-"));
    let sure = match value.text("type") {
        "system" if value.opt_text("subtype") == Some("init") => {
            let tools = value.get("tools").is_some_and(Value::is_array);
            session && tools && has("cwd") && has("model") && !FOREIGN.iter().any(|key| has(key))
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
    /// The session of stream-jsonrpc.
    session: Session,
    /// The last error, in case no completion follows.
    error: Option<String>,
    /// The last reasoning: its id and its text.
    thought: Option<(String, String)>,
}

impl Runtime for Droid {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        if rpc::is_rpc(&value) {
            return self.session.message(&value, emit);
        }
        self.value(value, emit);
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> Verdict {
        self.session.end(emit);
        if !emit.over() {
            self.fail(emit);
        }
        Verdict::MissingResult
    }
}

impl Droid {
    /// No completion has followed the last error: it is why the turn failed.
    fn fail(&mut self, emit: &mut Emit<'_>) {
        if let Some(error) = self.error.take() {
            emit.fail(failure(&error, "", None), &Spent::default());
        }
    }

    fn value(&mut self, value: Value, emit: &mut Emit<'_>) {
        match (value.text("type"), value.text("subtype"), value.text("role")) {
            ("system", "init", _) => {
                if emit.turn_open() {
                    self.fail(emit);
                }
                self.error = None;
                emit.open_turn(SPEC.name, &value);
            }
            ("message", _, "assistant") if value.opt_text("text").is_some() => {
                emit.finish_block(&ANSWER, Some(value.text("text")));
            }
            ("reasoning", ..) if value.opt_text("text").is_some() => {
                // It comes twice with one id.
                let thought = (value.text("id").to_owned(), value.text("text").to_owned());
                if self.thought.as_ref() != Some(&thought) {
                    emit.finish_block(&THOUGHT, Some(&thought.1));
                    self.thought = Some(thought);
                }
            }
            ("message", _, "user") if value.opt_text("text").is_some() => {
                emit.user(value.text("text"));
            }
            ("tool_call", ..) => {
                emit.tool(value.text("id"), tool_name(&value), value.get("parameters"));
            }
            ("tool_result", ..) => self.tool_result(&value, emit),
            ("error", ..) => {
                self.error = Some(value.text("message").to_owned());
                let message = one_line(value.text("message"));
                emit.status("error", &message, value);
            }
            ("completion", ..) if emit.over() => {
                emit.late(&value);
            }
            ("completion", ..) => {
                self.error = None;
                let spent = Spent {
                    usage: value.get("usage").and_then(usage).map(with_cache),
                    duration_ms: value.u64("durationMs"),
                    ..Spent::default()
                };
                let said = value.opt_text("finalText");
                emit.complete("completion", said, &spent);
            }
            (type_, subtype, _) => {
                let message = format!("message of type {type_:?} {subtype}");
                emit.status("info", message.trim_end(), value);
            }
        }
    }

    fn tool_result(&mut self, value: &Value, emit: &mut Emit<'_>) {
        let name = tool_name(value);
        let id = value.opt_text("id").map(str::to_owned);
        let id = id.or_else(|| oldest(name, emit)).unwrap_or_default();
        let failed = value.is("isError");
        // A call that failed has an `error` with a message where another has its value.
        let error = value.pointer("/error/message").or(value.get("error"));
        let done = Done {
            id: &id,
            name,
            outcome: if failed { "error" } else { "ok" },
            output: value.get("value").or(error),
            ..Done::default()
        };
        emit.finish_tool(&done);
    }
}

/// A tool's name; older messages have it as the tool's id alone.
fn tool_name(value: &Value) -> &str {
    let name = value.opt_text("toolName").or_else(|| value.opt_text("toolId"));
    name.unwrap_or_default()
}

/// The open call that was started first, of this tool if there is one.
fn oldest(name: &str, emit: &Emit<'_>) -> Option<String> {
    let mut open = emit.open_tools();
    let same = emit.open_tools().find(|(_, open)| *open == name);
    same.or_else(|| open.next()).map(|(id, _)| id.to_owned())
}
