//! Shared reading of JSON: fields of a message, the title, files and kind of a tool, contents and token counts as most
//! runtimes print them.

use std::borrow::{Borrow, Cow};

use serde_json::Value;

use super::Emit;
use crate::codec::{self, Cursor, Fields};
use crate::event::{Usage, UsageAndCost};

/// Longest title of a tool, in characters.
const TITLE: usize = 200;

/// A line, or a part of one, as a value, also where it holds lone surrogates; null if it is no JSON.
pub fn value_of(json: &str, emit: &mut Emit<'_>) -> Value {
    serde_json::from_str(json).unwrap_or_else(|_| {
        let mended = codec::replace_lone_surrogates(json).unwrap_or_default();
        emit.expect_lone_surrogates();
        serde_json::from_str(&mended).unwrap_or_default()
    })
}

/// Fields of a JSON message; a missing one and one of another type read as nothing.
pub trait ValueExt: Borrow<Value> {
    fn field(&self, key: &str) -> Option<&Value> {
        self.borrow().get(key)
    }

    /// The field, or null.
    fn at(&self, key: &str) -> &Value {
        self.field(key).unwrap_or(&Value::Null)
    }

    /// The field, unless it is null.
    fn non_null(&self, key: &str) -> Option<&Value> {
        self.field(key).filter(|value| !value.is_null())
    }

    /// Its string, or an empty one.
    fn text(&self, key: &str) -> &str {
        self.opt_text(key).unwrap_or_default()
    }

    fn opt_text(&self, key: &str) -> Option<&str> {
        self.field(key)?.as_str()
    }

    /// Its string, unless it is empty.
    fn filled(&self, key: &str) -> Option<&str> {
        self.opt_text(key).filter(|text| !text.is_empty())
    }

    fn owned(&self, key: &str) -> Option<String> {
        self.opt_text(key).map(str::to_owned)
    }

    fn u64(&self, key: &str) -> Option<u64> {
        self.field(key)?.as_u64()
    }

    fn i64(&self, key: &str) -> Option<i64> {
        self.field(key)?.as_i64()
    }

    fn f64(&self, key: &str) -> Option<f64> {
        self.field(key)?.as_f64()
    }

    /// True if it is there, also as null.
    fn has(&self, key: &str) -> bool {
        self.field(key).is_some()
    }

    fn is(&self, key: &str) -> bool {
        self.field(key) == Some(&Value::Bool(true))
    }

    fn items(&self, key: &str) -> std::slice::Iter<'_, Value> {
        self.field(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice).iter()
    }
}

impl ValueExt for Value {}

/// A message of JSON-RPC 2.0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rpc<'v> {
    /// A request or, without an id, a notification; `params` may be null.
    Call {
        id: Option<&'v Value>,
        method: &'v str,
        params: &'v Value,
    },
    /// A response that succeeded.
    Result {
        id: &'v Value,
        result: &'v Value,
    },
    /// A response that failed; `id` is null if that of the request could not be read.
    Error {
        id: &'v Value,
        error: &'v Value,
    },
    Other,
}

impl<'v> Rpc<'v> {
    pub fn of(value: &'v Value) -> Self {
        let id = value.at("id");
        match (value.opt_text("method"), value.non_null("error"), value.get("result")) {
            (Some(method), ..) => {
                let (id, params) = (value.non_null("id"), value.at("params"));
                Self::Call { id, method, params }
            }
            (_, Some(error), _) => Self::Error { id, error },
            (.., Some(result)) => Self::Result { id, result },
            _ => Self::Other,
        }
    }
}

/// True if a value is a message of JSON-RPC 2.0.
pub fn is_rpc(value: &Value) -> bool {
    value.opt_text("jsonrpc") == Some("2.0")
}

/// The text at `key` that is to be emitted; a value that is no text becomes a status and is not lost in silence.
pub fn str_at<'v>(value: &'v Value, key: &str, emit: &mut Emit<'_>) -> &'v str {
    match value.get(key) {
        Some(Value::String(text)) => text,
        None | Some(Value::Null) => "",
        Some(other) => {
            emit.status("info", "a text of an unknown shape", serde_json::json!({key: other}));
            ""
        }
    }
}

/// A line for people about a tool's arguments, and the files that they name.
pub fn describe(input: Option<&str>) -> (Option<String>, Vec<String>) {
    let Some(input) = input.and_then(|input| Cursor::read(input, Fields::scan)) else {
        return (None, Vec::new());
    };
    let text = |key: &str| codec::string(input.get(key)?)?.whole().filter(|t| !t.is_empty());
    let path = ["file_path", "filePath", "absolute_path"].into_iter().find_map(text);
    let paths = path.into_iter().chain(text("notebook_path")).chain(text("path"));
    let mut paths: Vec<String> = paths.map(Cow::into_owned).collect();
    paths.dedup();
    let title = ["command", "pattern", "query", "url"].into_iter().find_map(text);
    let title = title
        .or_else(|| paths.first().map(|path| path.as_str().into()))
        .or_else(|| ["description", "prompt"].into_iter().find_map(text));
    (title.map(|title| one_line(&title)), paths)
}

/// The first line of a text, cut where it gets too long for a title.
pub fn one_line(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    match line.char_indices().nth(TITLE) {
        Some((at, _)) => format!("{}...", &line[..at]),
        None => line.to_owned(),
    }
}

/// ACP's tool kind for a runtime's tool name, by the words in it; `other` where none is known.
pub fn tool_kind(name: &str) -> &'static str {
    const KINDS: [&str; 9] =
        ["edit", "delete", "move", "fetch", "search", "read", "execute", "think", "other"];
    // `WebSearch`, `web_search` and `readToolCall` are the words web, search and read.
    let (mut rank, mut start, mut lower) = (kind_rank(name), 0, false);
    for (at, c) in name.char_indices() {
        if !c.is_alphanumeric() || (c.is_uppercase() && lower) {
            rank = rank.min(kind_rank(&name[start..at]));
            start = if c.is_alphanumeric() { at } else { at + c.len_utf8() };
        }
        lower = c.is_lowercase();
    }
    KINDS[rank.min(kind_rank(&name[start..]))]
}

/// The place of a word's kind among all.
fn kind_rank(word: &str) -> usize {
    let mut buffer = [0; 12];
    let Some(lower) = buffer.get_mut(..word.len()) else { return 8 };
    lower.copy_from_slice(word.as_bytes());
    lower.make_ascii_lowercase();
    match &*lower {
        b"edit" | b"write" | b"patch" | b"replace" | b"file_change" | b"create"
        | b"str_replace" | b"insert" => 0,
        b"delete" | b"remove" => 1,
        b"move" | b"rename" => 2,
        b"fetch" | b"web" | b"http" | b"browse" | b"url" => 3,
        b"search" | b"grep" | b"glob" | b"find" | b"ls" | b"list" => 4,
        b"read" | b"view" | b"cat" | b"open" => 5,
        b"bash" | b"shell" | b"exec" | b"execute" | b"command" | b"run" | b"terminal" | b"kill" => {
            6
        }
        b"think" | b"plan" | b"todo" | b"task" | b"agent" => 7,
        _ => 8,
    }
}

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
    fn kinds_follow_the_words_of_a_name() {
        let kinds = [
            ("Read", "read"),
            ("Bash", "execute"),
            ("Execute", "execute"),
            ("Edit", "edit"),
            ("MultiEdit", "edit"),
            ("WebSearch", "fetch"),
            ("Grep", "search"),
            ("command_execution", "execute"),
            ("readToolCall", "read"),
            ("TodoWrite", "edit"),
            ("mcp__x__y", "other"),
            ("", "other"),
        ];
        for (name, kind) in kinds {
            assert_eq!(tool_kind(name), kind, "{name}");
        }
    }

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
