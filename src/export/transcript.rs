//! Events as the pieces of a transcript, in the order in which they are decided: texts, calls with their outcome, notices, the
//! end of each turn. A [`Page`] writes them; what is held until it is decided is bounded.

mod stream;
mod writer;

use std::collections::VecDeque;

use crate::codec::{Fields, Malformed, Place};
use crate::event::{Delta, Event, Raw, Type};
use crate::stage::{Io, OnLine};
use crate::streams::{MAX_STREAMS, Streams};
use crate::term::style::Look;
use crate::term::view::call::{Call, Finish};
use crate::term::view::one_line;
use crate::term::view::turn_result::TurnResult;
use crate::term::view::words::{count, duration, usage_and_cost};
use crate::text::escapes;
use crate::time::Time;
use crate::timing::{Step, Times};

pub(super) use stream::Turn;
use stream::{Open, Stream};
use writer::Writer;

/// Bytes of a block's deltas that are held for its end; past that the text is written in pieces.
const MAX_TEXT: usize = 2 << 20;

/// Bytes that all streams hold together; past that the stream that holds the most writes what it has.
const MAX_HELD: usize = 16 << 20;

/// Bytes that a stream holds; past that it writes what it has, so that no output is much longer.
const MAX_STREAM: usize = 4 << 20;

/// Bytes of output after which a part of the end is complete.
const PART: usize = 64 << 10;

/// Open calls and blocks of a stream; past that the oldest is written as it is.
const MAX_OPEN: usize = 256;

/// A format of a transcript. Everything of the input is escaped here, and nowhere else.
pub(super) trait Page {
    /// Begins the document.
    fn begin(&mut self, out: &mut String);
    /// Opens the section of a turn, or of what a stream has outside of turns; the one before has been closed.
    fn open(&mut self, section: &Section<'_>, out: &mut String);
    fn close(&mut self, out: &mut String);
    /// Opens the frame of a sub-agent, whose call is not known if the input begins behind it.
    fn nest(&mut self, call: Option<&Call>, out: &mut String);
    fn unnest(&mut self, out: &mut String);
    fn piece(&mut self, piece: &Piece<'_>, out: &mut String);
    /// Ends the document.
    fn end(&mut self, totals: &Totals, out: &mut String);
}

/// Head of a section.
#[derive(Debug)]
pub(super) struct Section<'a> {
    /// Label of the stream, or its id.
    pub(super) name: &'a str,
    pub(super) turn: Option<&'a Turn>,
    /// True if a section of another stream came between.
    pub(super) continues: bool,
    /// True if there are other streams.
    pub(super) beside_others: bool,
}

/// Part of a section that is written as one.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    Answer(&'a str),
    Reasoning(&'a str),
    Call(&'a Call, &'a Finish<'a>),
    Notice(Look, &'a str),
    /// A plan: a title and entries that begin with a box.
    List(&'a str, &'a [String]),
    /// A line that is no event.
    Unreadable(&'a str),
    End(&'a End),
}

/// End of a turn.
#[derive(Debug)]
pub(super) struct End {
    pub(super) look: Look,
    /// `COMPLETED 1.2s` and its like.
    pub(super) mark: String,
    /// Failure and other reasons; may be empty.
    pub(super) reason: String,
    pub(super) usage: String,
    pub(super) times: Option<Times>,
    pub(super) stderr: String,
}

/// Counts of the whole input.
#[derive(Debug, Default)]
pub(super) struct Totals {
    /// Turns that completed, failed, were cancelled and were cut off.
    pub(super) turns: [u64; 4],
    pub(super) calls: u64,
    pub(super) failed_calls: u64,
    pub(super) millis: u64,
    pub(super) cost: f64,
}

impl Totals {
    /// The ends that turns had, each with the number of turns.
    pub(super) fn ends(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let ends = ["completed", "failed", "cancelled", "cut off"].into_iter().zip(self.turns);
        ends.filter(|(_, n)| *n > 0)
    }
}

/// The exporter.
pub(super) struct Transcript<P> {
    streams: Streams<Stream>,
    held: usize,
    events: u64,
    to: Writer<P>,
    totals: Totals,
    /// Bytes of a line over the limit so far.
    long: u64,
    /// Streams whose end is not written yet, behind the end of the input.
    rest: Option<VecDeque<Stream>>,
}

impl<P: Page> Transcript<P> {
    pub(super) fn new(page: P) -> Self {
        let to = Writer { page, out: String::new(), begun: false, at: None, several: false };
        let (streams, totals) = (Streams::new(MAX_STREAMS), Totals::default());
        Self { streams, held: 0, events: 0, to, totals, long: 0, rest: None }
    }

    /// Index of the stream of an event, with its time, label and turn brought up to date.
    fn enter(
        &mut self,
        event: &Event<'_>,
        label: Option<&str>,
        body: Option<&Fields<'_>>,
    ) -> usize {
        let id = event.stream.as_deref().unwrap_or_default();
        self.events += 1;
        let used = self.events;
        let new = || Stream { id: id.to_owned(), ..Stream::default() };
        let (at, removed) = self.streams.place(id, new, |s| (s.turn.is_some(), s.used));
        if let Some(mut stream) = removed {
            self.held -= stream.held;
            self.end_turn(&mut stream, None);
        }
        if self.streams[at].used == 0 {
            self.to.several |= self.streams.iter().filter(|s| !s.id.is_empty()).count() > 1;
        }
        let mut stream = std::mem::take(&mut self.streams[at]);
        stream.used = used;
        if let Some(turn) = stream.turn.as_mut().filter(|_| event.delta.is_none()) {
            turn.timeline.end_texts(|| Time::parse(&stream.ts));
        }
        if let Some(ts) = event.ts.as_deref().filter(|ts| ts.len() < 64) {
            stream.ts.clear();
            stream.ts.push_str(ts);
        }
        if let Some(label) = label.filter(|label| *label != stream.label) {
            stream.label = one_line(label, Some(60));
        }
        if let Some(number) = event.turn {
            let known =
                stream.turn.as_ref().map(|turn| turn.number).or(stream.ended) == Some(number);
            if event.kind == Type::TurnStarted || !known {
                // The turn before was cut off; of this one the beginning may be missing.
                self.end_turn(&mut stream, None);
                stream.begin_turn(number, body.filter(|_| event.kind == Type::TurnStarted));
            }
        }
        self.streams[at] = stream;
        at
    }

    fn on_delta(&mut self, event: &Event<'_>, delta: &Delta<'_>) {
        let label = delta.label.map(Raw::decode);
        let at = self.enter(event, label.as_deref(), None);
        let stream = &mut self.streams[at];
        let parent = delta.parent.map(Raw::decode);
        match (&parent, &mut stream.turn) {
            (None, Some(turn)) => turn.timeline.on_text(|| Time::parse(&stream.ts)),
            (None, None) => {}
            (Some(_), _) => stream.step(parent.as_deref(), Step::Text),
        }
        let id = delta.block.decode();
        let block = stream.block(&id, &delta.kind.decode(), parent);
        block.raw.push_str(delta.text.0);
        let full = block.text.len() + block.raw.len() > MAX_TEXT;
        stream.held += delta.text.0.len();
        self.held += delta.text.0.len();
        if full {
            let index = stream.blocks.iter().position(|block| block.id == id).unwrap_or_default();
            let block = stream.blocks.remove(index);
            let block = stream.write_text(block, Open::Yes, &mut self.to);
            stream.blocks.insert(index, block);
            self.weigh(at);
        } else if self.held > MAX_HELD || stream.held > MAX_STREAM || stream.blocks.len() > MAX_OPEN
        {
            self.weigh(at);
        }
    }

    /// Counts again what a stream holds, and writes what is over a limit.
    fn weigh(&mut self, at: usize) {
        let stream = &mut self.streams[at];
        while stream.blocks.len() > MAX_OPEN {
            let block = stream.blocks.remove(0);
            stream.write_text(block, Open::No, &mut self.to);
        }
        while stream.calls.len() > MAX_OPEN {
            let call = stream.calls.remove(0);
            stream.write_call(call, &Finish::missing(), &mut self.to);
        }
        if stream.size() > MAX_STREAM {
            stream.flush(&mut self.to);
        }
        let size = stream.size();
        self.held = self.held - stream.held + size;
        stream.held = size;
        while self.held > MAX_HELD {
            let Some(most) = (0..self.streams.len()).max_by_key(|at| self.streams[*at].held) else {
                break;
            };
            let stream = &mut self.streams[most];
            stream.flush(&mut self.to);
            let size = stream.size();
            self.held = self.held - stream.held + size;
            if std::mem::replace(&mut stream.held, size) <= size {
                break;
            }
        }
    }

    fn on_body(&mut self, event: &Event<'_>, body: &Fields<'_>) {
        let at = self.enter(event, body.text("label").as_deref(), Some(body));
        let mut stream = std::mem::take(&mut self.streams[at]);
        let tool = body.object("tool").unwrap_or(Fields(Vec::new()));
        if event.seq.is_some() && !event.kind.is_terminal() {
            let id = tool.text("id").unwrap_or_default();
            stream.step(body.text("parent").as_deref(), Step::of(event, body, &id));
        }
        match event.kind {
            Type::BlockFinal => stream.on_final(body, &mut self.to),
            Type::ToolStarted => {
                self.totals.calls += 1;
                let call = stream.call(body, &tool, stream.now());
                stream.calls.push(call);
            }
            Type::ToolFinished => {
                let id = tool.text("id").unwrap_or_default();
                let known = stream.calls.iter().position(|call| call.id == id);
                let mut call = match known {
                    Some(at) => stream.calls.remove(at),
                    None => stream.call(body, &tool, None),
                };
                let by_ts = || stream.since(call.began).filter(|ms| *ms > 0);
                let took = body.count("duration_ms").or_else(by_ts);
                let mut took = took.map_or_else(String::new, duration);
                let inner = call.inner_time(stream.now());
                if !inner.is_empty() {
                    took.push_str(&format!(", sub-agent: {inner}"));
                }
                let finish = Finish::of(body, took);
                self.totals.failed_calls += u64::from(finish.look == Look::Bad);
                stream.write_call(call, &finish, &mut self.to);
            }
            Type::Status => stream.on_status(body, &mut self.to),
            kind if kind.is_terminal() => self.end_turn(&mut stream, Some((kind, body))),
            Type::TurnStarted => self.to.turn_to(&mut stream, Vec::new()),
            _ => {
                let name = one_line(&body.text("type").unwrap_or_default(), None);
                self.to.write(&mut stream, None, &Piece::Notice(Look::Dim, &format!("({name})")));
            }
        }
        self.streams[at] = stream;
        self.weigh(at);
    }

    /// Ends the open turn of a stream: by its terminal event, or without one.
    fn end_turn(&mut self, stream: &mut Stream, by: Option<(Type, &Fields<'_>)>) {
        while stream.write_next(&mut self.to) {}
        let Some(turn) = &mut stream.turn else { return };
        let timeline = std::mem::take(&mut turn.timeline);
        let began = turn.began;
        let (kind, body) = by.unzip();
        let took = body.and_then(|body| body.count("duration_ms")).or_else(|| stream.since(began));
        let result = match by {
            Some((kind, body)) => TurnResult::of(kind, body, took),
            None => TurnResult::truncated(took),
        };
        let index = [Type::TurnCompleted, Type::TurnFailed, Type::TurnCancelled]
            .iter()
            .position(|k| Some(*k) == kind);
        self.totals.turns[index.unwrap_or(3)] += 1;
        let times = began.map(|_| timeline.end(stream.now()));
        self.totals.millis += took.unwrap_or(0);
        self.totals.cost += body.and_then(|body| body.number("cost_usd")).unwrap_or(0.0);
        let stderr = body.and_then(|body| body.text("stderr_tail")).unwrap_or_default();
        let end = End {
            look: result.look,
            mark: capitalised(result.mark.trim_matches(['[', ']'])),
            reason: result.rest.trim().to_owned(),
            usage: body.map(usage_and_cost).unwrap_or_default(),
            times,
            stderr: escapes::plain(stderr.trim_end()).into_owned(),
        };
        self.to.write(stream, None, &Piece::End(&end));
        stream.ended = stream.turn.take().map(|turn| turn.number);
        stream.opened = false;
    }
}

/// `COMPLETED 1.2s` as `Completed 1.2s`.
fn capitalised(mark: &str) -> String {
    let (first, rest) = mark.split_at(mark.len().min(1));
    let (word, rest) = rest.split_at(rest.find(' ').unwrap_or(rest.len()));
    format!("{first}{}{rest}", word.to_lowercase())
}

impl<P: Page> OnLine for Transcript<P> {
    const TOO_LONG: &'static str = super::TOO_LONG;

    fn on_event(&mut self, _: Time, event: &Event<'_>, io: &mut Io) -> Result<(), Malformed> {
        match (&event.delta, event.kind) {
            (Some(delta), _) => self.on_delta(event, delta),
            (None, Type::TextDelta) => {
                return Err(Malformed::new(0, "a text_delta without block, kind and text"));
            }
            (None, _) => self.on_body(event, &Fields::parse(event.line)?),
        }
        self.to.hand_on(io);
        Ok(())
    }

    fn on_malformed(&mut self, _: Time, place: &Place<'_>, _: &Malformed, io: &mut Io) {
        let text = String::from_utf8_lossy(place.bytes);
        if !text.trim().is_empty() {
            self.to.apart(&Piece::Unreadable(&text));
        }
        self.to.hand_on(io);
    }

    fn begin_long(&mut self, _: Time, _: &mut Io) {
        self.long = 0;
    }

    fn on_long(&mut self, _now: Time, bytes: &[u8], io: &mut Io) {
        self.long += bytes.len() as u64;
        if bytes.ends_with(b"\n") {
            self.cut_long(io);
        }
    }

    fn cut_long(&mut self, io: &mut Io) {
        let bytes = count(std::mem::take(&mut self.long));
        let text = format!("A line of {bytes} bytes is too long to export (see --max-line).");
        self.to.apart(&Piece::Notice(Look::Warn, &text));
        self.to.hand_on(io);
    }

    fn on_end(&mut self, _: Time, io: &mut Io) {
        if self.long > 0 {
            self.cut_long(io);
        }
        self.rest = Some(self.streams.drain().collect());
    }

    /// Writes what is open: every open turn was cut off.
    fn on_rest(&mut self, _: Time, io: &mut Io) -> bool {
        let Some(mut rest) = self.rest.take() else { return false };
        while self.to.out.len() < PART {
            let Some(stream) = rest.front_mut() else {
                self.to.begin();
                self.to.leave();
                self.to.page.end(&self.totals, &mut self.to.out);
                self.to.hand_on(io);
                return true;
            };
            if !stream.write_next(&mut self.to) {
                self.end_turn(stream, None);
                rest.pop_front();
            }
        }
        self.rest = Some(rest);
        self.to.hand_on(io);
        true
    }
}
