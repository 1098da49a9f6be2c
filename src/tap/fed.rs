//! The spout on our stdin, where no command is known and no exit status: an empty input has failed, plain text is reported
//! as such, and what spile itself wrote is never taken for an agent's answer.

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

/// The message of a turn that failed because nothing came.
const EMPTY: &str = "nothing came on stdin: the agent printed nothing, or did not start";

/// A note for whoever reads an unknown agent's text.
const TEXT: &str = "spile: no known runtime in the input: it was read as plain text, which does not say whether the agent \
                    succeeded; start it with `spile wrap -- CMD`, or accept it with --from text\n";

/// A note for whoever feeds events.
const EVENTS: &str =
    "spile: the input is canonical events already: they pass as they are, and are checked\n";

/// An agent's output on our stdin, or what spile made of it before.
pub struct Fed {
    input: Input,
    config: Config,
    stop_reasons: Vec<String>,
    /// The flag that was given and means nothing for events.
    flag: Option<&'static str>,
    /// True if anything has come.
    any: bool,
    refused: bool,
}

enum Input {
    /// An agent prints.
    Agent(Box<Tap>),
    /// Canonical events.
    Events(Box<Events>),
    /// A raw recording.
    Raw(Box<Raw>),
}

impl Fed {
    /// What comes on our stdin goes to `tap`, which was made with `config` and `stop_reasons`. `flag` is refused if events come.
    #[must_use]
    pub fn new(
        mut tap: Tap,
        config: Config,
        stop_reasons: Vec<String>,
        flag: Option<&'static str>,
    ) -> Self {
        tap.guard().fail_on_stop(stop_reasons.clone());
        Self {
            input: Input::Agent(Box::new(tap)),
            config,
            stop_reasons,
            flag,
            any: false,
            refused: false,
        }
    }

    /// Goes on with what spile wrote itself.
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
        match &self.input {
            Input::Agent(tap) => Stage::deadline(&**tap),
            Input::Raw(raw) => raw.agent.as_ref().and_then(Stage::deadline),
            Input::Events(_) => None,
        }
    }

    fn on_tick(&mut self, now: Time, io: &mut Io) {
        match &mut self.input {
            Input::Agent(tap) => Stage::on_tick(&mut **tap, now, io),
            Input::Raw(raw) => {
                if let Some(agent) = &mut raw.agent {
                    Stage::on_tick(agent, now, io);
                }
            }
            Input::Events(_) => {}
        }
    }

    fn is_over(&self) -> bool {
        self.refused
    }

    fn on_end(&mut self, now: Time, io: &mut Io) {
        if self.refused {
            return;
        }
        // A first line without a line feed shows only now what it is.
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
        match &mut self.input {
            Input::Agent(tap) => tap.on_signal(now, signal, io),
            Input::Raw(raw) => {
                if let Some(agent) = &mut raw.agent {
                    agent.on_signal(now, signal, io);
                }
            }
            Input::Events(_) => {}
        }
    }

    fn exit(&self) -> Exit {
        match &self.input {
            _ if self.refused => Exit::Usage,
            Input::Agent(tap) => Stage::exit(&**tap),
            Input::Events(events) => events.exit(),
            Input::Raw(raw) => raw.agent.as_ref().map_or(Exit::Failed, Stage::exit),
        }
    }
}

/// Canonical events: they pass as they came, a turn that is open at the end is failed, and all that leaves is checked.
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
            // What stands in front of the header, a banner, is nobody's output.
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
            Err(why) => agent.guard().diagnostic(now, &Place { line: number, offset, bytes }, &why),
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
