//! LangChain's messages: whole ones that grow, and pieces. A tool starts when its message is complete.

use super::super::prelude::*;

/// Limit of texts that are remembered as far as they were emitted.
const MAX_TEXTS: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Messages {
    /// What was emitted of each block of each message, by its key.
    texts: Vec<(String, Snapshot)>,
    /// The id of the message that is growing, its block and its tool calls as they stand.
    growing: Option<String>,
    block: Current,
    calls: Vec<Value>,
    held: HeldTools,
}

/// The texts of a message's content, each with its kind and its number.
fn texts(message: &Value) -> Vec<(TextKind, usize, &str)> {
    if let Some(said) = message.opt_text("content") {
        return vec![(TextKind::Answer, 0, said)];
    }
    let said = message.items("content").enumerate().filter_map(|(at, part)| {
        let index = part.u64("index");
        let at = index.and_then(|i| usize::try_from(i).ok()).unwrap_or(at);
        let thought = part.opt_text("thinking").or_else(|| part.opt_text("reasoning"));
        let thought = thought.map(|thought| (TextKind::Reasoning, at, thought));
        let text = || Some((TextKind::Answer, at, part.opt_text("text").or(part.as_str())?));
        thought.or_else(text)
    });
    said.collect()
}

impl Messages {
    /// Takes a message of an event of this name; `false` if it is none.
    pub(super) fn message(&mut self, event: &str, message: &Value, emit: &mut Emit<'_>) -> bool {
        match message.text("type") {
            "AIMessageChunk" if event == "messages" => self.grow(false, message, emit),
            "ai" | "AIMessage" | "AIMessageChunk" => self.grow(true, message, emit),
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

    /// True if a message has begun that has not said why it stopped.
    pub(super) fn is_open(&self) -> bool {
        self.growing.is_some()
    }

    /// A message as it stands now if `whole`, else a piece of one.
    pub(super) fn grow(&mut self, whole: bool, message: &Value, emit: &mut Emit<'_>) {
        let id = message.text("id");
        if self.growing.as_deref() != Some(id) {
            self.release(emit);
            self.growing = Some(id.to_owned());
        }
        for (kind, at, said) in texts(message) {
            let key = format!("{id}/{at}");
            let known = self.texts.iter().position(|(k, _)| *k == key);
            let mut snapshot = known.map(|at| self.texts.remove(at).1).unwrap_or_default();
            self.block.switch((kind, &key), emit);
            if whole {
                snapshot.whole(&text(kind, &key), said, emit);
            } else {
                snapshot.delta(&text(kind, &key), said, emit);
            }
            if self.texts.len() >= MAX_TEXTS {
                self.texts.remove(0);
            }
            self.texts.push((key, snapshot));
        }
        if whole {
            self.calls = message.items("tool_calls").take(256).cloned().collect();
        } else {
            for piece in message.items("tool_call_chunks") {
                let key = format!("{id}/{}", piece.at("index"));
                self.held.begin(&key, (piece.text("id"), piece.text("name")), emit);
                self.held.add(&key, piece.text("args"));
            }
        }
        // The message is complete if it says why it stopped.
        let meta = message.at("response_metadata");
        let stop = meta.opt_text("stop_reason").or_else(|| meta.opt_text("finish_reason"));
        if stop.is_some_and(|s| !s.is_empty()) {
            self.release(emit);
        }
    }

    /// Closes the texts and starts the tools of the message that was growing.
    pub(super) fn release(&mut self, emit: &mut Emit<'_>) {
        self.growing = None;
        self.block.finish(emit);
        for call in self.calls.drain(..) {
            emit.tool(call.text("id"), call.text("name"), call.get("args"));
        }
        self.held.start_all(emit);
    }
}
