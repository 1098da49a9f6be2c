//! What is inside of results and errors: texts, and what a text alone says.

use serde_json::Value;
use serde_json::value::RawValue;

use super::super::{lenient, text_at};
use super::wire::Block;
use crate::codec::{self, Str};

/// The sentence in a message of type `error`.
pub(super) fn sentence(error: &Value) -> String {
    let inner = error.get("error").unwrap_or(error);
    let text = inner.as_str().or_else(|| text_at(inner, "message"));
    text.or_else(|| text_at(error, "message"))
        .unwrap_or("the runtime reported an error")
        .to_owned()
}

/// The texts of a result, if it is nothing but text.
fn texts(content: &RawValue) -> Option<String> {
    let blocks: Vec<Block<'_>> = lenient(Some(content))?;
    let texts: Option<Vec<&str>> = blocks.iter().map(|b| b.text.as_deref()).collect();
    Some(texts?.join("\n"))
}

/// What a failed tool says.
pub(super) fn error_text(content: &RawValue) -> Option<String> {
    lenient::<Str<'_>>(Some(content))
        .map(|text| text.to_string())
        .or_else(|| texts(content))
}

/// What a tool gave: its texts as one, or its content as it is.
pub(super) fn output(content: &RawValue) -> Box<RawValue> {
    let joined = content.get().starts_with('[').then(|| texts(content));
    joined
        .flatten()
        .and_then(|text| RawValue::from_string(codec::to_json(&text)).ok())
        .unwrap_or_else(|| content.to_owned())
}

/// Bash says its exit status in the text of an error alone.
pub(super) fn exit_code(text: &str) -> Option<i64> {
    let rest = text.strip_prefix("Exit code ")?;
    rest.lines().next()?.trim().parse().ok()
}
