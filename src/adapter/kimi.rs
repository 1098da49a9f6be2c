//! Kimi Code: `kimi --print --output-format stream-json`. Every line is a message in OpenAI's roles; tools have no status, and
//! a hint how to resume the session comes last. Older releases print no `meta` lines at all.
//!
//! Source of the wire mode, JSON-RPC on stdin and stdout: `wire/types.py` and `wire/jsonrpc.py` of kimi-cli 1.52.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "kimi",
    aliases: &["kimi-cli"],
    versions: "by its documentation",
    about: "Kimi Code, stream-json",
    usage: "kimi --print -p PROMPT --output-format=stream-json",
    commands: &["kimi"],
    flags: &["stream-json"],
    keys: "arguments_part display encrypted extras input_cache_creation input_cache_read \
        input_other is_error jsonrpc message_id method n params payload return_value \
        slash_commands token_usage user_input function think tool_call_id tool_calls",
    detect,
    new: |_| Box::new(Kimi::default()),
    ..Spec::LINES
};

fn detect(value: &Value) -> Match {
    let sure = match value.text("role") {
        _ if is_rpc(value) => is_wire(value),
        // Vibe numbers its messages, or writes null for missing fields.
        _ if value.has("message_id") || value.has("name") => false,
        "meta" => value.has("type"),
        "tool" => value.has("tool_call_id") && value.has("content"),
        "assistant" if value.has("type") => false,
        "assistant" if !value.has("tool_calls") && value.has("content") => return Match::Maybe,
        "assistant" => value.has("tool_calls"),
        _ => false,
    };
    if sure { Match::Sure } else { Match::No }
}

#[derive(Default)]
pub(super) struct Kimi {
    wire: Wire,
    /// True if it prints `meta` lines, so that the last of them must come.
    meta: bool,
}

impl Runtime for Kimi {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        if is_rpc(&value) && self.wire.message(&value, emit) {
            return;
        }
        let content = value.at("content");
        let (role, type_) = (value.text("role"), value.text("type"));
        self.meta |= role == "meta";
        match (role, type_) {
            ("assistant", _) => assistant(&value, emit),
            ("tool", _) => {
                emit.tool_done(value.text("tool_call_id"), "", "unknown", Some(&plain(content)));
            }
            ("user", _) => emit.user(plain(content).as_str().unwrap_or_default()),
            ("meta", "session.resume_hint") if emit.turn_open() => {
                emit.status("session", value.text("session_id"), value.clone());
                emit.complete("completed", None, &UsageAndCost::default());
            }
            ("meta", _) => {
                let kind = match type_ {
                    "error" => "error",
                    _ if type_.starts_with("session.") => "session",
                    _ => "info",
                };
                emit.status(kind, &one_line(content.as_str().unwrap_or(type_)), value.clone());
            }
            _ => emit.status("info", &format!("message of role {role:?}"), value.clone()),
        }
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> TurnVerdict {
        if emit.turn_open() {
            self.wire.release(emit);
        }
        match emit.open_tools().next() {
            _ if self.meta || self.wire.seen || !emit.turn_open() => TurnVerdict::MissingResult,
            None => TurnVerdict::ByExit,
            Some(_) => TurnVerdict::Truncated,
        }
    }
}

fn assistant(message: &Value, emit: &mut Emit<'_>) {
    let mut emit_text = |kind, whole| emit.finish_block(&text(kind, "assistant"), whole);
    emit_text(TextKind::Reasoning, message.opt_text("reasoning_content"));
    emit_text(TextKind::Answer, message.opt_text("content"));
    for part in message.items("content") {
        match (part.opt_text("text"), part.opt_text("think")) {
            (None, None) => emit.status("info", "content that is no text", part.clone()),
            (None, thought) => emit.finish_block(&text(TextKind::Reasoning, "assistant"), thought),
            (answer, _) => emit.finish_block(&text(TextKind::Answer, "assistant"), answer),
        }
    }
    for call in message.items("tool_calls") {
        let function = call.get("function").unwrap_or(call);
        let input = arguments(function.get("arguments"));
        emit.tool(call.text("id"), function.text("name"), input.as_ref());
    }
}

/// True if a message is one of the wire's.
fn is_wire(value: &Value) -> bool {
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

/// Wire mode: every message is an `event` with a type and a payload; `TurnEnd`, or the response to the prompt, ends the turn.
#[derive(Default)]
struct Wire {
    call: String,
    spent: UsageAndCost,
    /// True once a message of the wire came: its turns have an end of their own.
    seen: bool,
}

impl Wire {
    /// Takes the next message; `false` if it is none of JSON-RPC.
    fn message(&mut self, value: &Value, emit: &mut Emit<'_>) -> bool {
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
            emit.report_spent(&self.spent);
        }
        emit.status("usage", "", payload.clone());
    }

    /// Closes the text and starts the tool before the next part.
    fn release(&self, emit: &mut Emit<'_>) {
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
