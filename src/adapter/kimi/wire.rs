//! Kimi's wire mode, JSON-RPC on stdin and stdout: every message is an `event` with a type and a payload; `TurnEnd`, or
//! the response to the prompt, ends the turn.
//!
//! Source: `wire/types.py` and `wire/jsonrpc.py` of kimi-cli 1.52.

use super::super::prelude::*;

/// True if a message is one of the wire's.
pub(super) fn is_wire(value: &Value) -> bool {
    match Rpc::of(value) {
        Rpc::Call { method: "event" | "request", params, .. } => {
            params.opt_text("type").is_some() && params.get("payload").is_some()
        }
        Rpc::Result { result, .. } => {
            result.get("protocol_version").is_some() && result.get("slash_commands").is_some()
        }
        _ => false,
    }
}

#[derive(Default)]
pub(super) struct Wire {
    call: String,
    spent: UsageAndCost,
    /// True once a message of the wire came: its turns have an end of their own.
    pub seen: bool,
}

impl Wire {
    /// Takes the next message; `false` if it is none of JSON-RPC.
    pub(super) fn message(&mut self, value: &Value, emit: &mut Emit<'_>) -> bool {
        self.seen = true;
        match Rpc::of(value) {
            Rpc::Call { method: "event", params, .. } => self.event(params, emit),
            Rpc::Call { method, params, .. } => {
                let kind = if method == "request" { "permission" } else { "info" };
                emit.status(kind, params.opt_text("type").unwrap_or(method), params.clone());
            }
            Rpc::Result { result, .. } => match result.opt_text("status") {
                Some(status) if emit.turn_open() => self.end(status, emit),
                Some(_) if emit.over() => emit.late(result),
                _ => emit.status("session", "", result.clone()),
            },
            Rpc::Error { error, .. } => {
                emit.close_texts();
                let spent = std::mem::take(&mut self.spent);
                emit.fail_open(error, &spent);
            }
            Rpc::Other => return false,
        }
        true
    }

    fn event(&mut self, params: &Value, emit: &mut Emit<'_>) {
        let (kind, payload) = (params.text("type"), params.at("payload"));
        match kind {
            "TurnBegin" => emit.start_turn(&TurnStarted {
                prompt: plain(payload.at("user_input")).as_str().map(Into::into),
                ..TurnStarted::default()
            }),
            "StepBegin" => self.release(emit),
            "ContentPart" => match (payload.opt_text("think"), payload.opt_text("text")) {
                (Some(thought), _) => emit.only((TextKind::Reasoning, "text"), thought),
                (_, Some(answer)) => emit.only((TextKind::Answer, "text"), answer),
                _ => emit.status("info", "content that is no text", payload.clone()),
            },
            "ToolCall" => {
                self.release(emit);
                let function = payload.at("function");
                payload.text("id").clone_into(&mut self.call);
                let names = (&*self.call, function.text("name"));
                emit.hold_piece(&self.call, names, function.text("arguments"));
            }
            "ToolCallPart" => emit.add_arguments(&self.call, payload.text("arguments_part")),
            "ToolResult" => {
                self.release(emit);
                let value = payload.at("return_value");
                let output = value.get("output").map(plain).filter(|output| *output != "");
                let output = output.as_ref().or(value.get("message"));
                let outcome = if value.is("is_error") { "error" } else { "ok" };
                emit.tool_done(payload.text("tool_call_id"), "", outcome, output);
            }
            "StatusUpdate" => self.status(payload, emit),
            "TurnEnd" | "StepInterrupted" if !emit.turn_open() => emit.late(payload),
            "TurnEnd" => self.end("finished", emit),
            "StepInterrupted" => self.end("cancelled", emit),
            _ => emit.status("info", kind, payload.clone()),
        }
    }

    /// Usage of a step, whose input is counted apart from the cache.
    fn status(&mut self, payload: &Value, emit: &mut Emit<'_>) {
        if let Some(used) = payload.get("token_usage").filter(|used| used.is_object()) {
            let (read, written) = ("input_cache_read", "input_cache_creation");
            let used = tokens(used, ["input_other", "output", read, written, ""]);
            spend(&mut self.spent, Some(with_cache(used)), None);
            emit.note_spent(&self.spent);
        }
        emit.status("usage", "", payload.clone());
    }

    /// Closes the text and starts the tool before the next part.
    pub(super) fn release(&self, emit: &mut Emit<'_>) {
        emit.close_texts();
        emit.start_all_held();
    }

    fn end(&mut self, status: &str, emit: &mut Emit<'_>) {
        self.release(emit);
        let spent = std::mem::take(&mut self.spent);
        match status {
            "cancelled" | "interrupted" => emit.cancelled(status, Some(status), &spent),
            "max_steps_reached" => {
                emit.fail(failure("the limit of steps was reached", "max_steps", None), &spent);
            }
            _ => emit.complete(status, None, &spent),
        }
    }
}
