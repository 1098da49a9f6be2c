//! `spile cancel`.

mod named;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use regex::Regex;

use super::common::{self, ReadingArgs};
use super::usage;
use crate::exit::Exit;
use crate::filter::Chain;
use crate::filter::cancel::{Cancel, Options, Requests};
use crate::run::control::CancelFilter;
use crate::run::{self, Inputs, Interrupt, Waiting};
use crate::stage::{Clock, FilterStage};
use named::Named;

/// Stop a turn: by the name of its run, or as a filter when a condition holds
///
/// With STREAM, --label or --all the runs of that name are asked to end their open turns, and the terminal event of each,
/// the proof, is printed. With a condition it is a filter in a pipe: events pass until the condition holds; then the wrap
/// they come from ends the turn, or, where there is none (a recording, a curl, another host), the filter does.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    named: Named,
    /// Why, in words, for the turn's terminal event
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// An agent that does not obey is killed, with all below it, after so long
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = common::duration)]
    grace: Duration,
    #[command(flatten)]
    conditions: Conditions,
    #[command(flatten)]
    reading: ReadingArgs,
}

/// When a turn is to end, for the filter.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "As a filter")]
struct Conditions {
    /// The turn has taken so long; 0 is no limit
    #[arg(long, value_name = "TIME", value_parser = common::duration)]
    after: Option<Duration>,
    /// Nothing has come for so long; 0 is no limit
    #[arg(long, value_name = "TIME", value_parser = common::duration)]
    when_idle: Option<Duration>,
    /// The answer has a match, also across deltas; of a long block the last 4 KiB are looked at
    #[arg(long = "match", value_name = "REGEX")]
    pattern: Option<Regex>,
    /// A tool of this name is called; several are separated by commas
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    on_tool: Vec<String>,
    /// The answers have more characters than this
    #[arg(long, value_name = "N")]
    max_text: Option<u64>,
    /// More tokens are used, as far as the runtime says that before the end
    #[arg(long, value_name = "N")]
    max_tokens: Option<u64>,
    /// It costs more, as far as the runtime says that before the end
    #[arg(long, value_name = "USD", value_parser = dollars)]
    max_cost: Option<f64>,
    /// Where times come from: `event` makes the output for a recording a pure function of it
    #[arg(long, value_enum, default_value = "wall")]
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
    let clock = conditions.clock;
    // A limit of 0 is a condition that never holds.
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
    let is_named = named.is_said() || !named.words().is_empty();
    match (is_named, options.is_any() || never) {
        (_, true) if named.is_said() => Err(usage(
            "a condition is for the filter, in a pipe; by name a turn is cancelled at once",
        )),
        (true, false) => named.run(reason, grace),
        (false, false) => Err(usage(
            "say what to cancel: a stream, --label or --all (see `spile ps`); or, as a filter in a pipe, a condition (see --help)",
        )),
        (_, true) if named.needs_name() => Err(usage(
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
            let inputs = Inputs::open(named.words()).map_err(wrong)?;
            let requests = Rc::new(RefCell::new(Requests::default()));
            let filter = Cancel::new(options, Rc::clone(&requests));
            let chain = Chain::new(vec![Box::new(filter)]);
            let stage = FilterStage::new(chain, clock, &reading.reading());
            run::single(&mut CancelFilter::new(stage, requests, grace), inputs, Interrupt::AtEnd)
        }
    }
}
