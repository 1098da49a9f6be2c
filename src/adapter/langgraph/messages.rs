//! LangChain's messages: whole ones that grow, and pieces. A tool starts when its message is complete.

use super::super::prelude::*;

/// How many texts are remembered as far as they were said.
const MAX_TEXTS: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Messages {
    /// What was said of each block of each message.
    texts: Vec<(String, Snapshot)>,
    /// The message that is growing, and its tools as they stand.
    growing: Option<Growing>,
    held: HeldTools,
}

#[derive(Debug)]
struct Growing {
    id: String,
    tools: Vec<Value>,
    /// Blocks that were said: kind and key.
    blocks: Vec<(TextKind, String)>,
}

/// The texts of a message's content, each with its kind and its number.
fn texts(message: &Value) -> Vec<(TextKind, usize, &str)> {
    let content = message.at("content");
    if let Some(said) = content.as_str() {
        return vec![(TextKind::Answer, 0, said)];
    }
    let parts = content.as_array().into_iter().flatten().enumerate();
    let said = parts.filter_map(|(at, part)| {
        let index = part.u64("index");
        let at = index.and_then(|i| usize::try_from(i).ok()).unwrap_or(at);
        let thought = part.opt_text("thinking").or_else(|| part.opt_text("reasoning"));
        match (thought, part.opt_text("text").or(part.as_str())) {
            (Some(thought), _) => Some((TextKind::Reasoning, at, thought)),
            (None, Some(text)) => Some((TextKind::Answer, at, text)),
            _ => None,
        }
    });
    said.collect()
}

impl Messages {
    /// Takes a message of an event of this name; `false` if it is none.
    pub(super) fn message(&mut self, event: &str, message: &Value, emit: &mut Emit<'_>) -> bool {
        match message.text("type") {
            "ai" | "AIMessage" => self.whole(message, emit),
            "AIMessageChunk" if event == "messages" => self.chunk(message, emit),
            "AIMessageChunk" => self.whole(message, emit),
            "tool" | "ToolMessage" => self.tool_result(message, emit),
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

    /// Another message begins: the one before it is over.
    fn grow(&mut self, id: &str, emit: &mut Emit<'_>) -> &mut Growing {
        if self.growing.as_ref().is_some_and(|g| g.id != id) {
            self.release(emit);
        }
        self.growing.get_or_insert_with(|| Growing {
            id: id.to_owned(),
            tools: Vec::new(),
            blocks: Vec::new(),
        })
    }

    /// A message as it stands now.
    fn whole(&mut self, message: &Value, emit: &mut Emit<'_>) {
        let id = message.text("id");
        let growing = self.grow(id, emit);
        growing.tools = message.items("tool_calls").take(256).cloned().collect();
        for (kind, at, said) in texts(message) {
            let key = format!("{id}/{at}");
            let whole = |seen: &mut Snapshot, text: &Text<'_>, emit: &mut Emit<'_>| {
                seen.whole(text, said, emit);
            };
            self.emit_text((kind, &key), emit, whole);
        }
        self.stop(message, emit);
    }

    /// A piece of a message.
    pub(super) fn chunk(&mut self, message: &Value, emit: &mut Emit<'_>) {
        let id = message.text("id");
        self.grow(id, emit);
        for (kind, at, said) in texts(message) {
            let key = format!("{id}/{at}");
            let delta = |seen: &mut Snapshot, text: &Text<'_>, emit: &mut Emit<'_>| {
                seen.delta(text, said, emit);
            };
            self.emit_text((kind, &key), emit, delta);
        }
        for piece in message.items("tool_call_chunks") {
            let key = format!("{id}/{}", piece.at("index"));
            self.held.begin(&key, (piece.text("id"), piece.text("name")), emit);
            self.held.add(&key, piece.text("args"));
        }
        self.stop(message, emit);
    }

    fn emit_text(
        &mut self,
        (kind, key): (TextKind, &str),
        emit: &mut Emit<'_>,
        act: impl FnOnce(&mut Snapshot, &Text<'_>, &mut Emit<'_>),
    ) {
        let known = self.texts.iter().position(|(k, _)| k == key);
        let mut snapshot = known.map(|at| self.texts.remove(at).1).unwrap_or_default();
        if let Some(growing) = &mut self.growing
            && !growing.blocks.iter().any(|(k, n)| *k == kind && n == key)
            && growing.blocks.len() < MAX_TEXTS
        {
            // A block begins, so the one before it is over.
            for (kind, key) in growing.blocks.drain(..) {
                emit.finish_block(&text(kind, &key), None);
            }
            growing.blocks.push((kind, key.to_owned()));
        }
        act(&mut snapshot, &text(kind, key), emit);
        if self.texts.len() >= MAX_TEXTS {
            self.texts.remove(0);
        }
        self.texts.push((key.to_owned(), snapshot));
    }

    /// The message is complete if it says why it stopped.
    fn stop(&mut self, message: &Value, emit: &mut Emit<'_>) {
        let meta = message.at("response_metadata");
        let stop = meta.opt_text("stop_reason").or_else(|| meta.opt_text("finish_reason"));
        if stop.is_some_and(|s| !s.is_empty()) {
            self.release(emit);
        }
    }

    /// The graph has gone on: what was growing is complete.
    pub(super) fn step(&mut self, value: &Value, emit: &mut Emit<'_>) {
        if !["task", "checkpoint"].contains(&value.text("type")) {
            self.release(emit);
        }
    }

    /// Closes the texts and starts the tools of the message that was growing.
    pub(super) fn release(&mut self, emit: &mut Emit<'_>) {
        if let Some(growing) = self.growing.take() {
            for (kind, key) in &growing.blocks {
                emit.finish_block(&text(*kind, key), None);
            }
            for call in &growing.tools {
                emit.tool(call.text("id"), call.text("name"), call.get("args"));
            }
        }
        self.held.start_all(emit);
    }

    fn tool_result(&mut self, message: &Value, emit: &mut Emit<'_>) {
        self.release(emit);
        let outcome = match message.text("status") {
            "success" => "ok",
            "error" => "error",
            _ => "unknown",
        };
        let (id, name) = (message.text("tool_call_id"), message.text("name"));
        emit.tool_done(id, name, outcome, message.get("content"));
    }
}
