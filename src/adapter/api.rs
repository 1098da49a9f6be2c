//! What the protocols of raw LLM APIs share: how a failure reads, tools whose arguments come in pieces, texts that come
//! in turns, and texts that come again as a whole.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::framing::Head;
use super::json::over;
use super::{Calls, say_status, text_at};
use crate::codec::{self, MAX_LINE};
use crate::event::Failure;
use crate::guard::{Guard, Text, TextKind};
use crate::time::Time;

/// How many alternatives are told apart.
const MAX_ALTERNATIVES: u64 = 8;

/// How many tools may wait for their arguments; past that the oldest starts with what there is.
const MAX_HELD: usize = 1024;

/// Why a turn failed: an error object, a message, or an object with either inside.
pub fn failure(error: &Value) -> Failure<'static> {
    let inner = error.get("error").filter(|e| !e.is_null()).unwrap_or(error);
    let message = inner.as_str().or_else(|| {
        let keys = ["message", "errorText", "detail"];
        keys.into_iter().find_map(|key| text_at(inner, key))
    });
    let message = message.filter(|m| !m.is_empty());
    let message = match message {
        Some(message) => message.to_owned(),
        None if inner.is_object() => inner.to_string(),
        None => "the turn failed without a reason".into(),
    };
    let mut words = String::new();
    for part in [error, inner] {
        for key in ["type", "code", "status", "error_type"] {
            words.push_str(text_at(part, key).unwrap_or_default());
            words.push(' ');
        }
    }
    let number = |key: &str| inner.get(key).and_then(Value::as_u64);
    let status = number("status").or_else(|| number("code"));
    words.push_str(&message);
    Failure {
        code: code(status, &words.to_lowercase()).into(),
        message: message.into(),
        retry_at: None,
    }
}

/// As [`failure`], with what the head of the response says of it.
pub fn failure_under(now: Time, head: Option<&Head>, error: &Value) -> Failure<'static> {
    let mut failure = failure(error);
    if let Some(head) = head {
        if failure.code == "runtime_error" {
            failure.code = code(Some(head.status.into()), "").into();
        }
        let seconds = head.get("retry-after").and_then(|s| s.parse::<u32>().ok());
        if failure.code == "rate_limited" {
            let at = seconds.map(|s| now + Duration::from_secs(s.into()));
            failure.retry_at = at.map(|at| at.to_string().into());
        }
    }
    failure
}

/// Says an error for which there is no turn any more; `false` if there is one that it can end.
pub fn error_after_turn(now: Time, error: &Value, guard: &mut Guard) -> bool {
    let late = over(guard);
    if late {
        say_status(now, guard, "error", "an error after the turn", error.clone());
    }
    late
}

fn code(status: Option<u64>, words: &str) -> &'static str {
    let is = |list: &[&str]| list.iter().any(|w| words.contains(w));
    match status {
        Some(429 | 529) => "rate_limited",
        Some(401 | 403) => "auth",
        _ if is(&[
            "rate_limit",
            "rate limit",
            "overloaded",
            "resource_exhausted",
            "insufficient_quota",
            "too many requests",
        ]) =>
        {
            "rate_limited"
        }
        _ if is(&[
            "authentication",
            "permission_",
            "unauthenticated",
            "unauthorized",
            "invalid_api_key",
            "api key not valid",
        ]) =>
        {
            "auth"
        }
        _ if is(&["context_length", "context window", "maximum context length"]) => {
            "context_window"
        }
        _ => "runtime_error",
    }
}

/// Arguments as JSON: what is no JSON (cut short, or free text) is a string of JSON; nothing at all is nothing.
pub fn arguments(text: &str) -> Option<String> {
    let text = text.trim();
    if codec::is_json(text) {
        return Some(text.to_owned());
    }
    (!text.is_empty()).then(|| codec::to_json(text))
}

/// A value as JSON text.
pub fn raw(value: &Value) -> Cow<'static, str> {
    codec::to_json(value).into()
}

/// Starts a tool of the main agent.
pub fn start_tool(
    now: Time,
    named: (&str, &str),
    input: Option<&str>,
    calls: &mut Calls,
    guard: &mut Guard,
) {
    calls.start_named(now, named, input, None, guard);
}

/// The tools whose arguments are not complete, in the order in which they began.
#[derive(Debug, Default)]
pub struct HeldTools {
    held: Vec<Held>,
}

#[derive(Debug)]
struct Held {
    key: String,
    id: String,
    name: String,
    arguments: String,
}

impl HeldTools {
    /// Whether a tool waits under this key.
    pub fn has(&self, key: &str) -> bool {
        self.held.iter().any(|h| h.key == key)
    }

    /// A tool begins, or says more of itself: only what is not known yet counts. `key` is the adapter's own.
    pub fn begin(
        &mut self,
        now: Time,
        key: &str,
        (id, name): (&str, &str),
        calls: &mut Calls,
        guard: &mut Guard,
    ) {
        if let Some(held) = self.held.iter_mut().find(|h| h.key == key) {
            for (known, new) in [(&mut held.id, id), (&mut held.name, name)] {
                if known.is_empty() {
                    new.clone_into(known);
                }
            }
            return;
        }
        if self.held.len() >= MAX_HELD {
            self.held.remove(0).start(now, calls, guard);
        }
        self.held.push(Held {
            key: key.to_owned(),
            id: id.to_owned(),
            name: name.to_owned(),
            arguments: String::new(),
        });
    }

    /// More of a tool's arguments; what grows past [`MAX_LINE`] is cut off.
    pub fn add(&mut self, key: &str, arguments: &str) {
        let held = self.held.iter_mut().find(|h| h.key == key);
        if let Some(held) = held.filter(|h| h.arguments.len() + arguments.len() <= MAX_LINE) {
            held.arguments.push_str(arguments);
        }
    }

    /// All of a tool's arguments, as they stand now.
    pub fn set(&mut self, key: &str, arguments: &str) {
        if let Some(held) = self.held.iter_mut().find(|h| h.key == key) {
            arguments.clone_into(&mut held.arguments);
        }
    }

    /// Starts the tool under this key, if it waits.
    pub fn start(&mut self, now: Time, key: &str, calls: &mut Calls, guard: &mut Guard) {
        if let Some(at) = self.held.iter().position(|h| h.key == key) {
            self.held.remove(at).start(now, calls, guard);
        }
    }

    /// Starts those that wait under a key that begins so.
    pub fn start_under(&mut self, now: Time, prefix: &str, calls: &mut Calls, guard: &mut Guard) {
        for held in self.held.extract_if(.., |h| h.key.starts_with(prefix)) {
            held.start(now, calls, guard);
        }
    }

    /// Starts all that wait.
    pub fn start_all(&mut self, now: Time, calls: &mut Calls, guard: &mut Guard) {
        for held in self.held.drain(..) {
            held.start(now, calls, guard);
        }
    }
}

impl Held {
    fn start(&self, now: Time, calls: &mut Calls, guard: &mut Guard) {
        let input = arguments(&self.arguments);
        start_tool(now, (&self.id, &self.name), input.as_deref(), calls, guard);
    }
}

/// The one text that is being said: another begins when its kind or its key changes, and the last one is over.
#[derive(Debug, Default)]
pub struct Current {
    open: Option<(TextKind, String)>,
}

impl Current {
    /// A piece of a text.
    pub fn delta(
        &mut self,
        now: Time,
        (kind, key): (TextKind, &str),
        delta: &str,
        guard: &mut Guard,
    ) {
        if delta.is_empty() {
            return;
        }
        self.switch(now, (kind, key), guard);
        guard.delta(now, &text(kind, key), delta);
    }

    /// Another text begins, if it is not the one that is open.
    pub fn switch(&mut self, now: Time, (kind, key): (TextKind, &str), guard: &mut Guard) {
        let same = |open: &(TextKind, String)| open.0 == kind && open.1 == key;
        if !self.open.as_ref().is_some_and(same) {
            self.finish(now, guard);
            self.open = Some((kind, key.to_owned()));
        }
    }

    /// It is over.
    pub fn finish(&mut self, now: Time, guard: &mut Guard) {
        if let Some((kind, key)) = self.open.take() {
            guard.finish_block(now, &text(kind, &key), None);
        }
    }
}

/// The texts of several alternatives that are said at the same time.
#[derive(Debug, Default)]
pub struct Currents {
    all: BTreeMap<u64, Current>,
}

impl Currents {
    /// The alternative with this number; past [`MAX_ALTERNATIVES`] they share one.
    pub fn of(&mut self, index: u64) -> &mut Current {
        self.all.entry(index.min(MAX_ALTERNATIVES)).or_default()
    }
}

/// A text of the main agent.
pub fn text(kind: TextKind, key: &str) -> Text<'_> {
    Text { key, kind, parent: None }
}

/// A text that comes again as a whole, longer each time: what is new of it is said.
#[derive(Debug, Default)]
pub struct Snapshot {
    said: String,
}

impl Snapshot {
    /// A piece that goes on behind what was said.
    pub fn delta(&mut self, now: Time, text: &Text<'_>, delta: &str, guard: &mut Guard) {
        if self.said.len() + delta.len() <= MAX_LINE {
            codec::append(&mut self.said, delta);
        }
        guard.delta(now, text, delta);
    }

    /// The whole as it stands now; one that does not begin as the last did supersedes it.
    pub fn whole(&mut self, now: Time, text: &Text<'_>, whole: &str, guard: &mut Guard) {
        match codec::beyond(whole, &self.said) {
            Some(missing) => guard.delta(now, text, &missing),
            // The guard knows what it has said of the block, and closes it.
            None => guard.finish_block(now, text, Some(whole)),
        }
        whole.clone_into(&mut self.said);
    }
}
