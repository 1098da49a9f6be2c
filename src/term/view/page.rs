//! The page that people read: lines that only grow. Whatever goes onto it is cleaned here, so nothing gets past.
//!
//! Several voices share it. The voice that speaks keeps the line until it ends it; what others say waits in their strips.

use std::sync::Arc;
use std::time::Duration;

use super::TextBytes;
use super::streams::voice_of;
use super::strip::Strip;
use crate::term::marks::Forbidden;
use crate::term::sanitize::{Sanitizer, clean};
use crate::term::style::{Look, Paint};
use crate::time::Time;

/// How long the others wait for the end of a line.
pub(super) const KEEP: Duration = Duration::from_secs(1);

/// How long a line of a log stays open for the end of its tool: a log's reader may see whole lines only.
const TOOL: Duration = Duration::from_secs(5);

/// How much of a text is worked on at once, in bytes.
pub(super) const PIECE: usize = 64 << 10;

/// How many bytes of other voices wait for the end of a line.
const MAX_WAITING: usize = 1 << 20;

/// Who says a line, for the marks before it.
#[derive(Debug, Clone, Default)]
pub(super) struct Who {
    /// The text before the bar; clean and on one line.
    pub(super) label: Option<Arc<str>>,
    /// True if a sub-agent says it.
    pub(super) nested: bool,
    /// The number of the stream, and of the voice within it: 0 is the main agent.
    pub(super) voice: (u64, u64),
}

impl Who {
    /// The same for what stands under the tool call `parent`.
    pub(super) fn nests(&mut self, parent: Option<&str>) {
        if let Some(parent) = parent {
            self.nested = true;
            self.voice.1 = voice_of(parent);
        }
    }
}

/// Text that comes in pieces and may be interrupted by others.
#[derive(Debug)]
pub(super) struct Flow {
    /// Unlike that of any other flow.
    pub(super) id: u64,
    /// How it looks.
    pub(super) look: Look,
    clean: Sanitizer,
    /// True if the flow's last line has not ended.
    mid_line: bool,
    /// True if it is inside a fenced block, whose lines are not wrapped.
    fenced: bool,
}

impl Flow {
    pub(super) fn new(id: u64, look: Look) -> Self {
        Self { id, look, clean: Sanitizer::default(), mid_line: false, fenced: false }
    }
}

/// When a voice's text may be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// As it comes.
    Live,
    /// As it comes from a single voice; of several voices by whole lines.
    Lines,
}

/// How a page is laid out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) paint: Paint,
    pub(super) pace: Pace,
    /// The columns at which text breaks, if it does.
    pub(super) wrap: Option<usize>,
    pub(super) bytes: TextBytes,
    /// The marks that agent text may not have.
    pub(super) forbidden: Forbidden,
}

/// The lines, and which of them has not ended.
#[derive(Debug)]
pub(super) struct Page {
    layout: Layout,
    /// Text that is ready to be written; see [`Page::hand_on`].
    ready: String,
    /// The time; whoever drives the page sets it.
    pub(super) now: Time,
    strips: Vec<Strip>,
    /// Where the strip stands that was looked at last, and how many bytes waited in it.
    last: (usize, usize),
    /// How many bytes waited for the end of the open line when the page was settled.
    waiting: usize,
    /// The voice whose line is open on the page.
    holder: Option<(u64, u64)>,
    /// Since when others wait for its end.
    since: Option<Time>,
    first: Option<(u64, u64)>,
    /// True if more than one voice has spoken.
    many: bool,
    scratch: String,
}

impl Page {
    pub(super) fn new(layout: Layout) -> Self {
        Self {
            layout,
            ready: String::new(),
            now: Time::default(),
            strips: Vec::new(),
            last: (0, 0),
            waiting: 0,
            holder: None,
            since: None,
            first: None,
            many: false,
            scratch: String::new(),
        }
    }

    /// Adds text to a flow. One that was interrupted goes on in a line of its own.
    pub(super) fn flow(&mut self, who: &Who, flow: &mut Flow, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            // A long text is not copied whole.
            let end = (0..=PIECE.min(rest.len())).rev().find(|at| rest.is_char_boundary(*at));
            let (piece, after) = rest.split_at(end.unwrap_or(rest.len()));
            rest = after;
            if self.layout.bytes != TextBytes::Sanitised {
                self.flow_clean(who, flow, piece);
                continue;
            }
            let mut cleaned = std::mem::take(&mut self.scratch);
            flow.clean.push(piece, &mut cleaned);
            self.flow_clean(who, flow, &cleaned);
            self.reuse(cleaned);
        }
    }

    /// As [`Page::flow`], for bytes that may be no text.
    pub(super) fn flow_bytes(&mut self, who: &Who, flow: &mut Flow, bytes: &[u8]) {
        let mut cleaned = std::mem::take(&mut self.scratch);
        flow.clean.push_bytes(bytes, &mut cleaned);
        self.flow_clean(who, flow, &cleaned);
        self.reuse(cleaned);
    }

    /// Ends a flow, and its line.
    pub(super) fn finish(&mut self, who: &Who, flow: &mut Flow) {
        let mut cleaned = std::mem::take(&mut self.scratch);
        flow.clean.finish(&mut cleaned);
        self.flow_clean(who, flow, &cleaned);
        self.reuse(cleaned);
        let strip = self.strip(who);
        if strip.open == Some(flow.id) {
            strip.end_line();
        }
        self.settle();
    }

    /// Says a line made of pieces. A line feed in one of them goes on in an indented line.
    pub(super) fn line(&mut self, who: &Who, spans: &[(Look, &str)]) {
        let strip = self.strip(who);
        strip.end_line();
        strip.start_line(who);
        put_spans(strip, who, spans);
        strip.end_line();
        self.settle();
    }

    /// Begins a line that [`Page::end_with`] may end under the same `id`, which is unlike that of any flow.
    pub(super) fn begin(&mut self, who: &Who, id: u64, spans: &[(Look, &str)]) {
        let now = self.now;
        let strip = self.strip(who);
        strip.end_line();
        strip.start_line(who);
        put_spans(strip, who, spans);
        strip.release();
        (strip.open, strip.tool) = (Some(id), Some(now));
        self.settle();
    }

    /// True if the line that was begun under `id` is still open.
    pub(super) fn is_open(&mut self, who: &Who, id: u64) -> bool {
        self.strip(who).open == Some(id)
    }

    /// Ends the line that is open with some more pieces.
    pub(super) fn end_with(&mut self, who: &Who, spans: &[(Look, &str)]) {
        let strip = self.strip(who);
        put_spans(strip, who, spans);
        strip.end_line();
        self.settle();
    }

    /// An empty line.
    pub(super) fn blank(&mut self, who: &Who) {
        let strip = self.strip(who);
        strip.end_line();
        strip.blank(who);
        self.settle();
    }

    /// Whatever sub-agents of this stream have said stands before what its main voice says next: of one of them, or of all.
    pub(super) fn gather(&mut self, stream: u64, voice: Option<u64>) {
        let mut said = String::new();
        for strip in &mut self.strips {
            let (of, name) = strip.voice;
            if of == stream && name != 0 && voice.is_none_or(|voice| voice == name) {
                strip.end_line();
                if self.holder == Some(strip.voice) {
                    strip.take_all(&mut self.ready);
                    self.holder = None;
                } else {
                    said.push_str(&std::mem::take(&mut strip.out));
                }
            }
        }
        if !said.is_empty() {
            let main = self.strip(&Who { voice: (stream, 0), ..Who::default() });
            main.end_line();
            main.out.push_str(&said);
            self.settle_all();
        }
    }

    /// Moves what is ready to `out`.
    pub(super) fn hand_on(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.ready.as_bytes());
        self.ready.clear();
        // One huge text must not keep its memory for good.
        self.ready.shrink_to(1 << 20);
    }

    /// When [`Page::tick`] has something to do.
    pub(super) fn deadline(&self) -> Option<Time> {
        let waits = self.since.map(|since| since + KEEP);
        let strips = self.strips.iter().filter_map(|strip| {
            let tool = strip.tool.filter(|_| self.layout.pace == Pace::Lines);
            let tool = tool.map(|since| since + TOOL);
            [tool, strip.word_since().map(|since| since + KEEP)].into_iter().flatten().min()
        });
        waits.into_iter().chain(strips).min()
    }

    /// Time has passed: a line that others wait for is broken off.
    pub(super) fn tick(&mut self) {
        let now = self.now;
        let (lines, holder) = (self.layout.pace == Pace::Lines, self.holder);
        let waited = self.since.is_some_and(|since| since + KEEP <= now);
        for strip in &mut self.strips {
            if strip.word_since().is_some_and(|since| since + KEEP <= now) {
                strip.release();
            }
            let tool = lines && strip.tool.is_some_and(|since| since + TOOL <= now);
            if tool || (waited && holder == Some(strip.voice)) {
                strip.end_line();
            }
        }
        self.settle_all();
    }

    /// Ends every line that is open.
    pub(super) fn end(&mut self) {
        // The line on the page first.
        self.strips.sort_by_key(|strip| self.holder != Some(strip.voice));
        for strip in &mut self.strips {
            strip.end_line();
            strip.take_all(&mut self.ready);
        }
        self.strips.clear();
        (self.holder, self.since, self.waiting) = (None, None, 0);
    }

    fn flow_clean(&mut self, who: &Who, flow: &mut Flow, text: &str) {
        let (mut text, forbidden) = (text, self.layout.forbidden);
        if text.is_empty() {
            return;
        }
        let strip = self.strip(who);
        if strip.open != Some(flow.id) {
            strip.end_line();
            // The line feed for which it was interrupted has been written already.
            if std::mem::take(&mut flow.mid_line) {
                text = text.strip_prefix('\n').unwrap_or(text);
            }
        }
        for part in text.split_inclusive('\n') {
            let body = part.strip_suffix('\n');
            if strip.open.is_none() {
                strip.start_line(who);
            }
            strip.put_flow(who, (flow.look, forbidden), body.unwrap_or(part), flow.fenced);
            strip.open = Some(flow.id);
            if body.is_some() {
                flow.fenced ^= strip.is_fence();
                strip.end_line();
            }
        }
        flow.mid_line = strip.open == Some(flow.id);
        self.settle();
    }

    /// The strip of a voice.
    fn strip(&mut self, who: &Who) -> &mut Strip {
        let voice = who.voice;
        // Lines that are no stream's come between those of a single voice too.
        if voice != (0, 0) {
            self.many |= *self.first.get_or_insert(voice) != voice;
        }
        let known = |strip: &Strip| strip.voice == voice;
        // One voice says several things in a row.
        let at = Some(self.last.0).filter(|at| self.strips.get(*at).is_some_and(known));
        let at = at.or_else(|| self.strips.iter().position(known)).unwrap_or_else(|| {
            self.strips.push(Strip::new(voice, self.layout));
            self.strips.len() - 1
        });
        let strip = &mut self.strips[at];
        strip.now = self.now;
        self.last = (at, strip.out.len());
        strip
    }

    fn is_live(&self) -> bool {
        self.layout.pace == Pace::Live || !self.many
    }

    /// Moves what may be seen onto the page: nothing has changed but the strip that was looked at last.
    fn settle(&mut self) {
        let live = self.is_live();
        let (at, before) = self.last;
        let strip = &mut self.strips[at];
        let holds = self.holder == Some(strip.voice);
        match self.holder {
            Some(_) if !holds => {
                self.waiting = (self.waiting + strip.out.len()).saturating_sub(before);
            }
            Some(_) if !strip.out.contains('\n') => {
                self.ready.push_str(&std::mem::take(&mut strip.out));
            }
            None if !live && self.waiting == 0 => strip.take_turn(live, &mut self.ready),
            _ => return self.settle_all(),
        }
        if self.waiting > MAX_WAITING {
            return self.settle_all();
        }
        if !holds && strip.is_idle() {
            self.strips.remove(at);
        }
        match self.waiting {
            0 => self.since = None,
            _ => _ = self.since.get_or_insert(self.now),
        }
    }

    /// Moves what may be seen of all voices onto the page.
    fn settle_all(&mut self) {
        loop {
            if let Some(at) = self.holding() {
                self.go_on(at);
            }
            if self.holder.is_none() {
                self.take_turns();
            }
            let waiting = |strip: &&Strip| Some(strip.voice) != self.holder;
            let waiting: usize = self.strips.iter().filter(waiting).map(|s| s.out.len()).sum();
            match self.holding() {
                Some(at) if waiting > MAX_WAITING => self.strips[at].end_line(),
                Some(_) if waiting > 0 => {
                    self.since.get_or_insert(self.now);
                    break self.waiting = waiting;
                }
                _ => {
                    self.since = None;
                    break self.waiting = 0;
                }
            }
        }
        let holder = self.holder;
        self.strips.retain(|strip| Some(strip.voice) == holder || !strip.is_idle());
    }

    fn holding(&self) -> Option<usize> {
        let holder = self.holder?;
        self.strips.iter().position(|strip| strip.voice == holder)
    }

    /// The open line goes on; when it has ended, the others have their turn before its voice begins another.
    fn go_on(&mut self, at: usize) {
        let strip = &mut self.strips[at];
        if strip.out.contains('\n') {
            strip.take_lines(&mut self.ready);
            self.holder = None;
            let strip = self.strips.remove(at);
            self.strips.push(strip);
        } else {
            strip.take_all(&mut self.ready);
        }
    }

    /// Every voice's whole lines, then the first line that has not ended, where that may be seen.
    fn take_turns(&mut self) {
        let live = self.is_live();
        self.strips.iter_mut().for_each(|strip| strip.take_turn(live, &mut self.ready));
        if live && let Some(strip) = self.strips.iter_mut().find(|strip| !strip.out.is_empty()) {
            strip.take_all(&mut self.ready);
            self.holder = Some(strip.voice);
        }
    }

    /// One huge text must not keep its memory for good.
    fn reuse(&mut self, mut cleaned: String) {
        cleaned.clear();
        if cleaned.capacity() <= 1 << 20 {
            self.scratch = cleaned;
        }
    }
}

fn put_spans(strip: &mut Strip, who: &Who, spans: &[(Look, &str)]) {
    for (look, text) in spans {
        for (i, part) in clean(text).split('\n').enumerate() {
            if i > 0 {
                strip.break_line(who);
                strip.indent();
            }
            strip.put_line(who, *look, part);
        }
    }
}
