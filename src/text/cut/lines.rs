//! Lines of the held text. Each is read once, and keeps all that a cut needs.

mod containers;
mod groups;
mod marks;

use std::borrow::Cow;
use std::collections::VecDeque;

use super::Fences;
use crate::text::ceil;
use crate::text::markdown::{Found, Head, Kind, Scanner};
use crate::text::units::{Limits, Size, ends_line, is_boundary};
use containers::quote;
pub(super) use groups::Group;
use marks::{Inside, Piece, Step};

/// Bytes of a line that are read for its structure, at least.
const MIN_LOOK: usize = 1024;

/// One line of the held text, with all that a cut needs. Offsets count from the beginning of the whole text.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    pub start: usize,
    /// End without white space.
    pub trimmed: usize,
    /// End without its line ending.
    pub end: usize,
    /// Start of the next line; `end` for an unended line.
    pub next: usize,
    /// Size of all text before it, from some beginning.
    pub at: Size,
    /// Size up to `trimmed` and up to `end`.
    pub trimmed_size: Size,
    pub size: Size,
    pub kind: Kind,
    /// A block begins with it.
    pub starts: bool,
    /// Start of its text, behind markers and indentation.
    pub content: usize,
    /// White space alone.
    pub blank: bool,
    /// Its fence or table.
    pub group: Option<usize>,
    /// Its beginning has left with an earlier part.
    pub cut: bool,
    /// Its quote marks; of a lazy line those that it leaves out too.
    pub quote: String,
    /// Continues a quoted paragraph without a mark of its own.
    pub lazy: bool,
    /// A piece of a line, behind the first.
    pub mid: bool,
    /// Inline code, or text up to some: its end is no line's end.
    pub span: bool,
}

impl Line {
    /// An empty line behind text of this size.
    fn new(start: usize, at: Size) -> Self {
        Self {
            start,
            trimmed: start,
            end: start,
            next: start,
            at,
            content: start,
            ..Self::default()
        }
    }

    /// True if both lines are of the same kind in the same group.
    fn like(&self, other: &Line) -> bool {
        (self.kind, self.group) == (other.kind, other.group) && !self.cut && !other.cut
    }
}

#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) limits: Limits,
    /// Held text, and its offset in the whole text.
    pub(super) held: String,
    pub(super) base: usize,
    /// Ended lines; all lines if the text has ended.
    pub(super) whole: VecDeque<Line>,
    scanner: Scanner,
    /// Groups of the lines, and the number of the first.
    groups: VecDeque<Group>,
    first_group: usize,
    /// The group that the next line may belong to.
    open_group: Option<usize>,
    /// Start of the unended line.
    tail: usize,
    /// Size of all text before it.
    pub(super) at: Size,
    /// Rest of the unended line if its beginning has left, and that beginning.
    rest: Option<Line>,
    gone: String,
    /// Rule by which the channel finds fences, and the open code.
    fences: Fences,
    inside: Option<Inside>,
    /// The next piece begins in the middle of a line with these quote marks.
    mid: bool,
    line_quote: String,
    /// The structure of the unended line depends on further text; there is a backtick in it.
    pending: bool,
    ticks: bool,
    pub(super) ended: bool,
}

impl Lines {
    pub(super) fn new(limits: Limits, fences: Fences) -> Self {
        // In one line no fence can be closed and opened again.
        let fences = if limits.one_line() { Fences::Lines } else { fences };
        let scanner = Scanner::new(fences, (2 * limits.first()).max(MIN_LOOK));
        Self { limits, scanner, fences, ..Self::default() }
    }

    /// The held text between two offsets.
    pub(super) fn slice(&self, from: usize, to: usize) -> &str {
        &self.held[from - self.base..to - self.base]
    }

    pub(super) fn end_of_text(&self) -> usize {
        self.base + self.held.len()
    }

    pub(super) fn group(&self, number: usize) -> Option<&Group> {
        self.groups.get(number.checked_sub(self.first_group)?)
    }

    pub(super) fn push(&mut self, text: &str) {
        let from = self.held.len();
        self.held.push_str(text);
        if self.limits.one_line() {
            return self.one_line(from);
        }
        let waits = self.pending || self.ticks || self.inside.is_some();
        if waits || memchr::memchr2(b'\n', b'`', text.as_bytes()).is_some() {
            self.advance();
        }
    }

    /// Reads the lines whose structure is certain.
    fn advance(&mut self) {
        loop {
            match self.step() {
                Step::Piece(piece) => self.complete(&piece),
                Step::Leave => self.leave(),
                Step::Tail => break self.pending = false,
                Step::Pending => break self.pending = true,
            }
        }
        let tail = self.slice(self.tail, self.end_of_text());
        self.ticks = memchr::memchr(b'`', tail.as_bytes()).is_some();
    }

    /// [`Lines::push`] where a carriage return, NUL and SOH end a line too; CR LF is one ending.
    fn one_line(&mut self, from: usize) {
        let bytes = self.held.as_bytes();
        let from = from - usize::from(self.has_tail() && from > 0 && bytes[from - 1] == b'\r');
        let ends = |at: &usize| match bytes[*at] {
            b'\r' => bytes.get(at + 1).is_some_and(|next| *next != b'\n'),
            byte => ends_line(byte),
        };
        let feeds: Vec<usize> = (from..bytes.len()).filter(ends).collect();
        feeds
            .into_iter()
            .for_each(|feed| self.complete(&Piece::line(self.base + feed - self.tail, 1)));
    }

    /// Ends the text, and with it the last line.
    pub(super) fn end(&mut self) {
        self.ended = true;
        if !self.limits.one_line() {
            self.advance();
        } else if self.has_tail() {
            self.complete(&Piece::line(self.end_of_text() - self.tail, 0));
        }
        self.end_group();
    }

    /// The unended line so far, and the fence that it opens; `None` if its structure is not certain yet.
    pub(super) fn tail(&self) -> Option<(Line, Option<Group>)> {
        if self.tail == self.end_of_text() || self.pending {
            return None;
        }
        if let Some(rest) = &self.rest {
            let mut rest = rest.clone();
            self.measure(&mut rest, self.end_of_text());
            return Some((rest, None));
        }
        if let Some(line) = self.plain_tail() {
            return Some((line, None));
        }
        let head = self.head(self.end_of_text());
        let whole = head.len() >= self.scanner.most;
        let found = self.scanner.look(Head { text: &head, whole })?;
        let line = self.line(&found, self.end_of_text());
        let group = (found.kind == Kind::Opener).then(|| self.fence(&line, &found));
        Some((line, group))
    }

    /// True if there is an unended line.
    pub(super) fn has_tail(&self) -> bool {
        self.tail < self.end_of_text()
    }

    /// Size of all text up to its end.
    pub(super) fn total(&self) -> Size {
        self.at + self.limits.size(self.slice(self.tail, self.end_of_text()))
    }

    /// [`Lines::total`] without the white space at the end of an unended line.
    pub(super) fn total_trimmed(&self) -> Size {
        let tail = self.slice(self.tail, self.end_of_text());
        self.at + self.limits.size(tail.trim_end())
    }

    /// Structure of the line up to `end`, which is complete.
    fn found(&self, end: usize) -> Option<Found> {
        self.scanner.look(Head { text: &self.head(end), whole: true })
    }

    /// Beginning of the line up to `end` that is read for its structure.
    fn head(&self, end: usize) -> Cow<'_, str> {
        let line = self.slice(self.tail, end);
        let upto = |line: &str| ceil(line, self.scanner.most);
        if self.gone.is_empty() {
            return Cow::Borrowed(&line[..upto(line)]);
        }
        let mut line = format!("{}{line}", self.gone);
        line.truncate(upto(&line));
        Cow::Owned(line)
    }

    /// The unended line, inside open code or behind a mark.
    fn plain_tail(&self) -> Option<Line> {
        let kind = match self.inside {
            Some(_) => Kind::Code,
            None if self.mid => Kind::Text,
            None => return None,
        };
        Some(self.plain(kind, 0, self.end_of_text()))
    }

    /// Adds an ended line, or an ended piece of one.
    fn complete(&mut self, piece: &Piece) {
        let end = self.tail + piece.len;
        let found = match self.inside {
            None if self.limits.one_line() => self.found(end),
            None if !self.mid => self.found(self.line_end()),
            _ => None,
        };
        self.gone.clear();
        let goes_on =
            |rest: &Line| piece.kind.is_none_or(|kind| kind == Kind::Text || kind == rest.kind);
        let rest = self.rest.take();
        let middle = self.mid || rest.is_some();
        match (&rest, &found) {
            (Some(rest), _) => self.line_quote.clone_from(&rest.quote),
            (None, Some(found)) => self.line_quote = self.quote(found),
            (None, None) => {}
        }
        let mut line = match (rest.filter(goes_on), &found, piece.kind) {
            (Some(mut rest), _, _) => {
                self.measure(&mut rest, end);
                rest
            }
            (None, Some(found), None | Some(Kind::Text)) => {
                let mut line = self.line(found, end);
                self.join_group(&mut line, found);
                line
            }
            (None, _, kind) => {
                let mut line = self.plain(kind.unwrap_or(Kind::Text), piece.mark.0, end);
                line.mid = middle;
                line.starts = line.kind == Kind::Opener && !piece.is_span();
                self.join_marked(&mut line, piece);
                line
            }
        };
        if let Some(found) = &found {
            self.scanner.commit(found);
        }
        if line.kind == Kind::Opener && self.inside.is_some() {
            self.scanner.interrupt();
        }
        line.next = self.tail + piece.next;
        line.span = piece.is_span() && piece.next == piece.len;
        self.mid = piece.next == piece.len && line.next < self.end_of_text();
        self.at = line.at + line.size + self.limits.size(self.slice(line.end, line.next));
        self.tail = line.next;
        if line.kind == Kind::Closer
            && let Some(group) = line.group
        {
            self.close_group(group, line.at + line.size);
            self.inside = None;
        }
        match self.whole.back_mut() {
            // Successive blank lines are one.
            Some(last) if last.blank && line.blank && last.like(&line) => last.next = line.next,
            _ => self.whole.push_back(line),
        }
    }

    /// End of the line that begins at the tail, or of the text.
    fn line_end(&self) -> usize {
        let rest = self.slice(self.tail, self.end_of_text());
        let feed = memchr::memchr(b'\n', rest.as_bytes());
        self.tail + feed.unwrap_or(rest.len())
    }

    fn line(&self, found: &Found, end: usize) -> Line {
        let inside = matches!(found.kind, Kind::Code | Kind::Closer | Kind::Row);
        let mut line = Line {
            kind: found.kind,
            starts: found.starts,
            content: self.tail + found.content,
            group: self.open_group.filter(|_| inside),
            lazy: self.lazy(found) > 0,
            quote: self.quote(found),
            ..Line::new(self.tail, self.at)
        };
        self.measure(&mut line, end);
        line
    }

    /// The quotes whose marks a line lacks. Where fences are found anywhere, each line of a quote has its mark.
    fn lazy(&self, found: &Found) -> usize {
        if self.fences == Fences::Lines { found.lazy } else { 0 }
    }

    /// The quote marks of the line that begins at the tail.
    fn quote(&self, found: &Found) -> String {
        let content = (self.tail + found.content).min(self.end_of_text());
        quote(self.slice(self.tail, content), self.lazy(found))
    }

    /// Measures a line that goes up to `end`.
    fn measure(&self, line: &mut Line, end: usize) {
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
        line.blank = ended.trim_start().is_empty();
    }

    /// Removes the first `len` bytes of the held text.
    pub(super) fn cut(&mut self, len: usize) {
        let to = self.base + len;
        if self.tail < to {
            self.settle(to);
        }
        while self.whole.front().is_some_and(|line| line.next <= to) {
            self.whole.pop_front();
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
        } else if let Some(line) = self.whole.front().filter(|line| line.start < to).cloned() {
            let rest = self.rest_of(line, to);
            // A header without its beginning is not repeated.
            let delimiter = self.whole.get(1).filter(|l| l.kind == Kind::Delimiter);
            if let Some(table) = delimiter.and_then(|l| l.group) {
                self.group_mut(table).into_iter().for_each(|table| table.open.clear());
            }
            if let Some(front) = self.whole.front_mut() {
                *front = rest;
            }
        }
        self.forget();
    }

    /// Cuts the unended line at `to`, and keeps the structure that its beginning has determined.
    fn settle(&mut self, to: usize) {
        let end = self.end_of_text();
        if let Some(mut rest) = self.rest.take() {
            self.measure(&mut rest, end);
            self.rest = Some(rest);
        } else if let Some(line) = self.plain_tail() {
            self.rest = Some(line);
        } else if let Some(found) = self.found(end) {
            let mut line = self.line(&found, end);
            self.join_group(&mut line, &found);
            self.rest = Some(line);
        }
        if self.gone.len() < self.scanner.most {
            self.gone.push_str(&self.held[self.tail - self.base..to - self.base]);
        }
    }

    /// Rest of a line without its beginning.
    fn rest_of(&mut self, mut line: Line, to: usize) -> Line {
        let end = line.end.max(to);
        let size = self.limits.size(self.slice(to, end));
        let trimmed = line.size - line.trimmed_size;
        line.at = line.at + line.size - size;
        line.start = to;
        line.content = line.content.max(to);
        line.end = end;
        line.trimmed = line.trimmed.max(to);
        line.size = size;
        line.trimmed_size = size - trimmed;
        line.blank = self.slice(to, end).trim().is_empty();
        line.starts = false;
        line.cut = true;
        // An opener that was too long for one part is too long to be repeated.
        if line.kind == Kind::Opener
            && let Some(fence) = line.group.and_then(|group| self.group_mut(group))
        {
            fence.open.clone_from(&fence.bare);
        }
        line
    }
}
