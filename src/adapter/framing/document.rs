//! JSON as lines, and as documents over several lines: the elements of an array that spans lines are messages of their
//! own, so that a streamed array is read while it comes. A line that cannot be JSON ends a document that has begun.

use serde::de::IgnoredAny;

use super::super::json::Depth;
use super::{Each, Frame, Malformed, Message, Place, Tail, is_json, truncated};

/// The value that has begun.
#[derive(Debug, Default)]
pub(super) struct Document {
    max: usize,
    held: String,
    depth: Depth,
    /// Inside an array whose elements leave one by one.
    array: bool,
    line: u64,
    offset: u64,
}

impl Document {
    pub(super) fn new(max: usize) -> Self {
        Self { max, ..Self::default() }
    }

    pub(super) fn is_open(&self) -> bool {
        self.array || !self.held.is_empty()
    }

    /// Takes a line that stands at this place.
    pub(super) fn line(&mut self, line: &str, place: (u64, u64), each: &mut Each<'_>) {
        if !self.is_open() {
            let error = match serde_json::from_str::<IgnoredAny>(line) {
                Ok(_) => return message(line.trim(), place, each),
                Err(error) => error,
            };
            let why = crate::codec::malformed(&error, line);
            // What stands behind a whole value may be another one.
            if !error.is_eof() && !why.reason.contains("trailing characters") {
                return broken(line, place, why, each);
            }
        } else if self.depth.is_open() && line.starts_with('{') && is_json(line) {
            // A message on a line of its own ends what never came to its end.
            self.give_up(each);
            return message(line.trim(), place, each);
        }
        let mut rest = line;
        while !rest.trim().is_empty() {
            rest = self.more(rest, place, each);
        }
    }

    /// Takes the next value, or a part of it, and gives back what stands behind it.
    fn more<'l>(&mut self, text: &'l str, place: (u64, u64), each: &mut Each<'_>) -> &'l str {
        let mut text = text;
        if !self.depth.is_open() {
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
                    let reason = "not a JSON object".into();
                    broken(text, place, Malformed { offset: 0, reason }, each);
                }
                return "";
            }
            (self.line, self.offset) = place;
        }
        if let Some(end) = self.depth.end(text.as_bytes()) {
            let (value, rest) = text.split_at(end);
            self.held.push_str(value);
            let held = std::mem::take(&mut self.held);
            message(&held, (self.line, self.offset), each);
            return rest;
        }
        self.held.push_str(text);
        self.held.push('\n');
        // No string of JSON goes over a line end.
        if self.depth.in_string() || self.held.len() > self.max {
            self.give_up(each);
        }
        ""
    }

    /// What has begun will never be whole.
    pub(super) fn give_up(&mut self, each: &mut Each<'_>) {
        self.give(
            Malformed { offset: self.held.len(), reason: "a JSON value that does not end".into() },
            each,
        );
    }

    fn give(&mut self, why: Malformed, each: &mut Each<'_>) {
        if !self.held.is_empty() {
            let held = std::mem::take(&mut self.held);
            broken(held.trim_end_matches('\n'), (self.line, self.offset), why, each);
        }
        self.clear();
    }

    pub(super) fn end(&mut self, each: &mut Each<'_>) -> Tail {
        if !self.is_open() {
            return Tail::Clean;
        }
        self.give(truncated(self.held.len()), each);
        Tail::Cut
    }

    fn clear(&mut self) {
        *self = Self::new(self.max);
    }
}

fn message(text: &str, (line, offset): (u64, u64), each: &mut Each<'_>) {
    each(Frame::Message(Message { event: "", text, line, offset }));
}

fn broken(text: &str, (line, offset): (u64, u64), why: Malformed, each: &mut Each<'_>) {
    let bytes = text.as_bytes();
    let place = Place { line, offset, bytes };
    each(Frame::Broken(place, why));
}
