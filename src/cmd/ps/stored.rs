//! Background runs of the state directory in `spile ps --all`, and the names that shells complete.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use super::{Queried, State, doing};
use crate::cmd::common::{cell, clean, columns};
use crate::codec::to_json;
use crate::event::Usage;
use crate::named::Named;
use crate::run::control::Info;
use crate::run::state::{RunLife, StateFolder, StoredRun};
use crate::runs::info::RunExit;
use crate::term::marks::without_commands;
use crate::time::Time;

/// Largest number of runs whose names a shell is offered.
const MAX_NAMES: usize = 500;

/// Runs in the state directory: those that live, then the finished ones, the last ended first.
pub(super) fn list() -> Result<Vec<StoredRun>> {
    let Some(state) = StateFolder::open_if_any()? else { return Ok(Vec::new()) };
    let mut runs = state.list()?;
    runs.sort_by_key(|run| (run.life == RunLife::Over, std::cmp::Reverse(run.ended)));
    Ok(runs)
}

/// Streams of the runs that live.
pub(super) fn alive(runs: &[StoredRun]) -> Vec<String> {
    let alive = runs.iter().filter(|run| run.life == RunLife::Alive);
    alive.map(|run| run.stream.clone()).collect()
}

/// Drops the runs that answer at their socket.
pub(super) fn beside(live: &[Queried], mut runs: Vec<StoredRun>) -> Vec<StoredRun> {
    let live: HashSet<&str> = live.iter().map(|(info, _)| info.stream.as_str()).collect();
    runs.retain(|run| run.life == RunLife::Over || !live.contains(run.stream.as_str()));
    runs
}

/// Streams and labels, a run a line, with a tab between them.
pub(super) fn names(live: &[Info], runs: &[StoredRun]) -> String {
    let live = live.iter().map(|info| (&info.stream, &info.label));
    let stored = runs.iter().map(|run| (&run.stream, &run.info.label));
    let (mut text, mut known) = (String::new(), HashSet::new());
    for (stream, label) in
        live.chain(stored).filter(|(stream, _)| known.insert(*stream)).take(MAX_NAMES)
    {
        // A label that could end the line or control the terminal is not offered.
        let label = label.as_deref().filter(|label| clean(label) == *label).unwrap_or_default();
        text.push_str(&format!("{stream}\t{label}\n"));
    }
    text
}

/// One object a run.
pub(super) fn lines(runs: &[StoredRun]) -> String {
    let mut text = String::new();
    for run in runs {
        text.push_str(&to_json(&Line::of(run)));
        text.push('\n');
    }
    text
}

/// Table of all runs.
pub(super) fn table(live: &[Queried], runs: &[StoredRun], now: Time) -> String {
    let head = ["STREAM", "LABEL", "STATE", "TURNS", "AGE", "COST", "COMMAND"].map(str::to_owned);
    let live = live.iter().map(|(info, state)| live_row(info, State::of(state.as_ref()), now));
    let stored = runs.iter().map(|run| row(run, now));
    without_commands(&columns(&std::iter::once(head).chain(live).chain(stored).collect::<Vec<_>>()))
}

fn live_row(info: &Info, state: Option<State>, now: Time) -> [String; 7] {
    let started = Time::parse(&info.started).unwrap_or(now);
    [
        cell(&info.stream),
        cell(info.label.as_deref().unwrap_or("-")),
        cell(&doing(state.as_ref())),
        state.map_or("-".into(), |state| state.turn.to_string()),
        age(now.since(started)),
        "-".into(),
        clean(&info.argv.join(" ")),
    ]
}

fn row(run: &StoredRun, now: Time) -> [String; 7] {
    let since = match run.life {
        RunLife::Alive => Time::parse(&run.info.started).unwrap_or(now),
        RunLife::Over => run.ended,
    };
    [
        cell(&run.stream),
        cell(run.info.label.as_deref().unwrap_or("-")),
        run.summary.state.name().into(),
        run.summary.turns.to_string(),
        age(now.since(since)),
        run.summary.cost_usd.map_or("-".into(), |cost| format!("${cost:.2}")),
        clean(&run.info.argv.join(" ")),
    ]
}

/// A duration in its largest unit.
fn age(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds}s"),
        seconds @ 120..7200 => format!("{}m", seconds / 60),
        seconds @ 7200..172_800 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// A run as an object.
#[derive(Serialize)]
struct Line<'a> {
    stream: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<&'a str>,
    argv: &'a [String],
    cwd: &'a str,
    by: &'a str,
    started: &'a str,
    state: &'static str,
    turns: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_usd: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'a str>,
    /// Only of a run that is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<RunExit>,
}

impl<'a> Line<'a> {
    fn of(run: &'a StoredRun) -> Self {
        let StoredRun { stream, life, info, summary, ended } = run;
        Self {
            stream,
            label: info.label.as_deref(),
            agent: info.agent.as_deref(),
            argv: &info.argv,
            cwd: &info.cwd,
            by: &info.by,
            started: &info.started,
            state: summary.state.name(),
            turns: summary.turns,
            error: summary.error.as_deref(),
            usage: summary.usage,
            cost_usd: summary.cost_usd,
            session: summary.session.as_deref(),
            ended: (*life == RunLife::Over).then(|| ended.to_string()),
            exit: summary.exit,
        }
    }
}
