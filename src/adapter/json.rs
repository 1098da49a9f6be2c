//! Shared reading of JSON: fields of a message, the title, files and kind of a tool.

mod parts;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Emit;
use crate::codec::{self, Fields};

pub use parts::{arguments, count, plain, raw, spend, sum, tokens, usage, with_cache};

/// Longest title of a tool, in characters.
const TITLE: usize = 200;

/// A part of a message as `T`, or nothing where a runtime prints something else there.
pub fn lenient<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok())
}

/// A line, or a part of one, as a value, also where it holds lone surrogates; null if it is no JSON.
pub fn value_of(json: &str, emit: &mut Emit<'_>) -> Value {
    serde_json::from_str(json).unwrap_or_else(|_| {
        let mended = codec::replace_lone_surrogates(json).unwrap_or_default();
        emit.expect_lone_surrogates();
        serde_json::from_str(&mended).unwrap_or_default()
    })
}

/// Fields of a JSON message; a missing one and one of another type read as nothing.
pub trait ValueExt {
    /// The field.
    fn field(&self, key: &str) -> Option<&Value>;

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

    /// Its string.
    fn opt_text(&self, key: &str) -> Option<&str> {
        self.field(key)?.as_str()
    }

    /// Its string, unless it is empty.
    fn filled(&self, key: &str) -> Option<&str> {
        self.opt_text(key).filter(|text| !text.is_empty())
    }

    /// Its string, owned.
    fn owned(&self, key: &str) -> Option<String> {
        self.opt_text(key).map(str::to_owned)
    }

    /// Its count.
    fn u64(&self, key: &str) -> Option<u64> {
        self.field(key)?.as_u64()
    }

    /// Its integer.
    fn i64(&self, key: &str) -> Option<i64> {
        self.field(key)?.as_i64()
    }

    /// Its number.
    fn f64(&self, key: &str) -> Option<f64> {
        self.field(key)?.as_f64()
    }

    /// True if it is there, also as null.
    fn has(&self, key: &str) -> bool {
        self.field(key).is_some()
    }

    /// True if it is `true`.
    fn is(&self, key: &str) -> bool {
        self.field(key) == Some(&Value::Bool(true))
    }

    /// Elements of its array.
    fn items(&self, key: &str) -> std::slice::Iter<'_, Value> {
        self.field(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice).iter()
    }
}

impl ValueExt for Value {
    fn field(&self, key: &str) -> Option<&Value> {
        self.get(key)
    }
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
    let Some(input) = input.and_then(|input| Fields::read(input).ok()) else {
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
}
