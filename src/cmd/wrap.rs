//! `spile wrap`.

mod drive;
mod launch;
mod redaction;

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::ValueHint;
use clap::builder::{NonEmptyStringValueParser, PossibleValue, PossibleValuesParser};

use super::common;
use super::conditions::CancelWhenArgs;
use super::usage;
use crate::adapter::{self, ADAPTERS};
use crate::codec::{MAX_LINE, is_stream_id};
use crate::exit::Exit;
use crate::filter::cancel::Options;
use crate::guard;
use crate::redact::Redact;
use crate::run::control::CancelFilter;
use crate::run::{self, Inputs, Stdin, Waiting};
use crate::stage::{Clock, LineStage, Piped, Reading};
use crate::tap::{Config, Fed, Tap};
use drive::DriveArgs;
pub(super) use launch::Launch;
use redaction::RedactArgs;

/// Turn an agent's output into canonical events: start the agent, or read its output on stdin
///
/// With a command wrap starts it without stdin, reads stdout and stderr, and reports its end. Without one it reads an agent's
/// output on stdin. Every turn gets exactly one terminal event, whatever the agent does.
///
/// When wrap ends, it leaves no process of the agent. On Linux a guardian adopts orphans of the agent, also those in other
/// sessions; in a unit with systemd's Delegate=yes the agent gets a control group, which is killed as a whole. Elsewhere the
/// agent's process group is killed, and processes that have left it survive.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
#[group(skip)]
pub(super) struct Args {
    /// Runtime of the agent: a name from `spile adapters`, or auto
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = runtimes())]
    from: String,
    /// Stdin of the agent [default: null; with --pty at a terminal inherit]
    #[arg(long, value_parser = common::named::<Stdin>(), value_name = "HOW")]
    stdin: Option<Stdin>,
    /// Run the agent in a terminal; at a terminal, you use it
    ///
    /// The agent's stdin, stdout and stderr are one terminal, as large as yours or 80x24. Its output becomes text line by line:
    /// escape sequences are removed, and a progress bar becomes its last state. With your terminal on stdin (and no --stdin
    /// null) your keys go to the agent and you see its screen, unless the events go to the same terminal; --stdin inherit at a
    /// terminal implies --pty. ^C goes to the agent, two within a second end it; ^Z suspends the agent and the pipeline, fg
    /// resumes them. --stdin pipe types the bytes of stdin.
    #[arg(long)]
    pty: bool,
    /// Id of this run: 1 to 64 of A-Z a-z 0-9 . _ : - [default: a new one]
    #[arg(long, value_name = "RUN", value_parser = stream)]
    stream: Option<String>,
    /// Name for people
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    label: Option<String>,
    /// Longest line that is parsed; a longer one is carried in pieces
    #[arg(long, value_name = "SIZE", default_value = "16M", value_parser = common::size)]
    max_line: usize,
    /// Longest block of text; a longer one continues in a new block
    #[arg(long, value_name = "SIZE", default_value = "1M", value_parser = common::size)]
    max_block: usize,
    /// Keep escape sequences and carriage returns in plain output, stderr and results of tools
    ///
    /// Without it they are removed as with --pty: colours, and all but the last state of a progress bar that arrives at once.
    #[arg(long, conflicts_with = "pty")]
    keep_escapes: bool,
    /// Exit with status 65 if any output of the agent could not be parsed
    #[arg(long)]
    strict: bool,
    /// Stop reasons that make a turn failed although the runtime calls it complete
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    fail_on_stop: Vec<String>,
    #[command(flatten)]
    drive: Box<DriveArgs>,
    #[command(flatten)]
    conditions: CancelWhenArgs,
    #[command(flatten)]
    redaction: RedactArgs,
    #[command(flatten)]
    supervise: Box<Supervise>,
    /// Agent to start, with its arguments; a -- before it is always allowed
    #[arg(trailing_var_arg = true, value_name = "CMD", value_hint = ValueHint::CommandWithArguments)]
    command: Vec<OsString>,
}

/// Options that need a command.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Supervision of a command that wrap starts")]
struct Supervise {
    /// Time between SIGINT, SIGTERM and SIGKILL
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = common::duration)]
    grace: Duration,
    /// Fail the turn and end the agent if the run takes longer; for all limits, 0 is none
    #[arg(long, value_name = "TIME", value_parser = common::duration)]
    timeout: Option<Duration>,
    /// The same if stdout and stderr are silent for this time
    #[arg(long, value_name = "TIME", value_parser = common::duration)]
    idle_timeout: Option<Duration>,
    /// The same if there is no output by then
    #[arg(long, value_name = "TIME", value_parser = common::duration)]
    first_output_timeout: Option<Duration>,
    /// The same if a call of a tool takes longer
    #[arg(long, value_name = "TIME", value_parser = common::duration)]
    tool_timeout: Option<Duration>,
    /// End an agent that has not exited this long after its result; that is a success
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = common::duration)]
    after_result: Duration,
    /// Silence of the output after the exit that ends reading, 5s at most
    #[arg(long, value_name = "TIME", default_value = "250ms", value_parser = common::duration)]
    drain: Duration,
    /// Output that is queued in memory for a slow reader
    #[arg(long, value_name = "SIZE", default_value = "8M", value_parser = common::size)]
    spool_mem: usize,
    /// Output that is queued in a temporary file after that; then the agent is blocked
    #[arg(long, value_name = "SIZE", default_value = "4G", value_parser = common::size)]
    spool_max: usize,
    /// Record the agent's raw output with times, as NDJSON that only you can read
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Do not start if another run with this key exists or waits, and exit with status 79
    #[arg(long, value_name = "KEY")]
    once: Option<String>,
    /// With --once: wait until the run with the key has ended, behind those that wait already
    #[arg(long, requires = "once")]
    queue: bool,
    /// Longest wait of --queue, then exit with status 79; 0 is no limit
    #[arg(long, value_name = "TIME", requires = "queue", value_parser = common::duration)]
    queue_timeout: Option<Duration>,
}

const EXAMPLES: &str = "Examples:
  spile wrap -- claude -p 'fix the tests' --output-format stream-json \\
    --verbose | spile view
  codex exec --json 'explain this repo' </dev/null \\
    | spile wrap --label docs | spile view
  spile wrap -- make test | spile view --format plain
  spile wrap --redact --env -- make test >run.ndjson
  spile wrap --cancel-when 'after=20m,repeat=5,match=rm -rf' \\
    -- claude -p 'fix the tests' --output-format stream-json --verbose \\
    >run.ndjson";

/// Names of the adapters for completions; aliases are hidden.
pub(super) fn runtimes() -> PossibleValuesParser {
    let auto =
        PossibleValue::new("auto").help("whatever the command's name and its first lines say");
    let named =
        ADAPTERS.iter().map(|s| PossibleValue::new(s.name).aliases(s.aliases).help(s.about));
    PossibleValuesParser::new(std::iter::once(auto).chain(named))
}

fn stream(id: &str) -> Result<String, String> {
    let wrong =
        "1 to 64 of A-Z a-z 0-9 . _ : -, the first a letter or digit; for a name use --label";
    is_stream_id(id).then(|| id.to_owned()).ok_or_else(|| wrong.to_owned())
}

pub(super) fn run(mut args: Args) -> Result<Exit> {
    let flag = common::first_given(&[
        (args.stream.is_some(), "--stream"),
        (args.label.is_some(), "--label"),
        (!args.fail_on_stop.is_empty(), "--fail-on-stop"),
    ]);
    let config = args.config();
    if args.command.is_empty() {
        if ends_in_dashes() {
            return Err(usage(NO_COMMAND));
        }
        if let Some(flag) = args.supervise.needs_command().or(args.drive.needs_command()) {
            return Err(usage(format!(
                "{flag} is for a command that wrap starts: spile wrap {flag} ... -- CMD"
            )));
        }
        if args.pty {
            return Err(usage("--pty is for a command that wrap starts: spile wrap --pty -- CMD"));
        }
        let mut tap = Tap::new(config.clone(), adapter::by_name(&args.from));
        if args.keep_escapes {
            tap.keep_escapes();
        }
        let fed = Fed::new(tap, config, args.fail_on_stop, flag);
        let redact = args.redaction.stage()?;
        return normalise(fed, args.stdin, args.conditions.options()?, redact);
    }
    Launch::prepare(args, config)?.run(None)
}

impl Args {
    /// Agent to start `count` times in the background.
    pub(super) fn launch(mut self, count: u16) -> Result<Launch> {
        if self.command.is_empty() {
            return Err(usage("there is no command: write spile start -- CMD"));
        }
        if self.stdin.is_some_and(|stdin| stdin != Stdin::Null) {
            return Err(usage(
                "an agent in the background has no stdin: give it its input by --prompt and --drive",
            ));
        }
        let single = common::first_given(&[
            (self.supervise.record.is_some(), "--record"),
            (self.supervise.once.is_some(), "--once"),
        ]);
        if let Some(flag) = single.filter(|_| count > 1) {
            return Err(usage(format!("{flag} is for one run, and not for --each")));
        }
        if self.drive.needs_command().is_none() {
            self.stdin = Some(Stdin::Null);
        }
        let config = self.config();
        Launch::prepare(self, config)
    }

    fn config(&mut self) -> Config {
        let guard = guard::Config {
            stream: self.stream.take().unwrap_or_else(run::new_stream_id),
            label: self.label.take(),
            max_block: self.max_block,
        };
        let max_line = self.max_line.clamp(1, MAX_LINE);
        Config { guard, max_line, strict: self.strict, argv: words(&self.command) }
    }
}

/// Checks that a prompt may stand where a command line has a place for one.
#[cfg(feature = "serve")]
pub(super) fn check_places(words: &[String]) -> Result<()> {
    let argv = words.iter().map(OsString::from).collect();
    drive::with_prompt(argv, Some(OsStr::new("prompt"))).map(|_| ())
}

fn words(argv: &[OsString]) -> Vec<String> {
    argv.iter().map(|word| word.to_string_lossy().into_owned()).collect()
}

const NO_COMMAND: &str = "there is no command behind --: write spile wrap -- CMD (is a variable there empty?), or leave out the -- to read an agent's output on stdin";

/// True for a command line that ends in `--`: its command is missing.
fn ends_in_dashes() -> bool {
    std::env::args_os().next_back().is_some_and(|word| word == "--")
}

/// True if the command is the name of a file here that is not executable.
fn is_output(word: &OsStr) -> bool {
    let executable = |meta: &std::fs::Metadata| meta.permissions().mode() & 0o111 != 0;
    !word.as_encoded_bytes().contains(&b'/')
        && std::fs::metadata(word).is_ok_and(|meta| meta.is_file() && !executable(&meta))
}

/// Reads an agent's output on stdin.
fn normalise(
    mut fed: Fed,
    stdin: Option<Stdin>,
    conditions: Option<Options>,
    redact: Option<LineStage<Redact>>,
) -> Result<Exit> {
    if stdin.is_some() {
        return Err(usage(
            "--stdin is for a command that wrap starts: spile wrap --stdin pipe -- CMD",
        ));
    }
    if run::waiting() == Waiting::Terminal {
        return Err(usage(
            "nothing to read: pipe an agent's output into `spile wrap`, or start one with `spile wrap -- CMD`",
        ));
    }
    let inputs = Inputs::stdin();
    // As `spile wrap | spile redact | spile cancel`.
    let cancel =
        conditions.map(|it| CancelFilter::new(it, Clock::Wall, &Reading::default(), GRACE));
    match (redact, cancel) {
        (None, None) => run::single(&mut fed, inputs),
        (Some(redact), None) => run::single(&mut Piped::new(fed, redact), inputs),
        (None, Some(cancel)) => run::single_piped(&mut Piped::new(fed, cancel), inputs),
        (Some(redact), Some(cancel)) => {
            run::single_piped(&mut Piped::new(Piped::new(fed, redact), cancel), inputs)
        }
    }
}

/// Time until an agent behind another wrap is killed, as of `spile cancel`.
const GRACE: Duration = Duration::from_secs(10);

impl Supervise {
    /// First given option that needs a command.
    fn needs_command(&self) -> Option<&'static str> {
        common::first_given(&[
            (self.record.is_some(), "--record"),
            (self.once.is_some(), "--once"),
            (self.timeout.is_some(), "--timeout"),
            (self.idle_timeout.is_some(), "--idle-timeout"),
            (self.first_output_timeout.is_some(), "--first-output-timeout"),
            (self.tool_timeout.is_some(), "--tool-timeout"),
        ])
    }
}
