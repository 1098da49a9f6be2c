//! The delivery ledger as a value: what is known of each delivery, and what may follow from what. It names no file, no
//! sink and no clock; `run` makes durable what is decided here before anything is sent.
//!
//! At-least-once with stable ids, in order per stream; exactly-once at a sink that knows the id within its window or can be
//! asked.

mod entry;
mod plan;
mod queue;
mod row;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::backoff::{Backoff, MAX_ASKED};
pub use entry::{Entry, Kind, content};
pub use plan::{PlanVerdict, Planner, Stored};
pub use queue::{Change, DeliveryOutcome, Held, Item, ProbeAnswer, SinkQueue, Step};
pub use row::{Row, RowHead};

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It is to be sent; nothing of it has left.
    Planned,
    /// It may be on its way: written before the first byte leaves.
    Sending,
    /// The sink has it. Nothing follows.
    Sent,
    /// The sink refused it, and nothing of it is there. Only a person lets it go on.
    Failed,
    /// It may be there or not, and nobody can tell.
    Unknown,
    /// It became too old to be welcome before it was sent. Nothing follows.
    Expired,
}

impl State {
    /// Every state with its name in the ledger.
    pub const NAMES: [(State, &'static str); 6] = [
        (State::Planned, "planned"),
        (State::Sending, "sending"),
        (State::Sent, "sent"),
        (State::Failed, "failed"),
        (State::Unknown, "unknown"),
        (State::Expired, "expired"),
    ];

    /// The name in the ledger.
    #[must_use]
    pub fn name(self) -> &'static str {
        name(&Self::NAMES, self)
    }

    /// The state with this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        named(&Self::NAMES, text)
    }
}

/// What is to be remembered of a delivery beside its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mark {
    /// Nothing.
    #[default]
    None,
    /// It was sent again although it may have been there: the sink may have it twice.
    Resent,
    /// What follows it no longer waits for it: by `--in-doubt skip`, or because a person said so.
    Skipped,
}

impl Mark {
    const NAMES: [(Mark, &'static str); 3] =
        [(Mark::None, ""), (Mark::Resent, "resent"), (Mark::Skipped, "skipped")];

    /// The name in the ledger; empty for none.
    #[must_use]
    pub fn name(self) -> &'static str {
        name(&Self::NAMES, self)
    }

    /// The mark with this name.
    #[must_use]
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

/// How it can be found out what became of a delivery whose end nobody has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ability {
    /// The sink knows the id again for so long: sending again does no harm. At a sink that is told no id of its own twice
    /// for ever, [`Duration::MAX`].
    Idempotent(Duration),
    /// The sink, or a command, can be asked: a file's tail is read back, `--reconcile` answers.
    Probed,
    /// Nobody can tell.
    Blind,
}

/// What is done with a delivery in doubt that nobody can tell about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum InDoubt {
    /// Sent again, and marked: it may be there twice
    Resend,
    /// It and what follows it in its stream wait until a person has said `spile ledger retry` or `forget`
    #[default]
    Hold,
    /// Let be, and marked: it may be missing
    Skip,
}

/// What one sink's deliveries are subject to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// What can be found out.
    pub ability: Ability,
    /// What is done where nothing can be.
    pub in_doubt: InDoubt,
    /// Most deliveries that may be under way at once, at least 1.
    pub batch: usize,
    /// What is older is not sent any more.
    pub max_age: Option<Duration>,
    /// The least time between the beginnings of two deliveries; with any at all they go one by one.
    pub pace: Duration,
    /// Answers that are no success before a delivery has failed, or waits for the next run, at least 1.
    pub tries: u32,
}

impl Options {
    /// Tries unless it is said otherwise.
    pub const TRIES: u32 = 5;
    /// Deliveries under way at once, unless it is said otherwise.
    pub const BATCH: usize = 64;

    /// What holds at a sink of this ability unless it is said otherwise.
    #[must_use]
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

    fn is_idempotent(&self) -> bool {
        matches!(self.ability, Ability::Idempotent(_))
    }
}

/// Between two tries of a delivery that failed.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(300));

/// Between two calls of a sink that cannot be reached or asks to be left alone.
const SINK_BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
