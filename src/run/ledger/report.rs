//! Transitions of rows: each is read, verified, changed and written in one transaction.

use std::collections::HashSet;
use std::ops::ControlFlow;

use anyhow::Result;
use rusqlite::Connection;

use super::open::MAX_DAMAGE;
use super::rows::{self, COLUMNS, Damaged, to_i64};
use super::{Resolve, Store};
use crate::ledger::{Change, Mark, Row, RowHead, State};
use crate::time::Time;

const MAX_NOTE: usize = 1000;

impl Store {
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
    pub(super) fn rename(&mut self, at: usize, address: &str) -> Result<i64> {
        let number = self.sinks[at].0;
        self.write(|tx, sinks| {
            let mut positions = tx.prepare("SELECT position FROM delivery WHERE sink = ?1")?;
            let positions = positions.query_map([number], |row| row.get(0))?;
            let positions: Vec<i64> = positions.collect::<rusqlite::Result<_>>()?;
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
        row.note = shortened(note);
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

fn shortened(note: &str) -> String {
    let mut end = note.len().min(MAX_NOTE);
    while !note.is_char_boundary(end) {
        end -= 1;
    }
    note.get(..end).unwrap_or_default().to_owned()
}
