//! `spile cancel` by name: sends requests to the runs, and waits for the ends of their turns, which decide the exit status.

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::Result;
use clap::ValueHint;

use crate::cmd::usage;
use crate::codec;
use crate::event::Type;
use crate::exit::Exit;
use crate::run;
use crate::run::control::{Answer, Found, Info, Request, Verb, ask_all, find};

/// Wait beyond the grace of a run, for its last output.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest prompt, in bytes.
const MAX_PROMPT: usize = 128 << 10;

/// Selection of runs.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "By name")]
pub(super) struct Named {
    /// Streams whose turn to cancel; see `spile ps`. As a filter: files to read, - is stdin
    #[arg(value_name = "STREAM|FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["label", "all"])]
    pub(super) streams: Vec<OsString>,
    /// Every run with this label
    #[arg(long, value_name = "LABEL", conflicts_with = "all")]
    label: Option<String>,
    /// All your runs
    #[arg(long)]
    all: bool,
    /// Then send the agent this prompt as its next turn; if it takes no prompts, nothing is cancelled
    #[arg(long, value_name = "PROMPT")]
    pub(super) then: Option<String>,
}

impl Named {
    /// True with a selection that a filter does not have.
    pub(super) fn is_selected(&self) -> bool {
        self.label.is_some() || self.all
    }

    fn means(&self, info: &Info) -> bool {
        let label = self.label.as_ref();
        self.all
            || self.streams.iter().any(|s| *s == *info.stream)
            || label.is_some_and(|l| info.label.as_ref() == Some(l))
    }

    pub(super) fn run(self, reason: Option<String>, grace: Duration) -> Result<Exit> {
        if self.then.as_ref().is_some_and(|p| p.len() > MAX_PROMPT) {
            return Err(usage("the prompt of --then is too long: 128k at most"));
        }
        let found = find(&|info| self.means(info));
        if found.is_empty() {
            run::warn("nothing runs by that name; `spile ps` lists what runs");
            return Ok(if self.all { Exit::Success } else { Exit::Unavailable });
        }
        let requests: Vec<(Found, Request)> = found
            .into_iter()
            .map(|found| {
                let mut request = Request::new(Verb::Cancel);
                request.stream = Some(found.info.stream.clone());
                request.control = Some(found.info.control.clone());
                request.by = Some("control".into());
                request.reason.clone_from(&reason);
                request.grace_ms = Some(u64::try_from(grace.as_millis()).unwrap_or(u64::MAX));
                request.then.clone_from(&self.then);
                (found, request)
            })
            .collect();
        let (mut exit, mut printed) = (Exit::Success, Exit::Success);
        ask_all(requests, grace.saturating_add(PATIENCE), &mut |found, answer| {
            let (flow, status) = self.on_answer(&found.info.stream, &answer);
            exit = exit.or(status);
            if let Answer::Ended(line, _) = answer {
                printed = printed.or(run::print(format!("{line}\n").as_bytes()));
            }
            flow
        });
        Ok(printed.or(exit))
    }

    /// Exit status of an answer; `Continue` if more answers follow.
    fn on_answer(&self, stream: &str, answer: &Answer) -> (ControlFlow<()>, Exit) {
        let warn = |text: &str| run::warn(format_args!("{stream}: {text}"));
        match answer {
            Answer::Accepted | Answer::State(_) => (ControlFlow::Continue(()), Exit::Success),
            Answer::Redirected => (ControlFlow::Break(()), Exit::Success),
            Answer::Ended(line, left) => {
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
            Answer::Refused(code, _) if code == "no_turn" && self.then.is_none() => {
                warn("no turn is open");
                (ControlFlow::Break(()), Exit::Success)
            }
            Answer::Refused(_, why) => {
                warn(why);
                (ControlFlow::Break(()), Exit::Failed)
            }
            Answer::Lost(why) => {
                warn(why);
                (ControlFlow::Break(()), Exit::Unavailable)
            }
        }
    }
}
