//! The tokens of a turn that has no result yet: the counts of each message, added up. A result's own count replaces it.

use std::collections::VecDeque;

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

/// Limit of the messages whose count may still change, those of sub-agents among them.
const MAX_MESSAGES: usize = 64;

/// The tokens of the open turn's messages.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Sum over all messages.
    all: Usage,
    /// The last messages of which something was counted, in this order.
    messages: VecDeque<Counted>,
}

#[derive(Debug)]
struct Counted {
    /// The sub-agent's tool call.
    parent: Option<String>,
    id: String,
    usage: Usage,
}

impl Tally {
    /// Counts are of this message from here on. A message of a sub-agent may come between the lines of one.
    pub(super) fn resume(&mut self, parent: Option<&str>, id: &str) {
        let known = self.messages.iter().rposition(|message| message.id == id);
        if known.is_some_and(|at| at + 1 == self.messages.len()) {
            return;
        }
        match known.and_then(|at| self.messages.remove(at)) {
            Some(message) => self.messages.push_back(message),
            None => self.begin(parent, id),
        }
    }

    /// Counts are of another message from here on.
    pub(super) fn begin(&mut self, parent: Option<&str>, id: &str) {
        if self.messages.len() >= MAX_MESSAGES {
            self.messages.pop_front();
        }
        let (parent, id) = (parent.map(str::to_owned), id.to_owned());
        self.messages.push_back(Counted { parent, id, usage: Usage::default() });
    }

    /// Takes a count of the last message of the main agent or of this sub-agent. The counts of a message only grow: a line may
    /// repeat the first, and the last may have only the output.
    pub(super) fn count(&mut self, parent: Option<&str>, new: Usage, emit: &mut Emit<'_>) {
        let is_theirs = |message: &Counted| message.parent.as_deref() == parent;
        if !self.messages.iter().any(is_theirs) {
            self.begin(parent, "");
        }
        if let Some(last) = self.messages.iter_mut().rfind(|message| is_theirs(message)) {
            let grown = new.merge(last.usage, Option::max);
            if grown == last.usage {
                return;
            }
            let more = grown.merge(last.usage, growth);
            (self.all, last.usage) = (sum(self.all, more), grown);
        }
        emit.report_spent(&Some(self.all).into());
    }
}

/// Difference of a count that has grown.
fn growth(count: Option<u64>, before: Option<u64>) -> Option<u64> {
    count.map(|count| count.saturating_sub(before.unwrap_or(0)))
}
