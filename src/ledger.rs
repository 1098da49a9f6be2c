//! Pure state machine of the delivery ledger; `run` makes its decisions durable before anything is sent.
//!
//! At-least-once with stable ids, in order per stream; exactly-once at a sink that recognises the id within its window
//! or can be probed.

mod entry;
mod plan;
mod queue;
mod row;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::backoff::{Backoff, MAX_ASKED};
pub use entry::{Entry, content};
pub use plan::{PlanVerdict, Planner, Stored};
pub use queue::{Change, Held, Item, ProbeAnswer, SinkQueue, Step};
pub use row::{Row, RowHead};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// To be sent; nothing of it has left.
    Planned,
    /// Possibly under way; written before the first byte leaves.
    Sending,
    /// Arrived; final.
    Sent,
    /// Refused, not arrived. Only the user continues from here.
    Failed,
    /// In doubt, and no probe can tell.
    Unknown,
    /// Too old to be sent; final.
    Expired,
}

impl State {
    pub const NAMES: [(State, &'static str); 6] = [
        (State::Planned, "planned"),
        (State::Sending, "sending"),
        (State::Sent, "sent"),
        (State::Failed, "failed"),
        (State::Unknown, "unknown"),
        (State::Expired, "expired"),
    ];

    pub fn name(self) -> &'static str {
        name(&Self::NAMES, self)
    }

    pub fn parse(text: &str) -> Option<Self> {
        named(&Self::NAMES, text)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mark {
    #[default]
    None,
    /// Sent again while in doubt: the sink may have it twice.
    Resent,
    /// Later deliveries no longer wait for it, by `--in-doubt skip` or the user's decision.
    Skipped,
}

impl Mark {
    const NAMES: [(Mark, &'static str); 3] =
        [(Mark::None, ""), (Mark::Resent, "resent"), (Mark::Skipped, "skipped")];

    pub fn name(self) -> &'static str {
        name(&Self::NAMES, self)
    }

    pub fn parse(text: &str) -> Option<Self> {
        named(&Self::NAMES, text)
    }
}

fn name<T: PartialEq>(names: &[(T, &'static str)], value: T) -> &'static str {
    names.iter().find(|(v, _)| *v == value).map_or("", |(_, n)| n)
}

fn named<T: Copy>(names: &[(T, &'static str)], text: &str) -> Option<T> {
    names.iter().find(|(_, n)| *n == text).map(|(v, _)| *v)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ability {
    /// The sink recognises the id for this long, so a resend is harmless; [`Duration::MAX`] for ever.
    Idempotent(Duration),
    /// The sink or a command can be probed: a file is read back, `--reconcile` answers.
    Probed,
    Blind,
}

/// Treatment of a delivery in doubt that cannot be probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InDoubt {
    /// Sent again and marked, possibly a duplicate.
    Resend,
    /// Held, with its stream, for `spile ledger retry` or `forget`.
    #[default]
    Hold,
    /// Skipped and marked, possibly missing.
    Skip,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    pub ability: Ability,
    pub in_doubt: InDoubt,
    pub batch: usize,
    pub max_age: Option<Duration>,
    /// Least time between two deliveries; with any they go one by one.
    pub pace: Duration,
    /// Failed tries before a delivery has failed, or waits for the next run; at least 1.
    pub tries: u32,
}

impl Options {
    pub const TRIES: u32 = 5;
    pub const BATCH: usize = 64;

    pub fn new(ability: Ability) -> Self {
        let batch = if ability == Ability::Blind { 1 } else { Self::BATCH };
        Self {
            ability,
            in_doubt: InDoubt::default(),
            batch,
            max_age: None,
            pace: Duration::ZERO,
            tries: Self::TRIES,
        }
    }
}

const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(300));

/// Backoff of a sink that cannot be reached or asks for a pause.
const SINK_BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
