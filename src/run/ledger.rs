//! The delivery ledger on disk: SQLite with a write-ahead log that reaches the disk before a commit returns, one writer,
//! and a hash in every row. After a write that failed nothing is written or sent any more: what the disk holds is not known.

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

use crate::ledger::{Change, RowHead};
use crate::sink;
use crate::time::Time;

pub use driver::{Counts, Driver, OwnedDelivery, Question, Task};
pub use look::{Look, Lookup, Tally};
pub use planning::{Line, Passing, Planned, Planning};

/// An open ledger that nobody else can write to.
pub struct Store {
    db: Connection,
    path: PathBuf,
    _lock: File,
    /// The highest position that was given.
    last: u64,
    /// Numbers and addresses of the sinks.
    sinks: Vec<(i64, String)>,
    /// Rows that are not what was written, in words for a person.
    damage: Vec<String>,
    broken: Option<String>,
}

/// An open ledger, for whoever plans and for every sink's driver.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<Store>>);

impl Shared {
    /// Shares a ledger.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self(Arc::new(Mutex::new(store)))
    }

    /// The ledger, for a moment.
    pub fn lock(&self) -> MutexGuard<'_, Store> {
        // A thread that died while it held it left no open transaction behind: that is rolled back.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Opens the ledger at `path`, or makes it: takes its lock, holds its pages and rows against their checks, and writes
    /// to it once, so that a ledger that cannot be written is known before anything is sent.
    ///
    /// # Errors
    /// That it is in use, is no ledger, is damaged beyond single rows, or cannot be written.
    pub fn open(path: &Path) -> Result<Self> {
        open::open(path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What of it is not what was written: such rows are never sent.
    #[must_use]
    pub fn damage(&self) -> &[String] {
        &self.damage
    }

    /// The number of the sink with this address.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn sink(&mut self, address: &str) -> Result<i64> {
        if let Some((number, _)) = self.sinks.iter().find(|(_, a)| a == address) {
            return Ok(*number);
        }
        let number = self.write(|tx| {
            tx.execute("INSERT INTO sink (address) VALUES (?1)", [address])?;
            Ok(tx.last_insert_rowid())
        })?;
        self.sinks.push((number, address.to_owned()));
        Ok(number)
    }

    /// As [`Store::sink`], for a sink that the ledger may know by another address until now: the first of `others` that is
    /// there has this address from then on.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn sink_of(&mut self, address: &str, others: &[String]) -> Result<i64> {
        let known = |address: &str| self.sinks.iter().position(|(_, a)| a == address);
        let found = others.iter().find_map(|other| known(other));
        match (known(address), found) {
            (None, Some(at)) => report::rename(self, at, address),
            _ => self.sink(address),
        }
    }

    /// True if this file is the ledger or one of those that belong to it.
    #[must_use]
    pub fn owns(&self, path: &Path) -> bool {
        let ledger = sink::canonical(&self.path).unwrap_or_else(|_| self.path.clone());
        let place = |path: &Path| path.metadata().map(|m| (m.dev(), m.ino())).ok();
        let names = open::beside(&ledger);
        names.iter().chain([&ledger]).any(|name| {
            sink::canonical(path).is_ok_and(|path| path == *name)
                || place(path).is_some_and(|here| Some(here) == place(name))
        })
    }

    /// What was sent to this sink: a digest of the id and of what it stands for.
    ///
    /// # Errors
    /// Those of the disk.
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

    /// The streams of which something is open at this sink, oldest first.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn open_streams(&self, sink: i64) -> Result<Vec<String>> {
        let mut found = self.db.prepare_cached(
            "SELECT stream FROM delivery WHERE sink = ?1 AND open = 1 GROUP BY stream ORDER BY min(position)",
        )?;
        let names = found.query_map([sink], |row| row.get(0))?;
        Ok(names.collect::<rusqlite::Result<_>>()?)
    }

    /// At most `most` open rows of a stream behind a position, in order; fewer are all there are. What is damaged is said
    /// once and left out.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn load(
        &mut self,
        sink: i64,
        stream: &str,
        after: u64,
        most: usize,
    ) -> Result<Vec<RowHead>> {
        report::load(self, sink, stream, after, most)
    }

    /// Makes transitions durable, all or none.
    ///
    /// # Errors
    /// Those of the disk, after which nothing can be written.
    pub fn apply(&mut self, changes: &[Change]) -> Result<()> {
        self.begin(changes, &[]).map(drop)
    }

    /// Makes the transitions of what has ended and of what now begins durable together. The ids and lines of the latter,
    /// read and checked in the same transaction; `None` where the row is not what was thought, and must not be sent.
    ///
    /// # Errors
    /// As [`Store::apply`].
    pub fn begin(
        &mut self,
        ended: &[Change],
        begins: &[Change],
    ) -> Result<Vec<Option<(String, String)>>> {
        report::begin(self, ended, begins)
    }

    /// Ids, lines and notes of rows, checked; `None` where one is damaged.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn read(&mut self, positions: &[u64]) -> Result<Vec<Option<Question>>> {
        report::read(self, positions)
    }

    /// How many deliveries at this sink are open.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn owed(&self, sink: i64) -> Result<u64> {
        let mut count =
            self.db.prepare_cached("SELECT count(*) FROM delivery WHERE sink = ?1 AND open = 1")?;
        let owed: i64 = count.query_row([sink], |row| row.get(0))?;
        Ok(u64::try_from(owed).unwrap_or_default())
    }

    /// Why the oldest open delivery at this sink that has been tried was not sent, as the sink gave it.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn reason(&self, sink: i64) -> Result<Option<String>> {
        let mut found = self.db.prepare_cached(
            "SELECT note FROM delivery WHERE sink = ?1 AND open = 1 AND note <> '' ORDER BY position LIMIT 1",
        )?;
        Ok(found.query_row([sink], |row| row.get(0)).optional()?)
    }

    /// Lets failed and unknown deliveries be sent again (`Planned`), or lets them be so that what follows them goes on
    /// (`Unknown`). How many there were.
    ///
    /// # Errors
    /// As [`Store::apply`].
    pub fn resolve(&mut self, now: Time, which: Which<'_>, to: Resolve) -> Result<u64> {
        report::resolve(self, now, which, to)
    }

    fn write<T>(&mut self, what: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        if let Some(why) = &self.broken {
            bail!("{}: {why}", self.path.display());
        }
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate);
        let done = tx.map_err(anyhow::Error::from).and_then(|tx| {
            let done = what(&tx)?;
            tx.commit()?;
            Ok(done)
        });
        done.map_err(|e| {
            // A commit that failed may be on the disk or not, and asking again would not tell (fsync says it once).
            self.broken = Some(format!("cannot be written, so nothing more is sent: {e:#}"));
            e.context(format!(
                "the ledger {} cannot be written: nothing more is sent; make room or mend the disk and run it again",
                self.path.display()
            ))
        })
    }
}

/// What an id and what it stands for come to, short.
pub type Digest = [u8; 16];

/// The digest of an id and of what it stands for.
#[must_use]
pub fn digest(id: &str, content: &[u8]) -> Digest {
    let all = crate::ledger::content(&[id, &format!("{content:?}")]);
    std::array::from_fn(|n| all[n])
}

/// Of which deliveries a person has decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which<'a> {
    /// All that failed or are in doubt.
    All,
    /// Those with these ids.
    Ids(&'a [String]),
}

/// What a person has decided of deliveries that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolve {
    /// They are not there: send them.
    Retry,
    /// They are there, or may be missing: never send them.
    Forget,
}
