//! Splices a label into the envelope of a line that has none; all other bytes are unchanged.

use std::borrow::Cow;

use memchr::memmem::Finder;

use crate::codec::{self, Fields};
use crate::event::Event;

/// Keys before `label`, from the last to the first.
const BEFORE: [&str; 7] = ["ts", "first_seq", "seq", "turn", "stream", "type", "v"];

pub(super) struct Label {
    pub text: String,
    /// `,"label":"..."`.
    field: String,
    key: Finder<'static>,
    /// Part of every escaped spelling of the key.
    escaped: Finder<'static>,
}

impl Label {
    pub(super) fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            field: format!(",\"label\":{}", codec::to_json(text)),
            key: Finder::new("\"label\""),
            escaped: Finder::new("\\u006"),
        }
    }

    /// Writes the line with the label, without a line feed.
    pub(super) fn put(&self, event: &Event<'_>, buf: &mut Vec<u8>) {
        let split = self.place(event).and_then(|at| event.line.split_at_checked(at));
        let (head, rest) = split.unwrap_or((event.line, ""));
        buf.extend_from_slice(head.as_bytes());
        if head.len() < event.line.len() {
            buf.extend_from_slice(self.field.as_bytes());
        }
        buf.extend_from_slice(rest.as_bytes());
    }

    /// Position for the label; `None` if the line has one.
    fn place(&self, event: &Event<'_>) -> Option<usize> {
        let line = event.line;
        let none = match &event.delta {
            Some(delta) => delta.label.is_none(),
            None => {
                let maybe = |finder: &Finder<'_>| finder.find(line.as_bytes()).is_some();
                !maybe(&self.key) && !maybe(&self.escaped)
            }
        };
        if none && let Some(Cow::Borrowed(ts)) = event.ts {
            return end_of(ts, line).map(|at| at + 1);
        }
        let fields = Fields::parse(line).ok()?;
        if fields.get("label").is_some() {
            return None;
        }
        let last = BEFORE.iter().find_map(|key| fields.get(key))?;
        end_of(last, line)
    }
}

fn end_of(part: &str, line: &str) -> Option<usize> {
    let start = part.as_ptr().addr().checked_sub(line.as_ptr().addr())?;
    let end = start + part.len();
    (end < line.len()).then_some(end)
}
