//! A recording's lines: format, selection, and their marks in the queue.

use super::queue::{Mark, Queue, To};
use super::raw;
use super::{Begin, MAX_KEPT, Options};
use crate::codec::{self, Fields, Lines, Malformed, Piece, Place};
use crate::event::{Event, Type};
use crate::exit::Exit;
use crate::replay::gaps::{Gap, Gaps};
use crate::replay::select::{Select, SelectPlace};
use crate::stage::{Io, TOO_LONG, Warnings, diagnostic_line};
use crate::time::Time;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Unknown,
    Events,
    Raw,
}

pub struct Replay {
    lines: Lines,
    begin: Begin,
    format: Format,
    pub select: Select,
    kept: Kept,
    gaps: Gaps,
    pub queue: Queue,
    warnings: Warnings,
    pub options: Options,
    exit: Exit,
    /// True if no later event can be selected.
    pub done: bool,
    skipped: bool,
    ended: bool,
    /// True within an overlong line that is passed on.
    passing: bool,
    /// True if every event leaves at once and unchanged.
    plainly: bool,
}

/// Bytes of a turn that may be selected, and their start.
#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    number: u64,
    offset: u64,
}

impl Replay {
    pub fn new(options: Options) -> Self {
        Self {
            lines: Lines::new(options.reading.max_line),
            begin: Begin::first(""),
            format: Format::Unknown,
            select: Select::new(options.select.clone()),
            kept: Kept::default(),
            gaps: Gaps::default(),
            queue: Queue::default(),
            warnings: Warnings::default(),
            plainly: !options.paced
                && !options.restamp
                && options.select.is_all()
                && !options.watched,
            options,
            exit: Exit::Success,
            done: false,
            skipped: false,
            ended: false,
            passing: false,
        }
    }

    pub fn on_source(&mut self, begin: Begin) {
        self.lines = Lines::starting(self.options.reading.max_line, 1, begin.start.offset);
        self.select.begun |= begin.start.begun;
        self.select.first = self.select.first.or(begin.start.first);
        self.format = match begin.start.offset {
            0 => Format::Unknown,
            _ => Format::Events,
        };
        self.begin = begin;
        self.ended = false;
        self.skipped = false;
        // The first event is due at once.
        self.gaps = Gaps::default();
    }

    pub fn on_bytes(&mut self, bytes: &[u8], io: &mut Io) {
        let mut lines = std::mem::replace(&mut self.lines, Lines::new(0));
        lines.feed(bytes, |piece| self.piece(piece, io));
        self.lines = lines;
    }

    /// Ends a source; `broken` is an error with its exit status.
    pub fn on_source_end(&mut self, broken: Option<(&str, Exit)>, io: &mut Io) {
        let mut lines = std::mem::replace(&mut self.lines, Lines::new(0));
        lines.end(|piece| self.piece(piece, io));
        self.passing = false;
        // Turns do not span recordings.
        self.kept = Kept::default();
        self.select.forget_turn();
        if let Some((why, exit)) = broken {
            self.trouble(why, exit, io);
        } else if self.format == Format::Raw && !self.ended && !self.done {
            let why = "the recording does not say how the agent ended: it was cut short";
            self.trouble(why, Exit::Failed, io);
        }
    }

    /// Ends the last source and reports selections without a match.
    pub fn on_end(&mut self, io: &mut Io) {
        for what in self.select.missing() {
            io.warn(what);
        }
    }

    pub fn end(&mut self, exit: Exit) {
        self.exit = self.exit.or(exit);
    }

    pub fn exit(&self) -> Exit {
        if self.options.reading.strict && self.warnings.count() > 0 {
            self.exit.or(Exit::Malformed)
        } else {
            self.exit
        }
    }

    fn piece(&mut self, piece: Piece<'_>, io: &mut Io) {
        if self.done || self.skipped {
            return;
        }
        match piece {
            Piece::Line { number, offset, bytes, text, .. } => {
                let place = Place { line: number, offset, bytes };
                match self.format {
                    Format::Raw => self.entry(&place, io),
                    Format::Events => self.line(&place, text, io),
                    Format::Unknown => self.first_line(&place, text, io),
                }
            }
            Piece::Long { number, offset, bytes, first } => {
                self.long(first.then_some(number), offset, bytes, io);
            }
        }
    }

    fn first_line(&mut self, place: &Place<'_>, text: Option<&str>, io: &mut Io) {
        let line = text.or_else(|| std::str::from_utf8(place.bytes).ok());
        if !line.is_some_and(raw::is_header) {
            self.format = Format::Events;
            if let Some(what) = line.and_then(codec::foreign::first_line) {
                self.trouble(what, Exit::Malformed, io);
                self.skipped = true;
                return;
            }
            return self.line(place, text, io);
        }
        self.format = Format::Raw;
        if !self.options.select.is_all() {
            let why = "this is a raw recording: to select events, play it into wrap and those into another replay: spile wrap -- spile replay FILE | spile replay - ...";
            self.trouble(why, Exit::Usage, io);
            self.done = true;
        }
        // The first output keeps its delay after the start.
        let gap = self.gap("", Some(Time::default()));
        self.queue.push(Mark { gap, offset: place.offset, ..Mark::default() }, &[]);
    }

    fn entry(&mut self, place: &Place<'_>, io: &mut Io) {
        match raw::entry(place.bytes) {
            Ok(entry) => {
                self.ended |= matches!(entry.to, To::End(_));
                let mark = Mark {
                    gap: self.gap("", Some(entry.time)),
                    to: entry.to,
                    offset: end_of(place),
                    ..Mark::default()
                };
                self.queue.push(mark, &[&entry.bytes]);
            }
            Err(why) => self.warn(place.line, why.offset, &why.reason, io),
        }
    }

    fn line(&mut self, place: &Place<'_>, text: Option<&str>, io: &mut Io) {
        match text.map_or_else(|| codec::decode(place.bytes), codec::decode_text) {
            Ok(_) if self.plainly => self.queue.join(end_of(place), place.bytes),
            Ok(event) => self.event(place, &event, io),
            Err(why) if self.select.begun => self.diagnostic(place, &why, io),
            Err(_) => self.keep(place.bytes, io),
        }
    }

    fn event(&mut self, place: &Place<'_>, event: &Event<'_>, io: &mut Io) {
        match self.select.place(event) {
            SelectPlace::Within => {}
            SelectPlace::Before => {
                self.kept = Kept::default();
                return;
            }
            SelectPlace::Behind => {
                self.done = true;
                return;
            }
            SelectPlace::Perhaps { anew } => {
                if anew {
                    self.kept =
                        Kept { bytes: Vec::new(), number: place.line, offset: place.offset };
                }
                return self.keep(place.bytes, io);
            }
            SelectPlace::Begins { kept } => {
                let before = std::mem::take(&mut self.kept);
                self.release(io, if kept { before } else { Kept::default() });
            }
        }
        self.show(place, event);
    }

    /// Queues an event of the range, if it is selected.
    fn show(&mut self, place: &Place<'_>, event: &Event<'_>) {
        if !self.select.keeps(event) {
            return;
        }
        let time = (self.options.paced || self.options.watched).then(|| event.time()).flatten();
        let mark = Mark {
            gap: self.gap(event.stream.as_deref().unwrap_or_default(), time),
            time,
            delta: event.kind == Type::TextDelta,
            stamp: self.options.restamp.then(|| stamp(event)).flatten(),
            offset: end_of(place),
            ..Mark::default()
        };
        self.queue.push(mark, &[event.line.as_bytes(), b"\n"]);
    }

    fn gap(&mut self, stream: &str, time: Option<Time>) -> Gap {
        if self.options.paced { self.gaps.before(stream, time) } else { Gap::Joined }
    }

    fn diagnostic(&mut self, place: &Place<'_>, why: &Malformed, io: &mut Io) {
        self.warn(place.line, why.offset, &why.reason, io);
        let line = diagnostic_line(
            &Place { line: place.line + (self.begin.lines_before)(), ..*place },
            why,
        );
        if let Ok(event) = codec::decode(&line) {
            self.show(place, &event);
        }
    }

    fn long(&mut self, start: Option<u64>, offset: u64, bytes: &[u8], io: &mut Io) {
        if self.format == Format::Unknown {
            self.format = Format::Events;
        }
        if !self.select.begun {
            return self.keep_raw(bytes, io);
        }
        if let Some(number) = start {
            self.warn(number, 0, TOO_LONG, io);
        }
        if self.format == Format::Raw || !(start.is_some() || self.passing) {
            return;
        }
        self.passing = bytes.last() != Some(&b'\n');
        let gap = if start.is_some() { self.gap("", None) } else { Gap::Joined };
        let mark = Mark { gap, offset: offset + bytes.len() as u64, ..Mark::default() };
        self.queue.push(mark, &[bytes]);
    }

    fn keep(&mut self, line: &[u8], io: &mut Io) {
        self.keep_raw(line, io);
        self.keep_raw(b"\n", io);
    }

    fn keep_raw(&mut self, bytes: &[u8], io: &mut Io) {
        if !self.select.undecided() {
            return;
        }
        if self.kept.bytes.len() + bytes.len() > MAX_KEPT {
            self.kept = Kept::default();
            self.select.forget_turn();
            let name = &self.begin.name;
            io.warn(format_args!(
                "{name}: a turn is too long to be kept in memory: if it is the one, replay begins with the number itself"
            ));
            return;
        }
        self.kept.bytes.extend_from_slice(bytes);
    }

    fn release(&mut self, io: &mut Io, kept: Kept) {
        if kept.bytes.is_empty() {
            return;
        }
        let mut lines = Lines::starting(self.options.reading.max_line, kept.number, kept.offset);
        lines.feed(&kept.bytes, |piece| self.piece(piece, io));
        lines.end(|piece| self.piece(piece, io));
    }

    fn warn(&mut self, line: u64, column: usize, reason: &str, io: &mut Io) {
        let line = line + (self.begin.lines_before)();
        let name = &self.begin.name;
        self.warnings.warn_of(name, io, line, column, reason);
    }

    fn trouble(&mut self, why: &str, exit: Exit, io: &mut Io) {
        io.warn(format_args!("{}: {why}", self.begin.name));
        self.end(exit);
    }
}

fn end_of(place: &Place<'_>) -> u64 {
    place.offset + place.bytes.len() as u64 + 1
}

/// Range of the `ts` in its line, without quotes.
fn stamp(event: &Event<'_>) -> Option<(usize, usize)> {
    event.ts.as_ref()?;
    let within = |part: &str| {
        let at = part.as_ptr().addr().checked_sub(event.line.as_ptr().addr())?;
        (at + part.len() <= event.line.len()).then_some((at, part.len()))
    };
    if let Some(std::borrow::Cow::Borrowed(ts)) = event.ts {
        return within(ts);
    }
    let fields = Fields::parse(event.line).ok()?;
    let value = fields.get("ts")?;
    within(value.strip_prefix('"')?.strip_suffix('"')?)
}
