//! Tools whose arguments come in pieces: they start when their arguments are complete, at the latest when the turn ends.

use super::emit::{Call, Emit};
use crate::codec::{self, MAX_LINE};

/// Limit of tools that wait for their arguments; past that the oldest starts with what there is.
const MAX_HELD: usize = 1024;

/// A tool whose arguments are not complete.
#[derive(Debug)]
pub struct Held {
    /// The adapter's own name for the call.
    key: String,
    id: String,
    name: String,
    parent: Option<String>,
    arguments: String,
    cut: Cut,
}

/// Meaning of arguments that are no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// A text, emitted as a JSON string.
    Text,
    None,
}

/// Arguments as JSON; empty text is none.
fn arguments_of(text: &str, cut: Cut) -> Option<String> {
    let text = text.trim();
    if codec::is_json(text) {
        return Some(text.to_owned());
    }
    (!text.is_empty() && cut == Cut::Text).then(|| codec::to_json(text))
}

impl Emit<'_> {
    fn held(&mut self, key: &str) -> Option<&mut Held> {
        self.input.held.iter_mut().find(|h| h.key == key)
    }

    /// True if a tool waits under this key.
    pub fn holds(&self, key: &str) -> bool {
        self.input.held.iter().any(|h| h.key == key)
    }

    /// Holds a tool until its arguments are complete; for a tool that is held already, adds its id or name.
    pub fn hold(&mut self, key: &str, tool: (&str, &str)) {
        self.hold_as(Cut::Text, None, key, tool);
    }

    /// Holds a tool, perhaps of a sub-agent; arguments that are cut short are left out.
    pub fn hold_json(&mut self, parent: Option<&str>, key: &str, tool: (&str, &str)) {
        self.hold_as(Cut::None, parent, key, tool);
    }

    fn hold_as(&mut self, cut: Cut, parent: Option<&str>, key: &str, (id, name): (&str, &str)) {
        if let Some(held) = self.held(key) {
            for (known, new) in [(&mut held.id, id), (&mut held.name, name)] {
                if known.is_empty() {
                    new.clone_into(known);
                }
            }
            return;
        }
        if self.input.held.len() >= MAX_HELD {
            let oldest = self.input.held.remove(0);
            self.start_with(&oldest);
        }
        let (parent, arguments) = (parent.map(str::to_owned), String::new());
        let (key, id, name) = (key.to_owned(), id.to_owned(), name.to_owned());
        self.input.held.push(Held { key, id, name, parent, arguments, cut });
    }

    /// Holds a tool, with a piece of its arguments.
    pub fn hold_piece(&mut self, key: &str, tool: (&str, &str), arguments: &str) {
        self.hold(key, tool);
        self.add_arguments(key, arguments);
    }

    /// Adds to a tool's arguments; a piece that exceeds [`MAX_LINE`] is left out.
    pub fn add_arguments(&mut self, key: &str, arguments: &str) {
        let held = self.held(key);
        if let Some(held) = held.filter(|h| h.arguments.len() + arguments.len() <= MAX_LINE) {
            held.arguments.push_str(arguments);
        }
    }

    /// Replaces a tool's arguments.
    pub fn set_arguments(&mut self, key: &str, arguments: &str) {
        if let Some(held) = self.held(key) {
            arguments.clone_into(&mut held.arguments);
        }
    }

    /// Starts the tool under this key, if it waits.
    pub fn start_held(&mut self, key: &str) {
        self.start_first(|held| held.key == key);
    }

    /// Starts the tool with this id, if it waits.
    pub fn start_held_id(&mut self, id: &str) {
        self.start_first(|held| held.id == id && !id.is_empty());
    }

    fn start_first(&mut self, is_due: impl Fn(&Held) -> bool) {
        if let Some(at) = self.input.held.iter().position(is_due) {
            let held = self.input.held.remove(at);
            self.start_with(&held);
        }
    }

    /// Starts the tools under keys with this prefix.
    pub fn start_held_under(&mut self, prefix: &str) {
        let due = self.input.held.extract_if(.., |h| h.key.starts_with(prefix));
        for held in due.collect::<Vec<_>>() {
            self.start_with(&held);
        }
    }

    /// Starts all tools that wait.
    pub fn start_all_held(&mut self) {
        self.start_held_under("");
    }

    /// Ends a block: closes its texts, and starts its tool.
    pub fn end_block(&mut self, key: &str) {
        self.finish_texts(key);
        self.start_held(key);
    }

    fn start_with(&mut self, held: &Held) {
        let input = arguments_of(&held.arguments, held.cut);
        let (id, name, parent) = (&*held.id, &*held.name, held.parent.as_deref());
        self.start_named(&Call { id, name, parent, ..Call::default() }, input.as_deref());
    }
}
