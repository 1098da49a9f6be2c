//! Configuration of tee.

use std::time::Duration;

use super::ledger_intake::{LedgerSink, Store};
use crate::outcome::Outcome;
use crate::run::spool::SpoolLimits;
use crate::sink::Sink;
use crate::sink::address::Selection;
use crate::stage::Reading;

/// Configuration of tee.
pub struct Tee {
    /// Sinks that are not in the ledger.
    pub sinks: Vec<Named>,
    /// The ledger and the sinks in it.
    pub ledger_sinks: Option<(Store, Vec<LedgerSink>)>,
    pub queue: SpoolLimits,
    /// Wait for the sinks at the end.
    pub linger: Duration,
    pub on_error: OnError,
    pub interrupts: Interrupts,
    pub files: Files,
    pub reading: Reading,
    /// Set if the stream decides the exit status.
    pub outcome: Option<Outcome>,
}

/// A sink with its name in messages.
pub struct Named {
    pub name: String,
    /// The sink, or why it cannot be opened.
    pub sink: Result<Box<dyn Sink>, String>,
    pub only: Option<Selection>,
}

/// Effect of an output error, as GNU tee's `--output-error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnError {
    pub others: Others,
    pub pipes: Pipes,
}

/// Effect on the other outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    GoOn,
    Stop,
}

/// Meaning of a closed pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pipes {
    /// An error like any other.
    Count,
    /// No error.
    Ignore,
}

/// Presence of a file, which SIGHUP reopens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Files {
    Some,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupts {
    /// The process dies of it at the end of the input.
    AtEnd,
    Ignore,
}
