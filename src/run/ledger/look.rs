//! Looking at a ledger without touching it: also while it is in use, and what can be read of a damaged one.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, Result};
use rusqlite::{Connection, OpenFlags};

use super::{open, rows};
use crate::ledger::{Row, State};

/// A ledger that is only read.
pub struct Look {
    db: Connection,
    sinks: Vec<(i64, String)>,
}

/// A row, or what can be said of one that is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// As it was written.
    Row(Box<Row>),
    /// In words for a person.
    Damaged(String),
}

/// How many deliveries of a sink stand where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// The sink's address.
    pub sink: String,
    /// For each of [`State::NAMES`], in their order.
    pub counts: [u64; State::NAMES.len()],
}

impl Look {
    /// Opens a ledger to be read.
    ///
    /// # Errors
    /// That it is not there or is no ledger.
    pub fn open(path: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags)
            .with_context(|| format!("cannot open the ledger {}", path.display()))?;
        let read = || {
            open::distrust(&db)?;
            open::same_tables(&db)?;
            rows::sinks(&db)
        };
        let sinks = read()
            .with_context(|| format!("{} cannot be read as a delivery ledger", path.display()))?;
        Ok(Self { db, sinks })
    }

    /// Calls with every row in order, until it is told to break off.
    ///
    /// # Errors
    /// Those of the disk; what came before stands.
    pub fn every(&self, mut each: impl FnMut(Lookup) -> Result<ControlFlow<()>>) -> Result<()> {
        rows::every(&self.db, &self.sinks, |_, row| {
            each(match row {
                Ok(row) => Lookup::Row(Box::new(row)),
                Err(damaged) => Lookup::Damaged(damaged.to_string()),
            })
        })
    }

    /// Counts for each sink, and how many rows are damaged.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn tally(&self) -> Result<(Vec<Tally>, u64)> {
        let mut all: Vec<Tally> = self
            .sinks
            .iter()
            .map(|(_, sink)| Tally { sink: sink.clone(), counts: [0; State::NAMES.len()] })
            .collect();
        let places: HashMap<String, usize> =
            all.iter().enumerate().map(|(n, t)| (t.sink.clone(), n)).collect();
        let mut damaged = 0;
        self.every(|found| {
            let Lookup::Row(row) = found else {
                damaged += 1;
                return Ok(ControlFlow::Continue(()));
            };
            let at = State::NAMES.iter().position(|(s, _)| *s == row.state);
            let tally = places.get(&row.sink).and_then(|n| all.get_mut(*n));
            if let Some(count) = tally.zip(at).and_then(|(tally, at)| tally.counts.get_mut(at)) {
                *count += 1;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok((all, damaged))
    }
}
