//! The tokens of a turn that has no result yet: the last count of each message, added up. A result's own count replaces it.

use super::super::keys::{ANY, Keys};
use super::super::prelude::*;
use crate::codec::Cursor;

/// The counts as the runtime prints them, under any message or result.
pub(super) fn usage(json: &str) -> Option<Usage> {
    Cursor::read(json, |at| counts(at, &ANY)).map(|(usage, _)| usage)
}

/// The counts, and true if there is an unknown key among them.
pub(super) fn counts(at: &mut Cursor<'_>, keys: &Keys) -> Option<(Usage, bool)> {
    let (mut usage, mut odd) = (Usage::default(), false);
    at.members(|at, key| {
        let count = match &*key {
            "input_tokens" => &mut usage.input_tokens,
            "output_tokens" => &mut usage.output_tokens,
            "cache_read_input_tokens" => &mut usage.cache_read_tokens,
            "cache_creation_input_tokens" => &mut usage.cache_write_tokens,
            "thinking_tokens" => &mut usage.reasoning_tokens,
            "output_tokens_details" => {
                let (_, details) = at.part(|at| counts(at, keys))?;
                usage.reasoning_tokens = details.and_then(|(details, _)| details.reasoning_tokens);
                odd |= details.is_none_or(|(_, odd)| odd);
                return Some(());
            }
            key => {
                odd |= keys.skip(at, key)?;
                return Some(());
            }
        };
        *count = at.raw()?.parse().ok();
        Some(())
    })?;
    Some((usage, odd))
}

/// The tokens of the open turn's messages.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// The messages before the one that is counted now.
    before: Usage,
    /// The message that is counted, and its last count.
    pub id: String,
    last: Usage,
}

impl Tally {
    /// Another message is counted from here on.
    pub(super) fn begin(&mut self, id: &str) {
        self.before = sum(self.before, std::mem::take(&mut self.last));
        id.clone_into(&mut self.id);
    }

    /// A count of the message that is counted.
    pub(super) fn count(&mut self, new: Usage, emit: &mut Emit<'_>) {
        self.last = new.merge(self.last, Option::or);
        emit.note_spent(&Some(sum(self.before, self.last)).into());
    }
}
