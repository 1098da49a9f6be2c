//! `spile view`.

use std::fs::OpenOptions;
use std::io::Write;

use anyhow::Result;

use super::common::{ExactArg, InputArgs, named};
use crate::exit::Exit;
use crate::export::{MAX_STEP, WithSummary};
use crate::run;
use crate::term::ci::System;
use crate::term::style::{ColourFlag, Colours};
use crate::term::view::{Format, Kind, Options, Tools, View};

/// Show events to people
///
/// The output is coloured in a terminal, and elsewhere plain lines for a log. The agent's text is sanitised: control
/// characters do not reach the terminal, and in a CI system a mark stands before each of its lines, so that none is a command.
///
/// GitHub Actions and GitLab CI fold the outputs of tools. In GitHub, failures are annotations, at most 10 of each kind, and
/// the job's summary (GITHUB_STEP_SUMMARY) gets the answers, failed calls and results.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Format of the output
    #[arg(long, value_parser = named::<Format>(), default_value = "auto")]
    format: Format,
    /// Use of colour; NO_COLOR, CLICOLOR, CLICOLOR_FORCE and TERM=dumb are respected
    #[arg(long, value_parser = named::<ColourFlag>(), value_name = "WHEN", default_value = "auto")]
    color: ColourFlag,
    /// Amount of a tool call that is shown [default: output with the formats github and gitlab, else line]
    #[arg(long, value_parser = named::<Tools>(), value_name = "AMOUNT")]
    tools: Option<Tools>,
    /// Show these kinds of lines alone, parted by commas
    #[arg(long, value_parser = named::<Kind>(), value_name = "KIND", value_delimiter = ',')]
    only: Vec<Kind>,
    /// Put the time of the event (UTC) before each line
    #[arg(long)]
    timestamps: bool,
    /// Columns at which lines break [default: the terminal's; elsewhere lines do not break]
    #[arg(long, value_name = "COLUMNS", value_parser = clap::value_parser!(u16).range(20..))]
    width: Option<u16>,
    /// Show the agent's reasoning too
    #[arg(long)]
    reasoning: bool,
    /// Let the ends of the streams' last turns decide the exit status
    #[arg(long)]
    exit_from_stream: bool,
    #[command(flatten)]
    exact: ExactArg,
    #[command(flatten)]
    input: InputArgs,
}

const EXAMPLES: &str = "Examples:
  spile wrap -- claude -p 'fix the tests' --output-format stream-json \\
    --verbose | spile view
  spile view --format text --exact run.ndjson >answer.md
  spile view --tools full --timestamps --only tools,turns run.ndjson
  codex exec --json 'fix it' </dev/null | spile wrap \\
    | spile view --format plain --exit-from-stream";

pub(super) fn run(args: Args) -> Result<Exit> {
    let (terminal, width) = run::terminal();
    let var = |name: &str| std::env::var_os(name);
    let system = System::detect(var);
    let format = args.format.resolved(system, if terminal { Format::Tty } else { Format::Plain });
    let logs = matches!(format, Format::Github | Format::Gitlab);
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
        width: args.width.or(width),
        wraps: args.width.is_some(),
        timestamps: args.timestamps,
        only: args.only,
        reasoning: args.reasoning,
        tools: args.tools.unwrap_or(if logs { Tools::Output } else { Tools::Line }),
        gutter: system.is_some(),
        process: std::process::id(),
        text: args.exact.text_bytes(),
        reading: args.input.reading(),
        exit_from_stream: args.exit_from_stream,
    };
    let mut view = View::new(&options);
    let path =
        var("GITHUB_STEP_SUMMARY").filter(|path| format == Format::Github && !path.is_empty());
    let Some(path) = path else { return args.input.run(&mut view) };
    let taken = std::fs::metadata(&path).map_or(0, |file| file.len() as usize);
    let room = MAX_STEP.saturating_sub(taken);
    let mut view = WithSummary::new(view, &options.reading, room);
    let exit = args.input.run(&mut view);
    let file = OpenOptions::new().create(true).append(true).open(&path);
    if let Err(why) = file.and_then(|mut file| file.write_all(&view.summary())) {
        run::warn(format!("cannot write the summary to {}: {why}", path.display()));
    }
    exit
}
