//! The items of the second and third generation: which are tools and how they look, and what the others become.

use super::super::prelude::*;
use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::wire::Item;
use crate::codec;
use crate::event::Raw;

/// The item types that are tools; every other, known or not, is none.
pub(super) fn is_tool(kind: &str) -> bool {
    let tools =
        ["command_execution", "file_change", "mcp_tool_call", "web_search", "collab_tool_call"];
    tools.contains(&kind)
}

/// What a tool is asked to do: the fields of its item that say so.
#[derive(Serialize)]
struct Input<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receiver_thread_ids: Option<&'a RawValue>,
}

fn input<'a>(kind: &str, item: &Item<'a>) -> Option<Cow<'a, str>> {
    if kind == "mcp_tool_call" {
        return item.arguments.map(as_it_stands);
    }
    let input = Input {
        tool: item.tool.as_deref(),
        command: item.command,
        changes: item.changes,
        query: item.query,
        action: item.action,
        prompt: item.prompt,
        receiver_thread_ids: item.receiver_thread_ids,
    };
    Some(codec::to_json(&input).into())
}

fn as_it_stands(raw: &RawValue) -> Cow<'_, str> {
    raw.get().into()
}

fn name<'i>(kind: &'i str, item: &'i Item<'_>) -> Cow<'i, str> {
    match (kind, &item.server, &item.tool) {
        ("mcp_tool_call", Some(server), Some(tool)) => format!("{}/{}", &**server, &**tool).into(),
        ("mcp_tool_call", None, Some(tool)) => (&**tool).into(),
        _ => kind.into(),
    }
}

fn kind_of(kind: &str, item: &Item<'_>) -> &'static str {
    match (kind, &item.tool) {
        ("mcp_tool_call", Some(tool)) => tool_kind(tool),
        ("collab_tool_call", _) => "think",
        _ => tool_kind(kind),
    }
}

/// Starts the tool that an item is, once.
pub(super) fn start(kind: &str, item: &Item<'_>, emit: &mut Emit<'_>) {
    let id = item.id.as_deref().unwrap_or_default();
    if !id.is_empty() && emit.call_started(id) {
        return;
    }
    let paths = paths(item.changes);
    let input = input(kind, item);
    let title = [item.command, item.query, item.prompt]
        .into_iter()
        .find_map(|field| words(field.map(RawValue::get)))
        .or_else(|| paths.first().cloned());
    let tool = ToolStart {
        id,
        name: &name(kind, item),
        kind: kind_of(kind, item),
        title: title.as_deref(),
        input: input.as_deref(),
        paths: &paths,
        parent: None,
    };
    emit.start_call(&tool);
}

/// Finishes it.
pub(super) fn finish(kind: &str, item: &Item<'_>, emit: &mut Emit<'_>) {
    let error = item.error.filter(|e| e.get() != "null");
    let output = match kind {
        "command_execution" => item.aggregated_output.map(as_it_stands),
        "mcp_tool_call" => {
            let result = item.result.filter(|r| r.get() != "null");
            result.or(error).map(as_it_stands)
        }
        "collab_tool_call" => item.agents_states.map(as_it_stands),
        // What was searched for shows only when it is done.
        "web_search" => input(kind, item),
        _ => None,
    };
    let outcome = match item.status.as_deref().unwrap_or("completed") {
        "declined" => "denied",
        "cancelled" | "canceled" | "interrupted" => "cancelled",
        "completed" if error.is_none() && matches!(item.exit_code, None | Some(0)) => "ok",
        "completed" | "failed" => "error",
        _ => "unknown",
    };
    let end = ToolEnd {
        id: item.id.as_deref().unwrap_or_default(),
        name: &name(kind, item),
        kind: kind_of(kind, item),
        outcome,
        output,
        exit_code: item.exit_code,
        duration_ms: None,
        parent: None,
    };
    emit.finish_call(&end);
}

/// A string, or the last of a list of strings, as a title.
pub(super) fn words(json: Option<&str>) -> Option<String> {
    let json = json?;
    let one = codec::string(json).and_then(Raw::whole).map(Cow::into_owned);
    one.or_else(|| serde_json::from_str::<Vec<String>>(json).ok()?.pop())
        .map(|text| one_line(&text))
        .filter(|title| !title.is_empty())
}

fn paths(changes: Option<&RawValue>) -> Vec<String> {
    #[derive(Deserialize)]
    struct Change {
        path: String,
    }
    let changes: Vec<Change> = lenient(changes).unwrap_or_default();
    changes.into_iter().map(|c| c.path).collect()
}

/// An item or a message that is neither text nor tool nor the end of a turn.
pub(super) fn other(type_: &str, value: Value, emit: &mut Emit<'_>) {
    let item = value.at("item");
    let kind = item.opt_text("type").or_else(|| item.opt_text("item_type"));
    let (status, message) = match kind {
        Some("todo_list") => ("plan", plan(item)),
        Some("error") => ("warning", sentence(item)),
        Some("agent_message" | "assistant_message" | "reasoning") => {
            ("progress", item.opt_text("text").map(one_line).unwrap_or_default())
        }
        Some(kind) => ("info", format!("item of type {kind:?}")),
        None => ("info", format!("message of type {type_:?}")),
    };
    let known = status != "info";
    let data = if known { item.clone() } else { value.clone() };
    emit.status(status, &message, data);
}

fn plan(item: &Value) -> String {
    let items = item.at("items").as_array();
    let items = items.map(Vec::as_slice).unwrap_or_default();
    let done = |i: &&Value| i.is("completed");
    format!("{} of {} done", items.iter().filter(done).count(), items.len())
}

/// A message without its type, which the status says in its own way.
pub(super) fn strip(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.shift_remove("type");
    }
    value
}
