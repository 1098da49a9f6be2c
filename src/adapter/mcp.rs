//! The Model Context Protocol on a server's stdout, or a log of both directions: progress, logs and results of tools. A
//! server has no turns; what it says is a status, and its one turn is the run.
//!
//! Source: the protocol's specification, 2025-06-18.

use serde_json::Value;

use super::api::{raw, start_tool};
use super::framing::jsonrpc::{Rpc, is_rpc};
use super::framing::{Framed, Protocol, Tail};
use super::{Calls, Match, Spec, say_status, text_at};
use crate::guard::{Guard, ToolEnd, Verdict};
use crate::time::Time;

pub(super) const SPEC: Spec = Spec {
    name: "mcp",
    aliases: &["model-context-protocol"],
    versions: "by its documentation",
    about: "Model Context Protocol, a server's messages",
    usage: "an MCP server over stdio",
    commands: &[],
    flags: &[],
    has_result: false,
    detect,
    new: |_| Box::new(Framed::new(Mcp::default())),
};

fn detect(value: &Value) -> Match {
    if !is_rpc(value) {
        return Match::No;
    }
    match Rpc::of(value) {
        Rpc::Call { method, .. } => {
            let ours = ["notifications/", "tools/", "resources/", "prompts/", "sampling/"];
            if ours.iter().any(|prefix| method.starts_with(prefix)) {
                Match::Sure
            } else {
                Match::Maybe
            }
        }
        Rpc::Result { result, .. } if result.get("serverInfo").is_some() => Match::Sure,
        Rpc::Result { result, .. } if result.get("content").is_some_and(Value::is_array) => {
            Match::Sure
        }
        Rpc::Other => Match::No,
        _ => Match::Maybe,
    }
}

#[derive(Default)]
struct Mcp {
    calls: Calls,
}

impl Protocol for Mcp {
    fn message(&mut self, now: Time, _: &str, value: Value, guard: &mut Guard) {
        if let Value::Array(values) = value {
            for value in values {
                self.rpc(now, &value, guard);
            }
        } else {
            self.rpc(now, &value, guard);
        }
    }

    fn end(&mut self, _: Time, _: Tail, _: &mut Guard) -> Verdict {
        Verdict::ByExit
    }
}

/// An id as text: JSON-RPC has numbers and strings.
fn id_of(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

impl Mcp {
    fn rpc(&mut self, now: Time, value: &Value, guard: &mut Guard) {
        match Rpc::of(value) {
            Rpc::Call { id, method, params } => self.call(now, (id, method), params, guard),
            Rpc::Result { id, result } => {
                let tool = self.calls.started(&id_of(id), guard);
                if tool || result.get("content").is_some_and(Value::is_array) {
                    let failed = result.get("isError").and_then(Value::as_bool) == Some(true);
                    let outcome = if failed { "error" } else { "ok" };
                    self.finish(now, id, outcome, result, guard);
                } else {
                    say_status(now, guard, "info", "response", value.clone());
                }
            }
            Rpc::Error { id, error } if self.calls.started(&id_of(id), guard) => {
                self.finish(now, id, "error", error, guard);
            }
            Rpc::Error { error, .. } => {
                let message = text_at(error, "message").unwrap_or_default();
                say_status(now, guard, "error", message, error.clone());
            }
            Rpc::Other => say_status(now, guard, "info", "an unknown message", value.clone()),
        }
    }

    fn call(
        &mut self,
        now: Time,
        (id, method): (Option<&Value>, &str),
        params: &Value,
        guard: &mut Guard,
    ) {
        match (method, id) {
            ("notifications/progress", _) => {
                say_status(now, guard, "progress", &progress(params), params.clone());
            }
            ("notifications/message", _) => {
                let data = params.get("data").unwrap_or(&Value::Null);
                let text = data.as_str().map_or_else(|| data.to_string(), str::to_owned);
                let kind = match text_at(params, "level").unwrap_or_default() {
                    "warning" => "warning",
                    "error" | "critical" | "alert" | "emergency" => "error",
                    _ => "log",
                };
                say_status(now, guard, kind, &text, params.clone());
            }
            ("tools/call", Some(id)) => {
                let name = text_at(params, "name").unwrap_or_default();
                let input = params.get("arguments").map(raw);
                let id = id_of(id);
                start_tool(now, (&id, name), input.as_deref(), &mut self.calls, guard);
            }
            ("elicitation/create" | "sampling/createMessage", _) => {
                let message = text_at(params, "message").unwrap_or(method);
                say_status(now, guard, "permission", message, params.clone());
            }
            _ => say_status(now, guard, "info", method, params.clone()),
        }
    }

    fn finish(&mut self, now: Time, id: &Value, outcome: &str, result: &Value, guard: &mut Guard) {
        let end =
            ToolEnd { id: &id_of(id), outcome, output: Some(raw(result)), ..ToolEnd::default() };
        self.calls.finish(now, end, guard);
    }
}

/// `50/100 message`, as far as it is known.
fn progress(params: &Value) -> String {
    let number = |key: &str| params.get(key).filter(|n| n.is_number());
    let mut text = number("progress").map(ToString::to_string).unwrap_or_default();
    if let Some(total) = number("total") {
        text = format!("{text}/{total}");
    }
    let message = text_at(params, "message").unwrap_or_default();
    format!("{text} {message}").trim().to_owned()
}
