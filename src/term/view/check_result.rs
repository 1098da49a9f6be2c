//! The last word on a turn.

use super::words::duration;
use crate::codec::Fields;
use crate::event::Type;
use crate::term::style::Look;

/// Reasons to stop of which nobody needs to hear.
const USUAL: [&str; 6] = ["", "end_turn", "end_of_output", "stop", "success", "completed"];

/// How a turn ended, in words.
#[derive(Debug)]
pub(super) struct CheckResult {
    pub(super) look: Look,
    /// `[COMPLETED 1.2s]` and its like.
    pub(super) mark: String,
    /// What is said behind the mark; empty or with a space before it.
    pub(super) rest: String,
}

impl CheckResult {
    /// What a terminal event says of a turn that took `took` milliseconds.
    pub(super) fn of(kind: Type, body: &Fields<'_>, took: Option<u64>) -> Self {
        match kind {
            Type::TurnFailed => Self::new("FAILED", Look::Bad, took, failure(body)),
            Type::TurnCancelled => Self::new("CANCELLED", Look::Warn, took, cancel(body)),
            _ => {
                let stop = body.text("stop").unwrap_or_default();
                let rest = match stop.trim() {
                    usual if USUAL.contains(&usual) => String::new(),
                    stop => format!(" stop: {stop}"),
                };
                Self::new("COMPLETED", Look::Good, took, rest)
            }
        }
    }

    /// What is to be said of a turn without a terminal event.
    pub(super) fn truncated(took: Option<u64>) -> Self {
        let rest = " the input ended before the turn did".to_owned();
        Self::new("TRUNCATED", Look::Bad, took, rest)
    }

    fn new(word: &str, look: Look, took: Option<u64>, rest: String) -> Self {
        let took = took.map_or_else(String::new, |ms| format!(" {}", duration(ms)));
        let mark = format!("[{word}{took}]");
        Self { look, mark, rest }
    }
}

/// ` code: message (retry at ...)`.
fn failure(body: &Fields<'_>) -> String {
    let error = body.object("error");
    let field = |key: &str| {
        let text = error.as_ref().and_then(|e| e.text(key));
        text.map_or_else(String::new, |t| t.trim().to_owned())
    };
    let (code, message, retry_at) = (field("code"), field("message"), field("retry_at"));
    let mut rest = String::new();
    if !code.is_empty() {
        rest.push_str(&format!(" {code}"));
    }
    if !message.is_empty() {
        rest.push_str(if code.is_empty() { " " } else { ": " });
        rest.push_str(&message);
    }
    if !retry_at.is_empty() {
        rest.push_str(&format!(" (retry at {retry_at})"));
    }
    rest
}

/// ` by whom: why`.
fn cancel(body: &Fields<'_>) -> String {
    let text = |key: &str| body.text(key).unwrap_or_default().trim().to_owned();
    match (text("by"), text("reason")) {
        (by, reason) if by.is_empty() && reason.is_empty() => String::new(),
        (by, reason) if by.is_empty() => format!(" {reason}"),
        (by, reason) if reason.is_empty() => format!(" by {by}"),
        (by, reason) => format!(" by {by}: {reason}"),
    }
}
