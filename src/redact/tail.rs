//! The tail of stderr at the end of a failed turn. It is cut anywhere, also within a secret, but its lines came before as
//! events: what was hidden in those is hidden in the tail, and so is the end of it at the tail's beginning.

use std::collections::VecDeque;

use super::RuleId;
use super::search::HIDDEN_BEGINNING;
use super::text::Hidden;

/// Secrets that are remembered, more than a tail has lines.
const MAX_SECRETS: usize = 128;

/// Longest secret that is remembered, in bytes: a tail is no longer.
const MAX_LENGTH: usize = 4096;

/// Secrets of the last log lines of a stream.
#[derive(Debug, Default)]
pub(super) struct Logged(VecDeque<(RuleId, Vec<u8>)>);

impl Logged {
    /// Remembers what was hidden in a line.
    pub(super) fn add(&mut self, line: &[u8], hidden: &[Hidden]) {
        for part in hidden {
            let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
            let secret = line.get(at(part.start)..at(part.end)).unwrap_or_default();
            if secret.len() <= MAX_LENGTH && !self.0.iter().any(|(_, known)| known == secret) {
                if self.0.len() >= MAX_SECRETS {
                    self.0.pop_front();
                }
                self.0.push_back((part.rule, secret.to_vec()));
            }
        }
    }

    /// Parts of a tail to hide, in any order: remembered secrets, and the end of one at its beginning.
    pub(super) fn find(&self, tail: &[u8]) -> Vec<Hidden> {
        let mut found = Vec::new();
        let mut hide = |start: usize, length: usize, rule: RuleId| {
            let (start, end) = (start as u64, (start + length) as u64);
            found.push(Hidden { start, end, rule, digest: None });
        };
        for (rule, secret) in &self.0 {
            memchr::memmem::find_iter(tail, secret).for_each(|at| hide(at, secret.len(), *rule));
            let ends = (1..secret.len()).map(|at| &secret[at..]);
            let end = ends.take_while(|end| is_long(end)).find(|end| tail.starts_with(end));
            end.into_iter().for_each(|end| hide(0, end.len(), *rule));
        }
        found
    }
}

fn is_long(text: &[u8]) -> bool {
    text.iter().filter(|byte| **byte & 0xC0 != 0x80).count() >= HIDDEN_BEGINNING
}
