//! Read-only view of a ledger, also while it is in use, and of what is readable of a damaged one.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, Result};
use rusqlite::{Connection, OpenFlags};

use super::open;
use super::rows::{self, Damaged};
use crate::ledger::{Row, State};
use crate::named::Named;

pub struct Look {
    db: Connection,
    sinks: Vec<(i64, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    pub sink: String,
    /// In the order of [`State::ALL`].
    pub counts: [u64; State::ALL.len()],
}

impl Look {
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

    pub fn every(
        &self,
        each: impl FnMut(Result<Row, Damaged>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        rows::every(&self.db, &self.sinks, each)
    }

    /// Counts for each sink, and the number of damaged rows.
    pub fn tally(&self) -> Result<(Vec<Tally>, u64)> {
        let mut all: Vec<Tally> = self
            .sinks
            .iter()
            .map(|(_, sink)| Tally { sink: sink.clone(), counts: [0; State::ALL.len()] })
            .collect();
        let mut damaged = 0;
        self.every(|found| {
            let Ok(row) = found else {
                damaged += 1;
                return Ok(ControlFlow::Continue(()));
            };
            let at = State::ALL.iter().position(|(.., state)| *state == row.state);
            let tally = all.iter_mut().find(|tally| tally.sink == row.sink);
            if let Some(count) = tally.zip(at).and_then(|(tally, at)| tally.counts.get_mut(at)) {
                *count += 1;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok((all, damaged))
    }
}
