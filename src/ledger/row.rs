//! Entries of events, with a digest of their content; rows of the ledger, with a hash over all columns, because SQLite's
//! pages have no checksums.

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{Mark, State};
use crate::codec::{self, Str};
use crate::event::{Event, Type, event_id, part_id};
use crate::named::Named;
use crate::time::Time;

/// An event as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `stream/turn/block/part` of a part, `stream/seq` of any other.
    pub id: String,
    pub stream: String,
    pub turn: Option<u64>,
    pub seq: u64,
    /// Block, number and last flag of a part.
    pub part: Option<(String, u64, bool)>,
    pub content: [u8; 32],
    pub born: Option<Time>,
}

/// Fields of a part that depend on text and configuration alone.
#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    block: Str<'a>,
    part: u64,
    #[serde(default)]
    last: bool,
    #[serde(borrow)]
    text: Str<'a>,
    #[serde(borrow, default)]
    open: Option<Str<'a>>,
    #[serde(borrow, default)]
    close: Option<Str<'a>>,
    #[serde(borrow, default)]
    glue: Option<Str<'a>>,
    #[serde(borrow, default)]
    lead: Option<Str<'a>>,
}

impl Entry {
    /// `None` for a `text_delta` and events without `seq` or stream.
    pub fn of(event: &Event<'_>) -> Option<Self> {
        let (stream, seq) = (event.stream.as_deref()?, event.seq?);
        if event.kind == Type::TextDelta {
            return None;
        }
        let line = codec::without_lone(event.line);
        let maybe = event.kind == Type::BlockFinal && line.contains("\"part\"");
        let part = maybe.then(|| codec::body::<Part<'_>>(&line).ok()).flatten();
        let id = match (event.turn, &part) {
            (Some(turn), Some(p)) => part_id(stream, turn, &p.block, p.part),
            _ => event_id(stream, seq),
        };
        Some(Self {
            id,
            stream: stream.to_owned(),
            turn: event.turn,
            seq,
            content: part.as_ref().map_or_else(|| content(&[event.line]), of_part),
            part: part.map(|p| (p.block.0.into_owned(), p.part, p.last)),
            born: event.time(),
        })
    }
}

fn of_part(part: &Part<'_>) -> [u8; 32] {
    let text = |s: &Option<Str<'_>>| s.as_deref().unwrap_or_default().to_owned();
    let (open, close, glue) = (text(&part.open), text(&part.close), text(&part.glue));
    let (lead, number) = (text(&part.lead), part.part.to_string());
    let last = if part.last { "last" } else { "" };
    let texts = [&*part.text, &*open, &*close, &*glue, &*number, last, &*lead];
    // Ledgers older than the lead have this digest.
    content(if lead.is_empty() { &texts[..6] } else { &texts })
}

/// Digest of texts, each with its length.
pub fn content(texts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(text.as_bytes());
    }
    hash.finalize().into()
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
