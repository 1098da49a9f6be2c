//! `spile ledger`.

use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::Result;

use super::usage;
use crate::exit::Exit;
use crate::ledger::{Row, State};
use crate::run::ledger::{Look, Lookup, Resolve, Store, Which};
use crate::run::{self, Clock};
use crate::term::marks::without_commands;
use crate::term::quoted;

/// Look into a delivery ledger, and decide what waits for a person
///
/// stat counts the deliveries of each sink by their state; list prints them, one a line: state, mark, delivery id, sink,
/// failed tries, time and what the sink said. Both also work while tee uses the ledger.
///
/// retry lets deliveries that failed or are in doubt be sent again by the next tee, forget lets them be, so that what waits
/// behind them goes on. Name them by their ids, or all of them with --all. forget with an id also takes one that was not
/// sent yet. The status is 1 if there was none.
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
    /// Every delivery that failed or is in doubt, for retry and forget
    #[arg(long, conflicts_with = "ids")]
    all: bool,
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
    if acts && (args.pending || args.json) || !acts && (args.all || !args.ids.is_empty()) {
        return Ok(usage(
            "--pending and --json go with stat and list, --all and delivery ids with retry and forget",
        ));
    }
    if acts && !args.all && args.ids.is_empty() {
        return Ok(usage(
            "name the deliveries by their ids (`spile ledger list --pending`), or write --all",
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
            let line = format!("{}\t{}", quoted(&sink), counts.join(", "));
            writeln!(text, "{}", without_commands(&line))?;
        }
    }
    let printed = run::print(text.as_bytes());
    Ok(printed.or(warn_damaged(damaged)))
}

fn settled(state: State) -> bool {
    matches!(state, State::Sent | State::Expired)
}

/// What is printed at once, in bytes.
const PIECE: usize = 64 << 10;

fn list(args: &Args) -> Result<Exit> {
    let (mut text, mut damaged, mut printed) = (String::new(), 0, Exit::Success);
    let all = Look::open(&args.path)?.every(|found| {
        if text.len() >= PIECE {
            printed = run::print(text.as_bytes());
            text.clear();
        }
        match found {
            _ if printed != Exit::Success => return Ok(ControlFlow::Break(())),
            Lookup::Row(row) if args.pending && !row.is_open() => {}
            Lookup::Row(row) if args.json => writeln!(text, "{}", json(&row))?,
            Lookup::Row(row) => writeln!(text, "{}", without_commands(&line(&row)))?,
            Lookup::Damaged(what) => {
                damaged += 1;
                run::warn_user(format!("spile: {}: {what}\n", args.path.display()).as_bytes());
            }
        }
        Ok(ControlFlow::Continue(()))
    });
    all?;
    if printed == Exit::Success {
        printed = run::print(text.as_bytes());
    }
    Ok(printed.or(warn_damaged(damaged)))
}

fn warn_damaged(damaged: u64) -> Exit {
    if damaged == 0 {
        return Exit::Success;
    }
    run::warn_user(format!("spile: {damaged} rows are damaged and are not sent\n").as_bytes());
    Exit::Failed
}

fn line(row: &Row) -> String {
    [
        row.state.name().to_owned(),
        row.mark.name().to_owned(),
        quoted(&row.id),
        quoted(&shown(&row.sink)),
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

/// A sink's address as it may be shown: a command's arguments, a URL's path and what stands before its host may be secrets.
fn shown(address: &str) -> String {
    let command = ["cmd:", "pipe:"].iter().any(|kind| address.starts_with(kind));
    if command {
        return address.split(' ').next().unwrap_or_default().to_owned();
    }
    let url = ["http:", "https:"].iter().any(|s| address.to_ascii_lowercase().starts_with(s));
    match address.split_once("://") {
        Some((scheme, rest)) if url => {
            let host = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
            format!("{scheme}://{}", host.rsplit('@').next().unwrap_or_default())
        }
        _ => address.to_owned(),
    }
}

fn resolve(args: &Args, to: Resolve) -> Result<Exit> {
    let mut store = Store::open(&args.path)?;
    let which = if args.all { Which::All } else { Which::Ids(&args.ids) };
    let count = store.resolve(Clock::start().now(), which, to)?;
    let what = match to {
        Resolve::Retry => "will be sent again",
        Resolve::Forget => "will not be sent",
    };
    let printed = run::print(format!("{count} {what}\n").as_bytes());
    Ok(printed.or(if count == 0 { Exit::Failed } else { Exit::Success }))
}
