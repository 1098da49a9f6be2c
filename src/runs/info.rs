//! Files beside the events of a run: `run.json`, written once by the starter, and `summary.json`, a pure fold over the events.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::first::{FirstStream, session_of};
use crate::codec::Fields;
use crate::event::{Event, Type, Usage};
use crate::exit::Exit;
use crate::named::Named;
use crate::outcome::{Outcome, failure_code};

pub use super::first::RunExit;

/// Limit of the changed files in a summary; further ones are counted.
const MAX_FILES: usize = 1000;

/// Content of `run.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunInfo {
    /// Run token, in the environment of the run's processes.
    pub control: String,
    /// Command line of the agent without the prompt, and without secrets.
    pub argv: Vec<String>,
    /// Working directory of the agent.
    pub cwd: String,
    /// Name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Name of the agent's definition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// SHA-256 of the prompt, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_sha256: Option<String>,
    /// The prompt itself, with `--log-prompt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// References of the context texts, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<String>,
    /// Id of the conversation that this run belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// Stream of the run whose session this one resumes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumes: Option<String>,
    /// Stream of the run whose agent started this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// SHA-256 of the request that started it, in hexadecimal, if that may be repeated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Interface by which it was started, as `mode` in the history: `cli`, `chat`, `direct`, `runs`, `mcp`, `acp`, `rpc` or
    /// `openai`.
    pub by: String,
    /// Time of the start, as in `ts`.
    pub started: String,
    /// Version of spile.
    pub version: String,
    /// Limits of wrap by the name of their option, as they were given.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, String>,
}

/// State of a run by its events. A run whose wrap has died is only known to be over once its file is closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The agent runs, or waits for its turn with `--once`, and no turn has begun.
    #[default]
    Starting,
    /// A turn is open.
    Running,
    /// The agent lives between two turns.
    Waiting,
    /// The run is over; the last turn of every stream completed.
    Completed,
    /// The run is over, and a last turn failed.
    Failed,
    /// The run is over, and a last turn was cancelled.
    Cancelled,
}

/// Content of `summary.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// State after the last event.
    pub state: State,
    /// Number of turns that have begun, in all streams.
    pub turns: u64,
    /// Code of the last failure, if no turn began after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Tokens of all turns that have ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Cost of these turns in US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Files that these turns changed, each once, in order of first appearance; at most 1,000.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Number of further files; one that several turns changed may count several times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files_more: Option<u64>,
    /// Last id of the runtime's conversation in the first stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// `ts` of the last numbered event of the first stream.
    pub ts: String,
    /// End of the agent, once wrap or a closer has reported it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<RunExit>,
    /// Length of the event file up to which the events are counted, in bytes; set by the writer of the summary.
    pub bytes: u64,
}

/// Fold over the events of a file, from the first on, that makes its summary.
#[derive(Debug, Default)]
pub struct SummaryFold {
    summary: Summary,
    pub(super) first: FirstStream,
    outcome: Outcome,
    /// Turns that are open, in all streams.
    open: u64,
}

impl Named for State {
    const ALL: &'static [(&'static str, &'static str, Self)] = &[
        ("starting", "no turn has begun", State::Starting),
        ("running", "a turn is open", State::Running),
        ("waiting", "between two turns", State::Waiting),
        ("completed", "over; the last turn completed", State::Completed),
        ("failed", "over; the last turn failed", State::Failed),
        ("cancelled", "over; the last turn was cancelled", State::Cancelled),
    ];
}

impl State {
    /// True if no further event follows.
    pub fn is_over(self) -> bool {
        matches!(self, State::Completed | State::Failed | State::Cancelled)
    }
}

impl SummaryFold {
    /// Takes the next event of the file.
    pub fn on_event(&mut self, event: &Event<'_>) {
        self.first.on_event(event);
        if event.seq.is_none() {
            return;
        }
        self.outcome.on_event(event);
        let summary = &mut self.summary;
        match event.kind {
            Type::TurnStarted => {
                summary.turns += 1;
                summary.error = None;
                self.open += 1;
            }
            kind if kind.is_terminal() => {
                summary.end_turn(event);
                self.open = self.open.saturating_sub(1);
            }
            _ => {}
        }
        if event.stream.as_deref() == Some(&self.first.id) {
            summary.session = session_of(event).or(summary.session.take());
            summary.ts.clone_from(&self.first.ts);
            summary.exit = self.first.exit;
        }
        self.summary.state = self.state();
    }

    /// Summary of the events so far.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Exit status of spile for the events so far.
    pub fn exit(&self) -> Exit {
        self.outcome.exit()
    }

    /// Ends the fold; `bytes` is the length of the file.
    pub fn finish(self, bytes: u64) -> Summary {
        Summary { bytes, ..self.summary }
    }

    fn state(&self) -> State {
        let is_over = self.first.is_over();
        match self.outcome.exit() {
            _ if self.open > 0 => State::Running,
            _ if self.summary.turns == 0 && !is_over => State::Starting,
            _ if !is_over => State::Waiting,
            Exit::Success => State::Completed,
            Exit::Cancelled => State::Cancelled,
            _ => State::Failed,
        }
    }
}

impl Summary {
    /// Adds the counts of a terminal event.
    fn end_turn(&mut self, event: &Event<'_>) {
        self.error = failure_code(event).map(Cow::into_owned);
        let Ok(fields) = Fields::parse(event.line) else { return };
        if let Some(usage) = fields.read_as::<Usage>("usage") {
            self.usage = Some(self.usage.unwrap_or_default().merge(usage, sum));
        }
        if let Some(cost) = fields.number("cost_usd") {
            self.cost_usd = Some(self.cost_usd.unwrap_or_default() + cost);
        }
        let mut more = fields.count("files_more").unwrap_or_default();
        for path in fields.texts("files") {
            if self.files.iter().any(|known| *known == path) {
                continue;
            }
            if self.files.len() < MAX_FILES {
                self.files.push(path.into_owned());
            } else {
                more += 1;
            }
        }
        if more > 0 {
            self.files_more = Some(self.files_more.unwrap_or_default().saturating_add(more));
        }
    }
}

/// Sum of two counts, of which either may be unknown.
fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (known, None) | (None, known) => known,
    }
}
