//! coalesce: many small deltas into few good ones. The decoded text out is the decoded text in, for any slicing, and
//! nothing is held longer than `within`.

mod held;
mod tail;
#[cfg(test)]
mod tests;

use std::time::Duration;

use super::{Filter, Out};
use crate::event::{Delta, Event};
use crate::time::Time;
use held::Held;
pub(super) use tail::chars;

/// How many streams may hold text at once; past that the one that has held longest is flushed.
const MAX_STREAMS: usize = 1024;

/// Where a cut is preferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
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
    lanes: Vec<Lane>,
    /// The lane that spoke last: streams speak in bursts.
    last: usize,
}

/// One stream.
#[derive(Debug)]
struct Lane {
    stream: String,
    /// The block that was last begun, and how many of its deltas have passed at once.
    block: String,
    passed: u32,
    held: Held,
}

impl Coalesce {
    /// A filter that holds nothing yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options, lanes: Vec::new(), last: 0 }
    }

    fn find(&self, stream: &str) -> Option<usize> {
        if self.lanes.get(self.last).is_some_and(|lane| lane.stream == stream) {
            return Some(self.last);
        }
        self.lanes.iter().position(|lane| lane.stream == stream)
    }

    fn find_or_add(&mut self, stream: &str, now: Time, out: &mut Out<'_>) -> usize {
        if let Some(at) = self.find(stream) {
            return at;
        }
        if self.lanes.len() >= MAX_STREAMS {
            // A lane that holds nothing is only a memory of its last block.
            let oldest = self.lanes.iter().enumerate().min_by_key(|(_, lane)| lane.held.since());
            let at = oldest.map_or(0, |(at, _)| at);
            self.lanes[at].held.flush(now, out);
            self.lanes.remove(at);
        }
        self.lanes.push(Lane {
            stream: stream.to_owned(),
            block: String::new(),
            passed: 0,
            held: Held::default(),
        });
        self.lanes.len() - 1
    }

    fn on_delta(&mut self, now: Time, event: &Event<'_>, delta: &Delta<'_>, out: &mut Out<'_>) {
        let at = self.find_or_add(event.stream.as_deref().unwrap_or_default(), now, out);
        self.last = at;
        let (lane, options) = (&mut self.lanes[at], &self.options);
        if !lane.held.takes(event, delta) {
            lane.held.flush(now, out);
        }
        if lane.block != delta.block.0 {
            lane.block.clear();
            lane.block.push_str(delta.block.0);
            lane.passed = 0;
        }
        if lane.passed < options.first && lane.held.is_empty() {
            lane.passed += 1;
            out.pass(now, event);
            return;
        }
        let chars = chars(delta.text.0);
        while !lane.held.is_empty() && lane.held.chars() + chars > options.max {
            lane.held.flush_to_border(now, out);
        }
        if chars >= options.max {
            out.pass(now, event);
            return;
        }
        lane.held.add(now, event, delta, chars, options);
        if lane.held.chars() >= options.max {
            lane.held.flush_to_border(now, out);
        }
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
                if let Some(at) = event.stream.as_deref().and_then(|stream| self.find(stream)) {
                    self.last = at;
                    self.lanes[at].held.flush(now, out);
                }
                out.pass(now, event);
            }
        }
    }

    fn deadline(&self) -> Option<Time> {
        self.lanes.iter().filter_map(|lane| lane.held.due()).min()
    }

    fn on_tick(&mut self, now: Time, out: &mut Out<'_>) {
        while let Some(lane) = self
            .lanes
            .iter_mut()
            .filter(|lane| lane.held.due().is_some_and(|at| at <= now))
            .min_by_key(|lane| lane.held.due())
        {
            lane.held.flush_due(now, out);
        }
    }

    fn on_flush(&mut self, now: Time, out: &mut Out<'_>) {
        let mut lanes: Vec<&mut Lane> =
            self.lanes.iter_mut().filter(|lane| !lane.held.is_empty()).collect();
        lanes.sort_by_key(|lane| lane.held.since());
        for lane in lanes {
            lane.held.flush(now, out);
        }
    }
}
