//! Configuration of tee.

use std::time::Duration;

use super::ledger_intake::{LedgerSink, Store};
use crate::outcome::Outcome;
use crate::run::spool::SpoolLimits;
use crate::sink::Sink;
use crate::sink::address::Selection;
use crate::stage::Reading;

pub struct Tee {
    pub sinks: Vec<Named>,
    pub ledger_sinks: Option<(Store, Vec<LedgerSink>)>,
    pub queue: SpoolLimits,
    pub linger: Duration,
    pub on_error: OnError,
    pub ignore_interrupts: bool,
    /// True if a sink is a file, which SIGHUP reopens.
    pub has_files: bool,
    pub reading: Reading,
    /// Set if the stream decides the exit status.
    pub outcome: Option<Outcome>,
}

pub struct Named {
    pub name: String,
    /// The sink, or why it cannot be opened.
    pub sink: Result<Box<dyn Sink>, String>,
    pub only: Option<Selection>,
}

/// Effect of an output error, as GNU tee's `--output-error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnError {
    /// True if the other outputs stop.
    pub stop: bool,
    /// True if a closed pipe is an error.
    pub pipes: bool,
}
