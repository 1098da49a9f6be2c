//! The blocks of a whole message: texts, thoughts, tools and their results.

use super::super::prelude::*;
use super::content::{error_text, exit_code, output};
use super::partial::Held;
use super::wire::{Block, Body, Message};
use super::{Claude, Ids, notices};
use crate::codec;

impl Claude {
    pub(super) fn assistant(
        &mut self,
        line: &str,
        (message, body, blocks): (&Message<'_>, &Body<'_>, &[Block<'_>]),
        emit: &mut Emit<'_>,
    ) {
        let parent = message.parent.as_deref();
        notices::marks(message, emit);
        self.results.note_assistant(message);
        let id = body.id.as_deref().unwrap_or_default();
        if let Some(usage) = body.usage.and_then(|usage| self.dialect.usage(usage)) {
            let unnamed = (self.dialect.ids == Ids::None).then(|| {
                self.unnamed += 1;
                format!("line {}", self.unnamed)
            });
            let id = unnamed.as_deref().unwrap_or(id);
            self.tally.count(id, usage, emit);
        }
        for (at, block) in blocks.iter().enumerate() {
            let text = |kind| Text { key: "", kind, parent };
            match (&*block.type_, &block.text, &block.thinking) {
                ("text", Some(said), _) => {
                    self.partial.whole(&text(TextKind::Answer), id, said, emit);
                }
                ("thinking", _, Some(said)) => {
                    self.partial.whole(&text(TextKind::Reasoning), id, said, emit);
                }
                _ => self.block(line, (at, block), message, emit),
            }
        }
    }

    /// A block that is no text of the assistant's.
    pub(super) fn block(
        &mut self,
        line: &str,
        (at, block): (usize, &Block<'_>),
        message: &Message<'_>,
        emit: &mut Emit<'_>,
    ) {
        let parent = message.parent.as_deref();
        match (&*block.type_, &block.text, &block.id, &block.tool_use_id) {
            ("text", Some(text), ..) => self.prompt(text, parent, emit),
            (type_, _, Some(id), _) if type_.ends_with("tool_use") => {
                let name = block.name.as_deref().unwrap_or_default();
                drop(self.partial.take(id));
                self.start_tool((id, name), block.input, parent, emit);
            }
            (type_, _, _, Some(_)) if type_.ends_with("tool_result") => {
                self.tool_result(block, message, emit);
            }
            (type_, ..) => {
                let value = value_of(line, emit);
                let data = value.pointer(&format!("/message/content/{at}")).cloned();
                let notice = Notice {
                    kind: "info",
                    message: Some(&format!("content of type {type_:?}")),
                    data,
                    parent,
                };
                emit.notice(&notice);
            }
        }
    }

    /// What a user says is no answer: a prompt, an echo, a note that the request was interrupted.
    pub(super) fn prompt(&mut self, text: &str, parent: Option<&str>, emit: &mut Emit<'_>) {
        self.results.note_user(text);
        let notice = Notice { kind: "info", message: Some("user message"), data: None, parent };
        emit.status_of(&notice, |data| data.text("text", text));
    }

    fn start_tool(
        &mut self,
        (id, name): (&str, &str),
        input: Option<&str>,
        parent: Option<&str>,
        emit: &mut Emit<'_>,
    ) {
        self.partial.close_of(parent);
        emit.start_named(&Call { id, name, parent, ..Call::default() }, input);
    }

    pub(super) fn start_held(&mut self, held: &Held, emit: &mut Emit<'_>) {
        let input = Some(held.input.as_str()).filter(|input| codec::is_json(input));
        let named = (held.id.as_str(), held.name.as_str());
        self.start_tool(named, input, held.parent.as_deref(), emit);
    }

    /// Starts the tools whose input never became complete.
    pub(super) fn release(&mut self, emit: &mut Emit<'_>) {
        for held in self.partial.take_all() {
            self.start_held(&held, emit);
        }
    }

    fn tool_result(&mut self, block: &Block<'_>, message: &Message<'_>, emit: &mut Emit<'_>) {
        let id = block.tool_use_id.as_deref().unwrap_or_default();
        if let Some(held) = self.partial.take(id) {
            self.start_held(&held, emit);
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
        emit.finish_call(&end);
    }
}
