//! Breaks inside a line, and its pieces that stay whole while they fit: links, URLs and inline code.

use std::ops::Range;

use super::units::{boundary_before, is_boundary};
use super::{ceil, floor};

/// A piece of a line that is not cut while it fits.
pub(super) type Piece = Range<usize>;

/// Pieces at the beginning of a line.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// In order; they do not overlap.
    pub whole: Vec<Piece>,
    /// A piece that may still fit has begun and not ended; never in a complete line.
    pub unended: bool,
}

impl Pieces {
    /// True if a cut at `at` would divide a piece.
    pub(super) fn holds(&self, at: usize) -> bool {
        let before = self.whole.partition_point(|piece| piece.start < at);
        before.checked_sub(1).is_some_and(|last| at < self.whole[last].end)
    }
}

/// Open brackets that are remembered, and depth of parentheses in a link's destination; deeper ones are text. It bounds the
/// search for a link's end, as in cmark.
const MAX_DEPTH: usize = 32;

/// Schemes of URLs, the longer of two with the same end first.
const SCHEMES: [&str; 3] = ["https", "http", "ftp"];

/// Bounds of the search for pieces.
pub(super) struct Most<F> {
    /// Bytes of a piece, at least as much as fits.
    pub bytes: usize,
    pub fits: F,
    /// The text is a complete line.
    pub complete: bool,
}

/// Pieces of `text`, the beginning of a line, that stay whole. Only pieces that fit and begin before `upto` count.
pub(super) fn pieces<F: Fn(&str) -> bool>(text: &str, upto: usize, most: &Most<F>) -> Pieces {
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
    // The last one is the shortest: if it cannot fit, none can.
    let last = unended.into_iter().filter(|start| *start < upto).max();
    let fits = |start: usize| {
        let rest = &text[floor(text, start)..];
        rest.len() <= most.bytes && (most.fits)(rest)
    };
    // A scheme that begins before `upto` shows as a URL only a few bytes behind it.
    let soon = upto > 0 && text.len() < upto + "https://".len() && fits(upto - 1);
    whole.retain(|piece| piece.start < upto);
    Pieces { whole, unended: !most.complete && (soon || last.is_some_and(fits)) }
}

struct Seek<'a, F> {
    text: &'a str,
    bytes: &'a [u8],
    most: &'a Most<F>,
    at: usize,
    /// Offsets of open brackets.
    brackets: Vec<usize>,
    whole: Vec<Piece>,
    /// Starts of pieces without an end.
    unended: Vec<usize>,
}

impl<F: Fn(&str) -> bool> Seek<'_, F> {
    fn step(&mut self) {
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

    /// Adds a piece if it fits, in place of the pieces inside it; the search continues behind it.
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

    /// End of the search for the end of a piece that begins at `start`.
    fn horizon(&self, start: usize) -> usize {
        let end = start.saturating_add(self.most.bytes).saturating_add(1);
        end.min(self.bytes.len())
    }

    fn code(&mut self, start: usize) {
        let run = |at: usize| self.bytes[at..].iter().take_while(|c| **c == b'`').count();
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
                // The run may continue.
                self.unended.push(start);
            }
            if other == len {
                return self.found(start..at);
            }
        }
        self.unended.push(start);
    }

    /// A closing bracket: a link if a destination or a label follows.
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
        // Inside a link's text it ends no later than the link.
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
                // A URL that is too long is text, with all that looks like a URL inside it.
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
            return;
        };
        let link = inner[..len].first().is_some_and(|first| is_target(*first))
            && (!inner[0].is_ascii_alphabetic() || has_scheme(&inner[..len]));
        if inner[len] == b'>' && link {
            self.found(start..start + len + 2);
        }
    }
}

/// True for the first byte of a link in angle brackets: a scheme, or a mark of Slack's or Discord's mentions.
fn is_target(first: u8) -> bool {
    first.is_ascii_alphabetic() || matches!(first, b'@' | b'#' | b'!' | b':' | b'/')
}

/// True if the text begins with a URI's scheme (RFC 3986 3.1).
fn has_scheme(text: &[u8]) -> bool {
    let scheme = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'.');
    text.iter().find(|c| !scheme(c)) == Some(&b':')
}

/// A place to cut a line: a part ends at `end`, the next begins at `next`, with white space between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Break {
    pub end: usize,
    pub next: usize,
    pub sentence: bool,
}

/// True if a line may be broken at this white space: U+00A0, U+2007 and U+202F are no break.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() && !matches!(c, '\n' | '\u{A0}' | '\u{2007}' | '\u{202F}')
}

/// Breaks in `text` that end behind `from` and at or before `upto`, the last first; `text` continues behind `upto`.
///
/// White space at the line's end counts too: the caller knows whether the line has ended. [`Break::end`] is never in a
/// piece.
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
            // There is no break between two ASCII letters.
            if is_space(before) || !(spaced || !before.is_ascii() || !next.is_ascii()) {
                continue;
            }
            let sentence = ends_sentence(&text[..end], next);
            let clause = !sentence && is_comma(before) && !goes_on(next);
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

/// True for a further mark at the end of a sentence or a clause.
fn goes_on(c: char) -> bool {
    is_full_stop(c)
        || is_comma(c)
        || matches!(c, '…' | '”' | '’' | '」' | '』' | '）' | '】' | '》' | '〉' | '〕' | '］')
}

/// True for marks that end a sentence without white space behind them: full-width marks, danda, Khmer, Burmese and Ethiopic
/// full stops.
fn is_full_stop(c: char) -> bool {
    matches!(c, '。' | '！' | '？' | '｡' | '．' | '।' | '॥' | '។' | '။' | '።')
}

/// True for marks inside a sentence that need no white space behind them.
fn is_comma(c: char) -> bool {
    matches!(c, '、' | '，' | '；' | '：' | '､' | '၊' | '፣' | '፤')
}

/// True if a sentence ends between `text` and `next`: at marks and closing quotes before white space; at full-width marks
/// and their like, and at an ellipsis before a non-ASCII character, unless a further closing mark follows.
fn ends_sentence(text: &str, next: char) -> bool {
    let closing = |c: char| {
        "\"')]}*_".contains(c) || matches!(c, '”' | '’' | '»' | '」' | '』' | '）' | '】' | '》')
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
