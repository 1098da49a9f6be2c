//! What passes between the queues and whoever drives them: the steps that are to be taken, and what has come of them.

use crate::backoff::Wait;
use crate::ledger::{Mark, RowHead, State};
use crate::time::Time;

/// A transition: to be made durable before anything else happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which row.
    pub position: u64,
    /// Its new state.
    pub state: State,
    /// Its new mark.
    pub mark: Mark,
    /// Its new number of tries.
    pub tries: u32,
    /// When it changed; the beginning of the doubt while it stands in `sending`.
    pub changed: Time,
    /// No try before this.
    pub not_before: Time,
    /// What the sink said; `None` leaves what stands there.
    pub note: Option<String>,
}

/// One thing to give to the sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A row, with the transition to `sending` that must be durable first.
    Row(Change),
    /// Bytes that are given at most once.
    Passing(Vec<u8>),
}

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Fetch this queue's open rows behind this position: at most so many.
    Load(String, u64, usize),
    /// Make these durable.
    Change(Vec<Change>),
    /// Find out whether the sink has these.
    Ask(Vec<u64>),
    /// Make the rows' transitions durable, then give all of it to the sink, in order.
    Send(Vec<Item>),
    /// Nothing before this time.
    Wait(Time),
    /// Nothing at all until something new is planned; what is left waits for a person.
    Idle,
}

/// What has become of a delivery that was given to the sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// It is there.
    Sent(Option<String>),
    /// Nothing of it is there; another try may succeed.
    Retry(Wait, String),
    /// The sink will never take it.
    Refused(String),
    /// It may be there or not.
    Unknown(Wait, String),
    /// It was not tried at all.
    NotTried,
}

/// What the answer is when a sink is asked for a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeAnswer {
    /// It is there.
    Sent,
    /// Nothing of it is there.
    NotSent,
    /// There is no answer, for this reason.
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
