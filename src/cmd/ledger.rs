//! `spile ledger`.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Result;

use super::usage;
use crate::exit::Exit;
use crate::ledger::{Row, State};
use crate::run::ledger::{Look, Lookup, Resolve, Store};
use crate::run::{self, Clock};
use crate::term::quoted;

/// Look into a delivery ledger, and decide what waits for a person
///
/// stat counts the deliveries of each sink by their state; list prints them, one a line: state, mark, delivery id, sink,
/// failed tries, time and what the sink said. Both also work while tee uses the ledger.
///
/// retry lets deliveries that failed or are in doubt be sent again by the next tee, forget lets them be, so that what waits
/// behind them goes on; without ids all of them are meant. forget with an id also takes one that was not sent yet. The
/// status is 1 if there was none.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// What to do
    #[arg(value_enum)]
    action: Action,
    /// The ledger, as tee --ledger made it
    #[arg(value_hint = clap::ValueHint::FilePath)]
    path: PathBuf,
    /// Delivery ids, for retry and forget
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Only what is not settled
    #[arg(long)]
    pending: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Action {
    Stat,
    List,
    Retry,
    Forget,
}

const EXAMPLES: &str = "Examples:
  spile ledger stat d.db
  spile ledger list --pending d.db | cut -f3
  spile ledger list --json d.db | jq -r 'select(.state == \"unknown\").id' \\
    | xargs -r spile ledger retry d.db";

pub(super) fn run(args: Args) -> Result<Exit> {
    let acts = matches!(args.action, Action::Retry | Action::Forget);
    if acts && (args.pending || args.json) || !acts && !args.ids.is_empty() {
        return Ok(usage(
            "--pending and --json go with stat and list, delivery ids with retry and forget",
        ));
    }
    match args.action {
        Action::Stat => stat(&args),
        Action::List => list(&args),
        Action::Retry => resolve(&args, Resolve::Retry),
        Action::Forget => resolve(&args, Resolve::Forget),
    }
}

fn stat(args: &Args) -> Result<Exit> {
    let (tallies, damaged) = Look::open(&args.path)?.tally()?;
    let mut text = String::new();
    for tally in tallies {
        let counts = State::NAMES.iter().zip(tally.counts);
        let counts = counts.filter(|((state, _), n)| *n > 0 && !(args.pending && settled(*state)));
        let sink = shown(&tally.sink);
        if args.json {
            let mut object = serde_json::json!({ "sink": sink });
            for ((_, name), n) in counts {
                object[*name] = n.into();
            }
            writeln!(text, "{object}")?;
        } else {
            let counts: Vec<String> = counts.map(|((_, name), n)| format!("{n} {name}")).collect();
            writeln!(text, "{}\t{}", quoted(sink), counts.join(", "))?;
        }
    }
    let printed = run::print(text.as_bytes());
    Ok(printed.or(complain_of(damaged)))
}

fn settled(state: State) -> bool {
    matches!(state, State::Sent | State::Expired)
}

fn list(args: &Args) -> Result<Exit> {
    let mut text = String::new();
    let mut damaged = 0;
    Look::open(&args.path)?.every(|found| {
        match found {
            Lookup::Row(row) if args.pending && !row.is_open() => {}
            Lookup::Row(row) if args.json => writeln!(text, "{}", json(&row))?,
            Lookup::Row(row) => writeln!(text, "{}", line(&row))?,
            Lookup::Damaged(what) => {
                damaged += 1;
                run::complain(format!("spile: {}: {what}\n", args.path.display()).as_bytes());
            }
        }
        Ok(())
    })?;
    let printed = run::print(text.as_bytes());
    Ok(printed.or(complain_of(damaged)))
}

fn complain_of(damaged: u64) -> Exit {
    if damaged == 0 {
        return Exit::Success;
    }
    run::complain(format!("spile: {damaged} rows are damaged and are not sent\n").as_bytes());
    Exit::Failed
}

fn line(row: &Row) -> String {
    [
        row.state.name().to_owned(),
        row.mark.name().to_owned(),
        quoted(&row.id),
        quoted(shown(&row.sink)),
        row.tries.to_string(),
        row.changed.to_string(),
        quoted(&row.note),
    ]
    .join("\t")
}

fn json(row: &Row) -> serde_json::Value {
    serde_json::json!({
        "state": row.state.name(),
        "mark": row.mark.name(),
        "id": row.id,
        "sink": shown(&row.sink),
        "stream": row.stream,
        "tries": row.tries,
        "changed": row.changed.to_string(),
        "note": row.note,
    })
}

/// A sink's address as it may be shown: the path of a URL is often a secret.
fn shown(address: &str) -> &str {
    let Some(at) = address.find("://") else {
        return address;
    };
    let host = at + 3;
    let end = address.get(host..).and_then(|rest| rest.find(['/', '?']));
    end.and_then(|end| address.get(..host + end)).unwrap_or(address)
}

fn resolve(args: &Args, to: Resolve) -> Result<Exit> {
    let mut store = Store::open(&args.path)?;
    let count = store.resolve(Clock::start().now(), &args.ids, to)?;
    let what = match to {
        Resolve::Retry => "will be sent again",
        Resolve::Forget => "will not be sent",
    };
    let printed = run::print(format!("{count} {what}\n").as_bytes());
    Ok(printed.or(if count == 0 { Exit::Failed } else { Exit::Success }))
}
