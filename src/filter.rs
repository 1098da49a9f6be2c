//! Trait [`Filter`]: events and the passing of time in, events out. A filter cannot wait, read or write.

pub mod cancel;
pub mod chunk;
pub mod coalesce;
pub mod heartbeat;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::rc::Rc;

use crate::event::Event;
use crate::time::Time;

/// A transformation of a stream of events.
///
/// Infallible: the codec stops malformed input, or it is a diagnostic event. Time is a parameter and deadlines are return
/// values, so that a test takes no time.
///
/// Law of a chain: writing and re-reading the line between two filters, under the same virtual time, changes nothing.
/// A tick due at `t` comes before an event at `t`, the ticks of filters downstream first.
pub trait Filter {
    /// Takes one event. Every numbered event of a stream arrives exactly once, in order.
    fn on_event(&mut self, now: Time, event: &Event<'_>, out: &mut Out<'_>);

    /// Time of the next [`Filter::on_tick`]; read again after every call.
    fn deadline(&self) -> Option<Time> {
        None
    }

    /// Time has passed. Harmless before the deadline; after the call the deadline is later than `now` or gone.
    fn on_tick(&mut self, _now: Time, _out: &mut Out<'_>) {}

    /// Emits held events: a line that is no event is about to pass.
    fn on_flush(&mut self, _now: Time, _out: &mut Out<'_>) {}

    /// Emits held events at the end of the input. The last call.
    fn on_end(&mut self, now: Time, out: &mut Out<'_>) {
        self.on_flush(now, out);
    }
}

/// A filter that also has another owner, who reads its results or calls its own methods.
impl<F: Filter> Filter for Rc<RefCell<F>> {
    fn on_event(&mut self, now: Time, event: &Event<'_>, out: &mut Out<'_>) {
        self.borrow_mut().on_event(now, event, out);
    }

    fn deadline(&self) -> Option<Time> {
        self.borrow().deadline()
    }

    fn on_tick(&mut self, now: Time, out: &mut Out<'_>) {
        self.borrow_mut().on_tick(now, out);
    }

    fn on_flush(&mut self, now: Time, out: &mut Out<'_>) {
        self.borrow_mut().on_flush(now, out);
    }

    fn on_end(&mut self, now: Time, out: &mut Out<'_>) {
        self.borrow_mut().on_end(now, out);
    }
}

/// Output of a filter: the filters behind it, and at the end bytes.
pub struct Out<'a> {
    rest: &'a mut [Box<dyn Filter>],
    bytes: &'a mut Vec<u8>,
}

impl<'a> Out<'a> {
    /// The end of a chain: events become lines in `bytes`.
    pub fn bytes(bytes: &'a mut Vec<u8>) -> Self {
        Self { rest: &mut [], bytes }
    }

    /// Passes an event on unchanged.
    pub fn pass(&mut self, now: Time, event: &Event<'_>) {
        match self.rest.split_first_mut() {
            None => {
                self.bytes.extend_from_slice(event.line.as_bytes());
                self.bytes.push(b'\n');
            }
            Some((next, rest)) => next.on_event(now, event, &mut Out { rest, bytes: self.bytes }),
        }
    }

    /// Emits the event that `write` appends to a buffer as one line with its line feed.
    pub fn emit(&mut self, now: Time, write: impl FnOnce(&mut Vec<u8>)) {
        if self.rest.is_empty() {
            write(self.bytes);
            return;
        }
        let mut line = Vec::new();
        write(&mut line);
        if let Ok(event) = crate::codec::decode(line.strip_suffix(b"\n").unwrap_or(&line)) {
            self.pass(now, &event);
        }
    }
}

/// Several filters as one, in the order of the pipe.
#[derive(Default)]
pub struct Chain {
    filters: Vec<Box<dyn Filter>>,
}

impl Chain {
    /// The filters one behind the other; none at all passes everything.
    pub fn new(filters: Vec<Box<dyn Filter>>) -> Self {
        Self { filters }
    }

    /// Runs the ticks due up to `now`, the earliest first, of equals the one furthest downstream.
    pub fn on_tick(&mut self, now: Time, bytes: &mut Vec<u8>) {
        loop {
            let filters = self.filters.iter().enumerate().rev();
            let due = filters.filter_map(|(i, f)| f.deadline().map(|at| (at, i)));
            let Some((at, i)) = due.min_by_key(|(at, _)| *at).filter(|(at, _)| *at <= now) else {
                return;
            };
            self.call(i, bytes, |filter, out| filter.on_tick(at, out));
            if self.filters[i].deadline().is_some_and(|next| next <= at) {
                debug_assert!(false, "a filter's deadline must move on when it has passed");
                return;
            }
        }
    }

    fn call(
        &mut self,
        i: usize,
        bytes: &mut Vec<u8>,
        f: impl FnOnce(&mut dyn Filter, &mut Out<'_>),
    ) {
        let filters = self.filters.get_mut(i..).and_then(<[_]>::split_first_mut);
        if let Some((filter, rest)) = filters {
            f(filter.as_mut(), &mut Out { rest, bytes });
        }
    }

    /// Takes one event at `now`, after the ticks that were due until then.
    pub fn on_event(&mut self, now: Time, event: &Event<'_>, bytes: &mut Vec<u8>) {
        self.on_tick(now, bytes);
        Out { rest: &mut self.filters, bytes }.pass(now, event);
    }

    /// The earliest deadline.
    pub fn deadline(&self) -> Option<Time> {
        self.filters.iter().filter_map(|f| f.deadline()).min()
    }

    /// Flushes every filter, upstream first.
    pub fn on_flush(&mut self, now: Time, bytes: &mut Vec<u8>) {
        self.on_tick(now, bytes);
        for i in 0..self.filters.len() {
            self.call(i, bytes, |filter, out| filter.on_flush(now, out));
        }
    }

    /// Ends every filter, upstream first.
    pub fn on_end(&mut self, now: Time, bytes: &mut Vec<u8>) {
        self.on_tick(now, bytes);
        for i in 0..self.filters.len() {
            self.call(i, bytes, |filter, out| filter.on_end(now, out));
        }
    }
}
