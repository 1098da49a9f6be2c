//! Server-sent events by the rules of the WHATWG's HTML standard (section 9.2.6), and what gateways make of them: no blank
//! line between events, a prefix that stands twice, a body that ends without the last blank line.

use super::{Each, Frame, Malformed, Message, Place, Tail, is_json, truncated};

/// The fields of the standard; any other line is no server-sent event here.
const FIELDS: [&str; 4] = ["data", "event", "id", "retry"];

/// The field of a line and its value; a comment is a field without a name.
pub(crate) fn field(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    let known = FIELDS.contains(&name) || (name.is_empty() && line.starts_with(':'));
    known.then(|| (name, value.strip_prefix(' ').unwrap_or(value)))
}

/// True if a line is a field that no header block has.
pub(super) fn is_data(line: &str) -> bool {
    line.starts_with("data:") || line.starts_with("event:")
}

/// True if these bytes at the end of the input are the beginning of a field's name.
pub(super) fn is_begun(bytes: &[u8]) -> bool {
    FIELDS.iter().any(|field| field.as_bytes().starts_with(bytes))
}

/// The event that has begun.
#[derive(Debug, Default)]
pub(super) struct Sse {
    max: usize,
    event: String,
    data: String,
    /// True if there was any `data` at all.
    begun: bool,
    line: u64,
    offset: u64,
}

impl Sse {
    pub(super) fn new(max: usize) -> Self {
        Self { max, ..Self::default() }
    }

    /// True if an event has begun.
    pub(super) fn is_begun(&self) -> bool {
        self.begun || !self.event.is_empty()
    }

    /// Takes a field that stands at this place.
    pub(super) fn field(
        &mut self,
        (name, value): (&str, &str),
        (line, offset): (u64, u64),
        each: &mut Each<'_>,
    ) {
        match name {
            "event" => {
                if !self.event.is_empty() {
                    self.dispatch_whole(each);
                }
                value.trim().clone_into(&mut self.event);
            }
            "data" => {
                self.dispatch_whole(each);
                if !self.begun {
                    (self.line, self.offset) = (line, offset);
                }
                self.add(value, each);
            }
            _ => {}
        }
    }

    /// More data; a value that begins with the name of the field once more came through a proxy that sent it twice.
    fn add(&mut self, value: &str, each: &mut Each<'_>) {
        let mut value = value;
        while let Some(rest) = value.strip_prefix("data:") {
            value = rest.trim_start();
        }
        if self.begun {
            self.data.push('\n');
        }
        self.begun = true;
        self.data.push_str(value);
        if self.data.len() > self.max {
            let reason = "a server-sent event that is too long".into();
            self.give_up(Malformed { offset: 0, reason }, each);
        }
    }

    /// Two data lines that are whole JSON each cannot be one event.
    fn dispatch_whole(&mut self, each: &mut Each<'_>) {
        if self.is_whole() {
            self.dispatch(each);
        }
    }

    fn is_whole(&self) -> bool {
        self.data.starts_with(['{', '[']) && (self.data.trim() == "[DONE]" || is_json(&self.data))
    }

    /// A blank line: the event is complete.
    pub(super) fn dispatch(&mut self, each: &mut Each<'_>) {
        if !self.data.is_empty() {
            let Self { event, data: text, line, offset, .. } = &*self;
            each(Frame::Message(Message { event, text, line: *line, offset: *offset }));
        }
        self.clear();
    }

    /// The input has ended: an event that is whole counts, although the standard would drop it.
    pub(super) fn end(&mut self, each: &mut Each<'_>) -> Tail {
        if self.is_whole() {
            self.dispatch(each);
            return Tail::Clean;
        }
        let begun = self.is_begun();
        if self.data.is_empty() {
            self.clear();
        } else {
            self.give_up(truncated(self.data.len()), each);
        }
        if begun { Tail::Cut } else { Tail::Clean }
    }

    fn give_up(&mut self, why: Malformed, each: &mut Each<'_>) {
        let place = Place { line: self.line, offset: self.offset, bytes: self.data.as_bytes() };
        each(Frame::Broken(place, why));
        self.clear();
    }

    fn clear(&mut self) {
        self.event.clear();
        self.data.clear();
        self.begun = false;
        // One huge event must not keep its memory for good.
        self.data.shrink_to(1 << 20);
    }
}
