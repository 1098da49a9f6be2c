//! Kimi Code: `kimi --print --output-format stream-json`. Every line is a message in OpenAI's roles; tools say no status, and
//! a hint how to resume the session comes last. Older releases print no `meta` lines at all.

use serde_json::Value;

use super::json::{Call, Done, arguments, finish_tool, plain, start_tool};
use super::{
    Adapter, Calls, Line, Match, Spec, lines_of, one_line, say_status, text_at, user_said,
};
use crate::event::Spent;
use crate::guard::{Ended, Guard, Text, TextKind, Verdict};
use crate::time::Time;

pub(super) const SPEC: Spec = Spec {
    name: "kimi",
    aliases: &["kimi-cli"],
    versions: "by its documentation",
    about: "Kimi Code, stream-json",
    usage: "kimi --print -p PROMPT --output-format=stream-json",
    commands: &["kimi"],
    flags: &["stream-json"],
    has_result: true,
    detect,
    new: |_| Box::new(Kimi::default()),
};

/// How many calls without a result are counted.
const MAX_OPEN: usize = 4096;

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    match text_at(value, "role").unwrap_or_default() {
        "meta" if has("type") => Match::Sure,
        "tool" if has("tool_call_id") && has("content") => Match::Sure,
        "assistant" if has("tool_calls") && !has("type") => Match::Sure,
        "assistant" if has("content") && !has("type") => Match::Maybe,
        _ => Match::No,
    }
}

#[derive(Default)]
struct Kimi {
    calls: Calls,
    /// It prints `meta` lines, so that the last of them must come.
    meta: bool,
    /// Calls without a result.
    open: Vec<String>,
}

impl Adapter for Kimi {
    fn on_line(&mut self, now: Time, line: Line<'_>, guard: &mut Guard) {
        lines_of(now, line, guard, |value, guard| {
            self.value(now, value, guard);
        });
    }

    fn on_end(&mut self, _: Time, _: Ended, guard: &mut Guard) -> Verdict {
        if self.meta || !guard.turn_open() {
            Verdict::MissingResult
        } else if self.open.is_empty() {
            Verdict::ByExit
        } else {
            Verdict::Truncated
        }
    }
}

impl Kimi {
    fn value(&mut self, now: Time, value: Value, guard: &mut Guard) {
        let text = |key| text_at(&value, key).unwrap_or_default();
        let content = value.get("content").unwrap_or(&Value::Null);
        match (text("role"), text("type")) {
            ("assistant", _) => self.assistant(now, &value, guard),
            ("tool", _) => {
                let id = text("tool_call_id");
                self.open.retain(|open| open != id);
                let done = Done {
                    id,
                    outcome: "unknown",
                    output: Some(&plain(content)),
                    ..Done::default()
                };
                finish_tool(now, &done, &mut self.calls, guard);
            }
            ("user", _) => {
                let said = plain(content);
                user_said(now, guard, said.as_str().unwrap_or_default());
            }
            ("meta", "session.resume_hint") if guard.turn_open() => {
                self.meta = true;
                self.open.clear();
                say_status(now, guard, "session", text("session_id"), value.clone());
                guard.complete(now, "completed", None, &Spent::default());
            }
            ("meta", type_) => {
                self.meta = true;
                let kind = match type_ {
                    "error" => "error",
                    t if t.starts_with("session.") => "session",
                    _ => "info",
                };
                let message = one_line(content.as_str().unwrap_or(type_));
                say_status(now, guard, kind, &message, value);
            }
            (role, _) => {
                let message = format!("message of role {role:?}");
                say_status(now, guard, "info", &message, value);
            }
        }
    }

    fn assistant(&mut self, now: Time, value: &Value, guard: &mut Guard) {
        if let Some(said) = text_at(value, "reasoning_content") {
            say(now, TextKind::Reasoning, said, guard);
        }
        match value.get("content") {
            Some(Value::String(said)) => say(now, TextKind::Answer, said, guard),
            Some(Value::Array(parts)) => {
                for part in parts {
                    match (text_at(part, "text"), text_at(part, "think")) {
                        (Some(said), _) => say(now, TextKind::Answer, said, guard),
                        (_, Some(said)) => say(now, TextKind::Reasoning, said, guard),
                        _ => {
                            say_status(now, guard, "info", "content that is no text", part.clone());
                        }
                    }
                }
            }
            _ => {}
        }
        let calls = value.get("tool_calls").and_then(Value::as_array);
        for call in calls.into_iter().flatten() {
            let function = call.get("function").unwrap_or(call);
            let id = text_at(call, "id").unwrap_or_default();
            let input = arguments(function.get("arguments"));
            let tool = Call {
                id,
                name: text_at(function, "name").unwrap_or_default(),
                input: input.as_ref(),
                ..Call::default()
            };
            start_tool(now, &tool, &mut self.calls, guard);
            if self.open.len() < MAX_OPEN {
                self.open.push(id.to_owned());
            }
        }
    }
}

fn say(now: Time, kind: TextKind, said: &str, guard: &mut Guard) {
    let text = Text { key: "assistant", kind, parent: None };
    guard.finish_block(now, &text, Some(said));
}
