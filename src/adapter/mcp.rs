//! The Model Context Protocol on a server's stdout, or a log of both directions: progress, logs and results of tools. A
//! server has no turns; what it says is a status, and its one turn is the run.
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
    framing: Framing::Frames,
    new: |_| Box::new(Mcp::default()),
    ..Spec::LINES
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
struct Mcp {}

impl Runtime for Mcp {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        self.rpc(&value, emit);
    }

    fn on_end(&mut self, _: Tail, _: &mut Emit<'_>) -> Verdict {
        Verdict::ByExit
    }
}

/// An id as text: JSON-RPC has numbers and strings.
fn id_of(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

impl Mcp {
    fn rpc(&mut self, value: &Value, emit: &mut Emit<'_>) {
        match Rpc::of(value) {
            Rpc::Call { id, method, params } => self.call((id, method), params, emit),
            Rpc::Result { id, result } => {
                let tool = emit.call_started(&id_of(id));
                if tool || result.get("content").is_some_and(Value::is_array) {
                    let failed = result.is("isError");
                    let outcome = if failed { "error" } else { "ok" };
                    self.finish(id, outcome, result, emit);
                } else {
                    emit.status("info", "response", value.clone());
                }
            }
            Rpc::Error { id, error } if emit.call_started(&id_of(id)) => {
                self.finish(id, "error", error, emit);
            }
            Rpc::Error { error, .. } => {
                let message = error.text("message");
                emit.status("error", message, error.clone());
            }
            Rpc::Other => emit.status("info", "an unknown message", value.clone()),
        }
    }

    fn call(&mut self, (id, method): (Option<&Value>, &str), params: &Value, emit: &mut Emit<'_>) {
        match (method, id) {
            ("notifications/progress", _) => {
                emit.status("progress", &progress(params), params.clone());
            }
            ("notifications/message", _) => {
                let data = params.at("data");
                let text = data.as_str().map_or_else(|| data.to_string(), str::to_owned);
                let kind = match params.text("level") {
                    "warning" => "warning",
                    "error" | "critical" | "alert" | "emergency" => "error",
                    _ => "log",
                };
                emit.status(kind, &text, params.clone());
            }
            ("tools/call", Some(id)) => {
                let name = params.text("name");
                let input = params.get("arguments").map(raw);
                let id = id_of(id);
                emit.start_named(&Call { id: &id, name, ..Call::default() }, input.as_deref());
            }
            ("elicitation/create" | "sampling/createMessage", _) => {
                let message = params.opt_text("message").unwrap_or(method);
                emit.status("permission", message, params.clone());
            }
            _ => emit.status("info", method, params.clone()),
        }
    }

    fn finish(&mut self, id: &Value, outcome: &str, result: &Value, emit: &mut Emit<'_>) {
        let end =
            ToolEnd { id: &id_of(id), outcome, output: Some(raw(result)), ..ToolEnd::default() };
        emit.finish_call(&end);
    }
}

/// `50/100 message`, as far as it is known.
fn progress(params: &Value) -> String {
    let number = |key: &str| params.get(key).filter(|n| n.is_number());
    let mut text = number("progress").map(ToString::to_string).unwrap_or_default();
    if let Some(total) = number("total") {
        text = format!("{text}/{total}");
    }
    let message = params.text("message");
    format!("{text} {message}").trim().to_owned()
}
