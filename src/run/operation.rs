//! Operations under way, from the request to their line in the history.

use super::clock::Clock;
use super::output::warn;
use super::state::StateFolder;
use crate::runs::history::{Mode, Op, Operation, digest};
use crate::time::Time;

/// An operation that has begun.
#[derive(Debug)]
pub struct Begun {
    clock: Clock,
    at: Time,
    operation: Operation,
}

impl Begun {
    /// Begins an operation. Of a text only its digest is kept.
    pub fn now(op: Op, mode: Mode, by: impl Into<String>, text: Option<&str>) -> Self {
        let clock = Clock::start();
        let at = clock.now();
        let operation =
            Operation { prompt_sha256: text.map(digest), ..Operation::new(at, op, mode, by) };
        Self { clock, at, operation }
    }

    /// The operation without its result.
    pub fn of(&self, run: &str) -> Operation {
        Operation { run: Some(run.to_owned()), ..self.operation.clone() }
    }

    /// The operation as it ended for one run.
    pub fn ended(&self, run: &str, outcome: &str) -> Operation {
        let now = self.clock.now();
        Operation {
            ts: now.to_string(),
            outcome: Some(outcome.to_owned()),
            duration_ms: u64::try_from(now.since(self.at).as_millis()).ok(),
            ..self.of(run)
        }
    }
}

impl StateFolder {
    /// Appends an operation to the history; a failure is reported only.
    pub fn note(&self, operation: &Operation) {
        if let Err(e) = self.record(operation) {
            warn(format_args!("the operation is not in the history: {e:#}"));
        }
    }
}
