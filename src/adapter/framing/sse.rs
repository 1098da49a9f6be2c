//! Server-sent events by the rules of the WHATWG's HTML standard (section 9.2.6), and what gateways make of them: no blank
//! line between events, a prefix that stands twice, a body that ends without the last blank line.

use super::{At, Each, Malformed, TRUNCATED, Tail, broken, is_json, message};

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
    at: At,
}

impl Sse {
    pub(super) fn new(max: usize) -> Self {
        Self { max, ..Self::default() }
    }

    /// True if an event has begun.
    pub(super) fn is_begun(&self) -> bool {
        self.begun || !self.event.is_empty()
    }

    /// Takes a field that stands at this place. Two data lines that are whole JSON each cannot be one event.
    pub(super) fn field(&mut self, (name, value): (&str, &str), at: At, each: &mut Each<'_>) {
        match name {
            "event" => {
                if !self.event.is_empty() && self.is_whole() {
                    self.dispatch(each);
                }
                value.trim().clone_into(&mut self.event);
            }
            "data" => {
                if self.is_whole() {
                    self.dispatch(each);
                }
                // A value that begins with the field's name once more came through a proxy that sent it twice.
                let mut value = value;
                while let Some(rest) = value.strip_prefix("data:") {
                    value = rest.trim_start();
                }
                if self.begun {
                    self.data.push('\n');
                } else {
                    (self.begun, self.at) = (true, at);
                }
                self.data.push_str(value);
                if self.data.len() > self.max {
                    let why = Malformed::new(0, "a server-sent event that is too long");
                    self.give_up(why, each);
                }
            }
            _ => {}
        }
    }

    fn is_whole(&self) -> bool {
        self.data.starts_with(['{', '[']) && (self.data.trim() == "[DONE]" || is_json(&self.data))
    }

    /// A blank line: the event is complete.
    pub(super) fn dispatch(&mut self, each: &mut Each<'_>) {
        if !self.data.is_empty() {
            message(&self.event, &self.data, self.at, each);
        }
        self.clear();
    }

    /// The input has ended: an event that is whole counts, although the standard would drop it.
    pub(super) fn end(&mut self, each: &mut Each<'_>) -> Tail {
        let cut = self.is_begun() && !self.is_whole();
        if cut && !self.data.is_empty() {
            self.give_up(Malformed::new(self.data.len(), TRUNCATED), each);
        }
        self.dispatch(each);
        if cut { Tail::Cut } else { Tail::Clean }
    }

    fn give_up(&mut self, why: Malformed, each: &mut Each<'_>) {
        broken(&self.data, self.at, why, each);
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
