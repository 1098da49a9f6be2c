//! Partial messages: every text comes as deltas and again as a whole, every tool's input in pieces. What was streamed is
//! kept here until its whole comes, so that nothing is said twice and no tool starts without its input.

use super::super::prelude::*;
use crate::codec::MAX_LINE;

/// How many streamed texts may wait for their whole; past that the oldest is forgotten.
const MAX_WAITING: usize = 256;

/// How many messages may be streamed at once, one for each sub-agent.
const MAX_MESSAGES: usize = 1024;

/// How many tools may wait for their input; past that the oldest starts with what there is.
const MAX_HELD: usize = 1024;

/// The key of a text that nobody streamed.
const WHOLE: &str = "assistant";

/// What is being streamed.
#[derive(Debug, Default)]
pub(super) struct Partial {
    messages: Vec<Message>,
    count: u64,
    texts: Vec<Streamed>,
    tools: Vec<Held>,
}

/// The message that an agent is saying.
#[derive(Debug)]
struct Message {
    parent: Option<String>,
    id: String,
    number: u64,
}

/// Which block of which message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct At {
    message: u64,
    index: u64,
}

#[derive(Debug)]
struct Streamed {
    at: At,
    message: String,
    parent: Option<String>,
    kind: TextKind,
    key: String,
    said: Said,
}

impl Streamed {
    fn text(&self) -> Text<'_> {
        Text { key: &self.key, kind: self.kind, parent: self.parent.as_deref() }
    }
}

/// A tool whose input is not complete.
#[derive(Debug)]
pub(super) struct Held {
    at: At,
    pub id: String,
    pub name: String,
    pub parent: Option<String>,
    pub input: String,
}

/// Who says something, and in which block of the message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub parent: Option<&'a str>,
    pub index: u64,
}

impl Partial {
    /// A message begins.
    pub fn message(&mut self, parent: Option<&str>, id: &str) {
        self.count += 1;
        let number = self.count;
        if let Some(message) = self.messages.iter_mut().find(|m| m.parent.as_deref() == parent) {
            message.number = number;
            message.id.clear();
            message.id.push_str(id);
            return;
        }
        if self.messages.len() >= MAX_MESSAGES {
            self.messages.remove(0);
        }
        self.messages.push(Message {
            parent: parent.map(str::to_owned),
            id: id.to_owned(),
            number,
        });
    }

    fn at(&self, place: Place<'_>) -> At {
        let message = self
            .messages
            .iter()
            .find(|m| m.parent.as_deref() == place.parent)
            .map_or(0, |m| m.number);
        At { message, index: place.index }
    }

    /// A piece of a text.
    pub fn delta(&mut self, place: Place<'_>, kind: TextKind, delta: &str, emit: &mut Emit<'_>) {
        if delta.is_empty() {
            return;
        }
        let at = self.at(place);
        let found = self
            .texts
            .iter()
            .rposition(|s| s.at == at && s.kind == kind && s.parent.as_deref() == place.parent);
        let found = found.unwrap_or_else(|| self.open(at, place.parent, kind));
        if let Some(streamed) = self.texts.get_mut(found) {
            let text = Text { key: &streamed.key, kind, parent: place.parent };
            streamed.said.delta(&text, delta, emit);
        }
    }

    fn open(&mut self, at: At, parent: Option<&str>, kind: TextKind) -> usize {
        if self.texts.len() >= MAX_WAITING {
            self.texts.remove(0);
        }
        let message = self.messages.iter().find(|m| m.number == at.message);
        self.texts.push(Streamed {
            at,
            message: message.map(|m| m.id.clone()).unwrap_or_default(),
            parent: parent.map(str::to_owned),
            kind,
            key: format!("{}/{}", at.message, at.index),
            said: Said::default(),
        });
        self.texts.len() - 1
    }

    /// A text as a whole: it confirms what was streamed of it, or is new.
    pub fn whole(&mut self, text: &Text<'_>, message: &str, whole: &str, emit: &mut Emit<'_>) {
        let same = |s: &Streamed| s.kind == text.kind && s.parent.as_deref() == text.parent;
        let exact = self.texts.iter().position(|s| same(s) && s.said.is(whole));
        // Ids are missing or alike in redacted output, so the text itself comes first.
        let found = exact.or_else(|| {
            let named = |s: &Streamed| same(s) && !message.is_empty() && s.message == message;
            self.texts.iter().position(named)
        });
        match found {
            Some(at) => {
                let streamed = self.texts.remove(at);
                let text = Text { key: &streamed.key, ..*text };
                // The signature of a thought comes with an empty text; what was streamed of it stands.
                if whole.is_empty() {
                    emit.finish_block(&text, None);
                } else {
                    streamed.said.confirm(&text, whole, emit);
                }
            }
            None if whole.is_empty() => {}
            None => {
                let text = Text { key: WHOLE, ..*text };
                emit.finish_block(&text, Some(whole));
            }
        }
    }

    /// A block is over; the tool that it was, if nobody has taken it yet.
    pub fn stop(&mut self, place: Place<'_>, emit: &mut Emit<'_>) -> Option<Held> {
        let at = self.at(place);
        for streamed in &mut self.texts {
            if streamed.at == at && streamed.parent.as_deref() == place.parent {
                let mut said = std::mem::take(&mut streamed.said);
                said.stop(&streamed.text(), emit);
                streamed.said = said;
            }
        }
        let held =
            self.tools.iter().position(|h| h.at == at && h.parent.as_deref() == place.parent)?;
        Some(self.tools.remove(held))
    }

    /// A tool begins whose input will come. Of too many the oldest is given back.
    pub fn hold(&mut self, place: Place<'_>, id: &str, name: &str) -> Option<Held> {
        let oldest = (self.tools.len() >= MAX_HELD).then(|| self.tools.remove(0));
        self.tools.push(Held {
            at: self.at(place),
            id: id.to_owned(),
            name: name.to_owned(),
            parent: place.parent.map(str::to_owned),
            input: String::new(),
        });
        oldest
    }

    /// A piece of a tool's input; what grows past [`MAX_LINE`] is cut off, and so no JSON any more.
    pub fn input(&mut self, place: Place<'_>, json: &str) {
        let at = self.at(place);
        let held =
            self.tools.iter_mut().find(|h| h.at == at && h.parent.as_deref() == place.parent);
        if let Some(held) = held.filter(|h| h.input.len() + json.len() <= MAX_LINE) {
            held.input.push_str(json);
        }
    }

    /// The tool with this id, if it is held.
    pub fn take(&mut self, id: &str) -> Option<Held> {
        let at = self.tools.iter().position(|h| h.id == id)?;
        Some(self.tools.remove(at))
    }

    /// All tools that are held, in the order in which they began.
    pub fn take_all(&mut self) -> Vec<Held> {
        std::mem::take(&mut self.tools)
    }

    /// A tool of this parent starts, so the emit closes its texts.
    pub fn close_of(&mut self, parent: Option<&str>) {
        for streamed in &mut self.texts {
            if streamed.parent.as_deref() == parent {
                streamed.said.close();
            }
        }
    }

    /// The turn is over, and with it everything that was begun.
    pub fn clear(&mut self) {
        self.messages.clear();
        self.texts.clear();
        self.tools.clear();
    }
}
