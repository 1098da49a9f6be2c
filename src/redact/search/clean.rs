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
        let is_searchable = match form {
            Form::Text => true,
            Form::Json => {
                self.starts.is_plain
                    && self.rare_escapes.iter().all(|escape| escape.find(text).is_none())
            }
        };
        if self.shortest < LENGTH || !is_searchable {
            return false;
        }
        let mut search = Search::default();
        scratch.load(&self.program, &[]);
        let mut at = 0;
        while let Some(index) = self.starts.window(&text[at..]) {
            at += index;
            if self.starts.begins_value(&text[at..]) {
                return false;
            }
            let begins = match form {
                Form::Text => self.starts.anywhere(text, at) != 0,
                Form::Json => self.starts.begins_in_json(text, at),
            };
            if !begins {
                at += 1;
                continue;
            }
            if form == Form::Json && is_behind_escape(text, at) {
                return false;
            }
            // What follows is the end of a text, or another character than in the text.
            let special = memchr::memchr2(b'"', b'\\', &text[at + 1..]);
            let end = match (form, special) {
                (Form::Json, Some(special)) => at + 1 + special,
                _ => text.len(),
            };
            let text = &text[..end];
            loop {
                if at == end {
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

impl Search {
    /// Passes a piece that is written in JSON without counting it, if nothing is undecided and nothing begins in it.
    pub fn pass_json(&mut self, secrets: &Secrets, json: &[u8]) -> bool {
        let has_rare = || secrets.rare_escapes.iter().any(|escape| escape.find(json).is_some());
        let passes = self.is_idle()
            && secrets.starts.is_plain
            && secrets.starts.is_clean_piece(json)
            && !has_rare();
        if passes && let Some(last) = json.last() {
            // Behind an escape a word can begin, whatever its letter is.
            let is_escape = json.len() > 1 && json[json.len() - 2] == b'\\';
            self.recent.push(if is_escape { b"\n" } else { std::slice::from_ref(last) });
        }
        passes
    }
}

/// True if the byte before a place may be the letter of an escape: it is no part of a word then.
fn is_behind_escape(json: &[u8], at: usize) -> bool {
    let is_word = json[at].is_ascii_alphanumeric() || json[at] == b'_';
    is_word && at.checked_sub(2).is_some_and(|before| json[before] == b'\\')
}
