//! `spile ledger`.

use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::Result;

use super::usage;
use crate::exit::Exit;
use crate::ledger::{Row, State};
use crate::named::Named;
use crate::run::ledger::{Look, Resolve, Store};
use crate::run::{self, Clock};
use crate::sink::masked;
use crate::term::marks::without_commands;
use crate::term::quoted;

/// Show a delivery ledger, and resolve deliveries that failed or are in doubt
///
/// stat counts the deliveries of each sink by state. list prints one delivery a line: state, mark, delivery id, sink, failed
/// attempts, time and the sink's answer. Both also work while tee uses the ledger.
///
/// retry makes the next tee send deliveries again that failed or are in doubt; forget drops them. Either unblocks the
/// deliveries behind them. Name them by id, or use --all. forget with an id also drops a delivery that was not sent yet. The
/// exit status is 1 if there was none.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Action
    #[arg(value_enum)]
    action: Action,
    /// Ledger of tee --ledger
    #[arg(value_hint = clap::ValueHint::FilePath)]
    path: PathBuf,
    /// Delivery ids for retry and forget
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// All deliveries that failed or are in doubt, for retry and forget
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    /// Only deliveries that are not settled
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
        return Err(usage(
            "--pending and --json go with stat and list, --all and delivery ids with retry and forget",
        ));
    }
    if acts && !args.all && args.ids.is_empty() {
        return Err(usage(
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
        let counts = State::ALL.iter().zip(tally.counts);
        let counts = counts.filter(|((.., state), n)| *n > 0 && !(args.pending && settled(*state)));
        let sink = shown(&tally.sink);
        if args.json {
            let mut object = serde_json::json!({ "sink": sink });
            for ((name, ..), n) in counts {
                object[*name] = n.into();
            }
            writeln!(text, "{object}")?;
        } else {
            let counts: Vec<String> = counts.map(|((name, ..), n)| format!("{n} {name}")).collect();
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

/// Size of a write, in bytes.
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
            Ok(row) if args.pending && !row.is_open() => {}
            Ok(row) if args.json => writeln!(text, "{}", json(&row))?,
            Ok(row) => writeln!(text, "{}", without_commands(&line(&row)))?,
            Err(what) => {
                damaged += 1;
                run::warn(format_args!("{}: {what}", args.path.display()));
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
    run::warn(format_args!("{damaged} rows are damaged and are not sent"));
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

/// A sink's address without possible secrets: arguments of a command, user and path of a URL.
fn shown(address: &str) -> String {
    let command = ["cmd:", "pipe:"].iter().any(|kind| address.starts_with(kind));
    if command {
        return address.split(' ').next().unwrap_or_default().to_owned();
    }
    masked(address)
}

fn resolve(args: &Args, to: Resolve) -> Result<Exit> {
    let mut store = Store::open(&args.path)?;
    let ids = (!args.all).then_some(args.ids.as_slice());
    let count = store.resolve(Clock::start().now(), ids, to)?;
    let what = match to {
        Resolve::Retry => "will be sent again",
        Resolve::Forget => "will not be sent",
    };
    let printed = run::print(format!("{count} {what}\n").as_bytes());
    Ok(printed.or(if count == 0 { Exit::Failed } else { Exit::Success }))
}
