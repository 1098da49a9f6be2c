//! The tap on stdin, where neither the command nor its exit status is known: an empty input has failed, plain text is
//! reported as such, and spile's own formats are never taken for an agent's answer.

use serde_json::Value;

use super::{Config, Tap};
use crate::check::{self, Check};
use crate::codec::{Fields, Lines, Malformed, Piece, Place};
use crate::event::VERSION;
use crate::exit::Exit;
use crate::filter::Chain;
use crate::filter::cancel::Truncate;
use crate::guard::Ended;
use crate::replay::To;
use crate::replay::raw::{self, Entry};
use crate::stage::{Clock, FilterStage, Io, Piped, Reading, Stage};
use crate::time::Time;

/// Message of a turn that failed because the input was empty.
const EMPTY: &str = "nothing came on stdin: the agent printed nothing, or did not start";

/// Note on plain text of an unknown agent.
const TEXT: &str = "no known runtime in the input: it was read as plain text, which does not say whether the agent \
                    succeeded; start it with `spile wrap -- CMD`, or accept it with --from text";

/// Note on events as input.
const EVENTS: &str =
    "the input is canonical events already: they pass as they are, and are checked";

/// A format that spile itself writes and an agent does not print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// Canonical events.
    Events,
    /// A raw recording (`spile wrap --record`).
    Raw,
}

impl Own {
    pub(super) fn detect(text: &str, value: &Value) -> Option<Self> {
        if value.get("spile").is_some() && raw::is_header(text) {
            return Some(Self::Raw);
        }
        let has = |key: &str| value.get(key).is_some_and(Value::is_string);
        let is_event = value.get("v") == Some(&Value::from(VERSION))
            && ["type", "stream", "ts"].into_iter().all(has)
            && value.get("seq").is_none_or(Value::is_u64);
        is_event.then_some(Self::Events)
    }

    /// A name for the user, and what to do with it instead of wrapping a command that prints it.
    pub(super) fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Events => ("canonical events", "start it without spile wrap"),
            Self::Raw => ("a raw recording", "play it with spile wrap -- spile replay FILE"),
        }
    }
}

/// Stdin: an agent's output, or a format of spile's own.
pub struct Fed {
    /// `None` for an agent's output.
    format: Option<Own>,
    /// The agent; `None` for events, and before the header of a recording.
    agent: Option<Tap>,
    events: Events,
    /// Lines of a raw recording.
    recording: Lines,
    /// True once the recorded agent has ended.
    ended: bool,
    config: Config,
    stop_reasons: Vec<String>,
    keeps_escapes: bool,
    /// A flag of the command line that means nothing for events.
    flag: Option<&'static str>,
    /// True if anything has come.
    any: bool,
    refused: bool,
}

impl Fed {
    /// The stage for stdin, which begins with `tap`, made with `config` and `stop_reasons`. `flag` is refused if events come.
    pub fn new(
        mut tap: Tap,
        config: Config,
        stop_reasons: Vec<String>,
        flag: Option<&'static str>,
    ) -> Self {
        tap.guard().fail_on_stop(stop_reasons.clone());
        Self {
            format: None,
            events: events(&config),
            recording: Lines::new(config.max_line),
            ended: false,
            config,
            stop_reasons,
            keeps_escapes: tap.plain.is_none(),
            agent: Some(tap),
            flag,
            any: false,
            refused: false,
        }
    }

    /// Switches to a format of spile's own.
    fn go_on_with(&mut self, own: Own, now: Time, held: &[u8], io: &mut Io) {
        if own == Own::Events {
            if let Some(flag) = self.flag {
                self.refused = true;
                let why = "has no meaning for canonical events, which have it already";
                let what = "leave wrap out (`spile merge LABEL=-` gives a label)";
                return io.warn(format_args!("{flag} {why}: {what}"));
            }
            io.warn(EVENTS);
        }
        (self.format, self.agent) = (Some(own), None);
        self.feed(now, held, io);
    }

    fn feed(&mut self, now: Time, bytes: &[u8], io: &mut Io) {
        match (self.format, &mut self.agent) {
            (None, Some(tap)) => {
                tap.on_bytes(now, bytes, io);
                if let Some((own, held)) = tap.take_own() {
                    self.go_on_with(own, now, &held, io);
                }
            }
            (Some(Own::Events), _) => self.events.on_bytes(now, bytes, io),
            _ => {
                let mut lines = std::mem::replace(&mut self.recording, Lines::new(0));
                lines.feed(bytes, |piece| self.piece(now, &piece));
                self.recording = lines;
                self.give(io);
            }
        }
    }

    /// Moves the events of a recorded agent to the output.
    fn give(&mut self, io: &mut Io) {
        if let Some(agent) = &mut self.agent {
            agent.give(io);
            if let Some(hint) = agent.take_hint() {
                io.warn(format_args!("hint: {hint}"));
            }
        }
    }

    /// Reads a line of a recording.
    fn piece(&mut self, now: Time, piece: &Piece<'_>) {
        let (number, offset, bytes) = match *piece {
            Piece::Line { number, offset, bytes, .. } => (number, offset, bytes),
            Piece::Long { number, offset, bytes, .. } => (number, offset, bytes),
        };
        let Some(agent) = &mut self.agent else {
            // Lines before the header, such as a banner, are no output of the agent.
            let line = std::str::from_utf8(bytes).unwrap_or_default();
            if raw::is_header(line) {
                self.agent = Some(self.recorded(line));
            }
            return;
        };
        let read = match piece {
            _ if self.ended => Err(Malformed::new(0, "the recorded agent has ended")),
            Piece::Line { .. } => raw::entry(bytes),
            Piece::Long { .. } => Err(Malformed::new(0, "the line is too long (see --max-line)")),
        };
        match read {
            Ok(Entry { to: To::Stdout, bytes, .. }) => agent.on_stdout(now, &bytes),
            Ok(Entry { to: To::Stderr, bytes, .. }) => agent.on_stderr(now, &bytes),
            Ok(Entry { to: To::End(exit), .. }) => {
                self.ended = true;
                let ended = match exit {
                    Exit::Signal(signal) => Ended::Signalled(signal),
                    exit => Ended::Exited(exit.code().into()),
                };
                agent.on_end(now, ended);
            }
            Err(why) => {
                agent.guard().at(now).diagnostic(&Place { line: number, offset, bytes }, &why);
            }
        }
    }

    /// The tap of the agent whose recording has this header.
    fn recorded(&self, header: &str) -> Tap {
        let argv = Fields::parse(header).map(|fields| fields.texts("argv")).unwrap_or_default();
        let argv = argv.into_iter().map(std::borrow::Cow::into_owned).collect();
        let mut agent = Tap::new(Config { argv, ..self.config.clone() }, None);
        agent.guard().fail_on_stop(self.stop_reasons.clone());
        if self.keeps_escapes {
            agent.keep_escapes();
        }
        agent
    }
}

impl Stage for Fed {
    fn on_bytes(&mut self, now: Time, bytes: &[u8], io: &mut Io) {
        self.any |= !bytes.is_empty();
        self.feed(now, bytes, io);
    }

    fn deadline(&self) -> Option<Time> {
        self.agent.as_ref().and_then(Tap::deadline)
    }

    fn on_tick(&mut self, now: Time, io: &mut Io) {
        if let Some(agent) = &mut self.agent {
            Stage::on_tick(agent, now, io);
        }
    }

    fn is_over(&self) -> bool {
        self.refused
    }

    fn on_end(&mut self, now: Time, io: &mut Io) {
        if self.refused {
            return;
        }
        // A first line without a line feed is recognised only now.
        if self.format.is_none()
            && let Some((own, held)) = self.agent.as_mut().and_then(Tap::end_of_held)
        {
            self.go_on_with(own, now, &held, io);
        }
        match (self.format, &mut self.agent) {
            (None, Some(tap)) => {
                if !self.any {
                    tap.guard().request_fail("missing_result", EMPTY);
                    io.warn(EMPTY);
                }
                Stage::on_end(tap, now, io);
                if self.any && tap.is_guess() {
                    io.warn(TEXT);
                }
            }
            (Some(Own::Events), _) => self.events.on_end(now, io),
            _ => {
                let mut lines = std::mem::replace(&mut self.recording, Lines::new(0));
                lines.end(|piece| self.piece(now, &piece));
                if let Some(agent) = self.agent.as_mut().filter(|_| !self.ended) {
                    agent.on_end(now, Ended::Eof);
                }
                self.give(io);
            }
        }
    }

    fn on_signal(&mut self, now: Time, signal: i32, io: &mut Io) {
        if let Some(agent) = &mut self.agent {
            agent.on_signal(now, signal, io);
        }
    }

    fn exit(&self) -> Exit {
        match self.format {
            _ if self.refused => Exit::Usage,
            Some(Own::Events) => self.events.filter().exit().or(self.events.stage().exit()),
            _ => self.agent.as_ref().map_or(Exit::Failed, Tap::exit),
        }
    }
}

/// Canonical events: they pass as they came, a turn that is open at the end fails, and all output is checked.
type Events = Piped<FilterStage, Check>;

fn events(config: &Config) -> Events {
    let reading = Reading { max_line: config.max_line, strict: config.strict };
    let chain = Chain::new(vec![Box::new(Truncate::default())]);
    let filter = FilterStage::new(chain, Clock::Wall, &reading);
    let options = check::Options {
        pass: true,
        quiet: true,
        exit_from_stream: true,
        reading,
        ..check::Options::default()
    };
    Piped::new(filter, Check::new(options))
}
