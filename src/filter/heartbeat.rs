//! heartbeat: a `status` while an open turn is silent. It never holds, changes or drops an event.

#[cfg(test)]
mod tests;

use std::time::Duration;

use serde_json::json;

use super::coalesce::chars;
use super::{Filter, Out};
use crate::codec::{self, Fields, Writer};
use crate::event::{Envelope, Event, Status, Type};
use crate::streams::Streams;
use crate::time::Time;

/// Times of heartbeats.
#[derive(Debug, Clone)]
pub struct Options {
    /// Time without a numbered event after which a heartbeat is emitted; at least a millisecond.
    pub every: Duration,
    /// Silence after which `stalled` is emitted, once.
    pub stall_after: Option<Duration>,
    /// Most heartbeats in one silence; an event of the stream starts anew.
    pub most: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { every: Duration::from_secs(10), stall_after: None, most: u64::MAX }
    }
}

/// The filter.
#[derive(Debug)]
pub struct Heartbeat {
    options: Options,
    /// Shortest silence after which something may be due.
    shortest: Duration,
    streams: Streams<Stream>,
    /// Lower bound of all streams' deadlines. Events only postpone them, so it is computed anew only on a tick that came too
    /// early.
    due: Option<Time>,
}

#[derive(Debug, Default)]
struct Stream {
    id: String,
    label: Option<String>,
    open: Option<Turn>,
    /// The last turn that has ended.
    ended: u64,
    /// `ts` of the last event that had one, and when that came.
    ts: String,
    ts_at: Time,
    /// Arrival of the last numbered event.
    last_at: Time,
    /// Heartbeats since then, and whether a stall was reported.
    beats: u64,
    stalled: bool,
}

#[derive(Debug, Default)]
struct Turn {
    number: Option<u64>,
    since: Time,
    events: u64,
    chars: u64,
    open_tools: u64,
    /// Any text or tool has come.
    active: bool,
}

/// Kinds of the `status`; of two that are due at once the heartbeat comes first.
const HEARTBEAT: &str = "heartbeat";
const STALLED: &str = "stalled";

impl Heartbeat {
    /// A filter at the start of its input.
    pub fn new(options: Options) -> Self {
        let least = Duration::from_millis(1);
        let every = options.every.max(least);
        let stall_after = options.stall_after.map(|after| after.max(least));
        Self {
            shortest: stall_after.map_or(every, |after| after.min(every)),
            options: Options { every, stall_after, most: options.most },
            streams: Streams::default(),
            due: None,
        }
    }
}

impl Stream {
    fn take(&mut self, now: Time, event: &Event<'_>) {
        self.last_at = now;
        self.beats = 0;
        self.stalled = false;
        if let Some(ts) = &event.ts {
            ts.as_ref().clone_into(&mut self.ts);
            self.ts_at = now;
        }
        if event.kind.is_terminal() {
            self.open = None;
            self.ended = self.ended.max(event.turn.unwrap_or_default());
            return;
        }
        let another = match &self.open {
            Some(turn) => event.turn.is_some() && event.turn != turn.number,
            // A late reader sees no start. A started agent without any output is at work too.
            None => {
                event.turn.is_some()
                    || event.kind == Type::TurnStarted
                    || (self.ended == 0 && is_start(event))
            }
        };
        if another && event.turn.is_none_or(|turn| turn > self.ended) {
            self.open(now, event);
        }
        if let Some(turn) = &mut self.open {
            turn.count(event);
        }
    }

    fn open(&mut self, now: Time, event: &Event<'_>) {
        if let Some(label) = codec::value_of(event.line, "label").and_then(codec::text) {
            self.label = Some(label.into_owned());
        }
        self.open = Some(Turn { number: event.turn, since: now, ..Turn::default() });
    }

    /// The next beat and its time.
    fn next(&self, options: &Options) -> Option<(Time, &'static str)> {
        self.open.as_ref()?;
        let factor = u32::try_from(self.beats + 1).unwrap_or(u32::MAX);
        let beat = self.last_at + options.every.saturating_mul(factor);
        let beat = (self.beats < options.most).then_some((beat, HEARTBEAT));
        let stall = options.stall_after.filter(|_| !self.stalled);
        let stall = stall.map(|after| (self.last_at + after, STALLED));
        // A deadline at the end of time would never pass.
        beat.into_iter().chain(stall).min().filter(|(at, _)| *at < Time::from_micros(u64::MAX))
    }

    fn emit(&mut self, at: Time, kind: &str, buf: &mut Vec<u8>) {
        if kind == STALLED {
            self.stalled = true;
        } else {
            self.beats += 1;
        }
        let Some(turn) = &self.open else { return };
        let state = match turn {
            Turn { open_tools: 1.., .. } => "tool",
            Turn { active: false, .. } => "waiting",
            _ => "quiet",
        };
        let data = json!({
            "state": state,
            "elapsed_ms": millis(at.since(turn.since)),
            "idle_ms": millis(at.since(self.last_at)),
            "events": turn.events,
            "chars": turn.chars,
            "open_tools": turn.open_tools,
        });
        // The stream's own time continues: the heartbeat of a recording has a time of that recording.
        let ts = Time::parse(&self.ts).map_or(at, |ts| ts + at.since(self.ts_at));
        let envelope = Envelope {
            stream: Some(self.id.as_str().into()),
            turn: turn.number,
            ts: Some(ts.to_string().into()),
            label: self.label.as_deref().map(Into::into),
            ..Envelope::of(Type::Status)
        };
        let body = Status { kind: kind.into(), message: None, data: Some(data) };
        Writer::default().event(buf, &envelope, &body);
    }
}

/// True for the event of a started process.
fn is_start(event: &Event<'_>) -> bool {
    let session = |fields: Fields<'_>| fields.text("kind").as_deref() == Some("session");
    event.kind == Type::Status && Fields::parse(event.line).is_ok_and(session)
}

impl Turn {
    fn count(&mut self, event: &Event<'_>) {
        self.events += 1;
        if let Some(delta) = &event.delta {
            self.chars += chars(delta.text.0) as u64;
        }
        match event.kind {
            Type::TextDelta | Type::BlockFinal => self.active = true,
            Type::ToolStarted => {
                self.active = true;
                self.open_tools += 1;
            }
            Type::ToolFinished => self.open_tools = self.open_tools.saturating_sub(1),
            _ => {}
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Filter for Heartbeat {
    fn on_event(&mut self, now: Time, event: &Event<'_>, out: &mut Out<'_>) {
        // An injected event, such as a heartbeat, is no sign of life of the agent.
        if let (Some(stream), Some(_)) = (&event.stream, event.seq) {
            let new = || Stream { id: stream.to_string(), ..Stream::default() };
            let (at, _) = self.streams.place(stream, new, |s| (s.open.is_some(), s.last_at));
            let stream = &mut self.streams[at];
            stream.take(now, event);
            if stream.open.is_some() {
                self.due = self.due.into_iter().chain([now + self.shortest]).min();
            }
        }
        out.pass(now, event);
    }

    fn deadline(&self) -> Option<Time> {
        self.due
    }

    fn on_tick(&mut self, now: Time, out: &mut Out<'_>) {
        loop {
            let options = &self.options;
            let next = |stream: &Stream| stream.next(options);
            let due = self
                .streams
                .iter_mut()
                .filter_map(|stream| next(stream).map(|(at, beat)| (at, beat, stream)))
                .min_by_key(|(at, ..)| *at);
            self.due = due.as_ref().map(|(at, ..)| *at);
            let Some((at, beat, stream)) = due.filter(|(at, ..)| *at <= now) else { return };
            out.emit(now, |buf| stream.emit(at, beat, buf));
        }
    }
}
