//! Closing of a run file whose wrap has died: a pure function of the file. It never changes a complete line, and what it
//! appends to its own result is nothing.

#[cfg(test)]
mod tests;

use memchr::memrchr;
use serde_json::json;

use super::MAX_LINE;
use super::info::{Summary, SummaryFold};
use crate::codec::{self, Lines, Piece, Writer};
use crate::event::{Envelope, Status, TurnStarted, Type};
use crate::exit::Exit;
use crate::filter::cancel::Truncate;
use crate::filter::{Filter, Out};
use crate::time::Time;

/// Time of a filter for which none passes: what it appends has the last `ts` of its stream.
const NOW: Time = Time::EPOCH;

/// Reader of a run file that finds out what closes it. It holds what is open, and the line that has begun.
#[derive(Debug)]
pub struct Closer {
    lines: Lines,
    follower: Follower,
    /// Stream and `ts` of the events of a file that has none.
    origin: (String, Time),
    length: u64,
    /// End of the last complete line.
    keep: u64,
}

/// Changes that close a run file.
#[derive(Debug, Clone, PartialEq)]
pub struct Closing {
    /// Length to which the file is cut, in bytes: the end of its last complete line.
    pub keep: u64,
    /// Lines that are appended behind it.
    pub append: Vec<u8>,
    /// Summary of the closed file.
    pub summary: Summary,
    /// Exit status of spile for its events.
    pub exit: Exit,
}

#[derive(Debug, Default)]
struct Follower {
    fold: SummaryFold,
    truncate: Truncate,
    /// True if a numbered event belongs to a turn, even if the begin of that turn cannot be read.
    has_turn: bool,
    /// Output of the filter, which is not needed.
    passed: Vec<u8>,
}

impl Closer {
    /// A reader at the start of a file. `stream` and `started` are those of the run, for a file without any event.
    pub fn new(stream: &str, started: Time) -> Self {
        Self {
            lines: Lines::new(MAX_LINE),
            follower: Follower::default(),
            origin: (stream.to_owned(), started),
            length: 0,
            keep: 0,
        }
    }

    /// Takes the next bytes of the file.
    pub fn feed(&mut self, bytes: &[u8]) {
        if let Some(end) = memrchr(b'\n', bytes) {
            self.keep = self.length + end as u64 + 1;
        }
        self.length += bytes.len() as u64;
        let Self { lines, follower, .. } = self;
        lines.feed(bytes, |piece| follower.piece(piece));
    }

    /// Ends the file. A line without its line feed is torn.
    pub fn finish(mut self) -> Closing {
        let mut append = Vec::new();
        let first = &mut self.follower.fold.first;
        if first.id.is_empty() {
            first.id = self.origin.0;
        }
        if first.ts.is_empty() {
            first.ts = self.origin.1.to_string();
        }
        if !self.follower.has_turn {
            self.follower.begin_turn(&mut append);
        }
        self.follower.end_turns(&mut append);
        if !self.follower.fold.first.is_over() {
            self.follower.exit(&mut append);
        }
        let exit = self.follower.fold.exit();
        let summary = self.follower.fold.finish(self.keep + append.len() as u64);
        Closing { keep: self.keep, append, summary, exit }
    }
}

impl Closing {
    /// True if a file of this length is closed already.
    pub fn is_done(&self, length: u64) -> bool {
        self.keep == length && self.append.is_empty()
    }
}

impl Follower {
    fn piece(&mut self, piece: Piece<'_>) {
        if let Piece::Line { bytes, text, .. } = piece
            && let Ok(event) = text.map_or_else(|| codec::decode(bytes), codec::decode_text)
        {
            self.has_turn |= event.turn.is_some() && event.seq.is_some();
            self.fold.on_event(&event);
            self.truncate.on_event(NOW, &event, &mut Out::bytes(&mut self.passed));
            self.passed.clear();
        }
    }

    /// Appends lines, and takes them as if they had been read.
    fn append(&mut self, lines: &[u8], append: &mut Vec<u8>) {
        Lines::new(MAX_LINE).feed(lines, |piece| self.piece(piece));
        append.extend_from_slice(lines);
    }

    /// Begins the one turn of a run that has none.
    fn begin_turn(&mut self, append: &mut Vec<u8>) {
        let mut line = Vec::new();
        let first = &self.fold.first;
        let next = first.next(Type::TurnStarted);
        let envelope = Envelope { turn: Some(1), synthetic: true, ..next };
        let body = TurnStarted { runtime: first.runtime().into(), ..TurnStarted::default() };
        Writer::default().event(&mut line, &envelope, &body);
        self.append(&line, append);
    }

    /// Closes what is open in every stream.
    fn end_turns(&mut self, append: &mut Vec<u8>) {
        let mut lines = Vec::new();
        self.truncate.on_end(NOW, &mut Out::bytes(&mut lines));
        self.append(&lines, append);
    }

    /// Ends the run, as wrap would have done.
    fn exit(&mut self, append: &mut Vec<u8>) {
        let mut line = Vec::new();
        let data = Some(json!({"killed": true, "lost": true}));
        let body = Status { kind: "exit".into(), message: None, data };
        Writer::default().event(&mut line, &self.fold.first.next(Type::Status), &body);
        self.append(&line, append);
    }
}
