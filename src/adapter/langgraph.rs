//! LangGraph's server: its stream modes as server-sent events, and LangChain's `astream_events`.
//!
//! Source: a recording of a LangGraph platform run, and the documentation of both. `messages/partial` brings a message as
//! a whole each time, `messages` and `on_chat_model_stream` bring pieces. There is no result: a clean end completes.

mod messages;
mod runs;

use super::prelude::*;

use messages::Messages;

pub(super) const SPEC: Spec = Spec {
    name: "langgraph",
    aliases: &["langchain"],
    versions: "a server capture",
    about: "LangGraph and LangChain streams",
    usage: "curl -N -d @run.json http://localhost:2024/runs/stream",
    keys: "*",
    has_result: false,
    detect,
    framing: Framing::Frames,
    new: |_| Box::new(LangGraph::default()),
    ..Spec::LINES
};

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    let message = value.get(0).unwrap_or(value);
    let theirs = message.get("additional_kwargs").is_some() && message.opt_text("type").is_some();
    let event = value.text("event");
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

impl Runtime for LangGraph {
    fn on_message(&mut self, event: &str, value: Value, emit: &mut Emit<'_>) {
        // Events of a sub-graph have its path behind their name.
        let name = event.split('|').next().unwrap_or_default();
        if value.opt_text("event").is_some_and(|e| e.starts_with("on_")) {
            return runs::event(&value, &mut self.messages, emit);
        }
        match name {
            "metadata" => {
                self.messages = Messages::default();
                emit.start_turn(&TurnStarted {
                    runtime: SPEC.name.into(),
                    session: value.opt_text("run_id").map(Into::into),
                    ..TurnStarted::default()
                });
            }
            "messages/partial" | "messages/complete" | "messages" => {
                let all = value.as_array().map_or(std::slice::from_ref(&value), Vec::as_slice);
                for message in all {
                    // The second half of a tuple says where the message comes from.
                    if !self.messages.message(name, message, emit) && name != "messages" {
                        emit.status("info", name, message.clone());
                    }
                }
            }
            "messages/metadata" => emit.status("info", name, value),
            "error" => self.fail(&value, emit),
            "end" => {
                self.messages.release(emit);
                if emit.turn_open() {
                    emit.complete("end", None, &self.spent);
                }
            }
            "" if value.get("error").is_some() || value.get("detail").is_some() => {
                self.fail(&value, emit);
            }
            _ => {
                self.messages.step(&value, emit);
                emit.status("info", event, value);
            }
        }
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> Verdict {
        let open = self.messages.is_open();
        if emit.turn_open() {
            self.messages.release(emit);
        }
        if open { Verdict::MissingResult } else { Verdict::ByExit }
    }
}

impl LangGraph {
    fn fail(&mut self, value: &Value, emit: &mut Emit<'_>) {
        if emit.error_after_turn(value) {
            return;
        }
        self.messages.release(emit);
        // `{"error": "TypeError", "message": "..."}`: the name alone says little.
        let error = match value.opt_text("message") {
            Some(message) => serde_json::json!({"message": message, "type": value.get("error")}),
            None => value.clone(),
        };
        emit.fail(failure_of(&error), &self.spent);
    }
}
