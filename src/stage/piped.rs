//! Two stages in one process, as in a pipe.

use super::{Io, Stage};
use crate::exit::Exit;
use crate::time::Time;

/// A stage whose output goes through another one. Both have this process's stdin as their source.
pub struct Piped<S, F> {
    stage: S,
    filter: F,
    inner: Io,
}

impl<S: Stage, F: Stage> Piped<S, F> {
    pub fn new(stage: S, filter: F) -> Self {
        Self { stage, filter, inner: Io::default() }
    }

    fn pass(&mut self, now: Time, io: &mut Io) {
        io.err.append(&mut self.inner.err);
        self.filter.on_bytes(now, &self.inner.out, io);
        self.inner.out.clear();
    }

    /// The first stage.
    pub fn stage(&self) -> &S {
        &self.stage
    }

    /// The second stage.
    pub fn filter(&self) -> &F {
        &self.filter
    }
}

impl<S: Stage, F: Stage> Stage for Piped<S, F> {
    fn on_bytes(&mut self, now: Time, bytes: &[u8], io: &mut Io) {
        self.stage.on_bytes(now, bytes, &mut self.inner);
        self.pass(now, io);
    }

    fn on_source(&mut self, now: Time, name: &str, io: &mut Io) {
        self.stage.on_source(now, name, &mut self.inner);
        self.pass(now, io);
    }

    fn deadline(&self) -> Option<Time> {
        self.stage.deadline().into_iter().chain(self.filter.deadline()).min()
    }

    fn on_tick(&mut self, now: Time, io: &mut Io) {
        self.stage.on_tick(now, &mut self.inner);
        self.pass(now, io);
        self.filter.on_tick(now, io);
    }

    fn is_over(&self) -> bool {
        self.stage.is_over() || self.filter.is_over()
    }

    fn on_end(&mut self, now: Time, io: &mut Io) {
        // Nothing of a turn that the filter has ended is missing.
        if !self.filter.is_over() {
            self.stage.on_end(now, &mut self.inner);
            self.pass(now, io);
            while self.stage.on_rest(now, &mut self.inner) {
                self.pass(now, io);
            }
        }
        self.filter.on_end(now, io);
    }

    fn on_rest(&mut self, now: Time, io: &mut Io) -> bool {
        self.filter.on_rest(now, io)
    }

    fn on_signal(&mut self, now: Time, signal: i32, io: &mut Io) {
        self.stage.on_signal(now, signal, &mut self.inner);
        self.pass(now, io);
    }

    fn exit(&self) -> Exit {
        match self.filter.exit() {
            Exit::Success => self.stage.exit(),
            cancelled => cancelled,
        }
    }
}
