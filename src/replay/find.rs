//! Binary search for the start of a selection in a long, sorted recording.
//!
//! Disorder is detected as far as it is read; then the recording must be read from the start.

use std::ops::Range;

use crate::codec;
use crate::event::Event;
use crate::replay::select::{From, Options};
use crate::time::Time;

/// Smallest range that is halved, in bytes.
const BLOCK: u64 = 64 << 10;

/// Longest distance to a matching line, in bytes.
const FAR: u64 = 4 << 20;

/// Disorder of a merged recording, in milliseconds.
const DISORDER: u64 = 10_000;

pub trait Book {
    fn length(&self) -> u64;

    /// First whole line from `at` on; `None` at the end.
    fn line(&mut self, at: u64) -> Result<Option<Line<'_>>, Lost>;
}

pub struct Line<'a> {
    pub start: u64,
    pub next: u64,
    pub bytes: &'a [u8],
}

/// Unreadable, or too long.
pub struct Lost;

/// Start of reading; by default the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Start {
    pub offset: u64,
    /// True if the selection begins there, not only near it.
    pub begun: bool,
    /// Time of the first event.
    pub first: Option<Time>,
}

/// Start of reading for a selection; `None` for the beginning.
pub fn find(book: &mut dyn Book, options: &Options) -> Option<Start> {
    match options.from {
        From::Start => None,
        From::Since(moment) => {
            let first = walk(book, 0, &mut |event| event.time())?.1;
            let target = moment.time(first).as_millis().saturating_sub(DISORDER);
            let key = |event: &Event<'_>| event.time().map(Time::as_millis);
            Some(Start {
                offset: bound(book, &key, target, DISORDER)?,
                begun: false,
                first: Some(first),
            })
        }
        From::Seq(wanted) => turn_of(book, options, wanted),
    }
}

fn turn_of(book: &mut dyn Book, options: &Options, wanted: u64) -> Option<Start> {
    let first = walk(book, 0, &mut |event| event.time()).map(|(_, time)| time);
    let stream = match &options.stream {
        Some(stream) => stream.clone(),
        None => {
            let numbered =
                |event: &Event<'_>| event.seq.and(event.stream.as_deref().map(str::to_owned));
            walk(book, 0, &mut |event| numbered(event))?.1
        }
    };
    let ours = |event: &Event<'_>| event.stream.as_deref() == Some(stream.as_str());
    let number = |event: &Event<'_>| event.seq.filter(|_| ours(event));
    let near = bound(book, &number, wanted, 0)?;
    let (at, turn) =
        walk(book, near, &mut |event| (number(event)? >= wanted).then_some(event.turn))?;
    let start = |offset| Start { offset, begun: true, first };
    let Some(turn) = turn else { return Some(start(at)) };
    let turn_of = |event: &Event<'_>| event.seq.and(event.turn).filter(|_| ours(event));
    let near = bound(book, &turn_of, turn, 0)?;
    let (at, _) = walk(book, near, &mut |event| (turn_of(event)? == turn).then_some(()))?;
    Some(start(at))
}

/// First line from `at` on with a result of `look`, and that result.
fn walk<T>(
    book: &mut dyn Book,
    at: u64,
    look: &mut dyn FnMut(&Event<'_>) -> Option<T>,
) -> Option<(u64, T)> {
    let (start, _, answer) = first(book, at..u64::MAX, look)??;
    Some((start, answer))
}

/// Lower bound: a line start before which every key is less than `target`, and behind which, within a block, the first
/// other key is. `None` if the recording is not sorted to within `slack`, or is unreadable.
fn bound(
    book: &mut dyn Book,
    key: &dyn Fn(&Event<'_>) -> Option<u64>,
    target: u64,
    slack: u64,
) -> Option<u64> {
    let (mut low, mut high) = (0, book.length());
    let mut seen: Vec<(u64, u64)> = Vec::new();
    while high - low > BLOCK {
        let middle = low + (high - low) / 2;
        match first(book, middle..high, &mut |event| key(event))? {
            None => high = middle,
            Some((start, next, key)) => {
                seen.push((start, key));
                if key < target {
                    low = next;
                } else {
                    high = middle;
                }
            }
        }
        // A line may extend past the range.
        high = high.max(low);
    }
    seen.sort_unstable();
    let sorted = seen
        .windows(2)
        .all(|pair| matches!(pair, [(_, a), (_, b)] if *a <= b.saturating_add(slack)));
    sorted.then_some(low)
}

/// First line in a range with a result of `look`: its start, the next start, the result. `None` outside if that is unknown.
fn first<T>(
    book: &mut dyn Book,
    range: Range<u64>,
    look: &mut dyn FnMut(&Event<'_>) -> Option<T>,
) -> Option<Option<(u64, u64, T)>> {
    let mut at = range.start;
    while at < range.end {
        let Some(line) = book.line(at).ok()?.filter(|line| line.start < range.end) else { break };
        let event = codec::decode(codec::unmarked(line.bytes)).ok();
        if let Some(answer) = event.and_then(|event| look(&event)) {
            return Some(Some((line.start, line.next, answer)));
        }
        at = line.next;
        if at - range.start > BLOCK + FAR {
            return None;
        }
    }
    Some(None)
}
