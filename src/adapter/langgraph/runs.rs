//! The events of LangChain's `astream_events`: each names a run, and the run that has no parents is the turn.

use super::super::prelude::*;
use super::SPEC;
use super::messages::Messages;

/// Takes one event.
pub(super) fn event(value: &Value, messages: &mut Messages, emit: &mut Emit<'_>) {
    let data = value.at("data");
    let id = value.text("run_id");
    let name = value.text("name");
    let root = value.at("parent_ids").as_array().is_some_and(Vec::is_empty);
    let kind = value.text("event");
    match kind {
        "on_chain_start" if root && !emit.turn_open() => {
            emit.start_turn(&TurnStarted {
                runtime: SPEC.name.into(),
                session: Some(id.into()),
                agent: Some(name.into()),
                ..TurnStarted::default()
            });
        }
        "on_chain_end" if root && emit.turn_open() => {
            messages.release(emit);
            emit.complete("end", None, &Spent::default());
        }
        "on_chain_error" if root && emit.turn_open() => {
            messages.release(emit);
            emit.fail(failure_of(data), &Spent::default());
        }
        "on_chat_model_stream" | "on_llm_stream" => {
            let mut chunk = data.get("chunk").cloned().unwrap_or_default();
            // Pieces of one run are one message, whatever they call themselves.
            if let Some(fields) = chunk.as_object_mut() {
                fields.insert("id".into(), id.into());
                messages.chunk(&chunk, emit);
            }
        }
        "on_chat_model_end" | "on_llm_end" => messages.release(emit),
        "on_tool_start" => {
            messages.release(emit);
            emit.tool(id, name, data.get("input"));
        }
        "on_tool_end" | "on_tool_error" => {
            let outcome = if kind == "on_tool_error" { "error" } else { "ok" };
            emit.tool_done(id, name, outcome, data.get("output").or(data.get("error")));
        }
        _ => emit.status("info", kind, value.clone()),
    }
}
