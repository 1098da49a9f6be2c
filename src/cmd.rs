//! The commands: one table, one file each. A command is wiring: where lines come from, which filters, where events go.

mod adapters;
mod cancel;
mod check;
mod chunk;
mod coalesce;
mod common;
mod config;
mod demo;
mod export;
mod generate;
mod heartbeat;
#[cfg_attr(not(feature = "ledger"), path = "cmd/no_ledger.rs")]
mod ledger;
mod merge;
mod ps;
mod replay;
mod schema;
mod settings;
mod tee;
mod view;
mod wrap;

use std::ffi::OsString;
use std::fmt;
use std::io::Write;

use anyhow::Result;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::exit::Exit;
use crate::run;
use crate::term::sanitize::clean;

use settings::Settings;

/// Pipe an AI agent's output through a shell: `spile wrap` turns what it prints into NDJSON canonical events, the other
/// commands are filters over them.
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

#[derive(Debug, Subcommand)]
enum Command {
    Wrap(Box<wrap::Args>),
    Coalesce(coalesce::Args),
    Chunk(chunk::Args),
    Heartbeat(heartbeat::Args),
    Merge(merge::Args),
    Cancel(cancel::Args),
    Ps(ps::Args),
    Tee(tee::Args),
    Replay(replay::Args),
    View(view::Args),
    Check(check::Args),
    Export(export::Args),
    Ledger(ledger::Args),
    Adapters(adapters::Args),
    Demo(demo::Args),
    Schema(schema::Args),
    Generate(generate::Args),
    Config(config::Args),
}

impl Command {
    fn run(self) -> Result<Exit> {
        match self {
            Command::Wrap(args) => wrap::run(*args),
            Command::Coalesce(args) => coalesce::run(args),
            Command::Chunk(args) => chunk::run(args),
            Command::Heartbeat(args) => heartbeat::run(args),
            Command::Merge(args) => merge::run(args),
            Command::Cancel(args) => cancel::run(args),
            Command::Ps(args) => ps::run(args),
            Command::Tee(args) => tee::run(args),
            Command::Replay(args) => replay::run(args),
            Command::View(args) => view::run(args),
            Command::Check(args) => check::run(args),
            Command::Export(args) => export::run(args),
            Command::Ledger(args) => ledger::run(args),
            Command::Adapters(args) => adapters::run(args),
            Command::Demo(args) => demo::run(args),
            Command::Schema(args) => schema::run(args),
            Command::Generate(args) => generate::run(args),
            Command::Config(args) => config::run(args),
        }
    }
}

/// Parses the command line, runs the command and ends the process.
pub fn main() -> ! {
    run::reset_inherited();
    run::ensure_stdout();
    // No command for people: wrap starts itself again, and what is not parsed starts faster.
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == run::GUARDIAN) {
        let descriptors = words.next().unwrap_or_default();
        let argv: Vec<OsString> = words.collect();
        std::process::exit(run::guardian(&descriptors.to_string_lossy(), &argv).code().into());
    }
    let exit = match parse() {
        Ok(cli) => cli.command.run().unwrap_or_else(|e| {
            warn(&format!("{e:#}"));
            match e.downcast_ref::<Refusal>() {
                Some(refusal) => refusal.exit,
                None if e.is::<run::Taken>() => Exit::Taken,
                None => Exit::Internal,
            }
        }),
        Err(exit) => exit,
    };
    match exit {
        Exit::Signal(signal) => run::die_of(signal),
        exit => std::process::exit(exit.code().into()),
    }
}

/// The command line over what is set in the environment and in spile.toml.
fn parse() -> Result<Cli, Exit> {
    let (tree, wrong) = match settings::load(tree()) {
        Ok(settings) => (settings.apply(tree()), None),
        Err(message) => (tree(), Some(message)),
    };
    let parsed = keep_examples_whole(tree).try_get_matches();
    // Help is there even if a setting is wrong; what else is refused may be so for want of that setting.
    let help = parsed.as_ref().is_err_and(|e| !e.use_stderr());
    if let Some(message) = wrong.filter(|_| !help) {
        let command = std::env::args_os().nth(1).unwrap_or_default();
        if settings::matter_to(&command.to_string_lossy()) {
            warn(&message);
            return Err(Exit::Usage);
        }
        run::warn_user(format!("spile: {message}; it does not matter here\n").as_bytes());
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

/// The commands as they are built in.
pub fn tree() -> clap::Command {
    Cli::command()
}

/// Stands for a space at which clap must not wrap; a private code point that no help text has.
const NO_BREAK: &str = "\u{E000}";

/// The command and all below it, their examples protected from clap's wrapping: a line that a person copies is one line.
/// [`refuse`] prints the spaces again.
fn keep_examples_whole(command: clap::Command) -> clap::Command {
    let help = command.get_after_long_help().map(ToString::to_string);
    let command = match help {
        Some(help) => command.after_long_help(help.replace(' ', NO_BREAK)),
        None => command,
    };
    command.mut_subcommands(keep_examples_whole)
}

/// Prints what clap has to say: help, or what is wrong with the command line.
fn refuse(error: &clap::Error) -> Exit {
    let text = error.render().ansi().to_string().replace(NO_BREAK, " ");
    // Help that nobody reads to its end is no failure.
    let _ = if error.use_stderr() {
        anstream::stderr().write_all(text.as_bytes())
    } else {
        anstream::stdout().write_all(text.as_bytes())
    };
    if error.use_stderr() { Exit::Usage } else { Exit::Success }
}

/// Error of a command that ends it with this status.
#[derive(Debug)]
struct Refusal {
    exit: Exit,
    why: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Refusal {}

/// Error for a wrong command line.
fn usage(why: impl fmt::Display) -> anyhow::Error {
    Refusal { exit: Exit::Usage, why: why.to_string() }.into()
}

/// Prints a message on stderr.
fn warn(message: &str) {
    run::warn_user(format!("spile: {}\n", clean(message)).as_bytes());
}
