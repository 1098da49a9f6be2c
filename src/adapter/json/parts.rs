//! Tools, failures and token counts as most runtimes print them, for adapters that read a line as a value.

use std::borrow::Cow;

use serde_json::Value;

use super::ValueExt;
use crate::codec;
use crate::event::{Usage, UsageAndCost};

/// A list of content parts that are nothing but text, as one text; anything else as it is.
pub fn plain(content: &Value) -> Value {
    let parts = content.as_array().filter(|parts| !parts.is_empty());
    let texts = parts.and_then(|parts| {
        parts.iter().map(|part| part.opt_text("text")).collect::<Option<Vec<_>>>()
    });
    texts.map_or_else(|| content.clone(), |texts| texts.join("\n").into())
}

/// Arguments that come as JSON text inside a string.
pub fn arguments(value: Option<&Value>) -> Option<Value> {
    let value = value?;
    let text = value.as_str().unwrap_or_default();
    let parsed = serde_json::from_str(text).ok();
    let mended = || serde_json::from_str(&codec::replace_lone_surrogates(text)?).ok();
    Some(parsed.or_else(mended).unwrap_or_else(|| value.clone()))
}

/// A value as JSON text.
pub fn raw(value: &Value) -> Cow<'static, str> {
    codec::to_json(value).into()
}

/// The first of `keys` that is a count.
pub fn count(value: &Value, keys: &[&str]) -> Option<u64> {
    keys.iter().find_map(|key| value.u64(key))
}

const CACHE_READ: &str = "cache_read_input_tokens cache_read_tokens cacheReadInputTokens \
    cacheReadTokens cacheRead cached";
const CACHE_WRITE: &str = "cache_creation_input_tokens cache_write_tokens \
    cacheCreationInputTokens cacheWriteTokens cacheWrite";

/// Token counts in any of the words that runtimes have for them; `None` where nothing is counted.
pub fn usage(value: &Value) -> Option<Usage> {
    let of = |keys: &str| keys.split(' ').find_map(|key| value.u64(key));
    let cache = value.at("cache");
    let usage = Usage {
        input_tokens: of("input_tokens inputTokens input"),
        output_tokens: of("output_tokens outputTokens output"),
        cache_read_tokens: of(CACHE_READ).or(cache.u64("read")),
        cache_write_tokens: of(CACHE_WRITE).or(cache.u64("write")),
        reasoning_tokens: of("reasoning_tokens reasoningTokens reasoning thinking_tokens"),
        total_tokens: None,
    };
    if usage != Usage::default() {
        return Some(usage);
    }
    // A total counts only where it is all that is known.
    let total_tokens = Some(of("total_tokens totalTokens total")?);
    Some(Usage { total_tokens, ..usage })
}

/// Adds the cached tokens to the input of a runtime that counts them apart: in the contract, as in OpenTelemetry's GenAI
/// conventions, the input includes them.
pub fn with_cache(usage: Usage) -> Usage {
    let cached = [usage.cache_read_tokens, usage.cache_write_tokens];
    let cached = cached.into_iter().flatten().fold(0, u64::saturating_add);
    let input_tokens = usage.input_tokens.map(|input| input.saturating_add(cached));
    Usage { input_tokens, ..usage }
}

/// Token counts at five paths (`a/b` is a key within a key): input, output, read from a cache, written to one, reasoning.
pub fn tokens(value: &Value, paths: [&str; 5]) -> Usage {
    let [input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens] =
        paths.map(|path| value.pointer(&format!("/{path}")).and_then(Value::as_u64));
    Usage {
        input_tokens,
        output_tokens,
        cache_read_tokens,
        cache_write_tokens,
        reasoning_tokens,
        total_tokens: None,
    }
}

/// The sum of two counts.
pub fn sum(a: Usage, b: Usage) -> Usage {
    a.merge(b, |a, b| a.zip(b).map(|(a, b)| a.saturating_add(b)).or(a).or(b))
}

/// Adds the usage and cost of a step to those of its turn.
pub fn spend(spent: &mut UsageAndCost, used: Option<Usage>, cost: Option<f64>) {
    if let Some(used) = used {
        spent.usage = Some(sum(spent.usage.unwrap_or_default(), used));
    }
    if let Some(cost) = cost {
        // Rounded: the sum of two costs has digits of floating point noise.
        let sum = spent.cost_usd.unwrap_or(0.0) + cost;
        spent.cost_usd = Some((sum * 1e9).round() / 1e9);
    }
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
    fn one_request_has_one_input_whoever_counts_it() {
        let counted = [
            (
                "claude",
                r#"{"type":"result","subtype":"success","is_error":false,"result":"x","session_id":"s","usage":{"input_tokens":100,"cache_read_input_tokens":800,"cache_creation_input_tokens":100,"output_tokens":10}}"#,
            ),
            (
                "anthropic",
                r#"{"type":"message","role":"assistant","content":[],"stop_reason":"end_turn","usage":{"input_tokens":100,"cache_read_input_tokens":800,"cache_creation_input_tokens":100,"output_tokens":10}}"#,
            ),
            (
                "codex",
                "{\"type\":\"turn.started\"}\n{\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":1000,\"cached_input_tokens\":800,\"output_tokens\":10}}",
            ),
            (
                "openai-chat",
                r#"{"object":"chat.completion","choices":[{"index":0,"message":{"content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1000,"completion_tokens":10,"prompt_tokens_details":{"cached_tokens":800}}}"#,
            ),
            (
                "openai-responses",
                r#"{"object":"response","status":"completed","output":[],"usage":{"input_tokens":1000,"output_tokens":10,"input_tokens_details":{"cached_tokens":800}}}"#,
            ),
            (
                "gemini-api",
                r#"{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1000,"cachedContentTokenCount":800,"candidatesTokenCount":10}}"#,
            ),
            (
                "droid",
                r#"{"type":"completion","finalText":"x","session_id":"s","usage":{"input_tokens":100,"cache_read_input_tokens":800,"cache_creation_input_tokens":100,"output_tokens":10}}"#,
            ),
            (
                "opencode",
                "{\"type\":\"step_start\",\"sessionID\":\"s\",\"part\":{}}\n{\"type\":\"step_finish\",\"sessionID\":\"s\",\"part\":{\"reason\":\"stop\",\"tokens\":{\"input\":100,\"output\":10,\"cache\":{\"read\":800,\"write\":100}}}}",
            ),
            (
                "bedrock",
                "{\"messageStart\":{\"role\":\"assistant\"}}\n{\"messageStop\":{\"stopReason\":\"end_turn\"}}\n{\"metadata\":{\"usage\":{\"inputTokens\":100,\"outputTokens\":10,\"cacheReadInputTokens\":800,\"cacheWriteInputTokens\":100}}}",
            ),
        ];
        for (name, input) in counted {
            let spec = crate::adapter::by_name(name).unwrap();
            let out = crate::adapter::emitted(spec, &[input.as_bytes(), b"\n"]);
            let end = out.lines().rfind(|line| line.contains(r#""type":"turn_completed""#));
            let end: Value =
                serde_json::from_str(end.unwrap_or_else(|| panic!("{name}: {out}"))).unwrap();
            let usage = &end["usage"];
            let got =
                (&usage["input_tokens"], &usage["cache_read_tokens"], &usage["output_tokens"]);
            assert_eq!(got, (&1000.into(), &800.into(), &10.into()), "{name}: {out}");
        }
    }
}
