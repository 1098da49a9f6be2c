//! Partial messages: every text comes as deltas and again as a whole, every tool's input in pieces. Streamed texts are kept
//! until their whole comes, tools until their input is complete.

use super::super::prelude::*;
use crate::codec::{self, MAX_LINE};

/// Streamed texts that may wait for their whole; past that the oldest is forgotten.
const MAX_WAITING: usize = 256;

/// Messages that may be streamed at once, one for each sub-agent.
const MAX_MESSAGES: usize = 1024;

/// Tools that may wait for their input; past that the oldest starts with what there is.
const MAX_HELD: usize = 1024;

/// The number of a message, and the index of a block in it.
type At = (u64, u64);

/// The sub-agent's tool call, and the index of a block in the message that it is saying.
type BlockPlace<'a> = (Option<&'a str>, u64);

/// The messages, texts and tools that are being streamed.
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

#[derive(Debug)]
struct Streamed {
    at: At,
    message: String,
    parent: Option<String>,
    kind: TextKind,
    key: String,
    said: StreamedText,
}

/// A tool whose input is not complete.
#[derive(Debug)]
struct Held {
    at: At,
    id: String,
    name: String,
    parent: Option<String>,
    input: String,
}

impl Partial {
    /// A message begins; the answer is its number.
    pub fn message(&mut self, parent: Option<&str>, id: &str) -> u64 {
        self.count += 1;
        self.messages.retain(|m| m.parent.as_deref() != parent);
        if self.messages.len() >= MAX_MESSAGES {
            self.messages.remove(0);
        }
        let (parent, id, number) = (parent.map(str::to_owned), id.to_owned(), self.count);
        self.messages.push(Message { parent, id, number });
        number
    }

    fn at(&mut self, (parent, index): BlockPlace<'_>) -> At {
        let message = self.messages.iter().find(|m| m.parent.as_deref() == parent);
        let number = message.map(|m| m.number);
        (number.unwrap_or_else(|| self.message(parent, "")), index)
    }

    /// A piece of a text.
    pub fn delta(
        &mut self,
        place: BlockPlace<'_>,
        kind: TextKind,
        delta: &str,
        emit: &mut Emit<'_>,
    ) {
        if delta.is_empty() {
            return;
        }
        let at = self.at(place);
        let found = self.texts.iter().rposition(|s| s.at == at && s.kind == kind);
        let found = found.unwrap_or_else(|| self.open(at, place.0, kind));
        if let Some(Streamed { key, said, .. }) = self.texts.get_mut(found) {
            said.delta(&Text { key, kind, parent: place.0 }, delta, emit);
        }
    }

    fn open(&mut self, at: At, parent: Option<&str>, kind: TextKind) -> usize {
        if self.texts.len() >= MAX_WAITING {
            self.texts.remove(0);
        }
        let message = self.messages.iter().find(|m| m.number == at.0);
        self.texts.push(Streamed {
            at,
            message: message.map(|m| m.id.clone()).unwrap_or_default(),
            parent: parent.map(str::to_owned),
            kind,
            key: format!("{}/{}", at.0, at.1),
            said: StreamedText::default(),
        });
        self.texts.len() - 1
    }

    /// A text as a whole: it confirms what was streamed of it, or is new. Ids are missing or alike in redacted output, so the
    /// text itself comes first.
    pub fn whole(
        &mut self,
        (kind, parent): (TextKind, Option<&str>),
        message: &str,
        whole: &str,
        emit: &mut Emit<'_>,
    ) {
        let same = |s: &Streamed| s.kind == kind && s.parent.as_deref() == parent;
        let exact = self.texts.iter().position(|s| same(s) && s.said.is(whole));
        let named = |s: &Streamed| same(s) && !message.is_empty() && s.message == message;
        match exact.or_else(|| self.texts.iter().position(named)) {
            Some(at) => {
                let Streamed { key, said, .. } = self.texts.remove(at);
                said.confirm(&Text { key: &key, kind, parent }, whole, emit);
            }
            None => emit.finish_block(&Text { key: "assistant", kind, parent }, Some(whole)),
        }
    }

    /// A block is over; if it is a tool that waits, it starts.
    pub fn stop(&mut self, place: BlockPlace<'_>, emit: &mut Emit<'_>) {
        let at = self.at(place);
        for Streamed { key, kind, said, .. } in self.texts.iter_mut().filter(|s| s.at == at) {
            said.stop(&Text { key, kind: *kind, parent: place.0 }, emit);
        }
        if let Some(at) = self.tools.iter().position(|h| h.at == at) {
            self.start_held(at, emit);
        }
    }

    /// A tool begins whose input will come.
    pub fn hold(&mut self, place: BlockPlace<'_>, (id, name): (&str, &str), emit: &mut Emit<'_>) {
        if self.tools.len() >= MAX_HELD {
            self.start_held(0, emit);
        }
        let (at, parent) = (self.at(place), place.0.map(str::to_owned));
        let (id, name, input) = (id.to_owned(), name.to_owned(), String::new());
        self.tools.push(Held { at, id, name, parent, input });
    }

    /// A piece of a tool's input; what grows past [`MAX_LINE`] is cut off, and so no JSON any more.
    pub fn input(&mut self, place: BlockPlace<'_>, json: &str) {
        let at = self.at(place);
        let held = self.tools.iter_mut().find(|h| h.at == at);
        if let Some(held) = held.filter(|h| h.input.len() + json.len() <= MAX_LINE) {
            held.input.push_str(json);
        }
    }

    /// A tool as a whole, which may have been streamed.
    pub fn whole_tool(&mut self, call: &Call<'_>, input: Option<&str>, emit: &mut Emit<'_>) {
        if let Some(at) = self.tools.iter().position(|h| h.id == call.id) {
            self.tools.remove(at);
        }
        self.start_tool(call, input, emit);
    }

    /// Starts the tool with this id, if it waits.
    pub fn start(&mut self, id: &str, emit: &mut Emit<'_>) {
        if let Some(at) = self.tools.iter().position(|h| h.id == id) {
            self.start_held(at, emit);
        }
    }

    /// Starts all tools that wait, in the order in which they began.
    pub fn release(&mut self, emit: &mut Emit<'_>) {
        while !self.tools.is_empty() {
            self.start_held(0, emit);
        }
    }

    fn start_held(&mut self, at: usize, emit: &mut Emit<'_>) {
        let Held { id, name, parent, input, .. } = self.tools.remove(at);
        let call = Call { id: &id, name: &name, parent: parent.as_deref(), ..Call::default() };
        self.start_tool(&call, Some(&*input).filter(|input| codec::is_json(input)), emit);
    }

    fn start_tool(&mut self, call: &Call<'_>, input: Option<&str>, emit: &mut Emit<'_>) {
        // The guard closes the texts of its parent.
        for streamed in self.texts.iter_mut().filter(|s| s.parent.as_deref() == call.parent) {
            streamed.said.close();
        }
        emit.start_named(call, input);
    }
}
