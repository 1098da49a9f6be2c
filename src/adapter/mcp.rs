//! The Model Context Protocol on a server's stdout, or a log of both directions: progress, logs and results of tools. A
//! server has no turns; its messages are statuses, and its one turn is the run.
//!
//! Source: the protocol's specification, 2025-06-18.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "mcp",
    aliases: &["model-context-protocol"],
    versions: "by its documentation",
    about: "Model Context Protocol, a server's messages",
    usage: "an MCP server over stdio",
    keys: "capabilities jsonrpc level method params progress progressToken protocolVersion \
        serverInfo total",
    has_result: false,
    detect,
    new: |_| Box::new(Mcp),
    ..Spec::FRAMES
};

fn detect(value: &Value) -> Match {
    let ours = ["notifications/", "tools/", "resources/", "prompts/", "sampling/"];
    let sure = match Rpc::of(value) {
        _ if !is_rpc(value) => return Match::No,
        Rpc::Call { method, .. } => ours.iter().any(|prefix| method.starts_with(prefix)),
        Rpc::Result { result, .. } => {
            result.get("serverInfo").is_some() || result.at("content").is_array()
        }
        Rpc::Error { .. } => false,
        Rpc::Other => return Match::No,
    };
    if sure { Match::Sure } else { Match::Maybe }
}

struct Mcp;

impl Runtime for Mcp {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        match Rpc::of(&value) {
            Rpc::Call { id, method, params } => call((id, method), params, emit),
            Rpc::Result { id, result }
                if emit.call_started(&text_of(id)) || result.at("content").is_array() =>
            {
                let outcome = if result.is("isError") { "error" } else { "ok" };
                emit.tool_done(&text_of(id), "", outcome, Some(result));
            }
            Rpc::Result { .. } => emit.status("info", "response", value.clone()),
            Rpc::Error { id, error } if emit.call_started(&text_of(id)) => {
                emit.tool_done(&text_of(id), "", "error", Some(error));
            }
            Rpc::Error { error, .. } => emit.status("error", error.text("message"), error.clone()),
            Rpc::Other => emit.status("info", "an unknown message", value.clone()),
        }
    }

    fn on_end(&mut self, _: Tail, _: &mut Emit<'_>) -> TurnVerdict {
        TurnVerdict::ByExit
    }
}

/// A string, or another value as JSON: ids and data are either.
fn text_of(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

fn call((id, method): (Option<&Value>, &str), params: &Value, emit: &mut Emit<'_>) {
    match (method, id) {
        ("tools/call", Some(id)) => {
            emit.tool(&text_of(id), params.text("name"), params.get("arguments"));
        }
        ("notifications/progress", _) => {
            // `50/100 message`, as far as it is known.
            let number = |key: &str| params.get(key).filter(|n| n.is_number());
            let done = number("progress").map(Value::to_string).unwrap_or_default();
            let total = number("total").map(|total| format!("/{total}")).unwrap_or_default();
            let message = format!("{done}{total} {}", params.text("message"));
            emit.status("progress", message.trim(), params.clone());
        }
        ("notifications/message", _) => {
            let kind = match params.text("level") {
                "warning" => "warning",
                "error" | "critical" | "alert" | "emergency" => "error",
                _ => "log",
            };
            emit.status(kind, &text_of(params.at("data")), params.clone());
        }
        ("elicitation/create" | "sampling/createMessage", _) => {
            let message = params.opt_text("message").unwrap_or(method);
            emit.status("permission", message, params.clone());
        }
        _ => emit.status("info", method, params.clone()),
    }
}
