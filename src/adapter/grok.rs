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

fn detect(value: &Value) -> Match {
    let sure = match value.text("type") {
        "text" | "thought" if value.opt_text("data").is_some() => {
            let only = value.as_object().is_some_and(|fields| fields.len() == 2);
            return if only { Match::Maybe } else { Match::No };
        }
        "tool_call" => value.has("toolCallId") && value.has("toolName"),
        "max_turns_reached" => true,
        "available_commands" => value.has("tools"),
        "end" => value.has("stopReason") && value.has("sessionId"),
        "" => value.has("text") && value.has("stopReason") && value.has("sessionId"),
        _ => false,
    };
    if sure { Match::Sure } else { Match::No }
}

#[derive(Default)]
struct Grok {
    spent: UsageAndCost,
    error: Option<String>,
    /// True if the limit of turns was reached.
    limited: bool,
}

impl Runtime for Grok {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        match (value.text("type"), value.opt_text("data")) {
            ("text", Some(delta)) => emit.only((TextKind::Answer, "text"), delta),
            ("thought", Some(delta)) => emit.only((TextKind::Reasoning, "text"), delta),
            ("tool_call", _) => {
                let input = arguments(value.get("rawInput"));
                let name = value.opt_text("toolName").unwrap_or(value.text("title"));
                emit.tool(value.text("toolCallId"), name, input.as_ref());
                finish(&value, emit);
            }
            ("tool_call_update", _) => finish(&value, emit),
            ("usage", _) => {
                spend(&mut self.spent, usage(value.at("usage")), None);
                emit.report_spent(&self.spent);
            }
            ("error", _) => {
                self.error = Some(value.text("message").to_owned());
                emit.status("error", &one_line(value.text("message")), value);
            }
            ("available_commands", _) => emit.status("session", "available commands", value),
            ("max_turns_reached", _) => {
                self.limited = true;
                emit.status("warning", "the limit of turns was reached", value);
            }
            ("end", _) if emit.over() => emit.late(&value),
            ("end", _) => self.end(&value, None, emit),
            ("", _) if value.opt_text("text").is_some() && value.get("stopReason").is_some() => {
                self.end(&value, value.opt_text("text"), emit);
            }
            (type_, _) => emit.other(type_, &value),
        }
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> TurnVerdict {
        emit.input.error = self.error.take().map(|error| failure(&error, "", None));
        TurnVerdict::MissingResult
    }
}

impl Grok {
    fn end(&mut self, value: &Value, whole: Option<&str>, emit: &mut Emit<'_>) {
        let spent = UsageAndCost {
            usage: usage(value.at("usage")).or(std::mem::take(&mut self.spent).usage),
            cost_usd: value.f64("total_cost_usd"),
            ..UsageAndCost::default()
        };
        let session = value.text("sessionId");
        emit.status("session", session, serde_json::json!({"session_id": session}));
        if let Some(thought) = value.opt_text("thought").filter(|_| whole.is_some()) {
            emit.finish_block(&THOUGHT, Some(thought));
        }
        let stop = value.opt_text("stopReason").unwrap_or("end");
        let cancelled = matches!(stop.to_lowercase().as_str(), "cancelled" | "canceled");
        if let Some(error) = self.error.take() {
            emit.fail(failure(&error, stop, None), &spent);
        } else if cancelled && std::mem::take(&mut self.limited) {
            // The runtime itself stops a turn at its limit.
            emit.fail(failure("the limit of turns was reached", "max_turns", None), &spent);
        } else if cancelled {
            emit.cancelled(stop, None, &spent);
        } else {
            emit.complete(stop, whole, &spent);
        }
    }
}

/// Finishes a tool if an update ends it.
fn finish(value: &Value, emit: &mut Emit<'_>) {
    let outcome = match value.text("status") {
        "completed" => "ok",
        "failed" => "error",
        "cancelled" => "cancelled",
        "rejected" | "denied" => "denied",
        _ => return,
    };
    // ACP wraps every part of a tool's output once more.
    let parts = value.items("content").map(|part| part.get("content").unwrap_or(part).clone());
    let content = plain(&parts.collect());
    let output = value.non_null("rawOutput").or(value.get("content").map(|_| &content));
    emit.tool_done(value.text("toolCallId"), value.text("toolName"), outcome, output);
}
