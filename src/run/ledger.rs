//! The delivery ledger on disk (an outbox): SQLite with a write-ahead log that is synced before a commit returns, one
//! writer, and a hash in every row. In a transition the row is read, verified, changed and written in one transaction. After
//! a failed write nothing is written or sent any more, because the state on disk is unknown.

mod driver;
mod open;
mod planning;
mod rows;
#[cfg(feature = "serve")]
mod webhooks;

use std::collections::HashSet;
use std::fs::File;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Result, bail};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use crate::ledger::{Change, Mark, Row, RowHead, State};
use crate::sink;
use crate::text::floor;
use crate::time::Time;
use rows::{COLUMNS, to_i64};

pub use driver::{Counts, Driver, OwnedDelivery, Task};
pub use open::{Look, Tally};
pub use planning::{News, Passing, Planned, Planning};
pub use rows::Damaged;
#[cfg(feature = "serve")]
pub use webhooks::{HookEvent, InUse, Progress, Switch};

const MAX_NOTE: usize = 1000;

/// Damaged rows that are described.
const MAX_DAMAGE: usize = 100;

/// An open ledger, locked for this process.
pub struct Store {
    db: Connection,
    pub path: PathBuf,
    _lock: File,
    last: u64,
    /// Numbers and addresses of the sinks, by number.
    sinks: Vec<(i64, String)>,
    /// Damaged rows, which are never sent, as messages.
    pub damage: Vec<String>,
    broken: Option<String>,
}

/// A ledger shared by the planner and the drivers of all sinks.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<Store>>);

impl Shared {
    pub fn new(store: Store) -> Self {
        Self(Arc::new(Mutex::new(store)))
    }

    pub fn lock(&self) -> MutexGuard<'_, Store> {
        // A transaction of a thread that panicked is rolled back.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    pub fn sink(&mut self, address: &str) -> Result<i64> {
        if let Some((number, _)) = self.sinks.iter().find(|(_, a)| a == address) {
            return Ok(*number);
        }
        let number = self.write(|tx, _| {
            tx.execute("INSERT INTO sink (address) VALUES (?1)", [address])?;
            Ok(tx.last_insert_rowid())
        })?;
        self.sinks.push((number, address.to_owned()));
        Ok(number)
    }

    /// As [`Store::sink`]; renames the first of `others` that the ledger knows to this address.
    pub fn sink_of(&mut self, address: &str, others: &[String]) -> Result<i64> {
        let known = |address: &str| self.sinks.iter().position(|(_, a)| a == address);
        let found = others.iter().find_map(|other| known(other));
        match (known(address), found) {
            (None, Some(at)) => self.rename(at, address),
            _ => self.sink(address),
        }
    }

    /// True if this file is the ledger or one of its companions.
    pub fn owns(&self, path: &Path) -> bool {
        let ledger = sink::canonical(&self.path).unwrap_or_else(|_| self.path.clone());
        let place = |path: &Path| path.metadata().map(|m| (m.dev(), m.ino())).ok();
        let names = open::beside(&ledger);
        names.iter().chain([&ledger]).any(|name| {
            sink::canonical(path).is_ok_and(|path| path == *name)
                || place(path).is_some_and(|here| Some(here) == place(name))
        })
    }

    /// Digests of the deliveries sent to this sink.
    pub fn sent(&self, sink: i64) -> Result<HashSet<Digest>> {
        let sql = "SELECT id, content FROM delivery WHERE sink = ?1 AND state = 'sent'";
        rows::all(&self.db, sql, [sink], |row| {
            Ok(digest(&row.get::<_, String>(0)?, &row.get::<_, Vec<u8>>(1)?))
        })
    }

    /// Streams with open deliveries at this sink, oldest first.
    pub fn open_streams(&self, sink: i64) -> Result<Vec<String>> {
        let sql = "SELECT stream FROM delivery WHERE sink = ?1 AND open = 1 GROUP BY stream ORDER BY min(position)";
        rows::all(&self.db, sql, [sink], |row| row.get(0))
    }

    pub fn owed(&self, sink: i64) -> Result<u64> {
        let mut count =
            self.db.prepare_cached("SELECT count(*) FROM delivery WHERE sink = ?1 AND open = 1")?;
        Ok(rows::to_u64(count.query_row([sink], |row| row.get(0))?))
    }

    /// Note of the oldest open delivery at this sink that was tried.
    pub fn reason(&self, sink: i64) -> Result<Option<String>> {
        let mut found = self.db.prepare_cached(
            "SELECT note FROM delivery WHERE sink = ?1 AND open = 1 AND note <> '' ORDER BY position LIMIT 1",
        )?;
        Ok(found.query_row([sink], |row| row.get(0)).optional()?)
    }

    /// At most `most` open rows of a stream behind a position; fewer are all. Damaged rows are reported and left out.
    pub fn load(
        &mut self,
        sink: i64,
        stream: &str,
        after: u64,
        most: usize,
    ) -> Result<Vec<RowHead>> {
        let mut heads = Vec::new();
        let mut found = self.db.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM delivery WHERE sink = ?1 AND open = 1 AND stream = ?2 AND position > ?3 ORDER BY position"
        ))?;
        let mut found = found.query(rusqlite::params![sink, stream, to_i64(after)])?;
        while heads.len() < most
            && let Some(row) = found.next()?
        {
            match rows::checked(row, &self.sinks) {
                Ok(row) => heads.push(row.head()),
                Err(damaged) => describe(&mut self.damage, &damaged),
            }
        }
        Ok(heads)
    }

    /// Makes the transitions of deliveries that have ended and of those that begin durable together. Returns the lines of the
    /// latter, read and checked in the same transaction; `None` where the row differs and must not be sent.
    pub fn begin(&mut self, ended: &[Change], begins: &[Change]) -> Result<Vec<Option<String>>> {
        if ended.is_empty() && begins.is_empty() {
            return Ok(Vec::new());
        }
        let mut damage = Vec::new();
        let lines = self.write(|tx, sinks| {
            for change in ended {
                if let Some(row) = verified(tx, sinks, change.row.position, &mut damage)? {
                    transition(tx, sinks, row, change)?;
                }
            }
            let mut lines = Vec::new();
            for change in begins {
                let row = verified(tx, sinks, change.row.position, &mut damage)?;
                let row = row.filter(|row| matches!(row.state, State::Planned | State::Sending));
                lines.push(row.as_ref().map(|row| row.line.clone()));
                row.map_or(Ok(()), |row| transition(tx, sinks, row, change))?;
            }
            Ok(lines)
        })?;
        self.damage.append(&mut damage);
        Ok(lines)
    }

    /// The row at a position, unless it is damaged.
    pub fn read(&mut self, position: u64) -> Result<Option<Row>> {
        verified(&self.db, &self.sinks, position, &mut self.damage)
    }

    /// Carries out a decision about failed and unknown deliveries, all or those of some ids; returns their number.
    pub fn resolve(&mut self, now: Time, ids: Option<&[String]>, to: Resolve) -> Result<u64> {
        let ids: Option<HashSet<&String>> = ids.map(|ids| ids.iter().collect());
        let mut waiting = Vec::new();
        rows::every(&self.db, &self.sinks, |row| {
            let meant = |row: &Row| {
                let stuck = match row.state {
                    State::Failed | State::Unknown => true,
                    State::Planned | State::Sending => to == Resolve::Forget && ids.is_some(),
                    State::Sent | State::Expired => false,
                };
                stuck && ids.as_ref().map_or(row.is_open(), |ids| ids.contains(&row.id))
            };
            waiting.extend(row.ok().filter(meant));
            Ok(ControlFlow::Continue(()))
        })?;
        let count = u64::try_from(waiting.len()).unwrap_or(u64::MAX);
        self.write(|tx, sinks| {
            for mut row in waiting {
                row.changed = now;
                row.not_before = Time::default();
                match to {
                    Resolve::Retry => {
                        // Only a delivery that failed for certain did not arrive.
                        let doubt = row.state == State::Unknown;
                        row.mark = if doubt { Mark::Resent } else { Mark::None };
                        row.state = State::Planned;
                        row.tries = 0;
                    }
                    Resolve::Forget => {
                        if matches!(row.state, State::Planned | State::Sending) {
                            row.state = State::Unknown;
                        }
                        row.mark = Mark::Skipped;
                    }
                }
                write(tx, sinks, row)?;
            }
            Ok(())
        })?;
        Ok(count)
    }

    /// Gives a sink another address, which is part of its rows' hashes. Damaged rows stay so.
    fn rename(&mut self, at: usize, address: &str) -> Result<i64> {
        let number = self.sinks[at].0;
        self.write(|tx, sinks| {
            let sql = "SELECT position FROM delivery WHERE sink = ?1";
            let positions: Vec<i64> = rows::all(tx, sql, [number], |row| row.get(0))?;
            for position in positions {
                if let Some(Ok(row)) = rows::find(tx, sinks, "position = ?1", [position])? {
                    rows::put(tx, number, &Row { sink: address.to_owned(), ..row })?;
                }
            }
            tx.execute("UPDATE sink SET address = ?1 WHERE number = ?2", (address, number))?;
            Ok(())
        })?;
        // The list stays sorted by number.
        address.clone_into(&mut self.sinks[at].1);
        Ok(number)
    }

    /// Runs `what` in a transaction, with the sinks.
    fn write<T>(
        &mut self,
        what: impl FnOnce(&Transaction<'_>, &[(i64, String)]) -> Result<T>,
    ) -> Result<T> {
        if let Some(why) = &self.broken {
            bail!("{}: {why}", self.path.display());
        }
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate);
        let done = tx.map_err(anyhow::Error::from).and_then(|tx| {
            let done = what(&tx, &self.sinks)?;
            tx.commit()?;
            Ok(done)
        });
        done.map_err(|e| {
            // A failed commit may be on disk or not, and a second fsync would not tell.
            self.broken = Some(format!("cannot be written, so nothing more is sent: {e:#}"));
            e.context(format!(
                "the ledger {} cannot be written: nothing more is sent; free disk space or repair the disk, then run it again",
                self.path.display()
            ))
        })
    }
}

pub type Digest = [u8; 16];

pub fn digest(id: &str, content: &[u8]) -> Digest {
    let all = crate::ledger::content(&[id, &format!("{content:?}")]);
    std::array::from_fn(|n| all[n])
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolve {
    /// Deliveries did not arrive: send them.
    Retry,
    /// Deliveries arrived, or may be missing: never send them.
    Forget,
}

/// The row at a position, if it is there and undamaged.
fn verified(
    db: &Connection,
    sinks: &[(i64, String)],
    position: u64,
    damage: &mut Vec<String>,
) -> Result<Option<Row>> {
    let row = rows::find(db, sinks, "position = ?1", [to_i64(position)])?;
    Ok(row.and_then(|row| row.inspect_err(|damaged| describe(damage, damaged)).ok()))
}

fn describe(damage: &mut Vec<String>, damaged: &Damaged) {
    let text = format!("{damaged}: it is not sent");
    if damage.len() < MAX_DAMAGE && !damage.contains(&text) {
        damage.push(text);
    }
}

/// Applies a change. A sent row stays sent: only the user reopens an ended delivery.
fn transition(
    db: &Connection,
    sinks: &[(i64, String)],
    mut row: Row,
    change: &Change,
) -> Result<()> {
    let ended = match row.state {
        State::Sent | State::Expired => true,
        State::Failed => change.row.state != State::Failed,
        State::Planned | State::Sending | State::Unknown => false,
    };
    if ended {
        return Ok(());
    }
    let head = &change.row;
    (row.state, row.mark, row.tries) = (head.state, head.mark, head.tries);
    (row.changed, row.not_before) = (head.changed, head.not_before);
    if let Some(note) = &change.note {
        row.note = note[..floor(note, MAX_NOTE)].to_owned();
    }
    write(db, sinks, row)
}

fn write(db: &Connection, sinks: &[(i64, String)], mut row: Row) -> Result<()> {
    if matches!(row.state, State::Sent | State::Expired) {
        // The digest suffices to recognise the id; the text would only make the ledger grow.
        row.line = String::new();
    }
    let sink = sinks.iter().find(|(_, address)| *address == row.sink);
    sink.map_or(Ok(()), |(number, _)| rows::put(db, *number, &row))
}
