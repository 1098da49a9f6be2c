//! The blocks of a whole message: texts, thoughts, tools and their results.

use super::super::keys::ANY;
use super::super::prelude::*;
use std::borrow::Cow;

use super::wire::{self, Body, ContentBlock, Message};
use super::{Answer, Claude, Reasoning, notices};
use crate::codec::{self, Cursor};
use crate::event::Raw;

impl Claude {
    pub(super) fn assistant(
        &mut self,
        line: &str,
        message: &Message<'_>,
        (body, blocks): (&Body<'_>, &[ContentBlock<'_>]),
        emit: &mut Emit<'_>,
    ) {
        let parent = message.parent.as_deref();
        notices::marks(message, emit);
        let error = message.fields.text("error").map(Cow::into_owned);
        self.results.error = error.or(self.results.error.take());
        self.results.interrupted |= message.fields.get("aborted") == Some("true");
        let id = body.id.as_deref().unwrap_or_default();
        if let Some(usage) = body.usage.map(|usage| self.dialect.with_all_input(usage)) {
            if !self.dialect.has_ids {
                self.tally.begin(parent, id);
            } else if !id.is_empty() {
                self.tally.resume(parent, id);
            }
            self.tally.count(parent, usage, emit);
        }
        for (at, block) in blocks.iter().enumerate() {
            match (&*block.type_, &block.text, &block.thinking) {
                ("text", Some(whole), _) => self.partial.whole((Answer, parent), id, whole, emit),
                ("thinking", _, Some(whole)) => {
                    self.partial.whole((Reasoning, parent), id, whole, emit);
                }
                _ => self.block(line, (at, block), message, emit),
            }
        }
    }

    /// A block that is no text of the assistant's.
    pub(super) fn block(
        &mut self,
        line: &str,
        (at, block): (usize, &ContentBlock<'_>),
        message: &Message<'_>,
        emit: &mut Emit<'_>,
    ) {
        let parent = message.parent.as_deref();
        match (&*block.type_, &block.text, &block.id, &block.tool_use_id) {
            ("text", Some(text), ..) => self.prompt(text, parent, emit),
            (type_, _, Some(id), _) if type_.ends_with("tool_use") => {
                let name = block.name.as_deref().unwrap_or_default();
                let call = Call { id, name, parent, ..Call::default() };
                emit.start_named(&call, block.input);
            }
            (type_, _, _, Some(id)) if type_.ends_with("tool_result") => {
                self.tool_result(id, block, message, emit);
            }
            (type_, ..) => {
                let message = Some(&*format!("content of type {type_:?}"));
                let data = value_of(line, emit).pointer(&format!("/message/content/{at}")).cloned();
                emit.notice(&Notice { kind: "info", message, data, parent });
            }
        }
    }

    /// A user's text is no answer: a prompt, an echo, a note that the request was interrupted.
    pub(super) fn prompt(&mut self, text: &str, parent: Option<&str>, emit: &mut Emit<'_>) {
        self.results.interrupted |= text.starts_with("[Request interrupted by user");
        let notice = Notice { kind: "info", message: Some("user message"), data: None, parent };
        emit.status_of(&notice, |data| data.text("text", text));
    }

    fn tool_result(
        &mut self,
        id: &str,
        block: &ContentBlock<'_>,
        message: &Message<'_>,
        emit: &mut Emit<'_>,
    ) {
        let text = block.content.filter(|_| block.is_error).and_then(error_text);
        let text = text.as_deref().unwrap_or_default();
        let meta = message.fields.raw("tool_result_meta");
        // Bash reports its exit status in the text of an error alone.
        let exit_code = text.strip_prefix("Exit code ").and_then(|text| text.lines().next());
        emit.finish_call(&ToolEnd {
            id,
            outcome: if block.is_error { self.notices.outcome(id, text, meta) } else { "ok" },
            output: block.content.map(output),
            exit_code: exit_code.and_then(|code| code.trim().parse().ok()),
            parent: message.parent.as_deref(),
            ..ToolEnd::default()
        });
    }
}

/// The texts of a result, if it is nothing but text.
fn texts(content: &str) -> Option<String> {
    let blocks = Cursor::read(content, |at| wire::blocks(at, &ANY))?;
    let texts: Option<Vec<&str>> = blocks.iter().map(|b| b.text.as_deref()).collect();
    Some(texts?.join("\n"))
}

fn error_text(content: &str) -> Option<Cow<'_, str>> {
    let text = codec::string(content).and_then(Raw::whole);
    text.or_else(|| texts(content).map(Cow::Owned))
}

/// A tool's result: its texts as one, or its content as it is.
fn output(content: &str) -> Cow<'_, str> {
    let joined = content.starts_with('[').then(|| texts(content)).flatten();
    joined.map_or(Cow::Borrowed(content), |text| codec::to_json(&text).into())
}
