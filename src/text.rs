//! Text itself: units in which channels count it, the structure of Markdown, places to cut it. Nothing here knows an event.

pub mod cut;
pub(crate) mod digest;
pub(crate) mod escapes;
pub(crate) mod glob;
mod inline;
mod markdown;
pub mod units;

use std::str::FromStr;

/// Number of decimal digits alone; `parse` would take a sign too.
pub(crate) fn number<T: FromStr>(digits: &str) -> Option<T> {
    digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The last boundary between characters at or before `at`.
pub(crate) fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rfind(|i| text.is_char_boundary(*i)).unwrap_or(0)
}

/// The first boundary between characters at or behind `at`.
pub(crate) fn ceil(text: &str, at: usize) -> usize {
    (at..text.len()).find(|i| text.is_char_boundary(*i)).unwrap_or(text.len())
}
