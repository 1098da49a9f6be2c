//! JSON as lines, and as documents over several lines: the elements of an array that spans lines are messages of their
//! own, so that a streamed array is read while it comes. A line that cannot be JSON ends a document that has begun.

use serde::de::IgnoredAny;

use super::{At, Each, Malformed, TRUNCATED, Tail, broken, is_json, message};
use crate::codec::malformed;

/// The reason of a value that another message ends.
pub(super) const ENDLESS: &str = "a JSON value that does not end";

/// The value that has begun.
#[derive(Debug, Default)]
pub(super) struct Document {
    max: usize,
    held: String,
    depth: Depth,
    /// True inside an array whose elements leave one by one.
    array: bool,
    at: At,
}

impl Document {
    pub(super) fn new(max: usize) -> Self {
        Self { max, ..Self::default() }
    }

    pub(super) fn is_open(&self) -> bool {
        self.array || !self.held.is_empty()
    }

    /// Takes a line that stands at this place.
    pub(super) fn line(&mut self, line: &str, at: At, each: &mut Each<'_>) {
        if !self.is_open() {
            let Err(error) = serde_json::from_str::<IgnoredAny>(line) else {
                return message("", line.trim(), at, each);
            };
            let why = malformed(&error, line);
            // What stands behind a whole value may be another one.
            if !error.is_eof() && !why.reason.contains("trailing characters") {
                return broken(line, at, why, each);
            }
        } else if self.depth.open > 0 && line.starts_with('{') && is_json(line) {
            // A message on a line of its own ends what never came to its end.
            self.give_up(ENDLESS, each);
            return message("", line.trim(), at, each);
        }
        let mut rest = line;
        while !rest.trim().is_empty() {
            rest = self.more(rest, at, each);
        }
    }

    /// Takes the next value, or a part of it, and gives back what stands behind it.
    fn more<'l>(&mut self, mut text: &'l str, at: At, each: &mut Each<'_>) -> &'l str {
        if self.depth.open == 0 {
            text = text.trim_start_matches(|c: char| c.is_whitespace() || (self.array && c == ','));
            if let Some(rest) = text.strip_prefix('[').filter(|_| !self.array) {
                self.array = true;
                return rest;
            }
            if let Some(rest) = text.strip_prefix(']').filter(|_| self.array) {
                self.clear();
                return rest;
            }
            if !text.starts_with(['{', '[']) {
                if !text.is_empty() {
                    broken(text, at, Malformed::new(0, "not a JSON object"), each);
                }
                return "";
            }
            self.at = at;
        }
        if let Some(end) = self.depth.end(text.as_bytes()) {
            let (value, rest) = text.split_at(end);
            self.held.push_str(value);
            message("", &std::mem::take(&mut self.held), self.at, each);
            return rest;
        }
        self.held.push_str(text);
        self.held.push('\n');
        // No string of JSON goes over a line end.
        if self.depth.string || self.held.len() > self.max {
            self.give_up(ENDLESS, each);
        }
        ""
    }

    /// Hands on what has begun and will never be whole.
    pub(super) fn give_up(&mut self, reason: &str, each: &mut Each<'_>) {
        if !self.held.is_empty() {
            let why = Malformed::new(self.held.len(), reason);
            broken(self.held.trim_end_matches('\n'), self.at, why, each);
        }
        self.clear();
    }

    pub(super) fn end(&mut self, each: &mut Each<'_>) -> Tail {
        if !self.is_open() {
            return Tail::Clean;
        }
        self.give_up(TRUNCATED, each);
        Tail::Cut
    }

    fn clear(&mut self) {
        *self = Self::new(self.max);
    }
}

/// The depth of a text inside a JSON value: braces and brackets count, what is inside a string does not.
#[derive(Debug, Default)]
struct Depth {
    open: usize,
    string: bool,
    escaped: bool,
}

impl Depth {
    /// Goes on with these bytes up to the one that closes what the first brace opened: how many they are, or `None` if
    /// none of them does.
    pub fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.string => self.escaped = true,
                b'"' => self.string = !self.string,
                _ if self.string => {}
                b'{' | b'[' => self.open += 1,
                b'}' | b']' if self.open == 1 => {
                    self.open = 0;
                    return Some(at + 1);
                }
                b'}' | b']' => self.open = self.open.saturating_sub(1),
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_whole_at_its_last_brace() {
        let end = |text: &str| Depth::default().end(text.as_bytes());
        assert_eq!(end(r#"{"a":["}",{"b":"\"}"}]}"#), Some(23));
        assert_eq!(end(r#"{"a":"}"#), None);
        let mut depth = Depth::default();
        assert_eq!(depth.end(br#"{"a":"\"#), None);
        assert!(depth.open > 0 && depth.string);
        assert_eq!(depth.end(br#""}"} rest"#), Some(4));
    }
}
