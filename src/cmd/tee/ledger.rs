//! Options of tee's ledger, and the sinks in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use crate::cmd::common::{duration, limit};
use crate::cmd::{Refusal, usage};
use crate::exit::Exit;
use crate::ledger::{Ability, InDoubt, Options};
use crate::run::tee::{LedgerSink, ProbeBy, Store};
use crate::sink::address::{Address, Destination, Payload, words};
use crate::sink::{self, Existing};

/// Time for which an HTTP endpoint keeps idempotency keys: 24 hours, as Stripe and others document.
const HTTP_WINDOW: Duration = Duration::from_secs(24 * 3600);

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
        let owned = |address: &&Address| match &address.place {
            Destination::File(path) | Destination::Unix(path) => store.owns(Path::new(path)),
            _ => false,
        };
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
        let (mut ability, mut probe) = match &self.reconcile {
            Some(Reconcile(words)) => (Ability::Probed, ProbeBy::Command(words.clone())),
            None => (Ability::Blind, ProbeBy::Nothing),
        };
        // More than one in flight only where each can be settled after a crash.
        let mut batch = 1;
        // Names of the same sink in older ledgers.
        let mut others = Vec::new();
        let mut key = match &address.place {
            Destination::File(path) => {
                let path = regular(path)?;
                let absolute = std::path::absolute(&path).ok();
                others.extend(absolute.map(|path| format!("file:{}", path.display())));
                let path = sink::canonical(&path).unwrap_or(path);
                let key = format!("file:{}", path.display());
                (ability, probe, batch) = (Ability::Probed, ProbeBy::File(path), self.batch.into());
                key
            }
            Destination::Http(url) => {
                // These services document no id of a message that could be asked for.
                if address.to == Payload::Event {
                    ability = Ability::Idempotent(HTTP_WINDOW);
                    (probe, batch) = (ProbeBy::Nothing, self.batch.into());
                }
                // The user's name and password are not part of the identity; older ledgers had them in it.
                others.push(url.clone());
                without_user(url)
            }
            Destination::Command(words) => format!("cmd:{}", words.join(" ")),
            Destination::Pipe(words) => format!("pipe:{}", words.join(" ")),
            Destination::Unix(_) => return None,
        };
        if let Some(called) = &address.called {
            others.insert(0, key);
            key = format!("name:{called}");
        }
        Some(LedgerSink {
            name: address.name(),
            address: key,
            others,
            sink: super::open(address, Existing::Kept, spool_max),
            only: address.only.clone(),
            options: Options {
                ability,
                in_doubt: self.in_doubt.into(),
                batch,
                max_age: limit(self.max_age),
                pace: self.pace,
                tries: self.tries,
            },
            probe,
        })
    }
}

/// A URL without user and password.
fn without_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{}://{}{path}", scheme.to_ascii_lowercase(), host.to_ascii_lowercase())
}

/// The path of a file that keeps what is written to it.
fn regular(path: &str) -> Option<PathBuf> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => None,
        _ => Some(PathBuf::from(path)),
    }
}
