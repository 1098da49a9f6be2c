//! Lines of events, read from the files of their runs in spans of records.

use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use anyhow::{Context, Result};

use super::{Order, RunFile};
use crate::serve::index::Record;

/// Most bytes of a file in one read, unless a single line is longer.
const PART: u64 = 128 << 10;

/// Records that follow each other in the order, of events near each other in one file.
#[derive(Debug)]
pub(in crate::run::serve) struct Span<'r> {
    /// File of the events; `None` if the run is removed, or its records cannot be read.
    pub(in crate::run::serve) run: Option<Arc<RunFile>>,
    records: &'r [Option<Record>],
}

impl<'r> Span<'r> {
    /// Cuts the next span off the records that are left.
    pub(in crate::run::serve) fn next(
        order: &Order,
        left: &mut &'r [Option<Record>],
    ) -> Result<Option<Self>> {
        let Some(first) = left.first() else { return Ok(None) };
        let count = left.iter().take_while(|next| is_behind(first, next)).count().max(1);
        let (records, rest) = left.split_at(count);
        *left = rest;
        let run = first.map(|first| order.file(&first.run)).transpose()?.flatten();
        Ok(Some(Self { run, records }))
    }

    /// Number of its events.
    pub(in crate::run::serve) fn count(&self) -> u64 {
        self.records.len() as u64
    }

    fn start(&self) -> u64 {
        self.records.iter().flatten().next().map_or(0, |first| first.offset)
    }

    /// Its run, and the bytes of its lines; `None` if the run is removed or its file was cut, and they are lost.
    pub(in crate::run::serve) fn read(&self) -> Result<Option<(&RunFile, Vec<u8>)>> {
        let Some(run) = &self.run else { return Ok(None) };
        let end = self.records.iter().flatten().map(Record::end).max().unwrap_or_default();
        let length = usize::try_from(end - self.start())?;
        let mut bytes = vec![0; length];
        match run.file.read_exact_at(&mut bytes, self.start()) {
            Ok(()) => Ok(Some((run, bytes))),
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => Ok(None),
            Err(e) => Err(e).with_context(|| format!("cannot read {}", run.stream)),
        }
    }

    /// Each record with its line, which is a part of the bytes.
    pub(in crate::run::serve) fn lines<'b>(
        &self,
        bytes: &'b [u8],
    ) -> impl Iterator<Item = (&'r Record, &'b [u8])> {
        let start = self.start();
        self.records.iter().flatten().map(move |record| {
            let at = usize::try_from(record.offset - start).unwrap_or_default();
            (record, &bytes[at..at + record.length as usize])
        })
    }
}

/// True if the event of a record follows that of another nearby in the same file, or both have no record that can be read.
fn is_behind(first: &Option<Record>, next: &Option<Record>) -> bool {
    match (first, next) {
        (Some(first), Some(next)) => {
            let is_near = next.end().saturating_sub(first.offset) <= PART;
            next.run == first.run && next.offset >= first.offset && is_near
        }
        (None, None) => true,
        _ => false,
    }
}
