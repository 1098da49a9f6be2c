//! State of one webhook, shared by its thread, the server and `GET /status`.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::run::output::warn;
use crate::serve::webhook::Webhook;
use crate::term::quoted;

/// A webhook and its state.
#[derive(Debug)]
pub(super) struct Hook {
    pub webhook: Webhook,
    /// Address without secrets.
    pub name: String,
    account: Mutex<Account>,
    bell: Condvar,
}

#[derive(Debug)]
pub(super) struct Account {
    pub stage: Stage,
    /// Events that it has not got yet, as far as they were read.
    pub owed: u64,
    /// Deliveries since the start of the server.
    pub delivered: u64,
    pub given_up: u64,
    /// Reason of the last failure, until a delivery arrives.
    reason: Option<String>,
    /// True if something may have happened since the thread looked.
    rung: bool,
    /// Time at which it stops, once the server ends.
    until: Option<Instant>,
}

/// Stage of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Another server has the ledger.
    Waiting,
    On,
    /// The endpoint wants no more.
    Off,
    /// The ledger cannot be written.
    Broken,
    /// The server ends.
    Ended,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Stage::Waiting => "waiting",
            Stage::On => "on",
            Stage::Off => "off",
            Stage::Broken => "broken",
            Stage::Ended => "ended",
        }
    }
}

impl Hook {
    pub fn new(webhook: Webhook) -> Self {
        Self {
            name: webhook.address.name(),
            webhook,
            account: Mutex::new(Account {
                stage: Stage::Waiting,
                owed: 0,
                delivered: 0,
                given_up: 0,
                reason: None,
                rung: false,
                until: None,
            }),
            bell: Condvar::new(),
        }
    }

    pub fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn warn(&self, what: &str) {
        warn(format_args!("webhook {}: {}", self.name, quoted(what)));
    }

    /// Records a failure; reports the first in a row.
    pub fn failing(&self, why: &str) {
        if self.account().reason.replace(why.to_owned()).is_none() {
            self.warn(&format!("{why} (retrying)"));
        }
    }

    pub fn sent(&self) {
        let mut account = self.account();
        account.delivered += 1;
        account.reason = None;
    }

    /// Wakes its thread.
    pub fn ring(&self) {
        self.account().rung = true;
        self.bell.notify_all();
    }

    /// Asks its thread to end once everything has arrived, and at this time at the latest.
    pub fn end(&self, until: Instant) {
        self.account().until = Some(until);
        self.ring();
    }

    /// Time at which it stops, once the server ends.
    pub fn until(&self) -> Option<Instant> {
        self.account().until
    }

    /// Waits until it is woken, or so long.
    pub fn wait(&self, limit: Duration) {
        let account = self.account();
        let waited = self.bell.wait_timeout_while(account, limit, |account| !account.rung);
        waited.unwrap_or_else(PoisonError::into_inner).0.rung = false;
    }

    pub fn shown(&self) -> Value {
        let account = self.account();
        json!({
            "url": self.name,
            "state": account.stage.name(),
            "owed": account.owed,
            "delivered": account.delivered,
            "given_up": account.given_up,
            "error": account.reason,
        })
    }
}
