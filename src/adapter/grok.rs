//! Grok CLI: `grok -p PROMPT --output-format streaming-json`. Every message is `{type, data}` or an ACP update without
//! its frame; `end` comes last, and an `error` before it decides. `--output-format json` prints one object.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "grok",
    aliases: &["grok-cli"],
    versions: "upstream fixtures",
    about: "Grok CLI, streaming-json",
    usage: "grok -p PROMPT --output-format streaming-json",
    commands: &["grok"],
    flags: &["streaming-json"],
    keys: "cache_read_input_tokens commands locations requestId stopReason total_cost_usd turns",
    detect,
    new: |_| Box::new(Grok::default()),
    ..Spec::LINES
};

const ANSWER: Text<'_> = Text { key: "text", kind: TextKind::Answer, parent: None };

const THOUGHT: Text<'_> = Text { key: "thought", kind: TextKind::Reasoning, parent: None };

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    let sure = match value.text("type") {
        "text" | "thought" if value.opt_text("data").is_some() => {
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
    spent: Spent,
    error: Option<Value>,
    /// The limit of turns was reached.
    limited: bool,
}

impl Runtime for Grok {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        self.value(value, emit);
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> Verdict {
        if let Some(error) = self.error.take()
            && !emit.over()
        {
            let message = error.text("message");
            emit.fail(failure(message, "", None), &Spent::default());
        }
        Verdict::MissingResult
    }
}

impl Grok {
    fn value(&mut self, value: Value, emit: &mut Emit<'_>) {
        match value.text("type") {
            "text" if value.opt_text("data").is_some() => {
                emit.finish_block(&THOUGHT, None);
                emit.delta(&ANSWER, value.text("data"));
            }
            "thought" if value.opt_text("data").is_some() => {
                emit.finish_block(&ANSWER, None);
                emit.delta(&THOUGHT, value.text("data"));
            }
            "tool_call" => {
                let input = arguments(value.get("rawInput"));
                let name = value.opt_text("toolName").unwrap_or(value.text("title"));
                let call = Call {
                    id: value.text("toolCallId"),
                    name,
                    input: input.as_ref(),
                    ..Call::default()
                };
                emit.start_tool(&call);
                self.finish(&value, emit);
            }
            "tool_call_update" => self.finish(&value, emit),
            "usage" => {
                let used = value.get("usage").and_then(usage);
                spend(&mut self.spent, used, None);
                emit.note_spent(&self.spent);
            }
            "error" => {
                let message = one_line(value.text("message"));
                self.error = Some(value.clone());
                emit.status("error", &message, value);
            }
            "available_commands" => {
                emit.status("session", "available commands", value);
            }
            "max_turns_reached" => {
                let message = "the limit of turns was reached";
                emit.status("warning", message, value);
                self.limited = true;
            }
            "end" if emit.over() => {
                emit.late(&value);
            }
            "end" => self.end(&value, None, emit),
            "" if value.opt_text("text").is_some() && value.get("stopReason").is_some() => {
                self.end(&value, value.opt_text("text"), emit);
            }
            type_ => {
                emit.other(type_, &value);
            }
        }
    }

    /// Finishes a tool if an update says that it has ended.
    fn finish(&mut self, value: &Value, emit: &mut Emit<'_>) {
        let outcome = match value.text("status") {
            "completed" => "ok",
            "failed" => "error",
            "cancelled" => "cancelled",
            "rejected" | "denied" => "denied",
            _ => return,
        };
        let content = value.get("content").map(content);
        let output = value.non_null("rawOutput");
        let done = Done {
            id: value.text("toolCallId"),
            name: value.text("toolName"),
            outcome,
            output: output.or(content.as_ref()),
            ..Done::default()
        };
        emit.finish_tool(&done);
    }

    fn end(&mut self, value: &Value, whole: Option<&str>, emit: &mut Emit<'_>) {
        let known = std::mem::take(&mut self.spent);
        let spent = Spent {
            usage: value.get("usage").and_then(usage).or(known.usage),
            cost_usd: value.get("total_cost_usd").and_then(Value::as_f64),
            ..Spent::default()
        };
        let stop = value.opt_text("stopReason").unwrap_or("end");
        let session = value.text("sessionId");
        emit.status("session", session, serde_json::json!({"session_id": session}));
        if let Some(thought) = value.opt_text("thought").filter(|_| whole.is_some()) {
            emit.finish_block(&THOUGHT, Some(thought));
        }
        if let Some(error) = self.error.take() {
            let message = error.text("message");
            emit.fail(failure(message, stop, None), &spent);
        } else if matches!(stop.to_lowercase().as_str(), "cancelled" | "canceled") {
            // The runtime itself stops a turn at its limit.
            if std::mem::take(&mut self.limited) {
                emit.fail(failure("the limit of turns was reached", "max_turns", None), &spent);
            } else {
                emit.cancelled(stop, None, &spent);
            }
        } else {
            emit.complete(stop, whole, &spent);
        }
    }
}

/// ACP wraps every part of a tool's output once more.
fn content(content: &Value) -> Value {
    let parts = content.as_array().into_iter().flatten();
    let parts: Value = parts.map(|p| p.get("content").unwrap_or(p).clone()).collect();
    plain(&parts)
}
