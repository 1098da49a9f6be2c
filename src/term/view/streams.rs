//! What a view remembers of the streams that it saw: turns, blocks and tools that are open. All of it is bounded.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::page::{Flow, Who};
use super::words::one_line;
use crate::event::Raw;
use crate::time::Time;

/// How many streams are remembered; past that the one that was silent longest is forgotten, those without a turn first.
pub const MAX_STREAMS: usize = 1000;

/// How many open blocks or tools of one stream are remembered; past that the oldest is forgotten.
const MAX_OPEN: usize = 64;

/// How much of an id or a label is remembered, in bytes.
const MAX_KEY: usize = 256;

/// The longest label that is shown, in columns.
const MAX_LABEL: usize = 24;

/// The streams, by id; events without one share the empty id.
#[derive(Debug, Default)]
pub(super) struct Streams {
    by_id: HashMap<String, Stream>,
    used: u64,
    flows: u64,
    /// True if more than one was ever seen.
    many: bool,
}

/// One stream.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// When it was last heard of, counted in events.
    used: u64,
    /// When it was first heard of.
    born: u64,
    /// The label as it was said, and as it is shown.
    label: Option<(String, Arc<str>)>,
    id: Option<Arc<str>>,
    /// The last `ts`.
    pub(super) now: Option<Time>,
    /// The open turn.
    pub(super) turn: Option<Turn>,
    pub(super) blocks: Vec<ShownBlock>,
    pub(super) tools: Vec<OpenTool>,
    /// The voice of its last line, and the kind of that.
    pub(super) spoke: (u64, Spoke),
}

/// What a line is, where that matters for the one after it: text and tools are set apart by an empty line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Spoke {
    #[default]
    Other,
    Text,
    Tool,
}

/// A turn that is open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    /// When it began, if that is known.
    pub(super) began: Option<Time>,
}

/// A tool that runs.
#[derive(Debug)]
pub(super) struct OpenTool {
    id: String,
    began: Option<Time>,
    /// The number of its line on the page.
    pub(super) line: u64,
    /// The tool in a few words.
    pub(super) shown: String,
}

/// The number of the voice that speaks under this tool call; the main agent's is 0.
pub(super) fn voice_of(parent: &str) -> u64 {
    hash(FNV, key(parent)) | 1
}

/// As much of a foreign id as is remembered.
fn key(id: &str) -> &str {
    let end = (0..=MAX_KEY.min(id.len())).rev().find(|at| id.is_char_boundary(*at));
    &id[..end.unwrap_or(0)]
}

impl Streams {
    /// The stream of an event, remembered from here on, and who it is that speaks.
    pub(super) fn enter(
        &mut self,
        id: &str,
        label: Option<&str>,
        now: Option<Time>,
    ) -> (&mut Stream, Who) {
        self.used += 1;
        if !self.by_id.contains_key(id) {
            self.add(id);
        }
        let used = self.used;
        let stream = self.by_id.entry(id.to_owned()).or_default();
        stream.used = used;
        stream.now = now.or(stream.now);
        if let Some(label) = label.map(key)
            && stream.label.as_ref().is_none_or(|(said, _)| said != label)
        {
            let shown = one_line(label, Some(MAX_LABEL));
            stream.label = (!shown.is_empty()).then(|| (label.to_owned(), shown.into()));
        }
        let who = stream.who(self.many);
        (stream, who)
    }

    /// A number for a flow, unlike any before.
    pub(super) fn flow_id(&mut self) -> u64 {
        self.flows += 1;
        self.flows
    }

    /// Who speaks in every stream whose turn is open, in the order in which they came, and for how long.
    pub(super) fn unfinished(&self) -> Vec<(Who, Option<u64>)> {
        let mut open: Vec<_> =
            self.by_id.values().filter_map(|s| s.turn.map(|turn| (s.born, s, turn))).collect();
        open.sort_by_key(|(born, ..)| *born);
        open.into_iter().map(|(_, s, turn)| (s.who(self.many), s.since(turn.began))).collect()
    }

    fn add(&mut self, id: &str) {
        if self.by_id.len() >= MAX_STREAMS {
            let oldest = self
                .by_id
                .iter()
                .min_by_key(|(_, s)| (s.turn.is_some(), s.used))
                .map(|(id, _)| id.clone());
            if let Some(oldest) = oldest {
                self.by_id.remove(&oldest);
            }
        }
        let stream = Stream {
            born: self.used,
            id: (!id.is_empty()).then(|| id.into()),
            ..Stream::default()
        };
        self.by_id.insert(id.to_owned(), stream);
        self.many |= self.by_id.keys().filter(|id| !id.is_empty()).count() > 1;
    }
}

impl Stream {
    fn who(&self, many: bool) -> Who {
        let label = match &self.label {
            Some((_, shown)) => Some(shown.clone()),
            None => self.id.clone().filter(|_| many),
        };
        let number = if self.id.is_some() { self.born } else { 0 };
        Who { label, nested: false, voice: (number, 0) }
    }

    /// How long a tool ran by the stream's own time, in milliseconds.
    pub(super) fn ran(&self, tool: &OpenTool) -> Option<u64> {
        self.since(tool.began)
    }

    /// Milliseconds from `began` to the stream's last `ts`.
    pub(super) fn since(&self, began: Option<Time>) -> Option<u64> {
        let took = self.now?.since(began?);
        u64::try_from(took.as_millis()).ok()
    }

    /// The open block with this id, if it is known.
    pub(super) fn block(&mut self, id: &str) -> Option<&mut ShownBlock> {
        self.blocks.iter_mut().find(|b| b.id == key(id))
    }

    /// Opens a block.
    pub(super) fn open_block(&mut self, id: &str, flow: Flow) -> Option<&mut ShownBlock> {
        self.keep_block(ShownBlock::new(id, flow));
        self.blocks.last_mut()
    }

    /// Remembers a block that goes on.
    pub(super) fn keep_block(&mut self, block: ShownBlock) {
        if self.blocks.len() >= MAX_OPEN {
            self.blocks.remove(0);
        }
        self.blocks.push(block);
    }

    /// Forgets a block, which has ended.
    pub(super) fn close_block(&mut self, id: &str) -> Option<ShownBlock> {
        let at = self.blocks.iter().position(|b| b.id == key(id))?;
        Some(self.blocks.remove(at))
    }

    /// Remembers a tool that runs: its id, the number of its line, and it in a few words.
    pub(super) fn start_tool(&mut self, id: &str, line: u64, shown: String) {
        if self.tools.len() >= MAX_OPEN {
            self.tools.remove(0);
        }
        self.tools.push(OpenTool { id: key(id).to_owned(), began: self.now, line, shown });
    }

    /// Forgets a tool, which has ended.
    pub(super) fn finish_tool(&mut self, id: &str) -> Option<OpenTool> {
        let at = self.tools.iter().position(|t| t.id == key(id))?;
        Some(self.tools.remove(at))
    }
}

/// A block that is open: what was said of it, as length and hash, and how it goes on the page.
#[derive(Debug)]
pub(super) struct ShownBlock {
    id: String,
    pub(super) flow: Flow,
    said: usize,
    hash: u64,
    /// The half of a surrogate pair whose other half is still to come, escaped.
    half: String,
}

/// What a block's whole text has that was not said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Missing<'t> {
    /// Nothing.
    Nothing,
    /// The end.
    Tail(&'t str),
    /// The beginning: the view began in the middle of the block.
    Head(&'t str),
    /// Something else: all of it is to be said.
    Whole(&'t str),
}

const FNV: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a, which does not care how a text was sliced.
fn hash(seed: u64, text: &str) -> u64 {
    text.bytes().fold(seed, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

impl ShownBlock {
    pub(super) fn new(id: &str, flow: Flow) -> Self {
        Self { id: key(id).to_owned(), flow, said: 0, hash: FNV, half: String::new() }
    }

    /// The text of a delta; a half of a surrogate pair at its end waits for the next one.
    pub(super) fn take<'r>(&mut self, raw: Raw<'r>) -> Cow<'r, str> {
        let (whole, half) = split_half(raw.0);
        let text = if self.half.is_empty() {
            Raw(whole).decode()
        } else {
            let joined = std::mem::take(&mut self.half) + whole;
            // A half alone is worth waiting for only once.
            Cow::Owned(Raw(&joined).decode().into_owned())
        };
        half.clone_into(&mut self.half);
        self.said += text.len();
        self.hash = hash(self.hash, &text);
        text
    }

    /// What `whole` has beyond what was said.
    pub(super) fn missing<'t>(&self, whole: &'t str) -> Missing<'t> {
        let said = |part: Option<&str>| part.is_some_and(|p| hash(FNV, p) == self.hash);
        if said(whole.get(..self.said)) {
            return match &whole[self.said..] {
                "" => Missing::Nothing,
                tail => Missing::Tail(tail),
            };
        }
        match whole.len().checked_sub(self.said) {
            Some(at) if said(whole.get(at..)) => Missing::Head(&whole[..at]),
            _ => Missing::Whole(whole),
        }
    }
}

/// Cuts the escape of a high surrogate off the end of a JSON string's inside.
fn split_half(raw: &str) -> (&str, &str) {
    let Some(at) = raw.len().checked_sub(6) else {
        return (raw, "");
    };
    let bytes = raw.as_bytes();
    let (head, tail) = bytes.split_at(at);
    let high = matches!(tail, [b'\\', b'u', b'd' | b'D', b'8'..=b'9' | b'a'..=b'b' | b'A'..=b'B', x, y]
        if x.is_ascii_hexdigit() && y.is_ascii_hexdigit());
    let slashes = head.iter().rev().take_while(|b| **b == b'\\').count();
    if high && slashes.is_multiple_of(2) { raw.split_at(at) } else { (raw, "") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::style::Look;

    fn block(deltas: &[&str]) -> (ShownBlock, String) {
        let mut block = ShownBlock::new("b1", Flow::new(1, Look::Plain));
        let text = deltas.iter().map(|d| block.take(Raw(d))).collect();
        (block, text)
    }

    #[test]
    fn tells_what_was_not_said() {
        let (b, _) = block(&["Hel", "lo"]);
        assert_eq!(b.missing("Hello"), Missing::Nothing);
        assert_eq!(b.missing("Hello you"), Missing::Tail(" you"));
        assert_eq!(b.missing("I say Hello"), Missing::Head("I say "));
        assert_eq!(b.missing("Good"), Missing::Whole("Good"));
        assert_eq!(block(&[]).0.missing("all"), Missing::Tail("all"));
    }

    #[test]
    fn joins_halves_of_a_pair() {
        assert_eq!(block(&[r"a\ud83d", r"\ude00b"]).1, "a😀b");
        assert_eq!(block(&[r"\ud83d", r"\ud83d", r"\ude00"]).1, "\u{fffd}😀");
        assert_eq!(block(&[r"\\ud83d"]).1, r"\ud83d");
        assert_eq!(block(&[r"\\\ud83d", "x"]).1, "\\\u{fffd}x");
    }

    #[test]
    fn long_ids_are_cut_between_characters() {
        let id = "é".repeat(1000);
        assert_eq!(key(&id).len(), MAX_KEY);
        assert_eq!(key(&("a".to_owned() + &id)).len(), MAX_KEY - 1);
        let mut stream = Stream::default();
        stream.open_block(&id, Flow::new(1, Look::Plain));
        stream.start_tool(&id, 0, String::new());
        assert!(stream.close_block(&id).is_some());
        stream.finish_tool(&id);
        assert!(stream.tools.is_empty());
    }

    #[test]
    fn forgets_the_stream_that_was_silent_longest() {
        let mut streams = Streams::default();
        streams.enter("s0", None, None).0.turn = Some(Turn { began: None });
        for n in 1..=MAX_STREAMS {
            streams.enter(&format!("s{n}"), None, None);
        }
        assert_eq!(streams.by_id.len(), MAX_STREAMS);
        assert!(streams.by_id.contains_key("s0") && !streams.by_id.contains_key("s1"));
    }
}
