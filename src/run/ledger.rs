//! The delivery ledger on disk (an outbox): SQLite with a write-ahead log that is synced before a commit returns, one
//! writer, and a hash in every row. After a failed write nothing is written or sent any more, because the state on disk
//! is unknown.

mod driver;
mod look;
mod open;
mod planning;
mod report;
mod rows;

use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Result, bail};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use crate::sink;

pub use driver::{Counts, Driver, OwnedDelivery, Task};
pub use look::{Look, Tally};
pub use planning::{News, Passing, Planned, Planning};
pub use rows::Damaged;

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
        let mut found = self.db.prepare_cached(
            "SELECT id, content FROM delivery WHERE sink = ?1 AND state = 'sent'",
        )?;
        let mut found = found.query([sink])?;
        let mut all = HashSet::new();
        while let Some(row) = found.next()? {
            let (id, content): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
            all.insert(digest(&id, &content));
        }
        Ok(all)
    }

    /// Streams with open deliveries at this sink, oldest first.
    pub fn open_streams(&self, sink: i64) -> Result<Vec<String>> {
        let mut found = self.db.prepare_cached(
            "SELECT stream FROM delivery WHERE sink = ?1 AND open = 1 GROUP BY stream ORDER BY min(position)",
        )?;
        let names = found.query_map([sink], |row| row.get(0))?;
        Ok(names.collect::<rusqlite::Result<_>>()?)
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
