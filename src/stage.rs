//! Interface between loops and pure commands: bytes in, bytes out, deadlines as answers.

use std::fmt::Display;

use crate::codec::{self, Cut, Lines, Malformed, Piece, Place, Writer};
use crate::event::{Envelope, VERSION};
use crate::exit::Exit;
use crate::filter::Chain;
use crate::named::Named;
use crate::term::quoted;
use crate::time::Time;

#[derive(Debug, Default)]
pub struct Io {
    pub out: Vec<u8>,
    pub err: Vec<u8>,
}

impl Io {
    pub fn warn(&mut self, text: impl Display) {
        self.err.extend_from_slice(format!("spile: {text}\n").as_bytes());
    }
}

pub trait Stage {
    fn on_bytes(&mut self, now: Time, bytes: &[u8], io: &mut Io);

    /// Starts a named input; the one before it has ended.
    fn on_source(&mut self, now: Time, name: &str, io: &mut Io) {
        let _ = (now, name, io);
    }

    /// Time of the next [`Stage::on_tick`]; queried after every call.
    fn deadline(&self) -> Option<Time> {
        None
    }

    /// Advances time. Spurious calls are harmless.
    fn on_tick(&mut self, now: Time, io: &mut Io) {
        let _ = (now, io);
    }

    fn on_end(&mut self, now: Time, io: &mut Io) {
        let _ = (now, io);
    }

    /// Records a signal of which the process will die at the end of the input.
    fn on_signal(&mut self, now: Time, signal: i32, io: &mut Io) {
        let _ = (now, signal, io);
    }

    /// True if no more input is wanted; [`Stage::on_end`] follows.
    fn is_over(&self) -> bool {
        false
    }

    fn exit(&self) -> Exit {
        Exit::Success
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Clock {
    #[default]
    Wall,
    /// The events' own `ts`: the output is a pure function of the input.
    Event,
}

impl Named for Clock {
    const ALL: &'static [(&'static str, &'static str, Self)] = &[
        ("wall", "From the clock on the wall", Clock::Wall),
        (
            "event",
            "From the events' own `ts`: the output is a pure function of the input",
            Clock::Event,
        ),
    ];
}

#[derive(Debug, Clone)]
pub struct Reading {
    /// Longest line that is parsed, in bytes.
    pub max_line: usize,
    /// True if malformed input sets exit status 65.
    pub strict: bool,
}

impl Default for Reading {
    fn default() -> Self {
        Self { max_line: codec::MAX_LINE, strict: false }
    }
}

pub(crate) const STDIN: &str = "<stdin>";

/// Warnings printed before the rest is only counted.
const MAX_WARNINGS: u64 = 10;

pub(crate) const TOO_LONG: &str = "line too long to look at, passed as it is (see --max-line)";

/// Counts malformed input and prints a limited number of warnings.
#[derive(Debug, Default)]
pub struct Warnings {
    count: u64,
    /// Name of the input; empty for stdin.
    name: String,
}

impl Warnings {
    /// Warns about `line` at byte `column` (from 0).
    pub fn warn(&mut self, io: &mut Io, line: u64, column: usize, reason: &str) {
        let name = std::mem::take(&mut self.name);
        let shown = if name.is_empty() { STDIN } else { &name };
        self.warn_of(shown, io, line, column, reason);
        self.name = name;
    }

    /// As [`Warnings::warn`], for the input with this name.
    pub fn warn_of(&mut self, name: &str, io: &mut Io, line: u64, column: usize, reason: &str) {
        self.count += 1;
        let (name, reason) = (quoted(name), quoted(reason));
        if self.count <= MAX_WARNINGS {
            io.err
                .extend_from_slice(format!("{name}:{line}:{}: {reason}\n", column + 1).as_bytes());
        } else if self.count == MAX_WARNINGS + 1 {
            io.err.extend_from_slice(b"spile: more input like this is not listed\n");
        }
    }

    pub fn set_source(&mut self, name: &str) {
        name.clone_into(&mut self.name);
    }

    pub fn count(&self) -> u64 {
        self.count
    }
}

pub struct FilterStage {
    lines: Lines,
    each: EachLine,
}

struct EachLine {
    chain: Chain,
    clock: Clock,
    /// Last time of an event clock; with a wall clock the last `now`.
    time: Time,
    strict: bool,
    warnings: Warnings,
}

impl FilterStage {
    pub fn new(chain: Chain, clock: Clock, reading: &Reading) -> Self {
        let each = EachLine {
            chain,
            clock,
            time: Time::default(),
            strict: reading.strict,
            warnings: Warnings::default(),
        };
        Self { lines: Lines::new(reading.max_line), each }
    }

    /// Passes an event to the filters that is no line of the input.
    pub fn inject(&mut self, now: Time, line: &str, io: &mut Io) {
        let now = match self.each.clock {
            Clock::Wall => now,
            Clock::Event => self.each.time,
        };
        if let Ok(event) = codec::decode_text(line) {
            self.each.chain.on_event(now, &event, &mut io.out);
        }
    }
}

impl EachLine {
    fn piece(&mut self, now: Time, piece: Piece<'_>, io: &mut Io) {
        match piece {
            Piece::Line { number, offset, bytes, text, .. } => {
                match text.map_or_else(|| codec::decode(bytes), codec::decode_text) {
                    Ok(event) => {
                        self.time = match self.clock {
                            Clock::Wall => now,
                            Clock::Event => event.time().map_or(self.time, |t| t.max(self.time)),
                        };
                        self.chain.on_event(self.time, &event, &mut io.out);
                    }
                    Err(why) => {
                        self.warnings.warn(io, number, why.offset, &why.reason);
                        self.diagnostic(&Place { line: number, offset, bytes }, &why, io);
                    }
                }
            }
            Piece::Long { number, bytes, first, .. } => {
                if first {
                    self.warnings.warn(io, number, 0, TOO_LONG);
                    self.chain.on_flush(self.time, &mut io.out);
                }
                io.out.extend_from_slice(bytes);
            }
        }
    }

    /// Passes a malformed line through the filters as a diagnostic.
    fn diagnostic(&mut self, place: &Place<'_>, why: &Malformed, io: &mut Io) {
        if let Ok(event) = codec::decode(&diagnostic_line(place, why)) {
            self.chain.on_event(self.time, &event, &mut io.out);
        }
    }
}

/// Diagnostic in place of a malformed line, without a line feed.
pub(crate) fn diagnostic_line(place: &Place<'_>, why: &Malformed) -> Vec<u8> {
    let mut line = Vec::new();
    let envelope = Envelope { v: VERSION, type_: "status".into(), ..Envelope::default() };
    Writer::default().event(&mut line, &envelope, &codec::diagnostic(place, why));
    line.pop();
    line
}

impl Stage for FilterStage {
    fn on_bytes(&mut self, now: Time, bytes: &[u8], io: &mut Io) {
        if self.each.clock == Clock::Wall {
            self.each.time = now;
        }
        self.lines.feed(bytes, |piece| self.each.piece(now, piece, io));
    }

    fn on_source(&mut self, now: Time, name: &str, io: &mut Io) {
        if self.lines.restart(|piece| self.each.piece(now, piece, io)) == Cut::InLongLine {
            io.out.push(b'\n');
        }
        self.each.warnings.set_source(name);
    }

    fn deadline(&self) -> Option<Time> {
        match self.each.clock {
            Clock::Wall => self.each.chain.deadline(),
            Clock::Event => None,
        }
    }

    fn on_tick(&mut self, now: Time, io: &mut Io) {
        if self.each.clock == Clock::Wall {
            self.each.chain.on_tick(now, &mut io.out);
        }
    }

    fn on_end(&mut self, now: Time, io: &mut Io) {
        self.lines.end(|piece| self.each.piece(now, piece, io));
        let now = if self.each.clock == Clock::Wall { now } else { self.each.time };
        self.each.chain.on_end(now, &mut io.out);
    }

    fn exit(&self) -> Exit {
        if self.each.strict && self.each.warnings.count() > 0 {
            Exit::Malformed
        } else {
            Exit::Success
        }
    }
}
