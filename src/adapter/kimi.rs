//! Kimi Code: `kimi --print --output-format stream-json`. Every line is a message in OpenAI's roles; tools have no status, and
//! a hint how to resume the session comes last. Older releases print no `meta` lines at all.

mod wire;

use super::prelude::*;

use wire::Wire;

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
        _ if is_rpc(value) => wire::is_wire(value),
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
        if self.meta || self.wire.seen || !emit.turn_open() {
            TurnVerdict::MissingResult
        } else if emit.open_tools().next().is_none() {
            TurnVerdict::ByExit
        } else {
            TurnVerdict::Truncated
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
