//! The `result` message: how a turn ended, what it used, and why it failed. The runtime's own error decides, whatever the
//! subtype says; a stop reason never makes a turn fail.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::{lenient, one_line, say_status, text_at};
use super::tally::Counts;
use super::wire::Message;
use crate::codec::{Fields, Str};
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

/// A `result` message.
#[derive(Debug)]
pub(super) struct Outcome<'a> {
    line: &'a str,
    wire: Wire<'a>,
    said: Said<'a>,
}

impl<'a> Outcome<'a> {
    /// The line as such a message, if it is one.
    ///
    /// # Errors
    /// That it holds an escape which serde_json refuses.
    pub(super) fn read(line: &'a str) -> serde_json::Result<Option<Self>> {
        let wire: Wire<'_> = serde_json::from_str(line)?;
        if wire.type_.map(RawValue::get) != Some("\"result\"") {
            return Ok(None);
        }
        let said = wire.said()?;
        Ok(Some(Self { line, wire, said }))
    }
}

/// The fields of it, each as it stands: a release that changes the type of one must not hide the others.
#[derive(Debug, Deserialize)]
struct Wire<'a> {
    #[serde(rename = "type", borrow)]
    type_: Option<&'a RawValue>,
    #[serde(borrow)]
    subtype: Option<&'a RawValue>,
    #[serde(borrow)]
    is_error: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    terminal_reason: Option<&'a RawValue>,
    #[serde(borrow)]
    stop_reason: Option<&'a RawValue>,
    #[serde(borrow)]
    errors: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    api_error_status: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    total_cost_usd: Option<&'a RawValue>,
    #[serde(borrow)]
    cost_usd: Option<&'a RawValue>,
    #[serde(borrow)]
    duration_ms: Option<&'a RawValue>,
    #[serde(borrow)]
    permission_denials: Option<&'a RawValue>,
    #[serde(borrow, rename = "modelUsage")]
    model_usage: Option<&'a RawValue>,
    #[serde(borrow)]
    num_turns: Option<&'a RawValue>,
}

/// Its texts, none of them empty but the subtype.
#[derive(Debug)]
struct Said<'a> {
    subtype: Str<'a>,
    result: Option<Str<'a>>,
    reason: Option<Str<'a>>,
    stop: Option<Str<'a>>,
}

impl<'a> Wire<'a> {
    /// # Errors
    /// That a text holds an escape which serde_json refuses.
    fn said(&self) -> serde_json::Result<Said<'a>> {
        let text = |raw: Option<&'a RawValue>| {
            let raw = raw.filter(|raw| raw.get().starts_with('"'));
            let text: Option<Str<'a>> = raw.map(|r| serde_json::from_str(r.get())).transpose()?;
            Ok(text.filter(|text| !text.is_empty()))
        };
        Ok(Said {
            subtype: text(self.subtype)?.unwrap_or_default(),
            result: text(self.result)?,
            reason: text(self.terminal_reason)?,
            stop: text(self.stop_reason)?,
        })
    }
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
    pub(super) fn result(&mut self, now: Time, message: &Outcome<'_>, guard: &mut Guard) {
        let Outcome { line, wire, said } = message;
        let is_error = lenient(wire.is_error) == Some(true);
        let failed = is_error || said.subtype.starts_with("error");
        let result = said.result.as_deref();
        if !failed && !guard.turn_open() && result.is_some() && self.last.as_deref() == result {
            guard.status_raw(now, "log", Some("the result came again"), line);
            return;
        }
        report(now, wire, guard);
        let spent = self.spent(wire);
        let reason = said.reason.as_deref();
        // Older releases do not name the reason; that a user interrupted is said in a message of its own.
        let aborted = reason.is_some_and(|r| r.starts_with("aborted"))
            || (failed && reason.is_none() && self.interrupted);
        if aborted {
            let word = reason.unwrap_or("interrupted");
            guard.cancelled(now, word, said.stop.as_deref(), &spent);
        } else if failed {
            let error = self.failure(wire, said);
            guard.fail(now, error, &spent);
        } else {
            let stop = said.stop.as_deref().or(reason).unwrap_or(&said.subtype);
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

    fn failure(&self, wire: &Wire<'_>, said: &Said<'_>) -> Failure<'static> {
        let errors: Vec<Value> = lenient(wire.errors).unwrap_or_default();
        let errors: Vec<&str> = errors.iter().filter_map(Value::as_str).collect();
        let error: Value = lenient(wire.error).unwrap_or_default();
        let error = error
            .as_str()
            .or_else(|| text_at(&error, "message"))
            .filter(|e| !e.is_empty());
        let subtype = Some(&*said.subtype).filter(|s| !s.is_empty());
        let message = said
            .result
            .as_deref()
            .map(str::to_owned)
            .or_else(|| Some(errors.join("; ")).filter(|e| !e.is_empty()))
            .or_else(|| error.map(str::to_owned))
            .or_else(|| said.reason.as_deref().or(subtype).map(str::to_owned))
            .unwrap_or_else(|| "the turn failed without a reason".into());
        let code = self.code(wire, said, &message);
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

    fn code(&self, wire: &Wire<'_>, said: &Said<'_>, message: &str) -> &'static str {
        let status: Option<u64> = lenient(wire.api_error_status);
        let error = self.error.as_deref().unwrap_or_default();
        let reason = said.reason.as_deref().unwrap_or_default();
        let is = |words: &[&str]| {
            let one = |w: &&str| reason.contains(w) || error.contains(w) || message.contains(w);
            words.iter().any(one)
        };
        match &*said.subtype {
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

    fn spent(&mut self, wire: &Wire<'_>) -> Spent {
        let usage: Option<Counts> = lenient(wire.usage);
        let total = lenient(wire.total_cost_usd).or_else(|| lenient(wire.cost_usd));
        Spent {
            usage: usage.map(Into::into),
            usage_total: None,
            cost_usd: total.and_then(|total| self.cost_of_turn(total)),
            duration_ms: lenient(wire.duration_ms),
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
fn report(now: Time, wire: &Wire<'_>, guard: &mut Guard) {
    let denials: Vec<Value> = lenient(wire.permission_denials).unwrap_or_default();
    if !denials.is_empty() {
        let message = format!("denied tool calls: {}", denials.len());
        let data = serde_json::json!({"permission_denials": denials});
        say_status(now, guard, "permission", &message, data);
    }
    let models = wire.model_usage.map(RawValue::get);
    let names = models.and_then(|models| Fields::parse(models).ok());
    if let (Some(models), Some(names)) = (models, names.filter(|names| !names.0.is_empty())) {
        let turns = wire.num_turns.map_or("null", RawValue::get);
        let data = format!("{{\"modelUsage\":{models},\"num_turns\":{turns}}}");
        let names: Vec<&str> = names.0.iter().map(|(name, _)| &**name).collect();
        let message = one_line(&names.join(", "));
        guard.status_raw(now, "usage", Some(&message), &data);
    }
}

/// Older releases append the time to the message: `...limit reached|1749924000`.
fn reset_in(message: &str) -> Option<u64> {
    message.rsplit_once('|')?.1.trim().parse().ok()
}
