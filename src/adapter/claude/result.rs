//! The `result` message: how a turn ended, what it used, and why it failed. The runtime's own error decides, whatever the
//! subtype says; a stop reason never makes a turn fail.

use super::super::prelude::*;
use crate::time::Time;
use std::borrow::Cow;

use super::super::failure::code;
use super::Dialect;
use super::wire::Message;
use crate::codec::{self, Cursor, Fields};

/// What a result is read with: the marks of its turn and the sums of the process.
#[derive(Debug, Default)]
pub(super) struct Results {
    /// `total_cost_usd` of the last result: it counts the whole process, or a resumed session from its beginning, which is
    /// not known (`None`).
    cost: Option<f64>,
    /// When a rejected rate limit ends, in seconds since 1970.
    resets_at: Option<u64>,
    /// The `error` of the last assistant message.
    error: Option<String>,
    interrupted: bool,
    /// The text of the last completed turn.
    last: Option<String>,
}

/// A `result` message: its fields each as it stands, for a release that changes the type of one must not hide the others.
#[derive(Debug)]
pub(super) struct Outcome<'a> {
    line: &'a str,
    fields: &'a Fields<'a>,
    said: Said<'a>,
}

/// Its texts, none of them empty but the subtype.
#[derive(Debug)]
struct Said<'a> {
    subtype: Cow<'a, str>,
    result: Option<Cow<'a, str>>,
    reason: Option<Cow<'a, str>>,
    stop: Option<Cow<'a, str>>,
}

impl<'a> Outcome<'a> {
    /// The fields of a line as such a message.
    ///
    /// # Errors
    /// That a text holds an escape which serde_json refuses.
    pub(super) fn read(line: &'a str, fields: &'a Fields<'a>) -> serde_json::Result<Self> {
        let text = |key| {
            let raw = fields.get(key).filter(|raw| raw.starts_with('"'));
            let text = raw.map(|raw| codec::pull(raw, Cursor::text)).transpose()?;
            Ok::<_, serde_json::Error>(text.filter(|text| !text.is_empty()))
        };
        let said = Said {
            subtype: text("subtype")?.unwrap_or_default(),
            result: text("result")?,
            reason: text("terminal_reason")?,
            stop: text("stop_reason")?,
        };
        Ok(Self { line, fields, said })
    }
}

impl Results {
    /// Before the first result of a command with these arguments. Since 2.1.277 the cost of a resumed session goes on from
    /// its saved total.
    pub(super) fn new(argv: &[String]) -> Self {
        let resumes = ["--resume", "-r", "--continue", "-c"];
        let resumed = |arg: &String| {
            resumes.contains(&arg.as_str())
                || arg.starts_with("--resume=")
                || arg == "--fork-session"
        };
        Self { cost: (!argv.iter().any(resumed)).then_some(0.0), ..Self::default() }
    }

    /// Notes what a message means for the result.
    pub(super) fn note(&mut self, fields: &Fields<'_>) {
        if let Some(info) = fields.object("rate_limit_info")
            && info.text("status").as_deref() == Some("rejected")
        {
            self.resets_at = info.count("resetsAt");
        }
    }

    pub(super) fn note_assistant(&mut self, message: &Message<'_>) {
        if let Some(error) = message.fields.text("error") {
            self.error = Some(error.into_owned());
        }
        self.interrupted |= message.fields.get("aborted") == Some("true");
    }

    pub(super) fn note_user(&mut self, text: &str) {
        self.interrupted |= text.starts_with("[Request interrupted by user");
    }

    /// Ends the turn.
    pub(super) fn result(&mut self, dialect: &Dialect, message: &Outcome<'_>, emit: &mut Emit<'_>) {
        let Outcome { line, fields, said } = message;
        let is_error = fields.get("is_error") == Some("true");
        let failed = is_error || said.subtype.starts_with("error");
        let result = said.result.as_deref();
        if !failed && !emit.turn_open() && result.is_some() && self.last.as_deref() == result {
            let notice =
                Notice { kind: "log", message: Some("the result came again"), ..Notice::default() };
            emit.status_raw(&notice, line);
            return;
        }
        if let Some(id) = fields.text("session_id").filter(|_| !emit.turn_open()) {
            // No `init` has named the session.
            emit.status("session", &id, serde_json::json!({"session_id": id}));
        }
        report(fields, emit);
        let spent = self.spent(dialect, fields);
        let reason = said.reason.as_deref();
        // Older releases do not name the reason; that a user interrupted is said in a message of its own.
        let aborted = reason.is_some_and(|r| r.starts_with("aborted"))
            || (failed && reason.is_none() && self.interrupted);
        if aborted {
            let word = reason.unwrap_or("interrupted");
            emit.cancelled(word, said.stop.as_deref(), &spent);
        } else if failed {
            let error = self.failure(fields, said);
            emit.fail(error, &spent);
        } else {
            let stop = said.stop.as_deref().or(reason).unwrap_or(&said.subtype);
            if stop == "tool_use" && result.is_none() {
                let message = "the turn ended while the model wanted a tool, without a result";
                emit.status("warning", message, Value::Null);
            }
            let stop = if stop.is_empty() { "completed" } else { stop };
            emit.complete(stop, result, &spent);
            self.last = result.map(str::to_owned);
        }
        self.error = None;
        self.interrupted = false;
    }

    fn failure(&self, fields: &Fields<'_>, said: &Said<'_>) -> Failure<'static> {
        let errors = fields.texts("errors");
        let error: Value = fields.read_as("error").unwrap_or_default();
        let error = error.as_str().or_else(|| error.opt_text("message")).filter(|e| !e.is_empty());
        let subtype = Some(&*said.subtype).filter(|s| !s.is_empty());
        let message = said
            .result
            .as_deref()
            .map(str::to_owned)
            .or_else(|| Some(errors.join("; ")).filter(|e| !e.is_empty()))
            .or_else(|| error.map(str::to_owned))
            .or_else(|| said.reason.as_deref().or(subtype).map(str::to_owned))
            .unwrap_or_else(|| "the turn failed without a reason".into());
        let code = self.code(fields.count("api_error_status"), said, &message);
        let retry_at = (code == "rate_limited")
            .then(|| self.resets_at.or_else(|| reset_in(&message)))
            .flatten()
            .map(|seconds| Time::from_millis(seconds.saturating_mul(1000)).to_string().into());
        Failure { code: code.into(), message: message.into(), retry_at }
    }

    fn code(&self, status: Option<u64>, said: &Said<'_>, message: &str) -> &'static str {
        let error = self.error.as_deref().unwrap_or_default();
        let reason = said.reason.as_deref().unwrap_or_default();
        match &*said.subtype {
            "error_max_turns" => "max_turns",
            "error_max_budget_usd" => "budget",
            _ if reason.contains("budget") => "budget",
            _ if reason.contains("refus") => "refused",
            _ => code(&format!("{reason} {error} {message}"), status),
        }
    }

    fn spent(&mut self, dialect: &Dialect, fields: &Fields<'_>) -> Spent {
        let total = fields.number("total_cost_usd");
        let total = total.or_else(|| fields.number("cost_usd"));
        Spent {
            usage: fields.get("usage").and_then(|usage| dialect.usage(usage)),
            usage_total: None,
            cost_usd: total.and_then(|total| self.cost_of_turn(total)),
            duration_ms: fields.count("duration_ms"),
        }
    }

    /// This turn's part of a sum over the process. A sum of zero after more than that is one that was not counted; any
    /// other that went back has begun anew.
    fn cost_of_turn(&mut self, total: f64) -> Option<f64> {
        let before = self.cost;
        if total == 0.0 && before.is_some_and(|before| before > 0.0) {
            return None;
        }
        self.cost = Some(total);
        let before = before?;
        let cost = if total >= before { total - before } else { total };
        // The difference of two sums has digits that nobody counted.
        let rounded = (cost * 1e9).round() / 1e9;
        Some(if rounded.is_finite() { rounded } else { cost })
    }
}

/// What a result says beside the end of the turn.
fn report(fields: &Fields<'_>, emit: &mut Emit<'_>) {
    let denials = fields.list("permission_denials");
    if !denials.is_empty() {
        let notice = Notice {
            kind: "permission",
            message: Some(&format!("denied tool calls: {}", denials.len())),
            ..Notice::default()
        };
        let denials = fields.get("permission_denials").unwrap_or_default();
        emit.status_of(&notice, |data| {
            data.json("permission_denials", denials);
        });
    }
    let names = fields.object("modelUsage");
    if let Some(names) = names.filter(|names| !names.0.is_empty()) {
        let models = fields.get("modelUsage").unwrap_or_default();
        let turns = fields.get("num_turns").unwrap_or("null");
        let names: Vec<&str> = names.0.iter().map(|(name, _)| &**name).collect();
        let message = one_line(&names.join(", "));
        let notice = Notice { kind: "usage", message: Some(&message), ..Notice::default() };
        emit.status_of(&notice, |data| {
            data.json("modelUsage", models);
            data.json("num_turns", turns);
        });
    }
}

/// Older releases append the time to the message: `...limit reached|1749924000`.
fn reset_in(message: &str) -> Option<u64> {
    message.rsplit_once('|')?.1.trim().parse().ok()
}
