//! What the loop drives: bytes in, bytes out, deadlines as answers. Pure; `run` does the waiting.

use std::os::fd::BorrowedFd;

use crate::codec::{self, Cut, Lines, Malformed, Piece, Place, Writer};
use crate::event::{Envelope, VERSION};
use crate::exit::Exit;
use crate::filter::Chain;
use crate::term::quoted;
use crate::time::Time;

/// What a stage wants written: to stdout, and for a person to stderr.
#[derive(Debug, Default)]
pub struct Io {
    /// For stdout.
    pub out: Vec<u8>,
    /// For stderr.
    pub err: Vec<u8>,
}

/// One command between its stdin and its stdout.
pub trait Stage {
    /// Takes the next bytes of the input.
    fn on_bytes(&mut self, now: Time, bytes: &[u8], io: &mut Io);

    /// What follows is the input of this name, from its beginning; what came before it has ended.
    fn on_source(&mut self, now: Time, name: &str, io: &mut Io) {
        let _ = (now, name, io);
    }

    /// When it must be called although nothing came; asked again after every call.
    fn deadline(&self) -> Option<Time> {
        None
    }

    /// Time has passed; harmless when it was not asked for.
    fn on_tick(&mut self, now: Time, io: &mut Io) {
        let _ = (now, io);
    }

    /// The input has ended.
    fn on_end(&mut self, now: Time, io: &mut Io) {
        let _ = (now, io);
    }

    /// A signal has come that will end the process when the input has ended.
    fn on_signal(&mut self, now: Time, signal: i32, io: &mut Io) {
        let _ = (now, signal, io);
    }

    /// What it waits for beside its input.
    fn beside(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }

    /// Something has come there.
    fn on_beside(&mut self, now: Time, io: &mut Io) {
        let _ = (now, io);
    }

    /// True if it wants no more input: its end comes next.
    fn is_over(&self) -> bool {
        false
    }

    /// The exit status as it stands.
    fn exit(&self) -> Exit {
        Exit::Success
    }
}

/// Where a filter's time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Clock {
    /// From the clock on the wall.
    #[default]
    Wall,
    /// From the events' own `ts`: the output is a pure function of the input.
    Event,
}

/// How a command reads its events.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The longest line that is looked at, in bytes.
    pub max_line: usize,
    /// True if malformed input makes the exit status 65.
    pub strict: bool,
}

impl Default for Reading {
    fn default() -> Self {
        Self { max_line: codec::MAX_LINE, strict: false }
    }
}

/// The name of our stdin among the inputs.
pub(crate) const STDIN: &str = "<stdin>";

/// How many warnings are written to stderr before the rest is only counted.
const MAX_WARNINGS: u64 = 10;

/// What is said of a line over the limit.
pub(crate) const TOO_LONG: &str = "line too long to look at, passed as it is (see --max-line)";

/// Counts what was wrong with the input and says it, a limited number of times.
#[derive(Debug, Default)]
pub struct Warnings {
    count: u64,
    /// The input's name; empty for stdin.
    name: String,
}

impl Warnings {
    /// Says that the input has something at `line`, byte `column` of it (from 0), that is wrong.
    pub fn warn(&mut self, io: &mut Io, line: u64, column: usize, reason: &str) {
        let name = std::mem::take(&mut self.name);
        let shown = if name.is_empty() { STDIN } else { &name };
        self.warn_of(shown, io, line, column, reason);
        self.name = name;
    }

    /// As [`Warnings::say`], where there are several inputs: of the one with this name.
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

    /// What comes now is the input of this name.
    pub fn set_source(&mut self, name: &str) {
        name.clone_into(&mut self.name);
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }
}

/// A chain of filters between lines.
pub struct FilterStage {
    lines: Lines,
    each: EachLine,
}

struct EachLine {
    chain: Chain,
    clock: Clock,
    /// The last time of an event clock; with a wall clock the last `now`.
    time: Time,
    strict: bool,
    warnings: Warnings,
}

impl FilterStage {
    /// The filters of `chain`, fed with the lines of the input.
    #[must_use]
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

    /// Gives the filters an event that is no line of the input.
    pub fn tell(&mut self, now: Time, line: &str, io: &mut Io) {
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

    /// A line that is no event goes on as a diagnostic, through the filters like any other event.
    fn diagnostic(&mut self, place: &Place<'_>, why: &Malformed, io: &mut Io) {
        if let Ok(event) = codec::decode(&diagnostic_line(place, why)) {
            self.chain.on_event(self.time, &event, &mut io.out);
        }
    }
}

/// The diagnostic that stands for a line that is no event, without a line feed.
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
