//! State of each stream in a view: open turns, blocks and tools. All of it is bounded.

use std::borrow::Cow;
use std::sync::Arc;

use super::layout::{Flow, MAX_KEY, Who, key};
use super::words::{one_line, within};
use crate::codec::split_escaped_half;
use crate::event::{Event, Raw, Type};
use crate::streams;
use crate::term::marks::without_commands;
use crate::term::style::Look;
use crate::text::digest::Digest;
use crate::text::floor;
use crate::time::Time;
use crate::timing::{Breakdown, Step, Timeline};

/// Streams that are remembered; past that the longest silent one is forgotten, those without a turn first.
pub const MAX_STREAMS: usize = 1000;

/// Open blocks or tools of one stream that are remembered; past that the oldest is forgotten.
const MAX_OPEN: usize = 64;

/// Bytes of the mark before a step of a plan.
const PLAN_MARK: usize = "[x] ".len();

/// Longest plan that is remembered, in bytes.
const MAX_PLAN: usize = 8 << 10;

/// Longest label that is shown, in columns.
const MAX_LABEL: usize = 24;

/// The streams, by id; events without one share the empty id.
#[derive(Debug)]
pub(super) struct Streams {
    states: streams::Streams<Stream>,
    /// Events so far.
    used: u64,
    flows: u64,
    /// More than one stream with an id was ever known.
    many: bool,
}

impl Default for Streams {
    fn default() -> Self {
        Self { states: streams::Streams::new(MAX_STREAMS), used: 0, flows: 0, many: false }
    }
}

#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Number of its last event, and of its first.
    used: u64,
    born: u64,
    /// The label as received, and as shown.
    label: Option<(String, Arc<str>)>,
    id: Option<Arc<str>>,
    /// Tokens that were counted last, in words.
    pub tokens: String,
    /// The plan that was shown last.
    plan: String,
    /// The last `ts`; empty if there was none.
    ts: String,
    pub(super) turn: Option<Turn>,
    pub(super) blocks: Vec<ShownBlock>,
    pub(super) tools: Vec<OpenTool>,
    /// Voice and kind of its last line.
    pub(super) last: (u64, LineKind),
}

/// Kind of a line, as far as it matters for the next: an empty line separates text, reasoning and tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum LineKind {
    #[default]
    Other,
    Text,
    Reasoning,
    Tool,
}

/// An open turn.
#[derive(Debug)]
pub(super) struct Turn {
    /// Time of its start, if known.
    pub(super) began: Option<Time>,
    /// Working directory; empty if unknown.
    folder: String,
    timeline: Timeline,
}

impl Turn {
    pub(super) fn new(began: Option<Time>) -> Self {
        Self { began, folder: String::new(), timeline: Timeline::new(began) }
    }

    pub(super) fn within(mut self, folder: String) -> Self {
        self.folder = folder;
        self
    }

    /// Time of each class, up to `now`; `None` if the recording has no times.
    pub(super) fn breakdown(self, now: Option<Time>) -> Option<Breakdown> {
        self.began.map(|_| self.timeline.end(now).breakdown)
    }
}

/// A running tool.
#[derive(Debug)]
pub(super) struct OpenTool {
    id: String,
    pub(super) began: Option<Time>,
    /// Number of its line on the page.
    pub(super) line: u64,
    /// The tool in a few words.
    pub(super) shown: String,
}

impl Streams {
    /// The stream of an event, remembered from here on, and its main voice.
    pub(super) fn enter(&mut self, event: &Event<'_>, label: Option<&str>) -> (&mut Stream, Who) {
        let id = event.stream.as_deref().unwrap_or_default();
        self.used += 1;
        let used = self.used;
        let named = || (!id.is_empty()).then(|| harmless(id).into());
        let new = || Stream { born: used, id: named(), ..Stream::default() };
        let (at, _) = self.states.place(id, new, |s| (s.turn.is_some(), s.used));
        if self.states[at].born == used {
            self.many |= self.states.iter().filter(|s| s.id.is_some()).count() > 1;
        }
        let stream = &mut self.states[at];
        stream.used = used;
        if let Some(turn) = stream.turn.as_mut().filter(|_| event.kind != Type::TextDelta) {
            turn.timeline.end_texts(|| Time::parse(&stream.ts));
        }
        if let Some(ts) = event.ts.as_deref() {
            stream.ts.clear();
            stream.ts.push_str(&ts[..floor(ts, MAX_KEY)]);
        }
        if let Some(label) = label.map(key)
            && stream.label.as_ref().is_none_or(|(known, _)| known != label)
        {
            let shown = harmless(&one_line(label, Some(MAX_LABEL)));
            stream.label = (!shown.is_empty()).then(|| (label.to_owned(), shown.into()));
        }
        let who = self.who(&self.states[at]);
        (&mut self.states[at], who)
    }

    /// The main voice of a stream; the id of one without a label is shown only beside others.
    fn who(&self, stream: &Stream) -> Who {
        let label = stream.label.as_ref().map(|(_, shown)| shown);
        let label = label.or(stream.id.as_ref().filter(|_| self.many)).cloned();
        let number = if stream.id.is_some() { stream.born } else { 0 };
        Who { label, nested: false, voice: (number, 0) }
    }

    /// A new number for a flow.
    pub(super) fn flow_id(&mut self) -> u64 {
        self.flows += 1;
        self.flows
    }

    /// Main voice and duration of every open turn, in the order in which the streams began.
    pub(super) fn unfinished(&self) -> Vec<(Who, Option<u64>)> {
        let open = self.states.iter().filter_map(|s| Some((s, s.turn.as_ref()?)));
        let mut open: Vec<_> = open.collect();
        open.sort_by_key(|(s, _)| s.born);
        open.into_iter().map(|(s, turn)| (self.who(s), s.since(turn.began))).collect()
    }
}

impl Stream {
    /// A status in words; of a plan the steps that have changed since the last one, none if nothing has. A plan of other steps
    /// is whole.
    pub(super) fn without_known_steps(&mut self, (look, text): (Look, String)) -> (Look, String) {
        let Some((head, steps)) =
            text.split_once('\n').filter(|(head, _)| head.starts_with("plan:"))
        else {
            return (look, text);
        };
        let last = std::mem::take(&mut self.plan);
        if steps.len() <= MAX_PLAN {
            steps.clone_into(&mut self.plan);
        }
        let words = |step: &str| step.get(PLAN_MARK..).map(str::to_owned);
        if !last.lines().map(words).eq(steps.lines().map(words)) {
            return (look, text);
        }
        let changed = last.lines().zip(steps.lines()).filter(|(last, step)| last != step);
        let changed: String = changed.flat_map(|(_, step)| ["\n", step]).collect();
        (look, if changed.is_empty() { changed } else { format!("{head}{changed}") })
    }

    /// Takes a text of the main agent.
    pub(super) fn on_text(&mut self) {
        if let Some(turn) = &mut self.turn {
            turn.timeline.on_text(|| Time::parse(&self.ts));
        }
    }

    /// Takes an event of the main agent.
    pub(super) fn on_step(&mut self, step: Step<'_>) {
        let now = self.now();
        if let Some(turn) = &mut self.turn {
            turn.timeline.on_step(now, step);
        }
    }

    /// Time of the last `ts`. Most events do not need it.
    pub(super) fn now(&self) -> Option<Time> {
        Time::parse(&self.ts)
    }

    /// Milliseconds from `began` to the stream's last `ts`.
    pub(super) fn since(&self, began: Option<Time>) -> Option<u64> {
        let took = self.now()?.since(began?);
        u64::try_from(took.as_millis()).ok()
    }

    /// The open block, opened with `flow` if it is new.
    pub(super) fn block_or(&mut self, id: &str, flow: Flow) -> &mut ShownBlock {
        let known = self.blocks.iter().position(|b| b.id == key(id));
        let at = known.unwrap_or_else(|| {
            self.keep_block(ShownBlock::new(id, flow));
            self.blocks.len() - 1
        });
        &mut self.blocks[at]
    }

    pub(super) fn keep_block(&mut self, block: ShownBlock) {
        push(&mut self.blocks, block);
    }

    pub(super) fn close_block(&mut self, id: &str) -> Option<ShownBlock> {
        let at = self.blocks.iter().position(|b| b.id == key(id))?;
        Some(self.blocks.remove(at))
    }

    /// Remembers a running tool: its id, the number of its line, and the tool in a few words.
    pub(super) fn start_tool(&mut self, id: &str, line: u64, shown: String) {
        let tool = OpenTool { id: key(id).to_owned(), began: self.now(), line, shown };
        push(&mut self.tools, tool);
    }

    /// Tokens at the end of a turn: those of its event, else those that were counted last within it.
    pub(super) fn tokens_or(&mut self, reported: String) -> String {
        let counted = std::mem::take(&mut self.tokens);
        if reported.is_empty() { counted } else { reported }
    }

    /// True if a call of this name or title runs: progress that has only these says no more than the call's line.
    pub(super) fn runs(&self, name: &str) -> bool {
        let is = |t: &OpenTool| t.shown.split(' ').next() == Some(name) || t.shown.ends_with(name);
        !name.is_empty() && self.tools.iter().any(is)
    }

    /// Title of a call, its file relative to the turn's working directory.
    pub(super) fn local<'t>(&self, kind: &str, title: &'t str) -> &'t str {
        within(self.turn.as_ref().map_or("", |turn| &turn.folder), kind, title)
    }

    pub(super) fn finish_tool(&mut self, id: &str) -> Option<OpenTool> {
        let at = self.tools.iter().position(|t| t.id == key(id))?;
        Some(self.tools.remove(at))
    }
}

/// A label that is no command, also with the bar behind it.
fn harmless(label: &str) -> String {
    let marked = without_commands(&format!("{label} |"));
    marked.strip_suffix(" |").unwrap_or_default().to_owned()
}

/// Adds what has opened; past the limit the oldest is forgotten.
fn push<T>(open: &mut Vec<T>, new: T) {
    if open.len() >= MAX_OPEN {
        open.remove(0);
    }
    open.push(new);
}

/// An open block: length and hash of its text so far, and its place on the page.
#[derive(Debug)]
pub(super) struct ShownBlock {
    id: String,
    pub(super) flow: Flow,
    shown: Digest,
    /// Escaped first half of a surrogate pair whose second half has not come.
    half: String,
}

/// Part of a block's whole text that was not shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Missing<'t> {
    Tail(&'t str),
    /// The beginning: the view began in the middle of the block.
    Head(&'t str),
    /// Something else: the whole text is to be shown.
    Whole(&'t str),
}

impl ShownBlock {
    pub(super) fn new(id: &str, flow: Flow) -> Self {
        Self { id: key(id).to_owned(), flow, shown: Digest::default(), half: String::new() }
    }

    /// Text of a delta; half a surrogate pair at its end waits for the next one.
    pub(super) fn take<'r>(&mut self, raw: Raw<'r>) -> Cow<'r, str> {
        let (whole, half) = split_escaped_half(raw.0);
        let text = if self.half.is_empty() {
            Raw(whole).decode()
        } else {
            let joined = std::mem::take(&mut self.half) + whole;
            // A half alone is worth waiting for only once.
            Cow::Owned(Raw(&joined).decode().into_owned())
        };
        half.clone_into(&mut self.half);
        self.shown.add(&text);
        text
    }

    /// Part of `whole` that was not shown.
    pub(super) fn missing<'t>(&self, whole: &'t str) -> Missing<'t> {
        if let Some(tail) = self.shown.rest(whole) {
            return Missing::Tail(tail);
        }
        let at = whole.len().checked_sub(self.shown.len);
        match at.and_then(|at| whole.split_at_checked(at)) {
            Some((head, tail)) if Digest::of(tail) == self.shown => Missing::Head(head),
            _ => Missing::Whole(whole),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;
    use crate::term::style::Look;

    fn block(deltas: &[&str]) -> (ShownBlock, String) {
        let mut block = ShownBlock::new("b1", Flow::new(1, Look::Plain));
        let text = deltas.iter().map(|d| block.take(Raw(d))).collect();
        (block, text)
    }

    #[test]
    fn the_part_that_was_not_shown_is_found() {
        let (b, _) = block(&["Hel", "lo"]);
        assert_eq!(b.missing("Hello"), Missing::Tail(""));
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
        stream.keep_block(ShownBlock::new(&id, Flow::new(1, Look::Plain)));
        stream.start_tool(&id, 0, String::new());
        assert!(stream.close_block(&id).is_some());
        stream.finish_tool(&id);
        assert!(stream.tools.is_empty());
    }

    #[test]
    fn forgets_the_stream_that_was_silent_longest() {
        let mut streams = Streams::default();
        let line = |n: usize| format!(r#"{{"v":1,"type":"status","stream":"s{n}"}}"#);
        let first = line(0);
        let event = codec::decode_text(&first).unwrap();
        streams.enter(&event, None).0.turn = Some(Turn::new(None));
        for n in 1..=MAX_STREAMS {
            streams.enter(&codec::decode_text(&line(n)).unwrap(), None);
        }
        assert_eq!(streams.states.len(), MAX_STREAMS);
        assert!(streams.states.find("s0").is_some() && streams.states.find("s1").is_none());
    }
}
