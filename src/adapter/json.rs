//! What the adapters of JSON-lines runtimes share: a line to a value, what is no JSON to a log, tool kinds.

mod calls;
mod depth;
mod document;
mod parts;
mod said;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Line;
use crate::codec::{self, Fields, Malformed, Place};
use crate::guard::{Guard, Notice};
use crate::time::Time;

pub use calls::Calls;
pub use depth::Depth;
pub use document::Documents;
pub use parts::{
    Call, Done, arguments, count, failure, finish_tool, open_turn, over, plain, spend, start_tool,
    sum, usage,
};
pub use said::Said;

/// How long the title of a tool may be, in characters.
const TITLE: usize = 200;

/// Hands a line to `read`, which parses it and, if that succeeds, acts on it.
///
/// A line that does not begin with `{` or `[` becomes a log, broken JSON a diagnostic; nothing is lost. A lone surrogate
/// escape, which serde_json refuses, survives as a stand-in that the guard writes back.
pub fn read(
    now: Time,
    line: Line<'_>,
    guard: &mut Guard,
    mut read: impl FnMut(&str, &mut Guard) -> serde_json::Result<()>,
) {
    let Some(text) = text(now, line, guard) else {
        return;
    };
    let Err(error) = read(text, guard) else {
        return;
    };
    if let Some(mended) = codec::mend_lone(text) {
        guard.expect_lone_surrogates();
        if read(&mended, guard).is_ok() {
            return;
        }
    }
    diagnostic(now, line, &error, guard);
}

/// Passes on a line that is no JSON.
fn log_line(now: Time, bytes: &[u8], (number, offset): (u64, u64), guard: &mut Guard) {
    // Only the carriage return of a line end goes; the rest of a log line is somebody's layout.
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    if bytes.trim_ascii().is_empty() {
        return;
    }
    let Ok(message) = std::str::from_utf8(bytes) else {
        diagnostic_of(now, (number, offset), bytes, "invalid UTF-8", guard);
        return;
    };
    let notice = Notice { kind: "log", message: Some(message), ..Notice::default() };
    guard.status(now, &notice);
}

fn diagnostic_of(
    now: Time,
    (line, offset): (u64, u64),
    bytes: &[u8],
    reason: &'static str,
    guard: &mut Guard,
) {
    let place = Place { line, offset, bytes };
    let why = Malformed { offset: 0, reason: reason.into() };
    guard.diagnostic(now, &place, &why);
}

/// The line as text if it can be JSON; else it is passed on.
fn text<'a>(now: Time, line: Line<'a>, guard: &mut Guard) -> Option<&'a str> {
    let text = line.text.map_or_else(|| std::str::from_utf8(line.bytes), Ok);
    match text.map(str::trim_ascii) {
        Ok("") => None,
        Ok(text) if text.starts_with(['{', '[']) => Some(text),
        Ok(_) => {
            log_line(now, line.bytes, (line.number, line.offset), guard);
            None
        }
        Err(e) => {
            let place = Place { line: line.number, offset: line.offset, bytes: line.bytes };
            guard.diagnostic(
                now,
                &place,
                &Malformed { offset: e.valid_up_to(), reason: "invalid UTF-8".into() },
            );
            None
        }
    }
}

fn diagnostic(now: Time, line: Line<'_>, error: &serde_json::Error, guard: &mut Guard) {
    let text = std::str::from_utf8(line.bytes).unwrap_or_default();
    let mut why = codec::malformed(error, text);
    if !line.ended {
        why.reason = format!("truncated line: {}", why.reason);
    }
    guard.diagnostic(
        now,
        &Place { line: line.number, offset: line.offset, bytes: line.bytes },
        &why,
    );
}

/// A part of a message as `T`, or nothing where a runtime prints something else there.
#[must_use]
pub fn lenient<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok())
}

/// A line, or a part of one, as a value, also where it holds lone surrogates; null if it is no JSON.
#[must_use]
pub fn value_of(json: &str, guard: &mut Guard) -> Value {
    serde_json::from_str(json).unwrap_or_else(|_| {
        let mended = codec::mend_lone(json).unwrap_or_default();
        guard.expect_lone_surrogates();
        serde_json::from_str(&mended).unwrap_or_default()
    })
}

/// The string at `key`, if there is one.
#[must_use]
pub fn text_at<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str)
}

/// The text at `key` that is to be said; what stands there and is no text is kept as a status, not left out in silence.
pub fn said_at<'v>(now: Time, value: &'v Value, key: &str, guard: &mut Guard) -> &'v str {
    match value.get(key) {
        Some(Value::String(said)) => said,
        None | Some(Value::Null) => "",
        Some(other) => {
            let data = serde_json::json!({key: other});
            say_status(now, guard, "info", "a text of an unknown shape", data);
            ""
        }
    }
}

/// Says a status whose data is a message without the fields that say nothing to anybody.
pub fn say_status(now: Time, guard: &mut Guard, kind: &str, message: &str, data: Value) {
    let notice = Notice {
        kind,
        message: Some(message).filter(|m| !m.is_empty()),
        data: Some(data),
        parent: None,
    };
    guard.status(now, &notice);
}

/// Says what a user says: a prompt, or the echo of one.
pub fn user_said(now: Time, guard: &mut Guard, text: &str) {
    let data = serde_json::json!({"text": text});
    say_status(now, guard, "info", "user message", data);
}

/// The values of an adapter that reads every line as one.
pub fn lines_of(
    now: Time,
    line: Line<'_>,
    guard: &mut Guard,
    mut each: impl FnMut(Value, &mut Guard),
) {
    read(now, line, guard, |text, guard| {
        each(serde_json::from_str(text)?, guard);
        Ok(())
    });
}

/// What people want to see of a tool's arguments: a line, and the files that they name.
#[must_use]
pub fn describe(input: Option<&str>) -> (Option<String>, Vec<String>) {
    let Some(input) = input.and_then(|input| Fields::read(input).ok()) else {
        return (None, Vec::new());
    };
    let text = |key: &str| {
        let text = codec::string(input.get(key)?)?.whole()?;
        (!text.is_empty()).then_some(text)
    };
    let files = ["file_path", "filePath", "absolute_path"];
    let path = files.into_iter().find_map(text);
    let paths = path.into_iter().chain(text("notebook_path")).chain(text("path"));
    let mut paths: Vec<String> = paths.map(Cow::into_owned).collect();
    paths.dedup();
    let said = ["command", "pattern", "query", "url"];
    let title = said
        .into_iter()
        .find_map(text)
        .or_else(|| paths.first().map(|path| path.as_str().into()))
        .or_else(|| text("description"))
        .or_else(|| text("prompt"));
    (title.map(|title| one_line(&title)), paths)
}

/// The first line of a text, cut where it gets too long for a title.
#[must_use]
pub fn one_line(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    if line.len() <= TITLE {
        return line.to_owned();
    }
    match line.char_indices().nth(TITLE) {
        Some((at, _)) => format!("{}...", &line[..at]),
        None => line.to_owned(),
    }
}

/// ACP's tool kind for a runtime's tool name, by the words in it; `other` where none is known.
#[must_use]
pub fn tool_kind(name: &str) -> &'static str {
    const WORDS: [(&str, &[&str]); 8] = [
        (
            "edit",
            &[
                "edit",
                "write",
                "patch",
                "replace",
                "file_change",
                "create",
                "str_replace",
                "insert",
            ],
        ),
        ("delete", &["delete", "remove"]),
        ("move", &["move", "rename"]),
        ("fetch", &["fetch", "web", "http", "browse", "url"]),
        ("search", &["search", "grep", "glob", "find", "ls", "list"]),
        ("read", &["read", "view", "cat", "open"]),
        ("execute", &["bash", "shell", "exec", "execute", "command", "run", "terminal", "kill"]),
        ("think", &["think", "plan", "todo", "task", "agent"]),
    ];
    // `WebSearch`, `web_search` and `readToolCall` are the words web, search and read.
    let mut words = vec![String::new()];
    let mut lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && lower) {
            words.push(String::new());
        }
        lower = c.is_lowercase();
        if let Some(word) = words.last_mut()
            && c.is_alphanumeric()
        {
            word.extend(c.to_lowercase());
        }
    }
    let whole = name.to_lowercase();
    let known = |known: &&str| whole == *known || words.iter().any(|w| w == known);
    WORDS.iter().find(|(_, list)| list.iter().any(known)).map_or("other", |(kind, _)| kind)
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
