//! The items of a response: which of them are tools, and how one looks.

use super::super::prelude::*;
use std::borrow::Cow;

/// What OpenAI itself runs, so that its item finishes it; other tools are the client's to run.
const HOSTED: [&str; 5] = [
    "mcp_call",
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
];

fn type_of(item: &Value) -> &str {
    item.text("type")
}

/// The id and the name of the tool that an item is.
pub(super) fn tool(item: &Value) -> Option<(&str, Cow<'_, str>)> {
    let type_ = type_of(item);
    if !type_.ends_with("_call") {
        return None;
    }
    let id = item.opt_text("call_id").filter(|id| !id.is_empty()).or_else(|| item.opt_text("id"));
    let name = match (item.opt_text("server_label"), item.opt_text("name")) {
        (Some(server), Some(name)) => format!("{server}/{name}").into(),
        (_, Some(name)) => name.into(),
        _ => type_.into(),
    };
    Some((id.unwrap_or_default(), name))
}

/// True if arguments will come in pieces.
pub(super) fn has_arguments(item: &Value) -> bool {
    let types = ["function_call", "mcp_call", "custom_tool_call"];
    types.contains(&type_of(item)) || !HOSTED.contains(&type_of(item))
}

/// What a tool is asked to do, as the text of JSON.
fn input(item: &Value) -> Option<String> {
    if let Some(text) = item.opt_text("arguments").or_else(|| item.opt_text("input")) {
        return Some(text.to_owned());
    }
    let keys = ["action", "queries", "code", "operation"];
    let found = keys.into_iter().find_map(|key| Some((key, item.get(key)?)));
    let (key, value) = found.filter(|(_, value)| !value.is_null())?;
    if value.is_object() {
        return Some(value.to_string());
    }
    let mut fields = serde_json::Map::new();
    fields.insert(key.to_owned(), value.clone());
    Some(Value::Object(fields).to_string())
}

/// Starts the tool that a complete item is, and finishes it if OpenAI has run it.
pub(super) fn done(item: &Value, held: &mut HeldTools, emit: &mut Emit<'_>) {
    let Some((id, name)) = tool(item) else { return };
    let key = item.opt_text("id").unwrap_or(id);
    if !emit.call_started(id) {
        held.begin(key, (id, &name), emit);
        if let Some(input) = input(item) {
            held.set(key, &input);
        }
        held.start(key, emit);
    }
    if !HOSTED.contains(&type_of(item)) {
        return;
    }
    let some = |key: &str| item.get(key).filter(|value| !value.is_null());
    let outcome = match item.opt_text("status").unwrap_or("completed") {
        _ if some("error").is_some() => "error",
        "completed" => "ok",
        "failed" => "error",
        _ => "unknown",
    };
    // An image is far too long for an event.
    let output = ["output", "error", "results", "outputs", "action"];
    let output = output.into_iter().find_map(some);
    let end = ToolEnd {
        id,
        name: &name,
        kind: tool_kind(&name),
        outcome,
        output: output.map(raw),
        ..ToolEnd::default()
    };
    emit.finish_call(&end);
}

/// Finishes the tool whose result is an item of its own; `false` if the item is none. A shell's output has an exit status
/// for each command.
pub(super) fn result(item: &Value, emit: &mut Emit<'_>) -> bool {
    let Some(name) = type_of(item).strip_suffix("_output").filter(|n| n.ends_with("_call")) else {
        return false;
    };
    let parts = item.at("output").as_array();
    let ends = || parts.into_iter().flatten().filter_map(|part| part.get("outcome"));
    let codes = || ends().filter_map(|end| end.get("exit_code")?.as_i64());
    let exit_code = codes().find(|code| *code != 0).or_else(|| codes().next_back());
    let timeout = ends().any(|end| end.opt_text("type") == Some("timeout"));
    let status = item.opt_text("status").unwrap_or("completed");
    let failed = timeout || status == "failed" || exit_code.is_some_and(|code| code != 0);
    let outcome = match status {
        _ if failed => "error",
        "completed" => "ok",
        _ => "unknown",
    };
    let id = item.text("call_id");
    emit.finish_tool(&Done {
        id,
        name,
        outcome,
        output: item.get("output"),
        exit_code,
        ..Done::default()
    });
    true
}

/// What is said of an item that is neither text nor tool.
pub(super) fn notice(item: &Value) -> Option<(&'static str, &'static str)> {
    match type_of(item) {
        "message" | "reasoning" => None,
        "mcp_list_tools" => Some(("info", "tools of an MCP server")),
        "mcp_approval_request" => Some(("permission", "an MCP tool waits for approval")),
        "compaction" => Some(("compaction", "the conversation was compacted")),
        _ => Some(("info", "an item of another type")),
    }
}

/// An event of `kind`, without its `response.`, that is neither text nor item nor the end of a turn.
pub(super) fn other(kind: &str, value: Value, held: &mut HeldTools, emit: &mut Emit<'_>) {
    let key = value.text("item_id");
    match kind.rsplit_once('.').unwrap_or((kind, "")) {
        (of, "delta") if of.ends_with("_arguments") || of.ends_with("_input") => {
            held.add(key, value.text("delta"));
        }
        (of, "done") if of.ends_with("_arguments") || of.ends_with("_input") => {
            let whole = value.opt_text("arguments").or_else(|| value.opt_text("input"));
            held.set(key, whole.unwrap_or_default());
            held.start(key, emit);
        }
        (of, _) if kind == "queued" || of.ends_with("_call") || of == "mcp_list_tools" => {
            let data = serde_json::json!({"item_id": value.get("item_id")});
            emit.status("progress", kind, data);
        }
        _ => {
            let message = format!("event of type {kind:?}");
            emit.status("info", &message, value);
        }
    }
}
