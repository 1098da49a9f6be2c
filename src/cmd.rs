//! Commands, one file each, which connect inputs, filters and outputs.

mod adapters;
mod attach;
mod cancel;
mod check;
mod chunk;
mod coalesce;
mod common;
mod conditions;
mod config;
mod demo;
mod export;
mod generate;
mod heartbeat;
mod history;
#[cfg_attr(not(feature = "ledger"), path = "cmd/no_ledger.rs")]
mod ledger;
mod logs;
mod merge;
mod permit;
mod prune;
mod ps;
mod recorded;
mod redact;
mod replay;
mod schema;
mod send;
#[cfg_attr(not(feature = "serve"), path = "cmd/no_serve.rs")]
mod serve;
mod settings;
mod start;
mod tee;
mod view;
mod wrap;

use std::ffi::OsString;
use std::fmt;
use std::io::Write;

use anyhow::Result;
use clap::{Args as _, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::exit::{Exit, Refusal};
use crate::run;
use crate::term::sanitize::clean;

/// Pipe an AI agent's output through a shell: `spile wrap` turns it into NDJSON canonical events, the other commands are filters
/// over them.
#[derive(Debug, Parser)]
#[command(name = "spile", version, max_term_width = 100, after_help = SHORT, after_long_help = LONG)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const SHORT: &str = "Try `spile demo`. `spile help COMMAND` says more, with pipelines.";

const LONG: &str = "Examples:
  spile wrap -- claude -p 'fix the tests' --output-format stream-json \\
    --verbose | spile view
  codex exec --json 'explain this repo' </dev/null \\
    | spile wrap | spile coalesce | spile view
  spile wrap -- sh -c 'make 2>&1' \\
    | spile check --pass --exit-from-stream >run.ndjson";

/// The subcommands, each the `Args` and the `run` of its module.
macro_rules! commands {
    ($($name:ident $module:ident)*) => {
        #[derive(Debug, Subcommand)]
        enum Command {
            $($name($module::Args)),*
        }

        /// Command line with one of the commands alone.
        fn tree_of(name: &str) -> Option<clap::Command> {
            let command = clap::Command::new(name.to_owned());
            let command = match name {
                $(_ if name.eq_ignore_ascii_case(stringify!($name)) => $module::Args::augment_args(command),)*
                _ => return None,
            };
            Some(clap::Command::new("spile").subcommand(command))
        }

        impl Command {
            fn run(self) -> Result<Exit> {
                match self {
                    $(Command::$name(args) => $module::run(args)),*
                }
            }
        }
    };
}

commands! {
    Wrap wrap
    Start start
    Coalesce coalesce
    Chunk chunk
    Heartbeat heartbeat
    Merge merge
    Redact redact
    Cancel cancel
    Send send
    Permit permit
    Ps ps
    History history
    Prune prune
    Attach attach
    Logs logs
    Serve serve
    Tee tee
    Replay replay
    View view
    Check check
    Export export
    Ledger ledger
    Adapters adapters
    Demo demo
    Schema schema
    Generate generate
    Config config
}

/// Parses the command line, runs the command and ends the process.
pub fn main() -> ! {
    run::reset_inherited();
    run::ensure_stdout();
    // Not a command for users: wrap starts itself as the guardian, which needs no parser.
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == run::GUARDIAN) {
        let descriptors = words.next().unwrap_or_default();
        let argv: Vec<OsString> = words.collect();
        std::process::exit(run::guardian(&descriptors.to_string_lossy(), &argv).code().into());
    }
    let exit = match parse_plain().map_or_else(parse, Ok) {
        Ok(cli) => cli.command.run().unwrap_or_else(|e| {
            warn(&format!("{e:#}"));
            e.downcast_ref::<Refusal>().map_or(Exit::Internal, |refusal| refusal.exit)
        }),
        Err(exit) => exit,
    };
    match exit {
        Exit::Signal(signal) => run::die_of(signal),
        exit => std::process::exit(exit.code().into()),
    }
}

/// Command line of a known command without settings, for which the other commands need not be built; `None` where [`parse`]
/// has to decide.
fn parse_plain() -> Option<Cli> {
    let name = std::env::args_os().nth(1)?;
    let tree = tree_of(name.to_str()?)?;
    if settings::exist() {
        return None;
    }
    Cli::from_arg_matches(&tree.try_get_matches().ok()?).ok()
}

/// Parses the command line over the environment and spile.toml.
fn parse() -> Result<Cli, Exit> {
    let (tree, wrong) = match settings::load(tree()) {
        Ok(settings) => (settings.apply(tree()), None),
        Err(message) => (tree(), Some(message)),
    };
    let parsed = keep_examples_whole(tree).try_get_matches();
    // Help works with a wrong setting; any other refusal may be its consequence.
    let help = parsed.as_ref().is_err_and(|e| !e.use_stderr());
    if let Some(message) = wrong.filter(|_| !help) {
        let command = std::env::args_os().nth(1).unwrap_or_default();
        if settings::matter_to(&command.to_string_lossy()) {
            warn(&message);
            return Err(Exit::Usage);
        }
        run::warn(format_args!("{message}; it does not matter here"));
    }
    let matches = parsed.map_err(|e| {
        let words: Vec<_> = std::env::args_os().skip(1).collect();
        let message = if help { None } else { merge::lacks_dashes(&words) };
        message.map_or_else(
            || refuse(&e),
            |message| {
                warn(&message);
                Exit::Usage
            },
        )
    })?;
    Cli::from_arg_matches(&matches).map_err(|e| refuse(&e))
}

/// Command line without settings.
pub fn tree() -> clap::Command {
    Cli::command()
}

/// Placeholder for a space at which clap must not wrap: a private code point.
const NO_BREAK: &str = "\u{E000}";

/// Protects the examples of all commands from clap's wrapping, so that a copied line is whole. [`refuse`] restores the spaces.
fn keep_examples_whole(command: clap::Command) -> clap::Command {
    let help = command.get_after_long_help().map(ToString::to_string);
    let command = match help {
        Some(help) => command.after_long_help(help.replace(' ', NO_BREAK)),
        None => command,
    };
    command.mut_subcommands(keep_examples_whole)
}

/// Prints clap's help or error.
fn refuse(error: &clap::Error) -> Exit {
    let text = error.render().ansi().to_string().replace(NO_BREAK, " ");
    // A closed stdout is no error of help.
    let _ = if error.use_stderr() {
        anstream::stderr().write_all(text.as_bytes())
    } else {
        anstream::stdout().write_all(text.as_bytes())
    };
    if error.use_stderr() { Exit::Usage } else { Exit::Success }
}

/// Error for a wrong command line.
fn usage(why: impl fmt::Display) -> anyhow::Error {
    Refusal { exit: Exit::Usage, why: why.to_string() }.into()
}

/// Prints a message on stderr.
fn warn(message: &str) {
    run::warn(clean(message));
}
