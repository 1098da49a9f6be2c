//! The tokens of a turn that has no result yet: the last count of each message, added up. A result's own count replaces it.

use super::super::prelude::*;
use crate::codec::Cursor;

/// The counts as the runtime prints them, under any message or result.
pub(super) fn usage(json: &str) -> Option<Usage> {
    Cursor::read(json, counts)
}

fn counts(at: &mut Cursor<'_>) -> Option<Usage> {
    let mut usage = Usage::default();
    at.members(|at, key| {
        let count = match &*key {
            "input_tokens" => &mut usage.input_tokens,
            "output_tokens" => &mut usage.output_tokens,
            "cache_read_input_tokens" => &mut usage.cache_read_tokens,
            "cache_creation_input_tokens" => &mut usage.cache_write_tokens,
            "thinking_tokens" => &mut usage.reasoning_tokens,
            "output_tokens_details" => {
                let (_, details) = at.part(counts)?;
                usage.reasoning_tokens = details.and_then(|details| details.reasoning_tokens);
                return Some(());
            }
            _ => return at.raw().map(drop),
        };
        *count = at.raw()?.parse().ok();
        Some(())
    })?;
    Some(usage)
}

/// What the messages of the open turn have used.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// The messages before the one that is counted now.
    before: Usage,
    /// The message that is counted and its last count.
    id: String,
    last: Usage,
}

impl Tally {
    /// A count of the message `id`, or of the one that was counted last if it has no id.
    pub(super) fn count(&mut self, id: &str, new: Usage, emit: &mut Emit<'_>) {
        if !id.is_empty() && id != self.id {
            self.before = sum(self.before, self.last);
            self.last = Usage::default();
            id.clone_into(&mut self.id);
        }
        self.last = Usage {
            input_tokens: new.input_tokens.or(self.last.input_tokens),
            output_tokens: new.output_tokens.or(self.last.output_tokens),
            cache_read_tokens: new.cache_read_tokens.or(self.last.cache_read_tokens),
            cache_write_tokens: new.cache_write_tokens.or(self.last.cache_write_tokens),
            reasoning_tokens: new.reasoning_tokens.or(self.last.reasoning_tokens),
            total_tokens: None,
        };
        let usage = Some(sum(self.before, self.last));
        emit.note_spent(&Spent { usage, ..Spent::default() });
    }

    /// The turn is over.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
