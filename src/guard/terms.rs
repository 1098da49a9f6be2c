//! Arguments of the guard: texts, tools, statuses and the end of the input.

use std::borrow::Cow;

use serde_json::Value;

use crate::event::ChildExit;

/// Audience of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// For the user.
    Answer,
    /// The model's thinking.
    Reasoning,
}

impl TextKind {
    /// The other kind.
    pub fn other(self) -> Self {
        match self {
            TextKind::Answer => TextKind::Reasoning,
            TextKind::Reasoning => TextKind::Answer,
        }
    }

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            TextKind::Answer => "answer",
            TextKind::Reasoning => "reasoning",
        }
    }
}

/// The block of a text.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    /// The adapter's own name for the block while it is open; the guard gives it its `bN`.
    pub key: &'a str,
    /// Its audience.
    pub kind: TextKind,
    /// The tool call of the sub-agent that emits it.
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
    /// The files that it names, if they were not known when it started.
    pub paths: &'a [String],
    /// Its result, as JSON text; adapters may have it as a value.
    pub output: Output,
    /// Its exit status.
    pub exit_code: Option<i64>,
    /// Milliseconds, as the runtime counts them.
    pub duration_ms: Option<u64>,
    /// The tool call under which a sub-agent called it.
    pub parent: Option<&'a str>,
}

/// A status.
#[derive(Debug, Clone, Default)]
pub struct Notice<'a> {
    /// Its subject, such as `session` or `usage`.
    pub kind: &'a str,
    /// For people.
    pub message: Option<&'a str>,
    /// For programs.
    pub data: Option<Value>,
    /// The tool call of the sub-agent that emits it.
    pub parent: Option<&'a str>,
}

/// End of the agent's output.
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
    /// The same as a field of an event.
    pub fn child_exit(self) -> Option<ChildExit> {
        match self {
            Ended::Eof => None,
            Ended::Exited(code) => Some(ChildExit { code: Some(code), signal: None }),
            Ended::Signalled(signal) => Some(ChildExit { code: None, signal: Some(signal) }),
        }
    }

    /// The same as a sentence, with what was odd about it.
    pub fn sentence(self, odd: &str) -> String {
        let text = match self {
            Ended::Eof => "the output ended".to_owned(),
            Ended::Exited(code) => format!("the agent exited with status {code}"),
            Ended::Signalled(signal) => format!("the agent died of signal {signal}"),
        };
        if odd.is_empty() { text } else { format!("{text} {odd}") }
    }
}

/// Meaning of the end of the input for an open turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnVerdict {
    /// The runtime has no result message: its exit decides.
    ByExit,
    /// The runtime has a result message, and it did not come.
    MissingResult,
    /// The runtime has no result message, but it was cut off in the middle of something.
    Truncated,
}

/// End of the input, with its meaning by the adapter.
#[derive(Debug, Clone, Copy)]
pub struct End {
    /// End of the process or input.
    pub ended: Ended,
    /// Its meaning for an open turn.
    pub verdict: TurnVerdict,
}
