//! The tap: an agent's bytes go in, canonical events come out. It detects the adapter and drives the guard; it never blocks,
//! and bytes that it read before it knew the runtime are not lost.

mod fed;
mod watch;

pub use fed::{Fed, Own};

use std::borrow::Cow;
use std::time::Duration;

use crate::adapter::framing::{Frame, Frames};
use crate::adapter::{self, Framing, Match, Order, Reader, Spec};
use crate::codec::{self, Lines, Piece};
use crate::exit::Exit;
use crate::guard::{self, End, Ended, Guard};
use crate::stage::{Io, Stage};
use crate::text::escapes::{self, Plain};
use crate::time::Time;

use watch::Watch;

/// Hold time of whole lines of an unknown kind, which may be a known runtime's output before its first message.
const DECIDE_LINES_WITHIN: Duration = Duration::from_secs(1);

/// Hold time of a line of an unknown kind without its end.
const DECIDE_WITHIN: Duration = Duration::from_millis(200);

/// Limit of the lines that are held for detection.
const DECIDE_LINES: usize = 64;

/// Limit of their bytes.
const DECIDE_BYTES: usize = 256 << 10;

/// Limit of the bytes of a JSON document over several lines that is not whole.
const DECIDE_DOCUMENT: usize = 4 << 20;

/// Longest line of stderr that is not split, in bytes.
const PIECE: usize = 64 << 10;

/// Configuration of a tap.
#[derive(Debug, Clone)]
pub struct Config {
    /// Name, label and block limit of the stream.
    pub guard: guard::Config,
    /// Longest line that is parsed, in bytes.
    pub max_line: usize,
    /// True if a diagnostic makes the exit status 65.
    pub strict: bool,
    /// The command line of the agent; empty if there is none.
    pub argv: Vec<String>,
}

/// An agent's output on its way to events.
pub struct Tap {
    guard: Guard,
    source: Source,
    errors: Lines,
    config: Config,
    hint: Option<String>,
    /// The escape sequences of plain output and stderr; `None` keeps them.
    plain: Option<Plain>,
    /// True if it is read as plain text because no runtime was detected.
    is_guess: bool,
}

enum Source {
    /// The runtime is not known yet.
    Held { chunks: Vec<(Time, Vec<u8>)>, frames: Box<Frames>, scan: Scan },
    /// With a watch if the runtime was guessed.
    Known(&'static Spec, Box<Reader>, Option<Watch>),
}

/// Detection of the runtime of the held output.
#[derive(Default)]
struct Scan {
    seen: usize,
    maybe: Option<&'static Spec>,
    sure: Option<&'static Spec>,
    own: Option<Own>,
}

impl Scan {
    fn inspect(&mut self, frame: &Frame<'_>) {
        self.seen += usize::from(!matches!(frame, Frame::Head(_)));
        // Lone surrogates and broken UTF-8 must not hide a runtime: only its keys matter here.
        let text = match frame {
            Frame::Message { text, .. } => Cow::Borrowed(*text),
            Frame::Broken(place, _) => String::from_utf8_lossy(place.bytes),
            Frame::Log(_) | Frame::Head(_) => return,
        };
        let parsed = serde_json::from_str(&text).ok();
        let parsed =
            parsed.or_else(|| serde_json::from_str(&codec::replace_lone_surrogates(&text)?).ok());
        let is_first = self.sure.or(self.maybe).is_none();
        if is_first && let Some(own) = parsed.as_ref().and_then(|v| Own::detect(&text, v)) {
            self.own = self.own.or(Some(own));
            return;
        }
        match parsed.as_ref().and_then(adapter::by_content) {
            Some((spec, Match::Sure)) => self.sure = self.sure.or(Some(spec)),
            Some((spec, _)) => self.maybe = self.maybe.or(Some(spec)),
            None => {}
        }
    }

    /// True if detection has ended: a runtime is certain, or a limit is reached.
    fn is_enough(&self, held: usize) -> bool {
        // As long as nothing is whole it may be a JSON document that spans lines.
        let most = if self.seen > 0 { DECIDE_BYTES } else { DECIDE_DOCUMENT };
        self.sure.is_some() || self.own.is_some() || self.seen >= DECIDE_LINES || held >= most
    }
}

impl Tap {
    /// A tap that reads with `from`, or detects the runtime.
    pub fn new(config: Config, from: Option<&'static Spec>) -> Self {
        let requested = adapter::by_command(&config.argv);
        let requested = requested.and_then(|(spec, certain)| certain.then_some(spec));
        let mut tap = Self {
            guard: Guard::new(config.guard.clone()),
            source: Source::Held {
                chunks: Vec::new(),
                frames: Box::new(Frames::new(DECIDE_DOCUMENT)),
                scan: Scan::default(),
            },
            errors: Lines::new(PIECE),
            config,
            hint: None,
            plain: Some(Plain::default()),
            is_guess: false,
        };
        if let Some(spec) = from.or(requested) {
            tap.read_as(spec, None);
        }
        tap
    }

    /// Keeps escape sequences and carriage returns in plain output, stderr and tool outputs.
    pub fn keep_escapes(&mut self) {
        self.plain = None;
        self.guard.keep_escapes();
    }

    /// The guard, for events of the host itself.
    pub fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }

    /// The adapter's name; `auto` as long as it is not known.
    pub fn adapter(&self) -> &'static str {
        match &self.source {
            Source::Held { .. } => "auto",
            Source::Known(spec, ..) => spec.name,
        }
    }

    /// True if the runtime has a result message, after which there is nothing to wait for but its exit.
    pub fn has_result(&self) -> bool {
        matches!(&self.source, Source::Known(spec, ..) if spec.has_result)
    }

    /// The line by which the runtime takes an order on its stdin; see [`adapter::Runtime::order`].
    pub fn order(&self, order: Order<'_>, number: u64) -> Option<String> {
        match &self.source {
            Source::Held { .. } => None,
            Source::Known(_, reader, _) => reader.order(order, number),
        }
    }

    /// Takes the hint for the user about an agent that prints plain text.
    pub fn take_hint(&mut self) -> Option<String> {
        self.hint.take()
    }

    /// True if the output was read as plain text because nothing known was in it.
    pub fn is_guess(&self) -> bool {
        self.is_guess && self.adapter() == adapter::TEXT.name
    }

    /// Takes an input in a format of spile's own, with all its bytes; only without a command.
    pub fn take_own(&mut self) -> Option<(Own, Vec<u8>)> {
        let Source::Held { chunks, scan, .. } = &mut self.source else { return None };
        let own = scan.own.filter(|_| self.config.argv.is_empty())?;
        Some((own, std::mem::take(chunks).into_iter().flat_map(|(_, bytes)| bytes).collect()))
    }

    /// As [`Tap::take_own`], at the end of the input.
    fn end_of_held(&mut self) -> Option<(Own, Vec<u8>)> {
        if let Source::Held { frames, scan, .. } = &mut self.source {
            frames.end(&mut |frame| scan.inspect(&frame));
        }
        self.take_own()
    }

    /// Takes the next bytes of the agent's stdout.
    pub fn on_stdout(&mut self, now: Time, bytes: &[u8]) {
        match &mut self.source {
            Source::Known(spec, _, Some(watch)) => match watch.feed(now, spec, bytes) {
                Ok(bytes) => self.read(now, &bytes),
                // Emitted events stay; the turn that the guess opened goes on.
                Err(found) => {
                    self.read(now, &found.before);
                    self.guard.at(now).hand_over();
                    self.read_as(found.spec, None);
                    self.read(now, &found.from);
                }
            },
            Source::Known(..) => self.read(now, bytes),
            Source::Held { chunks, .. } => {
                chunks.push((now, bytes.to_vec()));
                self.scan(bytes);
            }
        }
    }

    /// Takes the next bytes of the agent's stderr.
    pub fn on_stderr(&mut self, now: Time, bytes: &[u8]) {
        let (guard, plain) = (&mut self.guard, self.plain.as_ref());
        self.errors.feed(bytes, |piece| guard.at(now).stderr(&error_line(piece, plain)));
    }

    /// Time has passed: what is held of an unknown runtime is plain text, and conditions on time may hold.
    pub fn on_tick(&mut self, now: Time) {
        if self.decides_at().is_some_and(|at| at <= now) {
            self.decide();
            self.release(now);
        }
        self.guard.on_tick(now);
    }

    /// Time of the next tick.
    pub fn deadline(&self) -> Option<Time> {
        self.decides_at().into_iter().chain(self.guard.deadline()).min()
    }

    /// Time at which a condition holds if nothing comes until then; see [`Guard::condition_due`].
    pub fn condition_due(&self, quiet_since: Option<Time>) -> Option<Time> {
        self.guard.condition_due(quiet_since)
    }

    /// Time at which what is held is read.
    fn decides_at(&self) -> Option<Time> {
        match &self.source {
            // Headers and comments decide nothing; the first event behind them does.
            Source::Held { frames, scan, .. } if frames.is_sent() && scan.seen == 0 => None,
            Source::Held { chunks, .. } => {
                let ended = chunks.last().is_some_and(|(_, bytes)| bytes.ends_with(b"\n"));
                let within = if ended { DECIDE_LINES_WITHIN } else { DECIDE_WITHIN };
                chunks.first().map(|(at, _)| *at + within)
            }
            Source::Known(_, _, watch) => watch.as_ref().and_then(Watch::deadline),
        }
    }

    /// The agent's output has ended.
    pub fn on_end(&mut self, now: Time, ended: Ended) {
        self.decide();
        self.release(now);
        let (guard, plain) = (&mut self.guard, self.plain.as_ref());
        self.errors.end(|piece| guard.at(now).stderr(&error_line(piece, plain)));
        let Source::Known(spec, reader, _) = &mut self.source else { return };
        if let Some(plain) = self.plain.as_mut().filter(|_| spec.framing == Framing::Bytes) {
            reader.feed(now, &plain.end(), guard);
        }
        let verdict = reader.end(now, guard);
        guard.at(now).end(&End { ended, verdict });
    }

    /// Fails the run's one turn: the agent could not be started.
    pub fn on_spawn_failed(&mut self, now: Time, message: &str) {
        if let Source::Held { .. } = self.source {
            let named = adapter::by_command(&self.config.argv);
            self.guard.set_runtime(named.map_or(adapter::TEXT, |(spec, _)| spec).name);
        }
        self.guard.at(now).spawn_failed(message);
    }

    /// The exit status by the last turn, and by the diagnostics under `--strict`.
    pub fn exit(&self) -> Exit {
        let malformed = self.config.strict && self.guard.diagnostics() > 0;
        self.guard.exit().or(if malformed { Exit::Malformed } else { Exit::Success })
    }

    fn scan(&mut self, bytes: &[u8]) {
        let Source::Held { chunks, frames, scan } = &mut self.source else { return };
        frames.feed(bytes, &mut |frame| scan.inspect(&frame));
        let held: usize = chunks.iter().map(|(_, b)| b.len()).sum();
        // A format of spile's own is held until the caller takes it.
        let is_own = scan.own.is_some() && self.config.argv.is_empty();
        if scan.is_enough(held) && !is_own {
            self.decide();
        }
    }

    /// Chooses the adapter by the held output and feeds it, with the times of arrival.
    fn decide(&mut self) {
        let Source::Held { chunks, frames, scan } = &mut self.source else { return };
        frames.end(&mut |frame| scan.inspect(&frame));
        let spec = scan.sure.or(scan.maybe).unwrap_or(adapter::TEXT);
        let chunks = std::mem::take(chunks);
        self.is_guess = spec.name == adapter::TEXT.name;
        if let Some(own) = scan.own {
            let (what, instead) = own.names();
            self.guard.request_fail("protocol", &format!("the command prints {what}: {instead}"));
            self.hint = Some(format!("the command prints {what}; {instead}"));
        } else if spec.name == adapter::TEXT.name
            && let Some((named, _)) = adapter::by_command(&self.config.argv)
        {
            self.hint = Some(format!(
                "{} prints plain text here; for events run: {}",
                named.name, named.usage
            ));
        }
        let watch = scan.sure.is_none().then(Watch::default);
        self.read_as(spec, watch);
        for (at, bytes) in chunks {
            self.read(at, &bytes);
        }
    }

    /// Reads the beginning of a line that the watch holds.
    fn release(&mut self, now: Time) {
        if let Source::Known(_, _, Some(watch)) = &mut self.source {
            let bytes = watch.release();
            self.read(now, &bytes);
        }
    }

    fn read_as(&mut self, spec: &'static Spec, watch: Option<Watch>) {
        self.guard.set_runtime(spec.name);
        let reader = Reader::new(spec, &self.config.argv, self.config.max_line);
        self.source = Source::Known(spec, Box::new(reader), watch);
    }

    /// Moves the guard's events to the output.
    fn give(&mut self, io: &mut Io) {
        if io.out.is_empty() {
            std::mem::swap(&mut io.out, &mut self.guard.out);
        } else {
            io.out.append(&mut self.guard.out);
        }
    }

    fn read(&mut self, now: Time, bytes: &[u8]) {
        if let Source::Known(spec, reader, _) = &mut self.source {
            match &mut self.plain {
                Some(plain) if spec.framing == Framing::Bytes => {
                    reader.feed(now, &plain.feed(bytes), &mut self.guard);
                }
                _ => reader.feed(now, bytes, &mut self.guard),
            }
        }
    }
}

/// Without a command, stdin is the agent's stdout.
impl Stage for Tap {
    fn on_bytes(&mut self, now: Time, bytes: &[u8], io: &mut Io) {
        self.on_stdout(now, bytes);
        self.give(io);
    }

    fn deadline(&self) -> Option<Time> {
        Tap::deadline(self)
    }

    fn on_tick(&mut self, now: Time, io: &mut Io) {
        Tap::on_tick(self, now);
        self.give(io);
    }

    fn on_end(&mut self, now: Time, io: &mut Io) {
        Tap::on_end(self, now, Ended::Eof);
        self.give(io);
    }

    fn on_signal(&mut self, _: Time, signal: i32, _: &mut Io) {
        let name = signal_hook::low_level::signal_name(signal).unwrap_or("a signal");
        self.guard.request_cancel("signal", name);
    }

    fn exit(&self) -> Exit {
        Tap::exit(self)
    }
}

/// A line of stderr, without escape sequences unless they are kept.
fn error_line(piece: Piece<'_>, plain: Option<&Plain>) -> String {
    let bytes = match piece {
        Piece::Line { bytes, .. } | Piece::Long { bytes, .. } => bytes,
    };
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let line = String::from_utf8_lossy(bytes);
    match plain {
        Some(_) => escapes::plain(&line).into_owned(),
        None => line.into_owned(),
    }
}
