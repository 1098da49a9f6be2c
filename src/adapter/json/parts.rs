//! Tools, failures and token counts as most runtimes print them, for adapters that read a line as a value.

use serde_json::Value;

use super::super::{Calls, describe, one_line, say_status, text_at, tool_kind};
use crate::codec;
use crate::event::{Failure, Spent, TurnStarted, Usage};
use crate::guard::{Guard, ToolEnd, ToolStart};
use crate::time::Time;

/// A tool that begins.
#[derive(Debug, Clone, Copy, Default)]
pub struct Call<'a> {
    /// The runtime's id; empty if it has none.
    pub id: &'a str,
    /// Its name, verbatim.
    pub name: &'a str,
    /// The arguments.
    pub input: Option<&'a Value>,
    /// A line for people, where the runtime says one.
    pub title: Option<&'a str>,
    /// The tool call under which a sub-agent calls it.
    pub parent: Option<&'a str>,
}

/// A tool that has finished.
#[derive(Debug, Clone, Copy, Default)]
pub struct Done<'a> {
    /// The id by which it was started.
    pub id: &'a str,
    /// Its name, for a tool that was never started.
    pub name: &'a str,
    /// `ok` `error` `denied` `cancelled` `unknown`.
    pub outcome: &'a str,
    /// What it gave.
    pub output: Option<&'a Value>,
    /// Its exit status.
    pub exit_code: Option<i64>,
    /// Milliseconds.
    pub duration_ms: Option<u64>,
    /// The tool call under which a sub-agent called it.
    pub parent: Option<&'a str>,
}

/// Opens a turn of `runtime`, or says in an open one how the session goes on; `value` has `model`, `session_id` and `cwd`.
pub fn open_turn(now: Time, runtime: &str, value: &Value, guard: &mut Guard) {
    if guard.turn_open() {
        say_status(now, guard, "session", "the session goes on", value.clone());
        return;
    }
    let text = |key| text_at(value, key).map(Into::into);
    let started = TurnStarted {
        runtime: runtime.into(),
        model: text("model"),
        session: text("session_id"),
        cwd: text("cwd"),
        ..TurnStarted::default()
    };
    guard.start_turn(now, &started);
}

/// Starts a tool, once.
pub fn start_tool(now: Time, call: &Call<'_>, calls: &mut Calls, guard: &mut Guard) {
    let input = call.input.filter(|i| !i.is_null());
    let input = input.map(codec::to_json);
    let (title, paths) = describe(input.as_deref());
    let named = call.title.map(one_line).filter(|t| !t.is_empty());
    let title = named.or(title);
    let tool = ToolStart {
        id: call.id,
        name: call.name,
        kind: tool_kind(call.name),
        title: title.as_deref(),
        input: input.as_deref(),
        paths: &paths,
        parent: call.parent,
    };
    calls.start(now, &tool, guard);
}

/// Finishes it, once.
pub fn finish_tool(now: Time, done: &Done<'_>, calls: &mut Calls, guard: &mut Guard) {
    let end = ToolEnd {
        id: done.id,
        name: done.name,
        kind: tool_kind(done.name),
        outcome: done.outcome,
        output: done.output.filter(|o| !o.is_null()).map(|o| codec::to_json(o).into()),
        exit_code: done.exit_code,
        duration_ms: done.duration_ms,
        parent: done.parent,
    };
    calls.finish(now, end, guard);
}

/// A list of content parts that are nothing but text, as one text; anything else as it is.
#[must_use]
pub fn plain(content: &Value) -> Value {
    let parts = content.as_array().filter(|parts| !parts.is_empty());
    let texts: Option<Vec<&str>> = parts.and_then(|parts| {
        let text = |part: &'_ Value| part.get("text")?.as_str().map(str::len);
        parts.iter().all(|part| text(part).is_some()).then(|| {
            let texts = parts.iter().filter_map(|part| part.get("text")?.as_str());
            texts.collect()
        })
    });
    texts.map_or_else(|| content.clone(), |texts| texts.join("\n").into())
}

/// Arguments that come as JSON text inside a string.
#[must_use]
pub fn arguments(value: Option<&Value>) -> Option<Value> {
    let value = value?;
    let Some(text) = value.as_str() else {
        return Some(value.clone());
    };
    let parsed = serde_json::from_str(text).ok();
    let mended = || serde_json::from_str(&codec::mend_lone(text)?).ok();
    Some(parsed.or_else(mended).unwrap_or_else(|| value.clone()))
}

/// A turn is over, and none has begun since.
#[must_use]
pub fn over(guard: &Guard) -> bool {
    !guard.turn_open() && guard.turns() > 0
}

/// The first of `keys` that is a count.
#[must_use]
pub fn count(value: &Value, keys: &[&str]) -> Option<u64> {
    keys.iter().find_map(|key| value.get(key)?.as_u64())
}

/// Token counts in any of the words that runtimes have for them; `None` where nothing is counted.
#[must_use]
pub fn usage(value: &Value) -> Option<Usage> {
    let of = |keys: &[&str]| count(value, keys);
    let cache = value.get("cache").unwrap_or(&Value::Null);
    let usage = Usage {
        input_tokens: of(&["input_tokens", "inputTokens", "input"]),
        output_tokens: of(&["output_tokens", "outputTokens", "output"]),
        cache_read_tokens: of(&[
            "cache_read_input_tokens",
            "cacheReadInputTokens",
            "cacheReadTokens",
            "cacheRead",
            "cached",
        ])
        .or(count(cache, &["read"])),
        cache_write_tokens: of(&[
            "cache_creation_input_tokens",
            "cacheCreationInputTokens",
            "cacheWriteTokens",
            "cacheWrite",
        ])
        .or(count(cache, &["write"])),
        reasoning_tokens: of(&[
            "reasoning_tokens",
            "reasoningTokens",
            "reasoning",
            "thinking_tokens",
        ]),
        total_tokens: None,
    };
    // A sum is said where it is all that is known.
    let total = || {
        Some(Usage {
            total_tokens: Some(of(&["total_tokens", "totalTokens", "total"])?),
            ..Usage::default()
        })
    };
    if usage == Usage::default() { total() } else { Some(usage) }
}

/// Two counts together.
#[must_use]
pub fn sum(a: Usage, b: Usage) -> Usage {
    let add = |a: Option<u64>, b: Option<u64>| match (a, b) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (a, b) => a.or(b),
    };
    Usage {
        input_tokens: add(a.input_tokens, b.input_tokens),
        output_tokens: add(a.output_tokens, b.output_tokens),
        cache_read_tokens: add(a.cache_read_tokens, b.cache_read_tokens),
        cache_write_tokens: add(a.cache_write_tokens, b.cache_write_tokens),
        reasoning_tokens: add(a.reasoning_tokens, b.reasoning_tokens),
        total_tokens: add(a.total_tokens, b.total_tokens),
    }
}

/// Adds what a step of the turn used to what is known of it.
pub fn spend(spent: &mut Spent, used: Option<Usage>, cost: Option<f64>) {
    if let Some(used) = used {
        spent.usage = Some(sum(spent.usage.unwrap_or_default(), used));
    }
    if let Some(cost) = cost {
        // The sum of two costs has digits that nobody counted.
        let sum = spent.cost_usd.unwrap_or(0.0) + cost;
        spent.cost_usd = Some((sum * 1e9).round() / 1e9);
    }
}

/// Why a turn failed, with the contract's code by an HTTP status and by the words that runtimes use.
#[must_use]
pub fn failure(message: &str, words: &str, status: Option<u64>) -> Failure<'static> {
    let message = if message.is_empty() { words } else { message };
    let message = if message.is_empty() { "the turn failed without a reason" } else { message };
    let all = format!("{words} {message}").to_lowercase();
    let is = |list: &[&str]| list.iter().any(|w| all.contains(w));
    let code = match status {
        Some(429) => "rate_limited",
        Some(401 | 403) => "auth",
        _ if is(&[
            "rate limit",
            "rate_limit",
            "ratelimit",
            "usage limit",
            "quota exceeded",
            "too many requests",
            "resource_exhausted",
        ]) =>
        {
            "rate_limited"
        }
        _ if is(&[
            "unauthorized",
            "authentication",
            "api key",
            "api_key",
            "not logged in",
            "not signed in",
            "providerautherror",
        ]) =>
        {
            "auth"
        }
        _ if is(&[
            "context window",
            "context_window",
            "context length",
            "context_length",
            "prompt is too long",
        ]) =>
        {
            "context_window"
        }
        _ if is(&["max_turns", "maximum session turns", "turnlimited"]) => "max_turns",
        _ => "runtime_error",
    };
    Failure { code: code.into(), message: message.to_owned().into(), retry_at: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_in_any_words() {
        let of = |json| usage(&serde_json::from_str(json).unwrap());
        let seen = of(r#"{"input":1,"output":2,"cache":{"read":3,"write":4},"total":9}"#).unwrap();
        assert_eq!((seen.cache_read_tokens, seen.cache_write_tokens), (Some(3), Some(4)));
        assert_eq!(seen.total_tokens, None);
        assert_eq!(of(r#"{"total_tokens":9}"#).unwrap().total_tokens, Some(9));
        assert_eq!(of("{}"), None);
    }

    #[test]
    fn texts_join_and_other_content_stays() {
        let plain = |json| plain(&serde_json::from_str(json).unwrap()).to_string();
        assert_eq!(plain(r#"[{"text":"a"},{"text":"b"}]"#), r#""a\nb""#);
        assert_eq!(plain(r#"[{"text":"a"},{"data":1}]"#), r#"[{"text":"a"},{"data":1}]"#);
        assert_eq!(plain("[]"), "[]");
    }

    #[test]
    fn failures_have_a_code() {
        let code = |m, w, s| failure(m, w, s).code.into_owned();
        assert_eq!(code("x", "", Some(429)), "rate_limited");
        assert_eq!(code("Rate limit exceeded", "", None), "rate_limited");
        assert_eq!(code("Authentication failed", "", None), "auth");
        assert_eq!(code("", "", None), "runtime_error");
    }
}
