//! Texts that arrive in pieces and then again as a whole, which must not be emitted twice.

use super::Emit;
use crate::codec::{self, MAX_LINE};
use crate::guard::Text;

/// Limit of texts that are remembered; past that the least recently used one is forgotten.
const MAX_TEXTS: usize = 64;

/// A streamed text, as far as it was emitted.
#[derive(Debug, Default)]
pub struct StreamedText {
    text: String,
    /// True if it grew past [`MAX_LINE`] and is not kept: no line can bring its whole.
    lost: bool,
}

impl StreamedText {
    /// A text that was emitted as a whole.
    pub fn whole(text: &str) -> Self {
        Self { text: text.to_owned(), lost: false }
    }

    /// Emits a piece under `text`.
    pub fn delta(&mut self, text: &Text<'_>, delta: &str, emit: &mut Emit<'_>) {
        self.lost |= self.text.len() + delta.len() > MAX_LINE;
        if self.lost {
            self.text = String::new();
        } else {
            codec::append(&mut self.text, delta);
        }
        emit.delta(text, delta);
    }

    /// True if it is exactly this.
    pub fn is(&self, whole: &str) -> bool {
        !self.lost && self.text == whole
    }

    /// True if it is the beginning of this, and not empty.
    pub fn begins(&self, whole: &str) -> bool {
        !self.lost && !self.text.is_empty() && codec::strip_emitted(whole, &self.text).is_some()
    }

    /// Takes the whole as it stands now and emits what is new; a text that differs supersedes what was emitted.
    pub fn grow(&mut self, text: &Text<'_>, whole: &str, emit: &mut Emit<'_>) {
        match codec::strip_emitted(whole, &self.text) {
            Some(new) => emit.delta(text, &new),
            None => emit.finish_block(text, Some(whole)),
        }
        whole.clone_into(&mut self.text);
    }

    /// Takes the whole and closes the block: emits what is missing; a text that differs supersedes what was emitted.
    pub fn confirm(self, text: &Text<'_>, whole: &str, emit: &mut Emit<'_>) {
        let missing = codec::strip_emitted(whole, &self.text);
        let missing = missing.as_deref().unwrap_or(whole);
        if emit.is_open(text) {
            emit.finish_block(text, Some(whole).filter(|w| !self.lost && !w.is_empty()));
        } else if !self.lost && !missing.is_empty() {
            emit.finish_block(text, Some(missing));
        }
    }
}

#[derive(Debug, Default)]
pub struct StreamedTexts {
    /// The most recently used last.
    all: Vec<(String, StreamedText)>,
}

impl StreamedTexts {
    /// The text under this key.
    pub fn of(&mut self, key: &str) -> &mut StreamedText {
        let text = self.take(key).unwrap_or_default();
        if self.all.len() >= MAX_TEXTS {
            self.all.remove(0);
        }
        self.all.push((key.to_owned(), text));
        let last = self.all.len() - 1;
        &mut self.all[last].1
    }

    pub fn take(&mut self, key: &str) -> Option<StreamedText> {
        let at = self.all.iter().position(|(known, _)| known == key)?;
        Some(self.all.remove(at).1)
    }

    /// True if one of them is exactly this.
    pub fn any_is(&self, whole: &str) -> bool {
        self.all.iter().any(|(_, text)| text.is(whole))
    }

    pub fn clear(&mut self) {
        self.all.clear();
    }
}
