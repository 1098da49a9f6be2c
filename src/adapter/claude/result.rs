//! The `result` message: how a turn ended, what it used, and why it failed. The runtime's own error decides, whatever the
//! subtype is; a stop reason never makes a turn fail.

use super::super::failure::code;
use super::super::prelude::*;
use std::borrow::Cow;

use super::Dialect;
use super::wire::Message;
use crate::codec::Fields;
use crate::time::Time;

/// The marks of a turn, and the sums of the process.
#[derive(Debug, Default)]
pub(super) struct Results {
    /// `total_cost_usd` of the last result: it counts the whole process, or a resumed session from its beginning, which is
    /// not known (`None`).
    cost: Option<f64>,
    /// End of a rejected rate limit, in seconds since 1970.
    pub resets_at: Option<u64>,
    /// The `error` of the last assistant message.
    pub error: Option<String>,
    /// True if the turn was interrupted.
    pub interrupted: bool,
    /// The text of the last completed turn.
    last: Option<String>,
}

/// The string at `key`; empty if there is none.
pub(super) fn text<'a>(fields: &Fields<'a>, key: &str) -> Cow<'a, str> {
    fields.text(key).unwrap_or_default()
}

impl Results {
    /// Before the first result of a command with these arguments. Since 2.1.277 the cost of a resumed session goes on from
    /// its saved total.
    pub(super) fn new(argv: &[String]) -> Self {
        let resumes = ["--resume", "-r", "--continue", "-c", "--fork-session"];
        let resumed =
            |arg: &String| resumes.contains(&arg.as_str()) || arg.starts_with("--resume=");
        Self { cost: (!argv.iter().any(resumed)).then_some(0.0), ..Self::default() }
    }

    pub(super) fn result(
        &mut self,
        dialect: &Dialect,
        line: &str,
        message: &Message<'_>,
        emit: &mut Emit<'_>,
    ) {
        let fields = &message.fields;
        let [subtype, result, reason, stop] =
            ["subtype", "result", "terminal_reason", "stop_reason"].map(|key| text(fields, key));
        let some = |text: &'_ Cow<'_, str>| (!text.is_empty()).then(|| text.to_string());
        let failed = fields.get("is_error") == Some("true") || subtype.starts_with("error");
        if !failed && !emit.turn_open() && self.last.as_deref().is_some_and(|last| last == result) {
            let message = Some("the result came again");
            return emit.status_raw(&Notice { kind: "log", message, ..Notice::default() }, line);
        }
        if let Some(id) = fields.text("session_id").filter(|_| !emit.turn_open()) {
            // No `init` has named the session.
            emit.status("session", &id, serde_json::json!({"session_id": id}));
        }
        report(fields, emit);
        let total = fields.number("total_cost_usd").or_else(|| fields.number("cost_usd"));
        let spent = UsageAndCost {
            usage: message.usage.map(|usage| dialect.with_all_input(usage)),
            usage_total: None,
            cost_usd: total.and_then(|total| self.cost_of_turn(total)),
            duration_ms: fields.count("duration_ms"),
        };
        // Older releases do not name the reason; an interrupt by the user is a message of its own.
        if reason.starts_with("aborted") || (failed && reason.is_empty() && self.interrupted) {
            let reason = if reason.is_empty() { "interrupted" } else { &*reason };
            emit.cancelled(reason, some(&stop).as_deref(), &spent);
        } else if failed {
            emit.fail(self.failure(fields), &spent);
        } else {
            let stops = [&*stop, &*reason, &*subtype, "completed"];
            let stop = stops.into_iter().find(|stop| !stop.is_empty()).unwrap_or_default();
            if stop == "tool_use" && result.is_empty() {
                let message = "the turn ended while the model wanted a tool, without a result";
                emit.status("warning", message, Value::Null);
            }
            self.last = some(&result);
            emit.complete(stop, self.last.as_deref(), &spent);
        }
        self.error = None;
        self.interrupted = false;
    }

    fn failure(&self, fields: &Fields<'_>) -> Failure<'static> {
        let error: Value = fields.read_as("error").unwrap_or_default();
        let error = error.as_str().unwrap_or_else(|| error.text("message"));
        let errors = fields.texts("errors").join("; ");
        let (subtype, reason) = (text(fields, "subtype"), text(fields, "terminal_reason"));
        let candidates = [&*text(fields, "result"), &errors, error, &reason, &subtype];
        let message = candidates.into_iter().find(|message| !message.is_empty());
        let message = message.unwrap_or("the turn failed without a reason").to_owned();
        let code = match &*subtype {
            "error_max_turns" => "max_turns",
            "error_max_budget_usd" => "budget",
            _ if reason.contains("budget") => "budget",
            _ if reason.contains("refus") => "refused",
            _ => {
                let error = self.error.as_deref().unwrap_or_default();
                code(&format!("{reason} {error} {message}"), fields.count("api_error_status"))
            }
        };
        // Older releases append the time to the message: `...limit reached|1749924000`.
        let appended = || message.rsplit_once('|')?.1.trim().parse().ok();
        let retry_at = (code == "rate_limited").then(|| self.resets_at.or_else(appended)).flatten();
        let retry_at = retry_at.map(|seconds: u64| Time::from_millis(seconds.saturating_mul(1000)));
        let retry_at = retry_at.map(|time| time.to_string().into());
        Failure { code: code.into(), message: message.into(), retry_at }
    }

    /// This turn's part of a sum over the process. A sum of zero after more than that is one that was not counted; any
    /// other that went back has begun anew.
    fn cost_of_turn(&mut self, total: f64) -> Option<f64> {
        if total == 0.0 && self.cost.is_some_and(|before| before > 0.0) {
            return None;
        }
        let before = self.cost.replace(total)?;
        let cost = if total >= before { total - before } else { total };
        // The difference of two sums has digits that nobody counted.
        let rounded = (cost * 1e9).round() / 1e9;
        Some(if rounded.is_finite() { rounded } else { cost })
    }
}

/// The statuses of a result: denied calls, and the tokens of each model.
fn report(fields: &Fields<'_>, emit: &mut Emit<'_>) {
    let mut emit_text = |kind, message: &str, keys: &[&str]| {
        let notice = Notice { kind, message: Some(message), ..Notice::default() };
        emit.status_of(&notice, |data| {
            for key in keys {
                data.json(key, fields.get(key).unwrap_or("null"));
            }
        });
    };
    let denied = fields.list("permission_denials").len();
    if denied > 0 {
        emit_text("permission", &format!("denied tool calls: {denied}"), &["permission_denials"]);
    }
    if let Some(models) = fields.object("modelUsage").filter(|models| !models.0.is_empty()) {
        let names: Vec<&str> = models.0.iter().map(|(name, _)| &**name).collect();
        emit_text("usage", &one_line(&names.join(", ")), &["modelUsage", "num_turns"]);
    }
}
