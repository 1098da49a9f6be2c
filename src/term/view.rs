//! The stage of `spile view`: lines of events in, what people read out. It must never write a control character of an agent.
//!
//! `tty` and `plain` say the same words, one thing a line, and lines only grow; `tty` differs in how the caller chooses
//! colour and width. The `session` and `exit` of a process are one dim line each in both: a log wants to know them too.
//! `text` is the main agent's answer alone; a turn that did not complete is then told to stderr.

mod check_result;
mod human;
mod page;
mod plain_text;
mod status;
mod streams;
mod strip;
#[cfg(test)]
mod tests;
mod tool;
mod words;

use crate::codec::{self, Fields, Lines, Malformed, Piece};
use crate::event::{Event, Type};
use crate::exit::Exit;
use crate::outcome::Outcome;
use crate::stage::{Io, Reading, Stage, Warnings};
use crate::time::Time;

use human::Human;
use page::Page;
use plain_text::PlainText;
pub use streams::MAX_STREAMS;

/// What the output is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// A terminal: colours, titles cut to its width.
    #[default]
    Tty,
    /// A log: the same words, one thing a line.
    Plain,
    /// A program, or a file: the main agent's answer and nothing else.
    Text,
}

/// How much of the agent's bytes [`Format::Text`] lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TextBytes {
    /// All: the text is what the agent said. For a file, not for a terminal or a CI system's log.
    #[default]
    Exact,
    /// All but commands of CI systems ([`crate::term::marks`]), which get a backslash.
    Harmless,
    /// Nor control characters, which it shows, as the other formats do.
    Sanitised,
}

/// How a [`View`] shows what it reads.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What the output is for.
    pub format: Format,
    /// Whether to colour; [`crate::term::style::colour_choice`] decides it. [`Format::Text`] never does.
    pub colour: bool,
    /// The columns of a line, to which titles of tools are cut; `None` cuts them at 200.
    pub width: Option<u16>,
    /// Whether to show what the agent thinks.
    pub reasoning: bool,
    /// What [`Format::Text`] lets through.
    pub text: TextBytes,
    /// How to read the events.
    pub reading: Reading,
    /// True if the exit status is that of the last turns.
    pub exit_from_stream: bool,
}

/// Events in, a page for people out.
pub struct View {
    lines: Lines,
    each: Each,
}

struct Each {
    face: Face,
    outcome: Option<Outcome>,
    strict: bool,
    warnings: Warnings,
}

enum Face {
    Human(Box<Human>),
    Text(Box<PlainText>),
}

impl View {
    /// A view before its first line.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        let face = match options.format {
            Format::Tty | Format::Plain => Face::Human(Box::new(Human::new(options))),
            Format::Text => Face::Text(Box::new(PlainText::new(options))),
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
                    if let Face::Human(human) = &mut self.face {
                        human.malformed(bytes, &mut io.out);
                    }
                }
            }
            Piece::Long { number, bytes, first, .. } => {
                if first {
                    let reason = "line too long to look at (see --max-line)";
                    self.warnings.warn(io, number, 0, reason);
                }
                if let Face::Human(human) = &mut self.face {
                    human.long(bytes, &mut io.out);
                }
            }
        }
        self.hand_on(io);
    }

    fn event(&mut self, event: &Event<'_>, io: &mut Io) -> Result<(), Malformed> {
        if event.kind == Type::TextDelta {
            return self.delta(event);
        }
        if let Some(outcome) = &mut self.outcome {
            outcome.on_event(event);
        }
        let body = Fields::parse(event.line)?;
        match &mut self.face {
            Face::Human(human) => human.event(event, &body),
            Face::Text(text) => text.event(event, &body, io),
        }
        Ok(())
    }

    fn delta(&mut self, event: &Event<'_>) -> Result<(), Malformed> {
        if event.delta.is_none() {
            return Err(Malformed {
                offset: 0,
                reason: "a text_delta without block, kind and text".into(),
            });
        }
        match &mut self.face {
            Face::Human(human) => human.delta(event),
            Face::Text(text) => text.delta(event),
        }
        Ok(())
    }

    /// Moves what the page has ready to the output.
    fn hand_on(&mut self, io: &mut Io) {
        self.page().hand_on(&mut io.out);
    }

    fn page(&mut self) -> &mut Page {
        match &mut self.face {
            Face::Human(human) => &mut human.page,
            Face::Text(text) => &mut text.page,
        }
    }
}

impl Stage for View {
    fn on_bytes(&mut self, now: Time, bytes: &[u8], io: &mut Io) {
        self.each.page().now = now;
        self.lines.feed(bytes, |piece| self.each.piece(piece, io));
    }

    fn on_source(&mut self, now: Time, name: &str, io: &mut Io) {
        self.each.page().now = now;
        self.lines.restart(|piece| self.each.piece(piece, io));
        self.each.warnings.set_source(name);
    }

    fn deadline(&self) -> Option<Time> {
        match &self.each.face {
            Face::Human(human) => human.page.deadline(),
            Face::Text(text) => text.page.deadline(),
        }
    }

    fn on_tick(&mut self, now: Time, io: &mut Io) {
        let page = self.each.page();
        page.now = now;
        page.tick();
        self.each.hand_on(io);
    }

    fn on_end(&mut self, _now: Time, io: &mut Io) {
        self.lines.end(|piece| self.each.piece(piece, io));
        match &mut self.each.face {
            Face::Human(human) => human.end(),
            Face::Text(text) => text.end(io),
        }
        self.each.hand_on(io);
    }

    fn exit(&self) -> Exit {
        let malformed = self.each.strict && self.each.warnings.count() > 0;
        let outcome = self.each.outcome.as_ref().map_or(Exit::Success, Outcome::exit);
        outcome.or(if malformed { Exit::Malformed } else { Exit::Success })
    }
}
