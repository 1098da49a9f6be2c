//! Codex's errors: a string, an object, or JSON text inside a string. Here they become a sentence and a code.

use serde_json::Value;

use super::super::text_at;
use crate::event::Failure;
use crate::time::Time;

/// How often a message is unwrapped that is JSON text itself.
const MAX_DEPTH: usize = 4;

/// The sentence in an error.
pub(super) fn readable(error: &Value) -> String {
    let sentence = unwrapped(error, &mut |_| {});
    sentence.unwrap_or_else(|| "the turn failed without a reason".into())
}

/// Why a turn failed, with the contract's code.
pub(super) fn failure(error: &Value) -> Failure<'static> {
    let (mut status, mut resets_at, mut words) = (None, None, String::new());
    let message = unwrapped(error, &mut |part| {
        let number = |key: &str| part.get(key).and_then(Value::as_u64);
        status = status.or(number("status")).or(number("status_code"));
        resets_at = resets_at.or(number("resets_at"));
        for key in ["type", "code", "codex_error_info"] {
            words.push_str(text_at(part, key).unwrap_or_default());
            words.push(' ');
        }
    });
    let message = message.unwrap_or_else(|| "the turn failed without a reason".into());
    words.push_str(&message);
    let code = code(status, &words.to_lowercase());
    let retry_at = resets_at.filter(|_| code == "rate_limited");
    Failure {
        code: code.into(),
        message: message.into(),
        retry_at: retry_at.map(|s| Time::from_millis(s.saturating_mul(1000)).to_string().into()),
    }
}

fn code(status: Option<u64>, words: &str) -> &'static str {
    let is = |list: &[&str]| list.iter().any(|w| words.contains(w));
    match status {
        Some(429) => "rate_limited",
        Some(401 | 403) => "auth",
        _ if is(&["usage limit", "usage_limit", "rate limit", "rate_limit", "status 429"]) => {
            "rate_limited"
        }
        _ if is(&[
            "401 unauthorized",
            "unauthorized",
            "missing environment variable: `openai_api_key`",
            "not logged in",
        ]) =>
        {
            "auth"
        }
        _ if is(&["context window", "context_length", "context_window"]) => "context_window",
        _ => "runtime_error",
    }
}

/// The innermost message, and on the way to it every object that is passed.
fn unwrapped(error: &Value, each: &mut impl FnMut(&Value)) -> Option<String> {
    let mut part = error.clone();
    let mut message = None;
    for _ in 0..MAX_DEPTH {
        let next = match &part {
            Value::String(text) => {
                message = Some(text.clone());
                serde_json::from_str(text).ok()
            }
            Value::Object(fields) => {
                each(&part);
                let inner = fields.get("error").filter(|e| !e.is_null());
                inner.or_else(|| fields.get("message")).cloned()
            }
            _ => None,
        };
        let Some(next) = next else { break };
        part = next;
    }
    if let Value::String(text) = part {
        message = Some(text);
    }
    message.filter(|m| !m.is_empty())
}
