//! The context of an adapter: the guard of its stream, and what an input keeps from message to message. Adapters emit
//! through it and never see a clock.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use serde_json::{Map, Value};

use super::failure::{failure_of, status_code};
use super::framing::HttpHead;
use super::held::Held;
use super::json::{ValueExt, describe, one_line, str_at, tool_kind, value_of};
use super::keys::{Kept, Keys};
use crate::codec;
use crate::event::{Failure, TurnStarted, UsageAndCost};
use crate::guard::{Guard, Notice, Text, TextKind, ToolEnd, ToolStart};
use crate::time::Time;

/// The guard, with the state of the input. Methods of the guard are called directly.
pub struct Emit<'a> {
    /// State of the input.
    pub input: &'a mut Input,
    now: Time,
    /// Offset of the message's events in the guard's output.
    start: usize,
    guard: &'a mut Guard,
}

/// State of an input between its messages.
#[derive(Debug)]
pub struct Input {
    /// Head of the HTTP response that is being read.
    pub head: Option<HttpHead>,
    /// Tools that wait for their arguments.
    pub(super) held: Vec<Held>,
    pub(super) keys: Keys,
    /// Hashes of the unknown fields that were emitted.
    kept: Kept,
    /// Last error, which fails the turn if the output ends without a result.
    pub(super) error: Option<Failure<'static>>,
}

impl Input {
    /// State before the first message; `keys` are those of [`super::Spec`].
    pub fn new(keys: &'static str) -> Self {
        let (keys, kept) = (Keys::new(keys), Kept::default());
        Self { head: None, held: Vec::new(), keys, kept, error: None }
    }
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
    pub fn new(now: Time, guard: &'a mut Guard, input: &'a mut Input) -> Self {
        Self { input, now, start: guard.out.len(), guard: guard.at(now) }
    }

    /// Opens a turn; one that is open has failed. The runtime's name need not be set.
    pub fn start_turn(&mut self, started: &TurnStarted<'_>) {
        self.start_all_held();
        self.guard.start_turn(started);
    }

    /// Opens a turn with a model and a session; one that is open has failed.
    pub fn start(&mut self, model: Option<&str>, session: Option<&str>) {
        let (model, session) = (model.map(Into::into), session.map(Into::into));
        self.start_turn(&TurnStarted { model, session, ..TurnStarted::default() });
    }

    /// Opens a turn, unless one is open.
    pub fn begin(&mut self, model: Option<&str>, session: Option<&str>) {
        if !self.turn_open() {
            self.start(model, session);
        }
    }

    /// Opens a turn with the `model`, `session_id` and `cwd` of a value; in an open turn, a status.
    pub fn open_turn(&mut self, value: &Value) {
        if self.turn_open() {
            return self.status("session", "the session goes on", value.clone());
        }
        let text = |key| value.opt_text(key).map(Into::into);
        let (model, session, cwd) = (text("model"), text("session_id"), text("cwd"));
        self.start_turn(&TurnStarted { model, session, cwd, ..TurnStarted::default() });
    }

    /// True if the last turn has ended and none has begun since.
    pub fn over(&self) -> bool {
        !self.turn_open() && self.turns() > 0
    }

    /// Adds text to a block of the main agent; the block of the other kind under the same key ends first.
    pub fn alternate(&mut self, (kind, key): (TextKind, &str), delta: &str) {
        if !delta.is_empty() {
            self.finish_block(&text(kind.other(), key), None);
            self.delta(&text(kind, key), delta);
        }
    }

    /// Adds text to a block of the main agent; its other blocks end first.
    pub fn only(&mut self, (kind, key): (TextKind, &str), delta: &str) {
        if !delta.is_empty() {
            self.close_texts_but(Some(&text(kind, key)));
            self.delta(&text(kind, key), delta);
        }
    }

    /// Closes the texts of the main agent.
    pub fn close_texts(&mut self) {
        self.close_texts_but(None);
    }

    /// Closes the texts under a key.
    pub fn finish_texts(&mut self, key: &str) {
        for kind in [TextKind::Answer, TextKind::Reasoning] {
            self.finish_block(&text(kind, key), None);
        }
    }

    /// Adds the text of a field to a block of the main agent, see [`str_at`].
    pub fn text_field(&mut self, (kind, key): (TextKind, &str), value: &Value, field: &str) {
        let delta = str_at(value, field, self);
        self.delta(&text(kind, key), delta);
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

    /// Finishes a tool, once.
    pub fn finish_tool(&mut self, done: &Done<'_>) {
        let output = done.output.filter(|o| !o.is_null());
        self.finish_call(&ToolEnd {
            id: done.id,
            name: done.name,
            kind: tool_kind(done.name),
            outcome: done.outcome,
            paths: done.paths,
            output: output.map(|o| codec::to_json(o).into()),
            exit_code: done.exit_code,
            duration_ms: done.duration_ms,
            parent: done.parent,
        });
    }

    /// Finishes a tool, once, see [`Guard::finish_call`]. A tool that is held starts first.
    pub fn finish_call(&mut self, end: &ToolEnd<'_>) {
        self.start_held_id(end.id);
        self.guard.finish_call(end);
    }

    /// Completes the turn, see [`Guard::complete`].
    pub fn complete(&mut self, stop: &str, result: Option<&str>, spent: &UsageAndCost) {
        self.end_input();
        self.guard.complete(stop, result, spent);
    }

    /// Fails the turn, see [`Guard::fail`].
    pub fn fail(&mut self, error: Failure<'_>, spent: &UsageAndCost) {
        self.end_input();
        self.guard.fail(error, spent);
    }

    /// Fails the turn with an error of any shape, see [`Emit::failure`].
    pub fn fail_with(&mut self, error: &Value, spent: &UsageAndCost) {
        let failure = self.failure(error);
        self.fail(failure, spent);
    }

    /// Ends the turn as cancelled by the runtime, see [`Guard::cancelled`].
    pub fn cancelled(&mut self, reason: &str, stop: Option<&str>, spent: &UsageAndCost) {
        self.end_input();
        self.guard.cancelled(reason, stop, spent);
    }

    /// Starts the tools that are still held, and forgets the last error: the turn ends.
    fn end_input(&mut self) {
        self.start_all_held();
        self.input.error = None;
    }

    /// Failure for an error of any shape. The head of the response adds a code where the error has none, and the time of
    /// `Retry-After`.
    pub fn failure(&self, error: &Value) -> Failure<'static> {
        let mut failure = failure_of(error);
        let Some(head) = &self.input.head else { return failure };
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

    /// Fails the open turn with an error of any shape; after a turn, a status.
    pub fn fail_open(&mut self, error: &Value, spent: &UsageAndCost) {
        if self.over() {
            self.status("error", "an error after the turn", error.clone());
        } else {
            self.fail_with(error, spent);
        }
    }

    /// Fails the turn with the last error, unless the turn has ended; `false` if there was none.
    pub fn fail_last(&mut self) -> bool {
        let Some(error) = self.input.error.take() else { return false };
        if !self.over() {
            self.fail(error, &UsageAndCost::default());
        }
        true
    }

    /// Emits a status with a message for people and data for programs; an empty message is none.
    pub fn status(&mut self, kind: &str, message: &str, data: Value) {
        self.status_under(None, kind, message, data);
    }

    /// Emits a status of a sub-agent; an empty message is none.
    pub fn status_under(&mut self, parent: Option<&str>, kind: &str, message: &str, data: Value) {
        let message = Some(message).filter(|m| !m.is_empty());
        self.notice(&Notice { kind, message, data: Some(data), parent });
    }

    /// Emits a message of a turn that has ended, as a log.
    pub fn late(&mut self, value: &Value) {
        self.status("log", "the turn had ended already", value.clone());
    }

    /// Emits a message of a type that the adapter does not know.
    pub fn other(&mut self, type_: &str, value: &Value) {
        self.status("info", &format!("message of type {type_:?}"), value.clone());
    }

    /// Emits content of a type that the adapter does not know.
    pub fn other_content(&mut self, type_: &str, value: &Value) {
        self.status("info", &format!("content of type {type_:?}"), value.clone());
    }

    /// Emits a prompt, or the echo of one.
    pub fn user(&mut self, text: &str) {
        self.status("info", "user message", serde_json::json!({"text": text}));
    }

    /// The agent has read a message that spile gave it, whose text stands in a status of its own.
    pub fn message_read(&mut self, id: &str) {
        self.status("info", "message_read", serde_json::json!({"id": id}));
    }

    /// Keeps the fields of a message that the adapter does not know as a status, where the events of the message do not
    /// hold them.
    pub fn keep_unknown(&mut self, message: &str) {
        let mut fields = Map::new();
        for (path, raw) in self.input.keys.unknown(message) {
            if self.input.kept.has(&path, raw) {
                continue;
            }
            let value = value_of(raw, self);
            let emitted = self.guard.out.get(self.start..).unwrap_or_default();
            if self.input.kept.add((&path, raw), &value, emitted) {
                fields.insert(path, value);
            }
        }
        if !fields.is_empty() {
            self.status("info", "fields of an unknown meaning", fields.into());
        }
    }

    /// Emits in another stream of the input, see [`Guard::in_stream`].
    pub fn in_stream<T>(&mut self, number: usize, act: impl FnOnce(&mut Emit<'_>) -> T) -> T {
        let (now, start, input) = (self.now, self.start, &mut *self.input);
        self.guard.in_stream(number, |guard| act(&mut Emit { input, now, start, guard }))
    }
}

/// A text of the main agent.
pub fn text(kind: TextKind, key: &str) -> Text<'_> {
    Text { key, kind, parent: None }
}

#[cfg(test)]
mod tests;
