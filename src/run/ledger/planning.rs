//! From events to rows: one transaction for each read, before any of it may be sent.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use anyhow::Result;
use rusqlite::{Connection, OptionalExtension, params};

use super::rows::{self, Damaged, to_i64, to_u64};
use super::{Digest, Shared, Store, digest};
use crate::codec;
use crate::event::{Event, part_ids};
use crate::ledger::{self, Entry, Mark, PlanVerdict, Planner, Row, State, Stored};
use crate::term::quoted;
use crate::time::Time;

#[derive(Debug, Default)]
pub struct Planned {
    /// News by sink.
    pub news: BTreeMap<i64, News>,
    pub messages: Vec<String>,
    /// True if an event of the input will not be delivered, for more than a plan that differs.
    pub failed: bool,
}

/// Changes of the ledger for the driver of one sink.
#[derive(Debug, Default)]
pub struct News {
    /// Streams with new rows.
    pub grown: BTreeSet<String>,
    /// Streams in which ended rows are open again.
    pub again: BTreeSet<String>,
    pub passing: Vec<Passing>,
}

/// An at-most-once event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passing {
    pub stream: String,
    /// Position of the row that precedes it.
    pub after: u64,
    pub line: String,
}

pub struct Planning {
    store: Shared,
    planner: Planner,
    /// Deliveries that were sent to a sink and have disappeared.
    lost: HashSet<(i64, Digest)>,
    /// Sinks and streams for which a changed configuration was reported.
    warned: HashSet<(i64, String)>,
}

/// A read on its way into the ledger.
struct Batch<'a> {
    store: &'a mut Store,
    now: Time,
    rows: Vec<(i64, Row)>,
    ids: HashMap<(i64, String), [u8; 32]>,
    again: Vec<(i64, Row)>,
    streams: BTreeSet<String>,
    planned: Planned,
}

impl Planning {
    pub fn new(store: Shared) -> Self {
        Self { store, planner: Planner::default(), lost: HashSet::new(), warned: HashSet::new() }
    }

    /// Records deliveries that have disappeared: those that the input has again are planned again.
    pub fn lost(&mut self, sink: i64, what: impl IntoIterator<Item = Digest>) {
        self.lost.extend(what.into_iter().map(|digest| (sink, digest)));
    }

    /// Disappeared deliveries that the input does not have.
    pub fn still_lost(&self, sink: i64) -> usize {
        self.lost.iter().filter(|(at, _)| *at == sink).count()
    }

    /// Creates rows for new events with an id, durably, each at the sinks beside it. After an error none of the lines may
    /// be sent.
    pub fn plan(&mut self, now: Time, lines: &[(String, Vec<i64>)]) -> Result<Planned> {
        let shared = self.store.clone();
        let mut store = shared.lock();
        let mut batch = Batch {
            store: &mut store,
            now,
            rows: Vec::new(),
            ids: HashMap::new(),
            again: Vec::new(),
            streams: BTreeSet::new(),
            planned: Planned::default(),
        };
        for (line, sinks) in lines {
            if let Ok(event) = codec::decode_text(line) {
                self.line(&mut batch, &event, sinks)?;
            }
        }
        let Batch { store, rows, again, streams, mut planned, .. } = batch;
        if rows.is_empty() && again.is_empty() && planned.news.is_empty() {
            return Ok(planned);
        }
        let last = store.last + rows.len() as u64;
        let stored: Vec<(&String, Stored)> =
            streams.iter().filter_map(|s| Some((s, self.planner.to_store(s)?))).collect();
        store.write(|tx, _| {
            for (sink, row) in rows.iter().chain(&again) {
                rows::put(tx, *sink, row)?;
            }
            for (stream, stored) in &stored {
                put_stream(tx, stream, stored)?;
            }
            tx.prepare_cached("UPDATE meta SET value = ?1 WHERE key = 'last'")?
                .execute([to_i64(last)])?;
            Ok(())
        })?;
        store.last = last;
        for (sink, row) in rows {
            planned.news.entry(sink).or_default().grown.insert(row.stream);
        }
        for (sink, row) in again {
            planned.news.entry(sink).or_default().again.insert(row.stream);
        }
        Ok(planned)
    }

    fn line(&mut self, batch: &mut Batch<'_>, event: &Event<'_>, sinks: &[i64]) -> Result<()> {
        if let Some(stream) = event.stream.as_deref() {
            if !self.planner.knows(stream) {
                let stored = stream_of(batch.store, stream)?;
                self.planner.stored(stream, stored);
            }
            if !batch.streams.contains(stream) {
                batch.streams.insert(stream.to_owned());
            }
        }
        if let Some(entry) = Entry::of(event) {
            self.entry(batch, &entry, (event.line, sinks))?;
        } else if self.planner.passes(event.stream.as_deref(), event.seq) {
            let passing = Passing {
                stream: event.stream.as_deref().unwrap_or_default().to_owned(),
                after: batch.last(),
                line: event.line.to_owned(),
            };
            for sink in sinks {
                batch.planned.news.entry(*sink).or_default().passing.push(passing.clone());
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        batch: &mut Batch<'_>,
        entry: &Entry,
        (line, sinks): (&str, &[i64]),
    ) -> Result<()> {
        if self.planner.arrives(entry) {
            batch.planned.messages.push(format!(
                "stream {}: stream id was used by another run: nothing of it is sent; name this run with another --stream, or use \
                 another ledger",
                quoted(&entry.stream)
            ));
        }
        for sink in sinks {
            let known = match batch.ids.get(&(*sink, entry.id.clone())) {
                Some(content) => Some(*content),
                // Of a damaged row only its presence is known: what it may have stood for is not sent again.
                None => stored(batch.store, *sink, entry)?
                    .map(|row| row.map_or(entry.content, |row| row.content)),
            };
            match self.planner.verdict(*sink, entry, known) {
                PlanVerdict::New => {
                    let address = batch.store.sinks.iter().find(|(n, _)| n == sink);
                    if let Some((_, address)) = address {
                        let row = row(batch.now, batch.last() + 1, address, entry, line);
                        batch.ids.insert((*sink, entry.id.clone()), entry.content);
                        batch.rows.push((*sink, row));
                    }
                }
                PlanVerdict::Known => {
                    if self.lost.remove(&(*sink, digest(&entry.id, &entry.content)))
                        && let Some(Ok(mut row)) = stored(batch.store, *sink, entry)?
                    {
                        row.line = line.to_owned();
                        (row.state, row.mark, row.changed) =
                            (State::Planned, Mark::None, batch.now);
                        (row.not_before, row.note) = (Time::default(), String::new());
                        batch.again.push((*sink, row));
                    }
                }
                PlanVerdict::Refused => batch.planned.failed = true,
                PlanVerdict::OtherPlanAgain => {}
                PlanVerdict::OtherPlan => self.other_plan(batch, *sink, entry)?,
                PlanVerdict::Conflict => {
                    batch.planned.failed = true;
                    batch.planned.messages.push(format!(
                        "{}: the ledger has another event under this delivery id: what is stored stays, this one is not sent",
                        entry.id
                    ));
                }
            }
        }
        Ok(())
    }

    /// Reports that a stored plan wins: once for a stream, and for each block that is not planned to its end.
    fn other_plan(&mut self, batch: &mut Batch<'_>, sink: i64, entry: &Entry) -> Result<()> {
        let planned = &mut batch.planned;
        let Some((block, ..)) = &entry.part else { return Ok(()) };
        let (stream, name) = (quoted(&entry.stream), quoted(block));
        // By the index of ids; "0" is the successor of "/".
        let ids = part_ids(&entry.stream, entry.turn.unwrap_or_default(), block);
        let end = format!("{}0", ids.trim_end_matches('/'));
        let mut whole = batch.store.db.prepare_cached(
            "SELECT max(last) FROM delivery WHERE sink = ?1 AND id >= ?2 AND id < ?3",
        )?;
        let whole: Option<i64> = whole.query_row(params![sink, ids, end], |row| row.get(0))?;
        if whole != Some(1) {
            planned.failed = true;
            planned.messages.push(format!(
                "stream {stream}: block {name} was cut otherwise when it was planned, and not to its end: its rest is not \
                 sent; run this again with the chunk options of the first run"
            ));
        } else if self.warned.insert((sink, entry.stream.clone())) {
            planned.messages.push(format!(
                "stream {stream}: warning: block {name} was cut otherwise when it was planned (other chunk options?): it is \
                 sent as the ledger has it, and so are others like it"
            ));
        }
        Ok(())
    }
}

impl Batch<'_> {
    /// Position of the last row so far.
    fn last(&self) -> u64 {
        self.store.last + self.rows.len() as u64
    }
}

fn row(now: Time, position: u64, address: &str, entry: &Entry, line: &str) -> Row {
    let part = entry.part.as_ref();
    Row {
        position,
        sink: address.to_owned(),
        id: entry.id.clone(),
        stream: entry.stream.clone(),
        turn: entry.turn,
        seq: entry.seq,
        block: part.map(|(block, ..)| block.clone()),
        part: part.map(|(_, number, _)| *number),
        last: part.is_some_and(|(.., last)| *last),
        content: entry.content,
        line: line.to_owned(),
        born: entry.born.unwrap_or(now),
        changed: now,
        ..Row::default()
    }
}

/// The row of this event at this sink, unless it is damaged.
fn stored(store: &Store, sink: i64, entry: &Entry) -> Result<Option<Result<Row, Damaged>>> {
    rows::find(&store.db, &store.sinks, "sink = ?1 AND id = ?2", params![sink, entry.id])
}

fn stream_of(store: &mut Store, stream: &str) -> Result<Stored> {
    type Found = (Option<i64>, Option<Vec<u8>>, i64, Vec<u8>);
    let mut found = store
        .db
        .prepare_cached("SELECT first_seq, first, seen, hash FROM stream WHERE stream = ?1")?;
    let found =
        found.query_row([stream], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
    let Some((seq, first, seen, hash)): Option<Found> = found.optional()? else {
        return Ok(Stored::default());
    };
    let first = seq
        .zip(first.and_then(|first| <[u8; 32]>::try_from(first).ok()))
        .map(|(seq, first)| (to_u64(seq), first));
    let stored = Stored { first, seen: to_u64(seen) };
    if hash != stream_hash(stream, &stored) {
        store.damage.push(format!(
            "what the ledger knew of the beginning of stream {} is damaged: whether this is the same run is not known",
            quoted(stream)
        ));
        return Ok(Stored::default());
    }
    Ok(stored)
}

fn put_stream(db: &Connection, stream: &str, stored: &Stored) -> Result<()> {
    let mut put = db.prepare_cached(
        "INSERT INTO stream VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (stream) DO UPDATE SET first_seq = ?2, first = ?3, seen = ?4, hash = ?5",
    )?;
    put.execute(params![
        stream,
        stored.first.map(|(seq, _)| to_i64(seq)),
        stored.first.as_ref().map(|(_, content)| content.as_slice()),
        to_i64(stored.seen),
        stream_hash(stream, stored).as_slice(),
    ])?;
    Ok(())
}

fn stream_hash(stream: &str, stored: &Stored) -> [u8; 32] {
    ledger::content(&[stream, &format!("{stored:?}")])
}
