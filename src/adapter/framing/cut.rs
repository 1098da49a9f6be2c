//! Bytes to lines by the rules of server-sent events: LF, CR LF and a CR alone each end a line. A line never waits for
//! the LF behind its CR. Whoever takes a line may ask for a body of so many bytes after it.

use memchr::memchr2;

use super::eventstream;
use crate::codec::Place;

/// A piece of the input, and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut<'a> {
    pub kind: Kind,
    pub place: Place<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A line without its end.
    Line,
    /// A piece of a line that is too long.
    Long,
    /// A body that was asked for; at the end of the input the part that has come.
    Body,
    /// A message of a binary event stream; at the end of the input the part that has come.
    Binary,
}

/// Takes what was cut off, and may ask for a body of so many bytes.
type Take<'t> = dyn FnMut(Cut<'_>) -> Option<usize> + 't;

/// The cutter. It holds the beginning of one line or body.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    max: usize,
    held: Vec<u8>,
    /// How many bytes the body has that is being held.
    body: Option<usize>,
    /// What is held is the beginning of a binary message, which begins with a zero.
    binary: bool,
    /// A LF that comes now belongs to the CR before it.
    after_cr: bool,
    long: bool,
    line: u64,
    /// Where what is held begins.
    offset: u64,
}

impl Cutter {
    pub(super) fn new(max: usize) -> Self {
        Self { max, line: 1, ..Self::default() }
    }

    pub(super) fn feed(&mut self, mut bytes: &[u8], take: &mut Take<'_>) {
        while let Some(first) = bytes.first() {
            if std::mem::take(&mut self.after_cr) && *first == b'\n' {
                self.offset += 1;
                bytes = &bytes[1..];
                continue;
            }
            bytes = match self.body {
                Some(length) => self.more_body(length, bytes, take),
                None if self.binary || (*first == 0 && self.held.is_empty() && !self.long) => {
                    self.more_binary(bytes, take)
                }
                None => self.more_line(bytes, take),
            };
        }
    }

    pub(super) fn end(&mut self, take: &mut Take<'_>) {
        let held = std::mem::take(&mut self.held);
        let kind = match (std::mem::take(&mut self.binary), self.body.take()) {
            (true, _) => Kind::Binary,
            (false, Some(_)) => Kind::Body,
            (false, None) if held.is_empty() => return,
            (false, None) => Kind::Line,
        };
        take(self.cut(kind, &held));
    }

    fn cut<'b>(&self, kind: Kind, bytes: &'b [u8]) -> Cut<'b> {
        Cut { kind, place: Place { line: self.line, offset: self.offset, bytes } }
    }

    fn more_body<'b>(&mut self, length: usize, bytes: &'b [u8], take: &mut Take<'_>) -> &'b [u8] {
        let (now, later) = bytes.split_at((length - self.held.len()).min(bytes.len()));
        self.held.extend_from_slice(now);
        if self.held.len() == length {
            let held = std::mem::take(&mut self.held);
            self.body = None;
            take(self.cut(Kind::Body, &held));
            self.offset += length as u64;
        }
        later
    }

    /// More of a binary message. What turns out to be none is the beginning of a line.
    fn more_binary<'b>(&mut self, bytes: &'b [u8], take: &mut Take<'_>) -> &'b [u8] {
        self.binary = true;
        let length = match self.held.len() {
            held if held < eventstream::PRELUDE => eventstream::PRELUDE,
            _ => eventstream::length(&self.held).unwrap_or(eventstream::PRELUDE),
        };
        let (now, later) = bytes.split_at((length - self.held.len()).min(bytes.len()));
        self.held.extend_from_slice(now);
        if self.held.len() == eventstream::PRELUDE {
            self.binary = eventstream::length(&self.held).is_some_and(|length| length <= self.max);
        } else if self.held.len() == length && length > eventstream::PRELUDE {
            let held = std::mem::take(&mut self.held);
            self.binary = false;
            take(self.cut(Kind::Binary, &held));
            self.offset += length as u64;
        }
        later
    }

    fn more_line<'b>(&mut self, bytes: &'b [u8], take: &mut Take<'_>) -> &'b [u8] {
        let end = memchr2(b'\n', b'\r', bytes);
        let (now, later) = match end {
            Some(end) => (&bytes[..end], &bytes[end + 1..]),
            None => (bytes, &bytes[bytes.len()..]),
        };
        self.after_cr = end.is_some_and(|end| bytes[end] == b'\r');
        let asked = if self.long || self.held.len() + now.len() > self.max {
            self.long(now, take);
            None
        } else if end.is_none() {
            self.held.extend_from_slice(now);
            return later;
        } else {
            self.line(now, take)
        };
        if end.is_some() {
            self.long = false;
            self.line += 1;
            self.offset += 1;
            self.body = asked.filter(|length| *length > 0);
        }
        later
    }

    /// A whole line, of which `now` is the part that is not held.
    fn line(&mut self, now: &[u8], take: &mut Take<'_>) -> Option<usize> {
        let mut held = std::mem::take(&mut self.held);
        let bytes = if held.is_empty() {
            now
        } else {
            held.extend_from_slice(now);
            &held
        };
        let cut = self.cut(Kind::Line, bytes);
        self.offset += bytes.len() as u64;
        take(cut)
    }

    fn long(&mut self, now: &[u8], take: &mut Take<'_>) {
        self.long = true;
        let held = std::mem::take(&mut self.held);
        for bytes in [held.as_slice(), now] {
            for bytes in bytes.chunks(64 << 10) {
                take(self.cut(Kind::Long, bytes));
                self.offset += bytes.len() as u64;
            }
        }
    }
}
