//! The open turn of a stream as cancel sees it: what is open in it, so that it can be closed, and which condition holds.

use regex::Regex;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Options;
use super::budget::{Tokens, cost, tokens};
use crate::codec::{self, Str, Writer, unescape};
use crate::event::{Envelope, Event, Tool, ToolFinished, Type};
use crate::filter::coalesce::chars;
use crate::time::Time;

/// So much of a block's text is looked at for a match, in bytes; up to twice as much is kept.
const MAX_TAIL: usize = 4096;

/// Open blocks and open tools of a turn that are remembered; one more makes the oldest be forgotten.
const MAX_OPEN: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Turn {
    pub number: u64,
    pub since: Time,
    pub state: State,
    /// True if anything of it has been seen.
    pub announced: bool,
    pub blocks: Vec<OpenBlock>,
    pub tools: Vec<Open>,
    pub chars: u64,
    pub tokens: u64,
}

/// How a turn stands with us.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    Watched,
    /// A condition has held, and why the turn is to end.
    Asked(String),
    /// It ends by itself, and too soon to be ended.
    Left,
}

/// An open block. Strings are as they stood in the lines.
#[derive(Debug)]
pub(super) struct OpenBlock {
    id: String,
    kind: String,
    parent: Option<String>,
    text: String,
    /// The last of the text, as it reads.
    tail: Tail,
}

/// The end of a text that grows.
#[derive(Debug, Default)]
struct Tail {
    text: String,
    /// True if something stood before it.
    cut: bool,
}

#[derive(Debug)]
pub(super) struct Open {
    id: String,
    name: String,
    kind: String,
    title: Option<String>,
    pub parent: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct StreamHead<'a> {
    #[serde(borrow)]
    pub label: Option<Str<'a>>,
    #[serde(borrow)]
    pub parent: Option<Str<'a>>,
    #[serde(borrow)]
    pub kind: Option<Str<'a>>,
    #[serde(borrow)]
    pub block: Option<Str<'a>>,
    #[serde(borrow)]
    pub text: Option<Str<'a>>,
    #[serde(borrow)]
    pub message: Option<Str<'a>>,
    pub data: Option<Value>,
    #[serde(borrow)]
    pub tool: Option<Tool<'a>>,
}

impl Turn {
    /// Notes what is open; says which condition holds.
    pub(super) fn note(&mut self, event: &Event<'_>, options: &Options) -> Option<String> {
        match event.kind {
            Type::TextDelta => self.delta(event, options),
            Type::BlockFinal => head(event.line, |head| self.block_final(&head, options)),
            Type::ToolStarted => head(event.line, |head| {
                let tool = head.tool?;
                if self.tools.len() >= MAX_OPEN {
                    self.tools.remove(0);
                }
                self.tools.push(Open {
                    id: tool.id.to_string(),
                    name: tool.name.to_string(),
                    kind: tool.kind.to_string(),
                    title: tool.title.map(|title| Tool::short_title(&title).to_owned()),
                    parent: head.parent.map(|p| p.0.into_owned()),
                });
                let named = options.tools.iter().any(|name| *name == tool.name);
                named.then(|| format!("the tool {} was called (--on-tool)", tool.name))
            }),
            Type::ToolFinished => head(event.line, |head| {
                let id = head.tool?.id;
                self.tools.retain(|open| open.id != id);
                None
            }),
            _ => None,
        }
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
        self.chars += chars(delta.text.0) as u64;
        if let Some(pattern) = &options.pattern {
            block.tail.push(&unescape(delta.text.0));
            return block.tail.matches(pattern).then(|| matched(pattern));
        }
        None
    }

    fn block_final(&mut self, body: &StreamHead<'_>, options: &Options) -> Option<String> {
        let id = body.block.as_deref()?;
        let known = self.blocks.iter().position(|b| unescape(&b.id) == id);
        if let Some(at) = known {
            self.blocks.remove(at);
            return None;
        }
        if body.kind.as_deref() != Some("answer") || body.parent.is_some() {
            return None;
        }
        let text = body.text.as_deref()?;
        self.chars += text.chars().count() as u64;
        let pattern = options.pattern.as_ref().filter(|p| p.is_match(text));
        pattern.map(matched)
    }

    /// Counts tokens; gives the cost of the stream so far.
    pub(super) fn spend(&mut self, event: &Event<'_>) -> Option<f64> {
        if !event.line.contains(r#""kind":"usage""#) {
            return None;
        }
        let data = head(event.line, |head| head.data)?;
        match tokens(&data) {
            Some(Tokens::More(n)) => self.tokens = self.tokens.saturating_add(n),
            Some(Tokens::Total(n)) => self.tokens = self.tokens.max(n),
            None => {}
        }
        cost(&data)
    }

    /// True if it has used up what it may use.
    pub(super) fn overdrawn(&self, cost: f64, options: &Options) -> Option<String> {
        if let Some(max) = options.max_text.filter(|max| self.chars > *max) {
            return Some(format!("more than {max} characters (--max-text)"));
        }
        if let Some(max) = options.max_tokens.filter(|max| self.tokens > *max) {
            return Some(format!("more than {max} tokens (--max-tokens)"));
        }
        let max = options.max_cost.filter(|max| cost > *max)?;
        Some(format!("more than {max} US dollars (--max-cost)"))
    }
}

impl OpenBlock {
    pub(super) fn close<'a>(&'a self, mut envelope: Envelope<'a>, buf: &mut Vec<u8>) {
        envelope.parent = self.parent.as_deref().map(unescape);
        let start = buf.len();
        let body = json!({"block": unescape(&self.id), "kind": unescape(&self.kind)});
        Writer::default().event(buf, &envelope, &body);
        // The text as it stood in the lines, escapes and all, behind the last field.
        let end = buf.len().saturating_sub(2).max(start);
        buf.truncate(end);
        buf.extend_from_slice(b",\"text\":\"");
        buf.extend_from_slice(codec::on_one_line(&self.text).as_bytes());
        buf.extend_from_slice(b"\"}\n");
    }
}

impl Open {
    pub(super) fn finished(&self) -> ToolFinished<'_> {
        ToolFinished {
            tool: Tool {
                id: self.id.as_str().into(),
                name: self.name.as_str().into(),
                kind: self.kind.as_str().into(),
                title: self.title.as_deref().map(Into::into),
                ..Tool::default()
            },
            outcome: "unknown".into(),
            output: None,
            exit_code: None,
            duration_ms: None,
        }
    }
}

impl Tail {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// True if the pattern is in it; then, or else, only the end of it is kept.
    fn matches(&mut self, pattern: &Regex) -> bool {
        // What was cut off is no beginning of a text: of what is left the first character only stands before the rest.
        let start = if self.cut { self.text.chars().next().map_or(0, char::len_utf8) } else { 0 };
        let found = pattern.is_match_at(&self.text, start);
        if self.text.len() > 2 * MAX_TAIL {
            let from = self.text.len() - MAX_TAIL;
            let from = (from..self.text.len()).find(|at| self.text.is_char_boundary(*at));
            self.text.drain(..from.unwrap_or_default());
            self.cut = true;
        }
        found
    }
}

fn matched(pattern: &Regex) -> String {
    format!("the answer matches {} (--match)", pattern.as_str())
}

/// Reads what a line says beside its envelope.
pub(super) fn head<T>(line: &str, act: impl FnOnce(StreamHead<'_>) -> Option<T>) -> Option<T> {
    let line = codec::without_lone(line);
    act(codec::body(&line).ok()?)
}
