//! Recorded times as gaps between events.

use std::collections::HashMap;
use std::time::Duration;

use crate::time::Time;

/// Step back in time that starts a recording anew; less is the disorder of merged streams.
const ANEW: Duration = Duration::from_secs(60);

/// Distance at which a stream was recorded at another time and starts at once.
const APART: Duration = Duration::from_secs(3600);

/// Streams with a time of their own; others follow the latest event.
const MAX_STREAMS: usize = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Gap {
    /// Start of the schedule.
    Start,
    After(Duration),
    /// Released with its predecessor.
    #[default]
    Joined,
}

/// Computes gaps. Each stream has its own time: streams recorded on different days and merged are played side by side.
#[derive(Debug, Default)]
pub struct Gaps {
    streams: HashMap<String, StreamPace>,
    /// Latest event of the stream that began last, to place a new stream.
    latest: Option<StreamPace>,
    /// Microseconds from the start of the schedule.
    at: i128,
    begun: bool,
}

#[derive(Debug, Clone, Copy)]
struct StreamPace {
    last: Time,
    most: Time,
    at: i128,
}

impl Gaps {
    /// Gap before an event of a stream at `ts`; without a time it joins its predecessor.
    pub fn before(&mut self, stream: &str, ts: Option<Time>) -> Gap {
        let first = !std::mem::replace(&mut self.begun, true);
        let before = self.at;
        if let Some(ts) = ts {
            let at = self.place(stream, ts);
            self.at = self.at.max(at);
        }
        if first {
            return Gap::Start;
        }
        let gap = u64::try_from(self.at - before).unwrap_or(u64::MAX);
        Gap::After(Duration::from_micros(gap))
    }

    fn place(&mut self, stream: &str, ts: Time) -> i128 {
        let pace = match (self.streams.get(stream), self.latest) {
            (Some(pace), _) => pace.then(ts),
            (None, Some(latest)) if latest.is_near(ts) => {
                let since = micros(ts) - micros(latest.most);
                StreamPace { last: ts, most: ts, at: latest.at + since }
            }
            _ => StreamPace { last: ts, most: ts, at: self.at },
        };
        if let Some(known) = self.streams.get_mut(stream) {
            *known = pace;
        } else if self.streams.len() < MAX_STREAMS {
            self.streams.insert(stream.to_owned(), pace);
        }
        if self.latest.is_none_or(|latest| pace.at >= latest.at) {
            self.latest = Some(pace);
        }
        pace.at
    }
}

impl StreamPace {
    fn then(self, ts: Time) -> Self {
        let gap = match () {
            () if ts >= self.most => ts.since(self.most),
            () if ts >= self.last && self.last < self.most => ts.since(self.last),
            () if self.last.since(ts) > ANEW => Duration::ZERO,
            // Disorder is ignored.
            () => return self,
        };
        let at = self.at + i128::try_from(gap.as_micros()).unwrap_or(i128::MAX / 2);
        Self { last: ts, most: self.most.max(ts), at }
    }

    /// True if a new stream at `ts` can belong to the same recording.
    fn is_near(self, ts: Time) -> bool {
        if ts >= self.most { ts.since(self.most) <= APART } else { self.most.since(ts) <= ANEW }
    }
}

fn micros(time: Time) -> i128 {
    time.as_micros().into()
}
