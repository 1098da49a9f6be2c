//! Operations of the command line, recorded in the history of the state directory.

use crate::codec;
use crate::event::Type;
use crate::exit::Exit;
use crate::run::control::Answer;
use crate::run::operation::Begun;
use crate::run::state::StateFolder;
use crate::runs::history::{Mode, Op, Operation};

/// An operation that has begun.
#[derive(Debug)]
pub(super) struct Recorded {
    begun: Begun,
    /// Word for [`Answer::Permitted`].
    permitted: &'static str,
}

impl Recorded {
    /// Begins an operation, by this name or by the user. Of a text only its digest is kept.
    pub(super) fn begin(op: Op, by: Option<&str>, text: Option<&str>) -> Self {
        let by = by.map_or_else(user, str::to_owned);
        Self { begun: Begun::now(op, Mode::Cli, by, text), permitted: "answered" }
    }

    /// Sets the outcome of a question that is answered.
    pub(super) fn permitted(self, permitted: &'static str) -> Self {
        Self { permitted, ..self }
    }

    /// The operation as it ended for one run.
    pub(super) fn ended(&self, run: &str, outcome: &str, exit: Exit) -> Operation {
        Operation { status: Some(exit.code().into()), ..self.begun.ended(run, outcome) }
    }

    /// Records the answer of a run. Without a state directory nothing is recorded, and a failure is reported only.
    pub(super) fn answered(&self, run: &str, answer: &Answer, exit: Exit) {
        if let Ok(state) = StateFolder::open() {
            state.note(&self.ended(run, self.outcome(answer), exit));
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

/// Login name of the user, or the number.
pub(super) fn user() -> String {
    let named = ["USER", "LOGNAME"].into_iter().filter_map(std::env::var_os);
    let name = named.map(|name| name.to_string_lossy().into_owned()).find(|name| !name.is_empty());
    name.unwrap_or_else(|| rustix::process::getuid().as_raw().to_string())
}
