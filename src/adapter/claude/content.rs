//! What is inside of results and errors: texts, and what a text alone says.

use super::super::prelude::*;
use std::borrow::Cow;

use super::wire;
use crate::codec::{self, Cursor};
use crate::event::Raw;

/// The sentence in a message of type `error`.
pub(super) fn sentence(error: &Value) -> String {
    let inner = error.get("error").unwrap_or(error);
    let text = inner.as_str().or_else(|| inner.opt_text("message"));
    text.or_else(|| error.opt_text("message")).unwrap_or("the runtime reported an error").to_owned()
}

/// The texts of a result, if it is nothing but text.
fn texts(content: &str) -> Option<String> {
    let blocks = Cursor::read(content, wire::blocks)?;
    let texts: Option<Vec<&str>> = blocks.iter().map(|b| b.text.as_deref()).collect();
    Some(texts?.join("\n"))
}

/// What a failed tool says.
pub(super) fn error_text(content: &str) -> Option<Cow<'_, str>> {
    let said = codec::string(content).and_then(Raw::whole);
    said.or_else(|| texts(content).map(Cow::Owned))
}

/// What a tool gave: its texts as one, or its content as it is.
pub(super) fn output(content: &str) -> Cow<'_, str> {
    let joined = content.starts_with('[').then(|| texts(content)).flatten();
    joined.map_or(Cow::Borrowed(content), |text| codec::to_json(&text).into())
}

/// Bash says its exit status in the text of an error alone.
pub(super) fn exit_code(text: &str) -> Option<i64> {
    let rest = text.strip_prefix("Exit code ")?;
    rest.lines().next()?.trim().parse().ok()
}
