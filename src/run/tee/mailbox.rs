//! State shared by the loop and the thread of one ledger sink.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::ledger::Held;
use crate::run::ledger::{Counts, Passing};

pub(super) struct Mailbox {
    state: Mutex<MailboxState>,
    more: Condvar,
}

#[derive(Default)]
pub(super) struct MailboxState {
    pub grown: Vec<String>,
    pub again: Vec<String>,
    pub passing: Vec<Passing>,
    pub closed: bool,
    pub account: Account,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Account {
    pub counts: Counts,
    /// At-most-once events that were dropped.
    pub dropped: u64,
    pub held: usize,
    /// Delivery that the first of them waits for, its state, and why.
    pub first_held: Option<(String, &'static str, Held)>,
    pub failing: Option<String>,
    /// Why the last delivery was not sent, also where that is no failure.
    pub reason: Option<String>,
    pub trouble: bool,
    pub over: bool,
    pub finished: bool,
}

impl Mailbox {
    pub(super) fn new() -> Self {
        Self { state: Mutex::new(MailboxState::default()), more: Condvar::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, MailboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wait(&self, most: Option<Duration>) {
        let state = self.lock();
        let new = !state.grown.is_empty() || !state.again.is_empty() || !state.passing.is_empty();
        if new || (state.closed && most.is_none()) {
            return;
        }
        match most {
            Some(most) => drop(self.more.wait_timeout(state, most)),
            None => drop(self.more.wait(state)),
        }
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut MailboxState)) {
        change(&mut self.lock());
        self.more.notify_all();
    }
}
