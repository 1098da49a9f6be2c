//! The context of an adapter: the guard of its stream at the time at which the bytes came. Adapters emit through it and
//! never see a clock.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use serde_json::{Map, Value};

use super::failure::{failure_of, status_code};
use super::framing::HttpHead;
use super::json::{ValueExt, describe, one_line, str_at, tool_kind, value_of};
use super::keys::{Kept, Keys};
use crate::codec::{self, Malformed, Object, Place};
use crate::event::{Failure, TurnStarted, UsageAndCost};
use crate::guard::{Guard, Notice, Text, TextKind, ToolEnd, ToolStart};
use crate::time::Time;

/// The guard, at a time. What a guard answers is asked of it directly.
pub struct Emit<'a> {
    /// When the bytes came.
    pub now: Time,
    /// The head of the HTTP response that is being read.
    pub head: Option<&'a HttpHead>,
    /// The keys that the adapter knows, and the fields that were kept.
    pub fields: Option<(&'a Keys, &'a mut Kept)>,
    /// Where the events of the message begin in what the guard holds.
    start: usize,
    guard: &'a mut Guard,
}

/// A tool that begins, its arguments as a value; `kind` and `paths` are not read.
pub type Call<'a> = ToolStart<'a, Option<&'a Value>>;

/// A tool that has finished, its result as a value; `kind` is not read.
pub type Done<'a> = ToolEnd<'a, Option<&'a Value>>;

impl Deref for Emit<'_> {
    type Target = Guard;

    fn deref(&self) -> &Guard {
        self.guard
    }
}

impl DerefMut for Emit<'_> {
    fn deref_mut(&mut self) -> &mut Guard {
        self.guard
    }
}

impl<'a> Emit<'a> {
    /// The context of bytes that came at this time.
    pub fn new(now: Time, guard: &'a mut Guard) -> Self {
        Self { now, head: None, fields: None, start: guard.out.len(), guard }
    }

    /// Opens a turn, see [`Guard::start_turn`].
    pub fn start_turn(&mut self, started: &TurnStarted<'_>) {
        self.guard.start_turn(self.now, started);
    }

    /// Opens a turn with the `model`, `session_id` and `cwd` of a value; if one is open, a status says that the session
    /// goes on.
    pub fn open_turn(&mut self, runtime: &str, value: &Value) {
        if self.turn_open() {
            return self.status("session", "the session goes on", value.clone());
        }
        let text = |key| value.opt_text(key).map(Into::into);
        self.start_turn(&TurnStarted {
            runtime: runtime.into(),
            model: text("model"),
            session: text("session_id"),
            cwd: text("cwd"),
            ..TurnStarted::default()
        });
    }

    /// Opens a turn, unless one is open.
    pub fn begin(&mut self, runtime: &str, model: Option<&str>, session: Option<&str>) {
        if !self.turn_open() {
            self.start(runtime, model, session);
        }
    }

    /// Adds text to a block, see [`Guard::delta`].
    pub fn delta(&mut self, text: &Text<'_>, delta: &str) {
        self.guard.delta(self.now, text, delta);
    }

    /// Closes a block, see [`Guard::finish_block`].
    pub fn finish_block(&mut self, text: &Text<'_>, whole: Option<&str>) {
        self.guard.finish_block(self.now, text, whole);
    }

    /// Starts a tool that has an id, a name and arguments, once.
    pub fn tool(&mut self, id: &str, name: &str, input: Option<&Value>) {
        self.start_tool(&Call { id, name, input, ..Call::default() });
    }

    /// Finishes a tool that has an id, a name, an outcome and a result, once.
    pub fn tool_done(&mut self, id: &str, name: &str, outcome: &str, output: Option<&Value>) {
        self.finish_tool(&Done { id, name, outcome, output, ..Done::default() });
    }

    /// Starts a tool, once.
    pub fn start_tool(&mut self, call: &Call<'_>) {
        let input = call.input.filter(|i| !i.is_null()).map(codec::to_json);
        self.start_named(call, input.as_deref());
    }

    /// Starts a tool whose arguments are JSON text, once; the `input` of `call` is not read.
    pub fn start_named(&mut self, call: &Call<'_>, input: Option<&str>) {
        let (described, paths) = describe(input);
        let title = call.title.map(one_line).filter(|t| !t.is_empty()).or(described);
        self.start_call(&ToolStart {
            id: call.id,
            name: call.name,
            kind: tool_kind(call.name),
            title: title.as_deref(),
            input,
            paths: &paths,
            parent: call.parent,
        });
    }

    /// Starts a tool, once; see [`Guard::start_call`].
    pub fn start_call(&mut self, tool: &ToolStart<'_>) {
        self.guard.start_call(self.now, tool);
    }

    /// Finishes a tool, once.
    pub fn finish_tool(&mut self, done: &Done<'_>) {
        let output = done.output.filter(|o| !o.is_null());
        self.finish_call(&ToolEnd {
            id: done.id,
            name: done.name,
            kind: tool_kind(done.name),
            outcome: done.outcome,
            output: output.map(|o| codec::to_json(o).into()),
            exit_code: done.exit_code,
            duration_ms: done.duration_ms,
            parent: done.parent,
        });
    }

    /// Finishes a tool, once; see [`Guard::finish_call`].
    pub fn finish_call(&mut self, end: &ToolEnd<'_>) {
        self.guard.finish_call(self.now, end);
    }

    /// The runtime's result, see [`Guard::complete`].
    pub fn complete(&mut self, stop: &str, result: Option<&str>, spent: &UsageAndCost) {
        self.guard.complete(self.now, stop, result, spent);
    }

    /// The turn failed, see [`Guard::fail`].
    pub fn fail(&mut self, error: Failure<'_>, spent: &UsageAndCost) {
        self.guard.fail(self.now, error, spent);
    }

    /// The turn failed with an error of any shape, see [`Emit::failure`].
    pub fn fail_with(&mut self, error: &Value, spent: &UsageAndCost) {
        let failure = self.failure(error);
        self.fail(failure, spent);
    }

    /// The runtime reports that the turn was cancelled, see [`Guard::cancelled`].
    pub fn cancelled(&mut self, reason: &str, stop: Option<&str>, spent: &UsageAndCost) {
        self.guard.cancelled(self.now, reason, stop, spent);
    }

    /// A turn has ended, and none has begun since.
    #[must_use]
    pub fn over(&self) -> bool {
        !self.turn_open() && self.turns() > 0
    }

    /// The failure that an error of any shape reports, with what the head of the response adds: the HTTP status where the
    /// error has no code of its own, and the time of `Retry-After`.
    #[must_use]
    pub fn failure(&self, error: &Value) -> Failure<'static> {
        let mut failure = failure_of(error);
        let Some(head) = self.head else { return failure };
        if failure.code == "runtime_error" {
            failure.code = status_code(head.status.into()).unwrap_or("runtime_error").into();
        }
        if failure.code == "rate_limited" && failure.retry_at.is_none() {
            let seconds = head.get("retry-after").and_then(|s| s.parse::<u32>().ok());
            let at = seconds.map(|s| self.now + Duration::from_secs(s.into()));
            failure.retry_at = at.map(|at| at.to_string().into());
        }
        failure
    }

    /// Emits an error after the last turn as a status; `false` if there is a turn that it can end.
    pub fn error_after_turn(&mut self, error: &Value) -> bool {
        let late = self.over();
        if late {
            self.status("error", "an error after the turn", error.clone());
        }
        late
    }

    /// Emits a status.
    pub fn notice(&mut self, notice: &Notice<'_>) {
        self.guard.status(self.now, notice);
    }

    /// Emits a status with a message for people and data for programs; an empty message is none.
    pub fn status(&mut self, kind: &str, message: &str, data: Value) {
        self.status_under(None, kind, message, data);
    }

    /// See [`Guard::status_of`].
    pub fn status_of(&mut self, notice: &Notice<'_>, data: impl FnOnce(&mut Object<'_>)) {
        self.guard.status_of(self.now, notice, data);
    }

    /// See [`Guard::status_raw`].
    pub fn status_raw(&mut self, notice: &Notice<'_>, data: &str) {
        self.guard.status_raw(self.now, notice, data);
    }

    /// Keeps the fields of a message that the adapter does not know as a status, where the events that the message became
    /// do not hold them.
    pub fn keep_unknown(&mut self, message: &str) {
        let unknown = self.fields.as_ref().map(|(keys, _)| keys.unknown(message));
        let unknown = unknown.unwrap_or_default().into_iter();
        let values = unknown.map(|(path, raw)| (path, value_of(raw, self)));
        let values: Map<String, Value> = values.filter(|(_, value)| !value.is_null()).collect();
        let Some((_, kept)) = self.fields.as_mut().filter(|_| !values.is_empty()) else { return };
        let emitted = self.guard.out.get(self.start..).unwrap_or_default();
        let fields = kept.new_of(values, emitted);
        if !fields.is_empty() {
            self.status("info", "fields of an unknown meaning", fields.into());
        }
    }

    /// A message of a turn that has ended, as a log.
    pub fn late(&mut self, value: &Value) {
        self.status("log", "the turn had ended already", value.clone());
    }

    /// A message of a type that the adapter does not know.
    pub fn other(&mut self, type_: &str, value: &Value) {
        self.status("info", &format!("message of type {type_:?}"), value.clone());
    }

    /// A line that is no message, as a log.
    pub fn log(&mut self, line: &str) {
        self.notice(&Notice { kind: "log", message: Some(line), ..Notice::default() });
    }

    /// A prompt, or the echo of one.
    pub fn user(&mut self, text: &str) {
        self.status("info", "user message", serde_json::json!({"text": text}));
    }

    /// Bytes that cannot be read, see [`Guard::diagnostic`].
    pub fn diagnostic(&mut self, place: &Place<'_>, why: &Malformed) {
        self.guard.diagnostic(self.now, place, why);
    }

    /// Emits in another stream of the input, see [`Guard::in_stream`].
    pub fn in_stream<T>(&mut self, number: usize, act: impl FnOnce(&mut Emit<'_>) -> T) -> T {
        let (now, head) = (self.now, self.head);
        self.guard.in_stream(number, |guard| act(&mut Emit { head, ..Emit::new(now, guard) }))
    }

    /// The last word of an output without a result was an error: the turn failed, unless it has ended.
    pub fn fail_last(&mut self, error: Option<Failure<'_>>) {
        if let Some(error) = error.filter(|_| !self.over()) {
            self.fail(error, &UsageAndCost::default());
        }
    }

    /// Emits a status of a sub-agent; an empty message is none.
    pub fn status_under(&mut self, parent: Option<&str>, kind: &str, message: &str, data: Value) {
        let message = Some(message).filter(|m| !m.is_empty());
        self.notice(&Notice { kind, message, data: Some(data), parent });
    }

    /// Opens a turn; one that is open has failed.
    pub fn start(&mut self, runtime: &str, model: Option<&str>, session: Option<&str>) {
        let (model, session) = (model.map(Into::into), session.map(Into::into));
        let runtime = runtime.into();
        self.start_turn(&TurnStarted { runtime, model, session, ..TurnStarted::default() });
    }

    /// Adds the text of a field to a block of the main agent, see [`str_at`].
    pub fn text_field(&mut self, (kind, key): (TextKind, &str), value: &Value, field: &str) {
        let said = str_at(value, field, self);
        self.delta(&Text { key, kind, parent: None }, said);
    }
}
