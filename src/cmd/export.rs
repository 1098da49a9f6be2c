//! `spile export`.

use anyhow::Result;

use super::common::{ExactArg, InputArgs, named};
use super::usage;
use crate::exit::Exit;
use crate::export::{self, Fold, Format, Rows};

/// Turn events into another format
///
/// For a browser (sse), for a program that reads JSON-RPC chunks (stream-chunk), for a spreadsheet or a database (csv), or the answer alone
/// (text); or as a transcript to share: for a pull request or a chat (markdown), for a browser (html), for asciinema (cast).
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Format of the output
    #[arg(long, value_parser = named::<Format>(), value_name = "FORMAT")]
    to: Format,
    /// Rows of the table, with --to csv [default: turns]
    #[arg(long, value_parser = named::<Rows>(), value_name = "ROWS")]
    rows: Option<Rows>,
    /// With --to markdown: fold inputs and outputs into `<details>`, and add reasoning and notices in the same way
    ///
    /// Without it a call has the first and last 4 lines of its output (10 of a failed one), and there is no raw HTML at all.
    #[arg(long)]
    fold: bool,
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
  spile export --to csv run.ndjson >turns.csv
  spile export --to html run.ndjson >run.html
  spile export --to markdown --fold run.ndjson >comment.md
  spile wrap -- claude -p hi --output-format stream-json \\
    --verbose | spile export --to html >run.html";

pub(super) fn run(args: Args) -> Result<Exit> {
    let Args { to, rows, fold, exact, input } = args;
    if rows.is_some() && to != Format::Csv {
        return Err(usage("--rows wants --to csv"));
    }
    if fold && to != Format::Markdown {
        return Err(usage("--fold wants --to markdown"));
    }
    let mut stage = export::stage(export::Options {
        format: to,
        reading: input.reading(),
        text: exact.text_bytes(),
        rows: rows.unwrap_or(Rows::Turns),
        fold: if fold { Fold::Details } else { Fold::Never },
    });
    input.run(stage.as_mut())
}
