//! Where a line of text may be cut, and what in it stays whole while it fits: links, URLs and inline code.

use std::ops::Range;

use super::floor;
use super::units::{boundary_before, is_boundary};

/// A piece of a line that is not cut while it fits.
pub(super) type Piece = Range<usize>;

/// What was found whole in the beginning of a line.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// In order; they do not overlap.
    pub whole: Vec<Piece>,
    /// True if something that may still fit begins whose end has not come; in a complete line nothing does.
    pub unended: bool,
}

impl Pieces {
    /// True if a cut at `at` would take a piece apart.
    pub(super) fn holds(&self, at: usize) -> bool {
        let before = self.whole.partition_point(|piece| piece.start < at);
        before.checked_sub(1).is_some_and(|last| at < self.whole[last].end)
    }
}

/// Open brackets that are remembered, and how deep parentheses nest in a link's destination; deeper ones are text. It
/// bounds the search for a link's end, as cmark does.
const MAX_DEPTH: usize = 32;

/// What a URL begins with, the longer of two that end alike first.
const SCHEMES: [&str; 3] = ["https", "http", "ftp"];

/// What a piece may be at most.
pub(super) struct Most<F> {
    /// In bytes, at least as much as fits.
    pub bytes: usize,
    /// True if a text fits.
    pub fits: F,
}

/// Finds what stays whole in `text`, the beginning of a line or (`complete`) all of it. What does not fit is nothing, and
/// what begins at or behind `upto` does not matter.
pub(super) fn pieces<F: Fn(&str) -> bool>(
    text: &str,
    complete: bool,
    upto: usize,
    most: &Most<F>,
) -> Pieces {
    let mut seek = Seek {
        text,
        bytes: text.as_bytes(),
        most,
        at: 0,
        brackets: Vec::new(),
        whole: Vec::new(),
        unended: Vec::new(),
    };
    while seek.at < text.len() && (seek.at < upto || !seek.brackets.is_empty()) {
        seek.step();
    }
    let Seek { mut whole, mut unended, brackets, .. } = seek;
    unended.extend(brackets);
    // The last of them is the shortest: if it cannot fit, none can.
    let last = unended.into_iter().filter(|start| *start < upto).max();
    let fits = |start: usize| {
        let rest = &text[floor(text, start)..];
        rest.len() <= most.bytes && (most.fits)(rest)
    };
    // What begins before `upto` may turn out to be a URL a few bytes behind it.
    let soon = upto > 0 && text.len() < upto + "https://".len() && fits(upto - 1);
    whole.retain(|piece| piece.start < upto);
    Pieces { whole, unended: !complete && (soon || last.is_some_and(fits)) }
}

struct Seek<'a, F> {
    text: &'a str,
    bytes: &'a [u8],
    most: &'a Most<F>,
    at: usize,
    /// Where brackets have opened.
    brackets: Vec<usize>,
    whole: Vec<Piece>,
    /// Where something begins whose end was not found.
    unended: Vec<usize>,
}

impl<F: Fn(&str) -> bool> Seek<'_, F> {
    fn step(&mut self) {
        // Most text is nothing of this.
        let Some(found) = self.bytes[self.at..]
            .iter()
            .position(|c| matches!(c, b'\\' | b'`' | b'[' | b']' | b':' | b'<'))
        else {
            self.at = self.bytes.len();
            return;
        };
        let here = self.at + found;
        self.at = here + 1;
        match self.bytes[here] {
            b'\\' => {
                let escaped = self.text[here + 1..].chars().next();
                self.at += escaped.map_or(0, char::len_utf8);
            }
            b'`' => self.code(here),
            b'[' if self.brackets.len() < MAX_DEPTH => {
                let image = here > 0 && self.bytes[here - 1] == b'!';
                self.brackets.push(here - usize::from(image));
            }
            b']' => self.link(here),
            b':' if self.bytes[here..].starts_with(b"://") => self.url(here),
            b'<' if self.brackets.is_empty() => self.angle(here),
            _ => {}
        }
    }

    /// A piece, if it fits; pieces inside it are its own, and the search goes on behind it.
    fn found(&mut self, piece: Piece) {
        if piece.len() > self.most.bytes || !(self.most.fits)(&self.text[piece.clone()]) {
            return;
        }
        self.at = self.at.max(piece.end);
        let whole = &mut self.whole;
        while whole.last().is_some_and(|last| last.start >= piece.start) {
            whole.pop();
        }
        if whole.last().is_none_or(|last| last.end <= piece.start) {
            whole.push(piece);
        }
    }

    /// How far the search for the end of what begins at `start` goes.
    fn horizon(&self, start: usize) -> usize {
        let end = start.saturating_add(self.most.bytes).saturating_add(1);
        end.min(self.bytes.len())
    }

    fn code(&mut self, start: usize) {
        let run = |from: usize| {
            let ticks = self.bytes[from..].iter().take_while(|c| **c == b'`');
            ticks.count()
        };
        let len = run(start);
        let horizon = self.horizon(start);
        self.at = start + len;
        let mut at = self.at;
        while let Some(found) =
            self.bytes.get(at..horizon).and_then(|rest| memchr::memchr(b'`', rest))
        {
            let from = at + found;
            let other = run(from);
            at = from + other;
            if at == self.bytes.len() {
                // The run may go on.
                self.unended.push(start);
            }
            if other == len {
                return self.found(start..at);
            }
        }
        self.unended.push(start);
    }

    /// A bracket closes: a link if a destination or a label follows.
    fn link(&mut self, close: usize) {
        let Some(start) = self.brackets.pop() else {
            return;
        };
        let (open, end) = match self.bytes.get(close + 1) {
            Some(b'(') => (b'(', b')'),
            Some(b'[') => (b'[', b']'),
            Some(_) => return,
            None => return self.unended.push(start),
        };
        let mut depth = 0usize;
        let mut escaped = false;
        let behind = self.bytes.get(close + 1..self.horizon(start));
        for (i, c) in behind.unwrap_or_default().iter().enumerate() {
            if escaped {
                escaped = false;
            } else if *c == b'\\' {
                escaped = true;
            } else if *c == end {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return self.found(start..close + 2 + i);
                }
            } else if *c == open {
                depth += 1;
                if depth > MAX_DEPTH {
                    return;
                }
            }
        }
        self.unended.push(start);
    }

    fn url(&mut self, colon: usize) {
        let scheme = SCHEMES.iter().find(|scheme| self.bytes[..colon].ends_with(scheme.as_bytes()));
        // Inside of a link's text it ends no later than the link.
        let Some(scheme) = scheme.map(|s| s.len()).filter(|_| self.brackets.is_empty()) else {
            return;
        };
        let ends = |c: char| {
            c.is_whitespace()
                || matches!(c, '<' | '>' | '"' | '`')
                || matches!(c, '\u{3000}'..='\u{303F}' | '\u{FF00}'..='\u{FFEF}')
        };
        self.at = colon + 3;
        let start = colon - scheme;
        let horizon = floor(self.text, self.horizon(start));
        match self.text[colon..horizon].find(ends) {
            Some(len) => self.found(start..colon + len),
            None => {
                self.unended.push(start);
                self.found(start..horizon);
                // One that is too long is text, and what looks like a URL inside it too.
                self.at = self.at.max(horizon);
            }
        }
    }

    /// A link or a mention between angle brackets: `<https://a|label>`, `<@U1|name>`, `<t:1:R>`.
    fn angle(&mut self, start: usize) {
        let inner = &self.bytes[start + 1..self.horizon(start).max(start + 1)];
        let Some(len) = inner.iter().position(|c| matches!(c, b'<' | b'>')) else {
            if inner.first().is_none_or(|first| is_target(*first)) {
                self.unended.push(start);
            }
            // Nothing behind it ends before the horizon either.
            return;
        };
        let link = inner[..len].first().is_some_and(|first| is_target(*first))
            && (!inner[0].is_ascii_alphabetic() || has_scheme(&inner[..len]));
        if inner[len] == b'>' && link {
            self.found(start..start + len + 2);
        }
    }
}

/// True if what stands between angle brackets may begin with it: a scheme, or a mark of Slack's or Discord's mentions.
fn is_target(first: u8) -> bool {
    first.is_ascii_alphabetic() || matches!(first, b'@' | b'#' | b'!' | b':' | b'/')
}

/// True if a URI's scheme stands first (RFC 3986 3.1).
fn has_scheme(text: &[u8]) -> bool {
    let scheme = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'.');
    text.iter().find(|c| !scheme(c)) == Some(&b':')
}

/// A place where a line may be cut: a part ends at `end`, the next begins at `next`, white space lies between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Break {
    pub end: usize,
    pub next: usize,
    /// It is the end of a sentence.
    pub sentence: bool,
}

/// True if a line may be broken at this white space: U+00A0, U+2007 and U+202F are no break.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() && !matches!(c, '\n' | '\u{A0}' | '\u{2007}' | '\u{202F}')
}

/// The breaks in `text` that end behind `from` and at or before `upto`, the last first; `text` goes on behind `upto`.
///
/// White space at the line's end is one too: the caller knows whether the line has ended. [`Break::end`] is never in a piece.
pub(super) fn breaks<'a>(
    text: &'a str,
    from: usize,
    upto: usize,
    pieces: &'a Pieces,
) -> impl Iterator<Item = Break> + 'a {
    let mut at = ceil(text, upto);
    std::iter::from_fn(move || {
        while at > from {
            let end = at;
            let before = text[..end].chars().next_back()?;
            at -= before.len_utf8();
            let Some(next) = text[end..].chars().next() else {
                continue;
            };
            let spaced = is_space(next);
            // Between two letters of ASCII nothing ends.
            if is_space(before) || !(spaced || !before.is_ascii() || !next.is_ascii()) {
                continue;
            }
            let sentence = ends_sentence(&text[..end], next);
            let clause = !sentence && ends_clause(before, next);
            if !(spaced || sentence || clause) || pieces.holds(end) {
                continue;
            }
            let spaces = text[end..].find(|c| !is_space(c)).unwrap_or(text.len() - end);
            let next = boundary_before(text, end + spaces);
            if is_boundary(text, end) && (next > end || !spaced) {
                return Some(Break { end, next, sentence });
            }
        }
        None
    })
}

fn ceil(text: &str, at: usize) -> usize {
    (at..text.len()).find(|i| text.is_char_boundary(*i)).unwrap_or(text.len())
}

/// True if `c` goes on closing what a sentence or a clause ends.
fn goes_on(c: char) -> bool {
    is_full_stop(c)
        || is_comma(c)
        || matches!(c, '…' | '”' | '’' | '」' | '』' | '）' | '】' | '》' | '〉' | '〕' | '］')
}

/// A mark that ends a sentence without white space behind it: the full-width marks, and danda, Khmer's, Burmese and
/// Ethiopic full stops.
fn is_full_stop(c: char) -> bool {
    matches!(c, '。' | '！' | '？' | '｡' | '．' | '।' | '॥' | '។' | '။' | '።')
}

/// A mark inside a sentence that needs no white space behind it.
fn is_comma(c: char) -> bool {
    matches!(c, '、' | '，' | '；' | '：' | '､' | '၊' | '፣' | '፤')
}

/// True if a clause ends with `mark`, if `next` follows.
fn ends_clause(mark: char, next: char) -> bool {
    is_comma(mark) && !goes_on(next)
}

/// True if a sentence ends with `text`, if `next` follows: marks and closing quotes before white space; the full-width
/// marks and their like, and an ellipsis before what is not ASCII, before anything that does not go on closing.
fn ends_sentence(text: &str, next: char) -> bool {
    let closing = |c: char| {
        matches!(
            c,
            '"' | '\''
                | ')'
                | ']'
                | '}'
                | '*'
                | '_'
                | '”'
                | '’'
                | '»'
                | '」'
                | '』'
                | '）'
                | '】'
                | '》'
        )
    };
    let Some(mark) = text.chars().rev().take(8).find(|c| !closing(*c)) else {
        return false;
    };
    match mark {
        '.' | '!' | '?' | '؟' | '۔' | '։' => is_space(next),
        '…' => is_space(next) || !(next.is_ascii() || goes_on(next)),
        c => is_full_stop(c) && !goes_on(next),
    }
}
