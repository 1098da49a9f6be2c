//! The contract guard: its output obeys C1 to C8 (docs/EVENTS.md) for any calls of an adapter and any end of the input.
//! Adapters call it in their own order; it opens, numbers and closes, and emits nothing twice.

mod block;
mod calls;
mod clean;
mod conditions;
mod ending;
mod files;
mod spent;
mod streams;
mod terms;
#[cfg(test)]
mod tests;
mod tools;

use std::collections::VecDeque;
use std::time::Duration;

use crate::codec::{self, Malformed, Object, Place, Writer};
use crate::event::{TurnStarted, Type, UsageAndCost, VERSION, tool_id};
use crate::text::ceil;
use crate::time::Time;

use block::Blocks;
use conditions::Conditions;
pub use ending::TurnEnd;
pub use streams::MAX_STREAMS;
use streams::StreamState;
pub use terms::{End, Ended, Notice, Text, TextKind, ToolEnd, ToolStart, TurnVerdict};
use tools::Tools;

/// Default of `--max-block`, in bytes.
pub const MAX_BLOCK: usize = 1 << 20;

/// Limit of the stderr that a `turn_failed` quotes, in bytes.
const STDERR_TAIL: usize = 4096;

/// Configuration of a guard.
#[derive(Debug, Clone)]
pub struct Config {
    /// The stream id, valid by [`codec::is_stream_id`].
    pub stream: String,
    /// A human's name for it.
    pub label: Option<String>,
    /// The longest block in bytes; at least 16 are taken.
    pub max_block: usize,
}

/// Origin of an event; spile's own are marked `synthetic`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Runtime,
    Spile,
}

/// The guard of one stream or of several, each with its own state. Its events collect in [`Guard::out`].
#[derive(Debug)]
pub struct Guard {
    config: Config,
    /// Finished lines, each with its line feed; the caller takes them, with [`Guard::cancel_when`] by [`Guard::take_lines`].
    pub out: Vec<u8>,
    conditions: Option<Box<Conditions>>,
    writer: Writer,
    runtime: &'static str,
    time: Time,
    /// Lead of `ts` over the caller's time.
    ahead: Duration,
    /// End of the envelope at the last time: all events of one read have the same.
    tail: Cached<Time>,
    /// State of the current stream; the others are parked.
    state: StreamState,
    parked: Vec<StreamState>,
    /// Number of turns that have ended.
    ended: u64,
    fail_on_stop: Vec<String>,
    /// True if the next turn to begin is the one that is open.
    handed_over: bool,
    /// True if the outputs of tools keep their escape sequences.
    raw_outputs: bool,
    stderr_tail: String,
    diagnostics: u64,
    /// Terminal events since the last [`Guard::take_ends`].
    ends: VecDeque<TurnEnd>,
}

/// State of the open turn.
#[derive(Debug, Default)]
struct Turn {
    tools: Tools,
    /// True if the main agent has emitted an answer.
    answered: bool,
    /// Usage and cost so far, as far as they are known.
    spent: UsageAndCost,
}

impl Guard {
    /// A guard before its first event.
    pub fn new(config: Config) -> Self {
        Self {
            state: StreamState::new(&config, 0),
            parked: Vec::new(),
            ended: 0,
            config,
            out: Vec::new(),
            conditions: None,
            writer: Writer { mends_raw: true, ..Writer::default() },
            runtime: "unknown",
            time: Time::default(),
            ahead: Duration::ZERO,
            tail: Cached::default(),
            fail_on_stop: Vec::new(),
            handed_over: false,
            raw_outputs: false,
            stderr_tail: String::new(),
            diagnostics: 0,
            ends: VecDeque::new(),
        }
    }

    /// Sets the runtime of turns that name none.
    pub fn set_runtime(&mut self, runtime: &'static str) {
        self.runtime = runtime;
    }

    /// Sets the lead of the wall clock over the caller's times, as after a suspend: `ts` follows it and never goes back.
    pub fn set_ahead(&mut self, ahead: Duration) {
        self.ahead = self.ahead.max(ahead);
    }

    /// Accepts texts with the stand-ins of [`codec::replace_lone_surrogates`].
    pub fn expect_lone_surrogates(&mut self) {
        self.writer.lone_surrogates = true;
    }

    /// Keeps escape sequences and carriage returns in the outputs of tools.
    pub fn keep_escapes(&mut self) {
        self.raw_outputs = true;
    }

    /// Number of diagnostics.
    pub fn diagnostics(&self) -> u64 {
        self.diagnostics
    }

    /// Sets the time of the events that follow; time never goes back.
    pub fn at(&mut self, now: Time) -> &mut Self {
        if now > self.time {
            // The lines so far are of the time before.
            self.observe();
            self.time = now;
        }
        self
    }

    /// Opens a turn, of the runtime of [`Guard::set_runtime`] if `started` names none. A turn that is still open never got
    /// its result and fails first.
    pub fn start_turn(&mut self, started: &TurnStarted<'_>) {
        if self.turn_open() && std::mem::take(&mut self.handed_over) {
            let runtime = self.runtime_of(started);
            let data = serde_json::json!({
                "runtime": runtime, "model": started.model, "session": started.session
            });
            let notice = Notice { kind: "session", message: Some(runtime), ..Notice::default() };
            return self.notice(&Notice { data: Some(data), ..notice });
        }
        if self.turn_open() {
            self.fail_own("missing_result", "the next turn began before this one had a result");
        }
        self.open(started, Origin::Runtime);
    }

    /// Switches to another runtime: open texts are closed, and an open turn becomes the one that it begins next.
    pub fn hand_over(&mut self) {
        let (blocks, _, mut emitter) = self.parts();
        blocks.close_all(Origin::Runtime, &mut emitter);
        self.handed_over = self.turn_open();
    }

    /// Adds text to the block that `text` names, opening it (and a turn) if need be.
    pub fn delta(&mut self, text: &Text<'_>, delta: &str) {
        if delta.is_empty() {
            return;
        }
        self.ensure_turn();
        let parent = text.parent.map(tool_id);
        let text = &Text { parent: parent.as_deref(), ..*text };
        self.note_answer(text);
        let (blocks, _, mut emitter) = self.parts();
        blocks.delta(text, delta, &mut emitter);
    }

    /// Closes the block that `text` names. `whole` is its complete text: a missing suffix is emitted first, and a text that
    /// differs becomes a block of its own that supersedes the first.
    pub fn finish_block(&mut self, text: &Text<'_>, whole: Option<&str>) {
        let parent = text.parent.map(tool_id);
        let text = &Text { parent: parent.as_deref(), ..*text };
        if whole.is_some_and(|w| !w.is_empty()) {
            self.ensure_turn();
            self.note_answer(text);
        }
        let (blocks, _, mut emitter) = self.parts();
        blocks.finish(text, whole, &mut emitter);
    }

    /// True if the block that `text` names is open.
    pub fn is_open(&self, text: &Text<'_>) -> bool {
        let parent = text.parent.map(tool_id);
        self.state.blocks.is_open(&Text { parent: parent.as_deref(), ..*text })
    }

    /// Closes the blocks of the main agent but this one.
    pub fn close_texts_but(&mut self, kept: Option<&Text<'_>>) {
        let (blocks, _, mut emitter) = self.parts();
        blocks.close_but(kept, &mut emitter);
    }

    /// Starts a tool, closing the open blocks of its parent.
    pub fn start_tool(&mut self, tool: &ToolStart<'_>) {
        self.ensure_turn();
        let (id, name, parent) = (tool_id(tool.id), tool_id(tool.name), tool.parent.map(tool_id));
        let tool = &ToolStart { id: &id, name: &name, parent: parent.as_deref(), ..*tool };
        let at = self.time;
        let (blocks, turn, mut emitter) = self.parts();
        blocks.close_of(tool.parent, &mut emitter);
        if let Some(turn) = turn {
            turn.tools.start(at, tool, &mut emitter);
        }
    }

    /// Finishes a tool; one that never started is started first, and one whose turn is over is only noted.
    pub fn finish_tool(&mut self, tool: &ToolEnd<'_>) {
        let (id, name, parent) = (tool_id(tool.id), tool_id(tool.name), tool.parent.map(tool_id));
        let output = tool.output.as_deref().map(Into::into);
        let tool = &ToolEnd { id: &id, name: &name, parent: parent.as_deref(), output, ..*tool };
        let at = self.time;
        if let (blocks, Some(turn), mut emitter) = self.parts() {
            if !turn.tools.is_open(tool.id) {
                // It starts and finishes at once, and its start closes blocks like any other.
                blocks.close_of(tool.parent, &mut emitter);
            }
            return turn.tools.finish(at, tool, &mut emitter);
        }
        let mut data =
            serde_json::json!({"id": tool.id, "name": tool.name, "outcome": tool.outcome});
        if let Some(output) =
            tool.output.as_ref().and_then(|output| serde_json::from_str(output).ok())
        {
            data["output"] = output;
        }
        let message = "a tool finished after its turn had ended";
        self.notice(&Notice {
            kind: "log",
            message: Some(message),
            data: Some(data),
            parent: tool.parent,
        });
    }

    /// Emits a status, in the open turn if there is one.
    pub fn notice(&mut self, notice: &Notice<'_>) {
        self.status_with(notice, |body| {
            body.value_if("data", notice.data.as_ref());
        });
    }

    /// As [`Guard::notice`], with `data` writing the fields of its data.
    pub fn status_of(&mut self, notice: &Notice<'_>, data: impl FnOnce(&mut Object<'_>)) {
        self.status_with(notice, |body| body.object("data", data));
    }

    /// As [`Guard::notice`], with data that is JSON text already.
    pub fn status_raw(&mut self, notice: &Notice<'_>, data: &str) {
        self.status_with(notice, |body| body.json("data", data));
    }

    fn status_with(&mut self, notice: &Notice<'_>, data: impl FnOnce(&mut Object<'_>)) {
        let parent = notice.parent.map(tool_id);
        self.emit((Type::Status, parent.as_deref(), Origin::Runtime), |body| {
            body.text("kind", notice.kind);
            body.text_if("message", notice.message);
            data(body);
        });
    }

    /// Emits a line of the agent's stderr.
    pub fn stderr(&mut self, line: &str) {
        self.stderr_tail.push_str(line);
        self.stderr_tail.push('\n');
        if let Some(over) = self.stderr_tail.len().checked_sub(STDERR_TAIL) {
            let cut = ceil(&self.stderr_tail, over);
            self.stderr_tail.drain(..cut);
        }
        let data = serde_json::json!({"from": "stderr"});
        self.notice(&Notice { kind: "log", message: Some(line), data: Some(data), parent: None });
    }

    /// Emits bytes of the agent that could not be read.
    pub fn diagnostic(&mut self, place: &Place<'_>, why: &Malformed) {
        self.diagnostics += 1;
        let diagnostic = codec::diagnostic(place, why);
        self.emit((Type::Status, None, Origin::Runtime), |body| {
            body.fields_of(&diagnostic);
        });
    }

    /// Opens a synthetic turn for a text or a tool without one.
    fn ensure_turn(&mut self) {
        if self.state.turn.is_none() {
            self.open(&TurnStarted::default(), Origin::Spile);
        }
    }

    fn runtime_of<'s>(&self, started: &'s TurnStarted<'_>) -> &'s str {
        if started.runtime.is_empty() { self.runtime } else { &started.runtime }
    }

    fn open(&mut self, started: &TurnStarted<'_>, origin: Origin) {
        let runtime = self.runtime_of(started);
        self.state.turns += 1;
        self.state.turn = Some(Turn::default());
        self.emit((Type::TurnStarted, None, origin), |body| {
            body.text("runtime", runtime);
            body.text_if("model", started.model.as_deref());
            body.text_if("session", started.session.as_deref());
            body.text_if("cwd", started.cwd.as_deref());
            body.text_if("prompt", started.prompt.as_deref());
            body.text_if("agent", started.agent.as_deref());
            if !started.tools.is_empty() {
                body.texts("tools", &started.tools);
            }
        });
    }

    fn note_answer(&mut self, text: &Text<'_>) {
        if let Some(turn) = &mut self.state.turn {
            turn.answered |= text.parent.is_none() && text.kind == TextKind::Answer;
        }
    }

    /// The blocks and the open turn of the current stream, with the writer of its events.
    fn parts(&mut self) -> (&mut Blocks, Option<&mut Turn>, Emitter<'_>) {
        let StreamState { stream, head, seq, turns, turn, blocks, .. } = &mut self.state;
        let emitter = Emitter {
            out: &mut self.out,
            writer: self.writer,
            raw_outputs: self.raw_outputs,
            head: head.of(turn.is_some().then_some(*turns), |turn, head| {
                let turn = turn.map_or_else(String::new, |turn| format!(",\"turn\":{turn}"));
                *head = format!("\",\"stream\":\"{stream}\"{turn},\"seq\":");
            }),
            seq,
            tail: self.tail.of(self.time + self.ahead, |time, tail| {
                let label = self.config.label.as_ref().map(codec::to_json);
                let label = label.map_or_else(String::new, |label| format!(",\"label\":{label}"));
                *tail = format!(",\"ts\":\"{time}\"{label}");
            }),
        };
        (blocks, turn.as_mut(), emitter)
    }

    fn emit(&mut self, head: EventHead<'_>, body: impl FnOnce(&mut Object<'_>)) {
        self.parts().2.emit(head, body);
    }
}

/// Type, parent and origin of an event.
type EventHead<'a> = (Type, Option<&'a str>, Origin);

/// Writer of the events of one stream.
struct Emitter<'a> {
    out: &'a mut Vec<u8>,
    writer: Writer,
    raw_outputs: bool,
    /// JSON text of the envelope between the type and the number, and behind the number.
    head: &'a str,
    tail: &'a str,
    seq: &'a mut u64,
}

impl Emitter<'_> {
    /// Writes the next event with its envelope, as [`Writer::event`] does.
    fn emit(&mut self, (type_, parent, origin): EventHead<'_>, body: impl FnOnce(&mut Object<'_>)) {
        *self.seq += 1;
        self.writer.line(self.out, |object| {
            object.integer("v", VERSION);
            object.put(",\"type\":\"");
            object.put(type_.name());
            object.put(self.head);
            object.put_integer(*self.seq);
            object.put(self.tail);
            object.text_if("parent", parent);
            if origin == Origin::Spile {
                object.put(",\"synthetic\":true");
            }
            body(object);
        });
    }
}

/// Text that depends on a value, and is written again when the value changes.
#[derive(Debug)]
struct Cached<T>(Option<T>, String);

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self(None, String::new())
    }
}

impl<T: Copy + PartialEq> Cached<T> {
    #[inline(always)]
    fn of(&mut self, value: T, write: impl FnOnce(T, &mut String)) -> &str {
        if self.0.replace(value) != Some(value) {
            write(value, &mut self.1);
        }
        &self.1
    }
}
