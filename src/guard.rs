//! The contract guard: whatever an adapter says and however its input ends, what leaves here obeys C1 to C8
//! (docs/EVENTS.md). Adapters speak to it in their own order; it opens, numbers, closes and never says a thing twice.

mod block;
mod calls;
mod clean;
mod ending;
mod say;
mod streams;
#[cfg(test)]
mod tests;
mod tools;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;

use crate::codec::{self, Malformed, Object, Place, Writer};
use crate::event::{Envelope, TurnStarted, Type, UsageAndCost, VERSION, tool_id};
use crate::time::Time;

use block::Blocks;
pub use ending::TurnEnd;
pub use say::{End, Ended, Notice, Text, TextKind, ToolEnd, ToolStart, TurnVerdict};
pub use streams::MAX_STREAMS;
use streams::StreamState;
use tools::Tools;

/// The longest block in bytes, unless `--max-block` says otherwise.
pub const MAX_BLOCK: usize = 1 << 20;

/// How much of stderr a `turn_failed` quotes, in bytes.
const STDERR_TAIL: usize = 4096;

/// What a guard must know before the first event.
#[derive(Debug, Clone)]
pub struct Config {
    /// The stream id, as [`codec::is_stream_id`] wants it.
    pub stream: String,
    /// A human's name for it.
    pub label: Option<String>,
    /// The longest block in bytes; at least 16 are taken.
    pub max_block: usize,
}

/// The guard of one stream, or of several, each in its state. What it has to say collects in [`Guard::out`].
#[derive(Debug)]
pub struct Guard {
    config: Config,
    /// The lines that are ready, each with its line feed. Whoever drives the guard takes them.
    pub out: Vec<u8>,
    writer: Writer,
    runtime: Cow<'static, str>,
    time: Time,
    /// How far `ts` is ahead of the time of whoever drives the guard.
    ahead: Duration,
    stamp: Stamp,
    /// The state in which it speaks, and the others.
    state: StreamState,
    parked: Vec<StreamState>,
    /// How many turns have ended.
    ended: u64,
    fail_on_stop: Vec<String>,
    /// The open turn is that of the runtime which begins one next.
    handed_over: bool,
    /// True if the outputs of tools keep their escape sequences.
    raw_outputs: bool,
    stderr_tail: String,
    diagnostics: u64,
    /// The terminal events since somebody pending_end for them.
    ends: VecDeque<TurnEnd>,
}

/// What belongs to the open turn alone.
#[derive(Debug, Default)]
struct Turn {
    tools: Tools,
    /// True if the main agent has said anything to the user.
    answered: bool,
    /// What it has used, as far as that is known before it ends.
    spent: UsageAndCost,
}

impl Guard {
    /// A guard before its first event.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            state: StreamState::new(&config, 0),
            parked: Vec::new(),
            ended: 0,
            config,
            out: Vec::new(),
            writer: Writer { mends_raw: true, ..Writer::default() },
            runtime: Cow::Borrowed("unknown"),
            time: Time::default(),
            ahead: Duration::ZERO,
            stamp: Stamp::default(),
            fail_on_stop: Vec::new(),
            handed_over: false,
            raw_outputs: false,
            stderr_tail: String::new(),
            diagnostics: 0,
            ends: VecDeque::new(),
        }
    }

    /// Names the runtime, for turns that open without saying it.
    pub fn set_runtime(&mut self, runtime: &'static str) {
        self.runtime = Cow::Borrowed(runtime);
    }

    /// The wall clock is this far ahead of the times that are said here, as after a suspend: `ts` follows it. It never goes
    /// back.
    pub fn set_ahead(&mut self, ahead: Duration) {
        self.ahead = self.ahead.max(ahead);
    }

    /// From here on texts may hold the stand-ins of [`codec::replace_lone_surrogates`].
    pub fn expect_lone_surrogates(&mut self) {
        self.writer.lone_surrogates = true;
    }

    /// From here on escape sequences and carriage returns stay in the outputs of tools.
    pub fn keep_escapes(&mut self) {
        self.raw_outputs = true;
    }

    /// How many diagnostics were said.
    #[must_use]
    pub fn diagnostics(&self) -> u64 {
        self.diagnostics
    }

    /// Opens a turn. One that is still open never got its result and fails first.
    pub fn start_turn(&mut self, now: Time, started: &TurnStarted<'_>) {
        if self.turn_open() && std::mem::take(&mut self.handed_over) {
            let data = serde_json::json!({
                "runtime": started.runtime, "model": started.model, "session": started.session
            });
            let message = Some(&*started.runtime);
            return self
                .status(now, &Notice { kind: "session", message, data: Some(data), parent: None });
        }
        if self.turn_open() {
            self.fail_missing(now, "the next turn began before this one had a result");
        }
        self.open(now, started, false);
    }

    /// From here on another runtime speaks: open texts are closed, and the turn that it begins is the open one, if one is.
    pub fn hand_over(&mut self, now: Time) {
        self.with_blocks(now, false, Blocks::close_all);
        self.handed_over = self.turn_open();
    }

    /// Adds text to the block that `text` names, opening it (and a turn) if need be.
    pub fn delta(&mut self, now: Time, text: &Text<'_>, delta: &str) {
        if delta.is_empty() {
            return;
        }
        self.ensure_turn(now);
        let parent = text.parent.map(tool_id);
        let text = &Text { parent: parent.as_deref(), ..*text };
        self.note_answer(text);
        self.with_blocks(now, false, |blocks, emit| blocks.delta(text, delta, emit));
    }

    /// Closes the block that `text` names. With `whole` the runtime says what the block's text is: what is missing is
    /// said first, and a text that differs becomes a block of its own that supersedes what was said.
    pub fn finish_block(&mut self, now: Time, text: &Text<'_>, whole: Option<&str>) {
        let parent = text.parent.map(tool_id);
        let text = &Text { parent: parent.as_deref(), ..*text };
        if whole.is_some_and(|w| !w.is_empty()) {
            self.ensure_turn(now);
            self.note_answer(text);
        }
        self.with_blocks(now, false, |blocks, emit| blocks.finish(text, whole, emit));
    }

    /// Starts a tool, closing the open blocks of its parent.
    pub fn start_tool(&mut self, now: Time, tool: &ToolStart<'_>) {
        self.ensure_turn(now);
        let (id, name, parent) = (tool_id(tool.id), tool_id(tool.name), tool.parent.map(tool_id));
        let tool = &ToolStart { id: &id, name: &name, parent: parent.as_deref(), ..*tool };
        self.with_blocks(now, false, |blocks, emit| blocks.close_of(tool.parent, emit));
        self.with_tools(now, |tools, emit| tools.start(now, tool, emit));
    }

    /// Finishes a tool; one that never started is started first, and one whose turn is over is only noted.
    pub fn finish_tool(&mut self, now: Time, tool: &ToolEnd<'_>) {
        let (id, name, parent) = (tool_id(tool.id), tool_id(tool.name), tool.parent.map(tool_id));
        let output = tool.output.as_deref().map(Into::into);
        let tool = &ToolEnd { id: &id, name: &name, parent: parent.as_deref(), output, ..*tool };
        if self.turn_open() {
            if !self.state.turn.as_ref().is_some_and(|turn| turn.tools.is_open(tool.id)) {
                // It starts and finishes at once, and its start closes blocks like any other.
                self.with_blocks(now, false, |blocks, emit| blocks.close_of(tool.parent, emit));
            }
            self.with_tools(now, |tools, emit| tools.finish(now, tool, emit));
            return;
        }
        let mut data =
            serde_json::json!({"id": tool.id, "name": tool.name, "outcome": tool.outcome});
        if let Some(output) =
            tool.output.as_ref().and_then(|output| serde_json::from_str(output).ok())
        {
            data["output"] = output;
        }
        let message = "a tool finished after its turn had ended";
        self.status(
            now,
            &Notice { kind: "log", message: Some(message), data: Some(data), parent: tool.parent },
        );
    }

    /// Says a status, in the open turn if there is one.
    pub fn status(&mut self, now: Time, notice: &Notice<'_>) {
        self.status_with(now, notice, |body| {
            body.value_if("data", notice.data.as_ref());
        });
    }

    /// As [`Guard::status`], with the fields of its data said in `data`.
    pub fn status_of(
        &mut self,
        now: Time,
        notice: &Notice<'_>,
        data: impl FnOnce(&mut Object<'_>),
    ) {
        self.status_with(now, notice, |body| body.object("data", data));
    }

    /// As [`Guard::status`], with data as the runtime wrote it, for what is only passed on: `data` is one JSON value, or put
    /// together from such.
    pub fn status_raw(&mut self, now: Time, notice: &Notice<'_>, data: &str) {
        self.status_with(now, notice, |body| body.json("data", data));
    }

    fn status_with(&mut self, now: Time, notice: &Notice<'_>, data: impl FnOnce(&mut Object<'_>)) {
        let parent = notice.parent.map(tool_id);
        self.emit(now, (Type::Status, parent.as_deref(), false), |body| {
            body.text("kind", notice.kind);
            body.text_if("message", notice.message);
            data(body);
        });
    }

    /// A line of the agent's stderr.
    pub fn stderr(&mut self, now: Time, line: &str) {
        self.stderr_tail.push_str(line);
        self.stderr_tail.push('\n');
        if let Some(over) = self.stderr_tail.len().checked_sub(STDERR_TAIL) {
            let cut =
                (over..self.stderr_tail.len()).find(|&i| self.stderr_tail.is_char_boundary(i));
            self.stderr_tail.drain(..cut.unwrap_or(self.stderr_tail.len()));
        }
        let data = serde_json::json!({"from": "stderr"});
        self.status(
            now,
            &Notice { kind: "log", message: Some(line), data: Some(data), parent: None },
        );
    }

    /// Bytes of the agent that could not be read, kept whole.
    pub fn diagnostic(&mut self, now: Time, place: &Place<'_>, why: &Malformed) {
        self.diagnostics += 1;
        let diagnostic = codec::diagnostic(place, why);
        self.emit(now, (Type::Status, None, false), |body| {
            body.fields_of(&diagnostic);
        });
    }

    /// Text or a tool without a turn opens one that the runtime never announced.
    fn ensure_turn(&mut self, now: Time) {
        if self.state.turn.is_none() {
            let runtime = self.runtime.clone();
            self.open(now, &TurnStarted { runtime, ..TurnStarted::default() }, true);
        }
    }

    fn open(&mut self, now: Time, started: &TurnStarted<'_>, synthetic: bool) {
        self.state.turns += 1;
        self.state.turn = Some(Turn::default());
        self.emit(now, (Type::TurnStarted, None, synthetic), |body| {
            body.text("runtime", &started.runtime);
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

    fn with_blocks(
        &mut self,
        now: Time,
        synthetic: bool,
        act: impl FnOnce(&mut Blocks, &mut block::EmitFn<'_>),
    ) {
        let mut blocks = std::mem::take(&mut self.state.blocks);
        act(&mut blocks, &mut |parent, said| {
            let (head, words) = match said {
                block::Emitted::Delta(words) => ((Type::TextDelta, parent, false), words),
                block::Emitted::Final(words) => ((Type::BlockFinal, parent, synthetic), words),
            };
            self.emit(now, head, |body| {
                body.text("block", words.block);
                body.text("kind", words.kind);
                body.text("text", words.text);
                body.text_if("supersedes", words.supersedes);
                body.text_if("continues", words.continues);
            });
        });
        self.state.blocks = blocks;
    }

    fn with_tools(&mut self, now: Time, act: impl FnOnce(&mut Tools, &mut tools::EmitFn<'_>)) {
        let Some(mut turn) = self.state.turn.take() else {
            return;
        };
        // The turn must be open while its events are written.
        self.state.turn = Some(Turn::default());
        act(&mut turn.tools, &mut |parent, said| match said {
            tools::Emitted::Started(tool) => {
                self.emit(now, (Type::ToolStarted, parent, false), |body| {
                    body.object("tool", |body| {
                        body.text("id", tool.id);
                        body.text("name", tool.name);
                        body.text("kind", tool.kind);
                        body.text_if("title", tool.title);
                        if let Some(input) = tool.input {
                            body.json("input", input);
                        }
                        if !tool.paths.is_empty() {
                            body.texts("paths", tool.paths);
                        }
                    });
                });
            }
            tools::Emitted::Finished { tool, title, outcome, end } => {
                let (head, raw) = ((Type::ToolFinished, parent, end.is_none()), self.raw_outputs);
                self.emit(now, head, |body| {
                    body.object("tool", |body| {
                        for (key, text) in ["id", "name", "kind"].into_iter().zip(tool) {
                            body.text(key, text);
                        }
                        body.text_if("title", title);
                    });
                    body.text("outcome", outcome);
                    if let Some(output) = end.and_then(|end| end.output.as_deref()) {
                        let clean =
                            if raw { Cow::Borrowed(output) } else { clean::clean_json(output) };
                        body.json("output", &clean);
                    }
                    body.value_if("exit_code", end.and_then(|end| end.exit_code.as_ref()));
                    body.value_if("duration_ms", end.and_then(|end| end.duration_ms.as_ref()));
                });
            }
        });
        self.state.turn = Some(turn);
    }

    /// Gives the next event its envelope.
    fn emit(
        &mut self,
        now: Time,
        (type_, parent, synthetic): (Type, Option<&str>, bool),
        body: impl FnOnce(&mut Object<'_>),
    ) {
        self.time = self.time.max(now);
        self.state.seq += 1;
        let ts = self.stamp.of(self.time + self.ahead);
        let envelope = Envelope {
            v: VERSION,
            type_: type_.name().into(),
            stream: Some(self.state.stream.as_str().into()),
            turn: self.state.turn.is_some().then_some(self.state.turns),
            seq: Some(self.state.seq),
            first_seq: None,
            ts: Some(Cow::Borrowed(ts)),
            label: self.config.label.as_deref().map(Cow::Borrowed),
            parent: parent.map(Cow::Borrowed),
            synthetic,
        };
        self.writer.emit(&mut self.out, &envelope, body);
    }
}

/// The last time as events write it: all that comes in one read has the same.
#[derive(Debug, Default)]
struct Stamp {
    time: Option<Time>,
    text: String,
}

impl Stamp {
    fn of(&mut self, time: Time) -> &str {
        if self.time.replace(time) != Some(time) {
            self.text = time.to_string();
        }
        &self.text
    }
}
