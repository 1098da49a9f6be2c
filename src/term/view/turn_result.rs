//! Result of a turn as text.

use super::words::duration;
use crate::codec::Fields;
use crate::event::Type;
use crate::term::style::Look;

/// Usual reasons to stop, which are not shown.
const USUAL: [&str; 6] = ["", "end_turn", "end_of_output", "stop", "success", "completed"];

#[derive(Debug)]
pub(crate) struct TurnResult {
    pub(crate) look: Look,
    /// `[COMPLETED 1.2s]` and its like.
    pub(crate) mark: String,
    /// Words behind the mark; empty or with a space before them.
    pub(crate) rest: String,
}

impl TurnResult {
    /// Result by the terminal event of a turn that took `took` milliseconds.
    pub(crate) fn of(kind: Type, body: &Fields<'_>, took: Option<u64>) -> Self {
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

    /// Result of a turn without a terminal event.
    pub(crate) fn truncated(took: Option<u64>) -> Self {
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
        let text = error.as_ref().and_then(|e| e.text(key)).unwrap_or_default();
        text.trim().to_owned()
    };
    let retry_at = Some(field("retry_at")).filter(|at| !at.is_empty());
    let retry = retry_at.map_or_else(String::new, |at| format!(" (retry at {at})"));
    joined(&field("code"), &field("message")) + &retry
}

/// ` by whom: why`.
fn cancel(body: &Fields<'_>) -> String {
    let text = |key: &str| body.text(key).unwrap_or_default().trim().to_owned();
    let by = Some(text("by")).filter(|by| !by.is_empty());
    joined(&by.map_or_else(String::new, |by| format!("by {by}")), &text("reason"))
}

/// ` head: text`, either of which may be empty.
fn joined(head: &str, text: &str) -> String {
    match (head, text) {
        ("", "") => String::new(),
        ("", one) | (one, "") => format!(" {one}"),
        (head, text) => format!(" {head}: {text}"),
    }
}
