//! Server-sent events (WHATWG HTML, 9.2): the state to resume a broken connection, and the events as lines.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::adapter::framing::field;
use crate::codec::{self, Lines, MAX_LINE, Piece};
use crate::event::Event;

const MAX_STREAMS: usize = 1024;

/// Parser across reconnects.
#[derive(Debug)]
pub struct Sse {
    lines: Lines,
    /// True after a carriage return, which ended a line: a line feed behind it belongs to that end.
    returned: bool,
    frame: Frame,
}

#[derive(Debug, Default)]
struct Frame {
    data: String,
    begun: bool,
    id: Option<String>,
    last_id: Option<String>,
    retry: Option<Duration>,
    lost: u64,
    /// True after a reconnect, when events may be repeated.
    again: bool,
    seen: HashMap<String, Seen>,
    open: HashSet<String>,
    hasher: RandomState,
}

/// Last number of a stream, and hashes of its lines.
#[derive(Debug, Default)]
struct Seen {
    seq: u64,
    lines: Vec<u64>,
}

impl Default for Sse {
    fn default() -> Self {
        Self { lines: Lines::new(MAX_LINE), returned: false, frame: Frame::default() }
    }
}

impl Sse {
    /// Parses bytes; complete events are added to `out` as lines.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let Self { lines, returned, frame } = self;
        let ends = std::mem::take(returned);
        let bytes = if ends { bytes.strip_prefix(b"\n").unwrap_or(bytes) } else { bytes };
        if bytes.is_empty() {
            return;
        }
        *returned = bytes.last() == Some(&b'\r');
        // A line ends in CR, LF or both; JSON contains no raw carriage return.
        let mut rest = bytes;
        while let Some(at) = memchr::memchr(b'\r', rest) {
            let (line, behind) = rest.split_at(at);
            lines.feed(line, |piece| frame.piece(piece, out));
            lines.feed(b"\n", |piece| frame.piece(piece, out));
            let behind = behind.get(1..).unwrap_or_default();
            rest = behind.strip_prefix(b"\n").unwrap_or(behind);
        }
        lines.feed(rest, |piece| frame.piece(piece, out));
    }

    /// Ends the connection regularly: a complete event counts, although the standard would drop it.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        let Self { lines, frame, .. } = self;
        lines.end(|piece| frame.piece(piece, out));
        if codec::decode(frame.data.as_bytes()).is_ok() {
            frame.dispatch(out);
        }
    }

    /// Starts another connection, on which events may be repeated.
    pub fn reconnect(&mut self) {
        self.lines = Lines::new(MAX_LINE);
        self.returned = false;
        let frame = &mut self.frame;
        frame.data.clear();
        frame.begun = false;
        frame.again = true;
    }

    /// Last event id for the next connection; an empty id resets it.
    pub fn last_id(&self) -> Option<&str> {
        self.frame.last_id.as_deref().filter(|id| !id.is_empty())
    }

    pub fn retry(&self) -> Option<Duration> {
        self.frame.retry
    }

    /// True if a turn or an event is open: more must follow.
    pub fn is_open(&self) -> bool {
        !self.frame.open.is_empty() || self.frame.begun || !self.lines.held().is_empty()
    }

    /// Overlong events that were dropped.
    pub fn lost(&self) -> u64 {
        self.frame.lost
    }
}

impl Frame {
    fn piece(&mut self, piece: Piece<'_>, out: &mut Vec<u8>) {
        match piece {
            Piece::Line { bytes, .. } => {
                let line = String::from_utf8_lossy(bytes);
                self.line(line.strip_prefix('\u{feff}').unwrap_or(&line), out);
            }
            Piece::Long { first, .. } => self.lost += u64::from(first),
        }
    }

    fn line(&mut self, line: &str, out: &mut Vec<u8>) {
        if line.is_empty() {
            return self.dispatch(out);
        }
        match field(line) {
            Some(("data", value)) => {
                if self.begun {
                    // Line ends in JSON are white space, and an event is one line.
                    self.data.push(' ');
                }
                self.begun = true;
                self.data.push_str(value);
                if self.data.len() > MAX_LINE {
                    self.lost += 1;
                    self.data = String::new();
                }
            }
            Some(("id", value)) if !value.contains('\0') => self.id = Some(value.to_owned()),
            Some(("retry", value)) => {
                // Digits only.
                if value.bytes().all(|b| b.is_ascii_digit())
                    && let Ok(ms) = value.parse()
                {
                    self.retry = Some(Duration::from_millis(ms));
                }
            }
            _ => {}
        }
    }

    fn dispatch(&mut self, out: &mut Vec<u8>) {
        if self.id.is_some() {
            self.last_id = self.id.clone();
        }
        self.begun = false;
        if self.data.is_empty() {
            return;
        }
        let data = std::mem::take(&mut self.data);
        let is_new = match codec::decode(data.as_bytes()) {
            Ok(event) => self.is_new(&event),
            Err(_) => true,
        };
        if is_new {
            out.extend_from_slice(data.as_bytes());
            out.push(b'\n');
        }
    }

    /// Records an event; `false` if it is a repetition.
    fn is_new(&mut self, event: &Event<'_>) -> bool {
        let Some(stream) = event.stream.as_deref() else { return true };
        if event.kind.is_terminal() {
            self.open.remove(stream);
        } else if event.turn.is_some() && self.open.len() < MAX_STREAMS {
            self.open.insert(stream.to_owned());
        }
        let Some(seq) = event.seq else { return true };
        if !self.seen.contains_key(stream) && self.seen.len() >= MAX_STREAMS {
            return true;
        }
        let hash = self.hasher.hash_one(event.line);
        let seen = self.seen.entry(stream.to_owned()).or_default();
        if self.again && (seq < seen.seq || (seq == seen.seq && seen.lines.contains(&hash))) {
            return false;
        }
        if seq != seen.seq {
            seen.seq = seq;
            seen.lines.clear();
        }
        seen.lines.push(hash);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(type_: &str, seq: u64) -> String {
        format!(
            "{{\"v\":1,\"type\":\"{type_}\",\"stream\":\"s\",\"turn\":1,\"seq\":{seq},\"ts\":\"2026-01-01T00:00:00.000Z\",\"kind\":\"info\"}}"
        )
    }

    #[test]
    fn events_become_lines_and_ids_are_kept() {
        let text = format!(
            "\u{feff}: hello\r\nretry: 20\nevent: status\nid: s/1\ndata: {}\n\nid: s/2\ndata: {{\"a\":\ndata:1}}\n\nid: s/3\ndata: {}",
            event("status", 1),
            event("turn_completed", 3)
        );
        for step in [1, 1000] {
            let (mut sse, mut out) = (Sse::default(), Vec::new());
            for bytes in text.as_bytes().chunks(step) {
                sse.feed(bytes, &mut out);
            }
            let whole = format!("{}\n{{\"a\": 1}}\n", event("status", 1));
            assert_eq!(out, whole.as_bytes());
            assert_eq!(sse.last_id(), Some("s/2"));
            assert_eq!(sse.retry(), Some(Duration::from_millis(20)));
            assert!(sse.is_open());
            sse.end(&mut out);
            assert!(out.ends_with(format!("{}\n", event("turn_completed", 3)).as_bytes()));
            assert!(!sse.is_open());
        }
    }

    #[test]
    fn lines_end_in_any_of_three_ways() {
        for end in ["\n", "\r\n", "\r"] {
            let text = format!("id: 1\ndata: {}\n\nid\ndata: {{}}\n\n: x\n", event("status", 1));
            let text = text.replace('\n', end);
            for step in [1, 2, 3, 1000] {
                let (mut sse, mut out) = (Sse::default(), Vec::new());
                for bytes in text.as_bytes().chunks(step) {
                    sse.feed(bytes, &mut out);
                }
                let want = format!("{}\n{{}}\n", event("status", 1));
                assert_eq!(String::from_utf8(out).unwrap(), want, "{end:?} {step}");
                assert_eq!(sse.last_id(), None, "an empty id takes the one before it back");
            }
        }
    }

    #[test]
    fn what_comes_again_is_told_apart() {
        let (mut sse, mut out) = (Sse::default(), Vec::new());
        let data = |type_, seq| format!("data: {}\n\n", event(type_, seq));
        sse.feed((data("turn_started", 1) + &data("status", 2)).as_bytes(), &mut out);
        sse.feed(b"data: {\"v\":1,", &mut out);
        sse.reconnect();
        out.clear();
        let again = data("turn_started", 1) + &data("status", 2) + &data("block_final", 2);
        sse.feed((again + &data("turn_completed", 3)).as_bytes(), &mut out);
        let want = event("block_final", 2) + "\n" + &event("turn_completed", 3) + "\n";
        assert_eq!(String::from_utf8(out).unwrap(), want);
        assert!(!sse.is_open());
    }
}
