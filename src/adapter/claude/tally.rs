//! The tokens of a turn that has no result yet: the last count of each message, added up. A result's own count replaces it.

use super::super::json::sum;
use crate::codec::Fields;
use crate::event::{Spent, Usage};
use crate::guard::Guard;

/// The counts as the runtime prints them, under any message or result.
pub(super) fn usage(fields: &Fields<'_>) -> Usage {
    let details = fields.object("output_tokens_details");
    Usage {
        input_tokens: fields.count("input_tokens"),
        output_tokens: fields.count("output_tokens"),
        cache_read_tokens: fields.count("cache_read_input_tokens"),
        cache_write_tokens: fields.count("cache_creation_input_tokens"),
        reasoning_tokens: details.and_then(|d| d.count("thinking_tokens")),
        total_tokens: None,
    }
}

/// What the messages of the open turn have used.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// The messages before the one that is counted now.
    before: Usage,
    /// The message that is counted now, and its last count.
    id: String,
    last: Usage,
}

impl Tally {
    /// A count of the message `id`, or of the one that was counted last if it has no id.
    pub(super) fn count(&mut self, id: &str, new: Usage, guard: &mut Guard) {
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
        guard.note_spent(&Spent {
            usage,
            ..Spent::default()
        });
    }

    /// The turn is over.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
