//! Shared parts of the protocols of raw LLM APIs: tools whose arguments come in pieces, texts that come in turns, and
//! texts that come again as a whole.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::prelude::*;
use crate::codec::{self, MAX_LINE};

/// Limit of alternatives that are told apart.
const MAX_ALTERNATIVES: u64 = 8;

/// Limit of tools that wait for their arguments; past that the oldest starts with what there is.
const MAX_HELD: usize = 1024;

/// Arguments as JSON: what is no JSON (cut short, or free text) is a string of JSON; nothing at all is nothing.
pub fn arguments_of(text: &str) -> Option<String> {
    let text = text.trim();
    if codec::is_json(text) {
        return Some(text.to_owned());
    }
    (!text.is_empty()).then(|| codec::to_json(text))
}

/// A value as JSON text.
pub fn raw(value: &Value) -> Cow<'static, str> {
    codec::to_json(value).into()
}

/// Tools whose arguments are not complete, in the order in which they began.
#[derive(Debug, Default)]
pub struct HeldTools {
    held: Vec<Held>,
}

#[derive(Debug)]
struct Held {
    key: String,
    id: String,
    name: String,
    arguments: String,
}

impl HeldTools {
    fn find(&mut self, key: &str) -> Option<&mut Held> {
        self.held.iter_mut().find(|h| h.key == key)
    }

    /// True if a tool waits under this key.
    pub fn has(&self, key: &str) -> bool {
        self.held.iter().any(|h| h.key == key)
    }

    /// Begins a tool, or adds what is not known of it yet. `key` is the adapter's own.
    pub fn begin(&mut self, key: &str, (id, name): (&str, &str), emit: &mut Emit<'_>) {
        if let Some(held) = self.find(key) {
            for (known, new) in [(&mut held.id, id), (&mut held.name, name)] {
                if known.is_empty() {
                    new.clone_into(known);
                }
            }
            return;
        }
        if self.held.len() >= MAX_HELD {
            self.held.remove(0).start(emit);
        }
        let (key, id, name) = (key.to_owned(), id.to_owned(), name.to_owned());
        self.held.push(Held { key, id, name, arguments: String::new() });
    }

    /// Adds to a tool's arguments; what grows past [`MAX_LINE`] is cut off.
    pub fn add(&mut self, key: &str, arguments: &str) {
        let held = self.find(key);
        if let Some(held) = held.filter(|h| h.arguments.len() + arguments.len() <= MAX_LINE) {
            held.arguments.push_str(arguments);
        }
    }

    /// Replaces a tool's arguments.
    pub fn set(&mut self, key: &str, arguments: &str) {
        if let Some(held) = self.find(key) {
            arguments.clone_into(&mut held.arguments);
        }
    }

    /// Starts the tool under this key, if it waits.
    pub fn start(&mut self, key: &str, emit: &mut Emit<'_>) {
        if let Some(at) = self.held.iter().position(|h| h.key == key) {
            self.held.remove(at).start(emit);
        }
    }

    /// Starts those that wait under a key that begins so.
    pub fn start_under(&mut self, prefix: &str, emit: &mut Emit<'_>) {
        for held in self.held.extract_if(.., |h| h.key.starts_with(prefix)) {
            held.start(emit);
        }
    }

    /// Starts all that wait.
    pub fn start_all(&mut self, emit: &mut Emit<'_>) {
        for held in self.held.drain(..) {
            held.start(emit);
        }
    }
}

impl Held {
    fn start(&self, emit: &mut Emit<'_>) {
        let input = arguments_of(&self.arguments);
        let tool = Call { id: &self.id, name: &self.name, ..Call::default() };
        emit.start_named(&tool, input.as_deref());
    }
}

/// The one text that is being said: another begins when its kind or its key changes, and the last one is over.
#[derive(Debug, Default)]
pub struct Current {
    open: Option<(TextKind, String)>,
}

impl Current {
    /// A piece of a text.
    pub fn delta(&mut self, (kind, key): (TextKind, &str), delta: &str, emit: &mut Emit<'_>) {
        if !delta.is_empty() {
            self.switch((kind, key), emit);
            emit.delta(&text(kind, key), delta);
        }
    }

    /// Another text begins, if it is not the one that is open.
    pub fn switch(&mut self, (kind, key): (TextKind, &str), emit: &mut Emit<'_>) {
        if self.open.as_ref().is_none_or(|open| open.0 != kind || open.1 != key) {
            self.finish(emit);
            self.open = Some((kind, key.to_owned()));
        }
    }

    /// Closes the text.
    pub fn finish(&mut self, emit: &mut Emit<'_>) {
        if let Some((kind, key)) = self.open.take() {
            emit.finish_block(&text(kind, &key), None);
        }
    }
}

/// The texts of several alternatives that come at the same time.
#[derive(Debug, Default)]
pub struct Currents {
    all: BTreeMap<u64, Current>,
}

impl Currents {
    /// The alternative with this number; past [`MAX_ALTERNATIVES`] they share one.
    pub fn of(&mut self, index: u64) -> &mut Current {
        self.all.entry(index.min(MAX_ALTERNATIVES)).or_default()
    }
}

/// A text of the main agent.
pub fn text(kind: TextKind, key: &str) -> Text<'_> {
    Text { key, kind, parent: None }
}

/// A text that comes again as a whole, longer each time: what is new of it is said.
#[derive(Debug, Default)]
pub struct Snapshot {
    said: String,
}

impl Snapshot {
    /// A piece that goes on behind what was said.
    pub fn delta(&mut self, text: &Text<'_>, delta: &str, emit: &mut Emit<'_>) {
        if self.said.len() + delta.len() <= MAX_LINE {
            codec::append(&mut self.said, delta);
        }
        emit.delta(text, delta);
    }

    /// The whole as it stands now; one that does not begin as the last did supersedes it.
    pub fn whole(&mut self, text: &Text<'_>, whole: &str, emit: &mut Emit<'_>) {
        match codec::strip_emitted(whole, &self.said) {
            Some(missing) => emit.delta(text, &missing),
            // The guard knows what was said of the block, and closes it.
            None => emit.finish_block(text, Some(whole)),
        }
        whole.clone_into(&mut self.said);
    }
}

/// The steps of a block and of an error that most protocols share.
impl HeldTools {
    /// A tool begins, or says more of itself, with a piece of its arguments.
    pub fn piece(&mut self, key: &str, tool: (&str, &str), arguments: &str, emit: &mut Emit<'_>) {
        self.begin(key, tool, emit);
        self.add(key, arguments);
    }

    /// A block ends: its texts are over, and its tool starts.
    pub fn finish_block(&mut self, key: &str, emit: &mut Emit<'_>) {
        for kind in [TextKind::Answer, TextKind::Reasoning] {
            emit.finish_block(&text(kind, key), None);
        }
        self.start(key, emit);
    }

    /// An error, which ends the open turn; after a turn it is a status.
    pub fn fail(&mut self, error: &Value, spent: &UsageAndCost, emit: &mut Emit<'_>) {
        if !emit.error_after_turn(error) {
            self.start_all(emit);
            emit.fail_with(error, spent);
        }
    }

    /// The output has ended without a result: the tools of an open turn start with what there is.
    pub fn end(&mut self, emit: &mut Emit<'_>) -> TurnVerdict {
        if emit.turn_open() {
            self.start_all(emit);
        }
        TurnVerdict::MissingResult
    }
}
