//! The items of the second and third generation: tools and how they look, and the statuses of all others.

use super::super::prelude::*;
use std::borrow::Cow;

use super::outcome;
use crate::codec::{Cursor, Fields};

/// The item types that are tools; every other, known or not, is none.
pub(super) const TOOLS: [&str; 5] =
    ["command_execution", "file_change", "mcp_tool_call", "web_search", "collab_tool_call"];

/// The fields of a line beside its item, and the item, if that has a known shape.
pub(super) fn read(line: &str) -> Option<(Fields<'_>, Fields<'_>)> {
    let (mut fields, mut item) = (Fields(Vec::with_capacity(4)), None);
    Cursor::read(line, |at| {
        at.members(|at, key| {
            if key == "item" {
                // An item that stands twice is of no known shape.
                return item.replace(Fields::scan(at)?).is_none().then_some(());
            }
            fields.0.push((key, at.raw()?));
            Some(())
        })
    })?;
    let item = item?;
    let texts = ["id", "type", "item_type", "text", "status", "server", "tool"];
    let is_text = |key: &str| item.raw(key).is_none_or(|raw| raw.starts_with('"'));
    let exit_code = item.raw("exit_code").is_none() || item.integer("exit_code").is_some();
    let known = exit_code && texts.into_iter().all(is_text) && item.duplicate().is_none();
    known.then_some((fields, item))
}

/// Arguments of a tool, which are fields of its item.
fn input<'a>(kind: &str, item: &Fields<'a>) -> Option<Cow<'a, str>> {
    if kind == "mcp_tool_call" {
        return item.raw("arguments").map(Into::into);
    }
    let keys = ["tool", "command", "changes", "query", "action", "prompt", "receiver_thread_ids"];
    let fields = keys.iter().filter_map(|key| Some(format!("\"{key}\":{}", item.raw(key)?)));
    Some(format!("{{{}}}", fields.collect::<Vec<_>>().join(",")).into())
}

/// The name of a tool, and its kind.
fn named<'a>(kind: &'a str, item: &Fields<'a>) -> (Cow<'a, str>, &'static str) {
    match (kind, item.text("server"), item.text("tool")) {
        ("mcp_tool_call", server, Some(tool)) => {
            let kind = tool_kind(&tool);
            (server.map_or(tool.clone(), |server| format!("{server}/{tool}").into()), kind)
        }
        ("collab_tool_call", ..) => (kind.into(), "think"),
        _ => (kind.into(), tool_kind(kind)),
    }
}

/// Starts the tool that an item is, once.
pub(super) fn start((id, kind): (&str, &str), item: &Fields<'_>, emit: &mut Emit<'_>) {
    let changes: Vec<Value> = item.read_as("changes").unwrap_or_default();
    let paths = changes.iter().filter_map(|change| change.opt_text("path"));
    let paths: Vec<String> = paths.map(str::to_owned).collect();
    let title = ["command", "query", "prompt"].iter().find_map(|key| words(&item.read_as(key)?));
    let (input, (name, kind)) = (input(kind, item), named(kind, item));
    emit.start_call(&ToolStart {
        id,
        name: &name,
        kind,
        title: title.as_deref().or(paths.first().map(String::as_str)),
        input: input.as_deref(),
        paths: &paths,
        parent: None,
    });
}

pub(super) fn finish((id, kind): (&str, &str), item: &Fields<'_>, emit: &mut Emit<'_>) {
    let raw = |key| item.raw(key).map(Cow::from);
    let output = match kind {
        "command_execution" => raw("aggregated_output"),
        "mcp_tool_call" => raw("result").or_else(|| raw("error")),
        "collab_tool_call" => raw("agents_states"),
        // The query shows only when the search is done.
        "web_search" => input(kind, item),
        _ => None,
    };
    let exit_code = item.integer("exit_code");
    let failed = raw("error").is_some() || exit_code.is_some_and(|code| code != 0);
    let done = if failed { "error" } else { "ok" };
    let outcome = outcome(item.text("status").as_deref(), done);
    let (name, kind) = named(kind, item);
    let (name, (duration_ms, parent)) = (&*name, (None, None));
    emit.finish_call(&ToolEnd { id, name, kind, outcome, output, exit_code, duration_ms, parent });
}

/// A string, or the last of a list of strings, as a title.
pub(super) fn words(value: &Value) -> Option<String> {
    let text = value.as_str().or_else(|| value.as_array()?.last()?.as_str())?;
    Some(one_line(text)).filter(|title| !title.is_empty())
}

/// An item or a message that is neither text nor tool nor the end of a turn.
pub(super) fn other(type_: &str, value: &Value, emit: &mut Emit<'_>) {
    let item = value.at("item");
    let (status, message) = match item.opt_text("type").or_else(|| item.opt_text("item_type")) {
        Some("todo_list") => {
            let done = item.items("items").filter(|step| step.is("completed")).count();
            ("plan", format!("{done} of {} done", item.items("items").len()))
        }
        Some("error") => ("warning", sentence(item)),
        Some("agent_message" | "assistant_message" | "reasoning") => {
            ("progress", one_line(item.text("text")))
        }
        Some(kind) => return emit.status("info", &format!("item of type {kind:?}"), value.clone()),
        None => return emit.other(type_, value),
    };
    emit.status(status, &message, item.clone());
}

/// A message without its type, which the kind of the status replaces.
pub(super) fn strip(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.shift_remove("type");
    }
    value
}
