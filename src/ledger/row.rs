//! Rows of the ledger, with a hash over all columns, because SQLite's pages have no checksums.

use sha2::{Digest, Sha256};

use super::{Mark, State};
use crate::named::Named;
use crate::time::Time;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Number in the ledger, from 1; the order of delivery within a stream.
    pub position: u64,
    pub sink: String,
    pub id: String,
    pub stream: String,
    pub turn: Option<u64>,
    pub seq: u64,
    pub block: Option<String>,
    pub part: Option<u64>,
    pub last: bool,
    /// Digest of the content: of a part its text and frame, of any other event its line ([`super::content`]).
    pub content: [u8; 32],
    /// Line without its line feed; empty once sent.
    pub line: String,
    pub state: State,
    pub mark: Mark,
    pub tries: u32,
    /// Time of the event, or of its planning.
    pub born: Time,
    pub changed: Time,
    pub not_before: Time,
    /// Receipt or error of the sink.
    pub note: String,
}

impl Row {
    /// Hash over all columns, each with its length as a separator.
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

    /// True if work or a decision is left; only such rows keep their line.
    pub fn is_open(&self) -> bool {
        is_open(self.state, self.mark)
    }

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

/// True if later deliveries wait for this one.
pub(super) fn is_open(state: State, mark: Mark) -> bool {
    match state {
        State::Planned | State::Sending => true,
        State::Unknown | State::Failed => mark != Mark::Skipped,
        State::Sent | State::Expired => false,
    }
}

/// Part of a row that the queues hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowHead {
    pub position: u64,
    pub id: String,
    pub state: State,
    pub mark: Mark,
    pub tries: u32,
    /// Failed tries of this run.
    pub fails: u32,
    pub born: Time,
    pub changed: Time,
    pub not_before: Time,
}
