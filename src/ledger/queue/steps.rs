//! Steps that the queues request, and their results.

use crate::backoff::Wait;
use crate::ledger::{Mark, RowHead, State};
use crate::time::Time;

/// A transition, made durable before anything else happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub position: u64,
    pub state: State,
    pub mark: Mark,
    pub tries: u32,
    /// Time of the change; start of the doubt in `sending`.
    pub changed: Time,
    pub not_before: Time,
    /// Note of the sink; `None` keeps the old one.
    pub note: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A row, with the transition to `sending` that must be durable first.
    Row(Change),
    Passing(Vec<u8>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Load open rows of a stream behind a position, at most so many.
    Load(String, u64, usize),
    Change(Vec<Change>),
    Ask(Vec<u64>),
    /// Make the transitions durable, then send everything in order.
    Send(Vec<Item>),
    Wait(Time),
    /// Wait for new rows, or for the user.
    Idle,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    Sent(Option<String>),
    /// Not arrived; to be retried.
    Retry(Wait, String),
    Refused(String),
    Unknown(Wait, String),
    NotTried,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeAnswer {
    Sent,
    NotSent,
    Unknown(String),
}

impl Change {
    pub(super) fn of(row: &RowHead, note: Option<String>) -> Self {
        Self {
            position: row.position,
            state: row.state,
            mark: row.mark,
            tries: row.tries,
            changed: row.changed,
            not_before: row.not_before,
            note,
        }
    }
}
