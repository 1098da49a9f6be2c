//! A JSON document that spans lines: the lines before it are somebody's log, and its last brace tells that it is whole.

use serde_json::Value;

use super::super::Line;
use super::{Depth, diagnostic_of, lines_of, log_line};
use crate::codec::{Lines, MAX_LINE, Piece};
use crate::guard::Guard;
use crate::time::Time;

/// How much of a document that cannot be read goes into one diagnostic, in bytes.
const PIECE: usize = 64 << 10;

/// Cuts an agent's output into documents and what is none.
pub struct Documents {
    lines: Lines,
    held: Held,
}

/// The beginning of a document.
#[derive(Default)]
struct Held {
    text: Vec<u8>,
    depth: Depth,
    number: u64,
    offset: u64,
}

impl Documents {
    /// Before the first byte.
    pub fn new() -> Self {
        Self { lines: Lines::new(MAX_LINE), held: Held::default() }
    }

    /// Takes the next bytes, and hands every document that is whole to `each`.
    pub fn feed(
        &mut self,
        now: Time,
        bytes: &[u8],
        guard: &mut Guard,
        mut each: impl FnMut(Value, &mut Guard),
    ) {
        let held = &mut self.held;
        self.lines.feed(bytes, |piece| held.piece(now, piece, guard, &mut each));
    }

    /// The output has ended: what is held is as much as will ever come.
    pub fn end(&mut self, now: Time, guard: &mut Guard, mut each: impl FnMut(Value, &mut Guard)) {
        let held = &mut self.held;
        self.lines.end(|piece| held.piece(now, piece, guard, &mut each));
        held.release(now, guard);
    }
}

impl Held {
    fn piece(
        &mut self,
        now: Time,
        piece: Piece<'_>,
        guard: &mut Guard,
        each: &mut impl FnMut(Value, &mut Guard),
    ) {
        let (bytes, number, offset, ended) = match piece {
            Piece::Line { bytes, number, offset, ended, .. } => (bytes, number, offset, ended),
            Piece::Long { bytes, number, offset, .. } => {
                self.release(now, guard);
                for (at, bytes) in bytes.chunks(PIECE).enumerate() {
                    let offset = offset + (at * PIECE) as u64;
                    diagnostic_of(now, (number, offset), bytes, "a line that is too long", guard);
                }
                return;
            }
        };
        if self.text.is_empty() {
            if !bytes.trim_ascii_start().starts_with(b"{") {
                log_line(now, bytes, (number, offset), guard);
                return;
            }
            (self.number, self.offset) = (number, offset);
            self.depth = Depth::default();
        }
        self.text.extend_from_slice(bytes);
        if ended {
            self.text.push(b'\n');
        }
        if self.depth.closes(bytes) {
            let text = std::mem::take(&mut self.text);
            let line = Line {
                text: None,
                bytes: text.strip_suffix(b"\n").unwrap_or(&text),
                number: self.number,
                offset: self.offset,
                ended: true,
            };
            lines_of(now, line, guard, each);
        } else if self.text.len() > MAX_LINE {
            self.release(now, guard);
        }
    }

    /// Says what is held as bytes that nobody could read.
    fn release(&mut self, now: Time, guard: &mut Guard) {
        let text = std::mem::take(&mut self.text);
        for (at, bytes) in text.chunks(PIECE).enumerate() {
            let place = (self.number, self.offset + (at * PIECE) as u64);
            diagnostic_of(now, place, bytes, "a document that was cut off", guard);
        }
    }
}
