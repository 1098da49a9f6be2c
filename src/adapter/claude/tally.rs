//! The tokens of a turn that has no result yet: the last count of each message, added up. A result's own count replaces it.

use serde::Deserialize;

use super::super::json::sum;
use crate::event::{Spent, Usage};
use crate::guard::Guard;

/// Counts as the runtime prints them, under any message or result.
#[derive(Debug, Deserialize, Default)]
pub(super) struct Counts {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    output_tokens_details: Option<Details>,
}

#[derive(Debug, Deserialize, Default)]
struct Details {
    thinking_tokens: Option<u64>,
}

impl From<Counts> for Usage {
    fn from(counts: Counts) -> Self {
        Self {
            input_tokens: counts.input_tokens,
            output_tokens: counts.output_tokens,
            cache_read_tokens: counts.cache_read_input_tokens,
            cache_write_tokens: counts.cache_creation_input_tokens,
            reasoning_tokens: counts.output_tokens_details.and_then(|d| d.thinking_tokens),
            total_tokens: None,
        }
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
    pub(super) fn count(&mut self, id: &str, counts: Counts, guard: &mut Guard) {
        if !id.is_empty() && id != self.id {
            self.before = sum(self.before, self.last);
            self.last = Usage::default();
            id.clone_into(&mut self.id);
        }
        let new = Usage::from(counts);
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
