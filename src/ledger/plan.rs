//! Which events of an input become deliveries: those that the ledger knows already do not, a foreign run does not, and a
//! block that was planned keeps the plan that is stored.

use std::collections::{HashMap, HashSet};

use super::entry::Entry;

/// What the ledger has stored of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stored {
    /// `seq` and digest of the first event that was no delta and no part.
    pub first: Option<(u64, [u8; 32])>,
    /// The highest `seq` that was read, so that a delta is not given a second time.
    pub seen: u64,
}

/// What becomes of an event at a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanVerdict {
    /// It becomes a row.
    New,
    /// The ledger has it.
    Known,
    /// It belongs to a stream that is refused.
    Refused,
    /// Another plan of its block is stored, and that one is sent. It is the first of its block to differ.
    OtherPlan,
    /// As [`PlanVerdict::OtherPlan`], and that has been said.
    OtherPlanAgain,
    /// Its id stands for something else in the ledger; what is stored stays.
    Conflict,
}

/// What this run has seen of its streams. Forgotten at its end: everything that must last is in the ledger.
#[derive(Debug, Default)]
pub struct Planner {
    streams: HashMap<String, Stream>,
    /// Sink, stream and block of which another plan is stored.
    blocks: HashSet<(i64, String, String)>,
}

#[derive(Debug, Default)]
struct Stream {
    stored: Stored,
    /// True if its first event has been held against the stored one.
    checked: bool,
    refused: bool,
    /// The `seq` that the stream has reached in this run.
    reached: u64,
    /// How far it had been read when this run began.
    before: u64,
}

/// What a look at a stream's first event has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    /// Nothing against it.
    Fine,
    /// Another run has used this id.
    OtherRun,
}

impl Planner {
    /// True if what is stored of this stream has been given already.
    #[must_use]
    pub fn knows(&self, stream: &str) -> bool {
        self.streams.contains_key(stream)
    }

    /// What the ledger has stored of a stream that this run has not seen yet.
    pub fn stored(&mut self, stream: &str, stored: Stored) {
        let before = stored.seen;
        self.streams.entry(stream.to_owned()).or_insert_with(|| Stream {
            stored,
            before,
            ..Stream::default()
        });
    }

    /// Takes note of the next event with an id. `true`: its stream is refused from here on, and that is to be said.
    pub fn arrives(&mut self, entry: &Entry) -> bool {
        let stream = self.stream(&entry.stream);
        stream.reached = stream.reached.max(entry.seq);
        // Parts depend on how text was cut, which may have changed; any other event is what it was.
        if stream.checked || entry.part.is_some() {
            return false;
        }
        stream.checked = true;
        let first = match stream.stored.first {
            Some((seq, content)) if seq == entry.seq && content != entry.content => First::OtherRun,
            Some(_) => First::Fine,
            None => {
                stream.stored.first = Some((entry.seq, entry.content));
                First::Fine
            }
        };
        stream.refused = first == First::OtherRun;
        stream.refused
    }

    /// True if an event that is never in the ledger may be given to a sink: not if it may have been before.
    pub fn passes(&mut self, stream: Option<&str>, seq: Option<u64>) -> bool {
        let Some(stream) = stream else {
            return true;
        };
        let stream = self.stream(stream);
        stream.reached = stream.reached.max(seq.unwrap_or_default());
        // What has no number stands beside the last that has one.
        !stream.refused && (stream.reached > stream.before || stream.before == 0)
    }

    /// What becomes of an event at a sink where `known` is stored under its id.
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

    /// What is to be stored of a stream now.
    #[must_use]
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
