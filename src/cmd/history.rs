//! `spile history`.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::Result;

use super::common::named;
use crate::exit::Exit;
use crate::run;
use crate::run::state::{HistoryReader, StateFolder};
use crate::runs::history::{HEAD, Mode, NoOperation, Reader};
use crate::term::marks::without_commands;

/// Interval at which the files are looked at for new lines.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Bytes of lines that are printed at once.
const PRINT_AT: usize = 64 << 10;

/// List the operations on runs, oldest first
///
/// A line for each start, cancel, message, permission, removal and end of a background run: time (UTC), operation, interface,
/// run, user, outcome, exit status, duration, cost, agent. The lines are in history.ndjson of the state directory (SPILE_STATE,
/// or spile in XDG_STATE_HOME or ~/.local/state), which holds 8 MiB and then becomes an older file, of which 8 stay. Of prompts
/// and messages they hold a SHA-256 only. A damaged line is reported and skipped.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Show the last N operations; 0 is all
    #[arg(long, value_name = "N", default_value = "50")]
    limit: usize,
    /// Only operations of this interface
    #[arg(long, value_name = "MODE", value_parser = named::<Mode>())]
    mode: Option<Mode>,
    /// Then wait for further ones and show them
    #[arg(long)]
    follow: bool,
    /// Write the lines as they are in the file, one JSON object each, instead of the table
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "Examples:
  spile history --limit 10
  spile history --limit 0 --json \\
    | jq -r 'select(.op == \"end\" and .status != 0).run'";

/// Form of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Table,
    Json,
}

pub(super) fn run(args: Args) -> Result<Exit> {
    let form = if args.json { Form::Json } else { Form::Table };
    let state = match args.follow {
        true => Some(StateFolder::open()?),
        false => StateFolder::open_if_any()?,
    };
    let head = if form == Form::Table { HEAD } else { "" };
    let Some(state) = state else { return Ok(run::print(head.as_bytes())) };
    let mut lines = Lines { files: state.history(), reader: Reader::new(args.mode), form };
    let mut exit = run::print(head.as_bytes());
    if args.limit == 0 {
        exit = exit.or(lines.print()?);
    } else {
        let mut last = VecDeque::new();
        lines.read(&mut |line| {
            if last.len() == args.limit {
                last.pop_front();
            }
            last.push_back(line);
            Exit::Success
        })?;
        let text: String = last.into_iter().collect();
        exit = exit.or(run::print(text.as_bytes()));
    }
    while args.follow && exit == Exit::Success && run::pause(LOOK_EVERY) {
        exit = lines.print()?;
    }
    Ok(exit)
}

/// Lines of the history in the form in which they are shown.
struct Lines {
    files: HistoryReader,
    reader: Reader,
    form: Form,
}

impl Lines {
    /// Reads what is there now, until `on_line` fails.
    fn read(&mut self, on_line: &mut dyn FnMut(String) -> Exit) -> Result<Exit> {
        while let Some((name, batch)) = self.files.read()? {
            for (offset, line) in batch.lines() {
                let shown = match self.reader.read(line) {
                    Ok(None) => continue,
                    Err(NoOperation) => {
                        run::warn(format_args!("{name}: the line at byte {offset} is damaged"));
                        continue;
                    }
                    Ok(Some(operation)) => match self.form {
                        Form::Table => without_commands(&operation.text_line()),
                        Form::Json => format!("{}\n", String::from_utf8_lossy(line)),
                    },
                };
                let exit = on_line(shown);
                if exit != Exit::Success {
                    return Ok(exit);
                }
            }
        }
        Ok(Exit::Success)
    }

    /// Prints what is there now.
    fn print(&mut self) -> Result<Exit> {
        let mut text = String::new();
        let exit = self.read(&mut |line| {
            text.push_str(&line);
            if text.len() < PRINT_AT {
                return Exit::Success;
            }
            let exit = run::print(text.as_bytes());
            text.clear();
            exit
        })?;
        Ok(exit.or(run::print(text.as_bytes())))
    }
}
