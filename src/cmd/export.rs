//! `spile export`.

use anyhow::Result;

use super::common::{ExactArg, InputArgs, named};
use super::usage;
use crate::exit::Exit;
use crate::export::{self, Format, Rows};

/// Turn events into another format
///
/// For a browser (sse), for a program that reads JSON-RPC chunks (stream-chunk), for a spreadsheet or a database (csv), or the answer alone (text).
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Format of the output
    #[arg(long, value_parser = named::<Format>(), value_name = "FORMAT")]
    to: Format,
    /// Rows of the table, with --to csv [default: turns]
    #[arg(long, value_parser = named::<Rows>(), value_name = "ROWS")]
    rows: Option<Rows>,
    #[command(flatten)]
    exact: ExactArg,
    #[command(flatten)]
    input: InputArgs,
}

const EXAMPLES: &str = "Examples:
  spile wrap -- claude -p hi --output-format stream-json \\
    --verbose | spile export --to sse
  spile export --to text --exact run.ndjson >answer.md
  spile export --to stream-chunk run.ndjson \\
    | spile wrap --from stream-chunk | spile view
  spile export --to csv run.ndjson >turns.csv";

pub(super) fn run(args: Args) -> Result<Exit> {
    let Args { to, rows, exact, input } = args;
    if rows.is_some() && to != Format::Csv {
        return Err(usage("--rows wants --to csv"));
    }
    let rows = rows.unwrap_or(Rows::Turns);
    let mut stage = export::stage(to, input.reading(), exact.text_bytes(), rows);
    input.run(stage.as_mut())
}
