//! Lines of events in their order, read from the files of their runs.

use std::ops::ControlFlow;

use anyhow::{Context, Result};

use super::super::order::{Order, RunFile, Span};
use crate::serve::index::Record;

/// Receiver of lines, each with its run and record.
type Each<'a> = dyn FnMut(&RunFile, &Record, &[u8]) -> ControlFlow<()> + 'a;

/// Calls `each` for the lines behind the event with this number, up to `most`, until it breaks. Returns the number of events
/// that were passed, among them those whose run is removed.
pub(super) fn lines(order: &Order, number: u64, most: usize, each: &mut Each<'_>) -> Result<u64> {
    let records = order.records(number, most).context("cannot read the index")?;
    let (mut passed, mut left) = (0, records.as_slice());
    while let Some(span) = Span::next(order, &mut left)? {
        let read =
            |run: &RunFile| span.read(run).with_context(|| format!("cannot read {}", run.stream));
        let bytes = span.run.as_deref().map(read).transpose()?.flatten();
        let (Some(run), Some(bytes)) = (&span.run, bytes) else {
            passed += span.count();
            continue;
        };
        for (record, line) in span.lines(&bytes) {
            passed += 1;
            if each(run, record, line).is_break() {
                return Ok(passed);
            }
        }
    }
    Ok(passed)
}
