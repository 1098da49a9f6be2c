//! A stage with the filter `cancel` behind it in the same process.

use std::os::fd::BorrowedFd;

use super::CancelFilter;
use crate::exit::Exit;
use crate::stage::{Io, Stage};
use crate::time::Time;

/// A stage whose output goes through the filter, as in a pipe. Both have this process's stdin as their source.
pub struct Piped<S> {
    stage: S,
    filter: CancelFilter,
    inner: Io,
}

impl<S: Stage> Piped<S> {
    pub fn new(stage: S, filter: CancelFilter) -> Self {
        Self { stage, filter, inner: Io::default() }
    }

    fn pass(&mut self, now: Time, io: &mut Io) {
        io.err.append(&mut self.inner.err);
        self.filter.on_bytes(now, &self.inner.out, io);
        self.inner.out.clear();
    }

    pub(in crate::run) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.filter.fds()
    }
}

impl<S: Stage> Stage for Piped<S> {
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
        }
        self.filter.on_end(now, io);
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
