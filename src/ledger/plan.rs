//! Planning: new events become deliveries, unless their stream is another run's. A stored plan of a block stays.

use std::collections::{HashMap, HashSet};

use super::Entry;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stored {
    /// `seq` and digest of the first event that is neither delta nor part.
    pub first: Option<(u64, [u8; 32])>,
    /// Highest `seq` read, so that no delta is sent twice.
    pub seen: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanVerdict {
    New,
    Known,
    Refused,
    /// Another plan of its block is stored and is sent instead; first difference of the block.
    OtherPlan,
    /// Further difference of the block.
    OtherPlanAgain,
    /// The ledger has other content under its id, which stays.
    Conflict,
}

#[derive(Debug, Default)]
pub struct Planner {
    streams: HashMap<String, Stream>,
    /// Sink, stream and block with another stored plan.
    blocks: HashSet<(i64, String, String)>,
}

#[derive(Debug, Default)]
struct Stream {
    stored: Stored,
    /// True once its first event was compared with the stored one.
    checked: bool,
    refused: bool,
    /// Highest `seq` in this run.
    reached: u64,
    /// Highest `seq` of earlier runs.
    before: u64,
}

impl Planner {
    /// True if the stored state of the stream was loaded.
    pub fn knows(&self, stream: &str) -> bool {
        self.streams.contains_key(stream)
    }

    pub fn stored(&mut self, stream: &str, stored: Stored) {
        let before = stored.seen;
        self.streams.entry(stream.to_owned()).or_insert_with(|| Stream {
            stored,
            before,
            ..Stream::default()
        });
    }

    /// Records an event with an id; `true` if its stream is refused from here on.
    pub fn arrives(&mut self, entry: &Entry) -> bool {
        let stream = self.stream(&entry.stream);
        stream.reached = stream.reached.max(entry.seq);
        // Parts depend on the configuration; any other event is reproducible.
        if stream.checked || entry.part.is_some() {
            return false;
        }
        stream.checked = true;
        let (seq, content) = *stream.stored.first.get_or_insert((entry.seq, entry.content));
        stream.refused = seq == entry.seq && content != entry.content;
        stream.refused
    }

    /// True if an at-most-once event may be sent, because earlier runs did not send it.
    pub fn passes(&mut self, stream: Option<&str>, seq: Option<u64>) -> bool {
        let Some(stream) = stream else { return true };
        let stream = self.stream(stream);
        stream.reached = stream.reached.max(seq.unwrap_or_default());
        // An event without a number belongs to the last that has one.
        !stream.refused && (stream.reached > stream.before || stream.before == 0)
    }

    pub fn verdict(&mut self, sink: i64, entry: &Entry, known: Option<[u8; 32]>) -> PlanVerdict {
        if self.stream(&entry.stream).refused {
            return PlanVerdict::Refused;
        }
        if known == Some(entry.content) {
            return PlanVerdict::Known;
        }
        let Some((block, ..)) = &entry.part else {
            return match known {
                None => PlanVerdict::New,
                Some(_) => PlanVerdict::Conflict,
            };
        };
        let block = (sink, entry.stream.clone(), block.clone());
        match known {
            None if !self.blocks.contains(&block) => PlanVerdict::New,
            _ if self.blocks.insert(block) => PlanVerdict::OtherPlan,
            _ => PlanVerdict::OtherPlanAgain,
        }
    }

    pub fn to_store(&self, stream: &str) -> Option<Stored> {
        self.streams
            .get(stream)
            .filter(|s| !s.refused)
            .map(|s| Stored { first: s.stored.first, seen: s.reached.max(s.before) })
    }

    fn stream(&mut self, stream: &str) -> &mut Stream {
        self.streams.entry(stream.to_owned()).or_default()
    }
}
