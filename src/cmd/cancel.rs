//! `spile cancel`.

mod named;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use regex::Regex;

use super::common::{self, ReadingArgs, named as by_name};
use super::usage;
use crate::exit::Exit;
use crate::filter::Chain;
use crate::filter::cancel::{Cancel, Options, Requests};
use crate::run::control::CancelFilter;
use crate::run::{self, Inputs, Waiting};
use crate::stage::{Clock, FilterStage};
use named::Named;

/// Cancel a turn: by the name of its run, or as a filter when a condition holds
///
/// With STREAM, --label or --all it cancels the open turn of each matching run and prints the turn's terminal event. With a
/// condition it is a filter in a pipe: events pass until the condition holds. Then the `spile wrap` upstream ends the turn;
/// without one (a recording, curl, another host) the filter does.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    named: Named,
    /// Reason in the turn's terminal event
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Kill an agent that has not stopped after this time, with all its descendants
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = common::duration)]
    grace: Duration,
    #[command(flatten)]
    conditions: Conditions,
    #[command(flatten)]
    reading: ReadingArgs,
}

/// Conditions of the filter.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "As a filter")]
struct Conditions {
    /// The turn takes longer; 0 is no limit
    #[arg(long, value_name = "TIME", value_parser = common::duration)]
    after: Option<Duration>,
    /// No event has come for this time; 0 is no limit
    #[arg(long, value_name = "TIME", value_parser = common::duration)]
    when_idle: Option<Duration>,
    /// The answer matches, also across deltas; of a long block the last 4 KiB are searched
    #[arg(long = "match", value_name = "REGEX")]
    pattern: Option<Regex>,
    /// A tool with one of these names is called
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    on_tool: Vec<String>,
    /// The answers have more characters
    #[arg(long, value_name = "N")]
    max_text: Option<u64>,
    /// More tokens are used, if the runtime reports them before the end
    #[arg(long, value_name = "N")]
    max_tokens: Option<u64>,
    /// The turn costs more, if the runtime reports it before the end
    #[arg(long, value_name = "USD", value_parser = dollars)]
    max_cost: Option<f64>,
    /// Source of times: `event` makes the output depend on the input alone
    #[arg(long, default_value = "wall", value_parser = by_name::<Clock>())]
    clock: Clock,
}

const EXAMPLES: &str = "Examples:
  spile cancel --label docs --reason 'wrong branch'
  spile cancel run-42 --then 'leave the tests alone, only fix the build'
  spile wrap -- claude -p 'fix the tests' --output-format stream-json \\
    --verbose \\
    | spile cancel --after 20m --when-idle 5m --match 'rm -rf' | spile view";

fn dollars(text: &str) -> Result<f64, String> {
    let amount: Option<f64> = text.parse().ok();
    amount
        .filter(|amount| amount.is_finite() && *amount >= 0.0)
        .ok_or_else(|| "write US dollars like 0.50".to_owned())
}

pub(super) fn run(args: Args) -> Result<Exit> {
    let Args { named, reason, grace, conditions, reading } = args;
    // A limit of 0 never holds, and still makes this a filter.
    let never = conditions.after.or(conditions.when_idle).is_some();
    let options = Options {
        after: common::limit(conditions.after),
        when_idle: common::limit(conditions.when_idle),
        pattern: conditions.pattern,
        tools: conditions.on_tool,
        max_text: conditions.max_text,
        max_tokens: conditions.max_tokens,
        max_cost: conditions.max_cost,
        reason: reason.clone(),
    };
    let is_named = named.is_selected() || !named.streams.is_empty();
    match (is_named, options.is_any() || never) {
        (_, true) if named.is_selected() => Err(usage(
            "a condition is for the filter, in a pipe; by name a turn is cancelled at once",
        )),
        (true, false) => named.run(reason, grace),
        (false, false) => Err(usage(
            "say what to cancel: a stream, --label or --all (see `spile ps`); or, as a filter in a pipe, a condition (see --help)",
        )),
        (_, true) if named.then.is_some() => Err(usage(
            "--then is for a turn that is cancelled by name: spile cancel STREAM --then PROMPT",
        )),
        (false, true) if run::waiting() == Waiting::Terminal => Err(usage(
            "nothing to read: a condition is for the filter, behind `spile wrap` in a pipe",
        )),
        (_, true) => {
            let wrong = |why| {
                usage(format!(
                    "{why} (with a condition the arguments are files to read; a stream is cancelled by name without one)"
                ))
            };
            let inputs = Inputs::open(&named.streams).map_err(wrong)?;
            let requests = Rc::new(RefCell::new(Requests::default()));
            let filter = Cancel::new(options, Rc::clone(&requests));
            let chain = Chain::new(vec![Box::new(filter)]);
            let stage = FilterStage::new(chain, conditions.clock, &reading.reading());
            run::single_cancel(&mut CancelFilter::new(stage, requests, grace), inputs)
        }
    }
}
