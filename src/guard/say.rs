//! What adapters say to the guard, in their own terms.

use std::borrow::Cow;

use serde_json::Value;

use crate::event::ChildExit;

/// Who a text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// For the user.
    Answer,
    /// The model's thinking.
    Reasoning,
}

impl TextKind {
    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            TextKind::Answer => "answer",
            TextKind::Reasoning => "reasoning",
        }
    }
}

/// Which block a text belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    /// The adapter's own name for the block while it is open; the guard gives it its `bN`.
    pub key: &'a str,
    /// For whom it is.
    pub kind: TextKind,
    /// The tool call under which a sub-agent says it.
    pub parent: Option<&'a str>,
}

/// A tool that begins.
#[derive(Debug, Clone, Copy, Default)]
pub struct ToolStart<'a, Input = Option<&'a str>> {
    /// The runtime's id; empty if it has none.
    pub id: &'a str,
    /// The runtime's name for it, verbatim.
    pub name: &'a str,
    /// One of ACP's list; see [`crate::adapter::tool_kind`].
    pub kind: &'a str,
    /// A line for people.
    pub title: Option<&'a str>,
    /// The arguments, as JSON text; adapters may have them as a value.
    pub input: Input,
    /// The files that it names.
    pub paths: &'a [String],
    /// The tool call under which a sub-agent calls it.
    pub parent: Option<&'a str>,
}

/// A tool that has finished.
#[derive(Debug, Clone, Default)]
pub struct ToolEnd<'a, Output = Option<Cow<'a, str>>> {
    /// The id by which it was started.
    pub id: &'a str,
    /// Its name, for a tool that was never started.
    pub name: &'a str,
    /// Its kind, for a tool that was never started; empty is `other`.
    pub kind: &'a str,
    /// `ok` `error` `denied` `cancelled` `unknown`.
    pub outcome: &'a str,
    /// Its result, as JSON text; adapters may have it as a value.
    pub output: Output,
    /// Its exit status.
    pub exit_code: Option<i64>,
    /// Milliseconds, as the runtime says.
    pub duration_ms: Option<u64>,
    /// The tool call under which a sub-agent called it.
    pub parent: Option<&'a str>,
}

/// A status.
#[derive(Debug, Clone, Default)]
pub struct Notice<'a> {
    /// What it is about.
    pub kind: &'a str,
    /// For people.
    pub message: Option<&'a str>,
    /// For programs.
    pub data: Option<Value>,
    /// The tool call under which a sub-agent says it.
    pub parent: Option<&'a str>,
}

/// How the agent's output ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The input of a wrap without a command.
    Eof,
    /// The process exited with this status.
    Exited(i32),
    /// The process died of this signal.
    Signalled(i32),
}

impl Ended {
    /// As an event says it.
    #[must_use]
    pub fn child_exit(self) -> Option<ChildExit> {
        match self {
            Ended::Eof => None,
            Ended::Exited(code) => Some(ChildExit { code: Some(code), signal: None }),
            Ended::Signalled(signal) => Some(ChildExit { code: None, signal: Some(signal) }),
        }
    }

    /// As a person says it, with what was odd about it.
    #[must_use]
    pub fn sentence(self, odd: &str) -> String {
        let text = match self {
            Ended::Eof => "the output ended".to_owned(),
            Ended::Exited(code) => format!("the agent exited with status {code}"),
            Ended::Signalled(signal) => format!("the agent died of signal {signal}"),
        };
        if odd.is_empty() { text } else { format!("{text} {odd}") }
    }
}

/// What a turn that is still open at the end of the input is, by the adapter's knowledge of its runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnVerdict {
    /// The runtime has no result message: the way it ended decides.
    ByExit,
    /// The runtime has a result message, and it did not come.
    MissingResult,
    /// The runtime has no result message, but it was cut off in the middle of something.
    Truncated,
}

/// The end of the input, with what the adapter knows of it.
#[derive(Debug, Clone, Copy)]
pub struct End {
    /// How it ended.
    pub ended: Ended,
    /// What that means for an open turn.
    pub verdict: TurnVerdict,
}
