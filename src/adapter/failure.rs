//! Failures of all runtimes: the contract's code of an error, by its HTTP status and by the words that runtimes and
//! providers use. One table, so that one trouble has one code in all adapters.

use std::sync::LazyLock;

use serde_json::Value;

use super::json::{ValueExt, count};
use crate::codec;
use crate::event::Failure;
use crate::time::Time;

/// Levels of JSON text inside a string that are unwrapped.
const MAX_DEPTH: usize = 4;

/// The message of a failure that has none.
const NO_REASON: &str = "the turn failed without a reason";

/// The codes by words, in lower case and parted by commas; the first row with a word that occurs decides.
const WORDS: &[(&str, &str)] = &[
    ("budget", "insufficient_quota,insufficient credit,insufficient_credit"),
    ("budget", "insufficient balance,insufficient funds,credit balance,out of credit"),
    ("budget", "no credit,billing,payment required,max_budget,budget_exceeded,budget exceeded"),
    ("budget", "spending limit"),
    ("rate_limited", "rate limit,rate_limit,ratelimit,rate-limit,usage limit,usage_limit"),
    ("rate_limited", "usagelimit,hit your limit,quota,too many requests,resource_exhausted"),
    ("rate_limited", "resource exhausted,throttl,overloaded,status 429"),
    ("auth", "unauthorized,authentication,unauthenticated,permission_denied,permission_error"),
    ("auth", "api key,api_key,apikey,accessdenied,not logged in,not signed in"),
    ("auth", "please run /login,providerautherror"),
    ("context_window", "context window,context_window,contextwindow,context length"),
    ("context_window", "context_length,contextlength,maximum context,contextoverflow"),
    ("context_window", "prompt is too long,prompt too long,prompt_too_long,input is too long"),
    ("context_window", "input token count,request_too_large"),
    ("max_turns", "max_turns,max turns,maxturns,maximum session turns,maximum number of turns"),
    ("max_turns", "turnlimit,turn limit,max_iterations,max_steps"),
    ("refused", "content_filter,content filter,contentfilter,content policy,content_policy"),
    ("refused", "content management policy,prohibited_content,refusal,safety,moderation"),
];

/// The codes and their words, one by one.
static PARTED: LazyLock<Vec<(&str, &str)>> = LazyLock::new(|| {
    WORDS.iter().flat_map(|&(code, list)| list.split(',').map(move |word| (code, word))).collect()
});

/// The code of an HTTP status that has one.
pub fn status_code(status: u64) -> Option<&'static str> {
    match status {
        429 | 529 => Some("rate_limited"),
        401 | 403 => Some("auth"),
        402 => Some("budget"),
        413 => Some("context_window"),
        _ => None,
    }
}

/// The contract's code by the HTTP status and the words of an error.
pub fn code(words: &str, status: Option<u64>) -> &'static str {
    let words = words.to_lowercase();
    let by_words = PARTED.iter().find(|(_, word)| words.contains(word)).map(|(code, _)| *code);
    // A spent account comes with the status of a rate limit, but waiting does not mend it.
    let spent = by_words.filter(|code| *code == "budget");
    spent.or_else(|| status.and_then(status_code)).or(by_words).unwrap_or("runtime_error")
}

/// A failure with a message, other words that name its kind, and an HTTP status.
pub fn failure(message: &str, words: &str, status: Option<u64>) -> Failure<'static> {
    let message = [message, words].into_iter().find(|m| !m.is_empty()).unwrap_or(NO_REASON);
    let code = code(&format!("{words} {message}"), status);
    Failure { code: code.into(), message: message.to_owned().into(), retry_at: None }
}

/// The failure that an error reports: a message, JSON text inside a string, an object, or an object with either inside.
pub fn failure_of(error: &Value) -> Failure<'static> {
    let (mut status, mut resets_at, mut words) = (None, None, String::new());
    let message = innermost(error, &mut |part| {
        status = status.or(count(part, &["status", "status_code", "statusCode", "code"]));
        resets_at = resets_at.or(part.u64("resets_at"));
        for key in "type code status error_type name codex_error_info codexErrorInfo".split(' ') {
            words.push_str(part.text(key));
            words.push(' ');
        }
    });
    let inner = error.non_null("error").unwrap_or(error);
    let whole = || inner.is_object().then(|| codec::to_json(inner));
    let message = message.or_else(whole).unwrap_or_default();
    let mut failure = failure(&message, "", None);
    failure.code = code(&format!("{words} {message}"), status).into();
    let at = resets_at.filter(|_| failure.code == "rate_limited");
    failure.retry_at = at.map(|s| Time::from_millis(s.saturating_mul(1000)).to_string().into());
    failure
}

/// The sentence in an error of any shape.
pub fn sentence(error: &Value) -> String {
    innermost(error, &mut |_| {}).unwrap_or_else(|| NO_REASON.into())
}

/// The innermost message of an error; `each` sees every object on the way to it.
fn innermost(error: &Value, each: &mut impl FnMut(&Value)) -> Option<String> {
    let mut part = error.clone();
    let mut message = None;
    for _ in 0..MAX_DEPTH {
        let next = match &part {
            Value::String(text) => {
                message = Some(text.clone());
                serde_json::from_str(text).ok().filter(Value::is_object)
            }
            Value::Object(_) => {
                each(&part);
                let inner = part.get("error").filter(|e| e.is_object() || e.is_string());
                let keys = ["message", "errorText", "detail"];
                inner.or_else(|| keys.iter().find_map(|key| part.non_null(key))).cloned()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_any_shape_has_its_innermost_message_and_a_code() {
        let cases = [
            (r#""boom""#, "boom", "runtime_error"),
            (r#"{"message":"Rate limit exceeded"}"#, "Rate limit exceeded", "rate_limited"),
            (
                r#"{"error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                "Overloaded",
                "rate_limited",
            ),
            (r#"{"error":{"code":429,"message":"x"}}"#, "x", "rate_limited"),
            (r#"{"error":{"code":429,"message":"x","type":"insufficient_quota"}}"#, "x", "budget"),
            (r#"{"code":"context_length_exceeded","message":"x"}"#, "x", "context_window"),
            (
                r#"{"message":"{\"error\":{\"type\":\"authentication_error\",\"message\":\"no\"}}"}"#,
                "no",
                "auth",
            ),
            (r#"{"odd":1}"#, r#"{"odd":1}"#, "runtime_error"),
            ("null", NO_REASON, "runtime_error"),
        ];
        for (error, message, code) in cases {
            let failure = failure_of(&serde_json::from_str(error).unwrap());
            assert_eq!((&*failure.message, &*failure.code), (message, code), "{error}");
        }
    }

    #[test]
    fn words_and_statuses_have_a_code() {
        let code = |m, w, s| failure(m, w, s).code.into_owned();
        assert_eq!(code("x", "", Some(429)), "rate_limited");
        assert_eq!(code("Authentication failed", "", None), "auth");
        assert_eq!(code("connection refused", "", None), "runtime_error");
        assert_eq!(code("", "", None), "runtime_error");
    }

    /// Outputs of eight runtimes for the same trouble.
    fn outputs(message: &str, kind: &str, status: u64) -> [(&'static str, String); 8] {
        let error = serde_json::json!({"message": message, "type": kind, "code": status});
        let named = serde_json::json!({"message": message, "status": kind, "code": status});
        let failed =
            serde_json::json!({"status": "failed", "error": {"message": message, "code": kind}});
        let result = serde_json::json!({"type": "result", "subtype": "success", "is_error": true, "result": message,
            "session_id": "s", "api_error_status": status});
        [
            (
                "anthropic",
                format!("data: {}\n\n", serde_json::json!({"type": "error", "error": error})),
            ),
            ("openai-chat", format!("{}\n", serde_json::json!({"error": error}))),
            (
                "openai-responses",
                format!(
                    "data: {}\n\n",
                    serde_json::json!({"type": "response.failed", "response": failed})
                ),
            ),
            ("gemini-api", format!("{}\n", serde_json::json!({"error": named}))),
            ("claude", format!("{result}\n")),
            (
                "codex",
                format!(
                    "{{\"type\":\"turn.started\"}}\n{}\n",
                    serde_json::json!({"type": "turn.failed", "error": {"message": message}})
                ),
            ),
            (
                "goose",
                format!(
                    "{}\n{{\"type\":\"complete\",\"total_tokens\":1}}\n",
                    serde_json::json!({"type": "error", "error": message})
                ),
            ),
            ("ollama", format!("{}\n", serde_json::json!({"error": message}))),
        ]
    }

    #[test]
    fn one_trouble_has_one_code_and_one_status_whoever_reports_it() {
        let troubles = [
            ("Overloaded", "overloaded_error", 529, "rate_limited", 75),
            ("Rate limit reached for requests", "rate_limit_error", 429, "rate_limited", 75),
            (
                "prompt is too long: 210000 tokens > 200000 maximum",
                "invalid_request_error",
                400,
                "context_window",
                1,
            ),
            ("Invalid API key", "authentication_error", 401, "auth", 1),
            ("The answer was stopped by a content filter", "content_filter", 400, "refused", 1),
            ("Your credit balance is too low", "billing_error", 402, "budget", 1),
            ("Connection error: ECONNREFUSED", "connection_error", 0, "runtime_error", 1),
            ("Request timed out", "timeout_error", 408, "runtime_error", 1),
            ("Reached maximum number of turns (5)", "error_max_turns", 0, "max_turns", 1),
            ("Internal server error", "api_error", 500, "runtime_error", 1),
        ];
        for (message, kind, status, code, exit) in troubles {
            for (name, input) in outputs(message, kind, status) {
                let spec = crate::adapter::by_name(name).unwrap();
                let out = crate::adapter::emitted(spec, &[input.as_bytes()]);
                let events = out.lines().map(|l| serde_json::from_str::<Value>(l).unwrap());
                let ends: Vec<Value> = events.filter(|e| e["type"] == "turn_failed").collect();
                let got = ends.iter().map(|e| e["error"]["code"].as_str().unwrap());
                assert_eq!(got.collect::<Vec<_>>(), [code], "{name}: {input}{out}");
                assert_eq!(crate::exit::Exit::of_failure(code).code(), exit, "{code}");
            }
        }
    }
}
