//! What the adapters of JSON-lines runtimes share: a line to a value, what is no JSON to a log, tool kinds.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Line;
use crate::codec::{self, Malformed, Place};
use crate::guard::{Guard, Notice};
use crate::time::Time;

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

/// The line as text if it can be JSON; else it is passed on.
fn text<'a>(now: Time, line: Line<'a>, guard: &mut Guard) -> Option<&'a str> {
    let trimmed = line.bytes.trim_ascii();
    match std::str::from_utf8(trimmed) {
        Ok("") => None,
        Ok(text) if text.starts_with(['{', '[']) => Some(text),
        Ok(_) => {
            // Only the carriage return of a line end goes; the rest of a log line is somebody's layout.
            let message =
                String::from_utf8_lossy(line.bytes.strip_suffix(b"\r").unwrap_or(line.bytes));
            guard.status(
                now,
                &Notice {
                    kind: "log",
                    message: Some(&message),
                    ..Notice::default()
                },
            );
            None
        }
        Err(e) => {
            let place = Place {
                line: line.number,
                offset: line.offset,
                bytes: line.bytes,
            };
            guard.diagnostic(
                now,
                &place,
                &Malformed {
                    offset: e.valid_up_to(),
                    reason: "invalid UTF-8".into(),
                },
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
        &Place {
            line: line.number,
            offset: line.offset,
            bytes: line.bytes,
        },
        &why,
    );
}

/// A part of a message as `T`, or nothing where a runtime prints something else there.
#[must_use]
pub fn lenient<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok())
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
        (
            "execute",
            &[
                "bash", "shell", "exec", "command", "run", "terminal", "kill",
            ],
        ),
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
    WORDS
        .iter()
        .find(|(_, list)| list.iter().any(known))
        .map_or("other", |(kind, _)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_follow_the_words_of_a_name() {
        let kinds = [
            ("Read", "read"),
            ("Bash", "execute"),
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
