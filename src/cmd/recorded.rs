//! Operations of the command line, recorded in the history of the state directory.

use crate::codec;
use crate::event::Type;
use crate::exit::Exit;
use crate::run::control::Answer;
use crate::run::state::StateFolder;
use crate::run::{self, Clock};
use crate::runs::history::{Mode, Op, Operation, digest};
use crate::time::Time;

/// An operation that has begun.
#[derive(Debug)]
pub(super) struct Recorded {
    clock: Clock,
    began: Time,
    op: Op,
    by: String,
    prompt_sha256: Option<String>,
    /// Word for [`Answer::Permitted`].
    permitted: &'static str,
}

impl Recorded {
    /// Begins an operation, by the user. Of a text only its digest is kept.
    pub(super) fn begin(op: Op, text: Option<&str>) -> Self {
        let clock = Clock::start();
        let (began, prompt_sha256) = (clock.now(), text.map(digest));
        Self { clock, began, op, by: user(), prompt_sha256, permitted: "answered" }
    }

    /// Sets the name that the user gave.
    pub(super) fn by(self, name: Option<&str>) -> Self {
        Self { by: name.map_or(self.by, str::to_owned), ..self }
    }

    /// Sets the outcome of a question that is answered.
    pub(super) fn permitted(self, permitted: &'static str) -> Self {
        Self { permitted, ..self }
    }

    /// The operation without its result.
    pub(super) fn begun(&self, run: &str) -> Operation {
        let mut operation = Operation::new(self.began, self.op, Mode::Cli, self.by.clone());
        operation.run = Some(run.to_owned());
        operation.prompt_sha256.clone_from(&self.prompt_sha256);
        operation
    }

    /// The operation as it ended for one run.
    pub(super) fn ended(&self, run: &str, outcome: &str, exit: Exit) -> Operation {
        let now = self.clock.now();
        Operation {
            ts: now.to_string(),
            outcome: Some(outcome.to_owned()),
            status: Some(exit.code().into()),
            duration_ms: u64::try_from(now.since(self.began).as_millis()).ok(),
            ..self.begun(run)
        }
    }

    /// Records the answer of a run. Without a state directory nothing is recorded, and a failure is reported only.
    pub(super) fn answered(&self, run: &str, answer: &Answer, exit: Exit) {
        if let Ok(state) = StateFolder::open() {
            record(&state, &self.ended(run, self.outcome(answer), exit));
        }
    }

    /// Answer of a run in a word; that of an end says how the turn ended.
    fn outcome<'a>(&self, answer: &'a Answer) -> &'a str {
        match answer {
            Answer::Ended { left, .. } if !left.is_empty() => "not_killed",
            Answer::Ended { event, .. } => {
                match codec::decode_text(event).map(|event| event.kind) {
                    Ok(Type::TurnCancelled) => "cancelled",
                    Ok(Type::TurnFailed) => "failed",
                    _ => "completed",
                }
            }
            Answer::Permitted => self.permitted,
            Answer::Refused { code, .. } => code,
            other => other.word(),
        }
    }
}

/// Appends an operation; a failure is reported only.
pub(super) fn record(state: &StateFolder, operation: &Operation) {
    if let Err(e) = state.record(operation) {
        run::warn(format_args!("the operation is not in the history: {e:#}"));
    }
}

/// Login name of the user, or the number.
fn user() -> String {
    let named = ["USER", "LOGNAME"].into_iter().filter_map(std::env::var_os);
    let name = named.map(|name| name.to_string_lossy().into_owned()).find(|name| !name.is_empty());
    name.unwrap_or_else(|| rustix::process::getuid().as_raw().to_string())
}
