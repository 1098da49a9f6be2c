//! Past of several runs as one sequence of lines, ordered by `ts`. Each run keeps its own order, and only runs that were
//! active at the same time are held.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use memchr::memchr;

use crate::codec;
use crate::time::Time;

/// Merge of the pasts of runs, each named by its number.
#[derive(Debug)]
pub struct Past {
    runs: Vec<Ahead>,
    /// Time of the next line of each run that has not ended, or a time that is not after it.
    next: BinaryHeap<Reverse<(Time, usize)>>,
}

/// Lines of a run that were read and not given out.
#[derive(Debug, Default)]
struct Ahead {
    bytes: Vec<u8>,
    at: usize,
}

/// Next step of a merge.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Next line, with its line feed, of the run with this number.
    Line(usize, &'a [u8]),
    /// Request for [`Past::feed`] or [`Past::end`] of this run.
    Need(usize),
}

impl Past {
    /// A merge of runs that were started at these times.
    pub fn new(started: impl Iterator<Item = Time>) -> Self {
        let next: BinaryHeap<_> = started.enumerate().map(|(n, time)| Reverse((time, n))).collect();
        Self { runs: next.iter().map(|_| Ahead::default()).collect(), next }
    }

    /// Next line or request; `None` once all runs have ended.
    pub fn step(&mut self) -> Option<Step<'_>> {
        let Reverse((time, n)) = *self.next.peek()?;
        let run = self.runs.get_mut(n)?;
        let (from, rest) = (run.at, run.bytes.get(run.at..).unwrap_or_default());
        if rest.is_empty() {
            return Some(Step::Need(n));
        }
        let to = from + memchr(b'\n', rest).map_or(rest.len(), |feed| feed + 1);
        run.at = to;
        let time = time_of_next(&run.bytes[to..], time);
        self.replace_first(time, n);
        Some(Step::Line(n, &self.runs[n].bytes[from..to]))
    }

    /// Takes the next complete lines of a run that needs them.
    pub fn feed(&mut self, n: usize, lines: &[u8]) {
        if let (Some(run), Some(Reverse((time, _)))) = (self.runs.get_mut(n), self.next.peek()) {
            let time = time_of_next(lines, *time);
            run.bytes.clear();
            run.bytes.shrink_to(1 << 20);
            run.bytes.extend_from_slice(lines);
            run.at = 0;
            self.replace_first(time, n);
        }
    }

    /// Ends a run that needs lines.
    pub fn end(&mut self, n: usize) {
        self.next.pop();
        if let Some(run) = self.runs.get_mut(n) {
            *run = Ahead::default();
        }
    }

    fn replace_first(&mut self, time: Time, n: usize) {
        self.next.pop();
        self.next.push(Reverse((time, n)));
    }
}

/// Time of the first of these lines: its `ts`, but not before `least`; a line without one follows the line before it.
fn time_of_next(lines: &[u8], least: Time) -> Time {
    let line = memchr(b'\n', lines).map_or(lines, |feed| &lines[..feed]);
    let event = codec::decode(line).ok();
    event.and_then(|event| event.time()).map_or(least, |time| time.max(least))
}
