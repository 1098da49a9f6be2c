//! cancel: passes events until a condition holds, then ends that turn. It sends a cancel request to the stream's wrap, or
//! without one ends the turn itself; after that nothing of the turn passes.

mod budget;
mod estimate;
mod list;
mod mask;
mod prices;
mod repeat;
mod stream;
#[cfg(test)]
mod tests;
mod truncate;
mod turn;

use std::time::Duration;

use regex::Regex;
use serde_json::json;

use super::{Filter, Out};
use crate::event::{Event, Type};
use crate::streams::Streams;
use crate::time::Time;

pub use list::{count, dollars, repeats, scaled};
pub use prices::Prices;
use stream::{Stream, TimeLimits};
pub use truncate::Truncate;

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
    /// Calls in a row of the same tool with the same input and result; numbers and times in the result count as the same.
    pub on_repeat: Option<u64>,
    /// Code points of the answers.
    pub max_text: Option<u64>,
    /// Tokens, as far as the runtime reports them before the turn's end.
    pub max_tokens: Option<u64>,
    /// Cost in US dollars, as far as the runtime reports it before the turn's end.
    pub max_cost: Option<f64>,
    /// True if tokens that the runtime does not report on the way are estimated.
    pub estimate: bool,
    /// Prices for tokens of which the runtime reports no cost on the way.
    pub prices: Option<Prices>,
    /// Reason in words; the condition by default.
    pub reason: Option<String>,
}

/// A condition that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    words: String,
    /// True if the runtime did not report what exceeds the limit.
    estimated: bool,
}

impl From<String> for Condition {
    fn from(words: String) -> Self {
        Self { words, estimated: false }
    }
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
    /// Receiver of the request; `None` is the wrap in which the filter runs, or with [`Receiver::Run`] one that is not known.
    pub control: Option<Control>,
}

/// Program that can end the turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receiver {
    /// The wrap of the stream's `session` event. A stream without one is ended by the filter.
    Session,
    /// The wrap of a run that goes on without the filter. It ends a turn even if its `session` was not read.
    Run,
    /// The wrap in which the filter runs.
    Host,
}

/// The filter. [`Cancel::take_requests`] are to be sent after every call; a refusal comes back by [`Cancel::refused`].
#[derive(Debug)]
pub struct Cancel {
    options: Options,
    receiver: Receiver,
    /// Requests that were not taken yet.
    requests: Vec<CancelRequest>,
    cancelled: u64,
    streams: Streams<Stream>,
    /// Lower bound of all streams' deadlines; a tick that came too early computes it anew.
    due: Option<Time>,
    /// A turn was ended here.
    ended_here: bool,
}

impl Cancel {
    /// A filter at the start of its input.
    pub fn new(options: Options, receiver: Receiver) -> Self {
        Self {
            options,
            receiver,
            requests: Vec::new(),
            cancelled: 0,
            streams: Streams::default(),
            due: None,
            ended_here: false,
        }
    }

    /// Changes the receiver of further requests.
    pub fn set_receiver(&mut self, receiver: Receiver) {
        self.receiver = receiver;
    }

    /// True if a request was not refused and its turn is still open.
    pub fn awaits(&mut self, request: &CancelRequest) -> bool {
        let at = self.streams.find(&request.stream);
        at.is_some_and(|at| self.streams[at].awaits(request.turn))
    }

    /// Takes the requests to send.
    pub fn take_requests(&mut self) -> Vec<CancelRequest> {
        std::mem::take(&mut self.requests)
    }

    /// Number of turns that this filter has cancelled.
    pub fn cancelled(&self) -> u64 {
        self.cancelled
    }

    /// True if a turn was ended here and no other stream is open: the rest of the input does not matter.
    pub fn is_over(&self) -> bool {
        self.ended_here && !self.streams.iter().any(|stream| stream.live)
    }

    /// Takes the refusal of a request. With the code `no_turn` or `other_turn` the turn has ended by itself, and its end
    /// follows; with any other nobody else can end it. A turn that has ended in the meantime has no request.
    pub fn refused(
        &mut self,
        now: Time,
        request: &CancelRequest,
        (code, why): (&str, &str),
        out: &mut Out<'_>,
    ) {
        let Some(at) = self.streams.find(&request.stream) else { return };
        let stream = &mut self.streams[at];
        if !stream.awaits(request.turn) {
            return;
        }
        let ends_itself = matches!(code, "no_turn" | "other_turn");
        let why = if ends_itself { "the turn is over by itself" } else { why };
        let data = json!({"code": code});
        out.emit(now, |buf| stream.status(now, ("cancel_refused", why), data, buf));
        if ends_itself {
            stream.leave();
        } else {
            self.terminate(now, at, out);
        }
    }

    /// Time at which a condition on time holds if nothing comes until then, where `quiet_since` is the time of the last
    /// output, of which not all has arrived here; `None` if silence does not count.
    pub fn due(&self, quiet_since: Option<Time>) -> Option<Time> {
        let idle = self.options.when_idle.filter(|_| quiet_since.is_some());
        let limits = TimeLimits { idle, ..self.limits(quiet_since.unwrap_or_default()) };
        let due = self.streams.iter().filter_map(|stream| stream.deadline(limits));
        let due = due.map(|(due, _)| due);
        due.min()
    }

    fn limits(&self, quiet_since: Time) -> TimeLimits {
        TimeLimits { after: self.options.after, idle: self.options.when_idle, quiet_since }
    }

    /// A condition holds: sends a request to the wrap, or ends the turn here.
    fn trigger(&mut self, now: Time, at: usize, condition: &Condition, out: &mut Out<'_>) {
        let stream = &mut self.streams[at];
        stream.begin();
        let reason = self.options.reason.as_deref().unwrap_or(&condition.words);
        let request = stream.request(reason, self.receiver);
        let mut data = json!({"condition": condition.words, "asks": request.is_some()});
        if condition.estimated {
            data["estimated"] = true.into();
        }
        out.emit(now, |buf| stream.status(now, ("cancel_requested", reason), data, buf));
        match request {
            Some(request) => self.requests.push(request),
            None => self.terminate(now, at, out),
        }
    }

    /// Ends the open turn of a stream; nothing more of the stream passes.
    fn terminate(&mut self, now: Time, at: usize, out: &mut Out<'_>) {
        self.streams[at].terminate(now, out);
        self.ended_here = true;
        self.cancelled += 1;
    }

    fn on_numbered(&mut self, now: Time, at: usize, event: &Event<'_>, out: &mut Out<'_>) {
        let limits = self.limits(Time::default());
        let stream = &mut self.streams[at];
        let pending = stream.is_pending();
        let triggered = stream.take(now, event, &self.options);
        let soonest = stream.deadline(limits).map(|(at, _)| at);
        self.due = self.due.into_iter().chain(soonest).min();
        out.pass(now, event);
        if let Some(warning) = stream.unpriced(event, &self.options) {
            let data = json!({"code": "no_price"});
            out.emit(now, |buf| stream.status(now, ("warning", &warning), data, buf));
        }
        if pending && event.kind == Type::TurnCancelled {
            self.cancelled += 1;
        }
        if let Some(condition) = triggered {
            self.trigger(now, at, &condition, out);
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
        out.pass(now, event);
    }

    fn deadline(&self) -> Option<Time> {
        self.due
    }

    fn on_tick(&mut self, now: Time, out: &mut Out<'_>) {
        let limits = self.limits(Time::default());
        while self.due.is_some_and(|due| due <= now) {
            let next = self.streams.iter().enumerate().filter_map(|(at, stream)| {
                let (due, condition) = stream.deadline(limits)?;
                Some((due, at, condition))
            });
            let next = next.min_by_key(|(due, ..)| *due);
            self.due = next.map(|(due, ..)| due);
            if let Some((due, at, condition)) = next.filter(|(due, ..)| *due <= now) {
                self.trigger(due, at, &condition.to_string().into(), out);
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
