//! State of one webhook, shared by its thread, the server and `GET /status`.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use crate::run::output::warn;
use crate::run::serve::locked;
use crate::serve::webhook::Webhook;
use crate::term::quoted;

/// A webhook and its state.
#[derive(Debug)]
pub(super) struct Hook {
    pub webhook: Webhook,
    /// Address without secrets.
    pub name: String,
    state: Mutex<HookState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct HookState {
    pub stage: Stage,
    /// Events that it has not got yet, as far as they were read.
    pub owed: u64,
    /// Deliveries since the start of the server.
    pub delivered: u64,
    pub given_up: u64,
    /// Reason of the last failure, until a delivery arrives.
    reason: Option<String>,
    /// True if something may have happened since the thread looked.
    woken: bool,
    /// Time at which it stops, once the server ends.
    until: Option<Instant>,
}

/// Stage of a webhook.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Stage {
    /// Another server has the ledger.
    #[default]
    Waiting,
    On,
    /// The endpoint wants no more.
    Off,
    /// The ledger cannot be written.
    Broken,
    /// The server ends.
    Ended,
}

impl Hook {
    pub fn new(webhook: Webhook) -> Self {
        Self {
            name: webhook.address.name(),
            webhook,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    pub fn state(&self) -> MutexGuard<'_, HookState> {
        locked(&self.state)
    }

    pub fn warn(&self, what: &str) {
        warn(format_args!("webhook {}: {}", self.name, quoted(what)));
    }

    /// Records a failure; reports the first in a row.
    pub fn failing(&self, why: &str) {
        if self.state().reason.replace(why.to_owned()).is_none() {
            self.warn(&format!("{why} (retrying)"));
        }
    }

    pub fn sent(&self) {
        let mut state = self.state();
        state.delivered += 1;
        state.reason = None;
    }

    /// Wakes its thread.
    pub fn wake(&self) {
        self.state().woken = true;
        self.changed.notify_all();
    }

    /// Asks its thread to end once everything has arrived, and at this time at the latest.
    pub fn end(&self, until: Instant) {
        self.state().until = Some(until);
        self.wake();
    }

    /// Time at which it stops, once the server ends.
    pub fn until(&self) -> Option<Instant> {
        self.state().until
    }

    /// Waits until it is woken, or so long.
    pub fn wait(&self, limit: Duration) {
        let state = self.state();
        let waited = self.changed.wait_timeout_while(state, limit, |state| !state.woken);
        waited.unwrap_or_else(PoisonError::into_inner).0.woken = false;
    }

    pub fn shown(&self) -> Value {
        let state = self.state();
        json!({
            "url": self.name,
            "state": state.stage,
            "owed": state.owed,
            "delivered": state.delivered,
            "given_up": state.given_up,
            "error": state.reason,
        })
    }
}
