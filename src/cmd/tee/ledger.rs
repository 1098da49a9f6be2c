//! Options of tee's ledger, and the sinks in it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use crate::cmd::common::{duration, limit};
use crate::cmd::{Refusal, usage};
use crate::exit::Exit;
use crate::ledger::{Ability, InDoubt, Options};
use crate::run::tee::{LedgerSink, Store};
use crate::sink::address::{Address, words};
use crate::sink::{Existing, Proof};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Ledger")]
pub(super) struct LedgerArgs {
    /// Store each delivery in this file until it is settled; implies --append
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::FilePath)]
    ledger: Option<PathBuf>,
    /// Treatment of a delivery in doubt at a sink that cannot be queried
    #[arg(long, value_enum, default_value = "hold", requires = "ledger")]
    in_doubt: InDoubtArg,
    /// Command that prints sent, not_sent or unknown for a delivery of a cmd:, a pipe: or a webhook; the id is its last argument
    /// and SPILE_DELIVERY_ID
    #[arg(long, value_name = "COMMAND", requires = "ledger", value_parser = command)]
    reconcile: Option<Reconcile>,
    /// Do not send events that are older by their own time; 0 is no limit
    #[arg(long, value_name = "TIME", requires = "ledger", value_parser = duration)]
    max_age: Option<Duration>,
    /// Least time between two deliveries to a sink
    #[arg(long, value_name = "TIME", default_value = "0s", requires = "ledger", value_parser = duration)]
    pace: Duration,
    /// Most deliveries in flight at a file or HTTP sink; each is settled after a crash
    #[arg(long, value_name = "N", default_value_t = 64, requires = "ledger", value_parser = clap::value_parser!(u16).range(1..=64))]
    batch: u16,
    /// Failed attempts before a delivery waits for the next run, with exponential backoff from a second; an unreachable sink does
    /// not count
    #[arg(long, value_name = "N", default_value_t = Options::TRIES, requires = "ledger", value_parser = clap::value_parser!(u32).range(1..))]
    tries: u32,
}

/// Values of `--in-doubt`.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum InDoubtArg {
    /// Send again, and mark: the event may arrive twice
    Resend,
    /// Stop this stream at this sink until `spile ledger retry` or `forget`
    Hold,
    /// Do not send, and mark: the event may be missing
    Skip,
}

impl From<InDoubtArg> for InDoubt {
    fn from(arg: InDoubtArg) -> Self {
        match arg {
            InDoubtArg::Resend => InDoubt::Resend,
            InDoubtArg::Hold => InDoubt::Hold,
            InDoubtArg::Skip => InDoubt::Skip,
        }
    }
}

/// Words of a command line.
#[derive(Debug, Clone)]
pub(super) struct Reconcile(Vec<String>);

fn command(text: &str) -> Result<Reconcile, String> {
    match words(text)? {
        words if words.is_empty() => Err("it names no command".to_owned()),
        words => Ok(Reconcile(words)),
    }
}

impl LedgerArgs {
    pub(super) fn is_given(&self) -> bool {
        self.ledger.is_some()
    }

    /// Opens the ledger and takes the sinks that it keeps out of `addresses`. Sockets, FIFOs and terminals stay there:
    /// after a crash nothing is left of what they were given.
    pub(super) fn take(
        &self,
        addresses: &mut Vec<Address>,
        spool_max: u64,
    ) -> Result<Option<(Store, Vec<LedgerSink>)>> {
        let Some(path) = &self.ledger else {
            return Ok(None);
        };
        let store = Store::open(path)
            .map_err(|e| Refusal { exit: Exit::CannotWrite, why: format!("{e:#}") })?;
        let owned = |address: &&Address| address.place.path().is_some_and(|path| store.owns(path));
        if let Some(address) = addresses.iter().find(owned) {
            let name = address.name();
            return Err(usage(format!("{name} belongs to the ledger: it cannot be a sink")));
        }
        let mut sinks = Vec::new();
        addresses.retain(|address| {
            let sink = self.sink(address, spool_max);
            let is_kept = sink.is_some();
            sinks.extend(sink);
            !is_kept
        });
        Ok(Some((store, sinks)))
    }

    /// Sink at an address; `None` if the ledger cannot keep it.
    fn sink(&self, address: &Address, spool_max: u64) -> Option<LedgerSink> {
        let mut identity = address.identity()?;
        // More than one in flight only where each can be settled after a crash.
        let batch = if identity.proof == Proof::Nothing { 1 } else { self.batch.into() };
        if let (Proof::Nothing, Some(Reconcile(words))) = (&identity.proof, &self.reconcile) {
            identity.proof = Proof::Command(words.clone());
        }
        Some(LedgerSink {
            name: address.name(),
            sink: super::open(address, Existing::Kept, spool_max),
            only: address.only.clone(),
            options: Options {
                ability: match &identity.proof {
                    Proof::Nothing => Ability::Blind,
                    Proof::Key(window) => Ability::Idempotent(*window),
                    Proof::File(_) | Proof::Command(_) => Ability::Probed,
                },
                in_doubt: self.in_doubt.into(),
                batch,
                max_age: limit(self.max_age),
                pace: self.pace,
                tries: self.tries,
            },
            identity,
        })
    }
}
