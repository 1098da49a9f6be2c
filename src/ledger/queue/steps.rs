//! Steps that the queues request, and their results.

use crate::ledger::RowHead;
use crate::time::Time;

/// A transition, made durable before anything else happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The row afterwards; in `sending`, `changed` is the start of the doubt.
    pub row: RowHead,
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
    Probe(Vec<u64>),
    /// Make the transitions durable, then send everything in order.
    Send(Vec<Item>),
    Wait(Time),
    /// Wait for new rows, or for the user.
    Idle,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeAnswer {
    Sent,
    NotSent,
    Unknown(String),
}
