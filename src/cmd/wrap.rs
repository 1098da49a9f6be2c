//! `spile wrap`.

mod supervise;

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;

use anyhow::Result;
use clap::ValueHint;
use clap::builder::{PossibleValue, PossibleValuesParser};

use super::common;
use super::usage;
use crate::adapter::{self, ADAPTERS};
use crate::codec::{MAX_LINE, is_stream_id};
use crate::exit::Exit;
use crate::guard;
use crate::run::{self, Inputs, Stdin, Waiting};
use crate::tap::{Config, Fed, Tap};

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
    #[arg(long, value_name = "NAME")]
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
    supervise: supervise::Supervise,
    /// Agent to start, with its arguments; a -- before it is always allowed
    #[arg(trailing_var_arg = true, value_name = "CMD", value_hint = ValueHint::CommandWithArguments)]
    command: Vec<OsString>,
}

const EXAMPLES: &str = "Examples:
  spile wrap -- claude -p 'fix the tests' --output-format stream-json \\
    --verbose | spile view
  codex exec --json 'explain this repo' </dev/null \\
    | spile wrap --label docs | spile view
  spile wrap -- make test | spile view --format plain";

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

pub(super) fn run(args: Args) -> Result<Exit> {
    let flags = [
        (args.stream.is_some(), "--stream"),
        (args.label.is_some(), "--label"),
        (!args.fail_on_stop.is_empty(), "--fail-on-stop"),
    ];
    let flag = flags.into_iter().find_map(|(given, flag)| given.then_some(flag));
    let guard = guard::Config {
        stream: args.stream.unwrap_or_else(run::new_stream_id),
        label: args.label,
        max_block: args.max_block,
    };
    let max_line = args.max_line.clamp(1, MAX_LINE);
    let argv = args.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let config = Config { guard, max_line, strict: args.strict, argv };
    let mut tap = Tap::new(config.clone(), adapter::by_name(&args.from));
    if args.keep_escapes {
        tap.keep_escapes();
    }
    if let [word] = args.command.as_slice()
        && is_output(word)
    {
        return Err(usage(format!(
            "{0} is a file and no command: to read what an agent printed, spile wrap <{0}",
            word.display()
        )));
    }
    if args.command.is_empty() {
        if ends_in_dashes() {
            return Err(usage(NO_COMMAND));
        }
        if let Some(flag) = args.supervise.needs_command() {
            return Err(usage(format!(
                "{flag} is for a command that wrap starts: spile wrap {flag} ... -- CMD"
            )));
        }
        if args.pty {
            return Err(usage("--pty is for a command that wrap starts: spile wrap --pty -- CMD"));
        }
        return normalise(Fed::new(tap, config, args.fail_on_stop, flag), args.stdin);
    }
    tap.guard().fail_on_stop(args.fail_on_stop);
    if args.stdin.is_none() && run::waiting() == Waiting::Bytes {
        run::warn(NOT_PASSED_ON);
    }
    let at_terminal = run::waiting() == Waiting::Terminal;
    if args.pty && args.stdin == Some(Stdin::Inherit) && !at_terminal {
        return Err(usage(
            "with --pty the agent inherits a terminal only, and stdin is none: say --stdin pipe to type what comes on it",
        ));
    }
    let stdin = match args.stdin {
        None if args.pty && at_terminal => Stdin::Inherit,
        given => given.unwrap_or(Stdin::Null),
    };
    let pty = args.pty || (at_terminal && stdin == Stdin::Inherit);
    run::host(&mut tap, args.supervise.plan(args.command, (stdin, pty))?)
}

const NO_COMMAND: &str = "there is no command behind --: write spile wrap -- CMD (is a variable there empty?), or leave out the -- to read an agent's output on stdin";

const NOT_PASSED_ON: &str =
    "the agent does not get the input on stdin: pass it on with --stdin pipe, or say --stdin null";

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
fn normalise(mut fed: Fed, stdin: Option<Stdin>) -> Result<Exit> {
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
    run::single(&mut fed, Inputs::stdin())
}
