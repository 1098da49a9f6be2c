//! Adapters: one runtime's bytes to calls of the guard. An adapter knows its runtime and nothing else: it neither numbers
//! nor closes events, and it never fails: a message that it does not know becomes a status.

mod a2a;
mod acp;
mod adk;
mod ag_ui;
mod aider;
mod amp;
mod anthropic;
mod antigravity;
mod auggie;
mod bedrock;
pub(crate) mod claude;
mod cline;
mod codex;
mod cohere;
mod copilot;
mod cursor;
mod droid;
mod emit;
mod events;
mod failure;
pub(crate) mod framing;
mod gemini;
mod gemini_api;
mod goose;
mod grok;
mod held;
mod json;
mod keys;
mod kimi;
mod langgraph;
mod mcp;
mod muse;
mod ollama;
mod openai_chat;
mod openai_responses;
mod openclaw;
mod opencode;
mod openhands;
mod oz;
mod pi;
mod qwen;
mod reader;
mod stream_chunk;
mod streamed;
mod text;
mod vercel;
mod vibe;

use serde_json::Value;

use crate::codec::Place;
use crate::guard::TurnVerdict;

pub use emit::Emit;
use framing::Tail;
pub use json::tool_kind;
pub use reader::Reader;
#[cfg(test)]
pub(crate) use tests::emitted;

/// Names that nearly every adapter uses.
mod prelude {
    pub use serde_json::Value;

    pub use super::emit::{Call, Done, Emit, text};
    pub use super::failure::{failure, failure_of, sentence};
    pub use super::framing::Tail;
    pub use super::json::{
        Rpc, ValueExt, arguments, count, describe, is_rpc, one_line, plain, raw, spend, str_at,
        sum, tokens, tool_kind, usage, value_of, with_cache,
    };
    pub use super::streamed::{StreamedText, StreamedTexts};
    pub use super::{Match, Order, Runtime, Spec};
    pub use crate::codec::Place;
    pub use crate::event::{Failure, TurnStarted, Usage, UsageAndCost};
    pub use crate::guard::{MAX_STREAMS, Notice, Text, TextKind, ToolEnd, ToolStart, TurnVerdict};

    /// The answer of a runtime whose texts have no ids.
    pub const ANSWER: Text<'_> = Text { key: "text", kind: TextKind::Answer, parent: None };

    /// The reasoning of a runtime whose texts have no ids.
    pub const THOUGHT: Text<'_> = Text { key: "text", kind: TextKind::Reasoning, parent: None };
}

/// Beginning of the ids of messages that were sent through spile, by which an adapter knows their echo: "spil" in ASCII.
pub(crate) const OWN: &str = "7370696c-";

/// The framing of the agent's stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// One message a line; server-sent events and documents over several lines are read as well.
    Lines,
    /// Server-sent events by their standard, JSON lines and documents, `Content-Length` frames. A body that ends inside a
    /// message was cut off.
    Frames,
    /// No messages: bytes as they come.
    Bytes,
}

/// One runtime's messages in the guard's terms.
pub trait Runtime {
    /// Takes the next message; `event` is the name of its server-sent event, or empty.
    fn on_message(&mut self, _event: &str, _value: Value, _emit: &mut Emit<'_>) {}

    /// Takes the next message as JSON text; an error if it cannot be read, and then nothing of it was emitted.
    fn on_text(&mut self, event: &str, text: &str, emit: &mut Emit<'_>) -> serde_json::Result<()> {
        self.on_message(event, serde_json::from_str(text)?, emit);
        emit.keep_unknown(text);
        Ok(())
    }

    /// Takes the next bytes, under [`Framing::Bytes`].
    fn on_bytes(&mut self, _place: Place<'_>, _emit: &mut Emit<'_>) {}

    /// `[DONE]`: the body is over.
    fn on_done(&mut self, _: &mut Emit<'_>) {}

    /// The output has ended: emit what is still held, and return what that means for an open turn. Tools that wait for their
    /// arguments start, and the last error fails the turn, without the adapter.
    fn on_end(&mut self, _tail: Tail, _emit: &mut Emit<'_>) -> TurnVerdict {
        TurnVerdict::MissingResult
    }

    /// Line for the runtime's stdin that carries an order, without its line feed; `None` if it takes none there. `number`
    /// differs from order to order.
    fn order(&self, _order: Order<'_>, _number: u64) -> Option<String> {
        None
    }
}

/// A runtime without state between its messages.
impl<F: FnMut(&str, Value, &mut Emit<'_>)> Runtime for F {
    fn on_message(&mut self, event: &str, value: Value, emit: &mut Emit<'_>) {
        self(event, value, emit);
    }
}

/// An order to an agent that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order<'a> {
    /// End of the turn of the stream with this number, from 0; the agent stays.
    Interrupt(usize),
    /// Next prompt.
    Prompt(&'a str),
}

/// Certainty of an adapter that a JSON value is a message of its runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Match {
    /// None of its messages.
    No,
    /// Possibly one, or one of another runtime.
    Maybe,
    /// Certainly one.
    Sure,
}

/// A row of the adapter table.
pub struct Spec {
    /// The name for `--from`.
    pub name: &'static str,
    /// Other names for it.
    pub aliases: &'static [&'static str],
    /// The versions that were seen, and how.
    pub versions: &'static str,
    /// A description in a few words.
    pub about: &'static str,
    /// The command line that makes the runtime print what the adapter reads.
    pub usage: &'static str,
    /// Names of the commands that print it.
    pub commands: &'static [&'static str],
    /// An argument that contains one of these means that the command prints it for certain.
    pub flags: &'static [&'static str],
    /// The keys of its messages that the adapter reads or leaves out on purpose, parted by spaces; see [`keys`].
    pub keys: &'static str,
    /// True if the runtime has a result message, so that a turn without one did not complete.
    pub has_result: bool,
    /// True if a JSON value is one of its lines.
    pub detect: fn(&Value) -> Match,
    /// The framing of its stdout.
    pub framing: Framing,
    /// A new adapter for a command with these arguments.
    pub new: fn(&[String]) -> Box<dyn Runtime>,
}

impl Spec {
    /// Defaults: one message a line, a result message, no other names.
    const LINES: Self = Self {
        name: "",
        aliases: &[],
        versions: "",
        about: "",
        usage: "",
        commands: &[],
        flags: &[],
        keys: "",
        has_result: true,
        detect: |_| Match::No,
        framing: Framing::Lines,
        new: |_| Box::new(text::PlainText::default()),
    };

    /// Defaults of an API: server-sent events, JSON lines and documents.
    const FRAMES: Self = Self { framing: Framing::Frames, ..Self::LINES };

    /// Defaults of a command without messages.
    const BYTES: Self = Self { framing: Framing::Bytes, has_result: false, ..Self::LINES };
}

/// Every runtime that spile understands, in the order in which `auto` tries them.
pub const ADAPTERS: &[&Spec] = &[
    &claude::SPEC,
    &codex::SPEC,
    &gemini::SPEC,
    &cursor::SPEC,
    &opencode::SPEC,
    &amp::SPEC,
    &qwen::SPEC,
    &goose::SPEC,
    &kimi::SPEC,
    &copilot::SPEC,
    &pi::SPEC,
    &muse::SPEC,
    &grok::SPEC,
    &antigravity::SPEC,
    &openclaw::SPEC,
    &droid::SPEC,
    &cline::SPEC,
    &openhands::SPEC,
    &auggie::SPEC,
    &oz::SPEC,
    &vibe::SPEC,
    &aider::SPEC,
    &openai_chat::SPEC,
    &openai_responses::SPEC,
    &anthropic::SPEC,
    &gemini_api::SPEC,
    &bedrock::SPEC,
    &ollama::SPEC,
    &cohere::SPEC,
    &adk::SPEC,
    &stream_chunk::SPEC,
    &a2a::SPEC,
    &acp::SPEC,
    &mcp::SPEC,
    &ag_ui::SPEC,
    &vercel::SPEC,
    &langgraph::SPEC,
    &events::SPEC,
    &text::SPEC,
];

/// The adapter that takes anything.
pub const TEXT: &Spec = &text::SPEC;

/// The adapter with this name or alias.
pub fn by_name(name: &str) -> Option<&'static Spec> {
    ADAPTERS.iter().copied().find(|s| s.name == name || s.aliases.contains(&name))
}

/// The adapter for which this command is known; true if its arguments request the output that the adapter reads.
pub fn by_command(argv: &[String]) -> Option<(&'static Spec, bool)> {
    let name = argv.first()?.rsplit('/').next()?;
    let spec = ADAPTERS.iter().copied().find(|s| s.commands.contains(&name))?;
    Some((spec, argv.iter().any(|arg| spec.flags.iter().any(|f| arg.contains(f)))))
}

/// The adapter that recognises this value with the highest certainty; of equals the first in the table.
pub fn by_content(value: &Value) -> Option<(&'static Spec, Match)> {
    let all = ADAPTERS.iter().copied().map(|s| (s, (s.detect)(value)));
    all.rev().max_by_key(|(_, sure)| *sure).filter(|(_, sure)| *sure > Match::No)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::{Config, End, Ended, Guard, MAX_BLOCK};

    /// The events that an adapter makes of an input in slices, one a line.
    pub(crate) fn emitted(spec: &Spec, slices: &[&[u8]]) -> String {
        let config = Config { stream: "s".into(), label: None, max_block: MAX_BLOCK };
        let (mut guard, now) = (Guard::new(config), crate::time::Time::default());
        guard.set_runtime(spec.name);
        let mut reader = Reader::new(spec, &[], crate::codec::MAX_LINE);
        for slice in slices {
            reader.feed(now, slice, &mut guard);
        }
        let verdict = reader.end(now, &mut guard);
        guard.at(now).end(&End { ended: Ended::Eof, verdict });
        String::from_utf8(guard.out).unwrap()
    }

    #[test]
    fn the_table_is_the_folder() {
        let shared = [
            "emit.rs",
            "failure.rs",
            "framing.rs",
            "held.rs",
            "json.rs",
            "keys.rs",
            "reader.rs",
            "streamed.rs",
        ];
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/adapter");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".rs") && !shared.contains(&name.as_str()))
            .map(|name| name.trim_end_matches(".rs").replace('_', "-"))
            .collect();
        files.sort();
        let mut names: Vec<&str> = ADAPTERS.iter().map(|s| s.name).collect();
        names.sort_unstable();
        assert_eq!(
            names, files,
            "one file in src/adapter and one row in ADAPTERS for each runtime"
        );
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> =
            ADAPTERS.iter().flat_map(|s| s.aliases.iter().chain([&s.name])).copied().collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
