//! Rows in SQLite: every row that is read is verified by its hash.

use std::fmt;
use std::ops::ControlFlow;

use anyhow::Result;
use rusqlite::{Connection, OptionalExtension, Params, Row as SqlRow, params};

use crate::ledger::{Mark, Row, State};
use crate::named::Named;
use crate::term::quoted;
use crate::time::Time;

pub(super) const COLUMNS: &str = "position, sink, id, stream, turn, seq, block, part, last, content, line, state, mark, \
    tries, born, changed, not_before, note, open, hash";

/// A row that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    pub(super) position: u64,
    id: String,
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {} ({}) is damaged", self.position, quoted(&self.id))
    }
}

/// Results of `read` for each row of a query.
pub(super) fn all<T, C: FromIterator<T>>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&SqlRow<'_>) -> rusqlite::Result<T>,
) -> Result<C> {
    let mut query = db.prepare_cached(sql)?;
    let found = query.query_map(params, read)?;
    Ok(found.collect::<rusqlite::Result<C>>()?)
}

pub(super) fn sinks(db: &Connection) -> Result<Vec<(i64, String)>> {
    let sql = "SELECT number, address FROM sink ORDER BY number";
    all(db, sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
}

pub(super) fn checked(row: &SqlRow<'_>, sinks: &[(i64, String)]) -> Result<Row, Damaged> {
    let position = row.get::<_, i64>(0).map(to_u64).unwrap_or_default();
    let damaged = || Damaged { position, id: row.get::<_, String>(2).unwrap_or_default() };
    let (found, open, hash) = read(row, sinks).ok().flatten().ok_or_else(damaged)?;
    if hash[..] != found.hash() || open != i64::from(found.is_open()) {
        return Err(damaged());
    }
    Ok(found)
}

type Parts = (Row, i64, Vec<u8>);

fn read(row: &SqlRow<'_>, sinks: &[(i64, String)]) -> rusqlite::Result<Option<Parts>> {
    let sink: i64 = row.get(1)?;
    let Some((_, address)) = sinks.iter().find(|(number, _)| *number == sink) else {
        return Ok(None);
    };
    let (state, mark): (String, String) = (row.get(11)?, row.get(12)?);
    let (Some(state), Some(mark)) = (State::by_name(&state), Mark::by_name(&mark)) else {
        return Ok(None);
    };
    let time = |n: usize| row.get::<_, i64>(n).map(|micros| Time::from_micros(to_u64(micros)));
    let found = Row {
        position: row.get::<_, i64>(0).map(to_u64)?,
        sink: address.clone(),
        id: row.get(2)?,
        stream: row.get(3)?,
        turn: row.get::<_, Option<i64>>(4)?.map(to_u64),
        seq: row.get::<_, i64>(5).map(to_u64)?,
        block: row.get(6)?,
        part: row.get::<_, Option<i64>>(7)?.map(to_u64),
        last: row.get::<_, i64>(8)? == 1,
        content: row.get(9)?,
        line: row.get(10)?,
        state,
        mark,
        tries: u32::try_from(row.get::<_, i64>(13)?).unwrap_or(u32::MAX),
        born: time(14)?,
        changed: time(15)?,
        not_before: time(16)?,
        note: row.get(17)?,
    };
    Ok(Some((found, row.get(18)?, row.get(19)?)))
}

pub(super) fn every(
    db: &Connection,
    sinks: &[(i64, String)],
    mut each: impl FnMut(Result<Row, Damaged>) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let mut all = db.prepare(&format!("SELECT {COLUMNS} FROM delivery ORDER BY position"))?;
    let mut all = all.query([])?;
    while let Some(row) = all.next()? {
        if each(checked(row, sinks))?.is_break() {
            break;
        }
    }
    Ok(())
}

/// The row under a condition that at most one fulfils.
pub(super) fn find(
    db: &Connection,
    sinks: &[(i64, String)],
    condition: &str,
    params: impl Params,
) -> Result<Option<Result<Row, Damaged>>> {
    let mut row =
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM delivery WHERE {condition}"))?;
    Ok(row.query_row(params, |row| Ok(checked(row, sinks))).optional()?)
}

pub(super) fn put(db: &Connection, sink: i64, row: &Row) -> Result<()> {
    let mut put = db.prepare_cached(
        "INSERT INTO delivery VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20)
         ON CONFLICT (position) DO UPDATE SET line = ?11, state = ?12, mark = ?13, tries = ?14, changed = ?16,
         not_before = ?17, note = ?18, open = ?19, hash = ?20",
    )?;
    put.execute(params![
        to_i64(row.position),
        sink,
        row.id,
        row.stream,
        row.turn.map(to_i64),
        to_i64(row.seq),
        row.block,
        row.part.map(to_i64),
        i64::from(row.last),
        row.content.as_slice(),
        row.line,
        row.state.name(),
        row.mark.name(),
        i64::from(row.tries),
        to_i64(row.born.as_micros()),
        to_i64(row.changed.as_micros()),
        to_i64(row.not_before.as_micros()),
        row.note,
        i64::from(row.is_open()),
        row.hash().as_slice(),
    ])?;
    Ok(())
}

/// SQLite's integers are signed; the same 64 bits.
pub(super) fn to_i64(n: u64) -> i64 {
    n.cast_signed()
}

pub(super) fn to_u64(n: i64) -> u64 {
    n.cast_unsigned()
}
