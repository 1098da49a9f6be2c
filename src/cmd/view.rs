//! `spile view`.

use anyhow::Result;

use super::common::{FileArgs, ReadingArgs};
use crate::exit::Exit;
use crate::run;
use crate::term::style::{ColourFlag, colour_choice};
use crate::term::view::{Format, Options, TextBytes, View};

/// Show events to people
///
/// In a terminal with colours; elsewhere plain, one thing a line, for a log. What an agent says is sanitised: no control
/// character of it reaches the terminal.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    files: FileArgs,
    /// What the output is for [default: tty in a terminal, else plain]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// When to colour; NO_COLOR and CLICOLOR_FORCE are respected
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    color: ColourFlag,
    /// Show what the agent thinks, too
    #[arg(long)]
    reasoning: bool,
    /// Exit by how the streams' last turns ended
    #[arg(long)]
    exit_from_stream: bool,
    #[command(flatten)]
    reading: ReadingArgs,
}

const EXAMPLES: &str = "Examples:
  spile wrap -- claude -p 'fix the tests' --output-format stream-json \\
    --verbose | spile view
  spile view --format text run.ndjson >answer.md
  codex exec --json 'fix it' </dev/null | spile wrap \\
    | spile view --format plain --exit-from-stream";

pub(super) fn run(args: Args) -> Result<Exit> {
    let (terminal, width) = run::terminal();
    let format = args.format.unwrap_or(if terminal { Format::Tty } else { Format::Plain });
    let var = std::env::var_os;
    let options = Options {
        format,
        colour: colour_choice(
            args.color,
            var("NO_COLOR").as_deref(),
            var("CLICOLOR_FORCE").as_deref(),
            terminal && format == Format::Tty,
        ),
        width,
        reasoning: args.reasoning,
        text: if terminal { TextBytes::Sanitised } else { TextBytes::Exact },
        reading: args.reading.reading(),
        exit_from_stream: args.exit_from_stream,
    };
    args.files.run(&mut View::new(&options))
}
