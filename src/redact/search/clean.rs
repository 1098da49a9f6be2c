//! Quick proof that a text has no secret, which most have not. It finds none; where there may be one it gives up.

use super::fingerprints::LENGTH;
use super::{Scratch, Search, Secrets};

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
        if self.shortest < LENGTH || form == Form::Json && (!self.is_plain || has_rare_escape(text))
        {
            return false;
        }
        let mut search = Search::default();
        scratch.load(&self.program, &[]);
        let mut at = 0;
        while let Some(index) = self.starts.window(&text[at..]) {
            at += index;
            let is_odd = form == Form::Json && is_behind_escape(text, at);
            if is_odd || self.starts.begins_value(&text[at..]) {
                return false;
            }
            let first = at;
            loop {
                let Some(byte) = text.get(at) else { return false };
                // What follows is the end of the text, or another character than in the text.
                if form == Form::Json && at > first && matches!(byte, b'"' | b'\\') {
                    return false;
                }
                search.byte(self, scratch, text, at);
                at += 1;
                if !search.covers.is_empty() || search.hidden.is_active() {
                    return false;
                }
                if scratch.is_empty() {
                    break;
                }
            }
        }
        true
    }
}

/// True if JSON has an escape for a character that may also stand for itself.
fn has_rare_escape(json: &[u8]) -> bool {
    memchr::memchr_iter(b'\\', json).any(|at| matches!(json.get(at + 1), Some(b'u' | b'/')))
}

/// True if the byte before a place may be the letter of an escape: it is no part of a word then.
fn is_behind_escape(json: &[u8], at: usize) -> bool {
    at.checked_sub(2).is_some_and(|before| json[before] == b'\\')
}
