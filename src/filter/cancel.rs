//! cancel: passes events until a condition holds, then ends that turn. It sends a cancel request to the stream's wrap, or
//! without one ends the turn itself; after that nothing of the turn passes.

mod budget;
mod repeat;
mod stream;
#[cfg(test)]
mod tests;
mod turn;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use regex::Regex;
use serde_json::json;

use super::{Filter, Out};
use crate::event::{Event, Type};
use crate::streams::Streams;
use crate::time::Time;

use stream::{Stream, ends_itself};

/// Conditions, of which the first that holds ends the turn.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Duration of the turn.
    pub after: Option<Duration>,
    /// Time without a numbered event.
    pub when_idle: Option<Duration>,
    /// Pattern in the text of an answer so far; the last 4 KiB are searched.
    pub pattern: Option<Regex>,
    /// Names of tools of which one was started.
    pub tools: Vec<String>,
    /// Calls in a row of the same tool with the same input and result; numbers in the result count as the same.
    pub on_repeat: Option<u64>,
    /// Code points of the answers.
    pub max_text: Option<u64>,
    /// Tokens, as far as the runtime reports them before the turn's end.
    pub max_tokens: Option<u64>,
    /// Cost in US dollars, as far as the runtime reports it before the turn's end.
    pub max_cost: Option<f64>,
    /// Reason in words; the condition by default.
    pub reason: Option<String>,
}

impl Options {
    /// True if there is any condition.
    pub fn is_any(&self) -> bool {
        self.after.is_some()
            || self.when_idle.is_some()
            || self.pattern.is_some()
            || !self.tools.is_empty()
            || self.on_repeat.is_some()
            || self.max_text.is_some()
            || self.has_budget()
    }

    /// True if tokens or costs are counted.
    fn has_budget(&self) -> bool {
        self.max_tokens.is_some() || self.max_cost.is_some()
    }
}

/// Address of the wrap of a stream, from its `session` event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Process id of wrap.
    pub pid: u32,
    /// Run token.
    pub word: String,
}

/// Request to a wrap to end a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelRequest {
    /// Stream of the turn.
    pub stream: String,
    /// Number of the turn.
    pub turn: u64,
    /// Reason in words.
    pub reason: String,
    /// Receiver of the request.
    pub control: Control,
}

/// Requests of the filter and their results; shared with the code that sends them.
#[derive(Debug, Default)]
pub struct Requests {
    /// Requests to send. A refusal passes through the filter as [`refusal`].
    pub open: Vec<CancelRequest>,
    /// Turns that this filter has cancelled.
    pub cancelled: u64,
    /// A turn was ended here and no other stream is open: the rest of the input does not matter.
    pub over: bool,
}

/// The filter.
#[derive(Debug)]
pub struct Cancel {
    options: Options,
    requests: Rc<RefCell<Requests>>,
    streams: Streams<Stream>,
    /// Lower bound of all streams' deadlines; a tick that came too early computes it anew.
    due: Option<Time>,
    /// A turn was ended here.
    ended_here: bool,
}

/// Line, without a line feed, of the event that a request was refused. With the `code` `no_turn` or `other_turn` the turn has
/// ended by itself, with any other no wrap can end it. It has no `ts`: only the filter reads it, and emits its own event if
/// the turn is still open.
pub fn refusal(request: &CancelRequest, code: &str, why: &str) -> String {
    json!({
        "v": 1,
        "type": "status",
        "stream": request.stream,
        "turn": request.turn,
        "kind": "cancel_refused",
        "message": why,
        "data": {"code": code},
    })
    .to_string()
}

/// True for a [`refusal`], not for the event of another cancel.
fn is_refusal(event: &Event<'_>) -> bool {
    event.kind == Type::Status && event.ts.is_none() && event.line.contains("cancel_refused")
}

impl Cancel {
    /// A filter at the start of its input that puts its requests into `requests`.
    pub fn new(options: Options, requests: Rc<RefCell<Requests>>) -> Self {
        Self { options, requests, streams: Streams::default(), due: None, ended_here: false }
    }

    /// A condition holds: sends a request to the wrap, or ends the turn here.
    fn trigger(&mut self, now: Time, at: usize, condition: &str, out: &mut Out<'_>) {
        let stream = &mut self.streams[at];
        stream.begin();
        let reason = self.options.reason.as_deref().unwrap_or(condition);
        let data = json!({"condition": condition, "asks": stream.control.is_some()});
        out.emit(now, |buf| stream.status(now, ("cancel_requested", reason), data, buf));
        match stream.request(reason) {
            Some(request) => self.requests.borrow_mut().open.push(request),
            None => self.terminate(now, at, out),
        }
    }

    /// Ends the open turn of a stream; nothing more of the stream passes.
    fn terminate(&mut self, now: Time, at: usize, out: &mut Out<'_>) {
        self.streams[at].terminate(now, out);
        self.ended_here = true;
        self.requests.borrow_mut().cancelled += 1;
        self.update_done();
    }

    fn update_done(&mut self) {
        if self.ended_here && !self.streams.iter().any(|stream| stream.live) {
            self.requests.borrow_mut().over = true;
        }
    }

    fn on_numbered(&mut self, now: Time, at: usize, event: &Event<'_>, out: &mut Out<'_>) {
        let stream = &mut self.streams[at];
        let pending = stream.is_pending();
        let triggered = stream.take(now, event, &self.options);
        let soonest = stream.deadline(&self.options).map(|(at, _)| at);
        self.due = self.due.into_iter().chain(soonest).min();
        out.pass(now, event);
        if pending && event.kind == Type::TurnCancelled {
            self.requests.borrow_mut().cancelled += 1;
        }
        if let Some(condition) = triggered {
            self.trigger(now, at, &condition, out);
        } else if event.kind.is_terminal() || event.turn.is_none() {
            self.update_done();
        }
    }
}

impl Filter for Cancel {
    fn on_event(&mut self, now: Time, event: &Event<'_>, out: &mut Out<'_>) {
        let Some(id) = &event.stream else {
            return out.pass(now, event);
        };
        let (at, _) = self.streams.place(id, || Stream::new(id), Stream::worth);
        let stream = &mut self.streams[at];
        if stream.cut {
            return;
        }
        if event.seq.is_some() {
            return self.on_numbered(now, at, event, out);
        }
        match stream.refusal(event) {
            // The turn has ended in the meantime.
            None if is_refusal(event) => {}
            None => out.pass(now, event),
            Some((code, why)) => {
                let data = json!({"code": code});
                out.emit(now, |buf| stream.status(now, ("cancel_refused", &why), data, buf));
                if ends_itself(&code) {
                    stream.leave();
                } else {
                    self.terminate(now, at, out);
                }
            }
        }
    }

    fn deadline(&self) -> Option<Time> {
        self.due
    }

    fn on_tick(&mut self, now: Time, out: &mut Out<'_>) {
        while self.due.is_some_and(|due| due <= now) {
            let next = self.streams.iter().enumerate().filter_map(|(at, stream)| {
                let (due, condition) = stream.deadline(&self.options)?;
                Some((due, at, condition))
            });
            let next = next.min_by_key(|(due, ..)| *due);
            self.due = next.map(|(due, ..)| due);
            if let Some((due, at, condition)) = next.filter(|(due, ..)| *due <= now) {
                self.trigger(due, at, &condition.to_string(), out);
            }
        }
    }

    fn on_end(&mut self, now: Time, out: &mut Out<'_>) {
        for at in 0..self.streams.len() {
            // No wrap will end it any more.
            if self.streams[at].is_pending() {
                self.terminate(now, at, out);
            }
        }
    }
}

/// Streams that are remembered, those with an open turn before the others; events of more streams only pass.
const MAX_STREAMS: usize = 10_000;

/// A filter that passes everything unchanged, and at the end of the input fails open turns with `truncated`: the writer of
/// the events died before it could end them.
#[derive(Debug, Default)]
pub struct Truncate {
    streams: HashMap<String, Stream>,
    options: Options,
}

impl Truncate {
    fn has_room(&mut self) -> bool {
        if self.streams.len() >= MAX_STREAMS {
            self.streams.retain(|_, stream| stream.is_open());
        }
        self.streams.len() < MAX_STREAMS
    }
}

impl Filter for Truncate {
    fn on_event(&mut self, now: Time, event: &Event<'_>, out: &mut Out<'_>) {
        out.pass(now, event);
        let (Some(id), Some(_)) = (&event.stream, event.seq) else {
            return;
        };
        if let Some(stream) = self.streams.get_mut(id.as_ref()) {
            stream.take(now, event, &self.options);
        } else if self.has_room() {
            let mut stream = Stream::new(id);
            stream.take(now, event, &self.options);
            self.streams.insert(id.to_string(), stream);
        }
    }

    fn on_end(&mut self, now: Time, out: &mut Out<'_>) {
        let mut open: Vec<&mut Stream> =
            self.streams.values_mut().filter(|s| s.is_open()).collect();
        open.sort_by(|a, b| a.id.cmp(&b.id));
        for stream in open {
            stream.truncate(now, out);
        }
    }
}
