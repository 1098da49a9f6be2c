//! The lines of what is held: each is looked at once, and keeps what a cut must know of it.

mod groups;

use std::borrow::Cow;
use std::collections::VecDeque;

use crate::text::markdown::{Found, Kind, Scanner};
use crate::text::units::{Limits, Size, is_boundary};
pub(super) use groups::Group;

/// How much of a line is looked at to tell what it is, at least; in bytes.
const MIN_LOOK: usize = 1024;

/// One line. Offsets count from the beginning of the text that was ever pushed.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub start: usize,
    /// Behind its last character that is no space.
    pub trimmed: usize,
    /// Behind its text, before its line ending.
    pub end: usize,
    /// Where the next line begins; `end` for a line whose ending has not come.
    pub next: usize,
    /// Size of all text before it, from some beginning.
    pub at: Size,
    /// Its size up to `trimmed`, up to `end` and up to `next`.
    pub trimmed_size: Size,
    pub size: Size,
    pub full: Size,
    pub kind: Kind,
    /// Whether a block begins with it.
    pub starts: bool,
    /// Where its text begins, behind markers and indentation.
    pub content: usize,
    /// White space alone.
    pub blank: bool,
    /// The fence or table that it belongs to.
    pub group: Option<usize>,
    /// Its beginning has left with an earlier part.
    pub cut: bool,
}

#[derive(Debug)]
pub(super) struct Lines {
    limits: Limits,
    /// What is held, and where that begins in the text.
    held: String,
    base: usize,
    lines: VecDeque<Line>,
    scanner: Scanner,
    /// The groups that lines belong to, and the number of the first.
    groups: VecDeque<Group>,
    first_group: usize,
    /// The group that the next line may belong to.
    open_group: Option<usize>,
    /// The beginning of the line whose ending has not come.
    tail: usize,
    /// Size of all text before it.
    at: Size,
    /// What is left of the line whose ending has not come if its beginning has left, and that beginning.
    rest: Option<Line>,
    gone: String,
    ended: bool,
}

impl Lines {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            held: String::new(),
            base: 0,
            lines: VecDeque::new(),
            scanner: Scanner::default(),
            groups: VecDeque::new(),
            first_group: 0,
            open_group: None,
            tail: 0,
            at: Size::default(),
            rest: None,
            gone: String::new(),
            ended: false,
        }
    }

    /// What is held.
    pub(super) fn text(&self) -> &str {
        &self.held
    }

    /// The held text between two offsets.
    pub(super) fn slice(&self, from: usize, to: usize) -> &str {
        &self.held[from - self.base..to - self.base]
    }

    /// Where what is held begins and ends.
    pub(super) fn base(&self) -> usize {
        self.base
    }

    pub(super) fn end_of_text(&self) -> usize {
        self.base + self.held.len()
    }

    /// The lines whose endings have come; all lines if the text has ended.
    pub(super) fn whole(&self) -> &VecDeque<Line> {
        &self.lines
    }

    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    pub(super) fn group(&self, number: usize) -> Option<&Group> {
        self.groups.get(number.checked_sub(self.first_group)?)
    }

    /// Size of all text before what is held.
    pub(super) fn at_base(&self) -> Size {
        self.lines.front().map_or(self.at, |line| line.at)
    }

    pub(super) fn push(&mut self, text: &str) {
        let from = self.held.len();
        self.held.push_str(text);
        for feed in memchr::memchr_iter(b'\n', text.as_bytes()) {
            self.complete(self.base + from + feed);
        }
    }

    /// No more text comes: what is there of the last line is all of it.
    pub(super) fn end(&mut self) {
        if self.tail < self.end_of_text() {
            self.complete(self.end_of_text());
        }
        self.ended = true;
        if let Some(group) = self.open_group {
            self.close_group(group, self.at, &self.close_of(group));
        }
    }

    /// The line whose ending has not come, as far as it is there, and the fence that it opens; `None` if it cannot be told
    /// yet what it is.
    pub(super) fn tail(&self) -> Option<(Line, Option<Group>)> {
        if self.tail == self.end_of_text() {
            return None;
        }
        if let Some(rest) = &self.rest {
            return Some((self.measure(rest.clone(), self.end_of_text()), None));
        }
        let head = self.head(self.end_of_text());
        let found = self.scanner.look(&head, head.len() >= self.look())?;
        let line = self.line(&found, self.end_of_text());
        let group = (found.kind == Kind::Opener).then(|| self.fence(&line, &found));
        Some((line, group))
    }

    /// Size of all text before the line whose ending has not come.
    pub(super) fn at_tail(&self) -> Size {
        self.at
    }

    /// Whether something of a line is there that has not ended.
    pub(super) fn has_tail(&self) -> bool {
        self.tail < self.end_of_text()
    }

    /// Size of all text up to its end.
    pub(super) fn total(&self) -> Size {
        self.at + self.limits.size(self.slice(self.tail, self.end_of_text()))
    }

    /// As [`Lines::total`], without the white space at the end of an unended line.
    pub(super) fn total_trimmed(&self) -> Size {
        let tail = self.slice(self.tail, self.end_of_text());
        self.at + self.limits.size(tail.trim_end())
    }

    /// How much of a line is looked at, in bytes.
    pub(super) fn look(&self) -> usize {
        (2 * self.limits.first()).max(MIN_LOOK)
    }

    /// As much of the line up to `end` as is looked at.
    fn head(&self, end: usize) -> Cow<'_, str> {
        let line = self.slice(self.tail, end);
        let line = if self.gone.is_empty() {
            Cow::Borrowed(line)
        } else {
            Cow::Owned(format!("{}{line}", self.gone))
        };
        let mut len = line.len().min(self.look());
        while !line.is_char_boundary(len) {
            len += 1;
        }
        match line {
            Cow::Borrowed(line) => Cow::Borrowed(&line[..len]),
            Cow::Owned(mut line) => {
                line.truncate(len);
                Cow::Owned(line)
            }
        }
    }

    /// A line ends before `feed`, which is its line feed or the text's end.
    fn complete(&mut self, feed: usize) {
        let Some(found) = self.scanner.look(&self.head(feed), true) else {
            debug_assert!(false, "a whole line can be told");
            return;
        };
        self.gone.clear();
        let mut line = match self.rest.take() {
            Some(rest) => self.measure(rest, feed),
            None => {
                let mut line = self.line(&found, feed);
                self.join_group(&mut line, &found);
                line
            }
        };
        self.scanner.commit(&found);
        if feed < self.end_of_text() {
            line.next = feed + 1;
        }
        line.full = self.limits.size(self.slice(line.end, line.next)) + line.size;
        self.at = line.at + line.full;
        self.tail = line.next;
        if line.kind == Kind::Closer
            && let Some(group) = line.group
        {
            self.close_group(group, line.at + line.size, "");
        }
        self.lines.push_back(line);
    }

    fn line(&self, found: &Found, end: usize) -> Line {
        let inside = matches!(found.kind, Kind::Code | Kind::Closer | Kind::Row);
        let line = Line {
            start: self.tail,
            trimmed: 0,
            end: 0,
            next: 0,
            at: self.at,
            trimmed_size: Size::default(),
            size: Size::default(),
            full: Size::default(),
            kind: found.kind,
            starts: found.starts,
            content: self.tail + found.content,
            blank: false,
            group: self.open_group.filter(|_| inside),
            cut: false,
        };
        self.measure(line, end)
    }

    /// The line as it is if it goes up to `end`.
    fn measure(&self, mut line: Line, end: usize) -> Line {
        let text = self.slice(line.start, end);
        let ended = text.strip_suffix('\r').unwrap_or(text);
        let mut trimmed = ended.trim_end_matches([' ', '\t']).len();
        if !is_boundary(text, trimmed) {
            trimmed = ended.len();
        }
        line.size = self.limits.size(ended);
        line.trimmed_size = line.size - self.limits.size(&ended[trimmed..]);
        line.end = line.start + ended.len();
        line.trimmed = line.start + trimmed;
        line.next = end;
        line.full = line.size;
        line.blank = ended.trim().is_empty();
        line
    }

    /// Lets go of what stands before `len` bytes of what is held.
    pub(super) fn cut(&mut self, len: usize) {
        let to = self.base + len;
        if self.tail < to {
            self.settle(to);
        }
        while self.lines.front().is_some_and(|line| line.next <= to) {
            self.lines.pop_front();
        }
        self.held.drain(..len);
        self.base = to;
        if self.tail < to {
            if let Some(line) = self.rest.take() {
                let rest = self.rest_of(line, to);
                self.at = rest.at;
                self.rest = Some(rest);
            }
            self.tail = to;
        } else if let Some(line) = self.lines.front().filter(|line| line.start < to).cloned() {
            let rest = self.rest_of(line, to);
            // A header of which a piece is gone is not repeated.
            let delimiter = self.lines.get(1).filter(|l| l.kind == Kind::Delimiter);
            if let Some(table) = delimiter.and_then(|l| l.group) {
                self.group_mut(table).into_iter().for_each(|table| table.open.clear());
            }
            if let Some(front) = self.lines.front_mut() {
                *front = rest;
            }
        }
        self.forget();
    }

    /// The line whose ending has not come is cut at `to`: what it is was told by its beginning, which goes now.
    fn settle(&mut self, to: usize) {
        let end = self.end_of_text();
        if let Some(rest) = self.rest.take() {
            self.rest = Some(self.measure(rest, end));
        } else if let Some(found) = self.scanner.look(&self.head(end), true) {
            let mut line = self.line(&found, end);
            self.join_group(&mut line, &found);
            self.rest = Some(line);
        }
        if self.gone.len() < self.look() {
            let gone = self.held[self.tail - self.base..to - self.base].to_owned();
            self.gone.push_str(&gone);
        }
    }

    /// What is left of a line of which the beginning was cut off.
    fn rest_of(&mut self, mut line: Line, to: usize) -> Line {
        let end = line.end.max(to);
        let size = self.limits.size(self.slice(to, end));
        let trimmed = line.size - line.trimmed_size;
        let ending = line.full - line.size;
        line.at = line.at + line.size - size;
        line.start = to;
        line.content = line.content.max(to);
        line.end = end;
        line.trimmed = line.trimmed.max(to);
        line.size = size;
        line.full = size + ending;
        line.trimmed_size = size - trimmed;
        line.blank = self.slice(to, end).trim().is_empty();
        line.starts = false;
        line.cut = true;
        // An opener that was too long to be sent whole is too long to be repeated.
        if line.kind == Kind::Opener
            && let Some(fence) = line.group.and_then(|group| self.group_mut(group))
        {
            fence.open.clone_from(&fence.bare);
        }
        line
    }
}
