//! Kimi Code: `kimi --print --output-format stream-json`. Every line is a message in OpenAI's roles; tools say no status, and
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
    keys: "arguments_part display encrypted extras input_cache_creation input_cache_read input_other is_error \
        jsonrpc message_id method n params payload return_value slash_commands token_usage user_input function think tool_call_id tool_calls",
    detect,
    new: |_| Box::new(Kimi::default()),
    ..Spec::LINES
};

/// How many calls without a result are counted.
const MAX_OPEN: usize = 4096;

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    if is_rpc(value) {
        return if wire::is_wire(value) { Match::Sure } else { Match::No };
    }
    // Vibe numbers its messages, or says null for what one does not have.
    if has("message_id") || has("name") {
        return Match::No;
    }
    match value.text("role") {
        "meta" if has("type") => Match::Sure,
        "tool" if has("tool_call_id") && has("content") => Match::Sure,
        "assistant" if has("tool_calls") && !has("type") => Match::Sure,
        "assistant" if has("content") && !has("type") => Match::Maybe,
        _ => Match::No,
    }
}

/// The state of a run.
#[derive(Default)]
pub(super) struct Kimi {
    wire: Wire,
    /// It prints `meta` lines, so that the last of them must come.
    meta: bool,
    /// Calls without a result.
    open: Vec<String>,
}

impl Runtime for Kimi {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        if is_rpc(&value) && self.wire.message(&value, emit) {
            return;
        }
        self.value(value, emit);
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> Verdict {
        self.wire.release(emit);
        if self.meta || self.wire.seen || !emit.turn_open() {
            Verdict::MissingResult
        } else if self.open.is_empty() {
            Verdict::ByExit
        } else {
            Verdict::Truncated
        }
    }
}

impl Kimi {
    fn value(&mut self, value: Value, emit: &mut Emit<'_>) {
        let content = value.at("content");
        match (value.text("role"), value.text("type")) {
            ("assistant", _) => self.assistant(&value, emit),
            ("tool", _) => {
                let id = value.text("tool_call_id");
                self.open.retain(|open| open != id);
                let done = Done {
                    id,
                    outcome: "unknown",
                    output: Some(&plain(content)),
                    ..Done::default()
                };
                emit.finish_tool(&done);
            }
            ("user", _) => {
                let said = plain(content);
                emit.user(said.as_str().unwrap_or_default());
            }
            ("meta", "session.resume_hint") if emit.turn_open() => {
                self.meta = true;
                self.open.clear();
                emit.status("session", value.text("session_id"), value.clone());
                emit.complete("completed", None, &Spent::default());
            }
            ("meta", type_) => {
                self.meta = true;
                let kind = match type_ {
                    "error" => "error",
                    t if t.starts_with("session.") => "session",
                    _ => "info",
                };
                let message = one_line(content.as_str().unwrap_or(type_));
                emit.status(kind, &message, value);
            }
            (role, _) => {
                let message = format!("message of role {role:?}");
                emit.status("info", &message, value);
            }
        }
    }

    fn assistant(&mut self, value: &Value, emit: &mut Emit<'_>) {
        if let Some(said) = value.opt_text("reasoning_content") {
            say(TextKind::Reasoning, said, emit);
        }
        match value.get("content") {
            Some(Value::String(said)) => say(TextKind::Answer, said, emit),
            Some(Value::Array(parts)) => {
                for part in parts {
                    match (part.opt_text("text"), part.opt_text("think")) {
                        (Some(said), _) => say(TextKind::Answer, said, emit),
                        (_, Some(said)) => say(TextKind::Reasoning, said, emit),
                        _ => {
                            emit.status("info", "content that is no text", part.clone());
                        }
                    }
                }
            }
            _ => {}
        }
        let calls = value.get("tool_calls").and_then(Value::as_array);
        for call in calls.into_iter().flatten() {
            let function = call.get("function").unwrap_or(call);
            let id = call.text("id");
            let input = arguments(function.get("arguments"));
            let tool =
                Call { id, name: function.text("name"), input: input.as_ref(), ..Call::default() };
            emit.start_tool(&tool);
            if self.open.len() < MAX_OPEN {
                self.open.push(id.to_owned());
            }
        }
    }
}

fn say(kind: TextKind, said: &str, emit: &mut Emit<'_>) {
    let text = Text { key: "assistant", kind, parent: None };
    emit.finish_block(&text, Some(said));
}
