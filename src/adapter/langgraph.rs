//! LangGraph's server: its stream modes as server-sent events, and LangChain's `astream_events`.
//!
//! Source: a recording of a LangGraph platform run, and the documentation of both. `messages/partial` brings a message as
//! a whole each time, `messages` and `on_chat_model_stream` bring pieces. There is no result: a clean end completes.

mod messages;
mod runs;
use serde_json::Value;

use super::api::{error_after_turn, failure};
use super::framing::{Framed, Protocol, Tail};
use super::{Match, Spec, say_status, text_at};
use crate::event::{Spent, TurnStarted};
use crate::guard::{Guard, Verdict};
use crate::time::Time;

use messages::Messages;

pub(super) const SPEC: Spec = Spec {
    name: "langgraph",
    aliases: &["langchain"],
    versions: "a server capture",
    about: "LangGraph and LangChain streams",
    usage: "curl -N -d @run.json http://localhost:2024/runs/stream",
    commands: &[],
    flags: &[],
    has_result: false,
    detect,
    new: |_| Box::new(Framed::new(LangGraph::default())),
};

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    let message = value.get(0).unwrap_or(value);
    let theirs = message.get("additional_kwargs").is_some() && text_at(message, "type").is_some();
    let event = text_at(value, "event").unwrap_or_default();
    let run = event.starts_with("on_") && has("run_id") && has("data");
    let debug = has("step") && has("payload") && has("timestamp") && has("type");
    if theirs || run || debug || (has("run_id") && has("attempt")) {
        Match::Sure
    } else if has("run_id") && value.as_object().is_some_and(|v| v.len() == 1) {
        Match::Maybe
    } else {
        Match::No
    }
}

#[derive(Default)]
struct LangGraph {
    messages: Messages,
    spent: Spent,
}

impl Protocol for LangGraph {
    fn message(&mut self, now: Time, event: &str, value: Value, guard: &mut Guard) {
        // Events of a sub-graph have its path behind their name.
        let name = event.split('|').next().unwrap_or_default();
        if text_at(&value, "event").is_some_and(|e| e.starts_with("on_")) {
            return runs::event(now, &value, &mut self.messages, guard);
        }
        match name {
            "metadata" => self.begin(now, &value, guard),
            "messages/partial" | "messages/complete" | "messages" => {
                let all = value.as_array().map_or(std::slice::from_ref(&value), Vec::as_slice);
                for message in all {
                    if self.messages.message(now, name, message, guard) {
                        continue;
                    }
                    // The second half of a tuple says where the message comes from.
                    if name != "messages" {
                        say_status(now, guard, "info", name, message.clone());
                    }
                }
            }
            "messages/metadata" => say_status(now, guard, "info", name, value),
            "error" => self.fail(now, &value, guard),
            "end" => {
                self.messages.release(now, guard);
                if guard.turn_open() {
                    guard.complete(now, "end", None, &self.spent);
                }
            }
            "" if value.get("error").is_some() || value.get("detail").is_some() => {
                self.fail(now, &value, guard);
            }
            _ => {
                self.messages.step(now, &value, guard);
                say_status(now, guard, "info", event, value);
            }
        }
    }

    fn end(&mut self, now: Time, _: Tail, guard: &mut Guard) -> Verdict {
        let open = self.messages.is_open();
        if guard.turn_open() {
            self.messages.release(now, guard);
        }
        if open { Verdict::MissingResult } else { Verdict::ByExit }
    }
}

impl LangGraph {
    fn begin(&mut self, now: Time, value: &Value, guard: &mut Guard) {
        self.messages = Messages::default();
        let started = TurnStarted {
            runtime: SPEC.name.into(),
            session: text_at(value, "run_id").map(Into::into),
            ..TurnStarted::default()
        };
        guard.start_turn(now, &started);
    }

    fn fail(&mut self, now: Time, value: &Value, guard: &mut Guard) {
        if error_after_turn(now, value, guard) {
            return;
        }
        self.messages.release(now, guard);
        // `{"error": "TypeError", "message": "..."}`: the name alone says little.
        let error = match text_at(value, "message") {
            Some(message) => serde_json::json!({"message": message, "type": value.get("error")}),
            None => value.clone(),
        };
        guard.fail(now, failure(&error), &self.spent);
    }
}
