//! The lines of one voice on their way to the page: marks before them, breaks at words, forbidden marks escaped.

use unicode_width::UnicodeWidthChar;

use super::TextBytes;
use super::layout::{Flow, GUTTER, Layout, PIECE, Pace, Who};
use super::words::{clock_time, width};
use crate::term::marks::{Forbidden, Marks};
use crate::term::style::Look;
use crate::text::floor;
use crate::time::Time;

/// Columns that are left free for a word to grow before it is held until it ends.
const GROWTH: usize = 24;

/// Bytes of an open line that are held for its end.
const MAX_PART: usize = 16 << 10;

/// Bytes of a piece's beginning that are kept to find a fence or a list item.
const MAX_HEAD: usize = BLANKS.len();

/// Longest indent under a list item.
const BLANKS: &str = "        ";

/// Indent of a continued line.
pub(super) const INDENT: &str = "    ";

#[derive(Debug, Default)]
pub(super) struct Strip {
    pub(super) voice: (u64, u64),
    layout: Layout,
    /// Whole lines and the beginning of one.
    pub(super) out: String,
    /// Bytes of the whole lines. A line that is broken at a word is one, and an empty line belongs to the next.
    pub(super) whole: usize,
    /// Offset of the open line.
    pub(super) begun: usize,
    /// Flow or tool of the open line.
    pub(super) open: Option<u64>,
    /// Start of the open line of a tool.
    pub(super) tool: Option<Time>,
    pub(super) now: Time,
    pub(super) stamp: Option<Time>,
    marks: Marks,
    forbidden: Forbidden,
    /// Columns of the marks before the line, and of the line so far.
    margin: usize,
    column: usize,
    /// The word that is held until it is known to fit, its look and its start.
    word: String,
    look: Look,
    since: Time,
    /// White space before that word.
    gap: String,
    /// Text behind the last of `out`, all in the same look.
    run: String,
    /// The word continues one that is already on the line.
    glued: bool,
    /// The first characters of the line.
    head: String,
}

impl Strip {
    pub(super) fn new(voice: (u64, u64), layout: Layout) -> Self {
        Self { voice, layout, ..Self::default() }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.out.is_empty() && self.open.is_none()
    }

    /// Start of the word that is held.
    pub(super) fn word_since(&self) -> Option<Time> {
        (!self.word.is_empty()).then_some(self.since)
    }

    /// Moves the whole lines to `ready`; the beginning of a line that is not visible yet is bounded.
    pub(super) fn take_turn(&mut self, pace: Pace, ready: &mut String) {
        self.take_lines(ready);
        if pace == Pace::Lines && self.out.len() > MAX_PART {
            self.end_line();
            self.take_lines(ready);
        }
    }

    /// Moves the whole lines to `ready`.
    pub(super) fn take_lines(&mut self, ready: &mut String) {
        ready.push_str(&self.out[..self.whole]);
        self.out.drain(..self.whole);
        self.begun = self.begun.saturating_sub(self.whole);
        self.whole = 0;
    }

    /// Moves all text to `ready`.
    pub(super) fn take_all(&mut self, ready: &mut String) {
        ready.push_str(&self.out);
        self.out.clear();
        (self.whole, self.begun) = (0, 0);
        // One huge text must not keep its memory for good.
        self.out.shrink_to(PIECE);
    }

    /// Ends the open line, if there is one.
    pub(super) fn end_line(&mut self) {
        if self.open.take().is_some() {
            self.close();
            self.head.clear();
            self.whole = self.out.len();
        }
        self.tool = None;
    }

    /// Adds whole lines as they are.
    pub(super) fn put_lines(&mut self, lines: &str) {
        self.out.push_str(lines);
        self.whole = self.out.len();
    }

    fn close(&mut self) {
        self.release();
        self.marks.end_line(&mut self.out);
        self.out.push('\n');
    }

    /// Begins a line with the marks of its origin.
    pub(super) fn start_line(&mut self, who: &Who) {
        self.margin = 0;
        if let Some(stamp) = self.stamp {
            let stamp = clock_time(stamp) + " ";
            self.margin += stamp.len();
            self.layout.paint.put(Look::Dim, &stamp, &mut self.out);
        }
        if let Some(label) = &who.label {
            self.layout.paint.put(Look::of_label(label), label, &mut self.out);
            self.out.push_str(" | ");
            self.margin += width(label) + 3;
        }
        if who.nested {
            self.layout.paint.put(Look::Dim, "> ", &mut self.out);
            self.margin += 2;
        }
        (self.column, self.glued) = (self.margin, false);
        self.open.get_or_insert(0);
    }

    /// Adds an empty line of this voice.
    pub(super) fn blank(&mut self, who: &Who) {
        if let Some(label) = &who.label {
            self.layout.paint.put(Look::of_label(label), label, &mut self.out);
            self.out.push_str(" |");
        }
        if who.nested {
            self.out.push_str(if who.label.is_some() { " >" } else { ">" });
        }
        self.out.push('\n');
    }

    /// Continues the line on the next.
    pub(super) fn break_line(&mut self, who: &Who) {
        self.close();
        self.start_line(who);
    }

    /// Forgets the open line, of which no part has left.
    pub(super) fn forget_line(&mut self) {
        self.out.truncate(self.begun);
        self.marks = Marks::default();
        self.head.clear();
        (self.open, self.tool) = (None, None);
    }

    /// Adds the mark of a log before an agent's text, unless the bar behind a label is one.
    pub(super) fn gutter(&mut self, who: &Who) {
        if self.layout.gutter {
            if who.label.is_none() || who.nested {
                self.indent(GUTTER);
            }
            self.marks.begin_within();
        }
    }

    pub(super) fn indent(&mut self, indent: &str) {
        self.out.push_str(indent);
        self.margin += indent.len();
        self.column = self.margin;
    }

    /// Adds a piece of a line that is no text of an agent.
    pub(super) fn put_line(&mut self, who: &Who, look: Look, text: &str) {
        self.forbidden = Forbidden::Commands;
        match self.layout.wrap {
            Some(columns) => self.put_wrapped(who, look, text, (columns, INDENT, "")),
            None => self.put(look, text),
        }
    }

    /// Adds text of an agent.
    pub(super) fn put_flow(&mut self, who: &Who, flow: &Flow, text: &str) {
        self.forbidden = self.layout.forbidden;
        if self.head.len() < MAX_HEAD {
            self.head.push_str(&text[..floor(text, MAX_HEAD)]);
        }
        match self.layout.wrap {
            Some(columns) if !flow.fenced && !self.is_fence() => {
                let hang = &BLANKS[..hanging(&self.head)];
                self.put_wrapped(who, flow.look, text, (columns, "", hang));
            }
            _ => self.put(flow.look, text),
        }
    }

    /// True if the line opens or closes a fenced block.
    pub(super) fn is_fence(&self) -> bool {
        let head = self.head.trim_start();
        head.starts_with("```") || head.starts_with("~~~")
    }

    fn put(&mut self, look: Look, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.layout.bytes == TextBytes::Exact {
            return self.out.push_str(text);
        }
        if self.layout.paint.is_bare(look) {
            return self.marks.push(self.forbidden, text, &mut self.out);
        }
        let mut marked = String::new();
        self.marks.push(self.forbidden, text, &mut marked);
        self.layout.paint.put(look, &marked, &mut self.out);
    }

    /// Breaks the line before a word that does not fit. The indents stand before and behind the gutter of the next line.
    fn put_wrapped(
        &mut self,
        who: &Who,
        look: Look,
        text: &str,
        (columns, indent, hang): (usize, &str, &str),
    ) {
        if look != self.look {
            self.release();
        }
        self.look = look;
        for c in text.chars() {
            let wide = c.width().unwrap_or(0);
            if c.is_whitespace() {
                self.flush_word();
                self.gap.push(c);
                self.glued = false;
                continue;
            }
            if wide == 2 {
                self.flush_word();
                self.glued = false;
            }
            if self.word.is_empty() {
                self.since = self.now;
            }
            self.word.push(c);
            let end = self.column + spaces(&self.gap) + width(&self.word);
            if end > columns && self.column > self.margin && !self.glued {
                let word = std::mem::take(&mut self.word);
                // The break replaces the white space.
                self.gap.clear();
                self.break_line(who);
                self.indent(indent);
                self.gutter(who);
                self.indent(hang);
                self.word = word;
            } else if end > columns {
                self.flush_word();
            }
        }
        if self.column + spaces(&self.gap) + width(&self.word) + GROWTH <= columns {
            self.flush_word();
            if self.column + GROWTH <= columns {
                self.flush_gap();
            }
        }
        self.flush_run();
    }

    /// Puts the held word on the line.
    fn flush_word(&mut self) {
        if !self.word.is_empty() {
            self.column += spaces(&self.gap) + width(&self.word);
            self.run.push_str(&self.gap);
            self.run.push_str(&self.word);
            self.gap.clear();
            self.word.clear();
            self.glued = true;
            // The terminal breaks a word that is longer than a line.
            if let Some(columns) = self.layout.wrap.filter(|columns| self.column > *columns) {
                self.column = (self.column - 1) % columns + 1;
            }
        }
    }

    fn flush_gap(&mut self) {
        self.column += spaces(&self.gap);
        self.run.push_str(&self.gap);
        self.gap.clear();
    }

    fn flush_run(&mut self) {
        let run = std::mem::take(&mut self.run);
        self.put(self.look, &run);
    }

    /// Puts everything that is held on the line.
    pub(super) fn release(&mut self) {
        self.flush_word();
        self.flush_gap();
        self.flush_run();
    }
}

/// Columns of the mark of a list item or a quote at the beginning of a line, under which the item's text continues.
fn hanging(head: &str) -> usize {
    let rest = head.trim_start_matches(' ');
    let digits = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered = digits.len() < rest.len();
    let marks: &[&str] = if numbered { &[". ", ") "] } else { &["- ", "* ", "+ ", "> "] };
    let is_item = marks.iter().any(|mark| digits.starts_with(mark));
    if is_item { (head.len() - digits.len() + 2).min(MAX_HEAD) } else { 0 }
}

/// Columns of white space.
fn spaces(gap: &str) -> usize {
    gap.chars().map(|c| c.width().unwrap_or(1)).sum()
}
