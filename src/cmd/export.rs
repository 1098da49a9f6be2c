//! `spile export`.

use anyhow::Result;

use super::common::{ExactArg, FileArgs, ReadingArgs, named};
use crate::exit::Exit;
use crate::export::{self, Format};

/// Turn events into another format
///
/// The other direction of wrap: for a browser (sse), for a program that reads JSON-RPC chunks (stream-chunk), or the answer
/// alone (text).
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    files: FileArgs,
    /// The format
    #[arg(long, value_parser = named::<Format>(), value_name = "FORMAT")]
    to: Format,
    #[command(flatten)]
    exact: ExactArg,
    #[command(flatten)]
    reading: ReadingArgs,
}

const EXAMPLES: &str = "Examples:
  spile wrap -- claude -p hi --output-format stream-json \\
    --verbose | spile export --to sse
  spile export --to text --exact run.ndjson >answer.md
  spile export --to stream-chunk run.ndjson \\
    | spile wrap --from stream-chunk | spile view";

pub(super) fn run(args: Args) -> Result<Exit> {
    let mut stage = export::stage(args.to, args.reading.reading(), args.exact.text_bytes());
    args.files.run(stage.as_mut())
}
