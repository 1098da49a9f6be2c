//! cancel: passes events until a condition holds, then has that turn ended. It asks for that where the stream's wrap can be
//! asked, and else ends the turn itself; it never lets anything of a turn pass that it has ended.

mod budget;
mod stream;
#[cfg(test)]
mod tests;
mod truncate;
mod turn;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use regex::Regex;

use super::streams::Streams;
use super::{Filter, Out};
use crate::event::{Event, Type};
use crate::time::Time;

use stream::{Refusal, Stream};
pub use truncate::Truncate;

/// When a turn is to end: as soon as one of these holds.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The turn has taken so long.
    pub after: Option<Duration>,
    /// No numbered event has come for so long.
    pub when_idle: Option<Duration>,
    /// The text of an answer has this in it, as far as its block has come; the last 4 KiB are looked at.
    pub pattern: Option<Regex>,
    /// A tool with one of these names was started.
    pub tools: Vec<String>,
    /// The answers have more code points than this.
    pub max_text: Option<u64>,
    /// More tokens than this were used, as far as the runtime says that before the turn's end.
    pub max_tokens: Option<u64>,
    /// It has cost more than this in US dollars, as far as the runtime says that before the turn's end.
    pub max_cost: Option<f64>,
    /// Why, in words; else the condition.
    pub reason: Option<String>,
}

impl Options {
    /// True if any condition is there.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.after.is_some()
            || self.when_idle.is_some()
            || self.pattern.is_some()
            || !self.tools.is_empty()
            || self.max_text.is_some()
            || self.has_budget()
    }

    /// True if tokens or costs are counted.
    fn has_budget(&self) -> bool {
        self.max_tokens.is_some() || self.max_cost.is_some()
    }
}

/// Where the wrap of a stream can be asked, as its `session` event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// The process id of wrap.
    pub pid: u32,
    /// What only this run has.
    pub word: String,
}

/// A turn that a wrap is to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelRequest {
    /// The stream.
    pub stream: String,
    /// The turn.
    pub turn: u64,
    /// Why, in words.
    pub reason: String,
    /// Whom to ask.
    pub control: Control,
}

/// What the filter wants done, and how it stands; shared with whoever carries it out.
#[derive(Debug, Default)]
pub struct Requests {
    /// What is to be asked. The answer, if it is a refusal, goes through the filter as [`refusal`].
    pub open: Vec<CancelRequest>,
    /// Turns that were cancelled because of this filter.
    pub cancelled: u64,
    /// A turn was ended here, and no other stream is open: nothing is to be read any more.
    pub over: bool,
}

/// The filter.
#[derive(Debug)]
pub struct Cancel {
    options: Options,
    requests: Rc<RefCell<Requests>>,
    streams: Streams<Stream>,
    /// Never later than the earliest deadline of any stream; a tick that comes too early computes it anew.
    due: Option<Time>,
    /// True if a turn was ended here.
    ended_here: bool,
}

/// The event that says that a request was refused, as its line without a line feed. `code` is the word for programs: with
/// `no_turn` and `other_turn` the turn is over by itself, with any other there is nobody who could end it. It is for the filter
/// alone, which says it again if the turn is still open: without `ts` it is no event for anybody else.
#[must_use]
pub fn refusal(request: &CancelRequest, code: &str, why: &str) -> String {
    serde_json::json!({
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

/// True if an event is a [`refusal`]; what another cancel has said of its own is not.
fn is_refusal(event: &Event<'_>) -> bool {
    event.kind == Type::Status && event.ts.is_none() && event.line.contains("cancel_refused")
}

impl Cancel {
    /// A filter that has seen nothing yet; what it wants done lies on `requests`.
    #[must_use]
    pub fn new(options: Options, requests: Rc<RefCell<Requests>>) -> Self {
        Self { options, requests, streams: Streams::default(), due: None, ended_here: false }
    }

    /// A condition holds: the wrap of the stream is asked, or the turn ends here.
    fn trigger(&mut self, now: Time, at: usize, condition: &str, out: &mut Out<'_>) {
        let stream = &mut self.streams[at];
        stream.begin();
        let reason = self.options.reason.as_deref().unwrap_or(condition);
        out.emit(now, |buf| stream.emit_requested(now, reason, condition, buf));
        match stream.request(reason) {
            Some(request) => self.requests.borrow_mut().open.push(request),
            None => self.terminate(now, at, out),
        }
    }

    /// Ends the open turn of a stream here, and lets nothing more of the stream pass.
    fn terminate(&mut self, now: Time, at: usize, out: &mut Out<'_>) {
        self.streams[at].terminate(now, out);
        self.ended_here = true;
        self.requests.borrow_mut().cancelled += 1;
        self.update_done();
    }

    fn update_done(&mut self) {
        if self.ended_here && !self.streams.iter().any(Stream::is_live) {
            self.requests.borrow_mut().over = true;
        }
    }

    fn on_numbered(&mut self, now: Time, at: usize, event: &Event<'_>, out: &mut Out<'_>) {
        let stream = &mut self.streams[at];
        let asked = stream.is_asked();
        let triggered = stream.take(now, event, &self.options);
        let ended = event.kind.is_terminal();
        let soonest = stream.deadline(&self.options).map(|(at, _)| at);
        if let Some(soonest) = soonest
            && self.due.is_none_or(|due| due > soonest)
        {
            self.due = Some(soonest);
        }
        out.pass(now, event);
        if asked && event.kind == Type::TurnCancelled {
            self.requests.borrow_mut().cancelled += 1;
        }
        if let Some(condition) = triggered {
            self.trigger(now, at, &condition, out);
        } else if ended || event.turn.is_none() {
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
        if stream.is_cut() {
            return;
        }
        if event.seq.is_some() {
            return self.on_numbered(now, at, event, out);
        }
        match stream.refusal(event) {
            // The turn has ended since: nothing of it can be said any more.
            None if is_refusal(event) => {}
            None => out.pass(now, event),
            Some(refusal) => {
                out.emit(now, |buf| stream.emit_refused(now, &refusal, buf));
                if refusal == Refusal::Nobody || !stream.is_answerable(&refusal) {
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
            let Some((due, at, condition)) = next.min_by_key(|(due, ..)| *due) else {
                self.due = None;
                return;
            };
            self.due = Some(due);
            if due <= now {
                self.trigger(due, at, &condition.to_string(), out);
            }
        }
    }

    fn on_end(&mut self, now: Time, out: &mut Out<'_>) {
        for at in 0..self.streams.len() {
            // Nobody will end it any more.
            if self.streams[at].is_asked() {
                self.terminate(now, at, out);
            }
        }
    }
}
