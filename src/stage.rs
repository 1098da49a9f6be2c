//! Interface between loops and pure commands: bytes in, bytes out, deadlines as answers.

mod piped;

use std::borrow::Cow;
use std::fmt::Display;

use crate::codec::{self, Cut, Lines, Malformed, Piece, Place, Writer};
use crate::event::{Envelope, Event, Type};
use crate::exit::Exit;
use crate::filter::Chain;
use crate::named::Named;
use crate::term::quoted;
use crate::time::Time;

pub use piped::Piped;

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
    fn on_source(&mut self, _now: Time, _name: &str, _io: &mut Io) {}

    /// Time of the next [`Stage::on_tick`]; queried after every call.
    fn deadline(&self) -> Option<Time> {
        None
    }

    /// Advances time. Spurious calls are harmless.
    fn on_tick(&mut self, _now: Time, _io: &mut Io) {}

    fn on_end(&mut self, _now: Time, _io: &mut Io) {}

    /// Writes the next part of a long end, behind [`Stage::on_end`]; `false` if nothing is left.
    fn on_rest(&mut self, _now: Time, _io: &mut Io) -> bool {
        false
    }

    /// Ends the input, and writes all of the end at once.
    fn end(&mut self, now: Time, io: &mut Io) {
        self.on_end(now, io);
        while self.on_rest(now, io) {}
    }

    /// Records a signal of which the process will die at the end of the input.
    fn on_signal(&mut self, _now: Time, _signal: i32, _io: &mut Io) {}

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

/// Consumer of the lines of an input, behind a [`LineStage`].
pub trait OnLine {
    /// Takes an event; [`Malformed`] if it lacks a field that its type requires.
    fn on_event(&mut self, now: Time, event: &Event<'_>, io: &mut Io) -> Result<(), Malformed>;

    /// Takes a line that is no event.
    fn on_malformed(&mut self, _now: Time, _place: &Place<'_>, _why: &Malformed, _io: &mut Io) {}

    /// Reason of the warning about a line over the limit.
    const TOO_LONG: &'static str;

    /// Begins a line over the limit.
    fn begin_long(&mut self, _now: Time, _io: &mut Io) {}

    /// Reason of a warning about a malformed line.
    fn reason<'a>(&mut self, why: &'a Malformed) -> Cow<'a, str> {
        Cow::Borrowed(&why.reason)
    }

    /// Takes a piece of a line over the limit.
    fn on_long(&mut self, _now: Time, _bytes: &[u8], _io: &mut Io) {}

    /// Ends an input within a line over the limit; another input follows.
    fn cut_long(&mut self, _io: &mut Io) {}

    fn deadline(&self) -> Option<Time> {
        None
    }

    fn on_tick(&mut self, _now: Time, _io: &mut Io) {}

    fn on_end(&mut self, _now: Time, _io: &mut Io) {}

    /// See [`Stage::on_rest`].
    fn on_rest(&mut self, _now: Time, _io: &mut Io) -> bool {
        false
    }

    /// True if no more input is wanted.
    fn is_over(&self) -> bool {
        false
    }

    fn exit(&self) -> Exit {
        Exit::Success
    }
}

/// Stage that cuts its input into lines, decodes them and warns about those that are no events.
pub struct LineStage<T> {
    lines: Lines,
    to: T,
    strict: bool,
    warnings: Warnings,
}

impl<T: OnLine> LineStage<T> {
    pub fn of(to: T, reading: &Reading) -> Self {
        let lines = Lines::new(reading.max_line);
        Self { lines, to, strict: reading.strict, warnings: Warnings::default() }
    }

    /// The consumer.
    pub fn consumer(&mut self) -> &mut T {
        &mut self.to
    }

    fn piece(to: &mut T, warnings: &mut Warnings, now: Time, piece: Piece<'_>, io: &mut Io) {
        match piece {
            Piece::Line { number, offset, bytes, text, .. } => {
                let event = text.map_or_else(|| codec::decode(bytes), codec::decode_text);
                if let Err(why) = event.and_then(|event| to.on_event(now, &event, io)) {
                    let reason = to.reason(&why);
                    warnings.warn(io, number, why.offset, &reason);
                    to.on_malformed(now, &Place { line: number, offset, bytes }, &why, io);
                }
            }
            Piece::Long { number, bytes, first, .. } => {
                if first {
                    to.begin_long(now, io);
                    warnings.warn(io, number, 0, T::TOO_LONG);
                }
                to.on_long(now, bytes, io);
            }
        }
    }
}

impl<T: OnLine> Stage for LineStage<T> {
    fn on_bytes(&mut self, now: Time, bytes: &[u8], io: &mut Io) {
        let Self { lines, to, warnings, .. } = self;
        lines.feed(bytes, |piece| Self::piece(to, warnings, now, piece, io));
    }

    fn on_source(&mut self, now: Time, name: &str, io: &mut Io) {
        let Self { lines, to, warnings, .. } = self;
        if lines.restart(|piece| Self::piece(to, warnings, now, piece, io)) == Cut::InLongLine {
            to.cut_long(io);
        }
        warnings.set_source(name);
    }

    fn deadline(&self) -> Option<Time> {
        self.to.deadline()
    }

    fn on_tick(&mut self, now: Time, io: &mut Io) {
        self.to.on_tick(now, io);
    }

    fn on_end(&mut self, now: Time, io: &mut Io) {
        let Self { lines, to, warnings, .. } = self;
        lines.end(|piece| Self::piece(to, warnings, now, piece, io));
        to.on_end(now, io);
    }

    fn on_rest(&mut self, now: Time, io: &mut Io) -> bool {
        self.to.on_rest(now, io)
    }

    fn is_over(&self) -> bool {
        self.to.is_over()
    }

    fn exit(&self) -> Exit {
        let malformed = self.strict && self.warnings.count() > 0;
        self.to.exit().or(if malformed { Exit::Malformed } else { Exit::Success })
    }
}

/// Lines of events through a chain of filters.
pub type FilterStage = LineStage<Filtered>;

pub struct Filtered {
    chain: Chain,
    clock: Clock,
    /// Last time of an event clock.
    time: Time,
}

impl FilterStage {
    pub fn new(chain: Chain, clock: Clock, reading: &Reading) -> Self {
        Self::of(Filtered { chain, clock, time: Time::default() }, reading)
    }

    /// Time of the filters: the clock's, or that of the last event.
    pub fn time(&self, now: Time) -> Time {
        self.to.now(now)
    }
}

impl Filtered {
    fn now(&self, now: Time) -> Time {
        match self.clock {
            Clock::Wall => now,
            Clock::Event => self.time,
        }
    }
}

impl OnLine for Filtered {
    const TOO_LONG: &'static str = TOO_LONG;

    fn on_event(&mut self, now: Time, event: &Event<'_>, io: &mut Io) -> Result<(), Malformed> {
        if self.clock == Clock::Event {
            self.time = event.time().map_or(self.time, |time| time.max(self.time));
        }
        self.chain.on_event(self.now(now), event, &mut io.out);
        Ok(())
    }

    /// Passes a malformed line through the filters as a diagnostic.
    fn on_malformed(&mut self, now: Time, place: &Place<'_>, why: &Malformed, io: &mut Io) {
        if let Ok(event) = codec::decode(&diagnostic_line(place, why)) {
            self.chain.on_event(self.now(now), &event, &mut io.out);
        }
    }

    fn begin_long(&mut self, now: Time, io: &mut Io) {
        self.chain.on_flush(self.now(now), &mut io.out);
    }

    fn on_long(&mut self, _now: Time, bytes: &[u8], io: &mut Io) {
        io.out.extend_from_slice(bytes);
    }

    fn cut_long(&mut self, io: &mut Io) {
        io.out.push(b'\n');
    }

    fn deadline(&self) -> Option<Time> {
        match self.clock {
            Clock::Wall => self.chain.deadline(),
            Clock::Event => None,
        }
    }

    fn on_tick(&mut self, now: Time, io: &mut Io) {
        if self.clock == Clock::Wall {
            self.chain.on_tick(now, &mut io.out);
        }
    }

    fn on_end(&mut self, now: Time, io: &mut Io) {
        self.chain.on_end(self.now(now), &mut io.out);
    }
}

/// Diagnostic in place of a malformed line, without a line feed.
pub(crate) fn diagnostic_line(place: &Place<'_>, why: &Malformed) -> Vec<u8> {
    let mut line = Vec::new();
    let envelope = Envelope::of(Type::Status);
    Writer::default().event(&mut line, &envelope, &codec::diagnostic(place, why));
    line.pop();
    line
}
