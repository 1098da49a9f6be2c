//! `spile ps`.

mod stored;

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::Result;
use serde::Deserialize;
use serde_json::{Value, json};

use super::common::{self, cell, clean};
use crate::exit::Exit;
use crate::run::control::{Answer, Ask, Found, Info, Request, ask_all, find, find_among};
use crate::run::{self, Clock};
use crate::term::marks::without_commands;

/// Timeout of a run's answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// List the agents that run under `spile wrap`
///
/// A row for each of your runs whose wrap started a command: stream, label, process ids of wrap and agent, turn, state, length of
/// the silence, memory and command. Sockets of killed runs are removed.
///
/// With --all finished background runs follow, the last ended first: stream, label, state, turns, age, cost and command. The age
/// counts from the start of a run that lives, and from the end of a finished one.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Write one JSON object a line instead of the table
    #[arg(long)]
    json: bool,
    /// List finished background runs too, until `spile prune` removes them (`spile cancel --all` is for runs that live)
    #[arg(long)]
    all: bool,
    /// Print streams and labels for the completion of a shell
    #[arg(long, hide = true)]
    names: bool,
}

const EXAMPLES: &str = "Examples:
  spile ps
  spile ps --all --json | jq -r 'select(.state == \"failed\").stream'
  spile ps --json | jq -r 'select(.idle_ms > 60000).stream' \\
    | xargs -r -n1 spile cancel";

/// A run that lives, and its answer.
type Queried = (Info, Option<Value>);

/// Answer of a run.
#[derive(Debug, Default, Deserialize)]
struct State {
    turn: u64,
    open: bool,
    #[serde(default)]
    tools: Vec<Value>,
    idle_ms: u64,
    rss: Option<u64>,
}

pub(super) fn run(args: Args) -> Result<Exit> {
    let stored = match args.all.then(stored::list) {
        // A shell that completes a word shows no error.
        Some(Err(_)) if args.names => Vec::new(),
        stored => stored.transpose()?.unwrap_or_default(),
    };
    let found = match args.all {
        true => find_among(stored::alive(&stored)),
        false => find(&|_| true),
    };
    if args.names {
        let live: Vec<Info> = found.into_iter().map(|found| found.info).collect();
        return Ok(run::print(stored::names(&live, &stored).as_bytes()));
    }
    let live = ask(found);
    let stored = stored::beside(&live, stored);
    let text = match (args.json, args.all) {
        (true, _) => lines(&live) + &stored::lines(&stored),
        (false, true) => stored::table(&live, &stored, Clock::start().now()),
        (false, false) => without_commands(&table(&live)),
    };
    Ok(run::print(text.as_bytes()))
}

/// The runs that live, with their answers.
fn ask(found: Vec<Found>) -> Vec<Queried> {
    let mut runs: Vec<Queried> = Vec::new();
    let queries = found
        .into_iter()
        .map(|found| {
            runs.push((found.info.clone(), None));
            (found, Request::new(Ask::Query))
        })
        .collect();
    ask_all(queries, ANSWER_WITHIN, &mut |found, answer| {
        if let Answer::State(answer) = answer
            && let Some((_, state)) = runs.iter_mut().find(|(i, _)| i.control == found.info.control)
        {
            *state = Some(answer);
        }
        ControlFlow::Break(())
    });
    runs
}

/// One object a run: the information beside its socket, and its answer.
fn lines(runs: &[Queried]) -> String {
    let mut text = String::new();
    for (info, state) in runs {
        let mut all = serde_json::to_value(info).unwrap_or_default();
        all["answers"] = json!(state.is_some());
        let answer = state.as_ref().and_then(Value::as_object);
        for (key, value) in answer.into_iter().flatten() {
            all[key] = value.clone();
        }
        text.push_str(&all.to_string());
        text.push('\n');
    }
    text
}

fn table(runs: &[Queried]) -> String {
    let head = ["STREAM", "LABEL", "PID", "AGENT", "TURN", "STATE", "IDLE", "MEMORY", "COMMAND"];
    let rows = runs.iter().map(|(info, state)| row(info, state.as_ref()));
    common::columns(&std::iter::once(head.map(str::to_owned)).chain(rows).collect::<Vec<_>>())
}

fn row(info: &Info, state: Option<&Value>) -> [String; 9] {
    let state = State::of(state);
    let doing = doing(state.as_ref());
    let known = |text: &dyn Fn(&State) -> String| state.as_ref().map_or("-".into(), text);
    let memory = state.as_ref().and_then(|state| state.rss);
    [
        cell(&info.stream),
        cell(info.label.as_deref().unwrap_or("-")),
        info.pid.to_string(),
        info.child.to_string(),
        known(&|state| state.turn.to_string()),
        cell(&doing),
        known(&|state| format!("{:.1?}", Duration::from_millis(state.idle_ms))),
        memory.map_or("-".into(), |bytes| format!("{}M", bytes >> 20)),
        clean(&info.argv.join(" ")),
    ]
}

/// State of a run in a few words.
fn doing(state: Option<&State>) -> String {
    let tool = state.and_then(|state| state.tools.last()?.get("name")?.as_str());
    match (state, tool) {
        (None, _) => "no answer".into(),
        (Some(State { open: true, .. }), Some(tool)) => format!("tool {tool}"),
        (Some(State { open: true, .. }), None) => "turn".into(),
        (Some(State { turn: 0, .. }), _) => "starting".into(),
        _ => "between turns".into(),
    }
}

impl State {
    fn of(answer: Option<&Value>) -> Option<Self> {
        answer.map(|answer| Self::deserialize(answer).unwrap_or_default())
    }
}
