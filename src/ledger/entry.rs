//! What of an event goes into the ledger: its id, and a digest of what that id stands for.

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::codec::{self, Str};
use crate::event::{Event, Type, event_id, part_id};
use crate::time::Time;

/// What a line of the input is to the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// It has an id: a row.
    Entry(Box<Entry>),
    /// A `text_delta`, or an event without `seq`: given at most once, never in the ledger.
    Passing {
        /// The stream, if it has one.
        stream: Option<String>,
        /// Its place in the stream, if it has one.
        seq: Option<u64>,
    },
}

/// An event with a delivery id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `stream/turn/block/part` of a part, `stream/seq` of any other.
    pub id: String,
    /// The stream.
    pub stream: String,
    /// The turn, if it has one.
    pub turn: Option<u64>,
    /// The position in the stream.
    pub seq: u64,
    /// Block and number of a part, and whether it is the last.
    pub part: Option<(String, u64, bool)>,
    /// What the id stands for.
    pub content: [u8; 32],
    /// The event's own time.
    pub born: Option<Time>,
}

/// The fields of a part that are a function of text and configuration alone.
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

impl Kind {
    /// What this event is to the ledger.
    #[must_use]
    pub fn of(event: &Event<'_>) -> Self {
        match Entry::of(event) {
            Some(entry) => Kind::Entry(Box::new(entry)),
            None => {
                Kind::Passing { stream: event.stream.as_deref().map(str::to_owned), seq: event.seq }
            }
        }
    }
}

impl Entry {
    /// The entry of an event; `None` for a `text_delta` and for what has no `seq` or no stream.
    #[must_use]
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
    // A part without a lead has the digest that it has in ledgers from before there was one.
    content(if lead.is_empty() { &texts[..6] } else { &texts })
}

/// A digest of some texts, each with its length.
#[must_use]
pub fn content(texts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(text.as_bytes());
    }
    hash.finalize().into()
}
