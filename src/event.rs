//! The canonical event, contract version 1 (docs/EVENTS.md): its types, its envelope and its bodies.
//!
//! An [`Event`] is a view of one line and never more than that line: what a filter does not touch leaves byte for byte.
//! The body structs are what spile writes itself and what it reads when a filter needs more than the view.

mod body;
mod id;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::time::Time;

pub use body::{
    BlockFinal, ChangedFiles, ChildExit, Failure, Status, TextDelta, Tool, ToolFinished,
    ToolStarted, TurnCancelled, TurnCompleted, TurnFailed, TurnStarted, Usage, UsageAndCost,
};

pub use id::{event_id, part_id, part_ids, tool_id};

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
    pub fn parse(name: &str) -> Self {
        Self::NAMES.iter().find(|(_, n)| *n == name).map_or(Type::Other, |(kind, _)| *kind)
    }

    /// The name on the wire; empty for [`Type::Other`], whose name only its line knows.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(t, _)| *t == self).map_or("", |(_, name)| name)
    }

    /// True if it ends a turn.
    pub fn is_terminal(self) -> bool {
        matches!(self, Type::TurnCompleted | Type::TurnFailed | Type::TurnCancelled)
    }
}

/// One event: its line, and as much of it as most filters ask for.
///
/// Borrows are from the line. The bodies are read on demand, with [`crate::codec::body`].
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
    pub fn time(&self) -> Option<Time> {
        self.ts.as_deref().and_then(Time::parse)
    }
}

/// The rest of a `text_delta` behind its envelope's head. Strings are spans of the line, still escaped.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Delta<'a> {
    /// The first of the events that this one stands for, if it stands for several.
    pub first_seq: Option<u64>,
    /// A human's name for the stream.
    pub label: Option<Raw<'a>>,
    /// The tool call of the sub-agent that emitted it.
    pub parent: Option<Raw<'a>>,
    /// True if spile emitted it, not the runtime.
    pub synthetic: bool,
    /// The block that it adds to.
    pub block: Raw<'a>,
    /// `answer` or `reasoning`.
    pub kind: Raw<'a>,
    /// The text that it adds, never empty.
    pub text: Raw<'a>,
    /// Fields that this version does not know: `,"key":value...` as in the line.
    pub extra: Cow<'a, str>,
}

/// The inside of a JSON string, between the quotes, escapes and all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Raw<'a>(pub &'a str);

/// The envelope, in the order in which it is written.
#[derive(Debug, Clone, Serialize, Deserialize, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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

impl Envelope<'_> {
    /// An envelope with a type and nothing else.
    pub fn of(type_: Type) -> Self {
        Self { v: VERSION, type_: type_.name().into(), ..Self::default() }
    }
}
