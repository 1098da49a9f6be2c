//! Framing of raw protocols: bytes to frames, and frames to JSON messages. Server-sent events, JSON lines, JSON documents
//! over several lines, `Content-Length` frames and the header block of `curl -i` may follow each other in one input; each
//! line shows by itself what it is. Nothing waits longer than it must, and no byte is dropped in silence.

mod cut;
mod document;
mod eventstream;
mod sse;

use serde_json::{Map, Value};

use crate::codec::{MAX_LINE, Malformed, Place, is_json};

use cut::{Cut, Cutter};
use document::Document;
use sse::Sse;
pub(crate) use sse::field;

/// A part of the input.
pub enum Frame<'a> {
    /// One message, JSON as a rule. `event` is the name of its server-sent event; empty if it has none, or is none.
    Message { event: &'a str, text: &'a str, at: At },
    /// The header block of an HTTP response.
    Head(&'a HttpHead),
    /// A line that belongs to none of the framings.
    Log(&'a str),
    /// Bytes that cannot be read.
    Broken(Place<'a>, Malformed),
}

/// The place of the input's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tail {
    /// Between two messages.
    Clean,
    /// In the middle of one.
    Cut,
}

/// Cuts an input into frames. What it holds is bounded.
#[derive(Debug)]
pub struct Frames {
    cutter: Cutter,
    parts: Parts,
}

/// Parts that have begun and are not complete.
#[derive(Debug, Default)]
struct Parts {
    sse: Sse,
    document: Document,
    head: Option<HttpHead>,
    length: Option<usize>,
    /// True if a server-sent event or a field of one has been seen.
    sent: bool,
}

type Each<'e> = dyn FnMut(Frame<'_>) + 'e;

/// The line on which something begins, from 1, and the offset of that line, in bytes.
pub type At = (u64, u64);

impl Frames {
    /// Frames of at most `max` bytes.
    pub fn new(max: usize) -> Self {
        let (sse, document) = (Sse::new(max), Document::new(max));
        Self { cutter: Cutter::new(max), parts: Parts { sse, document, ..Parts::default() } }
    }

    /// True if the input has shown itself as an HTTP response or as server-sent events: more will come.
    pub fn is_sent(&self) -> bool {
        self.parts.sent
    }

    /// True if no message has begun, so that a line of JSON is one of its own.
    pub fn is_idle(&self) -> bool {
        let parts = &self.parts;
        parts.head.is_none() && !parts.document.is_open() && !parts.sse.is_begun()
    }

    /// Takes a line that was cut off elsewhere, without its line feed.
    pub fn line(&mut self, place: Place<'_>, each: &mut Each<'_>) {
        let bytes = place.bytes.strip_suffix(b"\r").unwrap_or(place.bytes);
        self.parts.take(Cut::Line, Place { bytes, ..place }, each);
    }

    /// Takes the next bytes and passes on every frame that they complete.
    pub fn feed(&mut self, bytes: &[u8], each: &mut Each<'_>) {
        let parts = &mut self.parts;
        self.cutter.feed(bytes, &mut |cut, place| parts.take(cut, place, each));
    }

    /// The input has ended: a last message without its end is passed on if it is whole.
    pub fn end(&mut self, each: &mut Each<'_>) -> Tail {
        let parts = &mut self.parts;
        let mut tail = Tail::Clean;
        self.cutter.end(&mut |cut, place| {
            // A body shorter than its header announced, or the beginning of a field's name.
            if cut != Cut::Line || (parts.sent && sse::is_begun(place.bytes)) {
                tail = Tail::Cut;
                each(Frame::Broken(place, Malformed::new(0, TRUNCATED)));
                return None;
            }
            // A last line that cannot be read was cut off.
            parts.take(cut, place, &mut |frame| {
                if matches!(frame, Frame::Broken(..)) {
                    tail = Tail::Cut;
                }
                each(frame);
            })
        });
        tail.max(parts.end(each))
    }
}

/// The reason of a message that the end of the input cut short.
const TRUNCATED: &str = "truncated: the output ends in the middle of a message";

fn message(event: &str, text: &str, at: At, each: &mut Each<'_>) {
    each(Frame::Message { event, text, at });
}

/// Hands on a text that cannot be read.
fn broken(text: &str, (line, offset): At, why: Malformed, each: &mut Each<'_>) {
    each(Frame::Broken(Place { line, offset, bytes: text.as_bytes() }, why));
}

/// True if a line may begin a JSON value. The word in brackets with which many logs begin is none.
fn may_be_json(line: &str) -> bool {
    let line = line.trim_start();
    let word = |rest: &str| rest.starts_with(char::is_alphabetic);
    line.starts_with('{') || line.strip_prefix('[').is_some_and(|rest| !word(rest))
}

impl Parts {
    /// Takes a line or a body; the answer is the length of the body that follows, if one does.
    fn take(&mut self, cut: Cut, place: Place<'_>, each: &mut Each<'_>) -> Option<usize> {
        let at = (place.line, place.offset);
        let why = match (cut, std::str::from_utf8(place.bytes)) {
            (Cut::Long, _) => Malformed::new(0, "a piece of a line that is too long"),
            (Cut::Binary, _) => {
                self.sent = true;
                match eventstream::decode(place.bytes) {
                    Ok((event, text)) => {
                        message(&event, &text, at, each);
                        return None;
                    }
                    Err(reason) => Malformed::new(0, reason),
                }
            }
            (Cut::Line, Ok(line)) => return self.line(line, at, each),
            (Cut::Body, Ok(text)) => {
                message("", text, at, each);
                return None;
            }
            (_, Err(e)) => Malformed::new(e.valid_up_to(), "invalid UTF-8"),
        };
        each(Frame::Broken(place, why));
        None
    }

    fn line(&mut self, line: &str, at: At, each: &mut Each<'_>) -> Option<usize> {
        let line = line.trim_start_matches('\u{feff}');
        if let Some(head) = &mut self.head {
            if is_header(line) && !sse::is_data(line) {
                head.add(line);
                return None;
            }
            each(Frame::Head(head));
            self.head = None;
            if line.is_empty() {
                return None;
            }
        }
        if let Some(length) = self.length.take() {
            if line.is_empty() {
                return Some(length);
            }
            if is_header(line) {
                self.length = Some(length);
                return None;
            }
        }
        if let Some(head) = HttpHead::parse(line) {
            self.head = Some(head);
            self.sent = true;
        } else if let Some(length) = content_length(line) {
            self.length = Some(length);
        } else if let Some(field) = field(line) {
            self.document.give_up(document::ENDLESS, each);
            self.sent |= !line.is_empty();
            self.sse.field(field, at, each);
        } else if line.trim().is_empty() {
            // White space inside a document means nothing.
            if !self.document.is_open() {
                self.sse.dispatch(each);
            }
        } else if self.document.is_open() || may_be_json(line) {
            self.document.line(line, at, each);
        } else {
            each(Frame::Log(line));
        }
        None
    }

    fn end(&mut self, each: &mut Each<'_>) -> Tail {
        if let Some(head) = self.head.take() {
            each(Frame::Head(&head));
        }
        let header = if self.length.take().is_some() { Tail::Cut } else { Tail::Clean };
        header.max(self.sse.end(each)).max(self.document.end(each))
    }
}

/// Limit of headers that are kept.
const MAX_HEADERS: usize = 100;

/// Headers whose value is nobody's business downstream.
const SECRET: [&str; 2] = ["set-cookie", "authorization"];

/// The head of a response: the header block that `curl -i` prints before a body, of any version of HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpHead {
    /// The status line.
    pub line: String,
    /// Its number.
    pub status: u16,
    headers: Vec<(String, String)>,
}

/// True if a line can stand in a header block.
fn is_header(line: &str) -> bool {
    let token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
    line.split_once(':').is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(token))
}

impl HttpHead {
    fn parse(line: &str) -> Option<Self> {
        let (version, rest) = line.strip_prefix("HTTP/")?.split_once(' ')?;
        let status = rest.get(..3)?.parse().ok()?;
        let digits = version.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let line = line.trim_end().to_owned();
        (digits && (100..600).contains(&status)).then_some(Self { line, status, headers: vec![] })
    }

    fn add(&mut self, line: &str) {
        if let Some((name, value)) = line.split_once(':')
            && self.headers.len() < MAX_HEADERS
        {
            self.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// The value of a header, by its name in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// All of it for a status, without what is secret.
    pub fn data(&self) -> Value {
        let public = self.headers.iter().filter(|(name, _)| !SECRET.contains(&name.as_str()));
        let headers = public.map(|(name, value)| (name.clone(), value.as_str().into()));
        let headers: Map<String, Value> = headers.collect();
        serde_json::json!({"status": self.status, "headers": headers})
    }
}

/// The length of the body that a header announces, in bytes (as the Language Server Protocol has it).
fn content_length(line: &str) -> Option<usize> {
    let (name, value) = line.split_once(':')?;
    let length = value.trim().parse().ok().filter(|length| *length <= MAX_LINE);
    length.filter(|_| name.eq_ignore_ascii_case("content-length"))
}

#[cfg(test)]
mod tests;
