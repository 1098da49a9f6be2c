//! coalesce: many small deltas into few good ones. The decoded text out is the decoded text in, for any slicing, and
//! nothing is held longer than `within`.

mod held;
mod tail;
#[cfg(test)]
mod tests;

use std::time::Duration;

use super::{Filter, Out};
use crate::event::{Delta, Event};
use crate::named::Named;
use crate::streams::Streams;
use crate::time::Time;
use held::Held;
pub(super) use tail::chars;

/// Where a cut is preferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Border {
    /// After white space.
    Word,
    /// After a line end.
    Line,
    /// After the end of a sentence.
    Sentence,
    /// After an empty line.
    Paragraph,
}

impl Named for Border {
    const ALL: &'static [(&'static str, &'static str, Self)] = &[
        ("word", "After white space", Self::Word),
        ("line", "After a line end", Self::Line),
        ("sentence", "After the end of a sentence", Self::Sentence),
        ("paragraph", "After an empty line", Self::Paragraph),
    ];
}

/// When held text leaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Code points that a merged delta has at most; one longer delta passes whole.
    pub max: usize,
    /// Code points that must be held before silence alone lets them go.
    pub min: usize,
    /// Held text leaves after this silence.
    pub idle: Duration,
    /// Held text leaves at the latest so long after its first delta came.
    pub within: Duration,
    /// Where a cut is preferred, if anywhere.
    pub by: Option<Border>,
    /// How many deltas of a block pass at once before any is held.
    pub first: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max: 1200,
            min: 1,
            idle: Duration::from_millis(150),
            within: Duration::from_secs(1),
            by: None,
            first: 1,
        }
    }
}

/// The filter.
#[derive(Debug, Default)]
pub struct Coalesce {
    options: Options,
    streams: Streams<Stream>,
    /// Never later than the earliest deadline of any stream; a tick that comes too early computes it anew.
    due: Option<Time>,
}

/// State of one stream.
#[derive(Debug, Default)]
struct Stream {
    /// The block that was last begun, and how many of its deltas have passed at once.
    block: String,
    passed: u32,
    held: Held,
}

impl Coalesce {
    /// A filter that holds nothing yet.
    pub fn new(options: Options) -> Self {
        Self { options, ..Self::default() }
    }

    fn on_delta(&mut self, now: Time, event: &Event<'_>, delta: &Delta<'_>, out: &mut Out<'_>) {
        let id = event.stream.as_deref().unwrap_or_default();
        let options = &self.options;
        // A stream that holds nothing is only a memory of its last block.
        let (at, removed) = self.streams.place(id, Stream::default, |stream| stream.held.since());
        if let Some(mut removed) = removed {
            removed.held.flush(now, out);
        }
        let stream = &mut self.streams[at];
        if !stream.held.takes(event, delta) {
            stream.held.flush(now, out);
        }
        if stream.block != delta.block.0 {
            stream.block.clear();
            stream.block.push_str(delta.block.0);
            stream.passed = 0;
        }
        if stream.passed < options.first && stream.held.is_empty() {
            stream.passed += 1;
            out.pass(now, event);
            return;
        }
        let chars = chars(delta.text.0);
        while !stream.held.is_empty() && stream.held.chars() + chars > options.max {
            stream.held.flush_to_border(now, out);
        }
        if chars >= options.max {
            out.pass(now, event);
            return;
        }
        stream.held.add(now, event, delta, chars, options);
        if stream.held.chars() >= options.max {
            stream.held.flush_to_border(now, out);
        }
        let due = stream.held.due();
        self.due = self.due.into_iter().chain(due).min();
    }
}

impl Filter for Coalesce {
    fn on_event(&mut self, now: Time, event: &Event<'_>, out: &mut Out<'_>) {
        match (&event.delta, event.seq) {
            (Some(delta), Some(_)) if event.stream.is_some() => {
                self.on_delta(now, event, delta, out);
            }
            // What a filter injected stands beside the text, not in it.
            (_, None) => out.pass(now, event),
            (_, Some(_)) => {
                let stream = event.stream.as_deref().and_then(|id| self.streams.get(id));
                if let Some(stream) = stream {
                    stream.held.flush(now, out);
                }
                out.pass(now, event);
            }
        }
    }

    fn deadline(&self) -> Option<Time> {
        self.due
    }

    fn on_tick(&mut self, now: Time, out: &mut Out<'_>) {
        let due = |stream: &&mut Stream| stream.held.due().is_some_and(|at| at <= now);
        while let Some(stream) = self.streams.iter_mut().filter(due).min_by_key(|s| s.held.due()) {
            stream.held.flush_due(now, out);
        }
        self.due = self.streams.iter().filter_map(|stream| stream.held.due()).min();
    }

    fn on_flush(&mut self, now: Time, out: &mut Out<'_>) {
        let mut streams: Vec<_> = self.streams.iter_mut().filter(|s| !s.held.is_empty()).collect();
        streams.sort_by_key(|stream| stream.held.since());
        for stream in streams {
            stream.held.flush(now, out);
        }
    }
}
