//! Writer of an object's fields: the same bytes as serde_json in a fraction of its time.

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter};

use super::special::{self, Stop};
use super::surrogate::replace_lone;
use super::write::Writer;
use crate::event::Envelope;

/// An object that is being written. No key needs an escape but those of [`Object::member`].
#[derive(Debug)]
pub struct Object<'b> {
    buf: &'b mut Vec<u8>,
    writer: Writer,
}

impl<'b> Object<'b> {
    /// Appends an object to `buf`, with the fields that `fields` writes.
    pub(super) fn write(
        buf: &'b mut Vec<u8>,
        writer: Writer,
        fields: impl FnOnce(&mut Object<'_>),
    ) {
        buf.push(b'{');
        fields(&mut Object { buf, writer });
        buf.push(b'}');
    }

    /// Writes the comma before a field that is not the first.
    #[inline(always)]
    fn comma(&mut self) {
        if self.buf.last() != Some(&b'{') {
            self.buf.push(b',');
        }
    }

    #[inline(always)]
    fn key(&mut self, key: &str) {
        self.comma();
        self.buf.push(b'"');
        self.buf.extend_from_slice(key.as_bytes());
        self.buf.extend_from_slice(b"\":");
    }

    /// A string.
    #[inline(always)]
    pub fn text(&mut self, key: &str, text: &str) {
        self.key(key);
        self.string(text);
    }

    /// A string, if there is one.
    #[inline(always)]
    pub fn text_if(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    /// A string whose escapes are there already.
    pub fn escaped(&mut self, key: &str, raw: &str) {
        self.key(key);
        self.buf.push(b'"');
        self.put(raw);
        self.buf.push(b'"');
    }

    /// A list of strings.
    pub fn texts(&mut self, key: &str, texts: &[impl AsRef<str>]) {
        self.key(key);
        self.buf.push(b'[');
        for (at, text) in texts.iter().enumerate() {
            if at > 0 {
                self.buf.push(b',');
            }
            self.string(text.as_ref());
        }
        self.buf.push(b']');
    }

    /// A value that is JSON text already.
    pub fn json(&mut self, key: &str, json: &str) {
        self.key(key);
        self.raw(json);
    }

    /// The same under a foreign key, which may need an escape.
    pub fn member(&mut self, key: &str, json: &str) {
        self.comma();
        self.string(key);
        self.buf.push(b':');
        self.raw(json);
    }

    fn raw(&mut self, json: &str) {
        // Numbers and literals: a call of memchr costs more than the look at them.
        if !json.starts_with(['"', '{', '[']) && json.bytes().all(|byte| byte.is_ascii_graphic()) {
            return self.put(json);
        }
        let mends = self.writer.mends_raw && memchr::memchr(b'\\', json.as_bytes()).is_some();
        let whole = mends.then(|| replace_lone(json)).flatten();
        let json = whole.as_deref().unwrap_or(json);
        if special::is_plain(json.as_bytes()) {
            self.put(json);
        } else {
            // Writing to memory cannot fail.
            let _ = self.writer.write_raw_fragment(self.buf, json);
        }
    }

    /// Any value.
    #[inline(always)]
    pub fn value(&mut self, key: &str, value: &impl Serialize) {
        self.key(key);
        self.writer.write(self.buf, value);
    }

    /// Any value, if there is one.
    #[inline(always)]
    pub fn value_if(&mut self, key: &str, value: Option<&impl Serialize>) {
        if let Some(value) = value {
            self.value(key, value);
        }
    }

    /// An object in the object.
    pub fn object(&mut self, key: &str, fields: impl FnOnce(&mut Object<'_>)) {
        self.key(key);
        Object::write(self.buf, self.writer, fields);
    }

    /// The fields of a struct, as serde writes them.
    pub fn fields_of(&mut self, body: &impl Serialize) {
        let at = self.buf.len();
        self.writer.write(self.buf, body);
        self.buf.pop();
        if self.buf.len() == at + 1 {
            self.buf.truncate(at);
        } else if at > 0 && self.buf[at - 1] == b'{' {
            self.buf.remove(at);
        } else {
            self.buf[at] = b',';
        }
    }

    /// The envelope as its derive writes it, in an object that is empty.
    pub(super) fn envelope(&mut self, envelope: &Envelope<'_>) {
        self.integer("v", envelope.v);
        self.text("type", &envelope.type_);
        self.text_if("stream", envelope.stream.as_deref());
        let numbers =
            [("turn", envelope.turn), ("seq", envelope.seq), ("first_seq", envelope.first_seq)];
        for (key, number) in numbers {
            if let Some(number) = number {
                self.integer(key, number);
            }
        }
        self.text_if("ts", envelope.ts.as_deref());
        self.text_if("label", envelope.label.as_deref());
        self.text_if("parent", envelope.parent.as_deref());
        if envelope.synthetic {
            self.put(",\"synthetic\":true");
        }
    }

    /// An integer.
    pub fn integer(&mut self, key: &str, number: u64) {
        self.key(key);
        self.put_integer(number);
    }

    pub(crate) fn put_integer(&mut self, number: u64) {
        self.put(itoa::Buffer::new().format(number));
    }

    #[inline(always)]
    pub(crate) fn put(&mut self, part: &str) {
        self.buf.extend_from_slice(part.as_bytes());
    }

    /// serde_json looks at one byte at a time, and text is most of what is written.
    fn string(&mut self, text: &str) {
        let mut rest = text;
        self.buf.push(b'"');
        while let Some(at) = special::first(rest.as_bytes(), Stop::NonAscii) {
            let (plain, from) = rest.split_at(at);
            self.put(plain);
            rest = self.escape(from);
        }
        self.put(rest);
        self.buf.push(b'"');
    }

    /// Writes what `text` begins with: a character that is escaped, or all up to the next if it begins beyond ASCII.
    fn escape<'t>(&mut self, text: &'t str) -> &'t str {
        let mut format = self.writer;
        let escape = match text.as_bytes()[0] {
            b'"' => CharEscape::Quote,
            b'\\' => CharEscape::ReverseSolidus,
            b'\n' => CharEscape::LineFeed,
            b'\r' => CharEscape::CarriageReturn,
            b'\t' => CharEscape::Tab,
            0x08 => CharEscape::Backspace,
            0x0C => CharEscape::FormFeed,
            control @ 0..b' ' => CharEscape::AsciiControl(control),
            _ => {
                let end = special::first(text.as_bytes(), Stop::Special).unwrap_or(text.len());
                // Writing to memory cannot fail.
                let _ = format.write_string_fragment(self.buf, &text[..end]);
                return &text[end..];
            }
        };
        let _ = format.write_char_escape(self.buf, escape);
        &text[1..]
    }
}
