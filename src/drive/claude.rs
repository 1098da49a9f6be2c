//! Claude Code with `--input-format stream-json`, and the control protocol of its SDKs.
//!
//! Source: claude-agent-sdk 0.2 (PyPI), @anthropic-ai/claude-agent-sdk 0.3 (npm), and Claude Code 2.1.197 itself. A user
//! message may be written at any time: the agent reads it between two calls of the model, or as its next turn, and echoes it
//! with its `uuid` and `isReplay`. It takes a message of a known `uuid` once.

use serde_json::{Value, json};

use super::protocol::{Given, InTurn, Message, Outbox, Permit, Protocol, Question, Report, text};
use crate::adapter::claude::{interrupt, user_message};
use crate::adapter::{OWN, tool_kind};

/// Options that the command line needs, each with its value.
pub(super) const OPTIONS: [(&str, Option<&str>); 6] = [
    ("-p", None),
    ("--input-format", Some("stream-json")),
    ("--output-format", Some("stream-json")),
    ("--verbose", None),
    ("--replay-user-messages", None),
    ("--permission-prompt-tool", Some("stdio")),
];

#[derive(Debug, Default)]
pub(super) struct Claude {
    requests: u64,
}

impl Protocol for Claude {
    fn on_line(&mut self, line: &[u8], to: &mut Outbox) {
        // Other messages say nothing about the input.
        let types = [&b"\"control_"[..], b"\"result\"", b"\"isReplay\"", b"\"init\""];
        if !types.iter().any(|needle| memchr::memmem::find(line, needle).is_some()) {
            return;
        }
        let Ok(value) = serde_json::from_slice::<Value>(line) else { return };
        match text(&value, &["type"]).unwrap_or_default() {
            "system" if text(&value, &["subtype"]) == Some("init") => {
                to.report(Report::TurnStarted);
            }
            "user" if value.get("isReplay") == Some(&Value::Bool(true)) => {
                let id = text(&value, &["uuid"]).filter(|id| id.starts_with(OWN));
                id.into_iter().for_each(|id| to.report(Report::Taken(id.to_owned())));
            }
            "result" => to.report(Report::TurnEnded),
            "control_request" => self.asked(&value, to),
            "control_cancel_request" => {
                let id = value.get("request_id").map(Value::to_string);
                id.into_iter().for_each(|id| to.report(Report::Withdrawn(id)));
            }
            _ => {}
        }
    }

    fn is_ready(&self, _: InTurn) -> bool {
        true
    }

    fn send(&mut self, message: &Message, to: &mut Outbox) -> Given {
        to.line(&user_message(&message.text, Some(&message.id)));
        Given::Sent
    }

    fn interrupt(&mut self, to: &mut Outbox) {
        self.requests += 1;
        to.line(&interrupt(self.requests));
    }

    fn answer(&mut self, question: &Question, permit: &Permit, to: &mut Outbox) {
        let answer = match permit {
            Permit::Allow => {
                let input = question.request.get("input").cloned().unwrap_or_else(|| json!({}));
                json!({"behavior": "allow", "updatedInput": input})
            }
            Permit::Deny(reason) => json!({"behavior": "deny", "message": reason}),
            Permit::Cancelled => {
                json!({"behavior": "deny", "message": "the turn was cancelled", "interrupt": true})
            }
        };
        respond(question.id(), json!({"subtype": "success", "response": answer}), to);
    }
}

/// Canonical kind of a tool. The names of a server's tools say nothing for sure.
fn kind(tool: &str) -> &'static str {
    let is_own = !tool.starts_with("mcp__") && tool.bytes().all(|b| b.is_ascii_alphanumeric());
    if is_own { tool_kind(tool) } else { "other" }
}

/// Writes a response to the request with this id.
fn respond(id: Value, mut response: Value, to: &mut Outbox) {
    response["request_id"] = id;
    to.line(&json!({"type": "control_response", "response": response}));
}

impl Claude {
    fn asked(&self, value: &Value, to: &mut Outbox) {
        let (Some(id), Some(request)) = (value.get("request_id"), value.get("request")) else {
            return;
        };
        let subtype = text(request, &["subtype"]).unwrap_or_default();
        if subtype != "can_use_tool" {
            let error = format!("spile does not serve {subtype}");
            return respond(id.clone(), json!({"subtype": "error", "error": error}), to);
        }
        let tool = text(request, &["tool_name"]).unwrap_or_default().to_owned();
        to.report(Report::Asked(Question {
            id: id.to_string(),
            kind: kind(&tool),
            name: Some(tool.clone()),
            title: text(request, &["description"]).unwrap_or_default().to_owned(),
            tool,
            request: request.clone(),
        }));
    }
}
