//! The UI message stream of the Vercel AI SDK (version 5 and later).
//!
//! Source: recordings of its tests, and its documentation. An `error` fails the turn, although the stream goes on to its
//! `finish`; a stream without `finish` ends at `[DONE]`, and completes there if its last step had ended.

use serde_json::Value;

use super::api::{HeldTools, failure, raw, text};
use super::framing::{Framed, Protocol, Tail};
use super::{Calls, Match, Spec, said_at, say_status, text_at};
use crate::event::{Spent, TurnStarted};
use crate::guard::{Guard, TextKind, ToolEnd, Verdict};
use crate::time::Time;

pub(super) const SPEC: Spec = Spec {
    name: "vercel",
    aliases: &["ai-sdk", "vercel-ui"],
    versions: "captures of AI SDK 5 and 6",
    about: "Vercel AI SDK, UI message stream",
    usage: "curl -N -d @chat.json http://localhost:3000/api/chat",
    commands: &[],
    flags: &[],
    has_result: true,
    detect,
    new: |_| Box::new(Framed::new(Vercel::default())),
};

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    let fields = value.as_object().map_or(0, serde_json::Map::len);
    match text_at(value, "type").unwrap_or_default() {
        "start-step" | "finish-step" if fields == 1 => Match::Sure,
        "text-start" | "text-end" | "reasoning-start" | "reasoning-end" if has("id") => Match::Sure,
        "text-delta" | "reasoning-delta" if has("id") && has("delta") => Match::Sure,
        "tool-input-start" | "tool-input-available" if has("toolCallId") => Match::Sure,
        "error" if has("errorText") => Match::Sure,
        "start" if fields == 1 || has("messageId") || has("messageMetadata") => Match::Maybe,
        _ => Match::No,
    }
}

#[derive(Default)]
struct Vercel {
    /// Whether a step has begun and not ended.
    step: bool,
    /// What the stream called an error; it wins over what follows.
    error: Option<Value>,
    held: HeldTools,
    calls: Calls,
}

impl Protocol for Vercel {
    fn message(&mut self, now: Time, _: &str, value: Value, guard: &mut Guard) {
        let id = text_at(&value, "id").unwrap_or_default();
        let call = text_at(&value, "toolCallId").unwrap_or_default();
        match text_at(&value, "type").unwrap_or_default() {
            "start" => self.start(now, guard),
            "start-step" => {
                self.ensure(now, guard);
                self.step = true;
            }
            "finish-step" => self.step = false,
            "text-start" | "reasoning-start" => {}
            "text-delta" => {
                let said = said_at(now, &value, "delta", guard);
                guard.delta(now, &text(TextKind::Answer, id), said);
            }
            "reasoning-delta" => {
                let said = said_at(now, &value, "delta", guard);
                guard.delta(now, &text(TextKind::Reasoning, id), said);
            }
            "text-end" => guard.finish_block(now, &text(TextKind::Answer, id), None),
            "reasoning-end" => guard.finish_block(now, &text(TextKind::Reasoning, id), None),
            "tool-input-start" => {
                let name = text_at(&value, "toolName").unwrap_or_default();
                self.held.begin(now, call, (call, name), &mut self.calls, guard);
            }
            "tool-input-delta" => {
                let piece = text_at(&value, "inputTextDelta").unwrap_or_default();
                self.held.add(call, piece);
            }
            "finish" => self.finish(now, &value, guard),
            "abort" => self.abort(now, &value, guard),
            "error" => {
                let message = text_at(&value, "errorText").unwrap_or_default();
                say_status(now, guard, "error", message, value.clone());
                self.error.get_or_insert(value);
            }
            type_ if type_.starts_with("tool-") => self.tool(now, (type_, call), &value, guard),
            type_ => say_status(now, guard, "info", type_, value.clone()),
        }
    }

    fn done(&mut self, now: Time, guard: &mut Guard) {
        self.give_in(now, guard);
        if guard.turn_open() && !self.step {
            self.held.start_all(now, &mut self.calls, guard);
            guard.complete(now, "end_of_output", None, &Spent::default());
        }
    }

    fn end(&mut self, now: Time, _: Tail, guard: &mut Guard) -> Verdict {
        self.give_in(now, guard);
        if guard.turn_open() {
            self.held.start_all(now, &mut self.calls, guard);
        }
        Verdict::MissingResult
    }
}

impl Vercel {
    fn start(&mut self, now: Time, guard: &mut Guard) {
        self.give_in(now, guard);
        self.step = false;
        let started = TurnStarted { runtime: SPEC.name.into(), ..TurnStarted::default() };
        guard.start_turn(now, &started);
    }

    fn ensure(&mut self, now: Time, guard: &mut Guard) {
        if !guard.turn_open() {
            self.start(now, guard);
        }
    }

    /// Fails the turn if there was an error, whatever the stream said since.
    fn give_in(&mut self, now: Time, guard: &mut Guard) {
        if let Some(error) = self.error.take()
            && (guard.turn_open() || guard.turns() == 0)
        {
            self.held.start_all(now, &mut self.calls, guard);
            guard.fail(now, failure(&error), &Spent::default());
        }
    }

    fn finish(&mut self, now: Time, value: &Value, guard: &mut Guard) {
        self.step = false;
        if self.error.is_some() {
            return self.give_in(now, guard);
        }
        if !guard.turn_open() && guard.turns() > 0 {
            return say_status(now, guard, "log", "the turn had ended already", value.clone());
        }
        self.held.start_all(now, &mut self.calls, guard);
        let stop = text_at(value, "finishReason").unwrap_or("finish");
        if stop == "error" {
            let why = serde_json::json!({"message": "the stream finished with an error"});
            return guard.fail(now, failure(&why), &Spent::default());
        }
        guard.complete(now, stop, None, &Spent::default());
    }

    fn abort(&mut self, now: Time, value: &Value, guard: &mut Guard) {
        if self.error.is_some() {
            return self.give_in(now, guard);
        }
        if guard.turn_open() || guard.turns() == 0 {
            self.held.start_all(now, &mut self.calls, guard);
            let reason = text_at(value, "reason").unwrap_or("abort");
            guard.cancelled(now, reason, Some("abort"), &Spent::default());
        }
    }

    fn tool(&mut self, now: Time, (type_, id): (&str, &str), value: &Value, guard: &mut Guard) {
        let preliminary = value.get("preliminary").and_then(Value::as_bool) == Some(true);
        let outcome = match type_ {
            "tool-input-available" | "tool-input-error" => {
                let name = text_at(value, "toolName").unwrap_or_default();
                let calls = &mut self.calls;
                self.held.begin(now, id, (id, name), calls, guard);
                if let Some(input) = value.get("input") {
                    self.held.set(id, &crate::codec::to_json(input));
                }
                self.held.start(now, id, &mut self.calls, guard);
                if type_ == "tool-input-available" {
                    return;
                }
                "error"
            }
            "tool-output-available" if preliminary => {
                return say_status(now, guard, "progress", type_, value.clone());
            }
            "tool-output-available" => "ok",
            "tool-output-error" => "error",
            "tool-output-denied" => "denied",
            "tool-approval-request" => {
                return say_status(now, guard, "permission", type_, value.clone());
            }
            _ => return say_status(now, guard, "info", type_, value.clone()),
        };
        self.held.start(now, id, &mut self.calls, guard);
        let output = value.get("output").or_else(|| value.get("errorText"));
        let end = ToolEnd { id, outcome, output: output.map(raw), ..ToolEnd::default() };
        self.calls.finish(now, end, guard);
    }
}
