//! The open turn of a stream in cancel: its open blocks and tools, and its conditions.

use std::borrow::Cow;

use super::Options;
use super::budget::Budget;
use super::repeat::{self, Repeats};
use crate::codec::{self, Fields, Writer, unescape};
use crate::event::{Envelope, Event, Tool, Type};
use crate::filter::coalesce::chars;
use crate::text::ceil;
use crate::time::Time;
use regex::Regex;

/// Bytes of a block's text that are searched for a match; up to twice as much is kept.
const MAX_TAIL: usize = 4096;

/// Open blocks and open tools of a turn that are remembered; past that the oldest is forgotten.
const MAX_OPEN: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Turn {
    pub number: u64,
    pub since: Time,
    pub state: State,
    /// Any event of it was seen.
    pub announced: bool,
    pub blocks: Vec<OpenBlock>,
    pub tools: Vec<Open>,
    pub chars: u64,
    pub budget: Budget,
    pub repeats: Repeats,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    Watched,
    /// A condition holds and a request was sent, with this reason.
    Pending(String),
    /// The turn ends by itself before the request reaches it.
    Left,
}

/// An open block. Strings keep their JSON escapes.
#[derive(Debug)]
pub(super) struct OpenBlock {
    id: String,
    kind: String,
    parent: Option<String>,
    text: String,
    /// End of the text, without escapes.
    tail: Tail,
}

#[derive(Debug, Default)]
struct Tail {
    text: String,
    /// There was text before it.
    cut: bool,
}

#[derive(Debug)]
pub(super) struct Open {
    id: String,
    name: String,
    kind: String,
    title: Option<String>,
    parent: Option<String>,
    /// Hash of the call, where repeats are counted.
    call: Option<u64>,
}

impl Turn {
    /// Updates open blocks and tools; returns the condition that now holds.
    pub(super) fn note(&mut self, event: &Event<'_>, options: &Options) -> Option<String> {
        let condition = match event.kind {
            Type::TextDelta => self.delta(event, options),
            Type::BlockFinal => self.block_final(event.line, options),
            Type::ToolStarted => self.tool_started(event.line, options),
            Type::ToolFinished => self.tool_finished(event.line, options),
            _ => None,
        };
        let max = options.max_text.filter(|max| self.chars > *max);
        condition.or_else(|| Some(format!("more than {} characters (--max-text)", max?)))
    }

    fn delta(&mut self, event: &Event<'_>, options: &Options) -> Option<String> {
        let delta = event.delta.as_ref()?;
        let known = self.blocks.iter().position(|b| b.id == delta.block.0);
        let at = known.unwrap_or_else(|| {
            if self.blocks.len() >= MAX_OPEN {
                self.blocks.remove(0);
            }
            self.blocks.push(OpenBlock {
                id: delta.block.0.to_owned(),
                kind: delta.kind.0.to_owned(),
                parent: delta.parent.map(|p| p.0.to_owned()),
                text: String::new(),
                tail: Tail::default(),
            });
            self.blocks.len() - 1
        });
        let block = self.blocks.get_mut(at)?;
        block.text.push_str(delta.text.0);
        if block.kind != "answer" || block.parent.is_some() {
            return None;
        }
        if options.max_text.is_some() {
            self.chars += chars(delta.text.0) as u64;
        }
        if let Some(pattern) = &options.pattern {
            block.tail.text.push_str(&unescape(delta.text.0));
            return block.tail.matches(pattern).then(|| matched(pattern));
        }
        None
    }

    fn block_final(&mut self, line: &str, options: &Options) -> Option<String> {
        let id = codec::value_of(line, "block").and_then(codec::text)?;
        let known = self.blocks.iter().position(|b| unescape(&b.id) == id);
        if let Some(at) = known {
            self.blocks.remove(at);
            return None;
        }
        if options.max_text.is_none() && options.pattern.is_none() {
            return None;
        }
        let body = Fields::parse(line).ok()?;
        if body.text("kind")? != "answer" || body.raw("parent").is_some() {
            return None;
        }
        let text = body.text("text")?;
        self.chars += text.chars().count() as u64;
        let pattern = options.pattern.as_ref().filter(|p| p.is_match(&text));
        pattern.map(matched)
    }

    fn tool_started(&mut self, line: &str, options: &Options) -> Option<String> {
        let fields = Fields::parse(line).ok()?;
        let tool = fields.object("tool")?;
        let open = Open {
            id: tool.text("id")?.into_owned(),
            name: tool.text("name")?.into_owned(),
            kind: tool.text("kind")?.into_owned(),
            title: tool.text("title").map(|title| Tool::short_title(&title).to_owned()),
            parent: fields.text("parent").map(Cow::into_owned),
            call: options.on_repeat.map(|_| repeat::call(fields.raw("parent"), &tool)),
        };
        if self.tools.len() >= MAX_OPEN {
            self.tools.remove(0);
        }
        let named = options.tools.contains(&open.name);
        let condition = named.then(|| format!("the tool {} was called (--on-tool)", open.name));
        self.tools.push(open);
        condition
    }

    fn tool_finished(&mut self, line: &str, options: &Options) -> Option<String> {
        let tool = codec::value_of(line, "tool")?;
        let id = codec::value_of(tool, "id").and_then(codec::text)?;
        let at = self.tools.iter().position(|open| open.id == id);
        let open = at.map(|at| self.tools.remove(at));
        let most = options.on_repeat?;
        let count = self.repeats.finish(open.as_ref()?.call, &Fields::parse(line).ok()?);
        let name = open.map(|open| open.name).unwrap_or_default();
        (count >= most).then(|| {
            format!("{name} had the same input and the same result {count} times (--on-repeat)")
        })
    }
}

impl OpenBlock {
    pub(super) fn close<'a>(&'a self, mut envelope: Envelope<'a>, buf: &mut Vec<u8>) {
        envelope.parent = self.parent.as_deref().map(unescape);
        Writer::default().emit(buf, &envelope, |object| {
            object.text("block", &unescape(&self.id));
            object.text("kind", &unescape(&self.kind));
            object.escaped("text", &codec::on_one_line(&self.text));
        });
    }
}

impl Open {
    pub(super) fn close<'a>(&'a self, mut envelope: Envelope<'a>, buf: &mut Vec<u8>) {
        envelope.parent = self.parent.as_deref().map(Into::into);
        Writer::default().emit(buf, &envelope, |object| {
            object.object("tool", |tool| {
                tool.text("id", &self.id);
                tool.text("name", &self.name);
                tool.text("kind", &self.kind);
                tool.text_if("title", self.title.as_deref());
            });
            object.text("outcome", "unknown");
        });
    }
}

impl Tail {
    /// True if the pattern matches. Only the end of the text is kept.
    fn matches(&mut self, pattern: &Regex) -> bool {
        // A cut text has no beginning to match: its first character only precedes the rest.
        let start = if self.cut { self.text.chars().next().map_or(0, char::len_utf8) } else { 0 };
        let found = pattern.is_match_at(&self.text, start);
        if self.text.len() > 2 * MAX_TAIL {
            let from = ceil(&self.text, self.text.len() - MAX_TAIL);
            self.text.drain(..from);
            self.cut = true;
        }
        found
    }
}

fn matched(pattern: &Regex) -> String {
    format!("the answer matches {} (--match)", pattern.as_str())
}

pub(super) fn body<T>(line: &str, read: impl FnOnce(&Fields<'_>) -> Option<T>) -> Option<T> {
    read(&Fields::parse(&codec::without_lone(line)).ok()?)
}
