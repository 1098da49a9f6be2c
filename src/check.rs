//! `check`: reads lines of events and reports every violation of the contract's rules (docs/EVENTS.md, C1 to C9).
//!
//! It shares no code with the guard that writes the contract, only the line format, so that a mistake in one shows in
//! the other. One broken thing is reported once: its consequences (a gap in the numbers, a text that lacks its lost
//! delta) are not reported again.
//!
//! Limits: 1,000 violations are reported, the rest is counted; 10,000 streams are followed, past that the longest idle
//! are forgotten; of a stream 256 open blocks, of a turn 65,536 closed blocks and 65,536 tools are told apart (tools by
//! their whole id up to 256 bytes, beyond by a hash). Of texts only length and hash are kept. A note tells when a limit
//! on streams, open blocks or tools is met.

mod blocks;
mod order;
mod report;
mod seen;
pub(crate) mod shape;
mod tools;
mod turns;
mod units;

use std::collections::HashMap;
use std::rc::Rc;

use crate::codec::foreign::Beginning;
use crate::codec::{self, Fields, Lines, Malformed, Piece};
use crate::event::Type;
use crate::exit::Exit;
use crate::outcome::Outcome;
use crate::stage::{Io, Reading, Stage};
use crate::time::Time;

use blocks::Blocks;
use order::{Mode, Order, Sight, Step};
use report::{Report, ReportPlace, Rule, count};
use seen::Seen;
use tools::Tools;
use turns::Turns;

/// Streams that are followed at once.
const MAX_STREAMS: usize = 10_000;

/// Input that `check` accepts, and where it reports.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Accepts numbers that were left out, a late start and an open end, as `chunk`, `--only` and seeking leave them.
    pub partial: bool,
    /// Passes the input byte for byte to stdout and reports on stderr; otherwise the report goes to stdout.
    pub pass: bool,
    /// Prints no summary if no rule was broken.
    pub quiet: bool,
    /// The last turns of the streams decide the exit status too.
    pub exit_from_stream: bool,
    /// Longest line, and whether malformed lines make the status 65.
    pub reading: Reading,
}

/// The stage behind `spile check`.
pub struct Check {
    options: Options,
    lines: Lines,
    rules: Rules,
    /// The last byte of the input ended no line.
    in_line: bool,
    source: String,
    beginning: Beginning,
    /// The present input holds no events, and whether any input held none.
    skipping: bool,
    foreign: bool,
}

impl Check {
    /// A checker at the start of its input.
    pub fn new(options: Options) -> Self {
        let mode = if options.partial { Mode::Partial } else { Mode::Whole };
        Self {
            lines: Lines::new(options.reading.max_line),
            rules: Rules { mode, ..Rules::default() },
            in_line: false,
            source: "<stdin>".to_owned(),
            beginning: Beginning::default(),
            skipping: false,
            foreign: false,
            options,
        }
    }

    /// Refuses the rest of an input whose beginning shows that it holds no events.
    fn refuse(&mut self, what: Option<&str>, io: &mut Io) {
        if let Some(what) = what {
            (self.skipping, self.foreign) = (true, true);
            io.err.extend_from_slice(format!("spile: {} {what}\n", self.source).as_bytes());
        }
    }

    fn write(&mut self, io: &mut Io) {
        self.rules.report.write(if self.options.pass { &mut io.err } else { &mut io.out });
    }
}

impl Stage for Check {
    fn on_bytes(&mut self, _now: Time, bytes: &[u8], io: &mut Io) {
        if self.options.pass {
            io.out.extend_from_slice(bytes);
            self.in_line = bytes.last().is_some_and(|last| *last != b'\n');
        }
        let what = self.beginning.look(bytes);
        self.refuse(what, io);
        if !self.skipping {
            self.lines.feed(bytes, |piece| self.rules.piece(piece));
            self.write(io);
        }
    }

    fn on_source(&mut self, _now: Time, name: &str, io: &mut Io) {
        let what = self.beginning.end();
        self.refuse(what, io);
        if !self.skipping {
            self.lines.restart(|piece| self.rules.piece(piece));
            self.write(io);
        }
        (self.beginning, self.skipping) = (Beginning::default(), false);
        name.clone_into(&mut self.source);
        name.clone_into(&mut self.rules.report.source.borrow_mut());
        if self.options.pass && std::mem::take(&mut self.in_line) {
            io.out.push(b'\n');
        }
    }

    fn on_end(&mut self, _now: Time, io: &mut Io) {
        let what = self.beginning.end();
        self.refuse(what, io);
        if self.foreign && self.rules.events == 0 {
            return;
        }
        if !self.skipping {
            self.lines.end(|piece| self.rules.piece(piece));
        }
        self.rules.end();
        if !self.options.quiet || self.rules.report.violations() > 0 {
            self.rules.summary();
        }
        self.write(io);
    }

    fn exit(&self) -> Exit {
        let Self { options, rules, .. } = self;
        let malformed = self.foreign || options.reading.strict && rules.malformed > 0;
        let status = |applies, exit| if applies { exit } else { Exit::Success };
        status(malformed, Exit::Malformed)
            .or(status(rules.report.violations() > 0, Exit::Failed))
            .or(status(options.exit_from_stream, rules.outcome.exit()))
    }
}

#[derive(Default)]
struct Rules {
    mode: Mode,
    report: Rc<Report>,
    streams: HashMap<String, Stream>,
    outcome: Outcome,
    /// Lines that are events.
    events: u64,
    /// Lines that are none.
    malformed: u64,
    /// Streams that were forgotten, and their turns.
    forgotten: (u64, u64),
    /// Lines that are no events and name no stream: any stream may have lost them, and a new one may begin late.
    lost_anywhere: u64,
}

impl Rules {
    fn piece(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Line { number, bytes, text, ended, .. } => {
                let text = text.map_or_else(|| codec::utf8(bytes), Ok);
                if let Err(why) = text.and_then(|line| self.line(number, line)) {
                    self.malformed(number, &why, bytes);
                }
                if !ended {
                    let place = ReportPlace { line: number, column: bytes.len() + 1 };
                    self.report.note(place, "the last line has no line feed");
                }
            }
            Piece::Long { number, bytes, first: true, .. } => {
                let why = Malformed::new(0, "the line is too long to look at (see --max-line)");
                self.malformed(number, &why, bytes);
            }
            Piece::Long { first: false, .. } => {}
        }
    }

    fn line(&mut self, number: u64, line: &str) -> Result<(), Malformed> {
        let fields = Fields::parse(line)?;
        let report = self.report.clone();
        let seen = Seen::read((number, line), &fields, &report)?;
        shape::check_body(&seen);
        self.events += 1;
        let Some(name) = seen.stream.as_deref() else {
            return Ok(());
        };
        if matches!(seen.kind, Type::TurnStarted) || seen.kind.is_terminal() {
            let code = (seen.kind == Type::TurnFailed).then(|| seen.text_in("error", "code"));
            self.outcome.observe(name, seen.kind, code.flatten().as_deref());
        }
        let (lost, mode) = (self.lost_anywhere, self.mode);
        let stream = match self.streams.get_mut(name) {
            Some(stream) => stream,
            None => self.follow(name, number),
        };
        stream.lost_by(lost);
        stream.on_event(&seen, mode);
        Ok(())
    }

    /// A stream that was not followed so far, with room for it.
    fn follow(&mut self, name: &str, number: u64) -> &mut Stream {
        if self.streams.len() >= MAX_STREAMS {
            self.forget();
            let what = "there are so many streams that the longest idle are forgotten";
            self.report.note(ReportPlace::line(number), what);
        }
        // A stream that was forgotten looks as if it began late.
        let late = self.forgotten.0 > 0;
        let mut stream = Stream::new(if late { Mode::Partial } else { self.mode });
        stream.order.lost = late;
        self.streams.entry(name.to_owned()).or_insert(stream)
    }

    /// Forgets a tenth of the streams: those without an open turn first, then the longest idle.
    fn forget(&mut self) {
        let order = |(name, stream): (&String, &Stream)| {
            (stream.turns.open.is_some(), stream.line, name.clone())
        };
        let mut order: Vec<_> = self.streams.iter().map(order).collect();
        order.sort_unstable();
        order.truncate(MAX_STREAMS / 10);
        for (_, _, name) in order {
            if let Some(stream) = self.streams.remove(&name) {
                self.forgotten.0 += 1;
                self.forgotten.1 += stream.turns.count;
            }
        }
    }

    /// Reports a line that is no event. Its stream misses an event, so that a gap there is no second violation.
    fn malformed(&mut self, number: u64, why: &Malformed, bytes: &[u8]) {
        self.malformed += 1;
        let place = ReportPlace { line: number, column: why.offset + 1 };
        self.report.violation(place, Rule::C1, format_args!("{}", why.reason));
        let Some(name) = stream_of(bytes) else {
            self.lost_anywhere += 1;
            return;
        };
        let stream = match self.streams.get_mut(name) {
            Some(stream) => stream,
            None => self.follow(name, number),
        };
        stream.order.lost = true;
    }

    fn end(&mut self) {
        if self.mode == Mode::Whole {
            let mut streams: Vec<_> = self.streams.iter_mut().collect();
            streams.sort_by(|(a, x), (b, y)| (x.line, a).cmp(&(y.line, b)));
            for (name, stream) in streams {
                stream.lost_by(self.lost_anywhere);
                stream.on_end(name, &self.report);
            }
        }
    }

    fn summary(&self) {
        let turns: u64 = self.streams.values().map(|stream| stream.turns.count).sum();
        let streams = self.streams.len() as u64 + self.forgotten.0;
        self.report.summary(format_args!(
            "{}, {} in {}",
            count(self.events, "event"),
            count(turns + self.forgotten.1, "turn"),
            count(streams, "stream"),
        ));
    }
}

/// One stream under all rules.
#[derive(Debug, Default)]
struct Stream {
    /// The line of its last event.
    line: u64,
    /// Unreadable lines without a stream that are counted as possibly its own.
    lost_anywhere: u64,
    order: Order,
    turns: Turns,
    blocks: Blocks,
    tools: Tools,
}

impl Stream {
    /// A stream whose first event has the number 1, or in [`Mode::Partial`] one that begins anywhere.
    fn new(mode: Mode) -> Self {
        let mut stream = Self::default();
        if mode == Mode::Partial {
            stream.turns.sight = Sight::Blind;
            stream.blocks.jump = true;
        }
        stream
    }

    /// Notes the number of unreadable lines of the input that name no stream: one may have been this stream's.
    fn lost_by(&mut self, lines: u64) {
        self.order.lost |= lines > self.lost_anywhere;
        self.lost_anywhere = lines;
    }

    fn on_event(&mut self, seen: &Seen<'_, '_>, mode: Mode) {
        self.line = seen.number;
        match self.order.take(seen, mode) {
            Step::Next => {}
            Step::Skip => return,
            Step::Gap(sight) => {
                self.turns.gap(sight);
                self.blocks.gap(sight);
                self.tools.gaps += 1;
            }
        }
        if let Some(turn) = self.turns.over(seen) {
            self.blocks.jump = true;
            let known = match seen.kind {
                Type::TextDelta | Type::BlockFinal => self.blocks.holds(seen),
                Type::ToolFinished => self.tools.holds(seen),
                _ => false,
            };
            // A known one was missing before the turn's end, which has been reported.
            if !known {
                self.turns.tell_over(seen, turn);
            }
            return;
        }
        if self.turns.take(seen) {
            self.blocks.new_turn();
            self.tools.new_turn();
        }
        let sight = self.turns.sight;
        match seen.kind {
            Type::TextDelta => self.blocks.delta(seen, sight),
            Type::BlockFinal => self.blocks.finish(seen, sight),
            Type::ToolStarted => {
                self.blocks.before_tool(seen);
                self.tools.start(seen);
            }
            Type::ToolFinished => self.tools.finish(seen, sight),
            Type::TurnCompleted | Type::TurnFailed | Type::TurnCancelled => {
                self.blocks.before_end(seen);
                self.tools.before_end(seen);
                self.turns.end(seen);
            }
            Type::TurnStarted | Type::Status | Type::Other => {}
        }
    }

    fn on_end(&self, name: &str, report: &Report) {
        if let Some(turn) = self.turns.without_end()
            && !self.order.lost
        {
            let what = format_args!("turn {turn} of stream {name} has no end");
            report.violation(ReportPlace::line(self.line), Rule::C5, what);
        }
    }
}

/// Stream named in a line that is no event.
fn stream_of(bytes: &[u8]) -> Option<&str> {
    const KEY: &[u8] = b"\"stream\":\"";
    let start = memchr::memmem::find(bytes, KEY)? + KEY.len();
    let rest = bytes.get(start..)?;
    let name = rest.get(..memchr::memchr(b'"', rest)?)?;
    std::str::from_utf8(name).ok().filter(|name| codec::is_stream_id(name))
}

#[cfg(test)]
mod tests;
