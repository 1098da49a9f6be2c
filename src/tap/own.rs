//! The formats that spile itself writes, recognised when they are given to wrap as an agent's output.

use serde_json::Value;

use crate::event::VERSION;
use crate::replay::raw;

/// A format that spile itself writes and an agent does not print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// Canonical events.
    Events,
    /// A raw recording (`spile wrap --record`).
    Raw,
}

impl Own {
    pub(super) fn detect(text: &str, value: &Value) -> Option<Self> {
        if value.get("spile").is_some() && raw::is_header(text) {
            return Some(Self::Raw);
        }
        let has = |key: &str| value.get(key).is_some_and(Value::is_string);
        let is_event = value.get("v") == Some(&Value::from(VERSION))
            && ["type", "stream", "ts"].into_iter().all(has)
            && value.get("seq").is_none_or(Value::is_u64);
        is_event.then_some(Self::Events)
    }

    /// A name for the user, and what to do with it instead of wrapping a command that prints it.
    pub(super) fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Events => ("canonical events", "start it without spile wrap"),
            Self::Raw => ("a raw recording", "play it with spile wrap -- spile replay FILE"),
        }
    }
}
