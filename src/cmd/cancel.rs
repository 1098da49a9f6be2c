//! `spile cancel`.

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::Result;
use clap::ValueHint;
use regex::Regex;

use super::common::{self, ReadingArgs, named as by_name};
use super::conditions::EstimateArgs;
use super::recorded::Recorded;
use super::usage;
use crate::codec;
use crate::event::Type;
use crate::exit::Exit;
use crate::filter::cancel::{Options, count, dollars, repeats};
use crate::run::control::{
    Answer, Ask, CancelFilter, CancelTurn, Found, Info, Request, ask_all, find,
};
use crate::run::state::{RunLife, StateFolder};
use crate::run::{self, Inputs, Waiting};
use crate::runs::history::Op;
use crate::runs::select::is_of;
use crate::stage::Clock;

/// Wait beyond the grace of a run, for its last output.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest prompt, in bytes.
const MAX_PROMPT: usize = 128 << 10;

/// Cancel a turn: by the name of its run, or as a filter when a condition holds
///
/// With STREAM, --label, --last or --all it cancels the open turn of each matching run and prints the turn's terminal event. With a
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

/// Selection of runs.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "By name")]
struct Named {
    /// Streams or labels of runs whose turn to cancel; see `spile ps`. As a filter: files to read, - is stdin
    #[arg(value_name = "STREAM|FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["label", "all", "last"])]
    streams: Vec<OsString>,
    /// Every run with this label
    #[arg(long, value_name = "LABEL", conflicts_with = "all")]
    label: Option<String>,
    /// All your runs that live (`spile ps --all` also lists finished ones)
    #[arg(long)]
    all: bool,
    /// The run that was started last; with --label, of those with that label
    #[arg(long, conflicts_with = "all")]
    last: bool,
    /// Then send the agent this prompt as its next turn; if it takes no prompts, nothing is cancelled
    #[arg(long, value_name = "PROMPT")]
    then: Option<String>,
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
    /// A tool has the same input and the same result this many times in a row; numbers and times in results count as the same
    #[arg(long, value_name = "N", value_parser = repeats)]
    on_repeat: Option<u64>,
    /// The answers have more characters: 5000, 20k
    #[arg(long, value_name = "N", value_parser = count)]
    max_text: Option<u64>,
    /// More tokens are used, if the runtime reports them before the end: 5000, 200k, 2M
    #[arg(long, value_name = "N", value_parser = count)]
    max_tokens: Option<u64>,
    /// The turn costs more, if the runtime reports it before the end
    #[arg(long, value_name = "USD", value_parser = dollars)]
    max_cost: Option<f64>,
    #[command(flatten)]
    estimate: EstimateArgs,
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

pub(super) fn run(args: Args) -> Result<Exit> {
    let Args { named, reason, grace, conditions, reading } = args;
    // A limit of 0 never holds, and still makes this a filter.
    let never = conditions.after.or(conditions.when_idle).is_some();
    let mut options = Options {
        after: common::limit(conditions.after),
        when_idle: common::limit(conditions.when_idle),
        pattern: conditions.pattern,
        tools: conditions.on_tool,
        on_repeat: conditions.on_repeat,
        max_text: conditions.max_text,
        max_tokens: conditions.max_tokens,
        max_cost: conditions.max_cost,
        reason: reason.clone(),
        ..Options::default()
    };
    conditions.estimate.add_to(&mut options)?;
    let is_named = named.is_selected() || !named.streams.is_empty();
    match (is_named, options.is_any() || never) {
        (_, true) if named.is_selected() => Err(usage(
            "a condition is for the filter, in a pipe; by name a turn is cancelled at once",
        )),
        (true, false) => named.run(reason, grace),
        (false, false) => Err(usage(
            "say what to cancel: a stream, --label, --last or --all (see `spile ps`); or, as a filter in a pipe, a condition (see --help)",
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
            let clock = conditions.clock;
            let mut filter = CancelFilter::new(options, clock, &reading.reading(), grace);
            run::single_cancel(&mut filter, inputs)
        }
    }
}

impl Named {
    /// True with a selection that a filter does not have.
    fn is_selected(&self) -> bool {
        self.label.is_some() || self.all || self.last
    }

    fn means(&self, info: &Info) -> bool {
        let label = self.label.as_ref();
        label.map_or(self.all || self.last, |l| info.label.as_ref() == Some(l))
    }

    /// Sends requests to the runs, and waits for the ends of their turns, which decide the exit status.
    fn run(self, reason: Option<String>, grace: Duration) -> Result<Exit> {
        if self.then.as_ref().is_some_and(String::is_empty) {
            return Err(usage("the prompt of --then is empty"));
        }
        if self.then.as_ref().is_some_and(|p| p.len() > MAX_PROMPT) {
            return Err(usage("the prompt of --then is too long: 128k at most"));
        }
        let recorded = Recorded::begin(Op::Cancel, None, self.then.as_deref());
        let (found, mut missing) = self.find();
        let (waited, mut exit) = self.end_waiting(&mut missing, grace, &recorded)?;
        if found.is_empty() && waited == 0 {
            run::warn("nothing runs by that name; `spile ps` lists what runs");
            return Ok(if self.all { Exit::Success } else { Exit::Unavailable });
        }
        for stream in &missing {
            run::warn(format_args!("{stream}: nothing runs by that name"));
        }
        let missed = if missing.is_empty() { Exit::Success } else { Exit::Unavailable };
        let requests: Vec<(Found, Request)> = found
            .into_iter()
            .map(|(stream, found)| {
                let cancel = CancelTurn {
                    by: Some("control".into()),
                    reason: reason.clone(),
                    grace_ms: Some(u64::try_from(grace.as_millis()).unwrap_or(u64::MAX)),
                    then: self.then.clone(),
                    turn: None,
                };
                let mut request = Request::to(&found.info, Ask::Cancel(cancel));
                request.stream = Some(stream);
                (found, request)
            })
            .collect();
        ask_all(requests, grace.saturating_add(PATIENCE), &mut |found, answer| {
            let (flow, status) = self.take(&found.info.stream, &answer, &recorded);
            exit = exit.or(status);
            flow
        });
        Ok(exit.or(missed))
    }

    /// Runs that take requests, each with the name of the stream that is meant, and the names of which there is none.
    fn find(&self) -> (Vec<(String, Found)>, Vec<String>) {
        let mut all = if self.is_selected() { find(&|info| self.means(info)) } else { Vec::new() };
        if self.last {
            all.drain(..all.len().saturating_sub(1));
        }
        let mut found: Vec<(String, Found)> =
            all.into_iter().map(|found| (found.info.stream.clone(), found)).collect();
        let mut missing = Vec::new();
        for stream in &self.streams {
            let stream = stream.to_string_lossy();
            let is_label = |info: &Info| info.label.as_deref() == Some(&*stream);
            let runs = find(&|info| is_of(&stream, &info.stream) || is_label(info)).into_iter();
            let (named, of_label): (Vec<Found>, Vec<Found>) =
                runs.partition(|run| is_of(&stream, &run.info.stream));
            if named.is_empty() && of_label.is_empty() {
                missing.push(stream.clone().into_owned());
            }
            if named.is_empty() {
                found.extend(of_label.into_iter().map(|run| (run.info.stream.clone(), run)));
            }
            found.extend(named.into_iter().map(|run| (stream.clone().into_owned(), run)));
        }
        (found, missing)
    }

    /// Ends background runs that wait for their turn, and takes their names out of `missing`. Their number, and the exit status.
    fn end_waiting(
        &self,
        missing: &mut Vec<String>,
        grace: Duration,
        recorded: &Recorded,
    ) -> Result<(usize, Exit)> {
        let is_wide = self.label.is_some() || self.all;
        let wanted = !self.last && (is_wide || !missing.is_empty());
        let state = if wanted { StateFolder::open_if_any()? } else { None };
        let Some(state) = state else {
            return Ok((0, Exit::Success));
        };
        let (mut count, mut exit) = (0, Exit::Success);
        for run in state.list()?.into_iter().filter(|run| run.life == RunLife::Alive) {
            let means =
                |name: &String| is_of(name, &run.stream) || run.info.label.as_ref() == Some(name);
            let is_meant = missing.iter().any(means) || self.all || self.label.iter().any(means);
            let folder = is_meant.then(|| state.run(&run.stream)).transpose()?.flatten();
            let ended = folder.map(|run| run.end_waiting(grace.saturating_add(PATIENCE)));
            if let Some(event) = ended.transpose()?.flatten() {
                missing.retain(|name| !means(name));
                count += 1;
                let answer = Answer::Ended { event, left: Vec::new() };
                exit = exit.or(self.take(&run.stream, &answer, recorded).1);
            }
        }
        Ok((count, exit))
    }

    /// Takes an answer of a run: records it and prints the event.
    fn take(&self, stream: &str, answer: &Answer, recorded: &Recorded) -> (ControlFlow<()>, Exit) {
        let (flow, status) = self.on_answer(stream, answer);
        if flow.is_break() {
            recorded.answered(stream, answer, status);
        }
        let printed = match answer {
            Answer::Ended { event, .. } => run::print(format!("{event}\n").as_bytes()),
            _ => Exit::Success,
        };
        (flow, printed.or(status))
    }

    /// Exit status of an answer; `Continue` if more answers follow.
    fn on_answer(&self, stream: &str, answer: &Answer) -> (ControlFlow<()>, Exit) {
        let warn = |text: &str| run::warn(format_args!("{stream}: {text}"));
        match answer {
            Answer::Redirected => (ControlFlow::Break(()), Exit::Success),
            Answer::Ended { event: line, left } => {
                let cancelled =
                    codec::decode_text(line).is_ok_and(|e| e.kind == Type::TurnCancelled);
                let exit = if !left.is_empty() {
                    warn(&format!(
                        "the turn has ended, but processes cannot be killed and still run: {left:?}"
                    ));
                    Exit::Failed
                } else if cancelled {
                    Exit::Success
                } else {
                    warn("the turn ended otherwise");
                    Exit::Failed
                };
                let more = self.then.is_some();
                (if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }, exit)
            }
            // No turn to cancel is a success.
            Answer::Refused { code, .. } if code == "no_turn" && self.then.is_none() => {
                warn("no turn is open");
                (ControlFlow::Break(()), Exit::Success)
            }
            Answer::Refused { reason, .. } => {
                warn(reason);
                (ControlFlow::Break(()), Exit::Failed)
            }
            Answer::Lost(why) | Answer::Error { reason: why } => {
                warn(why);
                (ControlFlow::Break(()), Exit::Unavailable)
            }
            _ => (ControlFlow::Continue(()), Exit::Success),
        }
    }
}
