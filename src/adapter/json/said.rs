//! A text that arrives in pieces and then again as a whole: what was said of it, so that the whole is not said twice.

use std::borrow::Cow;

use super::super::Emit;
use crate::codec::{self, MAX_LINE};
use crate::guard::Text;

/// A streamed text whose whole has not come yet.
#[derive(Debug, Default)]
pub struct Said {
    text: String,
    /// It grew past [`MAX_LINE`] and is not kept: no line can bring its whole.
    lost: bool,
    /// The emit has closed its block, because a tool began or its runtime said so.
    closed: bool,
}

impl Said {
    /// Says a piece under `text`.
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
    #[must_use]
    pub fn is(&self, whole: &str) -> bool {
        !self.lost && self.text == whole
    }

    /// True if it is the beginning of this, and not empty.
    #[must_use]
    pub fn begins(&self, whole: &str) -> bool {
        !self.lost && !self.text.is_empty() && codec::beyond(whole, &self.text).is_some()
    }

    /// What it lacks of a longer text that it begins; nothing if it does not.
    #[must_use]
    pub fn missing<'t>(&self, whole: &'t str) -> Cow<'t, str> {
        let rest = codec::beyond(whole, &self.text);
        rest.filter(|_| !self.lost).unwrap_or_default()
    }

    /// A text that was said as a whole.
    #[must_use]
    pub fn whole(text: &str) -> Self {
        Self { text: text.to_owned(), lost: false, closed: true }
    }

    /// The emit closed its block.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// The runtime says that the block is over, without its whole.
    pub fn stop(&mut self, text: &Text<'_>, emit: &mut Emit<'_>) {
        if !self.closed {
            emit.finish_block(text, None);
            self.closed = true;
        }
    }

    /// The whole has come: what is missing is said, and a text that differs supersedes what was said.
    pub fn confirm(self, text: &Text<'_>, whole: &str, emit: &mut Emit<'_>) {
        match (self.closed, codec::beyond(whole, &self.text).as_deref()) {
            (true, _) if self.lost => {}
            (true, Some("")) => {}
            (true, Some(missing)) => emit.finish_block(text, Some(missing)),
            (true, None) => emit.finish_block(text, Some(whole)),
            (false, _) if self.lost || whole.is_empty() => emit.finish_block(text, None),
            (false, _) => emit.finish_block(text, Some(whole)),
        }
    }
}
