//! One stream as cancel sees it: whom to ask to end its turn, and how the turn ends where nobody can be asked.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::turn::{State, Turn, body};
use super::{CancelRequest, Control, Options, is_refusal};
use crate::codec::{self, Writer};
use crate::event::{
    Envelope, Event, Failure, Status, TurnCancelled, TurnFailed, TurnStarted, Type, VERSION,
};
use crate::filter::Out;
use crate::time::Time;

/// A stream.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub id: String,
    label: Option<String>,
    control: Option<Control>,
    turn: Option<Turn>,
    /// Since when it has been started without a turn: it is at work on its first.
    starting: Option<Time>,
    /// The runtime as its `session` names it.
    runtime: String,
    /// The last turn that has ended.
    ended: u64,
    /// True if anything may still come of it.
    live: bool,
    /// True if its `session` was seen: then its `exit` is its end.
    session: bool,
    cut: bool,
    seq: u64,
    /// `ts` of the last event that had one, and when that came.
    ts: String,
    ts_at: Time,
    /// When the last numbered event came.
    last_at: Time,
    /// The cost of the stream at the end of its last turn, in US dollars.
    cost_before: f64,
    cost: f64,
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

/// What a refusal says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is nobody who could end the turn.
    Nobody,
    /// The turn is over by itself.
    Over(String),
    /// As `Nobody`, with a code and in words.
    Why(String, String),
}

impl Stream {
    pub(super) fn new(stream: &str) -> Self {
        Self { id: stream.to_owned(), live: true, ..Self::default() }
    }

    /// What is remembered longest.
    pub(super) fn worth(&self) -> (bool, Time) {
        (self.turn.is_some() || self.starting.is_some() || self.cut, self.last_at)
    }

    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }

    pub(super) fn is_live(&self) -> bool {
        self.live
    }

    pub(super) fn is_asked(&self) -> bool {
        let turn = self.turn.as_ref();
        turn.is_some_and(|turn| matches!(turn.state, State::Asked(_)))
    }

    /// Takes a numbered event; says which condition holds because of it.
    pub(super) fn take(
        &mut self,
        now: Time,
        event: &Event<'_>,
        options: &Options,
    ) -> Option<String> {
        self.last_at = now;
        self.seq = self.seq.max(event.seq.unwrap_or_default());
        if let Some(ts) = &event.ts {
            self.ts.clear();
            self.ts.push_str(ts);
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
        let before = self.cost_before;
        let turn = self.turn.as_mut().filter(|t| t.number == number)?;
        if event.kind == Type::Status
            && options.has_budget()
            && let Some(cost) = turn.spend(event)
        {
            self.cost = cost;
        }
        let triggered = turn.note(event, options);
        let triggered = triggered.or_else(|| turn.overdrawn(self.cost - before, options));
        triggered.filter(|_| turn.state == State::Watched)
    }

    fn open(&mut self, now: Time, number: u64, event: &Event<'_>) {
        self.live = true;
        self.starting = None;
        if let Some(label) = codec::value_of(event.line, "label").and_then(codec::text) {
            self.label = Some(label.into_owned());
        }
        self.turn = Some(Turn { number, since: now, announced: true, ..Turn::default() });
    }

    /// A condition holds: what has been started without a word is from here on in its first turn.
    pub(super) fn begin(&mut self) {
        if let Some(since) = self.starting.take() {
            self.turn = Some(Turn { number: 1, since, ..Turn::default() });
        }
    }

    fn end(&mut self, number: u64) {
        self.ended = self.ended.max(number);
        self.turn = None;
        self.cost_before = self.cost;
        // Without a session nobody says when it ends: a recording's or a curl's end is the end of a turn.
        self.live = self.session;
    }

    /// What belongs to no turn: the beginning and the end of a run.
    fn outside(&mut self, now: Time, event: &Event<'_>) {
        if event.kind != Type::Status {
            return;
        }
        let said = body(event.line, |body| {
            let data: Value = body.read_as("data").unwrap_or_default();
            let adapter = data.get("adapter").and_then(Value::as_str);
            let runtime = adapter.filter(|name| *name != "auto").unwrap_or("text").to_owned();
            let label = body.text("label").map(Cow::into_owned);
            Some((body.text("kind")?.into_owned(), control_of(&data), runtime, label))
        });
        match said {
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
                // It has ended without a turn: there is none to end.
                self.turn.take_if(|turn| !turn.announced);
            }
            _ => {}
        }
    }

    /// When a condition will hold if nothing comes, and which.
    pub(super) fn deadline(&self, options: &Options) -> Option<(Time, Silence)> {
        let since = match &self.turn {
            Some(turn) if turn.state == State::Watched => turn.since,
            Some(_) => return None,
            None => self.starting?,
        };
        if self.cut {
            return None;
        }
        let after = options.after.map(|after| (since + after, Silence::After(after)));
        let idle = options.when_idle.map(|idle| (self.last_at + idle, Silence::Idle(idle)));
        let due = after.into_iter().chain(idle).min_by_key(|(at, _)| *at);
        // At the end of all time nothing moves on any more.
        due.filter(|(at, _)| *at < Time::from_micros(u64::MAX))
    }

    /// Whom to ask to end the open turn; `None` if there is nobody.
    pub(super) fn request(&mut self, reason: &str) -> Option<CancelRequest> {
        let turn = self.turn.as_mut()?;
        turn.state = State::Asked(reason.to_owned());
        Some(CancelRequest {
            stream: self.id.clone(),
            turn: turn.number,
            reason: reason.to_owned(),
            control: self.control.clone()?,
        })
    }

    /// True if an event without a number refuses what was asked, and how.
    pub(super) fn refusal(&self, event: &Event<'_>) -> Option<Refusal> {
        let turn = self.turn.as_ref().filter(|_| self.is_asked())?;
        if !is_refusal(event) || event.turn != Some(turn.number) {
            return None;
        }
        let (kind, why, data) = body(event.line, |body| {
            let why = body.text("message").unwrap_or_default().into_owned();
            let data: Value = body.read_as("data").unwrap_or_default();
            Some((body.text("kind")?.into_owned(), why, data))
        })?;
        let code = data.get("code").and_then(Value::as_str);
        (kind == "cancel_refused").then(|| match code.unwrap_or_default() {
            code @ ("no_turn" | "other_turn") => Refusal::Over(code.to_owned()),
            "" => Refusal::Nobody,
            code => Refusal::Why(code.to_owned(), why),
        })
    }

    /// True if the turn is over by itself, so that its end is only waited for.
    pub(super) fn is_answerable(&mut self, refusal: &Refusal) -> bool {
        let over = matches!(refusal, Refusal::Over(_));
        if over && let Some(turn) = &mut self.turn {
            turn.state = State::Left;
        }
        over
    }

    pub(super) fn emit_requested(
        &self,
        now: Time,
        reason: &str,
        condition: &str,
        buf: &mut Vec<u8>,
    ) {
        let data = json!({"condition": condition, "asks": self.control.is_some()});
        self.emit(now, ("cancel_requested", reason), data, buf);
    }

    pub(super) fn emit_refused(&self, now: Time, refusal: &Refusal, buf: &mut Vec<u8>) {
        let (code, why) = match refusal {
            Refusal::Nobody => ("nobody", "nobody answers"),
            Refusal::Over(code) => (code.as_str(), "the turn is over by itself"),
            Refusal::Why(code, why) => (code.as_str(), why.as_str()),
        };
        self.emit(now, ("cancel_refused", why), json!({"code": code}), buf);
    }

    fn emit(&self, now: Time, (kind, message): (&str, &str), data: Value, buf: &mut Vec<u8>) {
        let body = Status { kind: kind.into(), message: Some(message.into()), data: Some(data) };
        let envelope = self.envelope(now, Type::Status, None);
        Writer::default().event(buf, &envelope, &body);
    }

    /// An event of the open turn. The stream's own time goes on: what is said of a recording belongs to its day.
    fn envelope(&self, now: Time, type_: Type, seq: Option<u64>) -> Envelope<'_> {
        let ts = Time::parse(&self.ts).map_or(now, |ts| ts + now.since(self.ts_at));
        Envelope {
            v: VERSION,
            type_: type_.name().into(),
            stream: Some(self.id.as_str().into()),
            turn: self.turn.as_ref().filter(|turn| turn.announced).map(|turn| turn.number),
            seq,
            ts: Some(ts.to_string().into()),
            label: self.label.as_deref().map(Into::into),
            synthetic: seq.is_some(),
            ..Envelope::default()
        }
    }

    /// True if a turn is open.
    pub(super) fn is_open(&self) -> bool {
        self.turn.is_some()
    }

    /// Closes what is open and ends the turn; nothing of the stream is to pass any more.
    pub(super) fn terminate(&mut self, now: Time, out: &mut Out<'_>) {
        let Some(reason) = self.close(now, out) else {
            return;
        };
        let body = TurnCancelled { by: "filter".into(), reason: reason.into(), stop: None };
        self.terminal(now, Type::TurnCancelled, &body, out);
        (self.cut, self.live) = (true, false);
    }

    /// Closes what is open and fails the turn: its events have ended without its end.
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

    /// Closes the blocks and tools of the open turn. The reason for which it was to end; `None` if no turn is open.
    fn close(&mut self, now: Time, out: &mut Out<'_>) -> Option<String> {
        let mut turn = self.turn.take()?;
        let (blocks, tools) = (std::mem::take(&mut turn.blocks), std::mem::take(&mut turn.tools));
        let reason = match std::mem::take(&mut turn.state) {
            State::Asked(reason) => reason,
            _ => "cancelled".to_owned(),
        };
        // The envelope names the turn.
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
            let mut envelope = self.envelope(now, Type::ToolFinished, Some(self.seq));
            envelope.parent = tool.parent.as_deref().map(Into::into);
            out.emit(now, |buf| {
                Writer::default().event(buf, &envelope, &tool.finished());
            });
        }
        Some(reason)
    }
}

/// Where the wrap of a run can be asked, by the data of its `session` event.
fn control_of(data: &Value) -> Option<Control> {
    let control = data.get("control")?;
    Some(Control {
        pid: u32::try_from(control.get("pid")?.as_u64()?).ok()?,
        word: control.get("word")?.as_str()?.to_owned(),
    })
}
