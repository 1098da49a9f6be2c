//! truncate: fails the turns that are open at the end of the input.

use std::collections::HashMap;

use super::Options;
use super::stream::Stream;
use crate::event::Event;
use crate::filter::{Filter, Out};
use crate::time::Time;

/// Streams that are remembered, those with an open turn before the others; events of more streams only pass.
const MAX_STREAMS: usize = 10_000;

/// A filter that passes everything unchanged, and at the end of the input fails open turns with `truncated`: the writer of
/// the events died before it could end them.
#[derive(Debug, Default)]
pub struct Truncate {
    streams: HashMap<String, Stream>,
    options: Options,
}

impl Truncate {
    fn has_room(&mut self) -> bool {
        if self.streams.len() >= MAX_STREAMS {
            self.streams.retain(|_, stream| stream.is_open());
        }
        self.streams.len() < MAX_STREAMS
    }
}

impl Filter for Truncate {
    fn on_event(&mut self, now: Time, event: &Event<'_>, out: &mut Out<'_>) {
        out.pass(now, event);
        let (Some(id), Some(_)) = (&event.stream, event.seq) else {
            return;
        };
        if let Some(stream) = self.streams.get_mut(id.as_ref()) {
            stream.take(now, event, &self.options);
        } else if self.has_room() {
            let mut stream = Stream::new(id);
            stream.take(now, event, &self.options);
            self.streams.insert(id.to_string(), stream);
        }
    }

    fn on_end(&mut self, now: Time, out: &mut Out<'_>) {
        let mut open: Vec<&mut Stream> =
            self.streams.values_mut().filter(|s| s.is_open()).collect();
        open.sort_by(|a, b| a.id.cmp(&b.id));
        for stream in open {
            stream.truncate(now, out);
        }
    }
}
