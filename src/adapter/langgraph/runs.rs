//! The events of LangChain's `astream_events`: each names a run, and the run that has no parents is the turn.

use serde_json::Value;

use super::super::api::{failure, raw, start_tool};
use super::super::{say_status, text_at};
use super::SPEC;
use super::messages::Messages;
use crate::event::{Spent, TurnStarted};
use crate::guard::{Guard, ToolEnd};
use crate::time::Time;

/// Takes one event.
pub(super) fn event(now: Time, value: &Value, messages: &mut Messages, guard: &mut Guard) {
    let data = value.get("data").unwrap_or(&Value::Null);
    let id = text_at(value, "run_id").unwrap_or_default();
    let name = text_at(value, "name").unwrap_or_default();
    let parents = value.get("parent_ids").and_then(Value::as_array);
    let root = parents.is_some_and(Vec::is_empty);
    let kind = text_at(value, "event").unwrap_or_default();
    match kind {
        "on_chain_start" if root && !guard.turn_open() => {
            let started = TurnStarted {
                runtime: SPEC.name.into(),
                session: Some(id.into()),
                agent: Some(name.into()),
                ..TurnStarted::default()
            };
            guard.start_turn(now, &started);
        }
        "on_chain_end" if root && guard.turn_open() => {
            messages.release(now, guard);
            guard.complete(now, "end", None, &Spent::default());
        }
        "on_chain_error" if root && guard.turn_open() => {
            messages.release(now, guard);
            guard.fail(now, failure(data), &Spent::default());
        }
        "on_chat_model_stream" | "on_llm_stream" => {
            let mut chunk = data.get("chunk").cloned().unwrap_or_default();
            // Pieces of one run are one message, whatever they call themselves.
            if let Some(fields) = chunk.as_object_mut() {
                fields.insert("id".into(), id.into());
                messages.chunk(now, &chunk, guard);
            }
        }
        "on_chat_model_end" | "on_llm_end" => messages.release(now, guard),
        "on_tool_start" => {
            messages.release(now, guard);
            let input = data.get("input").map(raw);
            start_tool(now, (id, name), input.as_deref(), &mut messages.calls, guard);
        }
        "on_tool_end" | "on_tool_error" => {
            let failed = kind == "on_tool_error";
            let output = data.get("output").or_else(|| data.get("error"));
            let end = ToolEnd {
                id,
                name,
                outcome: if failed { "error" } else { "ok" },
                output: output.map(raw),
                ..ToolEnd::default()
            };
            messages.calls.finish(now, end, guard);
        }
        _ => say_status(now, guard, "info", kind, value.clone()),
    }
}
