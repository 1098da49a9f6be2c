//! What `tee` takes for its ledger, and which sinks are in it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::cmd::common::{duration, limit};
use crate::ledger::{Ability, InDoubt, Options};
use crate::run::tee::{LedgerSink, ProbeBy};
use crate::sink::address::{Address, Destination, Payload, words};
use crate::sink::{self, Sink};

/// How long an HTTP endpoint that keeps idempotency keys is trusted to keep them: 24 hours, as Stripe and others say.
const HTTP_WINDOW: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Ledger")]
pub(super) struct LedgerArgs {
    /// Keep every delivery in this file until it is settled; implies --append
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::FilePath)]
    pub(super) ledger: Option<PathBuf>,
    /// What is done with a delivery in doubt at a sink that cannot tell
    #[arg(long, value_enum, default_value = "hold", requires = "ledger")]
    in_doubt: InDoubtArg,
    /// Command that tells of a delivery (its id is the last argument, and SPILE_DELIVERY_ID) whether cmd:, pipe: or a webhook
    /// has it: it prints sent, not_sent or unknown
    #[arg(long, value_name = "COMMAND", requires = "ledger", value_parser = command)]
    reconcile: Option<Reconcile>,
    /// Do not send what is older than this by its own time; 0 is no limit
    #[arg(long, value_name = "TIME", requires = "ledger", value_parser = duration)]
    max_age: Option<Duration>,
    /// Least time between two deliveries to a sink
    #[arg(long, value_name = "TIME", default_value = "0s", requires = "ledger", value_parser = duration)]
    pace: Duration,
    /// Most deliveries under way at a file or HTTP sink, each of which is settled after a crash
    #[arg(long, value_name = "N", default_value_t = 64, requires = "ledger", value_parser = clap::value_parser!(u16).range(1..=64))]
    batch: u16,
    /// Failed answers before a delivery waits for the next run, the waits between them doubling from a second; a sink that cannot
    /// be reached does not count
    #[arg(long, value_name = "N", default_value_t = Options::TRIES, requires = "ledger", value_parser = clap::value_parser!(u32).range(1..))]
    tries: u32,
}

/// Values of `--in-doubt`.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum InDoubtArg {
    /// Sent again, and marked: it may be there twice
    Resend,
    /// It and what follows it in its stream wait until a person has said `spile ledger retry` or `forget`
    Hold,
    /// Let be, and marked: it may be missing
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

/// The words of a command line.
#[derive(Debug, Clone)]
pub(super) struct Reconcile(Vec<String>);

fn command(text: &str) -> Result<Reconcile, String> {
    match words(text)? {
        words if words.is_empty() => Err("it names no command".to_owned()),
        words => Ok(Reconcile(words)),
    }
}

impl LedgerArgs {
    /// The sink at this address as the ledger has it; `None`: it is not in the ledger, because nothing that was given to it
    /// is still there after a crash (a socket, a FIFO, a terminal).
    pub(super) fn book(
        &self,
        address: &Address,
        open: impl FnOnce() -> Result<Box<dyn Sink>, String>,
    ) -> Option<LedgerSink> {
        let reconcile = self.reconcile.as_ref().map(|words| words.0.clone());
        let asked = |words: Option<Vec<String>>| match words {
            Some(words) => (Ability::Probed, ProbeBy::Command(words)),
            None => (Ability::Blind, ProbeBy::Nothing),
        };
        let mut others = Vec::new();
        let (name, (ability, ask)) = match &address.place {
            Destination::File(path) => {
                let path = regular(path)?;
                let absolute = std::path::absolute(&path).ok();
                others.extend(absolute.map(|path| format!("file:{}", path.display())));
                let path = sink::canonical(&path).unwrap_or(path);
                let name = format!("file:{}", path.display());
                (name, (Ability::Probed, ProbeBy::File(path)))
            }
            // What such services document of a message knows no id.
            Destination::Http(url) => {
                // Who sends is not part of where it is sent.
                others.push(url.clone());
                let known = match address.to {
                    Payload::Chat(_) => asked(reconcile),
                    Payload::Event => (Ability::Idempotent(HTTP_WINDOW), ProbeBy::Nothing),
                };
                (without_user(url), known)
            }
            Destination::Command(words) => (format!("cmd:{}", words.join(" ")), asked(reconcile)),
            Destination::Pipe(words) => (format!("pipe:{}", words.join(" ")), asked(reconcile)),
            Destination::Unix(_) => return None,
        };
        let name = match &address.called {
            Some(called) => {
                others.insert(0, name);
                format!("name:{called}")
            }
            None => name,
        };
        let can_tell = matches!(ask, ProbeBy::File(_)) || matches!(ability, Ability::Idempotent(_));
        Some(LedgerSink {
            name: address.name(),
            address: name,
            others,
            sink: open(),
            only: address.only,
            options: Options {
                ability,
                in_doubt: self.in_doubt.into(),
                batch: if can_tell { self.batch.into() } else { 1 },
                max_age: limit(self.max_age),
                pace: self.pace,
                tries: self.tries,
            },
            probe: ask,
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
