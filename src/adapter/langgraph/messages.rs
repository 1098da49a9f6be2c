//! LangChain's messages: whole ones that grow, and pieces. A tool starts when its message is complete.

use super::super::prelude::*;

/// Limit of the tool calls of one message.
const MAX_CALLS: usize = 256;

/// The form in which a message arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Whole,
    Piece,
}

#[derive(Debug, Default)]
pub(super) struct Messages {
    /// The blocks of the messages, as far as they were emitted.
    texts: StreamedTexts,
    /// Id of the message that is growing.
    pub growing: Option<String>,
    calls: Vec<Value>,
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

impl Messages {
    /// Takes a message of an event of this name; `false` if it is none.
    pub(super) fn message(&mut self, event: &str, message: &Value, emit: &mut Emit<'_>) -> bool {
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
    pub(super) fn grow(&mut self, form: Form, message: &Value, emit: &mut Emit<'_>) {
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
    pub(super) fn release(&mut self, emit: &mut Emit<'_>) {
        self.growing = None;
        emit.close_texts();
        for call in self.calls.drain(..) {
            emit.tool(call.text("id"), call.text("name"), call.get("args"));
        }
        emit.start_all_held();
    }
}
