//! Ends the turns that are open when the input ends: whoever wrote the events did not live to do it.

use std::collections::HashMap;

use super::Options;
use super::lane::Lane;
use crate::event::Event;
use crate::filter::{Filter, Out};
use crate::time::Time;

/// How many streams are remembered, those with an open turn before the others; more are passed on without a look.
const MAX_STREAMS: usize = 10_000;

/// A filter that passes everything as it came, and at the end of the input fails what is open with `truncated`.
#[derive(Debug, Default)]
pub struct Truncate {
    lanes: HashMap<String, Lane>,
    options: Options,
}

impl Truncate {
    fn has_room(&mut self) -> bool {
        if self.lanes.len() >= MAX_STREAMS {
            self.lanes.retain(|_, lane| lane.is_open());
        }
        self.lanes.len() < MAX_STREAMS
    }
}

impl Filter for Truncate {
    fn on_event(&mut self, now: Time, event: &Event<'_>, out: &mut Out<'_>) {
        out.pass(now, event);
        let (Some(stream), Some(_)) = (&event.stream, event.seq) else {
            return;
        };
        if let Some(lane) = self.lanes.get_mut(stream.as_ref()) {
            lane.take(now, event, &self.options);
        } else if self.has_room() {
            let mut lane = Lane::new(stream);
            lane.take(now, event, &self.options);
            self.lanes.insert(stream.to_string(), lane);
        }
    }

    fn on_end(&mut self, now: Time, out: &mut Out<'_>) {
        let mut open: Vec<&mut Lane> = self.lanes.values_mut().filter(|l| l.is_open()).collect();
        open.sort_by(|a, b| a.stream.cmp(&b.stream));
        for lane in open {
            lane.truncate(now, out);
        }
    }
}
