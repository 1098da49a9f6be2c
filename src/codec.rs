//! Bytes to lines to events and back. No byte is dropped: a line that is no event is passed on with its place and the reason.

mod cursor;
mod fields;
pub mod foreign;
mod lines;
mod object;
mod read;
mod special;
mod surrogate;
mod write;

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;

pub use cursor::Cursor;
pub(crate) use fields::string;
pub use fields::{Fields, list, text, value_of};
pub(crate) use lines::unmarked;
pub use lines::{Cut, Lines, Piece};
pub use object::Object;
pub use surrogate::{
    append, replace_lone_surrogates, split_escaped_half, split_half, strip_emitted, unescape,
};
pub use write::{Place, Writer, diagnostic, on_one_line, to_json};

use crate::event::Event;

/// Default of `--max-line`, in bytes: 16 MiB.
pub const MAX_LINE: usize = 16 << 20;

/// Reason why a line is no event, with its place in the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// Byte offset in the line, from 0.
    pub offset: usize,
    /// In a few lower-case words.
    pub reason: String,
}

impl Malformed {
    pub(crate) fn new(offset: usize, reason: impl Into<String>) -> Self {
        Self { offset, reason: reason.into() }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.offset, self.reason)
    }
}

/// Reads one line, without its line feed, as an event.
///
/// A line in the key order that spile writes takes a byte scan; every other takes serde_json. The scan trusts the tail of
/// a line that is no `text_delta`: only the slow path and `check` validate all of it.
/// [`Malformed`] if it is no JSON object with the envelope's types, or not of contract version 1.
pub fn decode(line: &[u8]) -> Result<Event<'_>, Malformed> {
    decode_text(utf8(line)?)
}

/// [`decode`] of a line that is known to be UTF-8.
pub fn decode_text(line: &str) -> Result<Event<'_>, Malformed> {
    match read::scan(line) {
        Some(event) => Ok(event),
        None => Fields::parse(line)?.event(line),
    }
}

/// The bytes as text, or the place of the first byte that is none.
pub(crate) fn utf8(line: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(line).map_err(|e| Malformed::new(e.valid_up_to(), "invalid UTF-8"))
}

/// Reads the body of an event (or all of it) as `T`; for a line with lone surrogates see [`without_lone`].
/// [`Malformed`] if a required field is missing or of another type.
pub fn body<'a, T: Deserialize<'a>>(line: &'a str) -> Result<T, Malformed> {
    serde_json::from_str(line).map_err(|e| malformed(&e, line))
}

/// The line as serde_json takes it: lone surrogate escapes, which it refuses, are U+FFFD.
pub fn without_lone(line: &str) -> Cow<'_, str> {
    surrogate::replace_lone(line).map_or(Cow::Borrowed(line), Cow::Owned)
}

/// True if a text is one JSON value and nothing else.
pub fn is_json(text: &str) -> bool {
    Cursor::read(text, Cursor::raw).is_some()
}

/// Reads JSON with `read`, in one pass; serde_json's error where `read` rejects it.
pub fn pull<'a, T>(
    json: &'a str,
    read: impl FnOnce(&mut Cursor<'a>) -> Option<T>,
) -> serde_json::Result<T> {
    Cursor::read(json, read).ok_or_else(|| {
        let fault = serde_json::from_str::<serde_json::Value>(json).err();
        fault.unwrap_or_else(|| serde::de::Error::custom("of another shape"))
    })
}

/// A serde_json error as a place in a line and a reason without serde_json's own place.
pub(crate) fn malformed(error: &serde_json::Error, line: &str) -> Malformed {
    let text = error.to_string();
    let reason = text.rfind(" at line ").map_or(text.as_str(), |at| &text[..at]);
    // serde_json counts columns from 1 and, at the end of input, names the last byte.
    let offset = error.column().saturating_sub(1).min(line.len());
    Malformed::new(offset, reason)
}

/// A string of JSON that is borrowed from the line where nothing in it is escaped, also inside an `Option` or a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Str<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl std::ops::Deref for Str<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// True if `id` can name a stream: 1 to 64 of `[A-Za-z0-9._:-]`, the first alphanumeric.
pub fn is_stream_id(id: &str) -> bool {
    let b = id.as_bytes();
    (1..=64).contains(&b.len())
        && b[0].is_ascii_alphanumeric()
        && b.iter().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b':' | b'-'))
}

/// `bytes` as text for a JSON field, or the reason to carry them as base64.
pub(crate) fn text_or_base64(bytes: &[u8]) -> (&'static str, Cow<'_, str>) {
    use base64::Engine;
    match std::str::from_utf8(bytes) {
        Ok(text) => ("text", Cow::Borrowed(text)),
        Err(_) => ("base64", Cow::Owned(base64::engine::general_purpose::STANDARD.encode(bytes))),
    }
}

#[cfg(test)]
pub(crate) mod tests;
