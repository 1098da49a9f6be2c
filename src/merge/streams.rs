//! Owners and ends of streams.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::label::Label;
use crate::codec::{self, Str, Writer};
use crate::event::{Envelope, Event, Status, Type};
use crate::exit::Exit;
use crate::outcome;
use crate::stage::Io;
use serde_json::json;

/// Streams in memory; past that the oldest, those without an open turn first, are closed and forgotten.
pub(super) const MAX_STREAMS: usize = 10_000;

#[derive(Default)]
pub(super) struct Streams {
    by_id: HashMap<String, Stream>,
    /// Streams so far, for their order.
    count: u64,
    with_turn: HashSet<usize>,
    closed: Exit,
}

#[derive(Default)]
struct Stream {
    source: usize,
    order: u64,
    label: Option<String>,
    ts: String,
    open: Option<u64>,
    /// Number and end of the last ended turn.
    last: Option<(u64, Ended)>,
    turns: u64,
    events: u64,
}

enum Ended {
    Completed,
    Failed(Option<String>),
    Cancelled,
}

impl Streams {
    /// Records an event of a stream; returns the stream's source.
    pub(super) fn take(
        &mut self,
        source: usize,
        label: Option<&Label>,
        id: &str,
        event: &Event<'_>,
        io: &mut Io,
    ) -> usize {
        if let Some(stream) = self.by_id.get_mut(id) {
            if stream.source == source && stream.take(event) {
                self.with_turn.insert(source);
            }
            return stream.source;
        }
        if self.by_id.len() >= MAX_STREAMS {
            self.forget(io);
        }
        let label = own_label(event).or(label.map(|l| l.text.clone()));
        let mut stream = Stream { source, order: self.count, label, ..Stream::default() };
        self.count += 1;
        if stream.take(event) {
            self.with_turn.insert(source);
        }
        self.by_id.insert(id.to_owned(), stream);
        source
    }

    pub(super) fn any_turn_of(&self, source: usize) -> bool {
        self.with_turn.contains(&source)
    }

    pub(super) fn exit(&self) -> Exit {
        let open = self.by_id.values().map(|stream| stream.end().1);
        open.fold(self.closed, Exit::or)
    }

    fn forget(&mut self, io: &mut Io) {
        let key = |stream: &Stream| (stream.open.is_some(), stream.order);
        let mut keys: Vec<_> = self.by_id.values().map(key).collect();
        keys.sort_unstable();
        let limit = keys.get(MAX_STREAMS / 10).copied();
        let leave = |stream: &Stream| limit.is_none_or(|limit| key(stream) < limit);
        let some: Vec<_> = self.by_id.extract_if(|_, stream| leave(stream)).collect();
        self.close_these(some, io);
    }

    pub(super) fn close(&mut self, io: &mut Io) {
        let all = self.by_id.drain().collect();
        self.close_these(all, io);
    }

    fn close_these(&mut self, mut streams: Vec<(String, Stream)>, io: &mut Io) {
        streams.sort_by_key(|(_, stream)| stream.order);
        for (id, stream) in streams {
            self.closed = self.closed.or(stream.end().1);
            stream.emit_end(&id, io);
        }
    }
}

fn own_label(event: &Event<'_>) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct StreamHead<'a> {
        #[serde(borrow)]
        label: Option<Str<'a>>,
    }
    let head: StreamHead<'_> = codec::body(event.line).ok()?;
    head.label.map(|label| label.0.into_owned())
}

impl Stream {
    /// Records an event; `true` if it belongs to a turn.
    fn take(&mut self, event: &Event<'_>) -> bool {
        if event.seq.is_none() {
            return false;
        }
        self.events += 1;
        if let Some(ts) = &event.ts {
            self.ts.clear();
            self.ts.push_str(ts);
        }
        let Some(turn) = event.turn else { return false };
        let ended = match event.kind {
            Type::TurnCompleted => Ended::Completed,
            Type::TurnFailed => Ended::Failed(outcome::failure_code(event).map(Cow::into_owned)),
            Type::TurnCancelled => Ended::Cancelled,
            _ => {
                let over = self.last.as_ref().is_some_and(|(last, _)| turn <= *last);
                if !over && self.open != Some(turn) {
                    self.open = Some(turn);
                    self.turns += 1;
                }
                return true;
            }
        };
        self.turns += u64::from(self.open != Some(turn));
        self.open = None;
        self.last = Some((turn, ended));
        true
    }

    /// End as a message and an exit status; the message begins with a word for the end, up to a colon.
    fn end(&self) -> (String, Exit) {
        match (self.open, &self.last) {
            (Some(turn), _) => (format!("truncated: turn {turn} has no end"), Exit::Failed),
            (None, None) => ("truncated: no turn came".into(), Exit::Failed),
            (None, Some((_, Ended::Completed))) => ("completed".into(), Exit::Success),
            (None, Some((_, Ended::Cancelled))) => ("cancelled".into(), Exit::Cancelled),
            (None, Some((_, Ended::Failed(code)))) => {
                let shown = code.as_deref().unwrap_or("runtime_error");
                let exit = Exit::of_failure(code.as_deref().unwrap_or_default());
                (format!("failed: {shown}"), exit)
            }
        }
    }

    /// Writes the final `status`. Its time is the stream's last, so that a merge of recordings is deterministic.
    fn emit_end(&self, id: &str, io: &mut Io) {
        let (message, _) = self.end();
        let ended = message.split(':').next().unwrap_or_default().to_owned();
        let envelope = Envelope {
            stream: Some(id.into()),
            ts: Some(self.ts.as_str().into()).filter(|_| !self.ts.is_empty()),
            label: self.label.as_deref().map(Into::into),
            ..Envelope::of(Type::Status)
        };
        let body = Status {
            kind: "info".into(),
            message: Some(message.into()),
            data: Some(json!({"ended": ended, "turns": self.turns, "events": self.events})),
        };
        Writer::default().event(&mut io.out, &envelope, &body);
    }
}
