//! The stage of `spile view`: lines of events in, a page for people out, never with a control character of an agent.
//!
//! `tty` and `plain` have the same words and lines; colour and width are the caller's choice. `text` is the main agent's
//! answer alone; a turn that did not complete is then reported on stderr.

mod human;
mod layout;
mod page;
mod plain_text;
mod status;
mod streams;
mod strip;
#[cfg(test)]
mod tests;
mod tool;
mod turn_result;
mod words;

use crate::codec::{self, Fields, Lines, Malformed, Piece};
use crate::event::{Event, Type};
use crate::exit::Exit;
use crate::named::Named;
use crate::outcome::Outcome;
use crate::stage::{Io, Reading, Stage, Warnings};
use crate::time::Time;

use human::Human;
use page::Page;
use plain_text::PlainText;
pub use streams::MAX_STREAMS;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    #[default]
    Tty,
    Plain,
    Text,
}

impl Named for Format {
    const ALL: &'static [(&'static str, &'static str, Self)] = &[
        ("tty", "A terminal: colours, titles cut to its width", Self::Tty),
        ("plain", "A log: the same words, one thing a line", Self::Plain),
        ("text", "A program, or a file: the main agent's answer and nothing else", Self::Text),
    ];
}

/// Bytes of an agent that [`Format::Text`] lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TextBytes {
    /// All, for a file; not for a terminal or the log of a CI system.
    #[default]
    Exact,
    /// All, with a backslash before commands of CI systems ([`crate::term::marks`]).
    Harmless,
    /// Also with control characters made visible, as in the other formats.
    Sanitised,
}

#[derive(Debug, Clone, Default)]
pub struct Options {
    pub format: Format,
    /// The choice of [`crate::term::style::Colours::choose`]; [`Format::Text`] has no colours.
    pub colour: bool,
    /// Columns of a line, to which titles of tools are cut; `None` cuts them at 200.
    pub width: Option<u16>,
    /// Shows the agent's thinking.
    pub reasoning: bool,
    pub text: TextBytes,
    pub reading: Reading,
    /// The exit status is that of the last turns.
    pub exit_from_stream: bool,
}

/// Events in, a page for people out.
pub struct View {
    lines: Lines,
    each: Each,
}

struct Each {
    face: Box<dyn Face>,
    outcome: Option<Outcome>,
    strict: bool,
    warnings: Warnings,
}

/// One kind of page: lines for people, or the answer alone.
trait Face {
    fn page(&self) -> &Page;

    fn page_mut(&mut self) -> &mut Page;

    fn delta(&mut self, event: &Event<'_>);

    /// Any event but a `text_delta`.
    fn event(&mut self, event: &Event<'_>, body: &Fields<'_>, io: &mut Io);

    /// A line that is no event.
    fn malformed(&mut self, _bytes: &[u8], _out: &mut Vec<u8>) {}

    /// A piece of a line over the limit.
    fn long(&mut self, _bytes: &[u8], _out: &mut Vec<u8>) {}

    fn end(&mut self, io: &mut Io);
}

impl View {
    pub fn new(options: &Options) -> Self {
        let face: Box<dyn Face> = match options.format {
            Format::Tty | Format::Plain => Box::new(Human::new(options)),
            Format::Text => Box::new(PlainText::new(options)),
        };
        Self {
            lines: Lines::new(options.reading.max_line),
            each: Each {
                face,
                outcome: options.exit_from_stream.then(Outcome::default),
                strict: options.reading.strict,
                warnings: Warnings::default(),
            },
        }
    }
}

impl Each {
    fn piece(&mut self, piece: Piece<'_>, io: &mut Io) {
        match piece {
            Piece::Line { number, bytes, text, .. } => {
                let event = text.map_or_else(|| codec::decode(bytes), codec::decode_text);
                if let Err(why) = event.and_then(|event| self.event(&event, io)) {
                    self.warnings.warn(io, number, why.offset, &why.reason);
                    self.face.malformed(bytes, &mut io.out);
                }
            }
            Piece::Long { number, bytes, first, .. } => {
                if first {
                    let reason = "line too long to look at (see --max-line)";
                    self.warnings.warn(io, number, 0, reason);
                }
                self.face.long(bytes, &mut io.out);
            }
        }
        self.hand_on(io);
    }

    fn event(&mut self, event: &Event<'_>, io: &mut Io) -> Result<(), Malformed> {
        if event.kind == Type::TextDelta {
            if event.delta.is_none() {
                return Err(Malformed::new(0, "a text_delta without block, kind and text"));
            }
            self.face.delta(event);
            return Ok(());
        }
        if let Some(outcome) = &mut self.outcome {
            outcome.on_event(event);
        }
        self.face.event(event, &Fields::parse(event.line)?, io);
        Ok(())
    }

    /// Moves finished text of the page to the output.
    fn hand_on(&mut self, io: &mut Io) {
        self.face.page_mut().hand_on(&mut io.out);
    }
}

impl Stage for View {
    fn on_bytes(&mut self, now: Time, bytes: &[u8], io: &mut Io) {
        self.each.face.page_mut().now = now;
        self.lines.feed(bytes, |piece| self.each.piece(piece, io));
    }

    fn on_source(&mut self, now: Time, name: &str, io: &mut Io) {
        self.each.face.page_mut().now = now;
        self.lines.restart(|piece| self.each.piece(piece, io));
        self.each.warnings.set_source(name);
    }

    fn deadline(&self) -> Option<Time> {
        self.each.face.page().deadline()
    }

    fn on_tick(&mut self, now: Time, io: &mut Io) {
        let page = self.each.face.page_mut();
        page.now = now;
        page.tick();
        self.each.hand_on(io);
    }

    fn on_end(&mut self, _now: Time, io: &mut Io) {
        self.lines.end(|piece| self.each.piece(piece, io));
        self.each.face.end(io);
        self.each.hand_on(io);
    }

    fn exit(&self) -> Exit {
        let malformed = self.each.strict && self.each.warnings.count() > 0;
        let outcome = self.each.outcome.as_ref().map_or(Exit::Success, Outcome::exit);
        outcome.or(if malformed { Exit::Malformed } else { Exit::Success })
    }
}
