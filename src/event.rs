//! The canonical event, contract version 1 (docs/EVENTS.md): its types, its envelope and its bodies.
//!
//! An [`Event`] is a view of one line and never more than that line: what a filter does not touch leaves byte for byte.
//! The body structs are what spile writes itself and what it reads when a filter needs more than the view.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::time::Time;

/// The contract's major version, the value of `v`.
pub const VERSION: u64 = 1;

/// The nine types; any other is passed on untouched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is named and described in docs/EVENTS.md")]
pub enum Type {
    TurnStarted,
    TextDelta,
    BlockFinal,
    ToolStarted,
    ToolFinished,
    Status,
    TurnCompleted,
    TurnFailed,
    TurnCancelled,
    /// A type that this version does not know.
    Other,
}

impl Type {
    /// The nine types with their names on the wire.
    pub const NAMES: [(Type, &'static str); 9] = [
        (Type::TurnStarted, "turn_started"),
        (Type::TextDelta, "text_delta"),
        (Type::BlockFinal, "block_final"),
        (Type::ToolStarted, "tool_started"),
        (Type::ToolFinished, "tool_finished"),
        (Type::Status, "status"),
        (Type::TurnCompleted, "turn_completed"),
        (Type::TurnFailed, "turn_failed"),
        (Type::TurnCancelled, "turn_cancelled"),
    ];

    /// The type with this name; [`Type::Other`] if it is none of the nine.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        match name {
            "turn_started" => Type::TurnStarted,
            "text_delta" => Type::TextDelta,
            "block_final" => Type::BlockFinal,
            "tool_started" => Type::ToolStarted,
            "tool_finished" => Type::ToolFinished,
            "status" => Type::Status,
            "turn_completed" => Type::TurnCompleted,
            "turn_failed" => Type::TurnFailed,
            "turn_cancelled" => Type::TurnCancelled,
            _ => Type::Other,
        }
    }

    /// The name on the wire; empty for [`Type::Other`], whose name only its line knows.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(t, _)| *t == self)
            .map_or("", |(_, name)| name)
    }

    /// Whether it ends a turn.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            Type::TurnCompleted | Type::TurnFailed | Type::TurnCancelled
        )
    }
}

/// One event: its line, and as much of it as most filters ask for.
///
/// What is borrowed here is borrowed from the line. The bodies are read on demand, with [`crate::codec::body`].
#[derive(Debug, Clone, PartialEq)]
pub struct Event<'a> {
    /// The line as it came, without its line feed.
    pub line: &'a str,
    /// Which of the nine it is.
    pub kind: Type,
    /// The run it belongs to; absent only on a diagnostic that belongs to no stream.
    pub stream: Option<Cow<'a, str>>,
    /// The turn of the stream, from 1; absent outside any turn.
    pub turn: Option<u64>,
    /// The position in the stream, from 1; absent on what a later filter injected.
    pub seq: Option<u64>,
    /// `ts` as it is written.
    pub ts: Option<Cow<'a, str>>,
    /// The rest of a `text_delta`; `None` for every other type.
    pub delta: Option<Delta<'a>>,
}

impl Event<'_> {
    /// `ts` as a number; `None` where there is none or it cannot be read.
    #[must_use]
    pub fn time(&self) -> Option<Time> {
        self.ts.as_deref().and_then(Time::parse)
    }
}

/// What a `text_delta` says beside its envelope's head. Strings are spans of the line, still escaped.
#[derive(Debug, Clone, PartialEq)]
pub struct Delta<'a> {
    /// The first of the events that this one stands for, if it stands for several.
    pub first_seq: Option<u64>,
    /// A human's name for the stream.
    pub label: Option<Raw<'a>>,
    /// The tool call under which a sub-agent said this.
    pub parent: Option<Raw<'a>>,
    /// Whether spile, not the runtime, said it.
    pub synthetic: bool,
    /// The block that it adds to.
    pub block: Raw<'a>,
    /// `answer` or `reasoning`.
    pub kind: Raw<'a>,
    /// The text that it adds, never empty.
    pub text: Raw<'a>,
    /// What this version does not know: `,"key":value...` as it stood in the line.
    pub extra: Cow<'a, str>,
}

/// The inside of a JSON string, between the quotes, escapes and all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Raw<'a>(pub &'a str);

/// The envelope, in the order in which it is written.
#[derive(Debug, Clone, Serialize, Deserialize, Default, JsonSchema)]
pub struct Envelope<'a> {
    /// Contract major version.
    pub v: u64,
    /// One of the nine types, or one that this version does not know.
    #[serde(rename = "type", borrow)]
    pub type_: Cow<'a, str>,
    /// One run of one agent: 1 to 64 of `[A-Za-z0-9._:-]`, the first alphanumeric.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub stream: Option<Cow<'a, str>>,
    /// The n-th turn of the stream, from 1; absent outside any turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn: Option<u64>,
    /// Position in the stream, from 1; absent on what a later filter injects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The event stands for `first_seq..=seq`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seq: Option<u64>,
    /// RFC 3339, UTC, milliseconds: when its bytes arrived.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub ts: Option<Cow<'a, str>>,
    /// A human's name.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub label: Option<Cow<'a, str>>,
    /// Id of the tool call under which a sub-agent said this.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Cow<'a, str>>,
    /// `true` if the runtime never said it: spile closed what was left open.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub synthetic: bool,
}

/// Body of `turn_started`.
#[derive(Debug, Clone, Serialize, Deserialize, Default, JsonSchema)]
pub struct TurnStarted<'a> {
    /// The adapter's name for the runtime.
    #[serde(borrow)]
    pub runtime: Cow<'a, str>,
    /// The model, in the runtime's words.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub model: Option<Cow<'a, str>>,
    /// The runtime's own id of the conversation.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub session: Option<Cow<'a, str>>,
    /// The agent's working directory.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<Cow<'a, str>>,
    /// What the agent was asked.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Cow<'a, str>>,
    /// The runtime's version, or the name of the agent within it.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Cow<'a, str>>,
    /// Names of the tools that it may call.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Cow<'a, str>>,
}

/// Body of `text_delta`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TextDelta<'a> {
    /// `b1`, `b2`, ... over the stream, in order of first text.
    #[serde(borrow)]
    pub block: Cow<'a, str>,
    /// `answer` or `reasoning`.
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
    /// Never empty.
    #[serde(borrow)]
    pub text: Cow<'a, str>,
}

/// Body of `block_final`; with `part` it is one part of a block that `chunk` cut.
#[derive(Debug, Clone, Serialize, Deserialize, Default, JsonSchema)]
pub struct BlockFinal<'a> {
    /// The block that it closes.
    #[serde(borrow)]
    pub block: Cow<'a, str>,
    /// `answer` or `reasoning`.
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
    /// The concatenation of the block's deltas; of a part `open` + body + `close`.
    #[serde(borrow)]
    pub text: Cow<'a, str>,
    /// The block, closed as said, whose text this one replaces.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<Cow<'a, str>>,
    /// The block of which this is the continuation past `--max-block`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub continues: Option<Cow<'a, str>>,
    /// The number of the part, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<u64>,
    /// Whether it is the block's last part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<bool>,
    /// `stream/turn/block/part`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub delivery_id: Option<Cow<'a, str>>,
    /// What was put before the body: fence line, table header.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub open: Option<Cow<'a, str>>,
    /// What was put after the body.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub close: Option<Cow<'a, str>>,
    /// White space left out at the cut.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub glue: Option<Cow<'a, str>>,
}

impl BlockFinal<'_> {
    /// Block, kind and text, if it has no other field.
    #[must_use]
    pub fn only_text(&self) -> Option<[&str; 3]> {
        match self {
            Self {
                block,
                kind,
                text,
                supersedes: None,
                continues: None,
                part: None,
                last: None,
                delivery_id: None,
                open: None,
                close: None,
                glue: None,
            } => Some([block, kind, text]),
            _ => None,
        }
    }
}

/// The tool of `tool_started` and `tool_finished`; the latter has only `id`, `name` and `kind`.
#[derive(Debug, Clone, Serialize, Deserialize, Default, JsonSchema)]
pub struct Tool<'a> {
    /// The runtime's id, made unique in its turn.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// The runtime's name for it, verbatim.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// One of ACP's list: `read` `edit` `delete` `move` `search` `execute` `think` `fetch` `other`.
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
    /// A line for people.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub title: Option<Cow<'a, str>>,
    /// The arguments, any JSON.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Value>")]
    pub input: Option<Cow<'a, RawValue>>,
    /// The files that it names.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<Cow<'a, str>>,
}

/// Body of `tool_started`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ToolStarted<'a> {
    /// The tool.
    #[serde(borrow)]
    pub tool: Tool<'a>,
}

/// Body of `tool_finished`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ToolFinished<'a> {
    /// The tool: id, name and kind.
    #[serde(borrow)]
    pub tool: Tool<'a>,
    /// `ok` `error` `denied` `cancelled` `unknown`.
    #[serde(borrow)]
    pub outcome: Cow<'a, str>,
    /// What it gave: a string, or the runtime's own JSON.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Value>")]
    pub output: Option<Cow<'a, RawValue>>,
    /// The exit status, where the tool is a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// Milliseconds, as the runtime says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

/// Body of `status`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Status<'a> {
    /// What it is about; a reader accepts kinds that it does not know.
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
    /// For people.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub message: Option<Cow<'a, str>>,
    /// For programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

/// Tokens of this turn, under OpenTelemetry's GenAI names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default, JsonSchema)]
pub struct Usage {
    /// Tokens sent, as the runtime counts them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Tokens received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Tokens read from the prompt cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read_tokens: Option<u64>,
    /// Tokens written to the prompt cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_tokens: Option<u64>,
    /// Tokens of reasoning, where the runtime counts them apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<u64>,
    /// All tokens, where the runtime says only that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_tokens: Option<u64>,
}

/// What a turn used, on every terminal event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, JsonSchema)]
pub struct Spent {
    /// This turn's tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Cumulative tokens of a conversation whose start is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_total: Option<Usage>,
    /// This turn's cost in US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Milliseconds, as the runtime says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

/// The first part of the body of `turn_completed`; [`Spent`] follows it in the same object.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TurnCompleted<'a> {
    /// The runtime's own reason in its own words.
    #[serde(borrow)]
    pub stop: Cow<'a, str>,
    /// The result, where the runtime gives one.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub result: Option<Cow<'a, str>>,
}

/// How a child process ended: one of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default, JsonSchema)]
pub struct ChildExit {
    /// Its exit status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// The signal that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
}

/// Why a turn failed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Failure<'a> {
    /// One of the contract's codes, `runtime_error` where none fits better.
    #[serde(borrow)]
    pub code: Cow<'a, str>,
    /// The runtime's message.
    #[serde(borrow)]
    pub message: Cow<'a, str>,
    /// RFC 3339: when to try again, for `rate_limited`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Cow<'a, str>>,
}

/// The first part of the body of `turn_failed`; [`Spent`] follows it in the same object.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TurnFailed<'a> {
    /// Why.
    #[serde(borrow)]
    pub error: Failure<'a>,
    /// How the process ended, where that is why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<ChildExit>,
    /// The last lines of stderr.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub stderr_tail: Option<Cow<'a, str>>,
}

/// The first part of the body of `turn_cancelled`; [`Spent`] follows it in the same object.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TurnCancelled<'a> {
    /// `signal` `control` `filter` `runtime`.
    #[serde(borrow)]
    pub by: Cow<'a, str>,
    /// In words.
    #[serde(borrow)]
    pub reason: Cow<'a, str>,
    /// What the runtime itself answered, if it did.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Cow<'a, str>>,
}
