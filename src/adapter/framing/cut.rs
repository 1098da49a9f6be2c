//! Bytes to lines by the rules of server-sent events: LF, CR LF and a CR alone each end a line. A line never waits for
//! the LF behind its CR. The taker of a line may request a body of so many bytes after it.

use memchr::memchr2;

use super::eventstream::{self, PRELUDE};
use crate::codec::Place;

/// The kind of a part of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// A line without its end.
    Line,
    /// A piece of a line that is too long.
    Long,
    /// A body that was requested; at the end of the input the part that has come.
    Body,
    /// A message of a binary event stream; at the end of the input the part that has come.
    Binary,
}

/// Takes a part, and may request a body of so many bytes.
type Take<'t> = dyn FnMut(Cut, Place<'_>) -> Option<usize> + 't;

/// The cutter. It holds the beginning of one line or body.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    max: usize,
    held: Vec<u8>,
    /// The body or binary message that is held, with its length in bytes.
    body: Option<(Cut, usize)>,
    /// True if a LF that comes now belongs to the CR before it.
    after_cr: bool,
    long: bool,
    line: u64,
    /// Offset of the held bytes.
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
            // A binary message begins with a zero.
            if *first == 0 && self.body.is_none() && self.held.is_empty() && !self.long {
                self.body = Some((Cut::Binary, PRELUDE));
            }
            bytes = self.more(bytes, take);
        }
    }

    pub(super) fn end(&mut self, take: &mut Take<'_>) {
        if let Some((cut, _)) = self.body.take() {
            self.give(cut, &[], take);
        } else if !self.held.is_empty() {
            self.give(Cut::Line, &[], take);
        }
    }

    /// Passes on the held bytes with those behind them.
    fn give(&mut self, cut: Cut, now: &[u8], take: &mut Take<'_>) -> Option<usize> {
        let (line, offset) = (self.line, self.offset);
        self.offset += (self.held.len() + now.len()) as u64;
        if self.held.is_empty() {
            return take(cut, Place { line, offset, bytes: now });
        }
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(now);
        take(cut, Place { line, offset, bytes: &held })
    }

    /// More of a line, body or binary message. What turns out to be no binary message is the beginning of a line.
    fn more<'b>(&mut self, bytes: &'b [u8], take: &mut Take<'_>) -> &'b [u8] {
        let Some((cut, length)) = self.body else {
            return self.more_line(bytes, take);
        };
        let (now, later) = bytes.split_at((length - self.held.len()).min(bytes.len()));
        let whole = self.held.len() + now.len() == length;
        if whole && (cut, length) != (Cut::Binary, PRELUDE) {
            self.body = None;
            self.give(cut, now, take);
            return later;
        }
        self.held.extend_from_slice(now);
        if whole {
            let length = eventstream::length(&self.held).filter(|length| *length <= self.max);
            self.body = length.map(|length| (Cut::Binary, length));
        }
        later
    }

    fn more_line<'b>(&mut self, bytes: &'b [u8], take: &mut Take<'_>) -> &'b [u8] {
        let end = memchr2(b'\n', b'\r', bytes);
        let (now, later) = bytes.split_at(end.unwrap_or(bytes.len()));
        self.after_cr = end.is_some_and(|end| bytes[end] == b'\r');
        let body = if self.long || self.held.len() + now.len() > self.max {
            self.long(now, take);
            None
        } else if end.is_none() {
            self.held.extend_from_slice(now);
            None
        } else {
            self.give(Cut::Line, now, take)
        };
        if end.is_some() {
            self.long = false;
            self.line += 1;
            self.offset += 1;
            self.body = body.filter(|length| *length > 0).map(|length| (Cut::Body, length));
        }
        later.get(1..).unwrap_or_default()
    }

    fn long(&mut self, now: &[u8], take: &mut Take<'_>) {
        self.long = true;
        let held = std::mem::take(&mut self.held);
        for bytes in held.chunks(64 << 10).chain(now.chunks(64 << 10)) {
            take(Cut::Long, Place { line: self.line, offset: self.offset, bytes });
            self.offset += bytes.len() as u64;
        }
    }
}
