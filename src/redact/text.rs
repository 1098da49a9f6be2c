//! A text that arrives in pieces, and the parts of it that are hidden.

use super::finder::Finder;
use super::search::HIDDEN_BEGINNING;
use super::{RuleId, Search, Span};

/// A part of a text that is hidden, in bytes from the text's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hidden {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) rule: RuleId,
    /// Keyed hash of the secret, if replacements have one.
    pub(super) digest: Option<u32>,
}

/// Parts that are remembered for the text's repetition at its end; of a text with more of them the repetition is searched.
const MAX_PARTS: usize = 1 << 16;

/// Bytes that are searched at once.
const MAX_PIECE: usize = 64 << 10;

/// Bytes of a secret that are waited for to hash it: of a longer one the beginning is hashed.
const MAX_HASHED: u64 = 1 << 16;

/// True if a range of a text has fewer characters than a beginning that is hidden.
fn is_short(text: &[u8], start: u64, end: u64) -> bool {
    let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
    let range = text.get(at(start)..at(end)).unwrap_or(text);
    range.iter().filter(|byte| **byte & 0xC0 != 0x80).count() < HIDDEN_BEGINNING
}

/// A text and what was found in it.
#[derive(Debug, Default, Clone)]
pub(super) struct Text {
    search: Search,
    /// In order, without overlap.
    hidden: Vec<Hidden>,
    length: u64,
    decided: u64,
    /// The bytes from `decided` on, kept where a keyed hash needs them.
    undecided: Vec<u8>,
    /// True if parts are no longer remembered.
    forgets: bool,
    /// True if pieces before the first hidden part were passed without being counted: offsets are less by their length.
    skips: bool,
}

/// Continuation of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Continuation {
    Possible,
    /// The text is over, or its time is up.
    Ignored,
}

impl Text {
    /// A text in which hiding goes on, if it had not ended in the one before.
    pub(super) fn after(search: &Search) -> Self {
        Self { search: Search::after(search), ..Self::default() }
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Offset up to which it is certain what is hidden.
    pub(super) fn decided(&self) -> u64 {
        self.decided
    }

    pub(super) fn hidden(&self) -> &[Hidden] {
        &self.hidden
    }

    /// Hides more parts of a text that has ended.
    pub(super) fn hide(&mut self, mut parts: Vec<Hidden>) {
        self.hidden.append(&mut parts);
        self.hidden.sort_by_key(|part| (part.start, std::cmp::Reverse(part.end)));
        self.hidden.dedup_by(|next, part| {
            let overlaps = next.start < part.end;
            part.end = if overlaps { part.end.max(next.end) } else { part.end };
            overlaps
        });
    }

    /// Keeps the hidden parts of some rules.
    pub(super) fn keep(&mut self, counts: impl Fn(RuleId) -> bool) {
        self.hidden.retain(|part| counts(part.rule));
    }

    /// The search, if everything is hidden behind the end of this text until an end marker comes.
    pub(super) fn hiding(&self) -> Option<&Search> {
        self.search.is_hiding().then_some(&self.search)
    }

    /// Passes a piece that is the inside of a JSON string, if it surely has nothing to hide; reading it takes longer.
    pub(super) fn pass(&mut self, finder: &mut Finder, raw: &str) -> bool {
        let passes = self.hidden.is_empty()
            && !finder.marks.is_keyed()
            && self.search.pass_json(&finder.secrets, &mut finder.scratch, raw.as_bytes());
        self.skips |= passes;
        passes
    }

    pub(super) fn feed(&mut self, finder: &mut Finder, piece: &[u8]) {
        // In parts, so that little is kept for a hash.
        for piece in piece.chunks(MAX_PIECE) {
            let Finder { secrets, scratch, found, marks, .. } = finder;
            if marks.is_keyed() {
                self.undecided.extend_from_slice(piece);
            }
            self.search.feed(secrets, scratch, piece, found);
            self.length += piece.len() as u64;
            self.take(finder, Continuation::Possible);
        }
    }

    /// Ends a text that was not cut.
    pub(super) fn end_whole(&mut self, finder: &mut Finder) {
        let Finder { secrets, scratch, found, .. } = finder;
        self.search.end_whole(secrets, scratch, found);
        self.take(finder, Continuation::Ignored);
    }

    /// Ends the text.
    pub(super) fn end(&mut self, finder: &mut Finder) {
        let Finder { secrets, scratch, found, .. } = finder;
        self.search.end(secrets, scratch, found);
        self.take(finder, Continuation::Ignored);
    }

    /// Decides what is undecided because its time is up.
    pub(super) fn settle(&mut self, finder: &mut Finder) {
        self.search.settle(&finder.secrets, &mut finder.found);
        self.take(finder, Continuation::Ignored);
    }

    /// True if what was hidden of this text is right for one that repeats it, in which `found` are the parts to hide: it has
    /// the same length, and each part is hidden, but for a beginning of five characters that left because its time was up.
    pub(super) fn is_repeated_by(&mut self, text: &[u8], found: &[Hidden]) -> bool {
        let length = text.len() as u64;
        if std::mem::take(&mut self.skips) {
            let skipped = length.saturating_sub(self.length);
            self.length += skipped;
            for part in &mut self.hidden {
                (part.start, part.end) = (part.start + skipped, part.end + skipped);
            }
        }
        let covers = |part: &Hidden| {
            let first = self.hidden.partition_point(|own| own.end <= part.start);
            let hidden = self.hidden[first..].iter().take_while(|own| own.start < part.end);
            let reached = hidden.fold(part.start, |reached, own| match own.start {
                start if start <= reached || is_short(text, reached, start) => own.end,
                _ => reached,
            });
            reached >= part.end
        };
        self.length == length && !self.forgets && found.iter().all(covers)
    }

    fn take(&mut self, finder: &mut Finder, continuation: Continuation) {
        for span in finder.found.drain(..) {
            self.push(span);
        }
        let mut decided = self.search.decided();
        let Some(key) = finder.marks.key() else {
            self.decided = decided;
            return;
        };
        // A part that may get longer is no secret to hash yet, unless too much would wait for its end.
        if let (Some(last), Continuation::Possible) = (self.hidden.last(), continuation)
            && last.end == self.length
            && last.end - last.start < MAX_HASHED
            && last.digest.is_none()
        {
            decided = decided.min(last.start);
        }
        let base = self.decided;
        let new = self.hidden.partition_point(|part| part.end <= base);
        for part in self.hidden[new..].iter_mut().filter(|part| part.end <= decided) {
            let at = |offset: u64| usize::try_from(offset.saturating_sub(base)).unwrap_or(0);
            let secret = self.undecided.get(at(part.start)..at(part.end)).unwrap_or_default();
            part.digest.get_or_insert_with(|| key.digest(part.rule, secret));
        }
        self.undecided.drain(..usize::try_from(decided - base).unwrap_or(0));
        self.decided = decided;
    }

    fn push(&mut self, span: Span) {
        match self.hidden.last_mut() {
            Some(last) if span.continues && last.end == span.start => last.end = span.end,
            _ => {
                if self.hidden.len() >= MAX_PARTS {
                    let left = self.hidden.partition_point(|part| part.end <= self.decided);
                    self.hidden.drain(..left);
                    self.forgets = true;
                }
                let Span { start, end, rule, .. } = span;
                self.hidden.push(Hidden { start, end, rule, digest: None });
            }
        }
    }
}
