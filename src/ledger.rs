//! Pure state machine of the delivery ledger; `run` makes its decisions durable before anything is sent.
//!
//! At-least-once with stable ids, in order per stream; exactly-once at a sink that recognises the id within its window
//! or can be probed.

mod plan;
mod queue;
mod row;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::backoff::{Backoff, MAX_ASKED};
use crate::named::Named;
pub use plan::{PlanVerdict, Planner, Stored};
pub use queue::{Change, Held, Item, ProbeAnswer, SinkQueue, Step};
pub use row::{Entry, Row, RowHead, content};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum State {
    /// To be sent; nothing of it has left.
    #[default]
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

impl Named for State {
    const ALL: &'static [(&'static str, &'static str, Self)] = &[
        ("planned", "", State::Planned),
        ("sending", "", State::Sending),
        ("sent", "", State::Sent),
        ("failed", "", State::Failed),
        ("unknown", "", State::Unknown),
        ("expired", "", State::Expired),
    ];
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

impl Named for Mark {
    const ALL: &'static [(&'static str, &'static str, Self)] =
        &[("", "", Mark::None), ("resent", "", Mark::Resent), ("skipped", "", Mark::Skipped)];
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

impl Named for InDoubt {
    const ALL: &'static [(&'static str, &'static str, Self)] = &[
        ("resend", "Send again, and mark: the event may arrive twice", InDoubt::Resend),
        (
            "hold",
            "Stop this stream at this sink until `spile ledger retry` or `forget`",
            InDoubt::Hold,
        ),
        ("skip", "Do not send, and mark: the event may be missing", InDoubt::Skip),
    ];
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
}

/// One delivery at a time, as for a sink that can neither recognise an id nor be probed.
impl Default for Options {
    fn default() -> Self {
        Self {
            ability: Ability::Blind,
            in_doubt: InDoubt::default(),
            batch: 1,
            max_age: None,
            pace: Duration::ZERO,
            tries: Self::TRIES,
        }
    }
}

const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(300));

/// Backoff of a sink that cannot be reached or asks for a pause.
const SINK_BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
