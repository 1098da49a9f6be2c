//! `spile ps`.

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::Result;
use serde::Deserialize;
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use super::common;
use crate::exit::Exit;
use crate::run;
use crate::run::control::{Answer, Ask, Info, Request, ask_all, find};
use crate::term::marks::without_commands;
use crate::term::sanitize::Sanitizer;

/// Timeout of a run's answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Widest cell of the table except the last, in columns.
const MAX_CELL: usize = 40;

/// List the agents that run under `spile wrap`
///
/// A row for each of your runs whose wrap started a command: stream, label, process ids of wrap and agent, turn, state, length of
/// the silence, memory and command. Sockets of killed runs are removed.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Write one JSON object a line instead of the table
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "Examples:
  spile ps
  spile ps --json | jq -r 'select(.idle_ms > 60000).stream' \\
    | xargs -r -n1 spile cancel";

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
    let mut runs: Vec<(Info, Option<Value>)> = Vec::new();
    let found = find(&|_| true);
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
    let text = if args.json { lines(&runs) } else { without_commands(&table(&runs)) };
    Ok(run::print(text.as_bytes()))
}

/// One object a run: the information beside its socket, and its answer.
fn lines(runs: &[(Info, Option<Value>)]) -> String {
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

fn table(runs: &[(Info, Option<Value>)]) -> String {
    let head = ["STREAM", "LABEL", "PID", "AGENT", "TURN", "STATE", "IDLE", "MEMORY", "COMMAND"];
    let rows = runs.iter().map(|(info, state)| row(info, state.as_ref()));
    common::columns(&std::iter::once(head.map(str::to_owned)).chain(rows).collect::<Vec<_>>())
}

fn row(info: &Info, state: Option<&Value>) -> [String; 9] {
    let answers = state.is_some();
    let state = state.and_then(|s| State::deserialize(s).ok());
    let state = state.unwrap_or_default();
    let tool = state.tools.last().and_then(|t| t.get("name")?.as_str());
    let doing = match (answers, state.open, tool) {
        (false, ..) => "no answer".into(),
        (_, true, Some(tool)) => format!("tool {tool}"),
        (_, true, None) => "turn".into(),
        (_, false, _) if state.turn == 0 => "starting".into(),
        _ => "between turns".into(),
    };
    let known = |text: String| if answers { text } else { "-".into() };
    let memory = state.rss.map_or("-".into(), |b| format!("{}M", b >> 20));
    [
        cell(&info.stream),
        cell(info.label.as_deref().unwrap_or("-")),
        info.pid.to_string(),
        info.child.to_string(),
        known(state.turn.to_string()),
        cell(&doing),
        known(format!("{:.1?}", Duration::from_millis(state.idle_ms))),
        known(memory),
        clean(&info.argv.join(" ")),
    ]
}

fn cell(text: &str) -> String {
    let text = clean(text);
    if text.width() <= MAX_CELL {
        return text;
    }
    let mut short: String = text.chars().take(MAX_CELL - 1).collect();
    short.push('…');
    short
}

/// Foreign text on one line, without control sequences.
fn clean(text: &str) -> String {
    let mut out = String::new();
    Sanitizer::default().push(&text.replace(['\n', '\t', '\r'], " "), &mut out);
    out
}
