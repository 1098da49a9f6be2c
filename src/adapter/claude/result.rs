//! The `result` message: how a turn ended, what it used, and why it failed. The runtime's own error decides, whatever the
//! subtype says; a stop reason never makes a turn fail.

use serde::Deserialize;
use serde_json::Value;

use super::super::{lenient, one_line, say_status, text_at};
use super::tally::Counts;
use super::wire::Message;
use crate::event::{Failure, Spent};
use crate::guard::Guard;
use crate::time::Time;

/// What a result is read with: the marks of its turn and the sums of the process.
#[derive(Debug, Default)]
pub(super) struct Results {
    /// `total_cost_usd` of the last result: it counts the whole process.
    cost: f64,
    /// When a rejected rate limit ends, in seconds since 1970.
    resets_at: Option<u64>,
    /// The `error` of the last assistant message.
    error: Option<String>,
    interrupted: bool,
    /// The text of the last completed turn.
    last: Option<String>,
}

impl Results {
    /// Notes what a message means for the result.
    pub(super) fn note(&mut self, value: &Value) {
        let info = value.get("rate_limit_info").unwrap_or(&Value::Null);
        if text_at(info, "status") == Some("rejected") {
            self.resets_at = info.get("resetsAt").and_then(Value::as_u64);
        }
    }

    pub(super) fn note_assistant(&mut self, message: &Message<'_>) {
        if let Some(error) = lenient(message.error) {
            self.error = Some(error);
        }
        self.interrupted |= message.aborted == Some(true);
    }

    pub(super) fn note_user(&mut self, text: &str) {
        self.interrupted |= text.starts_with("[Request interrupted by user");
    }

    /// Ends the turn.
    pub(super) fn result(&mut self, now: Time, value: &Value, guard: &mut Guard) {
        let text = |key| text_at(value, key).filter(|t| !t.is_empty());
        let is_error = value.get("is_error").and_then(Value::as_bool) == Some(true);
        let subtype = text("subtype").unwrap_or_default();
        let failed = is_error || subtype.starts_with("error");
        let result = text("result");
        if !failed && !guard.turn_open() && result.is_some() && self.last.as_deref() == result {
            say_status(now, guard, "log", "the result came again", value.clone());
            return;
        }
        report(now, value, guard);
        let spent = self.spent(value);
        let reason = text("terminal_reason");
        // Older releases do not name the reason; that a user interrupted is said in a message of its own.
        let aborted = reason.is_some_and(|r| r.starts_with("aborted"))
            || (failed && reason.is_none() && self.interrupted);
        if aborted {
            let word = reason.unwrap_or("interrupted");
            guard.cancelled(now, word, text("stop_reason"), &spent);
        } else if failed {
            let error = self.failure(value);
            guard.fail(now, error, &spent);
        } else {
            let stop = text("stop_reason").or(reason).unwrap_or(subtype);
            if stop == "tool_use" && result.is_none() {
                let message = "the turn ended while the model wanted a tool, without a result";
                say_status(now, guard, "warning", message, Value::Null);
            }
            let stop = if stop.is_empty() { "completed" } else { stop };
            guard.complete(now, stop, result, &spent);
            self.last = result.map(str::to_owned);
        }
        self.error = None;
        self.interrupted = false;
    }

    fn failure(&self, value: &Value) -> Failure<'static> {
        let text = |key| text_at(value, key).filter(|t| !t.is_empty());
        let errors = value.get("errors").and_then(Value::as_array);
        let errors: Vec<&str> = errors
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let joined = Some(errors.join("; ")).filter(|e| !e.is_empty());
        let reason = text("terminal_reason").or(text("subtype"));
        let message = text("result")
            .map(str::to_owned)
            .or(joined)
            .or_else(|| text("error").map(str::to_owned))
            .or_else(|| {
                let error = value.pointer("/error/message")?.as_str()?;
                Some(error.to_owned())
            })
            .or_else(|| reason.map(str::to_owned))
            .unwrap_or_else(|| "the turn failed without a reason".into());
        let code = self.code(value, &message);
        let retry_at = (code == "rate_limited")
            .then(|| self.resets_at.or_else(|| reset_in(&message)))
            .flatten()
            .map(|seconds| {
                Time::from_millis(seconds.saturating_mul(1000))
                    .to_string()
                    .into()
            });
        Failure {
            code: code.into(),
            message: message.into(),
            retry_at,
        }
    }

    fn code(&self, value: &Value, message: &str) -> &'static str {
        let status = value.get("api_error_status").and_then(Value::as_u64);
        let said = self.error.as_deref().unwrap_or_default();
        let reason = text_at(value, "terminal_reason").unwrap_or_default();
        let is = |words: &[&str]| {
            let one = |w: &&str| reason.contains(w) || said.contains(w) || message.contains(w);
            words.iter().any(one)
        };
        match text_at(value, "subtype").unwrap_or_default() {
            "error_max_turns" => return "max_turns",
            "error_max_budget_usd" => return "budget",
            _ => {}
        }
        match status {
            Some(429) => "rate_limited",
            Some(401 | 403) => "auth",
            _ if is(&["rate_limit", "usage limit reached", "hit your limit"]) => "rate_limited",
            _ if is(&[
                "authentication_",
                "Authentication failed",
                "Please run /login",
                "Invalid API key",
            ]) =>
            {
                "auth"
            }
            _ if is(&["prompt_too_long", "Prompt is too long", "context_window"]) => {
                "context_window"
            }
            _ if reason == "max_turns" => "max_turns",
            _ if reason.contains("budget") => "budget",
            _ if reason.contains("refus") => "refused",
            _ => "runtime_error",
        }
    }

    fn spent(&mut self, value: &Value) -> Spent {
        let usage = value
            .get("usage")
            .and_then(|usage| Counts::deserialize(usage).ok());
        let total = ["total_cost_usd", "cost_usd"];
        let total = total.iter().find_map(|key| value.get(key)?.as_f64());
        Spent {
            usage: usage.map(Into::into),
            usage_total: None,
            cost_usd: total.and_then(|total| self.cost_of_turn(total)),
            duration_ms: value.get("duration_ms").and_then(Value::as_u64),
        }
    }

    /// This turn's part of a sum over the process. A sum of zero after more than that is one that was not counted; any
    /// other that went back has begun anew.
    fn cost_of_turn(&mut self, total: f64) -> Option<f64> {
        let before = self.cost;
        if total == 0.0 && before > 0.0 {
            return None;
        }
        self.cost = total;
        let cost = if total >= before {
            total - before
        } else {
            total
        };
        // The difference of two sums has digits that nobody counted.
        Some((cost * 1e9).round() / 1e9)
    }
}

/// What a result says beside the end of the turn.
fn report(now: Time, value: &Value, guard: &mut Guard) {
    let denials = value.get("permission_denials").and_then(Value::as_array);
    if let Some(denials) = denials.filter(|d| !d.is_empty()) {
        let message = format!("denied tool calls: {}", denials.len());
        let data = serde_json::json!({"permission_denials": denials});
        say_status(now, guard, "permission", &message, data);
    }
    let models = value
        .get("modelUsage")
        .filter(|m| m.as_object().is_some_and(|m| !m.is_empty()));
    if let Some(models) = models {
        let data = serde_json::json!({"modelUsage": models, "num_turns": value.get("num_turns")});
        let names = models.as_object().into_iter().flat_map(|m| m.keys());
        let names: Vec<&str> = names.map(String::as_str).collect();
        say_status(now, guard, "usage", &one_line(&names.join(", ")), data);
    }
}

/// Older releases append the time to the message: `...limit reached|1749924000`.
fn reset_in(message: &str) -> Option<u64> {
    message.rsplit_once('|')?.1.trim().parse().ok()
}
