//! The blocks of a whole message: texts, thoughts, tools and their results.

use super::super::value_of;
use super::content::{error_text, exit_code, output};
use super::partial::Held;
use super::wire::{Block, Body, Message};
use super::{Claude, Ids, notices, tally};
use crate::codec;
use crate::guard::{Guard, Notice, Text, TextKind, ToolEnd};
use crate::time::Time;

impl Claude {
    pub(super) fn assistant(
        &mut self,
        now: Time,
        line: &str,
        (message, body, blocks): (&Message<'_>, &Body<'_>, &[Block<'_>]),
        guard: &mut Guard,
    ) {
        let parent = message.parent.as_deref();
        notices::marks(now, message, guard);
        self.results.note_assistant(message);
        let id = body.id.as_deref().unwrap_or_default();
        if let Some(usage) = body.usage.and_then(tally::usage) {
            let unnamed = (self.dialect.ids == Ids::None).then(|| {
                self.unnamed += 1;
                format!("line {}", self.unnamed)
            });
            let id = unnamed.as_deref().unwrap_or(id);
            self.tally.count(id, usage, guard);
        }
        for (at, block) in blocks.iter().enumerate() {
            let text = |kind| Text { key: "", kind, parent };
            match (&*block.type_, &block.text, &block.thinking) {
                ("text", Some(said), _) => {
                    self.partial.whole(now, &text(TextKind::Answer), id, said, guard);
                }
                ("thinking", _, Some(said)) => {
                    self.partial.whole(now, &text(TextKind::Reasoning), id, said, guard);
                }
                _ => self.block(now, line, (at, block), message, guard),
            }
        }
    }

    /// A block that is no text of the assistant's.
    pub(super) fn block(
        &mut self,
        now: Time,
        line: &str,
        (at, block): (usize, &Block<'_>),
        message: &Message<'_>,
        guard: &mut Guard,
    ) {
        let parent = message.parent.as_deref();
        match (&*block.type_, &block.text, &block.id, &block.tool_use_id) {
            ("text", Some(text), ..) => self.prompt(now, text, parent, guard),
            (type_, _, Some(id), _) if type_.ends_with("tool_use") => {
                let name = block.name.as_deref().unwrap_or_default();
                drop(self.partial.take(id));
                self.start_tool(now, (id, name), block.input, parent, guard);
            }
            (type_, _, _, Some(_)) if type_.ends_with("tool_result") => {
                self.tool_result(now, block, message, guard);
            }
            (type_, ..) => {
                let value = value_of(line, guard);
                let data = value.pointer(&format!("/message/content/{at}")).cloned();
                let notice = Notice {
                    kind: "info",
                    message: Some(&format!("content of type {type_:?}")),
                    data,
                    parent,
                };
                guard.status(now, &notice);
            }
        }
    }

    /// What a user says is no answer: a prompt, an echo, a note that the request was interrupted.
    pub(super) fn prompt(
        &mut self,
        now: Time,
        text: &str,
        parent: Option<&str>,
        guard: &mut Guard,
    ) {
        self.results.note_user(text);
        let notice = Notice { kind: "info", message: Some("user message"), data: None, parent };
        guard.status_of(now, &notice, |data| data.text("text", text));
    }

    fn start_tool(
        &mut self,
        now: Time,
        named: (&str, &str),
        input: Option<&str>,
        parent: Option<&str>,
        guard: &mut Guard,
    ) {
        self.partial.close_of(parent);
        self.calls.start_named(now, named, input, parent, guard);
    }

    pub(super) fn start_held(&mut self, now: Time, held: &Held, guard: &mut Guard) {
        let input = Some(held.input.as_str()).filter(|input| codec::is_json(input));
        let named = (held.id.as_str(), held.name.as_str());
        self.start_tool(now, named, input, held.parent.as_deref(), guard);
    }

    /// Starts the tools whose input never became complete.
    pub(super) fn release(&mut self, now: Time, guard: &mut Guard) {
        for held in self.partial.take_all() {
            self.start_held(now, &held, guard);
        }
    }

    fn tool_result(
        &mut self,
        now: Time,
        block: &Block<'_>,
        message: &Message<'_>,
        guard: &mut Guard,
    ) {
        let id = block.tool_use_id.as_deref().unwrap_or_default();
        if let Some(held) = self.partial.take(id) {
            self.start_held(now, &held, guard);
        }
        let error = block.is_error;
        let text = block.content.filter(|_| error).and_then(error_text);
        let text = text.as_deref().unwrap_or_default();
        let outcome = if error {
            self.notices
                .outcome(id, text, message.fields.raw("tool_result_meta"))
                .unwrap_or("error")
        } else {
            "ok"
        };
        let end = ToolEnd {
            id,
            outcome,
            output: block.content.map(output),
            exit_code: exit_code(text),
            parent: message.parent.as_deref(),
            ..ToolEnd::default()
        };
        self.calls.finish(now, end, guard);
    }
}
