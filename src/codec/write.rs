//! Events to bytes: compact JSON in the contract's key order, one line each, with every character escaped at which some reader
//! would end the line.

use std::borrow::Cow;
use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::object::Object;
use super::{Malformed, surrogate, text_or_base64};
use crate::event::Envelope;

/// Writes events to a buffer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Writer {
    /// True if texts may hold stand-ins of [`super::replace_lone_surrogates`], which are written as U+FFFD.
    pub lone_surrogates: bool,
    /// True if the same is done to the escapes within raw values, which are an agent's and not another event's.
    pub mends_raw: bool,
}

impl Writer {
    /// Writes one event: the envelope, then the fields of `body` in the same object, then a line feed.
    pub fn event(self, buf: &mut Vec<u8>, envelope: &Envelope<'_>, body: &impl Serialize) {
        self.emit(buf, envelope, |object| object.fields_of(body));
    }

    /// As [`Writer::event`], with the fields that `body` writes.
    pub fn emit(
        self,
        buf: &mut Vec<u8>,
        envelope: &Envelope<'_>,
        body: impl FnOnce(&mut Object<'_>),
    ) {
        self.line(buf, |object| {
            object.envelope(envelope);
            body(object);
        });
    }

    /// Writes an object with the fields that `fields` writes, then a line feed.
    pub fn line(self, buf: &mut Vec<u8>, fields: impl FnOnce(&mut Object<'_>)) {
        Object::write(buf, self, fields);
        buf.push(b'\n');
    }

    /// First character that must be escaped although serde_json would not.
    fn special(self, text: &str) -> Option<(usize, char)> {
        let is_special = |c| match c {
            '\u{80}'..='\u{9f}' | '\u{2028}' | '\u{2029}' => true,
            c => self.lone_surrogates && surrogate::stand_in(c).is_some(),
        };
        let mut at = 0;
        while let Some(found) = memchr::memchr3(0xC2, 0xE2, 0xF4, &text.as_bytes()[at..]) {
            at += found;
            let c = text[at..].chars().next()?;
            if is_special(c) {
                return Some((at, c));
            }
            at += c.len_utf8();
        }
        None
    }

    pub(super) fn write<T: Serialize + ?Sized>(self, buf: &mut Vec<u8>, value: &T) {
        let start = buf.len();
        let mut serializer = Serializer::with_formatter(&mut *buf, self);
        if value.serialize(&mut serializer).is_err() {
            // Writing to memory cannot fail, and no body has a map with keys that are not strings.
            buf.truncate(start);
            buf.extend_from_slice(b"{}");
        }
    }
}

/// Anything that serde can write, as JSON text on one line.
pub fn to_json<T: Serialize + ?Sized>(value: &T) -> String {
    let mut buf = Vec::new();
    Writer::default().write(&mut buf, value);
    String::from_utf8(buf).unwrap_or_default()
}

/// The inside of a JSON string from elsewhere, with every character escaped at which some reader would end the line.
pub fn on_one_line(raw: &str) -> Cow<'_, str> {
    if Writer::default().special(raw).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut buf = Vec::with_capacity(raw.len() + 8);
    // Writing to memory cannot fail.
    let _ = Writer::default().write_string_fragment(&mut buf, raw);
    Cow::Owned(String::from_utf8(buf).unwrap_or_default())
}

/// Bytes of a diagnostic, with their place in the input.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The line of the input, from 1.
    pub line: u64,
    /// Byte offset in the input.
    pub offset: u64,
    /// The bytes themselves.
    pub bytes: &'a [u8],
}

/// The body of a `status` of kind `diagnostic`.
pub fn diagnostic(at: &Place<'_>, why: &Malformed) -> crate::event::Status<'static> {
    let (key, text) = text_or_base64(at.bytes);
    let mut data = serde_json::Map::new();
    data.insert("line".into(), at.line.into());
    data.insert("offset".into(), (at.offset + why.offset as u64).into());
    data.insert("reason".into(), why.reason.as_str().into());
    data.insert(key.into(), text.into_owned().into());
    crate::event::Status {
        kind: "diagnostic".into(),
        message: Some(why.reason.clone().into()),
        data: Some(data.into()),
    }
}

/// serde_json's compact form, kept on one line for every reader: Node's `readline` also splits at U+2028 and U+2029, Python's
/// `splitlines` at U+0085 too, and a raw value may stand over several lines. The other C1 controls (U+0080 to U+009F) go with
/// it, for some terminals obey them. Stand-ins of lone surrogates become U+FFFD
/// (RFC 7493, 2.1): other readers refuse the escape of half a character.
impl Formatter for Writer {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if fragment.is_ascii() {
            return writer.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        // All of them begin with one of three bytes, which most text does not have.
        while let Some((at, c)) = self.special(rest) {
            writer.write_all(&rest.as_bytes()[..at])?;
            match surrogate::stand_in(c) {
                Some(_) => write!(writer, "{}", char::REPLACEMENT_CHARACTER)?,
                None => write!(writer, "\\u{:04x}", u32::from(c))?,
            }
            rest = &rest[at + c.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_raw_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if memchr::memchr2(b'\n', b'\r', fragment.as_bytes()).is_none() {
            return self.write_string_fragment(writer, fragment);
        }
        // A raw line end can only stand between tokens.
        let one_line: String =
            fragment.chars().map(|c| if matches!(c, '\n' | '\r') { ' ' } else { c }).collect();
        self.write_string_fragment(writer, &one_line)
    }
}
