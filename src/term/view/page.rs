//! The page that people read: lines that only grow. All text is cleaned here on its way onto the page.
//!
//! Several voices share it. The voice with the open line keeps the page until that line ends; the lines of the others wait
//! in their strips.

use std::time::Duration;

use super::TextBytes;
use super::layout::{Flow, Layout, PIECE, Pace, Who};
use super::strip::{INDENT, Strip};
use crate::term::sanitize::{Sanitizer, clean};
use crate::term::style::Look;
use crate::text::floor;
use crate::time::Time;

/// Time that other voices wait for the end of a line.
pub(super) const KEEP: Duration = Duration::from_secs(1);

/// Time that a line of a log stays open for the end of its tool: the reader of a log may see whole lines only.
const TOOL_END: Duration = Duration::from_secs(5);

/// Bytes of other voices that wait for the end of a line.
const MAX_WAITING: usize = 1 << 20;

/// The lines of all voices, one of which may be open.
#[derive(Debug, Default)]
pub(super) struct Page {
    layout: Layout,
    /// Text for the output; see [`Page::hand_on`].
    ready: String,
    /// Set by the driver of the page.
    pub(super) now: Time,
    /// Time that stands before a line, if any does.
    pub(super) stamp: Option<Time>,
    /// Drops what is added, except the ends of lines.
    pub(super) mute: bool,
    strips: Vec<Strip>,
    /// Index of the strip that was used last, and its bytes before that.
    last: (usize, usize),
    /// Voice that was used last.
    used: (u64, u64),
    /// Bytes that waited for the end of the open line when the page was settled.
    waiting: usize,
    /// Voice of the open line.
    holder: Option<(u64, u64)>,
    /// Start of the others' wait for its end.
    since: Option<Time>,
    first: Option<(u64, u64)>,
    /// More than one voice has written.
    many: bool,
    scratch: String,
}

impl Page {
    pub(super) fn new(layout: Layout) -> Self {
        Self { layout, ..Self::default() }
    }

    /// Adds text to a flow. An interrupted flow continues on a new line.
    pub(super) fn flow(&mut self, who: &Who, flow: &mut Flow, text: &str) {
        let mut rest = if self.mute { "" } else { text };
        while !rest.is_empty() {
            // A long text is not copied whole.
            let (piece, after) = rest.split_at(floor(rest, PIECE));
            rest = after;
            if self.layout.bytes == TextBytes::Sanitised {
                self.flow_with(who, flow, |clean, out| clean.push(piece, out));
            } else {
                self.flow_clean(who, flow, piece);
            }
        }
    }

    /// [`Page::flow`] for bytes that may be no text.
    pub(super) fn flow_bytes(&mut self, who: &Who, flow: &mut Flow, bytes: &[u8]) {
        self.flow_with(who, flow, |clean, out| clean.push_bytes(bytes, out));
    }

    fn flow_with(
        &mut self,
        who: &Who,
        flow: &mut Flow,
        push: impl FnOnce(&mut Sanitizer, &mut String),
    ) {
        let mut cleaned = std::mem::take(&mut self.scratch);
        push(&mut flow.clean, &mut cleaned);
        self.flow_clean(who, flow, &cleaned);
        cleaned.clear();
        // One huge text must not keep its memory for good.
        if cleaned.capacity() <= 1 << 20 {
            self.scratch = cleaned;
        }
    }

    /// Ends a flow and its line.
    pub(super) fn finish(&mut self, who: &Who, flow: &mut Flow) {
        self.flow_with(who, flow, Sanitizer::finish);
        let strip = self.strip(who);
        if strip.open == Some(flow.id) {
            strip.end_line();
        }
        self.settle();
    }

    /// Adds a line made of pieces. Text behind a line feed continues on an indented line.
    pub(super) fn line(&mut self, who: &Who, spans: &[(Look, &str)]) {
        if !self.mute {
            self.start(who, spans).end_line();
            self.settle();
        }
    }

    fn start(&mut self, who: &Who, spans: &[(Look, &str)]) -> &mut Strip {
        let strip = self.strip(who);
        strip.end_line();
        strip.begun = strip.out.len();
        strip.start_line(who);
        put_spans(strip, who, spans);
        strip
    }

    /// Begins a line that [`Page::end_with`] may end under the same `id`, which is no flow's.
    pub(super) fn begin(&mut self, who: &Who, id: u64, spans: &[(Look, &str)]) {
        if self.mute {
            return;
        }
        let now = self.now;
        let strip = self.start(who, spans);
        strip.release();
        (strip.open, strip.tool) = (Some(id), Some(now));
        self.settle();
    }

    /// Ends the line that was begun under `id` with some more pieces; false if it is not open any more.
    pub(super) fn end_with(&mut self, who: &Who, id: u64, spans: &[(Look, &str)]) -> bool {
        let strip = self.strip(who);
        let open = strip.open == Some(id);
        if open {
            put_spans(strip, who, spans);
            strip.end_line();
            self.settle();
        }
        open
    }

    /// Takes back the line that was begun under `id`; false if it is visible already.
    pub(super) fn take_back(&mut self, who: &Who, id: u64) -> bool {
        let visible = self.pace() == Pace::Live;
        let strip = self.strip(who);
        let back = strip.open == Some(id) && !visible;
        if back {
            strip.forget_line();
        }
        back
    }

    /// Adds lines of a CI system's own, as they are.
    pub(super) fn commands(&mut self, who: &Who, lines: &str) {
        if self.mute {
            return;
        }
        let strip = self.strip(who);
        strip.end_line();
        strip.put_lines(&format!("{lines}\n"));
        self.settle();
    }

    /// Adds lines of an agent's text.
    pub(super) fn quote(&mut self, who: &Who, text: &str) {
        if self.mute {
            return;
        }
        let strip = self.strip(who);
        strip.end_line();
        for line in clean(text).split('\n') {
            strip.start_line(who);
            strip.gutter(who);
            strip.put_line(who, Look::Plain, line);
            strip.end_line();
        }
        self.settle();
    }

    /// Adds an empty line before the next of this voice, unless another voice stands between them.
    pub(super) fn blank(&mut self, who: &Who) {
        if self.mute || self.many && self.used != who.voice {
            return;
        }
        let strip = self.strip(who);
        strip.end_line();
        strip.blank(who);
    }

    /// Puts the lines of this stream's sub-agents, of one of them or of all, before the next line of its main voice.
    pub(super) fn gather(&mut self, stream: u64, voice: Option<u64>) {
        let mut lines = String::new();
        for strip in &mut self.strips {
            let (of, name) = strip.voice;
            if of == stream && name != 0 && voice.is_none_or(|voice| voice == name) {
                strip.end_line();
                if self.holder == Some(strip.voice) {
                    strip.take_all(&mut self.ready);
                    self.holder = None;
                } else {
                    strip.take_all(&mut lines);
                }
            }
        }
        if !lines.is_empty() {
            let main = self.strip(&Who { voice: (stream, 0), ..Who::default() });
            main.end_line();
            main.put_lines(&lines);
            self.settle_all();
        }
    }

    /// Moves the finished text to `out`.
    pub(super) fn hand_on(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.ready.as_bytes());
        self.ready.clear();
        // One huge text must not keep its memory for good.
        self.ready.shrink_to(1 << 20);
    }

    /// Time at which [`Page::tick`] has something to do.
    pub(super) fn deadline(&self) -> Option<Time> {
        let waits = self.since.map(|since| since + KEEP);
        let strips = self.strips.iter().filter_map(|strip| {
            let tool = strip.tool.filter(|_| self.layout.pace != Pace::Live);
            let tool = tool.map(|since| since + TOOL_END);
            [tool, strip.word_since().map(|since| since + KEEP)].into_iter().flatten().min()
        });
        waits.into_iter().chain(strips).min()
    }

    /// Breaks off a line that others have waited for long enough.
    pub(super) fn tick(&mut self) {
        let now = self.now;
        let (lines, holder) = (self.layout.pace != Pace::Live, self.holder);
        let waited = self.since.is_some_and(|since| since + KEEP <= now);
        for strip in &mut self.strips {
            if strip.word_since().is_some_and(|since| since + KEEP <= now) {
                strip.release();
            }
            let tool = lines && strip.tool.is_some_and(|since| since + TOOL_END <= now);
            if tool || (waited && holder == Some(strip.voice)) {
                strip.end_line();
            }
        }
        self.settle_all();
    }

    /// Ends every open line.
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
        let mut text = text;
        if text.is_empty() {
            return;
        }
        let strip = self.strip(who);
        if strip.open != Some(flow.id) {
            strip.end_line();
            // The line feed behind the interrupted line has been written already.
            if std::mem::take(&mut flow.mid_line) {
                text = text.strip_prefix('\n').unwrap_or(text);
            }
        }
        while !text.is_empty() {
            let end = memchr::memchr(b'\n', text.as_bytes());
            let (part, rest) = text.split_at(end.unwrap_or(text.len()));
            text = rest.get(1..).unwrap_or_default();
            if strip.open.is_none() {
                strip.start_line(who);
                strip.gutter(who);
            }
            strip.put_flow(who, flow, part);
            strip.open = Some(flow.id);
            if end.is_some() {
                flow.fenced ^= strip.is_fence();
                strip.end_line();
            }
        }
        flow.mid_line = strip.open == Some(flow.id);
        self.settle();
    }

    fn strip(&mut self, who: &Who) -> &mut Strip {
        let voice = who.voice;
        // Lines without a stream stand between those of a single voice too.
        if voice != (0, 0) {
            self.many |= *self.first.get_or_insert(voice) != voice;
        }
        let known = |strip: &Strip| strip.voice == voice;
        // One voice has several lines in a row.
        let at = Some(self.last.0).filter(|at| self.strips.get(*at).is_some_and(known));
        let at = at.or_else(|| self.strips.iter().position(known)).unwrap_or_else(|| {
            self.strips.push(Strip::new(voice, self.layout));
            self.strips.len() - 1
        });
        let strip = &mut self.strips[at];
        (strip.now, strip.stamp) = (self.now, self.stamp);
        self.used = voice;
        self.last = (at, strip.out.len());
        strip
    }

    /// Pace of the voices: a single one is always live.
    fn pace(&self) -> Pace {
        match self.layout.pace {
            Pace::Lines if !self.many => Pace::Live,
            Pace::WholeLines => Pace::Lines,
            pace => pace,
        }
    }

    /// Moves visible text onto the page, where only the strip that was used last has changed.
    fn settle(&mut self) {
        let pace = self.pace();
        let (at, before) = self.last;
        let strip = &mut self.strips[at];
        let holds = self.holder == Some(strip.voice);
        match self.holder {
            Some(_) if !holds => {
                self.waiting = (self.waiting + strip.out.len()).saturating_sub(before);
            }
            Some(_) if strip.whole == 0 => {
                strip.take_all(&mut self.ready);
            }
            None if pace == Pace::Lines && self.waiting == 0 => {
                strip.take_turn(pace, &mut self.ready);
            }
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

    /// Moves visible text of all voices onto the page.
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

    /// Continues the open line; once it has ended, the other voices come before its next line.
    fn go_on(&mut self, at: usize) {
        let strip = &mut self.strips[at];
        if strip.whole > 0 {
            strip.take_lines(&mut self.ready);
            self.holder = None;
            let strip = self.strips.remove(at);
            self.strips.push(strip);
        } else {
            strip.take_all(&mut self.ready);
        }
    }

    /// Takes the whole lines of every voice, then the first open line where that is visible.
    fn take_turns(&mut self) {
        let pace = self.pace();
        self.strips.iter_mut().for_each(|strip| strip.take_turn(pace, &mut self.ready));
        if pace == Pace::Live
            && let Some(strip) =
                self.strips.iter_mut().find(|s| s.open.is_some() && !s.out.is_empty())
        {
            strip.take_all(&mut self.ready);
            self.holder = Some(strip.voice);
        }
    }
}

fn put_spans(strip: &mut Strip, who: &Who, spans: &[(Look, &str)]) {
    for (look, text) in spans {
        for (i, part) in clean(text).split('\n').enumerate() {
            if i > 0 {
                strip.break_line(who);
                strip.indent(INDENT);
                strip.gutter(who);
            }
            strip.put_line(who, *look, part);
        }
    }
}
