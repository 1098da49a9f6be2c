//! The stage of `spile view`: lines of events in, a page for people out, never with a control character of an agent.
//!
//! `tty` and `plain` have the same words and lines; colour and width are the caller's choice. `text` is the main agent's
//! answer alone; a turn that did not complete is then reported on stderr.

pub(crate) mod call;
mod human;
mod layout;
mod log;
mod page;
mod plain_text;
pub(crate) mod status;
mod streams;
mod strip;
#[cfg(test)]
mod tests;
pub(crate) mod tool;
pub(crate) mod turn_result;
pub(crate) mod words;

use crate::codec::{Fields, Malformed, Place};
use crate::event::{Delta, Event, Type};
use crate::exit::Exit;
use crate::named::Named;
use crate::outcome::Outcome;
use crate::stage::{Io, LineStage, OnLine, Reading};
use crate::term::ci::System;
use crate::time::Time;

use human::Human;
use page::Page;
use plain_text::PlainText;
pub use streams::MAX_STREAMS;
pub(crate) use words::{folder, one_line, within};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    #[default]
    Tty,
    Plain,
    Text,
    Github,
    Gitlab,
    /// Format of [`Format::resolved`].
    Auto,
}

impl Named for Format {
    const ALL: &'static [(&'static str, &'static str, Self)] = &[
        ("auto", "The format of the CI system, else tty in a terminal, else plain", Self::Auto),
        ("tty", "A terminal: colours, titles cut to its width", Self::Tty),
        ("plain", "A log: the same words, one thing a line", Self::Plain),
        ("text", "A program, or a file: the main agent's answer and nothing else", Self::Text),
        (
            "github",
            "GitHub Actions: a group for each tool with output, annotations of failures, a summary of the job",
            Self::Github,
        ),
        ("gitlab", "GitLab CI: a section for each tool with output", Self::Gitlab),
    ];
}

impl Format {
    /// The format, where [`Format::Auto`] is that of the CI system, or `elsewhere` where there is none.
    pub fn resolved(self, system: Option<System>, elsewhere: Self) -> Self {
        match (self, system) {
            (Self::Auto, Some(System::Github)) => Self::Github,
            (Self::Auto, Some(System::Gitlab)) => Self::Gitlab,
            // Some systems run their jobs in a terminal.
            (Self::Auto, Some(System::Other)) => Self::Plain,
            (Self::Auto, None) => elsewhere,
            (format, _) => format,
        }
    }

    /// The CI system whose commands it has.
    fn system(self) -> Option<System> {
        match self {
            Self::Github => Some(System::Github),
            Self::Gitlab => Some(System::Gitlab),
            _ => None,
        }
    }
}

/// Amount of a tool call that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tools {
    #[default]
    Line,
    Input,
    Output,
    Full,
}

impl Named for Tools {
    const ALL: &'static [(&'static str, &'static str, Self)] = &[
        ("line", "A line, and the first lines of a failure", Self::Line),
        ("input", "Also the input: edits as differences, plans as lists", Self::Input),
        ("output", "Also the output, at most 1,000 lines", Self::Output),
        ("full", "Also the input, and the output up to 256 KiB", Self::Full),
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

/// Kind of lines, for `--only`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Tools,
    Turns,
    Status,
}

impl Named for Kind {
    const ALL: &'static [(&'static str, &'static str, Self)] = &[
        ("text", "The agent's text", Self::Text),
        ("tools", "Calls of tools", Self::Tools),
        ("turns", "Starts and results of turns", Self::Turns),
        ("status", "Everything else", Self::Status),
    ];
}

impl Kind {
    fn of(event: Type) -> Self {
        match event {
            Type::TextDelta | Type::BlockFinal => Self::Text,
            Type::ToolStarted | Type::ToolFinished => Self::Tools,
            Type::TurnStarted | Type::TurnCompleted | Type::TurnFailed | Type::TurnCancelled => {
                Self::Turns
            }
            Type::Status | Type::Other => Self::Status,
        }
    }
}

#[derive(Debug, Clone, Default)]
pub struct Options {
    pub format: Format,
    /// The choice of [`crate::term::style::Colours::choose`]; [`Format::Text`] has no colours.
    pub colour: bool,
    /// Columns of a line, to which titles of tools are cut; `None` cuts them at 200.
    pub width: Option<u16>,
    /// Breaks text at that width in every format, not only in [`Format::Tty`].
    pub wraps: bool,
    /// Puts the time of the event (UTC) before each line.
    pub timestamps: bool,
    /// Kinds of lines that are shown; all if there are none.
    pub only: Vec<Kind>,
    /// Shows the agent's thinking.
    pub reasoning: bool,
    pub tools: Tools,
    /// Puts a mark before each line of an agent's text, as in the log of any CI system.
    pub gutter: bool,
    /// Number of the process, which keeps the sections of two views in one job apart.
    pub process: u32,
    pub text: TextBytes,
    pub reading: Reading,
    /// The exit status is that of the last turns.
    pub exit_from_stream: bool,
}

/// Events in, a page for people out.
pub type View = LineStage<Viewer>;

pub struct Viewer {
    page: Page,
    face: Box<dyn Face + Send>,
    only: Vec<Kind>,
    timestamps: bool,
    outcome: Option<Outcome>,
}

/// One kind of page: lines for people, or the answer alone.
trait Face {
    fn delta(&mut self, page: &mut Page, event: &Event<'_>, delta: &Delta<'_>);

    /// Any event but a `text_delta`.
    fn event(&mut self, page: &mut Page, event: &Event<'_>, body: &Fields<'_>, io: &mut Io);

    /// A line that is no event.
    fn malformed(&mut self, _page: &mut Page, _bytes: &[u8], _out: &mut Vec<u8>) {}

    /// A piece of a line over the limit.
    fn long(&mut self, _page: &mut Page, _bytes: &[u8], _out: &mut Vec<u8>) {}

    fn end(&mut self, page: &mut Page, io: &mut Io);
}

impl View {
    pub fn new(options: &Options) -> Self {
        let (layout, face): (_, Box<dyn Face + Send>) = match options.format {
            Format::Text => (plain_text::layout(options), Box::<PlainText>::default()),
            _ => (human::layout(options), Box::new(Human::new(options))),
        };
        let outcome = options.exit_from_stream.then(Outcome::default);
        let (only, timestamps) = (options.only.clone(), options.timestamps);
        let viewer = Viewer { page: Page::new(layout), face, only, timestamps, outcome };
        Self::of(viewer, &options.reading)
    }
}

impl Viewer {
    fn event(&mut self, event: &Event<'_>, io: &mut Io) -> Result<(), Malformed> {
        if event.kind == Type::TextDelta {
            let Some(delta) = &event.delta else {
                return Err(Malformed::new(0, "a text_delta without block, kind and text"));
            };
            self.face.delta(&mut self.page, event, delta);
            return Ok(());
        }
        if let Some(outcome) = &mut self.outcome {
            outcome.on_event(event);
        }
        self.face.event(&mut self.page, event, &Fields::parse(event.line)?, io);
        Ok(())
    }
}

impl OnLine for Viewer {
    const TOO_LONG: &'static str = "line too long to look at (see --max-line)";

    fn on_event(&mut self, now: Time, event: &Event<'_>, io: &mut Io) -> Result<(), Malformed> {
        self.page.now = now;
        if self.timestamps {
            self.page.stamp = event.time().or(self.page.stamp);
        }
        self.page.mute = !self.only.is_empty() && !self.only.contains(&Kind::of(event.kind));
        let done = self.event(event, io);
        self.page.mute = false;
        self.page.hand_on(&mut io.out);
        done
    }

    fn on_malformed(&mut self, now: Time, place: &Place<'_>, _why: &Malformed, io: &mut Io) {
        self.page.now = now;
        self.face.malformed(&mut self.page, place.bytes, &mut io.out);
        self.page.hand_on(&mut io.out);
    }

    fn begin_long(&mut self, now: Time, _io: &mut Io) {
        self.page.now = now;
    }

    fn on_long(&mut self, _now: Time, bytes: &[u8], io: &mut Io) {
        self.face.long(&mut self.page, bytes, &mut io.out);
        self.page.hand_on(&mut io.out);
    }

    fn deadline(&self) -> Option<Time> {
        self.page.deadline()
    }

    fn on_tick(&mut self, now: Time, io: &mut Io) {
        self.page.now = now;
        self.page.tick();
        self.page.hand_on(&mut io.out);
    }

    fn on_end(&mut self, _now: Time, io: &mut Io) {
        self.face.end(&mut self.page, io);
        self.page.hand_on(&mut io.out);
    }

    fn exit(&self) -> Exit {
        self.outcome.as_ref().map_or(Exit::Success, Outcome::exit)
    }
}
