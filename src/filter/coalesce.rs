//! coalesce: many small deltas merged into few. The decoded text is unchanged for any slicing, and nothing is held longer
//! than `within`.

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

/// Preferred place of a cut.
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

/// Times at which held text leaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Most code points of a merged delta; one longer delta passes whole.
    pub max: usize,
    /// Code points that must be held before silence alone releases them.
    pub min: usize,
    /// Silence after which held text leaves.
    pub idle: Duration,
    /// Longest time that text is held, from the arrival of its first delta.
    pub within: Duration,
    /// Preferred place of a cut, if any.
    pub by: Option<Border>,
    /// Deltas at the start of a block that pass at once.
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
    /// Lower bound of all streams' deadlines; a tick that came too early computes it anew.
    due: Option<Time>,
}

#[derive(Debug, Default)]
struct Stream {
    /// The last block, and the number of its deltas that passed at once.
    block: String,
    passed: u32,
    held: Held,
}

impl Coalesce {
    /// A filter at the start of its input.
    pub fn new(options: Options) -> Self {
        Self { options, ..Self::default() }
    }

    fn on_delta(&mut self, now: Time, event: &Event<'_>, delta: &Delta<'_>, out: &mut Out<'_>) {
        let id = event.stream.as_deref().unwrap_or_default();
        let options = &self.options;
        // Streams that hold nothing are forgotten first.
        let (at, removed) = self.streams.place(id, Stream::default, |stream| stream.held.since());
        if let Some(mut removed) = removed {
            removed.held.flush(now, out);
        }
        let stream = &mut self.streams[at];
        if !stream.held.takes(event, delta) {
            stream.held.flush(now, out);
        }
        if stream.block != delta.block.0 {
            delta.block.0.clone_into(&mut stream.block);
            stream.passed = 0;
        }
        if stream.passed < options.first && stream.held.is_empty() {
            stream.passed += 1;
            out.pass(now, event);
            return;
        }
        let chars = chars(delta.text.0);
        while !stream.held.is_empty() && stream.held.chars + chars > options.max {
            stream.held.flush_to_border(now, out);
        }
        if chars >= options.max {
            out.pass(now, event);
            return;
        }
        stream.held.add(now, event, delta, chars, options);
        if stream.held.chars >= options.max {
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
            // Injected events do not interrupt the text.
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
