//! A row of the ledger and the hash over all of its columns: SQLite's pages have no checksums of their own.

use sha2::{Digest, Sha256};

use super::{Mark, State};
use crate::time::Time;

/// A delivery as it stands in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number in the ledger, from 1: deliveries of a stream go to a sink in this order.
    pub position: u64,
    /// The sink's address.
    pub sink: String,
    /// The delivery id.
    pub id: String,
    /// The stream it belongs to.
    pub stream: String,
    /// The turn, if it has one.
    pub turn: Option<u64>,
    /// The event's position in its stream.
    pub seq: u64,
    /// The block, if it is a part of one.
    pub block: Option<String>,
    /// The number of the part.
    pub part: Option<u64>,
    /// True if it is its block's last part.
    pub last: bool,
    /// What an id stands for: of a part the text and its frame, of any other event its line ([`super::content`]).
    pub content: [u8; 32],
    /// The line as it is sent, without its line feed; empty once it has been.
    pub line: String,
    /// Where it stands.
    pub state: State,
    /// What is remembered.
    pub mark: Mark,
    /// Tries that failed.
    pub tries: u32,
    /// The event's own time; where it has none that can be read, the time at which it was planned.
    pub born: Time,
    /// When its state last changed.
    pub changed: Time,
    /// No try before this.
    pub not_before: Time,
    /// What the sink said: its receipt, or why not.
    pub note: String,
}

impl Row {
    /// The hash over all columns: each with its length, so that none can move into its neighbour.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut add = |bytes: &[u8]| {
            hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(bytes);
        };
        let number = |n: Option<u64>| n.map_or(Vec::new(), |n| n.to_be_bytes().to_vec());
        add(&self.position.to_be_bytes());
        for text in [&self.sink, &self.id, &self.stream] {
            add(text.as_bytes());
        }
        add(&number(self.turn));
        add(&self.seq.to_be_bytes());
        add(self.block.as_deref().unwrap_or_default().as_bytes());
        add(&number(self.part));
        add(&[u8::from(self.last)]);
        add(&self.content);
        add(self.line.as_bytes());
        add(self.state.name().as_bytes());
        add(self.mark.name().as_bytes());
        add(&self.tries.to_be_bytes());
        for time in [self.born, self.changed, self.not_before] {
            add(&time.as_micros().to_be_bytes());
        }
        add(self.note.as_bytes());
        hash.finalize().into()
    }

    /// True if something is still to be done, or waits for it: what is neither has its line no longer.
    #[must_use]
    pub fn is_open(&self) -> bool {
        is_open(self.state, self.mark)
    }

    /// What the queues need of it.
    #[must_use]
    pub fn head(&self) -> RowHead {
        RowHead {
            position: self.position,
            id: self.id.clone(),
            state: self.state,
            mark: self.mark,
            tries: self.tries,
            fails: 0,
            born: self.born,
            changed: self.changed,
            not_before: self.not_before,
        }
    }
}

/// True if a delivery in this state still matters to those behind it.
pub(super) fn is_open(state: State, mark: Mark) -> bool {
    match state {
        State::Planned | State::Sending => true,
        State::Unknown | State::Failed => mark != Mark::Skipped,
        State::Sent | State::Expired => false,
    }
}

/// A row without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowHead {
    /// As [`Row::position`].
    pub position: u64,
    /// As [`Row::id`].
    pub id: String,
    /// As [`Row::state`].
    pub state: State,
    /// As [`Row::mark`].
    pub mark: Mark,
    /// As [`Row::tries`].
    pub tries: u32,
    /// Those of them that this run has made.
    pub fails: u32,
    /// As [`Row::born`].
    pub born: Time,
    /// As [`Row::changed`].
    pub changed: Time,
    /// As [`Row::not_before`].
    pub not_before: Time,
}
