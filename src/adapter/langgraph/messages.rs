//! LangChain's messages: whole ones that grow, and pieces. A tool starts when its message is complete.

use serde_json::Value;

use super::super::api::{HeldTools, Snapshot, raw, start_tool, text};
use super::super::{Calls, text_at};
use crate::guard::{Guard, TextKind, ToolEnd};
use crate::time::Time;

/// How many texts are remembered as far as they were said.
const MAX_TEXTS: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Messages {
    /// What was said of each block of each message.
    texts: Vec<(String, Snapshot)>,
    /// The message that is growing, and its tools as they stand.
    growing: Option<Growing>,
    held: HeldTools,
    pub calls: Calls,
}

#[derive(Debug)]
struct Growing {
    id: String,
    tools: Vec<(String, String, Value)>,
    /// Blocks that were said: kind and key.
    blocks: Vec<(TextKind, String)>,
}

/// The texts of a message's content, each with its kind and its number.
fn texts(message: &Value) -> Vec<(TextKind, usize, &str)> {
    let content = message.get("content").unwrap_or(&Value::Null);
    if let Some(said) = content.as_str() {
        return vec![(TextKind::Answer, 0, said)];
    }
    let parts = content.as_array().into_iter().flatten().enumerate();
    let said = parts.filter_map(|(at, part)| {
        let index = part.get("index").and_then(Value::as_u64);
        let at = index.and_then(|i| usize::try_from(i).ok()).unwrap_or(at);
        let thought = text_at(part, "thinking").or_else(|| text_at(part, "reasoning"));
        match (thought, text_at(part, "text").or(part.as_str())) {
            (Some(thought), _) => Some((TextKind::Reasoning, at, thought)),
            (None, Some(text)) => Some((TextKind::Answer, at, text)),
            _ => None,
        }
    });
    said.collect()
}

impl Messages {
    /// Takes a message of an event of this name; `false` if it is none.
    pub(super) fn message(
        &mut self,
        now: Time,
        event: &str,
        message: &Value,
        guard: &mut Guard,
    ) -> bool {
        match text_at(message, "type").unwrap_or_default() {
            "ai" | "AIMessage" => self.whole(now, message, guard),
            "AIMessageChunk" if event == "messages" => self.chunk(now, message, guard),
            "AIMessageChunk" => self.whole(now, message, guard),
            "tool" | "ToolMessage" => self.tool_result(now, message, guard),
            "human" | "system" | "HumanMessage" | "SystemMessage" => return false,
            _ => return false,
        }
        if event == "messages/complete" {
            self.release(now, guard);
        }
        true
    }

    /// Whether a message has begun that has not said why it stopped.
    pub(super) fn is_open(&self) -> bool {
        self.growing.is_some()
    }

    /// Another message begins: the one before it is over.
    fn grow(&mut self, now: Time, id: &str, guard: &mut Guard) -> &mut Growing {
        if self.growing.as_ref().is_some_and(|g| g.id != id) {
            self.release(now, guard);
        }
        self.growing.get_or_insert_with(|| Growing {
            id: id.to_owned(),
            tools: Vec::new(),
            blocks: Vec::new(),
        })
    }

    /// A message as it stands now.
    fn whole(&mut self, now: Time, message: &Value, guard: &mut Guard) {
        let id = text_at(message, "id").unwrap_or_default();
        let growing = self.grow(now, id, guard);
        let calls = message.get("tool_calls").and_then(Value::as_array);
        let calls = calls.into_iter().flatten().take(256);
        growing.tools = calls
            .map(|call| {
                let text = |key| text_at(call, key).unwrap_or_default().to_owned();
                let input = call.get("args").cloned().unwrap_or_default();
                (text("id"), text("name"), input)
            })
            .collect();
        for (kind, at, said) in texts(message) {
            let key = format!("{id}/{at}");
            self.say(now, (kind, &key), guard, |snapshot, text, guard| {
                snapshot.whole(now, text, said, guard);
            });
        }
        self.stop(now, message, guard);
    }

    /// A piece of a message.
    pub(super) fn chunk(&mut self, now: Time, message: &Value, guard: &mut Guard) {
        let id = text_at(message, "id").unwrap_or_default();
        self.grow(now, id, guard);
        for (kind, at, said) in texts(message) {
            let key = format!("{id}/{at}");
            self.say(now, (kind, &key), guard, |snapshot, text, guard| {
                snapshot.delta(now, text, said, guard);
            });
        }
        let pieces = message.get("tool_call_chunks").and_then(Value::as_array);
        for piece in pieces.into_iter().flatten() {
            let index = piece.get("index").unwrap_or(&Value::Null);
            let key = format!("{id}/{index}");
            let named = |key| text_at(piece, key).unwrap_or_default();
            let calls = &mut self.calls;
            self.held.begin(now, &key, (named("id"), named("name")), calls, guard);
            self.held.add(&key, named("args"));
        }
        self.stop(now, message, guard);
    }

    fn say(
        &mut self,
        now: Time,
        (kind, key): (TextKind, &str),
        guard: &mut Guard,
        act: impl FnOnce(&mut Snapshot, &crate::guard::Text<'_>, &mut Guard),
    ) {
        let known = self.texts.iter().position(|(k, _)| k == key);
        let mut snapshot = known.map(|at| self.texts.remove(at).1).unwrap_or_default();
        if let Some(growing) = &mut self.growing
            && !growing.blocks.iter().any(|(k, n)| *k == kind && n == key)
            && growing.blocks.len() < MAX_TEXTS
        {
            // A block begins, so the one before it is over.
            for (kind, key) in growing.blocks.drain(..) {
                guard.finish_block(now, &text(kind, &key), None);
            }
            growing.blocks.push((kind, key.to_owned()));
        }
        act(&mut snapshot, &text(kind, key), guard);
        if self.texts.len() >= MAX_TEXTS {
            self.texts.remove(0);
        }
        self.texts.push((key.to_owned(), snapshot));
    }

    /// The message is complete if it says why it stopped.
    fn stop(&mut self, now: Time, message: &Value, guard: &mut Guard) {
        let meta = message.get("response_metadata").unwrap_or(&Value::Null);
        let stop = text_at(meta, "stop_reason").or_else(|| text_at(meta, "finish_reason"));
        if stop.is_some_and(|s| !s.is_empty()) {
            self.release(now, guard);
        }
    }

    /// The graph has gone on: what was growing is complete.
    pub(super) fn step(&mut self, now: Time, value: &Value, guard: &mut Guard) {
        let begun = ["task", "checkpoint"].contains(&text_at(value, "type").unwrap_or_default());
        if !begun {
            self.release(now, guard);
        }
    }

    /// Closes the texts and starts the tools of the message that was growing.
    pub(super) fn release(&mut self, now: Time, guard: &mut Guard) {
        if let Some(growing) = self.growing.take() {
            for (kind, key) in &growing.blocks {
                guard.finish_block(now, &text(*kind, key), None);
            }
            for (id, name, input) in &growing.tools {
                let input = raw(input);
                start_tool(now, (id, name), Some(&input), &mut self.calls, guard);
            }
        }
        self.held.start_all(now, &mut self.calls, guard);
    }

    fn tool_result(&mut self, now: Time, message: &Value, guard: &mut Guard) {
        self.release(now, guard);
        let end = ToolEnd {
            id: text_at(message, "tool_call_id").unwrap_or_default(),
            name: text_at(message, "name").unwrap_or_default(),
            outcome: match text_at(message, "status") {
                Some("success") => "ok",
                Some("error") => "error",
                _ => "unknown",
            },
            output: message.get("content").map(raw),
            ..ToolEnd::default()
        };
        self.calls.finish(now, end, guard);
    }
}
