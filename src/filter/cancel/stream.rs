//! State of one stream in cancel: the wrap that can end its turn, and the turn's end where there is none.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::estimate::Conversations;
use super::turn::{State, Turn, body};
use super::{CancelRequest, Condition, Control, Options, Receiver};
use crate::codec::{self, Writer};
use crate::event::{
    Envelope, Event, Failure, Status, TurnCancelled, TurnFailed, TurnStarted, Type,
};
use crate::filter::Out;
use crate::time::Time;

#[derive(Debug, Default)]
pub(super) struct Stream {
    pub id: String,
    label: Option<String>,
    pub control: Option<Control>,
    turn: Option<Turn>,
    /// Start of a run that has no turn yet.
    starting: Option<Time>,
    /// Runtime named in its `session`.
    runtime: String,
    /// Last turn that has ended.
    ended: u64,
    /// Further events are possible.
    pub live: bool,
    /// Its `session` was seen, so its `exit` is its end.
    session: bool,
    /// Its turn was ended here: nothing more of it passes.
    pub cut: bool,
    seq: u64,
    /// `ts` of the last event that had one, and the arrival of that event.
    ts: String,
    ts_at: Time,
    /// Arrival of the last numbered event.
    last_at: Time,
    /// Cost of the stream at the end of its last turn and now, in US dollars.
    cost_before: f64,
    cost: f64,
    /// Characters, where tokens are estimated.
    conversations: Conversations,
    /// Model of the last warning that there is no price.
    unpriced: Option<String>,
}

/// Conditions on time.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeLimits {
    pub after: Option<Duration>,
    pub idle: Option<Duration>,
    /// Earliest begin of a silence.
    pub quiet_since: Time,
}

/// A condition that holds because time has passed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Silence {
    After(Duration),
    Idle(Duration),
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Silence::After(after) => write!(f, "the turn took {after:?} (--after)"),
            Silence::Idle(idle) => write!(f, "nothing came for {idle:?} (--when-idle)"),
        }
    }
}

impl Stream {
    pub(super) fn new(stream: &str) -> Self {
        Self { id: stream.to_owned(), live: true, ..Self::default() }
    }

    /// Rank of the stream; the least is forgotten first.
    pub(super) fn worth(&self) -> (bool, Time) {
        (self.turn.is_some() || self.starting.is_some() || self.cut, self.last_at)
    }

    pub(super) fn is_pending(&self) -> bool {
        let turn = self.turn.as_ref();
        turn.is_some_and(|turn| matches!(turn.state, State::Pending(_)))
    }

    /// Takes a numbered event; returns the condition that now holds.
    pub(super) fn take(
        &mut self,
        now: Time,
        event: &Event<'_>,
        options: &Options,
    ) -> Option<Condition> {
        self.last_at = now;
        self.seq = self.seq.max(event.seq.unwrap_or_default());
        if let Some(ts) = &event.ts {
            ts.as_ref().clone_into(&mut self.ts);
            self.ts_at = now;
        }
        let Some(number) = event.turn else {
            self.outside(now, event);
            return None;
        };
        if event.kind.is_terminal() {
            self.end(number);
            return None;
        }
        if let Some(turn) = &mut self.turn {
            turn.announced |= turn.number == number;
        }
        if number > self.ended && self.turn.as_ref().is_none_or(|t| t.number != number) {
            self.open(now, number, event);
        }
        let turn = self.turn.as_mut().filter(|t| t.number == number)?;
        let mut overdrawn = None;
        if options.has_budget() {
            let cost = turn.budget.note(event, &mut self.conversations, options);
            self.cost = cost.unwrap_or(self.cost);
            overdrawn = turn.budget.overdrawn(self.cost - self.cost_before, options);
        }
        let triggered = turn.note(event, options).map(Condition::from);
        triggered.or(overdrawn).filter(|_| turn.state == State::Watched)
    }

    fn open(&mut self, now: Time, number: u64, event: &Event<'_>) {
        self.live = true;
        self.starting = None;
        if let Some(label) = codec::value_of(event.line, "label").and_then(codec::text) {
            self.label = Some(label.into_owned());
        }
        self.turn = Some(Turn { number, since: now, announced: true, ..Turn::default() });
        self.note_model(event);
    }

    /// Takes the model of a turn that starts.
    fn note_model(&mut self, event: &Event<'_>) {
        let model = codec::value_of(event.line, "model").and_then(codec::text);
        if let (Type::TurnStarted, Some(turn)) = (event.kind, &mut self.turn) {
            turn.budget.model = model.unwrap_or_default().into_owned();
        }
    }

    /// Warning that the model of the turn that starts has no price; each model is named once.
    pub(super) fn unpriced(&mut self, event: &Event<'_>, options: &Options) -> Option<String> {
        let prices = options.prices.as_ref().filter(|_| event.kind == Type::TurnStarted)?;
        let model = &self.turn.as_ref()?.budget.model;
        if prices.has(model) || self.unpriced.as_ref() == Some(model) {
            return None;
        }
        self.unpriced = Some(model.clone());
        let model = if model.is_empty() { "a turn without a model" } else { model };
        Some(format!(
            "--prices has no price for {model}: its cost is known only as far as the runtime reports it"
        ))
    }

    /// Opens the first turn of a run that has none, since a condition holds.
    pub(super) fn begin(&mut self) {
        if let Some(since) = self.starting.take() {
            self.turn = Some(Turn { number: 1, since, ..Turn::default() });
        }
    }

    fn end(&mut self, number: u64) {
        self.ended = self.ended.max(number);
        self.turn = None;
        self.cost_before = self.cost;
        // Without a session there is no `exit`: the end of its turn is the end of the stream.
        self.live = self.session;
    }

    /// Takes an event outside of turns: the start or the end of a run.
    fn outside(&mut self, now: Time, event: &Event<'_>) {
        if event.kind != Type::Status {
            return;
        }
        let status = body(event.line, |body| {
            let data: Value = body.read_as("data").unwrap_or_default();
            let adapter = data.get("adapter").and_then(Value::as_str);
            let runtime = adapter.filter(|name| *name != "auto").unwrap_or("text").to_owned();
            let label = body.text("label").map(Cow::into_owned);
            Some((body.text("kind")?.into_owned(), control_of(&data), runtime, label))
        });
        match status {
            Some((kind, control, runtime, label)) if kind == "session" => {
                self.session = true;
                self.control = control.or(self.control.take());
                (self.runtime, self.label) = (runtime, label.or(self.label.take()));
                if self.turn.is_none() && self.ended == 0 {
                    self.starting = Some(now);
                }
            }
            Some((kind, ..)) if kind == "exit" => {
                (self.live, self.starting) = (false, None);
                // A run without a turn has none to end.
                self.turn.take_if(|turn| !turn.announced);
            }
            _ => {}
        }
    }

    /// The next condition that holds if nothing arrives, and its time.
    pub(super) fn deadline(&self, limits: TimeLimits) -> Option<(Time, Silence)> {
        let since = match &self.turn {
            Some(turn) if turn.state == State::Watched => turn.since,
            Some(_) => return None,
            None => self.starting?,
        };
        if self.cut {
            return None;
        }
        let after = limits.after.map(|after| (since + after, Silence::After(after)));
        let quiet_since = self.last_at.max(limits.quiet_since);
        let idle = limits.idle.map(|idle| (quiet_since + idle, Silence::Idle(idle)));
        let due = after.into_iter().chain(idle).min_by_key(|(at, _)| *at);
        // A deadline at the end of time would never pass.
        due.filter(|(at, _)| *at < Time::from_micros(u64::MAX))
    }

    /// Request to end the open turn; `None` without a wrap that could receive it.
    pub(super) fn request(&mut self, reason: &str, receiver: Receiver) -> Option<CancelRequest> {
        let turn = self.turn.as_mut()?;
        turn.state = State::Pending(reason.to_owned());
        if receiver == Receiver::Session && self.control.is_none() {
            return None;
        }
        Some(CancelRequest {
            stream: self.id.clone(),
            turn: turn.number,
            reason: reason.to_owned(),
            control: self.control.clone().filter(|_| receiver != Receiver::Host),
        })
    }

    /// True if the request to end this turn was sent, and the turn is still open.
    pub(super) fn awaits(&self, turn: u64) -> bool {
        self.is_pending() && self.turn.as_ref().is_some_and(|open| open.number == turn)
    }

    /// Leaves the open turn alone, since it ends by itself and its end will follow.
    pub(super) fn leave(&mut self) {
        if let Some(turn) = &mut self.turn {
            turn.state = State::Left;
        }
    }

    /// Writes a status of the open turn.
    pub(super) fn status(
        &self,
        now: Time,
        (kind, message): (&str, &str),
        data: Value,
        buf: &mut Vec<u8>,
    ) {
        let body = Status { kind: kind.into(), message: Some(message.into()), data: Some(data) };
        let envelope = self.envelope(now, Type::Status, None);
        Writer::default().event(buf, &envelope, &body);
    }

    /// Envelope of an event of the open turn. The stream's own time continues: an event in a recording has a time of that
    /// recording.
    fn envelope(&self, now: Time, type_: Type, seq: Option<u64>) -> Envelope<'_> {
        let ts = Time::parse(&self.ts).map_or(now, |ts| ts + now.since(self.ts_at));
        Envelope {
            stream: Some(self.id.as_str().into()),
            turn: self.turn.as_ref().filter(|turn| turn.announced).map(|turn| turn.number),
            seq,
            ts: Some(ts.to_string().into()),
            label: self.label.as_deref().map(Into::into),
            synthetic: seq.is_some(),
            ..Envelope::of(type_)
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.turn.is_some()
    }

    /// Closes blocks and tools and ends the turn; nothing more of the stream passes.
    pub(super) fn terminate(&mut self, now: Time, out: &mut Out<'_>) {
        let Some(reason) = self.close(now, out) else {
            return;
        };
        let body = TurnCancelled { by: "filter".into(), reason: reason.into(), stop: None };
        self.terminal(now, Type::TurnCancelled, &body, out);
        (self.cut, self.live) = (true, false);
    }

    /// Closes blocks and tools and fails the turn, whose events stopped before its end.
    pub(super) fn truncate(&mut self, now: Time, out: &mut Out<'_>) {
        if self.close(now, out).is_none() {
            return;
        }
        let message = "the events ended in the middle of the turn";
        let error = Failure { code: "truncated".into(), message: message.into(), retry_at: None };
        let body = TurnFailed { error, exit: None, stderr_tail: None };
        self.terminal(now, Type::TurnFailed, &body, out);
        self.live = false;
    }

    fn terminal(&mut self, now: Time, type_: Type, body: &impl Serialize, out: &mut Out<'_>) {
        self.seq += 1;
        let envelope = self.envelope(now, type_, Some(self.seq));
        out.emit(now, |buf| Writer::default().event(buf, &envelope, body));
        self.turn = None;
    }

    /// Closes the blocks and tools of the open turn. Returns the reason of the request; `None` if no turn is open.
    fn close(&mut self, now: Time, out: &mut Out<'_>) -> Option<String> {
        let mut turn = self.turn.take()?;
        let (blocks, tools) = (std::mem::take(&mut turn.blocks), std::mem::take(&mut turn.tools));
        let reason = match std::mem::take(&mut turn.state) {
            State::Pending(reason) => reason,
            _ => "cancelled".to_owned(),
        };
        // The envelope contains the turn.
        let silent = !std::mem::replace(&mut turn.announced, true);
        self.turn = Some(turn);
        if silent {
            self.seq += 1;
            let envelope = self.envelope(now, Type::TurnStarted, Some(self.seq));
            let body =
                TurnStarted { runtime: self.runtime.as_str().into(), ..TurnStarted::default() };
            out.emit(now, |buf| Writer::default().event(buf, &envelope, &body));
        }
        for block in &blocks {
            self.seq += 1;
            let envelope = self.envelope(now, Type::BlockFinal, Some(self.seq));
            out.emit(now, |buf| block.close(envelope, buf));
        }
        for tool in &tools {
            self.seq += 1;
            let envelope = self.envelope(now, Type::ToolFinished, Some(self.seq));
            out.emit(now, |buf| tool.close(envelope, buf));
        }
        Some(reason)
    }
}

/// Address of the wrap of a run in the data of its `session` event.
fn control_of(data: &Value) -> Option<Control> {
    let control = data.get("control")?;
    Some(Control {
        pid: u32::try_from(control.get("pid")?.as_u64()?).ok()?,
        word: control.get("word")?.as_str()?.to_owned(),
    })
}
