//! Partial messages: every text comes as deltas and again as a whole, every tool's input in pieces. Streamed texts are kept
//! until their whole comes.

use super::super::prelude::*;

/// Limit of streamed texts that wait for their whole; past that the oldest is forgotten.
const MAX_WAITING: usize = 256;

/// Limit of messages that are streamed at once, one for each sub-agent.
const MAX_MESSAGES: usize = 1024;

/// The sub-agent's tool call, and the index of a block in its current message.
type BlockPlace<'a> = (Option<&'a str>, u64);

/// The messages and texts that are being streamed.
#[derive(Debug, Default)]
pub(super) struct Partial {
    messages: Vec<Message>,
    count: u64,
    texts: Vec<Streamed>,
}

#[derive(Debug)]
struct Message {
    parent: Option<String>,
    id: String,
    number: u64,
}

#[derive(Debug)]
struct Streamed {
    /// Number of the message, and index of the block in it.
    key: String,
    message: String,
    parent: Option<String>,
    kind: TextKind,
    text: StreamedText,
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

    fn key(&mut self, (parent, index): BlockPlace<'_>) -> String {
        let message = self.messages.iter().find(|m| m.parent.as_deref() == parent);
        let number = message.map(|m| m.number);
        format!("{}/{index}", number.unwrap_or_else(|| self.message(parent, "")))
    }

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
        let key = self.key(place);
        let found = self.texts.iter().rposition(|s| s.key == key && s.kind == kind);
        let found = found.unwrap_or_else(|| self.open(key, place.0, kind));
        let Streamed { key, text, .. } = &mut self.texts[found];
        text.delta(&Text { key, kind, parent: place.0 }, delta, emit);
    }

    fn open(&mut self, key: String, parent: Option<&str>, kind: TextKind) -> usize {
        if self.texts.len() >= MAX_WAITING {
            self.texts.remove(0);
        }
        let message = self.messages.iter().find(|m| m.parent.as_deref() == parent);
        let message = message.map(|m| m.id.clone()).unwrap_or_default();
        let (parent, text) = (parent.map(str::to_owned), StreamedText::default());
        self.texts.push(Streamed { key, message, parent, kind, text });
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
        let exact = self.texts.iter().position(|s| same(s) && s.text.is(whole));
        let named = |s: &Streamed| same(s) && !message.is_empty() && s.message == message;
        match exact.or_else(|| self.texts.iter().position(named)) {
            Some(at) => {
                let Streamed { key, text, .. } = self.texts.remove(at);
                text.confirm(&Text { key: &key, kind, parent }, whole, emit);
            }
            None => emit.finish_block(&Text { key: "assistant", kind, parent }, Some(whole)),
        }
    }

    /// Ends a block: its texts are closed, and its tool starts.
    pub fn stop(&mut self, place: BlockPlace<'_>, emit: &mut Emit<'_>) {
        let key = self.key(place);
        for kind in [TextKind::Answer, TextKind::Reasoning] {
            emit.finish_block(&Text { key: &key, kind, parent: place.0 }, None);
        }
        emit.start_held(&key);
    }

    /// Holds a tool until its input is complete.
    pub fn hold(&mut self, place: BlockPlace<'_>, (id, name): (&str, &str), emit: &mut Emit<'_>) {
        emit.hold_json(place.0, &self.key(place), (id, name));
    }

    /// Adds a piece of a tool's input.
    pub fn input(&mut self, place: BlockPlace<'_>, json: &str, emit: &mut Emit<'_>) {
        emit.add_arguments(&self.key(place), json);
    }
}
