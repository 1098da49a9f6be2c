//! Binary search for the start of a selection in a long, sorted recording.
//!
//! Disorder is detected as far as it is read; then the recording must be read from the start.

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

/// First line from `at` on with a result of `look`, within [`FAR`].
fn walk<T>(
    book: &mut dyn Book,
    mut at: u64,
    look: &mut dyn FnMut(&Event<'_>) -> Option<T>,
) -> Option<(u64, T)> {
    let far = at.saturating_add(BLOCK + FAR);
    while at < far {
        let Line { start, next, bytes } = book.line(at).ok()??;
        if let Some(answer) =
            codec::decode(codec::unmarked(bytes)).ok().and_then(|event| look(&event))
        {
            return Some((start, answer));
        }
        at = next;
    }
    None
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
        match keyed(book, middle, high, key)? {
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

/// First line with a key in a range: its start, the next start, the key. `None` outside if that is unknown.
fn keyed(
    book: &mut dyn Book,
    from: u64,
    to: u64,
    key: &dyn Fn(&Event<'_>) -> Option<u64>,
) -> Option<Option<(u64, u64, u64)>> {
    let mut at = from;
    while at < to {
        let Some(line) = book.line(at).ok()?.filter(|line| line.start < to) else { break };
        if let Some(key) =
            codec::decode(codec::unmarked(line.bytes)).ok().and_then(|event| key(&event))
        {
            return Some(Some((line.start, line.next, key)));
        }
        at = line.next;
        if at - from > FAR {
            return None;
        }
    }
    Some(None)
}
