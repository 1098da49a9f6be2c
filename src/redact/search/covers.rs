//! Ranges of a text that certainly belong to secrets, merged, until they can leave in order. Never reports a byte twice.

use std::ops::Range;

use super::secrets::RuleId;

/// A part of a text that belongs to a secret. Offsets are bytes from the text's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u64,
    /// First byte behind it, greater than `start`.
    pub end: u64,
    /// Rule of the earliest occurrence in it, and of the last to be complete of several that begin at the same byte.
    pub rule: RuleId,
    /// True if it continues the previous span, which ended where it starts: both are one secret and get one replacement.
    pub continues: bool,
}

/// Spans that wait because something before them is undecided.
#[derive(Debug, Default, Clone)]
pub struct Covers {
    /// In order, without overlap, none before `released`.
    waiting: Vec<Span>,
    released: u64,
    /// End of the last span that left.
    left: u64,
}

impl Covers {
    /// Offset before which everything has left.
    pub fn released(&self) -> u64 {
        self.released
    }

    /// Adds a range that belongs to a secret. Ranges that overlap become one; ranges that only touch do not.
    pub fn add(&mut self, range: Range<u64>, rule: RuleId) {
        let start = range.start.max(self.released);
        if start >= range.end {
            return;
        }
        let continues = range.start < self.left && self.left == self.released;
        let mut merged = Span { start, end: range.end, rule, continues };
        let first = self.waiting.partition_point(|span| span.end <= start);
        let count = self.waiting[first..].iter().take_while(|s| s.start < range.end).count();
        for span in &self.waiting[first..first + count] {
            if span.start < merged.start {
                merged.rule = span.rule;
            }
            merged.start = merged.start.min(span.start);
            merged.end = merged.end.max(span.end);
            merged.continues |= span.continues;
        }
        if count == 1 {
            self.waiting[first] = merged;
        } else {
            self.waiting.splice(first..first + count, [merged]);
        }
    }

    /// True if no span waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Everything before `until` is decided, and nothing waits.
    pub fn pass(&mut self, until: u64) {
        self.released = until;
    }

    /// Everything before `until` is decided: moves the spans to `found` that begin there, whole, and those that begin
    /// where these end.
    pub fn release(&mut self, until: u64, found: &mut Vec<Span>) {
        let mut decided = until.max(self.released);
        let mut count = 0;
        for span in &self.waiting {
            if span.start > decided {
                break;
            }
            decided = decided.max(span.end);
            count += 1;
        }
        if let Some(last) = self.waiting[..count].last() {
            self.left = last.end;
            found.extend(self.waiting.drain(..count));
        }
        self.released = decided;
    }
}

#[cfg(test)]
impl Covers {
    pub fn capacity(&self) -> usize {
        self.waiting.capacity()
    }
}
