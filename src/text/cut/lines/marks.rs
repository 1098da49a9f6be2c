//! Code that does not begin and end with lines: fences in the middle of a line, in channels that find them there, and inline
//! code that is longer than a part. Such a line is read in pieces, each a line without a line ending.

use super::groups::Group;
use super::{Line, Lines};
use crate::text::cut::Fences;
use crate::text::floor;
use crate::text::markdown::{Head, Kind};

/// Longest language behind a fence's mark, in bytes; a longer one is code.
const MAX_LANGUAGE: usize = 64;

/// Open code.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inside {
    /// Backticks that close it: exactly this many for inline code, three or more for a fence.
    run: usize,
    form: Form,
    /// In a quote, with which it ends.
    quoted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A fence whose opener is a line's last, with its language.
    Line,
    /// A fence whose code begins behind the mark.
    Bare,
    /// Inline code.
    Span,
}

/// A piece of a line: all of it, or as far as a mark.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    /// Length without and with its line ending.
    pub len: usize,
    pub next: usize,
    pub kind: Option<Kind>,
    /// Position and length of the mark.
    pub mark: (usize, usize),
    form: Form,
}

impl Piece {
    /// A line of `len` bytes with an ending of `ending` bytes.
    pub(super) fn line(len: usize, ending: usize) -> Self {
        Self { next: len + ending, ..part(len, None, (0, 0), Form::Line) }
    }

    pub(super) fn is_span(&self) -> bool {
        self.form == Form::Span
    }
}

pub(super) enum Step {
    Piece(Piece),
    /// The quote that held a fence has ended.
    Leave,
    /// The line has not ended; for `Pending` its structure depends on further text.
    Tail,
    Pending,
}

/// A run of backticks.
#[derive(Debug, Clone, Copy)]
struct Mark {
    at: usize,
    run: usize,
    /// The line's text begins with it.
    first: bool,
}

/// Meaning of one run of backticks.
enum Found {
    /// Inline code, or text; the search goes on behind it.
    Skip(usize),
    Wait,
    Opens(Form),
}

impl Lines {
    /// Bytes in which the end of a mark's code is looked for.
    fn reach(&self) -> usize {
        (4 * self.limits.first()).max(4096)
    }

    fn fits(&self, text: &str) -> bool {
        let max = self.limits.max();
        text.len() <= 16 || self.limits.size(text).within(max)
    }

    /// The next piece of the text behind the last line.
    pub(super) fn step(&self) -> Step {
        let all = self.slice(self.tail, self.end_of_text());
        if all.is_empty() {
            return Step::Tail;
        }
        let feed = memchr::memchr(b'\n', all.as_bytes());
        let line = &all[..feed.unwrap_or(all.len())];
        let piece = |kind| {
            let next = feed.map_or(all.len(), |feed| feed + 1);
            Step::Piece(Piece { len: line.len(), next, kind, mark: (0, 0), form: Form::Line })
        };
        let whole = feed.is_some() || self.ended;
        let text = Head { text: line, whole };
        if let Some(inside) = self.inside {
            return self.inner(inside, text).unwrap_or_else(|| piece(Some(Kind::Code)));
        }
        match self.scan(all, text, feed) {
            Some(step) => step,
            None if whole => piece(self.middle().then_some(Kind::Text)),
            None => Step::Tail,
        }
    }

    /// True if the next piece begins in the middle of a line.
    pub(super) fn middle(&self) -> bool {
        self.mid || self.rest.is_some()
    }

    /// Step for a line inside code; `None` if the whole line is code.
    fn inner(&self, inside: Inside, Head { text: line, whole }: Head<'_>) -> Option<Step> {
        let indent = line.len() - line.trim_start().len();
        let mut from = 0;
        if inside.quoted && !self.middle() {
            let mut at = indent;
            match line.as_bytes().get(at) {
                Some(b'>') => {
                    while matches!(line.as_bytes().get(at), Some(b'>' | b' ')) {
                        at += 1;
                    }
                    from = at;
                }
                None if !whole => return Some(Step::Pending),
                _ => return Some(Step::Leave),
            }
        }
        let mut at = from;
        while let Some(found) = memchr::memchr(b'`', &line.as_bytes()[at..]) {
            let start = at + found;
            let run = run(line, start);
            at = start + run;
            let ends = match inside.form {
                Form::Span => run == inside.run,
                Form::Line | Form::Bare => run >= 3,
            };
            if at == line.len() && !whole {
                return Some(Step::Pending);
            }
            if !ends {
                continue;
            }
            let alone = !self.middle() && line[from..start].trim().is_empty();
            if start > 0 && !alone {
                return Some(Step::Piece(part(start, Some(Kind::Code), (0, 0), inside.form)));
            }
            let blank = line[at..].trim().is_empty();
            if blank && !whole {
                return Some(Step::Pending);
            }
            let len = if blank { line.len() } else { at };
            let mut piece = part(len, Some(Kind::Closer), (start, run), inside.form);
            // The line feed belongs to a mark that is alone on its line.
            let behind = self.held.as_bytes().get(self.tail - self.base + len);
            piece.next = len + usize::from(blank && behind == Some(&b'\n'));
            return Some(Step::Piece(piece));
        }
        // A closing mark may follow white space or quote marks.
        let blank = line[from..].trim().is_empty();
        (!whole).then_some(if blank { Step::Pending } else { Step::Tail })
    }

    /// Step for the first mark in the line at the beginning of `all` that opens code; `None` if there is none.
    fn scan(&self, all: &str, text: Head<'_>, feed: Option<usize>) -> Option<Step> {
        let Head { text: line, whole } = text;
        let anywhere = self.fences == Fences::Anywhere;
        if memchr::memchr(b'`', line.as_bytes()).is_none() || (!anywhere && self.fits(line)) {
            return None;
        }
        let code = |kind| matches!(kind, Kind::Opener | Kind::Code | Kind::Closer);
        if self.rest.as_ref().is_some_and(|rest| code(rest.kind)) {
            return None;
        }
        let mut content = usize::MAX;
        if !self.middle() {
            let head = self.head(self.tail + line.len());
            let whole = whole || head.len() >= self.scanner.most;
            match self.scanner.look(Head { text: &head, whole }) {
                Some(found) if code(found.kind) => return None,
                Some(found) => content = found.content,
                None => return anywhere.then_some(Step::Pending),
            }
        }
        let mut at = 0;
        while let Some(found) = memchr::memchr(b'`', &line.as_bytes()[at..]) {
            let mut start = at + found;
            let slashes = line[..start].bytes().rev().take_while(|c| *c == b'\\').count();
            if slashes % 2 == 1 {
                start += 1;
            }
            let len = run(line, start);
            if start + len == line.len() && !whole {
                return anywhere.then_some(Step::Pending);
            }
            let mark = Mark { at: start, run: len, first: start == content };
            let found = match len {
                0 => Found::Skip(start),
                3.. if anywhere => self.fence_mark(all, mark),
                _ => self.span(text, mark),
            };
            match found {
                Found::Skip(to) => at = to,
                Found::Wait => return Some(Step::Pending),
                Found::Opens(form) => return Some(self.opener(mark, form, feed)),
            }
        }
        None
    }

    /// Meaning of a run of backticks that may begin inline code, which ends in its line.
    fn span(&self, Head { text: line, whole }: Head<'_>, mark: Mark) -> Found {
        let Mark { at: start, run: len, .. } = mark;
        let mut at = start + len;
        while let Some(found) = memchr::memchr(b'`', &line.as_bytes()[at..]) {
            let from = at + found;
            let other = run(line, from);
            at = from + other;
            if other == len && (at < line.len() || whole) {
                return match self.fits(&line[start..at]) {
                    true => Found::Skip(at),
                    false => Found::Opens(Form::Span),
                };
            }
        }
        let rest = &line[start + len..];
        if whole || line.len() - start >= self.reach() {
            return Found::Skip(start + len);
        }
        let marks = self.fences == Fences::Anywhere && rest.contains("```");
        if marks || !self.fits(&line[start..]) { Found::Wait } else { Found::Skip(line.len()) }
    }

    /// Meaning of three or more backticks where fences are found anywhere. Unclosed, they are text.
    fn fence_mark(&self, all: &str, mark: Mark) -> Found {
        let Mark { at: start, run: len, first } = mark;
        let from = start + len;
        let reached = all.len() - start >= self.reach();
        let window = &all[start..floor(all, start + self.reach())];
        let closer = memchr::memmem::find(&window.as_bytes()[len..], b"```").map(|at| from + at);
        let feed = memchr::memchr(b'\n', &all.as_bytes()[from..]).map(|at| from + at);
        let info = all[from..feed.unwrap_or(all.len())].trim_end();
        let language = info.len() <= MAX_LANGUAGE && info.chars().all(is_language);
        // Without an end in reach it is code only if it looks like it.
        let opens = |likely: bool, form: Form| match () {
            () if closer.is_some() || (reached && likely) => Found::Opens(form),
            () if self.ended || reached => Found::Skip(from),
            () => Found::Wait,
        };
        let ends_here = |closer: &usize| feed.is_none_or(|feed| *closer < feed);
        if let Some(closer) = closer.filter(ends_here) {
            let end = closer + run(all, closer);
            return match () {
                () if end == all.len() && !self.ended => Found::Wait,
                () if self.fits(&all[start..end]) => Found::Skip(end),
                () => Found::Opens(Form::Bare),
            };
        }
        match feed {
            None if self.ended => Found::Skip(from),
            None if language || self.fits(&all[start..]) => Found::Wait,
            Some(_) if language && first => Found::Opens(Form::Line),
            Some(_) if language => opens(!info.is_empty(), Form::Line),
            _ => opens(first, Form::Bare),
        }
    }

    /// The piece that begins with a mark, or the text before it.
    fn opener(&self, mark: Mark, form: Form, feed: Option<usize>) -> Step {
        if mark.at > 0 && !mark.first {
            let kind = self.middle().then_some(Kind::Text);
            return Step::Piece(part(mark.at, kind, (0, 0), form));
        }
        let end = mark.at + mark.run;
        let mut piece = part(end, Some(Kind::Opener), (mark.at, mark.run), form);
        if let (Form::Line, Some(feed)) = (form, feed) {
            piece.len = feed;
            piece.next = feed + 1;
        }
        Step::Piece(piece)
    }

    /// Adds a piece to the code that it opens, continues or ends.
    pub(super) fn join_marked(&mut self, line: &mut Line, piece: &Piece) {
        if matches!(line.kind, Kind::Code | Kind::Closer) {
            line.group = self.open_group;
            return;
        }
        self.leave();
        if line.kind == Kind::Opener {
            let group = self.marked(line.start, piece);
            line.group = Some(self.begin_group(group));
            let quoted = piece.form != Form::Span && !self.line_quote.is_empty();
            self.inside = Some(Inside { run: piece.mark.1, form: piece.form, quoted });
        }
    }

    /// Ends code without a closing mark.
    pub(super) fn leave(&mut self) {
        self.inside = None;
        self.end_group();
    }

    /// A line of this kind behind the last one, in the middle of a line or inside code.
    pub(super) fn plain(&self, kind: Kind, content: usize, end: usize) -> Line {
        let code = matches!(kind, Kind::Code | Kind::Closer);
        let mut line = Line {
            kind,
            content: self.tail + content,
            mid: self.mid,
            quote: self.line_quote.clone(),
            group: self.open_group.filter(|_| code),
            ..Line::new(self.tail, self.at)
        };
        self.measure(&mut line, end);
        line
    }

    /// The group of the code that a mark opens at `start`.
    fn marked(&self, start: usize, piece: &Piece) -> Group {
        let quote = &self.line_quote;
        let (open, bare, close, line, alone) = match piece.form {
            Form::Span => {
                let ticks = "`".repeat(piece.mark.1);
                let (open, alone) = (format!("{quote}{ticks}"), (ticks.clone(), ticks.clone()));
                (open.clone(), open, ticks, String::new(), alone)
            }
            form => {
                let from = start + piece.mark.0 + piece.mark.1;
                // A longer mark is three backticks, and code.
                let keeps = form == Form::Line && piece.mark.1 == 3;
                let info = if keeps { self.slice(from, start + piece.len).trim_end() } else { "" };
                let bare = format!("{quote}```\n");
                let open = format!("{quote}```{info}\n");
                let alone = ("```\n".to_owned(), "\n```".to_owned());
                (open, bare, format!("\n{quote}```"), quote.clone(), alone)
            }
        };
        let marker = start + piece.mark.0 + piece.mark.1;
        let group =
            Group { start, at: self.at, open, close, line, bare, marker, ..Group::default() };
        self.in_room(group, alone)
    }
}

fn part(len: usize, kind: Option<Kind>, mark: (usize, usize), form: Form) -> Piece {
    Piece { len, next: len, kind, mark, form }
}

/// A character of a language as Discord takes it: `[a-z0-9_+\-.#]+`, in any case.
fn is_language(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '-' | '.' | '#')
}

fn run(text: &str, at: usize) -> usize {
    text.bytes().skip(at).take_while(|c| *c == b'`').count()
}
