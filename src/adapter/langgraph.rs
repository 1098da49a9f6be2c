//! LangGraph's server: its stream modes as server-sent events, and LangChain's `astream_events`.
//!
//! Source: a recording of a LangGraph platform run, and the documentation of both. `messages/partial` brings a message as
//! a whole each time, `messages` and `on_chat_model_stream` bring pieces. There is no result: a clean end completes.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "langgraph",
    aliases: &["langchain"],
    versions: "a server capture",
    about: "LangGraph and LangChain streams",
    usage: "curl -N -d @run.json http://localhost:2024/runs/stream",
    keys: "*",
    has_result: false,
    detect,
    new: |_| Box::new(Messages::default()),
    ..Spec::FRAMES
};

fn detect(value: &Value) -> Match {
    let message = value.get(0).unwrap_or(value);
    let theirs = message.has("additional_kwargs") && message.opt_text("type").is_some();
    let event = value.text("event");
    let run = event.starts_with("on_") && value.has("run_id") && value.has("data");
    let debug =
        value.has("step") && value.has("payload") && value.has("timestamp") && value.has("type");
    let alone = value.has("run_id") && value.as_object().is_some_and(|v| v.len() == 1);
    let maybe = if alone { Match::Maybe } else { Match::No };
    let sure = theirs || run || debug || (value.has("run_id") && value.has("attempt"));
    if sure { Match::Sure } else { maybe }
}

/// Limit of the tool calls of one message.
const MAX_CALLS: usize = 256;

/// The form in which a message arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Whole,
    Piece,
}

#[derive(Debug, Default)]
struct Messages {
    /// The blocks of the messages, as far as they were emitted.
    texts: StreamedTexts,
    /// Id of the message that is growing.
    growing: Option<String>,
    calls: Vec<Value>,
}

impl Runtime for Messages {
    fn on_message(&mut self, event: &str, value: Value, emit: &mut Emit<'_>) {
        if value.text("event").starts_with("on_") {
            return self.run(&value, emit);
        }
        // Events of a sub-graph have its path behind their name.
        let name = event.split('|').next().unwrap_or_default();
        match name {
            "metadata" => {
                *self = Self::default();
                emit.start(None, value.opt_text("run_id"));
            }
            "messages/partial" | "messages/complete" | "messages" => {
                let all = value.as_array().map_or(std::slice::from_ref(&value), Vec::as_slice);
                for message in all {
                    // The second half of a tuple of `messages` has the origin of the message.
                    if !self.message(name, message, emit) && name != "messages" {
                        emit.status("info", name, message.clone());
                    }
                }
            }
            "messages/metadata" => emit.status("info", name, value),
            "error" => self.fail(&value, emit),
            "end" => {
                self.release(emit);
                if emit.turn_open() {
                    emit.complete("end", None, &UsageAndCost::default());
                }
            }
            "" if value.get("error").is_some() || value.get("detail").is_some() => {
                self.fail(&value, emit);
            }
            _ => {
                // The graph has gone on: the message that was growing is complete.
                if !["task", "checkpoint"].contains(&value.text("type")) {
                    self.release(emit);
                }
                emit.status("info", event, value);
            }
        }
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> TurnVerdict {
        let open = self.growing.is_some();
        if emit.turn_open() {
            self.release(emit);
        }
        if open { TurnVerdict::MissingResult } else { TurnVerdict::ByExit }
    }
}

impl Messages {
    /// An event of `astream_events`: each names a run, and the run that has no parents is the turn.
    fn run(&mut self, value: &Value, emit: &mut Emit<'_>) {
        let (kind, data) = (value.text("event"), value.at("data"));
        let (id, name) = (value.text("run_id"), value.text("name"));
        let root = value.at("parent_ids").as_array().is_some_and(Vec::is_empty);
        match kind {
            "on_chain_start" if root && !emit.turn_open() => emit.start_turn(&TurnStarted {
                session: Some(id.into()),
                agent: Some(name.into()),
                ..TurnStarted::default()
            }),
            "on_chain_end" if root && emit.turn_open() => {
                self.release(emit);
                emit.complete("end", None, &UsageAndCost::default());
            }
            "on_chain_error" if root && emit.turn_open() => {
                self.release(emit);
                emit.fail_with(data, &UsageAndCost::default());
            }
            "on_chat_model_stream" | "on_llm_stream" => {
                let mut chunk = data.at("chunk").clone();
                // Pieces of one run are one message, whatever they call themselves.
                if let Some(fields) = chunk.as_object_mut() {
                    fields.insert("id".into(), id.into());
                    self.grow(Form::Piece, &chunk, emit);
                }
            }
            "on_chat_model_end" | "on_llm_end" => self.release(emit),
            "on_tool_start" => {
                self.release(emit);
                emit.tool(id, name, data.get("input"));
            }
            "on_tool_end" | "on_tool_error" => {
                let outcome = if kind == "on_tool_error" { "error" } else { "ok" };
                let output = data.get("output").or_else(|| data.get("error"));
                emit.tool_done(id, name, outcome, output);
            }
            _ => emit.status("info", kind, value.clone()),
        }
    }

    fn fail(&mut self, value: &Value, emit: &mut Emit<'_>) {
        if !emit.over() {
            self.release(emit);
        }
        // `{"error": "TypeError", "message": "..."}`: the name alone is not enough.
        let error = match value.opt_text("message") {
            Some(message) if !emit.over() => {
                serde_json::json!({"message": message, "type": value.get("error")})
            }
            _ => value.clone(),
        };
        emit.fail_open(&error, &UsageAndCost::default());
    }

    /// Takes a message of an event of this name; `false` if it is none.
    fn message(&mut self, event: &str, message: &Value, emit: &mut Emit<'_>) -> bool {
        match message.text("type") {
            "AIMessageChunk" if event == "messages" => self.grow(Form::Piece, message, emit),
            "ai" | "AIMessage" | "AIMessageChunk" => self.grow(Form::Whole, message, emit),
            "tool" | "ToolMessage" => {
                self.release(emit);
                let outcome = match message.text("status") {
                    "success" => "ok",
                    "error" => "error",
                    _ => "unknown",
                };
                let (id, name) = (message.text("tool_call_id"), message.text("name"));
                emit.tool_done(id, name, outcome, message.get("content"));
            }
            _ => return false,
        }
        if event == "messages/complete" {
            self.release(emit);
        }
        true
    }

    /// Takes a message, or a piece of one.
    fn grow(&mut self, form: Form, message: &Value, emit: &mut Emit<'_>) {
        let id = message.text("id");
        if self.growing.as_deref() != Some(id) {
            self.release(emit);
            self.growing = Some(id.to_owned());
        }
        for (kind, at, part) in texts(message) {
            let key = format!("{id}/{at}");
            let (block, streamed) = (text(kind, &key), self.texts.of(&key));
            emit.close_texts_but(Some(&block));
            match form {
                Form::Whole => streamed.grow(&block, part, emit),
                Form::Piece => streamed.delta(&block, part, emit),
            }
        }
        if form == Form::Whole {
            self.calls = message.items("tool_calls").take(MAX_CALLS).cloned().collect();
        } else {
            for piece in message.items("tool_call_chunks") {
                let key = format!("{id}/{}", piece.at("index"));
                emit.hold_piece(&key, (piece.text("id"), piece.text("name")), piece.text("args"));
            }
        }
        // A message is complete if it has a reason to stop.
        let meta = message.at("response_metadata");
        let stop = meta.opt_text("stop_reason").or_else(|| meta.opt_text("finish_reason"));
        if stop.is_some_and(|s| !s.is_empty()) {
            self.release(emit);
        }
    }

    /// Closes the texts and starts the tools of the message that was growing.
    fn release(&mut self, emit: &mut Emit<'_>) {
        self.growing = None;
        emit.close_texts();
        for call in self.calls.drain(..) {
            emit.tool(call.text("id"), call.text("name"), call.get("args"));
        }
        emit.start_all_held();
    }
}

/// The texts of a message's content, each with its kind and its number.
fn texts(message: &Value) -> Vec<(TextKind, usize, &str)> {
    if let Some(text) = message.opt_text("content") {
        return vec![(TextKind::Answer, 0, text)];
    }
    let texts = message.items("content").enumerate().filter_map(|(at, part)| {
        let index = part.u64("index");
        let at = index.and_then(|i| usize::try_from(i).ok()).unwrap_or(at);
        let thought = part.opt_text("thinking").or_else(|| part.opt_text("reasoning"));
        let thought = thought.map(|thought| (TextKind::Reasoning, at, thought));
        let answer = || Some((TextKind::Answer, at, part.opt_text("text").or(part.as_str())?));
        thought.or_else(answer)
    });
    texts.collect()
}
