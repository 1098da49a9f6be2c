//! Lines of events in their order, read from the files of their runs.

use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result};

use super::super::order::{Order, RunFile};
use crate::serve::index::Record;

/// Most bytes of a file in one read, unless a single line is longer.
const PART: u64 = 256 << 10;

/// Receiver of lines, each with its run and record.
type Each<'a> = dyn FnMut(&RunFile, &Record, &[u8]) -> ControlFlow<()> + 'a;

/// Calls `each` for the lines behind the event with this number, up to `most`, until it breaks. Returns the number of events
/// that were passed, among them those whose run is removed.
pub(super) fn lines(order: &Order, number: u64, most: usize, each: &mut Each<'_>) -> Result<u64> {
    let records = order.records(number, most).context("cannot read the index")?;
    let mut passed = 0;
    let mut left = records.as_slice();
    while let Some(first) = left.first() {
        let Some(first) = first else {
            (left, passed) = (&left[1..], passed + 1);
            continue;
        };
        let goes_on = |record: &&Option<Record>| {
            record.is_some_and(|next| {
                let is_near = next.end().saturating_sub(first.offset) <= PART;
                next.run == first.run && next.offset >= first.offset && is_near
            })
        };
        let count = left.iter().take_while(goes_on).count().max(1);
        let (span, rest) = left.split_at(count);
        left = rest;
        let Some(run) = order.file(&first.run)? else {
            passed += span.len() as u64;
            continue;
        };
        let end = span.iter().flatten().map(Record::end).max().unwrap_or_default();
        let mut bytes = vec![0; usize::try_from(end - first.offset)?];
        match run.file.read_exact_at(&mut bytes, first.offset) {
            Ok(()) => {}
            // The file was cut: what stood there is lost.
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => {
                passed += span.len() as u64;
                continue;
            }
            Err(e) => return Err(e).with_context(|| format!("cannot read {}", run.stream)),
        }
        for record in span.iter().flatten() {
            let start = usize::try_from(record.offset - first.offset)?;
            passed += 1;
            if each(&run, record, &bytes[start..start + record.length as usize]).is_break() {
                return Ok(passed);
            }
        }
    }
    Ok(passed)
}
