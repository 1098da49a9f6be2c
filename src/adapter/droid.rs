//! Factory's Droid: `droid exec --output-format stream-json`. Texts and tools come whole, one message a line, and
//! `completion` comes last; an `error` without one is why the turn failed.
//!
//! Source: the event types of Droid SDKs and of programs that read them. By their reports some versions leave out the id of
//! a tool's result; then it is taken for the oldest open call, of the same tool if one is open.

use serde_json::Value;

use super::json::{Call, Done, failure, finish_tool, open_turn, over, start_tool, usage};
use super::{
    Adapter, Calls, Line, Match, Spec, lines_of, one_line, say_status, text_at, user_said,
};
use crate::event::Spent;
use crate::guard::{Ended, Guard, Text, TextKind, Verdict};
use crate::time::Time;

pub(super) const SPEC: Spec = Spec {
    name: "droid",
    aliases: &["factory"],
    versions: "by reports",
    about: "Factory's Droid, stream-json",
    usage: "droid exec --output-format stream-json PROMPT",
    commands: &["droid"],
    flags: &["stream-json"],
    has_result: true,
    detect,
    new: |_| Box::new(Droid::default()),
};

const ANSWER: Text<'_> = Text { key: "message", kind: TextKind::Answer, parent: None };

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
    let session = text_at(value, "session_id").is_some_and(|id| !id.starts_with("T-"));
    let sure = match text_at(value, "type").unwrap_or_default() {
        "system" if text_at(value, "subtype") == Some("init") => {
            let tools = value.get("tools").is_some_and(Value::is_array);
            session && tools && has("cwd") && has("model") && !FOREIGN.iter().any(|key| has(key))
        }
        "message" => session && has("role") && text_at(value, "text").is_some(),
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
    calls: Calls,
    /// The last error, in case no completion follows.
    error: Option<String>,
}

impl Adapter for Droid {
    fn on_line(&mut self, now: Time, line: Line<'_>, guard: &mut Guard) {
        lines_of(now, line, guard, |value, guard| {
            self.value(now, value, guard);
        });
    }

    fn on_end(&mut self, now: Time, _: Ended, guard: &mut Guard) -> Verdict {
        if !over(guard) {
            self.fail(now, guard);
        }
        Verdict::MissingResult
    }
}

impl Droid {
    /// No completion has followed the last error: it is why the turn failed.
    fn fail(&mut self, now: Time, guard: &mut Guard) {
        if let Some(error) = self.error.take() {
            guard.fail(now, failure(&error, "", None), &Spent::default());
        }
    }

    fn value(&mut self, now: Time, value: Value, guard: &mut Guard) {
        let text = |key| text_at(&value, key).unwrap_or_default();
        match (text("type"), text("subtype"), text("role")) {
            ("system", "init", _) => {
                if guard.turn_open() {
                    self.fail(now, guard);
                }
                self.error = None;
                open_turn(now, SPEC.name, &value, guard);
            }
            ("message", _, "assistant") if text_at(&value, "text").is_some() => {
                guard.finish_block(now, &ANSWER, Some(text("text")));
            }
            ("message", _, "user") if text_at(&value, "text").is_some() => {
                user_said(now, guard, text("text"));
            }
            ("tool_call", ..) => {
                let call = Call {
                    id: text("id"),
                    name: tool_name(&value),
                    input: value.get("parameters"),
                    ..Call::default()
                };
                start_tool(now, &call, &mut self.calls, guard);
            }
            ("tool_result", ..) => self.tool_result(now, &value, guard),
            ("error", ..) => {
                self.error = Some(text("message").to_owned());
                let message = one_line(text("message"));
                say_status(now, guard, "error", &message, value);
            }
            ("completion", ..) if over(guard) => {
                say_status(now, guard, "log", "the turn had ended already", value);
            }
            ("completion", ..) => {
                self.error = None;
                let spent = Spent {
                    usage: value.get("usage").and_then(usage),
                    duration_ms: value.get("durationMs").and_then(Value::as_u64),
                    ..Spent::default()
                };
                let said = text_at(&value, "finalText");
                guard.complete(now, "completion", said, &spent);
            }
            (type_, subtype, _) => {
                let message = format!("message of type {type_:?} {subtype}");
                say_status(now, guard, "info", message.trim_end(), value);
            }
        }
    }

    fn tool_result(&mut self, now: Time, value: &Value, guard: &mut Guard) {
        let name = tool_name(value);
        let id = text_at(value, "id").map(str::to_owned);
        let id = id.or_else(|| oldest(name, guard)).unwrap_or_default();
        let failed = value.get("isError").and_then(Value::as_bool) == Some(true);
        // A call that failed has an `error` with a message where another has its value.
        let error = value.pointer("/error/message").or(value.get("error"));
        let done = Done {
            id: &id,
            name,
            outcome: if failed { "error" } else { "ok" },
            output: value.get("value").or(error),
            ..Done::default()
        };
        finish_tool(now, &done, &mut self.calls, guard);
    }
}

/// A tool's name; older messages have it as the tool's id alone.
fn tool_name(value: &Value) -> &str {
    let name = text_at(value, "toolName").or_else(|| text_at(value, "toolId"));
    name.unwrap_or_default()
}

/// The open call that was started first, of this tool if there is one.
fn oldest(name: &str, guard: &Guard) -> Option<String> {
    let mut open = guard.open_tools();
    let same = guard.open_tools().find(|(_, open)| *open == name);
    same.or_else(|| open.next()).map(|(id, _)| id.to_owned())
}
