//! The items of a response that are tools, and notices of the others.

use super::super::prelude::*;
use std::borrow::Cow;

/// Tools that OpenAI runs, which their item finishes; all others are for the client to run.
const HOSTED: [&str; 5] = [
    "mcp_call",
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
];

/// The id and the name of the tool that an item is.
fn tool(item: &Value) -> Option<(&str, Cow<'_, str>)> {
    let type_ = item.text("type");
    let id = item.filled("call_id").unwrap_or(item.text("id"));
    let name = match (item.opt_text("server_label"), item.opt_text("name")) {
        (Some(server), Some(name)) => format!("{server}/{name}").into(),
        (_, name) => name.unwrap_or(type_).into(),
    };
    type_.ends_with("_call").then_some((id, name))
}

/// A tool begins; it waits if arguments will come in pieces.
pub(super) fn added(item: &Value, emit: &mut Emit<'_>) {
    let Some((id, name)) = tool(item) else { return };
    let key = item.opt_text("id").unwrap_or(id);
    emit.hold(key, (id, &name));
    if item.text("type") != "mcp_call" && HOSTED.contains(&item.text("type")) {
        emit.start_held(key);
    }
}

/// The arguments of a tool, as the text of JSON.
fn input(item: &Value) -> Option<String> {
    if let Some(text) = item.opt_text("arguments").or(item.opt_text("input")) {
        return Some(text.to_owned());
    }
    let keys = ["action", "queries", "code", "operation"];
    let key = keys.into_iter().find(|key| item.get(key).is_some())?;
    let value = item.non_null(key)?;
    let whole = value.is_object().then(|| value.to_string());
    Some(whole.unwrap_or_else(|| serde_json::json!({key: value}).to_string()))
}

/// A complete item: a tool at least has its arguments, and one that OpenAI runs is over.
pub(super) fn done(item: &Value, emit: &mut Emit<'_>) {
    let type_ = item.text("type");
    if let Some(name) = type_.strip_suffix("_output").filter(|name| name.ends_with("_call")) {
        return result(name, item, emit);
    }
    let Some((id, name)) = tool(item) else { return notice(item, emit) };
    let key = item.opt_text("id").unwrap_or(id);
    if !emit.call_started(id) {
        emit.hold(key, (id, &name));
        if let Some(input) = input(item) {
            emit.set_arguments(key, &input);
        }
        emit.start_held(key);
    }
    if HOSTED.contains(&type_) {
        // An image is far too long for an event.
        let output = ["output", "error", "results", "outputs", "action"];
        let output = output.iter().find_map(|key| item.non_null(key));
        let failed = item.non_null("error").is_some();
        let outcome = if failed { "error" } else { outcome(item) };
        emit.tool_done(id, &name, outcome, output);
    }
}

/// A result that is an item of its own. A shell's output has an exit status for each command.
fn result(name: &str, item: &Value, emit: &mut Emit<'_>) {
    let ends = || item.items("output").filter_map(|part| part.get("outcome"));
    let codes = || ends().filter_map(|end| end.i64("exit_code"));
    let exit_code = codes().find(|code| *code != 0).or_else(|| codes().next_back());
    let timeout = ends().any(|end| end.text("type") == "timeout");
    let failed = timeout || exit_code.is_some_and(|code| code != 0);
    emit.finish_tool(&Done {
        id: item.text("call_id"),
        name,
        outcome: if failed { "error" } else { outcome(item) },
        output: item.get("output"),
        exit_code,
        ..Done::default()
    });
}

fn outcome(item: &Value) -> &'static str {
    match item.opt_text("status").unwrap_or("completed") {
        "completed" => "ok",
        "failed" => "error",
        _ => "unknown",
    }
}

/// An item that is neither text nor tool.
fn notice(item: &Value, emit: &mut Emit<'_>) {
    let (kind, message) = match item.text("type") {
        "message" | "reasoning" => return,
        "mcp_list_tools" => ("info", "tools of an MCP server"),
        "mcp_approval_request" => ("permission", "an MCP tool waits for approval"),
        "compaction" => ("compaction", "the conversation was compacted"),
        _ => ("info", "an item of another type"),
    };
    emit.status(kind, message, item.clone());
}

/// An event of `kind`, without its `response.`, that is neither text nor item nor the end of a turn.
pub(super) fn other(kind: &str, value: &Value, emit: &mut Emit<'_>) {
    let key = value.text("item_id");
    let (of, event) = kind.rsplit_once('.').unwrap_or((kind, ""));
    let arguments = of.ends_with("_arguments") || of.ends_with("_input");
    match event {
        "delta" if arguments => emit.add_arguments(key, value.text("delta")),
        "done" if arguments => {
            emit.set_arguments(key, value.opt_text("arguments").unwrap_or(value.text("input")));
            emit.start_held(key);
        }
        _ if kind == "queued" || of.ends_with("_call") || of == "mcp_list_tools" => {
            let data = serde_json::json!({"item_id": value.get("item_id")});
            emit.status("progress", kind, data);
        }
        _ => emit.status("info", &format!("event of type {kind:?}"), value.clone()),
    }
}
