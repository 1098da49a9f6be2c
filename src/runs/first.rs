//! First stream of a run file, in which wrap reports the begin and the end of the run. It does not follow blocks and tools.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::codec::{self, Fields};
use crate::event::{Envelope, Event, Type};
use crate::outcome::failure_code;

/// End of a run's agent, from the data of its `exit`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunExit {
    /// Exit status of the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// Signal that ended the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// True if the agent was killed.
    #[serde(default)]
    pub killed: bool,
    /// True if the run was closed by another process, after its wrap had died.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
}

/// State of the stream of a file's first event.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct FirstStream {
    /// Empty before the first event.
    pub id: String,
    pub seq: u64,
    /// `ts` of its last numbered event; empty before the first.
    pub ts: String,
    label: Option<String>,
    /// Runtime named in its `session`.
    runtime: Option<String>,
    pub exit: Option<RunExit>,
    start: Start,
}

/// Progress of a run up to the start of its agent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Start {
    /// Nothing but `queued` statuses.
    #[default]
    Awaited,
    /// A turn without a runtime has begun, in which nothing happened yet.
    InTurn,
    /// End of that turn: the agent was never started, and the run has no `exit`.
    Never,
    /// Anything else.
    Begun,
}

impl FirstStream {
    /// Takes an event of any stream.
    pub(super) fn on_event(&mut self, event: &Event<'_>) {
        let Some(stream) = &event.stream else { return };
        if self.id.is_empty() {
            stream.as_ref().clone_into(&mut self.id);
        }
        let Some(seq) = event.seq.filter(|_| *stream == self.id) else { return };
        self.seq = self.seq.max(seq);
        if let Some(ts) = &event.ts {
            ts.as_ref().clone_into(&mut self.ts);
        }
        if event.turn.is_none() || event.kind == Type::TurnStarted {
            self.label = text(event.line, "label").or(self.label.take());
        }
        let status = event.kind == Type::Status && event.turn.is_none();
        let kind = if status { text(event.line, "kind") } else { None };
        self.start = self.start.after(event, kind.as_deref());
        match kind.as_deref() {
            Some("session") => self.note_session(event.line),
            Some("exit") if self.exit.is_none() => {
                let data = codec::value_of(event.line, "data");
                let exit = data.and_then(|data| serde_json::from_str(data).ok());
                self.exit = Some(exit.unwrap_or_default());
            }
            _ => {}
        }
    }

    fn note_session(&mut self, line: &str) {
        let data = codec::value_of(line, "data").unwrap_or_default();
        self.runtime = text(data, "adapter").filter(|name| name != "auto").or(self.runtime.take());
    }

    /// True if wrap has written its last event.
    pub(super) fn is_over(&self) -> bool {
        self.exit.is_some() || self.start == Start::Never
    }

    /// Runtime of a turn that none has announced.
    pub(super) fn runtime(&self) -> &str {
        self.runtime.as_deref().unwrap_or("text")
    }

    /// Envelope of the next event, at the time of the last one.
    pub(super) fn next(&self, type_: Type) -> Envelope<'_> {
        Envelope {
            stream: Some(self.id.as_str().into()),
            seq: Some(self.seq + 1),
            ts: Some(self.ts.as_str().into()),
            label: self.label.as_deref().map(Into::into),
            ..Envelope::of(type_)
        }
    }
}

impl Start {
    /// State after a numbered event; `kind` is that of a status outside of turns.
    fn after(self, event: &Event<'_>, kind: Option<&str>) -> Self {
        let synthetic = || codec::value_of(event.line, "synthetic") == Some("true");
        match (self, event.kind) {
            (Start::Awaited, Type::Status) if kind == Some("queued") => Start::Awaited,
            (Start::Awaited, Type::TurnStarted) if synthetic() => Start::InTurn,
            (Start::InTurn, Type::TurnFailed)
                if failure_code(event).as_deref() == Some("spawn_failed") =>
            {
                Start::Never
            }
            // A cancel of a run that is queued; an agent cannot be the one that cancels.
            (Start::InTurn, Type::TurnCancelled)
                if text(event.line, "by").is_some_and(|by| by != "runtime") =>
            {
                Start::Never
            }
            _ => Start::Begun,
        }
    }
}

/// The string at `key` of an object.
fn text(object: &str, key: &str) -> Option<String> {
    codec::value_of(object, key).and_then(codec::text).map(Cow::into_owned)
}

/// Id of the runtime's conversation, from a turn's begin or from a `session` status of the runtime.
pub(super) fn session_of(event: &Event<'_>) -> Option<String> {
    match event.kind {
        Type::TurnStarted => text(event.line, "session"),
        Type::Status => {
            let fields = Fields::parse(event.line).ok()?;
            let data = fields.object("data").filter(|_| fields.get("kind") == Some("\"session\""));
            data?.text("session").map(Cow::into_owned)
        }
        _ => None,
    }
}
