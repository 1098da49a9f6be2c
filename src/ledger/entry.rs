//! Ledger entry of an event: its id and a digest of its content.

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::codec::{self, Str};
use crate::event::{Event, Type, event_id, part_id};
use crate::time::Time;

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
