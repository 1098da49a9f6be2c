//! Where a line of text may be cut, and what in it stays whole while it fits: links, URLs and inline code.

use std::ops::Range;

use super::units::{boundary_before, is_boundary};

/// A piece of a line that is not cut while it fits.
pub(super) type Piece = Range<usize>;

/// What was found whole in the beginning of a line.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// In order; they do not overlap.
    pub whole: Vec<Piece>,
    /// Where something begins whose end has not come; in a complete line nothing does.
    pub unended: Vec<usize>,
}

/// Open brackets that are remembered; a deeper one is text.
const MAX_DEPTH: usize = 32;

/// What a URL begins with, the longer of two that end alike first.
const SCHEMES: [&str; 3] = ["https", "http", "ftp"];

/// What a piece may be at most.
pub(super) struct Most<F> {
    /// In bytes, at least as much as fits.
    pub bytes: usize,
    /// Whether a text fits.
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
        pieces: Pieces::default(),
    };
    while seek.at < text.len() && (seek.at < upto || !seek.brackets.is_empty()) {
        seek.step();
    }
    let fits = |start: usize| text.len() - start <= most.bytes && (most.fits)(&text[start..]);
    let mut found = seek.pieces;
    found.unended.extend(seek.brackets);
    found.unended.retain(|start| !complete && *start < upto && fits(*start));
    // What begins before `upto` may turn out to be a URL a few bytes behind it.
    let soon = !complete && text.len() < upto + "https://".len();
    found.unended.extend(upto.checked_sub(1).filter(|_| soon));
    found.whole.retain(|piece| piece.start < upto);
    found
}

struct Seek<'a, F> {
    text: &'a str,
    bytes: &'a [u8],
    most: &'a Most<F>,
    at: usize,
    /// Where brackets have opened.
    brackets: Vec<usize>,
    pieces: Pieces,
}

impl<F: Fn(&str) -> bool> Seek<'_, F> {
    fn step(&mut self) {
        // Most text is nothing of this.
        let Some(found) = self.bytes[self.at..]
            .iter()
            .position(|c| matches!(c, b'\\' | b'`' | b'[' | b']' | b':'))
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
            _ => {}
        }
    }

    /// A piece, if it fits; pieces inside it are its own, and the search goes on behind it.
    fn found(&mut self, piece: Piece) {
        if piece.len() > self.most.bytes || !(self.most.fits)(&self.text[piece.clone()]) {
            return;
        }
        self.at = self.at.max(piece.end);
        let whole = &mut self.pieces.whole;
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
                self.pieces.unended.push(start);
            }
            if other == len {
                return self.found(start..at);
            }
        }
        self.pieces.unended.push(start);
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
            None => return self.pieces.unended.push(start),
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
            }
        }
        self.pieces.unended.push(start);
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
                self.pieces.unended.push(start);
                self.found(start..horizon);
            }
        }
    }
}

/// A place where a line may be cut: a part ends at `end`, the next begins at `next`, white space lies between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Break {
    pub end: usize,
    pub next: usize,
    /// It is the end of a sentence.
    pub sentence: bool,
}

/// Whether a line may be broken at this white space: U+00A0, U+2007 and U+202F are no break.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() && !matches!(c, '\n' | '\u{A0}' | '\u{2007}' | '\u{202F}')
}

/// The breaks in `text` that end behind `from` and at or before `upto`, the last first; `text` goes on behind `upto`.
///
/// White space at the line's end is no break here, unless there is more of it than `most`, in bytes: that is the line's
/// own. [`Break::end`] is never in a piece.
pub(super) fn breaks<'a>(
    text: &'a str,
    from: usize,
    upto: usize,
    most: usize,
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
            let inside = || pieces.whole.iter().any(|p| p.start < end && end < p.end);
            if !(spaced || sentence) || inside() {
                continue;
            }
            let spaces = text[end..].find(|c| !is_space(c));
            let len = match spaces {
                Some(len) if len <= most => len,
                None if text.len() - end <= most => continue,
                _ => floor(&text[end..], most),
            };
            let next = boundary_before(text, end + len);
            if is_boundary(text, end)
                && (next > end || !spaced)
                && spaces.is_none_or(|len| next == end + len || len > most)
            {
                return Some(Break { end, next, sentence });
            }
        }
        None
    })
}

/// The last boundary between characters at or before `at`.
pub(super) fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn ceil(text: &str, at: usize) -> usize {
    (at..text.len()).find(|i| text.is_char_boundary(*i)).unwrap_or(text.len())
}

/// Whether a sentence ends with `text`, if `next` follows: marks and closing quotes before white space; the full-width
/// marks, and an ellipsis before what is not ASCII, before anything that does not go on closing.
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
    let full = |c: char| matches!(c, '。' | '！' | '？' | '｡');
    let Some(mark) = text.chars().rev().take(8).find(|c| !closing(*c)) else {
        return false;
    };
    let goes_on = full(next) || matches!(next, '…' | '”' | '’' | '」' | '』' | '）' | '】' | '》');
    match mark {
        '.' | '!' | '?' => is_space(next),
        '…' => is_space(next) || !(next.is_ascii() || goes_on),
        c => full(c) && !goes_on,
    }
}
