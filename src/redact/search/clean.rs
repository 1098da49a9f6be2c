//! Quick proof that a text has no secret, which most have not. It finds none; where there may be one it gives up.

use std::ops::Range;

use aho_corasick::packed::Searcher;

use super::fingerprints::LENGTH;
use super::recent::Recent;
use super::{Scratch, Search, Secrets};
use crate::redact::escaped;

/// Form of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The text itself.
    Text,
    /// JSON with texts, in which values stand in their escaped forms.
    Json,
}

impl Secrets {
    /// True if a whole text, or each text in a line of JSON, surely has nothing to hide. False says nothing.
    pub fn is_clean(&self, scratch: &mut Scratch, text: &[u8], form: Form) -> bool {
        self.shortest >= LENGTH
            && match form {
                Form::Text => self.is_clean_text(scratch, text),
                Form::Json => {
                    self.starts.is_plain
                        && !self.has_rare_escape(text)
                        && self.is_clean_json(scratch, text, Recent::default())
                }
            }
    }

    /// True if a JSON text may have an escape that stands for a character which could stand there without one.
    fn has_rare_escape(&self, json: &[u8]) -> bool {
        let has_any = |escapes: &Searcher, from: usize| escapes.find(&json[from..]).is_some();
        memchr::memchr(b'\\', json)
            .is_some_and(|first| self.rare_escapes.as_ref().is_none_or(|all| has_any(all, first)))
    }

    /// Searches a text from each place on where something can begin, until nothing is undecided.
    fn is_clean_text(&self, scratch: &mut Scratch, text: &[u8]) -> bool {
        let mut at = 0;
        while let Some(index) = self.starts.window(&text[at..]) {
            at += index;
            if !self.starts.begins_value(&text[at..]) && self.starts.anywhere(text, at) == 0 {
                at += 1;
                continue;
            }
            let mut recent = Recent::default();
            recent.push(&text[..at]);
            let (mut search, mut found) = (Search::behind(recent), Vec::new());
            at += search.feed_some(self, scratch, &text[at..], &mut found);
            if !search.is_idle() {
                search.end(self, scratch, &mut found);
            }
            if !found.is_empty() || search.is_hiding() {
                return false;
            }
        }
        true
    }

    /// Searches each string from each place on where something can begin, until nothing is undecided. If the text is a piece
    /// of a string, `earlier` is before it.
    fn is_clean_json(&self, scratch: &mut Scratch, json: &[u8], earlier: Recent) -> bool {
        // The next quote or escape, if it is behind `at`.
        let (mut at, mut special) = (0, 0);
        while let Some(index) = self.starts.place(&json[at..]) {
            at += index;
            if self.starts.begins_value(&json[at..]) {
                return false;
            }
            let begin = at.saturating_sub(usize::from(json[at] == b'\\'));
            let recent = behind(earlier, &json[..begin]);
            let begins = self.starts.patterns_in_json(recent.last(), json, at) != 0;
            if !begins || !is_character(json, at) {
                at += 1;
                continue;
            }
            if special <= at {
                special = next_special(json, at + 1);
            }
            match self.clean_until(scratch, recent, json, at..special) {
                Some(end) => at = end,
                None => return false,
            }
        }
        true
    }

    /// Searches a string from the character on that ends with the first byte of a range, to the quote or escape at the range's
    /// end and perhaps further; `recent` is before it. Returns a place before which nothing is hidden or undecided; `None` if
    /// something may be.
    fn clean_until(
        &self,
        scratch: &mut Scratch,
        recent: Recent,
        json: &[u8],
        range: Range<usize>,
    ) -> Option<usize> {
        let mut search = Search::behind(recent);
        let mut found = Vec::new();
        let Range { start: mut from, mut end } = range;
        loop {
            from += search.feed_some(self, scratch, &json[from..end], &mut found);
            let is_over = from == end && json.get(end) == Some(&b'"');
            if is_over {
                search.end(self, scratch, &mut found);
            }
            if !found.is_empty() || search.is_hiding() {
                return None;
            }
            if is_over || search.is_idle() {
                return Some(from);
            }
            if end == json.len() {
                return None;
            }
            let (length, char) = escaped::escape(&json[end..]);
            search.feed(self, scratch, char.encode_utf8(&mut [0; 4]).as_bytes(), &mut found);
            from = end + length;
            end = next_special(json, from);
        }
    }
}

impl Search {
    /// A search of a text from a place on, which `recent` is before.
    fn behind(recent: Recent) -> Self {
        Self { recent, ..Self::default() }
    }

    /// Passes a piece that is written in JSON without counting it, if it has nothing to hide and nothing is undecided at
    /// either end.
    pub fn pass_json(&mut self, secrets: &Secrets, scratch: &mut Scratch, json: &[u8]) -> bool {
        let passes = self.is_idle()
            && secrets.starts.is_plain
            && !secrets.starts.has_values()
            && !secrets.has_rare_escape(json)
            && secrets.is_clean_json(scratch, json, self.recent);
        if passes {
            self.recent = behind(self.recent, json);
        }
        passes
    }
}

/// The first quote or backslash from a place on, or the end.
fn next_special(json: &[u8], from: usize) -> usize {
    memchr::memchr2(b'"', b'\\', &json[from..]).map_or(json.len(), |at| from + at)
}

/// True if the text has this byte: it is neither the beginning of an escape nor its letter, unless that is a backslash.
fn is_character(json: &[u8], at: usize) -> bool {
    (json[at] == b'\\') == is_escaped(json, at)
}

/// The last bytes of the string that is open where a JSON text ends; `earlier` is before it.
fn behind(mut earlier: Recent, json: &[u8]) -> Recent {
    let (mut end, mut bytes, mut first) = (json.len(), [0; 2], 2);
    while let (Some(last), 1..) = (end.checked_sub(1), first) {
        first -= 1;
        (end, bytes[first]) = match (json[last], is_escaped(json, last)) {
            (_, true) => {
                let (_, char) = escaped::escape(&json[last - 1..]);
                let byte = char.encode_utf8(&mut [0; 4]).bytes().last();
                (last - 1, byte.unwrap_or_default())
            }
            (b'"', false) => {
                first += 1;
                break;
            }
            (byte, false) => (last, byte),
        };
    }
    earlier.push(&bytes[first..]);
    earlier
}

/// True of a byte behind an odd number of backslashes.
fn is_escaped(json: &[u8], at: usize) -> bool {
    json[..at].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}
