//! The tap on stdin, where neither the command nor its exit status is known: an empty input has failed, plain text is
//! reported as such, and spile's own formats are never taken for an agent's answer.

use super::{Config, Own, Tap};
use crate::check::{self, Check};
use crate::codec::{Fields, Lines, Malformed, Piece, Place};
use crate::exit::Exit;
use crate::filter::Chain;
use crate::filter::cancel::Truncate;
use crate::guard::Ended;
use crate::replay::To;
use crate::replay::raw::{self, Entry};
use crate::stage::{Clock, FilterStage, Io, Reading, Stage};
use crate::time::Time;

/// Message of a turn that failed because the input was empty.
const EMPTY: &str = "nothing came on stdin: the agent printed nothing, or did not start";

/// Note on plain text of an unknown agent.
const TEXT: &str = "spile: no known runtime in the input: it was read as plain text, which does not say whether the agent \
                    succeeded; start it with `spile wrap -- CMD`, or accept it with --from text\n";

/// Note on events as input.
const EVENTS: &str =
    "spile: the input is canonical events already: they pass as they are, and are checked\n";

/// Stdin: an agent's output, or a format of spile's own.
pub struct Fed {
    input: Input,
    config: Config,
    stop_reasons: Vec<String>,
    /// A flag of the command line that means nothing for events.
    flag: Option<&'static str>,
    /// True if anything has come.
    any: bool,
    refused: bool,
}

enum Input {
    /// Output of an agent.
    Agent(Box<Tap>),
    /// Canonical events.
    Events(Box<Events>),
    /// A raw recording.
    Raw(Box<Raw>),
}

impl Input {
    /// The stage that takes signals and time; a recording has none before its header.
    fn stage(&self) -> Option<&dyn Stage> {
        match self {
            Input::Agent(tap) => Some(&**tap),
            Input::Events(events) => Some(&**events),
            Input::Raw(raw) => raw.agent.as_ref().map(|agent| agent as &dyn Stage),
        }
    }

    fn stage_mut(&mut self) -> Option<&mut dyn Stage> {
        match self {
            Input::Agent(tap) => Some(&mut **tap),
            Input::Events(events) => Some(&mut **events),
            Input::Raw(raw) => raw.agent.as_mut().map(|agent| agent as &mut dyn Stage),
        }
    }
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
        let input = Input::Agent(Box::new(tap));
        Self { input, config, stop_reasons, flag, any: false, refused: false }
    }

    /// Switches to a format of spile's own.
    fn go_on_with(&mut self, own: Own, now: Time, held: &[u8], io: &mut Io) {
        match own {
            Own::Events => {
                if let Some(flag) = self.flag {
                    self.refused = true;
                    let why = "has no meaning for canonical events, which have it already";
                    let what = "leave wrap out (`spile merge LABEL=-` gives a label)";
                    io.err.extend_from_slice(format!("spile: {flag} {why}: {what}\n").as_bytes());
                    return;
                }
                io.err.extend_from_slice(EVENTS.as_bytes());
                self.input = Input::Events(Box::new(Events::new(&self.config)));
            }
            Own::Raw => {
                let mut raw = Raw::new(self.config.clone(), self.stop_reasons.clone());
                raw.keeps_escapes = matches!(&self.input, Input::Agent(tap) if tap.plain.is_none());
                self.input = Input::Raw(Box::new(raw));
            }
        }
        self.feed(now, held, io);
    }

    fn feed(&mut self, now: Time, bytes: &[u8], io: &mut Io) {
        match &mut self.input {
            Input::Agent(tap) => {
                tap.on_bytes(now, bytes, io);
                if let Some((own, held)) = tap.take_own() {
                    self.go_on_with(own, now, &held, io);
                }
            }
            Input::Events(events) => events.on_bytes(now, bytes, io),
            Input::Raw(raw) => raw.feed(now, bytes, io),
        }
    }
}

impl Stage for Fed {
    fn on_bytes(&mut self, now: Time, bytes: &[u8], io: &mut Io) {
        self.any |= !bytes.is_empty();
        self.feed(now, bytes, io);
    }

    fn deadline(&self) -> Option<Time> {
        self.input.stage().and_then(Stage::deadline)
    }

    fn on_tick(&mut self, now: Time, io: &mut Io) {
        if let Some(stage) = self.input.stage_mut() {
            stage.on_tick(now, io);
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
        if let Input::Agent(tap) = &mut self.input
            && let Some((own, held)) = tap.end_of_held()
        {
            self.go_on_with(own, now, &held, io);
        }
        match &mut self.input {
            Input::Agent(tap) => {
                if !self.any {
                    tap.guard().request_fail("missing_result", EMPTY);
                    io.err.extend_from_slice(format!("spile: {EMPTY}\n").as_bytes());
                }
                Stage::on_end(&mut **tap, now, io);
                if self.any && tap.is_guess() {
                    io.err.extend_from_slice(TEXT.as_bytes());
                }
            }
            Input::Events(events) => events.on_end(now, io),
            Input::Raw(raw) => raw.end(now, io),
        }
    }

    fn on_signal(&mut self, now: Time, signal: i32, io: &mut Io) {
        if let Some(stage) = self.input.stage_mut() {
            stage.on_signal(now, signal, io);
        }
    }

    fn exit(&self) -> Exit {
        match self.input.stage() {
            _ if self.refused => Exit::Usage,
            stage => stage.map_or(Exit::Failed, Stage::exit),
        }
    }
}

/// Canonical events: they pass as they came, a turn that is open at the end fails, and all output is checked.
struct Events {
    filter: FilterStage,
    check: Check,
    inner: Io,
}

impl Events {
    fn new(config: &Config) -> Self {
        let reading = Reading { max_line: config.max_line, strict: config.strict };
        let chain = Chain::new(vec![Box::new(Truncate::default())]);
        let check = check::Options {
            pass: true,
            quiet: true,
            exit_from_stream: true,
            reading: reading.clone(),
            ..check::Options::default()
        };
        Self {
            filter: FilterStage::new(chain, Clock::Wall, &reading),
            check: Check::new(check),
            inner: Io::default(),
        }
    }

    fn check(&mut self, now: Time, io: &mut Io) {
        io.err.append(&mut self.inner.err);
        self.check.on_bytes(now, &self.inner.out, io);
        self.inner.out.clear();
    }
}

impl Stage for Events {
    fn on_bytes(&mut self, now: Time, bytes: &[u8], io: &mut Io) {
        self.filter.on_bytes(now, bytes, &mut self.inner);
        self.check(now, io);
    }

    fn on_end(&mut self, now: Time, io: &mut Io) {
        self.filter.on_end(now, &mut self.inner);
        self.check(now, io);
        self.check.on_end(now, io);
    }

    fn exit(&self) -> Exit {
        self.check.exit().or(self.filter.exit())
    }
}

/// A raw recording, read as the agent that was recorded.
struct Raw {
    lines: Lines,
    /// The agent, once its header has come.
    agent: Option<Tap>,
    config: Config,
    stop_reasons: Vec<String>,
    keeps_escapes: bool,
    ended: bool,
}

impl Raw {
    fn new(config: Config, stop_reasons: Vec<String>) -> Self {
        let lines = Lines::new(config.max_line);
        Self { lines, agent: None, config, stop_reasons, keeps_escapes: false, ended: false }
    }

    fn feed(&mut self, now: Time, bytes: &[u8], io: &mut Io) {
        let mut lines = std::mem::replace(&mut self.lines, Lines::new(0));
        lines.feed(bytes, |piece| self.piece(now, &piece));
        self.lines = lines;
        self.give(io);
    }

    fn end(&mut self, now: Time, io: &mut Io) {
        let mut lines = std::mem::replace(&mut self.lines, Lines::new(0));
        lines.end(|piece| self.piece(now, &piece));
        if !std::mem::replace(&mut self.ended, true)
            && let Some(agent) = &mut self.agent
        {
            agent.on_end(now, Ended::Eof);
        }
        self.give(io);
    }

    fn give(&mut self, io: &mut Io) {
        if let Some(agent) = &mut self.agent {
            agent.give(io);
            if let Some(hint) = agent.take_hint() {
                io.err.extend_from_slice(format!("spile: hint: {hint}\n").as_bytes());
            }
        }
    }

    fn piece(&mut self, now: Time, piece: &Piece<'_>) {
        let (number, offset, bytes) = match *piece {
            Piece::Line { number, offset, bytes, .. } => (number, offset, bytes),
            Piece::Long { number, offset, bytes, .. } => (number, offset, bytes),
        };
        let Some(agent) = &mut self.agent else {
            // Lines before the header, such as a banner, are no output of the agent.
            let line = std::str::from_utf8(bytes).unwrap_or_default();
            if raw::is_header(line) {
                self.agent = Some(self.start(line));
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
                agent.on_end(
                    now,
                    match exit {
                        Exit::Signal(signal) => Ended::Signalled(signal),
                        exit => Ended::Exited(exit.code().into()),
                    },
                );
            }
            Err(why) => {
                agent.guard().at(now).diagnostic(&Place { line: number, offset, bytes }, &why);
            }
        }
    }

    fn start(&self, header: &str) -> Tap {
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
