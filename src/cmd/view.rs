//! `spile view`.

use anyhow::Result;

use super::common::{ExactArg, FileArgs, ReadingArgs, named};
use crate::exit::Exit;
use crate::run;
use crate::term::style::{ColourFlag, Colours};
use crate::term::view::{Format, Options, View};

/// Show events to people
///
/// In a terminal with colours; elsewhere plain, one thing a line, for a log. What an agent says is sanitised: no control
/// character of it reaches the terminal, and what a CI system would take for a command gets a backslash.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    files: FileArgs,
    /// What the output is for [default: tty in a terminal, else plain]
    #[arg(long, value_parser = named::<Format>())]
    format: Option<Format>,
    /// When to colour; NO_COLOR, CLICOLOR, CLICOLOR_FORCE and TERM=dumb are respected
    #[arg(long, value_parser = named::<ColourFlag>(), value_name = "WHEN", default_value = "auto")]
    color: ColourFlag,
    /// Show what the agent thinks, too
    #[arg(long)]
    reasoning: bool,
    /// Exit by how the streams' last turns ended
    #[arg(long)]
    exit_from_stream: bool,
    #[command(flatten)]
    exact: ExactArg,
    #[command(flatten)]
    reading: ReadingArgs,
}

const EXAMPLES: &str = "Examples:
  spile wrap -- claude -p 'fix the tests' --output-format stream-json \\
    --verbose | spile view
  spile view --format text --exact run.ndjson >answer.md
  codex exec --json 'fix it' </dev/null | spile wrap \\
    | spile view --format plain --exit-from-stream";

pub(super) fn run(args: Args) -> Result<Exit> {
    let (terminal, width) = run::terminal();
    let format = args.format.unwrap_or(if terminal { Format::Tty } else { Format::Plain });
    let var = std::env::var_os;
    let colours = Colours {
        terminal: terminal && format == Format::Tty,
        no_color: var("NO_COLOR"),
        clicolor_force: var("CLICOLOR_FORCE"),
        clicolor: var("CLICOLOR"),
        term: var("TERM"),
    };
    let options = Options {
        format,
        colour: colours.choose(args.color),
        width,
        reasoning: args.reasoning,
        text: args.exact.text_bytes(),
        reading: args.reading.reading(),
        exit_from_stream: args.exit_from_stream,
    };
    args.files.run(&mut View::new(&options))
}
