//! The stage: events, lines that are none and lines over the limit, each without secrets.

use std::borrow::Cow;
use std::time::Duration;

use super::finder::Finder;
use super::line::Stop;
use super::stream::Stream;
use super::text::Text;
use crate::codec::{self, Malformed, Place};
use crate::event::Event;
use crate::exit::Exit;
use crate::stage::{Io, OnLine, diagnostic_line};
use crate::streams::Streams;
use crate::time::Time;

/// Streams that are remembered. A secret that is cut between two deltas leaves if its stream is forgotten between them, so
/// this is far more than run at once.
const MAX_STREAMS: usize = 1 << 16;

/// Replaces secrets in the lines of an input.
#[derive(Debug)]
pub struct Redact {
    finder: Finder,
    within: Duration,
    streams: Streams<Stream>,
    /// The line over the limit that has begun.
    long: Option<Long>,
    /// Lower bound of all deadlines; a tick that came too early computes it anew.
    due: Option<Time>,
    exit: Exit,
}

/// Bytes of a line over the limit that are searched at once: its first bytes may come together, as many as the limit allows.
const LONG_PIECE: usize = 1 << 16;

/// A line over the limit, as a text of bytes.
#[derive(Debug, Default)]
struct Long {
    text: Text,
    /// Bytes that have not left, from this offset on.
    held: Vec<u8>,
    begin: u64,
    since: Option<Time>,
}

impl Long {
    fn release(&mut self, finder: &Finder, out: &mut Vec<u8>) {
        let len = usize::try_from(self.text.decided() - self.begin).unwrap_or(0);
        finder.splice(&self.held[..len], self.begin, self.text.hidden(), out);
        self.held.drain(..len);
        self.begin = self.text.decided();
        if self.held.is_empty() {
            self.since = None;
        }
    }
}

impl Redact {
    /// A stage at the start of its input. Text waits at most for `within`.
    pub(super) fn new(finder: Finder, within: Duration) -> Self {
        Self {
            finder,
            within,
            streams: Streams::new(MAX_STREAMS),
            long: None,
            due: None,
            exit: Exit::Success,
        }
    }

    /// Rule of the first secret in a name.
    pub fn rule_in(&mut self, name: &str) -> Option<&str> {
        let mut text = Text::default();
        text.feed(&mut self.finder, name.as_bytes());
        text.end_whole(&mut self.finder);
        text.hidden().first().map(|part| self.finder.secrets.name(part.rule))
    }

    /// The line of an event by itself, without secrets.
    pub fn apart(&mut self, line: &str) -> String {
        let (mut stream, mut out) = (Stream::default(), Vec::new());
        let event = codec::decode_text(line);
        let done =
            event.map(|event| stream.on_event(Time::default(), &event, &mut self.finder, &mut out));
        match done {
            Ok(Ok(())) => stream.end(&mut self.finder, &mut out),
            _ => out = self.finder.bytes(line.as_bytes()).into_owned(),
        }
        String::from_utf8_lossy(out.strip_suffix(b"\n").unwrap_or(&out)).into_owned()
    }

    fn stop(&mut self, event: &Event<'_>, stop: &Stop, io: &mut Io) {
        let refusal = match stop {
            Stop::Broken => {
                let line = self.finder.bytes(event.line.as_bytes()).into_owned();
                io.out.extend_from_slice(&line);
                io.out.push(b'\n');
                return;
            }
            Stop::Refused { field, rule } => format!(
                "a secret ({rule}) stands in {field:?}, which is never changed: this event and all behind it are held back"
            ),
            Stop::Parts => "this stream has parts of `spile chunk`, which cannot be redacted: run redact before chunk".to_owned(),
        };
        self.settle(io);
        io.warn(format_args!("redact: {refusal}"));
        self.exit = Exit::Malformed;
    }

    fn settle(&mut self, io: &mut Io) {
        let Self { finder, streams, .. } = self;
        let mut waiting: Vec<_> = streams.iter_mut().filter(|s| s.since().is_some()).collect();
        waiting.sort_by_key(|stream| stream.since());
        for stream in waiting {
            stream.settle(finder, &mut io.out);
        }
    }

    fn end_long(&mut self, io: &mut Io) {
        if let Some(mut long) = self.long.take() {
            long.text.end(&mut self.finder);
            long.release(&self.finder, &mut io.out);
        }
    }

    fn is_refused(&self) -> bool {
        self.exit != Exit::Success
    }
}

impl OnLine for Redact {
    const TOO_LONG: &'static str = "line too long to be parsed, searched as it is (see --max-line)";

    fn on_event(&mut self, now: Time, event: &Event<'_>, io: &mut Io) -> Result<(), Malformed> {
        if self.is_refused() {
            return Ok(());
        }
        self.end_long(io);
        let Self { finder, streams, .. } = self;
        let id = event.stream.as_deref().unwrap_or_default();
        // Streams in which nothing waits are forgotten first.
        let (at, removed) = streams.place(id, Stream::default, Stream::since);
        if let Some(mut removed) = removed {
            removed.end(finder, &mut io.out);
        }
        let stream = &mut streams[at];
        let done = match &event.delta {
            Some(delta) => stream.on_delta(now, event, delta, finder, &mut io.out),
            None => stream.on_event(now, event, finder, &mut io.out),
        };
        let due = stream.due(self.within);
        self.due = self.due.into_iter().chain(due).min();
        if let Err(stop) = done {
            self.stop(event, &stop, io);
        }
        Ok(())
    }

    fn reason<'a>(&mut self, why: &'a Malformed) -> Cow<'a, str> {
        match self.finder.bytes(why.reason.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(&why.reason),
            Cow::Owned(reason) => Cow::Owned(String::from_utf8_lossy(&reason).into_owned()),
        }
    }

    fn on_malformed(&mut self, _now: Time, place: &Place<'_>, why: &Malformed, io: &mut Io) {
        if self.is_refused() {
            return;
        }
        self.settle(io);
        let why = Malformed { reason: self.reason(why).into_owned(), ..*why };
        let bytes = self.finder.bytes(place.bytes);
        io.out.extend_from_slice(&diagnostic_line(&Place { bytes: &bytes, ..*place }, &why));
        io.out.push(b'\n');
    }

    fn begin_long(&mut self, _now: Time, io: &mut Io) {
        self.end_long(io);
        self.settle(io);
        self.long = Some(Long::default());
    }

    fn on_long(&mut self, now: Time, bytes: &[u8], io: &mut Io) {
        let Some(long) = self.long.as_mut().filter(|_| self.exit == Exit::Success) else { return };
        for piece in bytes.chunks(LONG_PIECE) {
            long.text.feed(&mut self.finder, piece);
            long.held.extend_from_slice(piece);
            long.release(&self.finder, &mut io.out);
        }
        if !long.held.is_empty() {
            let since = *long.since.get_or_insert(now);
            self.due = self.due.into_iter().chain([since + self.within]).min();
        }
        if bytes.ends_with(b"\n") {
            self.end_long(io);
        }
    }

    fn cut_long(&mut self, io: &mut Io) {
        self.end_long(io);
        io.out.push(b'\n');
    }

    fn deadline(&self) -> Option<Time> {
        self.due
    }

    fn on_tick(&mut self, now: Time, io: &mut Io) {
        let Self { finder, streams, within, .. } = self;
        let is_due = |stream: &&mut Stream| stream.due(*within).is_some_and(|due| due <= now);
        while let Some(stream) = streams.iter_mut().filter(is_due).min_by_key(|s| s.since()) {
            stream.settle(finder, &mut io.out);
        }
        let mut long = self.long.as_mut();
        if let Some(long) =
            long.as_mut().filter(|long| long.since.is_some_and(|at| at + *within <= now))
        {
            long.text.settle(finder);
            long.release(finder, &mut io.out);
        }
        let long = long.and_then(|long| long.since).map(|since| since + *within);
        self.due = streams.iter().filter_map(|stream| stream.due(*within)).chain(long).min();
    }

    fn on_end(&mut self, _now: Time, io: &mut Io) {
        self.end_long(io);
        let Self { finder, streams, .. } = self;
        let mut streams: Vec<_> = streams.iter_mut().collect();
        streams.sort_by_key(|stream| stream.since());
        for stream in streams {
            stream.end(finder, &mut io.out);
        }
    }

    fn is_over(&self) -> bool {
        self.is_refused()
    }

    fn exit(&self) -> Exit {
        self.exit
    }
}
