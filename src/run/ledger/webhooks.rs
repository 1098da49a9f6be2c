//! Webhooks in the ledger: how far each has come in the order of all events, and the rows of what it gets.

use std::collections::BTreeSet;

use anyhow::Result;
use rusqlite::{Connection, OptionalExtension, params};

use super::rows::{self, to_i64, to_u64};
use super::{Store, open};
use crate::ledger::{self, Row};
use crate::time::Time;

pub use open::InUse;

/// Progress of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Order at its registration.
    pub first_epoch: u64,
    pub since: Time,
    /// Order in which `number` counts.
    pub epoch: u64,
    /// Number of the last event that it has passed.
    pub number: u64,
    pub switch: Switch,
}

/// State of a webhook, kept across restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    On,
    /// Endpoint that has answered with 410: it gets no more events.
    Off,
}

/// Event for a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookEvent {
    pub id: String,
    /// Stream of the run, within which the order is kept.
    pub run: String,
    pub turn: Option<u64>,
    pub seq: Option<u64>,
    pub line: String,
}

const FIELDS: [&str; 5] = ["first_epoch", "since", "epoch", "number", "off"];

impl Store {
    /// Progress of a webhook; `None` if it is new.
    pub fn progress(&self, sink: i64) -> Result<Option<Progress>> {
        let mut values = [0; FIELDS.len()];
        for (field, value) in FIELDS.iter().zip(&mut values) {
            let mut found = self.db.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
            let found = found.query_row([key(sink, field)], |row| row.get(0)).optional()?;
            let Some(found) = found else { return Ok(None) };
            *value = to_u64(found);
        }
        let [first_epoch, since, epoch, number, off] = values;
        let switch = if off == 0 { Switch::On } else { Switch::Off };
        Ok(Some(Progress { first_epoch, since: Time::from_micros(since), epoch, number, switch }))
    }

    pub fn set_progress(&mut self, sink: i64, progress: &Progress) -> Result<()> {
        self.write(|tx, _| put(tx, sink, progress))
    }

    /// Makes rows for events that have none, and the progress behind them, durable together. Returns the runs that have new
    /// rows.
    pub fn plan_webhook(
        &mut self,
        sink: i64,
        now: Time,
        events: &[HookEvent],
        progress: &Progress,
    ) -> Result<BTreeSet<String>> {
        let mut last = self.last;
        let grown = self.write(|tx, sinks| {
            let mut grown = BTreeSet::new();
            let address = sinks.iter().find(|(number, _)| *number == sink);
            let address = address.map(|(_, address)| address.clone()).unwrap_or_default();
            for event in events {
                let sql = "SELECT 1 FROM delivery WHERE sink = ?1 AND id = ?2";
                if tx.prepare_cached(sql)?.exists(params![sink, event.id])? {
                    continue;
                }
                last += 1;
                rows::put(tx, sink, &row(now, last, &address, event))?;
                grown.insert(event.run.clone());
            }
            tx.prepare_cached("UPDATE meta SET value = ?1 WHERE key = 'last'")?
                .execute([to_i64(last)])?;
            put(tx, sink, progress)?;
            Ok(grown)
        })?;
        self.last = last;
        Ok(grown)
    }
}

fn key(sink: i64, field: &str) -> String {
    format!("webhook.{sink}.{field}")
}

fn put(db: &Connection, sink: i64, progress: &Progress) -> Result<()> {
    let Progress { first_epoch, since, epoch, number, switch } = *progress;
    let values = [first_epoch, since.as_micros(), epoch, number, u64::from(switch == Switch::Off)];
    let sql = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2";
    let mut put = db.prepare_cached(sql)?;
    for (field, value) in FIELDS.iter().zip(values) {
        put.execute(params![key(sink, field), to_i64(value)])?;
    }
    Ok(())
}

fn row(now: Time, position: u64, address: &str, event: &HookEvent) -> Row {
    Row {
        position,
        sink: address.to_owned(),
        id: event.id.clone(),
        stream: event.run.clone(),
        turn: event.turn,
        seq: event.seq.unwrap_or_default(),
        content: ledger::content(&[&event.line]),
        line: event.line.clone(),
        born: now,
        changed: now,
        ..Row::default()
    }
}
