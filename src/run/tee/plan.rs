//! What tee is to do: its sinks, what an error of one means, how long they are waited for.

use std::time::Duration;

use super::ledger_intake::{LedgerSink, Store};
use crate::outcome::Outcome;
use crate::run::spool::SpoolLimits;
use crate::sink::Sink;
use crate::sink::address::Selection;
use crate::stage::Reading;

/// What tee is to do.
pub struct Tee {
    /// The sinks; one that could not be opened is the reason why.
    pub sinks: Vec<Named>,
    /// The ledger, and the sinks of which it is the queue.
    pub ledger_sinks: Option<(Store, Vec<LedgerSink>)>,
    /// The queue of each that is not in the ledger.
    pub queue: SpoolLimits,
    /// How long they are waited for at the end.
    pub linger: Duration,
    /// What an error of an output does.
    pub on_error: OnError,
    /// What SIGINT does.
    pub interrupts: Interrupts,
    /// True if there are files, which SIGHUP has opened anew.
    pub files: Files,
    /// How events are read, where they are.
    pub reading: Reading,
    /// What asks for the status, if the stream is to say it.
    pub outcome: Option<Outcome>,
}

/// A sink and what people call it.
pub struct Named {
    /// For messages.
    pub name: String,
    /// The sink, or why there is none.
    pub sink: Result<Box<dyn Sink>, String>,
    /// Which events it gets.
    pub only: Option<Selection>,
}

/// What an error of an output does, as GNU tee's `--output-error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnError {
    /// True if the others go on.
    pub others: Others,
    /// True if a reader that has gone is an error.
    pub pipes: Pipes,
}

/// What the others do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// They go on.
    GoOn,
    /// They stop at once.
    Stop,
}

/// What a reader is that has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pipes {
    /// An error like any other.
    Count,
    /// None.
    Ignore,
}

/// True if any sink is a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Files {
    /// One is.
    Some,
    /// None is.
    None,
}

/// What SIGINT does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupts {
    /// The first is for the upstream, and the process dies of it at the end.
    AtEnd,
    /// Nothing.
    Ignore,
}
