//! `spile send`.

use std::io::Read;
use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::{Context, Result};

use super::recorded::Recorded;
use super::usage;
use crate::exit::Exit;
use crate::run;
use crate::run::control::{Answer, Ask, Found, Request, Text, ask_all, find};
use crate::runs::history::Op;

/// Timeout of a run's answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Longest message, in bytes.
const MAX_TEXT: u64 = 1 << 20;

/// Give a message to an agent that runs under `spile wrap --drive`
///
/// Prints what became of it: `taken`, the agent has read it; `written`, it is in the agent's input; `queued`, it waits until the
/// agent takes a message, at the latest until the end of the turn. The message stands in the stream as a `status` of kind
/// `message`. Exits with 1 if the run refuses it, and with 69 if nothing runs by that name.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Stream of the run, or its label; see `spile ps`
    #[arg(value_name = "STREAM", required_unless_present = "last")]
    stream: Option<String>,
    /// Message; - reads it from stdin
    #[arg(allow_hyphen_values = true, required_unless_present = "last")]
    text: Option<String>,
    /// Run that was started last, in place of STREAM
    #[arg(long)]
    last: bool,
    /// Name of the sender, in the stream
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Type the message at a terminal although a turn is open, and could answer a dialog
    #[arg(long)]
    force: bool,
}

const EXAMPLES: &str = "Examples:
  spile send run-42 'also update the changelog'
  echo 'the tests fail on the server' | spile send docs -
  spile send --last 'stop after this file'";

pub(super) fn run(args: Args) -> Result<Exit> {
    let (name, text) = match (args.last, args.stream, args.text) {
        (true, Some(text), None) => (None, text),
        (false, Some(name), Some(text)) => (Some(name), text),
        _ => return Err(usage("with --last give the message alone: spile send --last TEXT")),
    };
    let text = match text.as_str() {
        "-" => read_stdin()?,
        _ => text,
    };
    if text.is_empty() {
        return Err(usage("the message is empty"));
    }
    if text.len() as u64 > MAX_TEXT {
        return Err(usage(
            "the message is longer than 1 MiB: put it into a file, and name the file",
        ));
    }
    let recorded = Recorded::begin(Op::Send, args.by.as_deref(), Some(&text));
    let ask = Ask::Send(Text { text, by: args.by, force: args.force });
    ask_one(name.as_deref(), ask, &recorded)
}

fn read_stdin() -> Result<String> {
    let mut text = String::new();
    let input = std::io::stdin().lock().take(MAX_TEXT + 1);
    { input }.read_to_string(&mut text).context("cannot read the message on stdin")?;
    Ok(text)
}

/// Sends a request to the one run of this name, or without one to that which was started last. Prints its answer and records it.
pub(super) fn ask_one(name: Option<&str>, ask: Ask, recorded: &Recorded) -> Result<Exit> {
    let mut found = find(&|info| name.is_none_or(|name| info.stream == name));
    if found.is_empty() {
        found = find(&|info| info.label.as_deref() == name);
    }
    if let Some(name) = name.filter(|_| found.len() > 1) {
        return Err(usage(format!(
            "{} runs have the name {name}: give the stream of one (see `spile ps`)",
            found.len()
        )));
    }
    let Some(found) = found.pop() else {
        run::warn("nothing runs by that name; `spile ps` lists what runs");
        return Ok(Exit::Unavailable);
    };
    let request = Request::to(&found.info, ask);
    let mut exit = Exit::Unavailable;
    ask_all(vec![(found, request)], ANSWER_WITHIN, &mut |found, answer| {
        exit = on_answer(found, &answer);
        recorded.answered(&found.info.stream, &answer, exit);
        ControlFlow::Break(())
    });
    Ok(exit)
}

fn on_answer(found: &Found, answer: &Answer) -> Exit {
    let warn = |text: &str| run::warn(format_args!("{}: {text}", found.info.stream));
    match answer {
        Answer::Taken | Answer::Written | Answer::Queued | Answer::Permitted => {
            run::print(format!("{}\n", answer.word()).as_bytes())
        }
        Answer::Refused { reason, .. } => {
            warn(reason);
            Exit::Failed
        }
        Answer::Error { reason } | Answer::Lost(reason) => {
            warn(reason);
            Exit::Unavailable
        }
        _ => {
            warn("the answer is not understood");
            Exit::Unavailable
        }
    }
}
