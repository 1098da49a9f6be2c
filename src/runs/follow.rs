//! Lines of a run that a reader gets: all of them, those from a number on, or those from now on.

#[cfg(test)]
mod tests;

use serde_json::json;

use super::cursor::Batch;
use super::first::FirstStream;
use crate::codec::{self, Writer};
use crate::event::{Envelope, Event, Status, Type};
use crate::outcome::Outcome;
use crate::text::number;
use crate::time::Time;

/// Streams of a run whose state is kept until the first line is shown. wrap writes no more.
const MAX_STREAMS: usize = 256;

/// Place at which a reader of a run starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StartAt {
    /// First line.
    #[default]
    Start,
    /// Lines that are written from now on.
    Now,
    /// Event of the run's first stream with this number, or the next one, and everything behind it.
    Seq(u64),
}

impl StartAt {
    /// Place by its name on a command line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let start = match text {
            "start" => Some(Self::Start),
            "now" => Some(Self::Now),
            seq => number(seq).map(Self::Seq),
        };
        start.ok_or_else(|| "write start, now, or the seq of an event".to_owned())
    }
}

/// Follower of an event file: it decides which lines are shown, and notices the end that wrap reports.
#[derive(Debug)]
pub struct Follow {
    first: FirstStream,
    begin: Begin,
}

#[derive(Debug)]
enum Begin {
    /// All that follows is shown.
    Begun,
    Seq(u64),
    Now {
        /// Length of the file at the start.
        until: u64,
        streams: Vec<Known>,
    },
}

/// State of a stream that a reader who starts now needs.
#[derive(Debug, Default)]
struct Known {
    id: String,
    /// Its `session` with the address of wrap.
    session: Vec<u8>,
    /// Begin of its open turn.
    turn: Vec<u8>,
}

impl Follow {
    /// A follower from the start of a file that has this length now.
    pub fn new(start: StartAt, length: u64) -> Self {
        let begin = match start {
            StartAt::Start => Begin::Begun,
            StartAt::Seq(seq) => Begin::Seq(seq),
            StartAt::Now => Begin::Now { until: length, streams: Vec::new() },
        };
        Self { first: FirstStream::default(), begin }
    }

    /// True once wrap has reported the end of the run.
    pub fn is_over(&self) -> bool {
        self.first.is_over()
    }

    /// Takes the next lines of the file, and appends those that are shown to `out`, unchanged.
    pub fn take(&mut self, now: Time, batch: Batch<'_>, outcome: &mut Outcome, out: &mut Vec<u8>) {
        let mut shown = matches!(self.begin, Begin::Begun).then_some(0);
        for (offset, line) in batch.lines() {
            let event = codec::decode(line).ok().filter(|event| event.seq.is_some());
            let end = offset + line.len() as u64 + 1;
            if shown.is_none() && self.begins(now, end, event.as_ref(), out) {
                shown = usize::try_from(offset - batch.offset).ok();
            }
            if let Some(event) = event {
                outcome.on_event(&event);
                self.first.on_event(&event);
                if let Begin::Now { streams, .. } = &mut self.begin {
                    note(streams, &event);
                }
            }
        }
        if let Some(from) = shown {
            out.extend_from_slice(&batch.bytes[from..]);
        }
    }

    /// Notes that the file has no further complete line at the moment.
    pub fn caught_up(&mut self, now: Time, out: &mut Vec<u8>) {
        self.begin_now(now, out);
    }

    /// True if the line that ends at this offset is the first one to show.
    fn begins(
        &mut self,
        now: Time,
        end: u64,
        event: Option<&Event<'_>>,
        out: &mut Vec<u8>,
    ) -> bool {
        match &self.begin {
            Begin::Begun => return true,
            Begin::Seq(wanted) => {
                let first = &self.first.id;
                let seq = event
                    .filter(|event| first.is_empty() || event.stream.as_deref() == Some(first))
                    .and_then(|event| event.seq);
                if seq.is_none_or(|seq| seq < *wanted) {
                    return false;
                }
                self.begin = Begin::Begun;
            }
            Begin::Now { until, .. } if end <= *until => return false,
            Begin::Now { .. } => self.begin_now(now, out),
        }
        true
    }

    /// Begins with what a reader needs who has not seen the lines up to now: a `gap`, and for each stream its `session` and
    /// the begin of its open turn.
    fn begin_now(&mut self, now: Time, out: &mut Vec<u8>) {
        let Begin::Now { streams, .. } = &mut self.begin else { return };
        let streams = std::mem::take(streams);
        self.begin = Begin::Begun;
        if self.first.id.is_empty() {
            return;
        }
        let last = Time::parse(&self.first.ts).unwrap_or_default();
        let envelope = Envelope {
            seq: None,
            ts: Some(last.max(now).to_string().into()),
            ..self.first.next(Type::Status)
        };
        let body = Status {
            kind: "gap".into(),
            message: Some("earlier events of this run are not shown".into()),
            data: Some(json!({"from_seq": 1, "to_seq": self.first.seq})),
        };
        Writer::default().event(out, &envelope, &body);
        for stream in streams {
            out.extend_from_slice(&stream.session);
            out.extend_from_slice(&stream.turn);
        }
    }
}

/// Keeps what [`Follow::begin_now`] repeats of an event.
fn note(streams: &mut Vec<Known>, event: &Event<'_>) {
    let line = || [event.line.as_bytes(), b"\n"].concat();
    let Some(id) = event.stream.as_deref() else { return };
    let is_session = event.kind == Type::Status
        && event.turn.is_none()
        && codec::value_of(event.line, "kind") == Some("\"session\"");
    let turn = match event.kind {
        Type::TurnStarted => Some(line()),
        kind if kind.is_terminal() => Some(Vec::new()),
        _ => None,
    };
    if !is_session && turn.is_none() {
        return;
    }
    let at = streams.iter().position(|stream| stream.id == id);
    let at = at.unwrap_or_else(|| {
        if streams.len() < MAX_STREAMS {
            streams.push(Known { id: id.to_owned(), ..Known::default() });
        }
        streams.len() - 1
    });
    let stream = &mut streams[at];
    if stream.id != id {
        return;
    }
    if let Some(turn) = turn {
        stream.turn = turn;
    }
    let data = || codec::value_of(event.line, "data").unwrap_or_default();
    if is_session && codec::value_of(data(), "control").is_some() {
        stream.session = line();
    }
}
