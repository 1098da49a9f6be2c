//! Grok CLI: `grok -p PROMPT --output-format streaming-json`. Every message is `{type, data}` or an ACP update without
//! its frame; `end` comes last, and an `error` before it decides. `--output-format json` prints one object.

use serde_json::Value;

use super::json::{
    Call, Done, arguments, failure, finish_tool, over, plain, spend, start_tool, usage,
};
use super::{Adapter, Calls, Line, Match, Spec, lines_of, one_line, say_status, text_at};
use crate::event::Spent;
use crate::guard::{Ended, Guard, Text, TextKind, Verdict};
use crate::time::Time;

pub(super) const SPEC: Spec = Spec {
    name: "grok",
    aliases: &["grok-cli"],
    versions: "upstream fixtures",
    about: "Grok CLI, streaming-json",
    usage: "grok -p PROMPT --output-format streaming-json",
    commands: &["grok"],
    flags: &["streaming-json"],
    has_result: true,
    detect,
    new: |_| Box::new(Grok::default()),
};

const ANSWER: Text<'_> = Text { key: "text", kind: TextKind::Answer, parent: None };

const THOUGHT: Text<'_> = Text { key: "thought", kind: TextKind::Reasoning, parent: None };

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    let sure = match text_at(value, "type").unwrap_or_default() {
        "text" | "thought" if text_at(value, "data").is_some() => {
            let only = value.as_object().is_some_and(|fields| fields.len() == 2);
            return if only { Match::Maybe } else { Match::No };
        }
        "tool_call" => has("toolCallId") && has("toolName"),
        "max_turns_reached" => true,
        "available_commands" => has("tools"),
        "end" => has("stopReason") && has("sessionId"),
        "" => has("text") && has("stopReason") && has("sessionId"),
        _ => false,
    };
    if sure { Match::Sure } else { Match::No }
}

#[derive(Default)]
struct Grok {
    calls: Calls,
    spent: Spent,
    error: Option<Value>,
}

impl Adapter for Grok {
    fn on_line(&mut self, now: Time, line: Line<'_>, guard: &mut Guard) {
        lines_of(now, line, guard, |value, guard| {
            self.value(now, value, guard);
        });
    }

    fn on_end(&mut self, now: Time, _: Ended, guard: &mut Guard) -> Verdict {
        if let Some(error) = self.error.take()
            && !over(guard)
        {
            let message = text_at(&error, "message").unwrap_or_default();
            guard.fail(now, failure(message, "", None), &Spent::default());
        }
        Verdict::MissingResult
    }
}

impl Grok {
    fn value(&mut self, now: Time, value: Value, guard: &mut Guard) {
        let text = |key| text_at(&value, key).unwrap_or_default();
        match text("type") {
            "text" if text_at(&value, "data").is_some() => {
                guard.finish_block(now, &THOUGHT, None);
                guard.delta(now, &ANSWER, text("data"));
            }
            "thought" if text_at(&value, "data").is_some() => {
                guard.finish_block(now, &ANSWER, None);
                guard.delta(now, &THOUGHT, text("data"));
            }
            "tool_call" => {
                let input = arguments(value.get("rawInput"));
                let name = text_at(&value, "toolName").unwrap_or(text("title"));
                let call =
                    Call { id: text("toolCallId"), name, input: input.as_ref(), ..Call::default() };
                start_tool(now, &call, &mut self.calls, guard);
                self.finish(now, &value, guard);
            }
            "tool_call_update" => self.finish(now, &value, guard),
            "usage" => {
                let used = value.get("usage").and_then(usage);
                spend(&mut self.spent, used, None);
                guard.note_spent(&self.spent);
            }
            "error" => {
                let message = one_line(text("message"));
                self.error = Some(value.clone());
                say_status(now, guard, "error", &message, value);
            }
            "available_commands" => {
                say_status(now, guard, "session", "available commands", value);
            }
            "max_turns_reached" => {
                let message = "the limit of turns was reached";
                say_status(now, guard, "warning", message, value);
            }
            "end" if over(guard) => {
                say_status(now, guard, "log", "the turn had ended already", value);
            }
            "end" => self.end(now, &value, None, guard),
            "" if text_at(&value, "text").is_some() && value.get("stopReason").is_some() => {
                self.end(now, &value, text_at(&value, "text"), guard);
            }
            type_ => {
                let message = format!("message of type {type_:?}");
                say_status(now, guard, "info", &message, value);
            }
        }
    }

    /// Finishes a tool if an update says that it has ended.
    fn finish(&mut self, now: Time, value: &Value, guard: &mut Guard) {
        let outcome = match text_at(value, "status").unwrap_or_default() {
            "completed" => "ok",
            "failed" => "error",
            "cancelled" => "cancelled",
            "rejected" | "denied" => "denied",
            _ => return,
        };
        let content = value.get("content").map(content);
        let output = value.get("rawOutput").filter(|o| !o.is_null());
        let done = Done {
            id: text_at(value, "toolCallId").unwrap_or_default(),
            name: text_at(value, "toolName").unwrap_or_default(),
            outcome,
            output: output.or(content.as_ref()),
            ..Done::default()
        };
        finish_tool(now, &done, &mut self.calls, guard);
    }

    fn end(&mut self, now: Time, value: &Value, whole: Option<&str>, guard: &mut Guard) {
        let known = std::mem::take(&mut self.spent);
        let spent = Spent {
            usage: value.get("usage").and_then(usage).or(known.usage),
            cost_usd: value.get("total_cost_usd").and_then(Value::as_f64),
            ..Spent::default()
        };
        let stop = text_at(value, "stopReason").unwrap_or("end");
        if let Some(error) = self.error.take() {
            let message = text_at(&error, "message").unwrap_or_default();
            guard.fail(now, failure(message, stop, None), &spent);
        } else if matches!(stop.to_lowercase().as_str(), "cancelled" | "canceled") {
            guard.cancelled(now, stop, None, &spent);
        } else {
            guard.complete(now, stop, whole, &spent);
        }
    }
}

/// ACP wraps every part of a tool's output once more.
fn content(content: &Value) -> Value {
    let parts = content.as_array().into_iter().flatten();
    let parts: Value = parts.map(|p| p.get("content").unwrap_or(p).clone()).collect();
    plain(&parts)
}
