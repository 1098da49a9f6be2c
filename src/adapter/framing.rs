//! What raw protocols share: bytes to frames, whichever way they are framed, and frames to JSON messages. Server-sent
//! events, JSON lines, JSON documents over several lines, `Content-Length` frames and the header block of `curl -i` may
//! follow each other in one input; each line says by itself what it is. It never waits and never drops a byte unsaid.

mod cut;
mod document;
mod eventstream;
mod http;
pub mod jsonrpc;
mod sse;

use crate::codec::{Malformed, Place};

use cut::{Cut, Cutter, Kind};
use document::Document;
pub use http::Head;
use http::is_header;
use sse::Sse;
pub(crate) use sse::field;

/// What was found.
pub enum Frame<'a> {
    /// The text of one message.
    Message(Message<'a>),
    /// The header block of an HTTP response.
    Head(&'a Head),
    /// A line that belongs to none of the framings.
    Log(&'a str),
    /// What cannot be read.
    Broken(Place<'a>, Malformed),
}

/// The text of one message, JSON as a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// The name of the server-sent event; empty if it has none, or is none.
    pub event: &'a str,
    /// The text.
    pub text: &'a str,
    /// The line on which it began, from 1.
    pub line: u64,
    /// Where that line begins, in bytes.
    pub offset: u64,
}

/// True if the input ended between two messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// It did.
    Clean,
    /// It ended in the middle of one.
    Cut,
}

/// Cuts an input into frames. What it holds is bounded.
#[derive(Debug)]
pub struct Frames {
    cutter: Cutter,
    parts: Parts,
}

/// What has begun and is not complete.
#[derive(Debug, Default)]
struct Parts {
    sse: Sse,
    document: Document,
    head: Option<Head>,
    length: Option<usize>,
    /// A message or the fields of one have been seen that are server-sent.
    sent: bool,
}

/// Where a line stands in a header block.
enum Block {
    Header,
    /// It ends the block; a body of this length follows, if that is known.
    End(Option<usize>),
    None,
}

type Each<'e> = dyn FnMut(Frame<'_>) + 'e;

impl Frames {
    /// Frames of at most `max` bytes.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self {
            cutter: Cutter::new(max),
            parts: Parts { sse: Sse::new(max), document: Document::new(max), ..Parts::default() },
        }
    }

    /// True if the input has shown itself as an HTTP response or as server-sent events: more will come.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.parts.sent
    }

    /// True if no message has begun, so that a line of JSON is one of its own.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let parts = &self.parts;
        parts.head.is_none() && !parts.document.is_open() && !parts.sse.is_begun()
    }

    /// Takes a line that was cut off elsewhere, without its line feed.
    pub fn line(&mut self, place: Place<'_>, each: &mut Each<'_>) {
        let bytes = place.bytes.strip_suffix(b"\r").unwrap_or(place.bytes);
        self.parts.take(Cut { kind: Kind::Line, place: Place { bytes, ..place } }, each);
    }

    /// Takes the next bytes and hands on every frame that they complete.
    pub fn feed(&mut self, bytes: &[u8], each: &mut Each<'_>) {
        let parts = &mut self.parts;
        self.cutter.feed(bytes, &mut |cut| parts.take(cut, each));
    }

    /// The input has ended: a last message without its end is handed on if it is whole.
    pub fn end(&mut self, each: &mut Each<'_>) -> Tail {
        let parts = &mut self.parts;
        let mut tail = Tail::Clean;
        self.cutter.end(&mut |cut| {
            let bytes = cut.place.bytes;
            let partial = match cut.kind {
                // The body of a frame that is shorter than its header said.
                Kind::Body | Kind::Binary => true,
                Kind::Line => parts.sent && !bytes.is_empty() && sse::is_begun(bytes),
                Kind::Long => false,
            };
            if partial {
                tail = Tail::Cut;
                each(Frame::Broken(cut.place, truncated(0)));
                return None;
            }
            // A last line that cannot be read was cut off.
            parts.take(cut, &mut |frame| {
                if matches!(frame, Frame::Broken(..)) {
                    tail = Tail::Cut;
                }
                each(frame);
            })
        });
        if parts.end(each) == Tail::Cut {
            tail = Tail::Cut;
        }
        tail
    }
}

/// What is said of a message that the end of the input cut short.
fn truncated(offset: usize) -> Malformed {
    Malformed { offset, reason: "truncated: the output ends in the middle of a message".into() }
}

/// True if a line may begin a JSON value. The word in brackets with which many logs begin is none.
fn may_be_json(line: &str) -> bool {
    let line = line.trim_start();
    let word = |rest: &str| rest.starts_with(char::is_alphabetic);
    line.starts_with('{') || line.strip_prefix('[').is_some_and(|rest| !word(rest))
}

/// True if a text is one whole JSON value.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

impl Parts {
    /// Takes a line or a body; the answer is the length of the body that follows, if one does.
    fn take(&mut self, cut: Cut<'_>, each: &mut Each<'_>) -> Option<usize> {
        let Cut { kind, place } = cut;
        let Place { line, offset, bytes } = place;
        let broken = |offset, reason: &str| {
            Frame::Broken(place, Malformed { offset, reason: reason.to_owned() })
        };
        match (kind, std::str::from_utf8(bytes)) {
            (Kind::Binary, _) => {
                self.sent = true;
                match eventstream::decode(bytes) {
                    Ok((event, text)) => {
                        each(Frame::Message(Message { event: &event, text: &text, line, offset }));
                    }
                    Err(reason) => each(broken(0, reason)),
                }
            }
            (Kind::Long, _) => each(broken(0, "a piece of a line that is too long")),
            (Kind::Line, Ok(text)) => return self.line(text, place, each),
            (Kind::Body, Ok(text)) => {
                each(Frame::Message(Message { event: "", text, line, offset }))
            }
            (_, Err(e)) => each(broken(e.valid_up_to(), "invalid UTF-8")),
        }
        None
    }

    fn line(&mut self, line: &str, place: Place<'_>, each: &mut Each<'_>) -> Option<usize> {
        let line = line.trim_start_matches('\u{feff}');
        match self.block(line, each) {
            Block::Header => return None,
            Block::End(body) => return body,
            Block::None => {}
        }
        if let Some(head) = Head::parse(line) {
            (self.head, self.sent) = (Some(head), true);
            return None;
        }
        if let Some(length) = jsonrpc::content_length(line) {
            self.length = Some(length);
            return None;
        }
        if let Some((field, value)) = field(line) {
            self.document.give_up(each);
            self.sent |= !line.is_empty();
            self.sse.field((field, value), (place.line, place.offset), each);
        } else if line.trim().is_empty() {
            // Inside a document it is white space.
            if !self.document.is_open() {
                self.sse.dispatch(each);
            }
        } else if self.document.is_open() || may_be_json(line) {
            self.document.line(line, (place.line, place.offset), each);
        } else {
            each(Frame::Log(line));
        }
        None
    }

    /// Takes a line of a header block that has begun, and the empty line that ends it.
    fn block(&mut self, line: &str, each: &mut Each<'_>) -> Block {
        if let Some(head) = &mut self.head {
            if is_header(line) && !sse::is_data(line) {
                head.add(line);
                return Block::Header;
            }
            if let Some(head) = self.head.take() {
                each(Frame::Head(&head));
            }
            if line.is_empty() {
                return Block::End(None);
            }
        }
        match self.length.take() {
            Some(length) if line.is_empty() => Block::End(Some(length)),
            Some(length) if is_header(line) => {
                self.length = Some(length);
                Block::Header
            }
            _ => Block::None,
        }
    }

    fn end(&mut self, each: &mut Each<'_>) -> Tail {
        if let Some(head) = self.head.take() {
            each(Frame::Head(&head));
        }
        let tails = [self.sse.end(each), self.document.end(each)];
        let cut = tails.contains(&Tail::Cut) || self.length.take().is_some();
        if cut { Tail::Cut } else { Tail::Clean }
    }
}

#[cfg(test)]
mod tests;
