//! A generic stream of events, as many small agents print it: `{"type", "data", "timestamp"}`, as lines or as server-sent
//! events. The fields of `data` have many names; an error ends the turn only if nothing follows it.

use serde_json::Value;

use super::api::{failure, raw, start_tool, text};
use super::framing::{Framed, Protocol, Tail};
use super::{Calls, Match, Spec, say_status, text_at};
use crate::event::{Spent, TurnStarted};
use crate::guard::{Guard, TextKind, ToolEnd, Verdict};
use crate::time::Time;

pub(super) const SPEC: Spec = Spec {
    name: "events",
    aliases: &["generic"],
    versions: "by its documentation",
    about: "generic events: type, data, timestamp",
    usage: "any agent that prints {\"type\":..,\"data\":..,\"timestamp\":..}",
    commands: &[],
    flags: &[],
    has_result: true,
    detect,
    new: |_| Box::new(Framed::new(Events::default())),
};

const TYPES: [&str; 8] = [
    "thought",
    "tool_use",
    "tool_result",
    "session_start",
    "progress",
    "info",
    "error",
    "complete",
];

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    let ours = TYPES.contains(&text_at(value, "type").unwrap_or_default());
    match (ours && has("data"), has("timestamp")) {
        (true, true) => Match::Sure,
        (true, false) => Match::Maybe,
        _ => Match::No,
    }
}

#[derive(Default)]
struct Events {
    /// The last word, if it was an error.
    error: Option<Value>,
    /// Tools without a result: id and name.
    open: Vec<(String, String)>,
    calls: Calls,
    count: u64,
}

/// How many tools without a result are remembered.
const MAX_OPEN: usize = 1024;

impl Protocol for Events {
    fn message(&mut self, now: Time, event: &str, value: Value, guard: &mut Guard) {
        let data = value.get("data").unwrap_or(&Value::Null);
        let type_ = text_at(&value, "type").unwrap_or(event);
        if type_ != "error" {
            self.error = None;
        }
        match type_ {
            "session_start" => self.start(now, data, guard),
            "thought" | "thinking" | "reasoning" => {
                self.whole(now, TextKind::Reasoning, data, guard);
            }
            "text" | "message" | "answer" | "response" | "output" => {
                self.whole(now, TextKind::Answer, data, guard);
            }
            "tool_use" | "tool_call" => self.tool_use(now, data, guard),
            "tool_result" => self.tool_result(now, data, guard),
            "complete" => self.complete(now, data, guard),
            "error" => {
                let message = words(data).unwrap_or_default();
                say_status(now, guard, "error", message, data.clone());
                self.error = Some(data.clone());
            }
            "progress" => {
                say_status(now, guard, "progress", words(data).unwrap_or_default(), data.clone());
            }
            _ => say_status(now, guard, "info", words(data).unwrap_or(type_), value.clone()),
        }
    }

    fn end(&mut self, now: Time, tail: Tail, guard: &mut Guard) -> Verdict {
        if let Some(error) = self.error.take()
            && tail == Tail::Clean
            && (guard.turn_open() || guard.turns() == 0)
        {
            guard.fail(now, failure(&error), &Spent::default());
        }
        Verdict::MissingResult
    }
}

/// What people want to see of an event.
fn words(data: &Value) -> Option<&str> {
    let keys = ["text", "content", "message", "thought", "result", "summary", "error"];
    data.as_str().or_else(|| keys.into_iter().find_map(|key| text_at(data, key)))
}

/// The first of these fields that is there.
fn first<'v>(data: &'v Value, keys: &[&str]) -> Option<&'v Value> {
    let mut found = keys.iter().filter_map(|key| data.get(key));
    found.find(|value| !value.is_null())
}

fn string<'v>(data: &'v Value, keys: &[&str]) -> &'v str {
    first(data, keys).and_then(Value::as_str).unwrap_or_default()
}

impl Events {
    fn start(&mut self, now: Time, data: &Value, guard: &mut Guard) {
        let some = |keys: &[&str]| Some(string(data, keys)).filter(|s| !s.is_empty());
        let started = TurnStarted {
            runtime: SPEC.name.into(),
            model: some(&["model"]).map(Into::into),
            session: some(&["session_id", "sessionId", "id"]).map(Into::into),
            cwd: some(&["cwd"]).map(Into::into),
            prompt: some(&["prompt", "task"]).map(Into::into),
            ..TurnStarted::default()
        };
        guard.start_turn(now, &started);
        self.open.clear();
    }

    fn whole(&mut self, now: Time, kind: TextKind, data: &Value, guard: &mut Guard) {
        match words(data) {
            Some(said) => {
                self.count += 1;
                let key = self.count.to_string();
                guard.finish_block(now, &text(kind, &key), Some(said));
            }
            None => say_status(now, guard, "info", "", data.clone()),
        }
    }

    fn tool_use(&mut self, now: Time, data: &Value, guard: &mut Guard) {
        let name = string(data, &["name", "tool", "tool_name"]);
        let id = string(data, &["id", "tool_use_id", "tool_call_id", "call_id"]);
        self.count += 1;
        let id = match id {
            "" => format!("call_{}", self.count),
            id => id.to_owned(),
        };
        let input = first(data, &["input", "args", "arguments", "parameters"]);
        let input = input.map(raw);
        start_tool(now, (&id, name), input.as_deref(), &mut self.calls, guard);
        if self.open.len() >= MAX_OPEN {
            self.open.remove(0);
        }
        self.open.push((id, name.to_owned()));
    }

    /// A result names its call, or the tool, or neither: then it is the last call's.
    fn tool_result(&mut self, now: Time, data: &Value, guard: &mut Guard) {
        let name = string(data, &["name", "tool", "tool_name"]);
        let id = string(data, &["id", "tool_use_id", "tool_call_id", "call_id"]);
        let found = self.open.iter().rposition(|(theirs, called)| {
            if id.is_empty() { name.is_empty() || name == called } else { theirs == id }
        });
        let open = found.map(|at| self.open.remove(at));
        let (id, name) = open.unwrap_or_else(|| (id.to_owned(), name.to_owned()));
        let flag = |key: &str| data.get(key).and_then(Value::as_bool);
        let failed = flag("is_error") == Some(true)
            || flag("success") == Some(false)
            || first(data, &["error"]).is_some()
            || ["error", "failed"].contains(&string(data, &["status"]));
        let output = first(data, &["output", "result", "content", "error"]);
        let end = ToolEnd {
            id: &id,
            name: &name,
            outcome: if failed { "error" } else { "ok" },
            output: output.or(data.as_str().map(|_| data)).map(raw),
            ..ToolEnd::default()
        };
        self.calls.finish(now, end, guard);
    }

    fn complete(&mut self, now: Time, data: &Value, guard: &mut Guard) {
        if !guard.turn_open() && guard.turns() > 0 {
            return say_status(now, guard, "log", "the turn had ended already", data.clone());
        }
        let failed = data.get("success").and_then(Value::as_bool) == Some(false);
        if failed || first(data, &["error"]).is_some() {
            return guard.fail(now, failure(data), &Spent::default());
        }
        let spent = Spent {
            cost_usd: data.get("cost_usd").and_then(Value::as_f64),
            duration_ms: data.get("duration_ms").and_then(Value::as_u64),
            ..Spent::default()
        };
        guard.complete(now, "complete", words(data), &spent);
    }
}
