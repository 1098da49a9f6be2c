//! A recording as server-sent events (WHATWG HTML, 9.2): what must be known to go on where a connection broke, and the
//! events as lines.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash, RandomState};
use std::time::Duration;

use crate::adapter::framing::field;
use crate::codec::{self, Lines, MAX_LINE, Piece};
use crate::event::Event;

/// How many streams are remembered.
const MAX_STREAMS: usize = 1024;

/// What has come over one connection after another.
#[derive(Debug)]
pub struct Sse {
    lines: Lines,
    /// True if the last byte was a carriage return, which ended a line: a line feed behind it is part of that end.
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
    /// True if what comes may have come before.
    again: bool,
    seen: HashMap<String, Seen>,
    open: HashSet<String>,
    hasher: RandomState,
}

/// The last number of a stream, and hashes of the lines that had it.
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
    /// Takes the next bytes of the connection; whole events are added to `out` as lines.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let Self { lines, returned, frame } = self;
        let ends = std::mem::take(returned);
        let bytes = if ends { bytes.strip_prefix(b"\n").unwrap_or(bytes) } else { bytes };
        if bytes.is_empty() {
            return;
        }
        *returned = bytes.last() == Some(&b'\r');
        // A line ends in CR, LF or both; nothing else has a carriage return in it.
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

    /// The connection has ended as it should: an event that is whole counts, although the standard would drop it.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        let Self { lines, frame, .. } = self;
        lines.end(|piece| frame.piece(piece, out));
        if codec::decode(frame.data.as_bytes()).is_ok() {
            frame.dispatch(out);
        }
    }

    /// Another connection begins; what was not whole will come again, and so may what was.
    pub fn reconnect(&mut self) {
        self.lines = Lines::new(MAX_LINE);
        self.returned = false;
        let frame = &mut self.frame;
        frame.data.clear();
        frame.begun = false;
        frame.again = true;
    }

    /// The last event's id, to be said when connecting again; an empty one takes back those before it.
    #[must_use]
    pub fn last_id(&self) -> Option<&str> {
        self.frame.last_id.as_deref().filter(|id| !id.is_empty())
    }

    /// How long the server wants us to wait before that.
    #[must_use]
    pub fn retry(&self) -> Option<Duration> {
        self.frame.retry
    }

    /// True if a turn is open, or an event has begun: then there must be more.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.frame.open.is_empty() || self.frame.begun || !self.lines.held().is_empty()
    }

    /// How many events were too long and have been left out.
    #[must_use]
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
                    // A line end can only stand between the tokens of JSON, and an event is one line.
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
                // Digits alone: a sign is none.
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

    /// Notes an event; whether it has not come before.
    fn is_new(&mut self, event: &Event<'_>) -> bool {
        let Some(stream) = event.stream.as_deref() else {
            return true;
        };
        if event.kind.is_terminal() {
            self.open.remove(stream);
        } else if event.turn.is_some() && self.open.len() < MAX_STREAMS {
            self.open.insert(stream.to_owned());
        }
        let Some(seq) = event.seq else {
            return true;
        };
        if !self.seen.contains_key(stream) && self.seen.len() >= MAX_STREAMS {
            return true;
        }
        let hash = {
            let mut state = self.hasher.build_hasher();
            event.line.hash(&mut state);
            std::hash::Hasher::finish(&state)
        };
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
