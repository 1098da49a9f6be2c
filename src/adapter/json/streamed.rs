//! A text that arrives in pieces and then again as a whole, which must not be emitted twice.

use std::borrow::Cow;

use super::super::Emit;
use crate::codec::{self, MAX_LINE};
use crate::guard::Text;

/// A streamed text whose whole has not come yet.
#[derive(Debug, Default)]
pub struct StreamedText {
    text: String,
    /// True if it grew past [`MAX_LINE`] and is not kept: no line can bring its whole.
    lost: bool,
    /// True if its block is closed, because a tool began or its runtime said so.
    closed: bool,
}

impl StreamedText {
    /// Emits a piece under `text`.
    pub fn delta(&mut self, text: &Text<'_>, delta: &str, emit: &mut Emit<'_>) {
        self.lost |= self.text.len() + delta.len() > MAX_LINE;
        if self.lost {
            self.text = String::new();
        } else {
            codec::append(&mut self.text, delta);
        }
        self.closed = false;
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

    /// The rest of a longer text that it begins; nothing if it does not.
    pub fn missing<'t>(&self, whole: &'t str) -> Cow<'t, str> {
        let rest = codec::strip_emitted(whole, &self.text);
        rest.filter(|_| !self.lost).unwrap_or_default()
    }

    /// A text that was emitted as a whole.
    pub fn whole(text: &str) -> Self {
        Self { text: text.to_owned(), lost: false, closed: true }
    }

    /// Notes that its block is closed.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Closes its block, without its whole.
    pub fn stop(&mut self, text: &Text<'_>, emit: &mut Emit<'_>) {
        if !std::mem::replace(&mut self.closed, true) {
            emit.finish_block(text, None);
        }
    }

    /// Takes the whole: emits what is missing; a text that differs supersedes what was emitted.
    pub fn confirm(self, text: &Text<'_>, whole: &str, emit: &mut Emit<'_>) {
        let missing = codec::strip_emitted(whole, &self.text);
        let missing = missing.as_deref().unwrap_or(whole);
        if !self.closed {
            emit.finish_block(text, Some(whole).filter(|w| !self.lost && !w.is_empty()));
        } else if !self.lost && !missing.is_empty() {
            emit.finish_block(text, Some(missing));
        }
    }
}
