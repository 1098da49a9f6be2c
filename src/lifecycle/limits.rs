//! Time limits of a run.

use std::time::Duration;

use signal_hook::consts::SIGINT;

use super::{Action, Lifecycle, Phase};
use crate::time::Time;

/// Longest drain of the pipes after the exit.
pub const DRAIN_MOST: Duration = Duration::from_secs(5);

/// Time limits; `None` is unlimited.
#[derive(Debug, Clone)]
pub struct Limits {
    pub grace: Duration,
    /// Silence of the pipes after the exit before they are closed, [`DRAIN_MOST`] at most.
    pub drain: Duration,
    pub after_result: Duration,
    pub total: Option<Duration>,
    pub idle: Option<Duration>,
    /// From the start to the first byte, in place of `idle`.
    pub first_output: Option<Duration>,
    pub tool: Option<Duration>,
}

impl Lifecycle {
    pub(super) fn check_limits(&mut self, now: Time) {
        let due = |at: Option<Time>, now: Time| at.is_some_and(|at| at <= now);
        let seen = self.view.behind.unwrap_or(now);
        let silence = self.silence().filter(|(at, ..)| *at <= now);
        let (code, message) = if due(self.total(), now) {
            let limit = self.limits.total.unwrap_or_default();
            ("timeout_total", format!("the run took longer than {limit:?} (--timeout)"))
        } else if let Some((_, code, message)) = silence {
            (code, message)
        } else if due(self.tool_limit(), seen) {
            let limit = self.limits.tool.unwrap_or_default();
            ("timeout_tool", format!("a tool ran for longer than {limit:?} (--tool-timeout)"))
        } else {
            if due(self.after_result(), seen) {
                self.start_escalation(now, SIGINT);
            }
            return;
        };
        self.actions.push_back(Action::Fail(code, message));
        self.start_escalation(now, SIGINT);
    }

    pub(super) fn total(&self) -> Option<Time> {
        self.limits.total.map(|limit| self.spawned + limit)
    }

    /// Deadline of the silence, with the code and message of its failure.
    pub(super) fn silence(&self) -> Option<(Time, &'static str, String)> {
        if self.held {
            return None;
        }
        match (self.first_output, self.limits.first_output) {
            (None, Some(limit)) => {
                let message = format!("no output within {limit:?} (--first-output-timeout)");
                Some((self.spawned + limit, "timeout_first_output", message))
            }
            _ if matches!(self.view.phase, Phase::Between | Phase::Done) => None,
            _ => self.limits.idle.map(|limit| {
                let message = format!("no output for {limit:?} (--idle-timeout)");
                (self.last_output + limit, "timeout_idle", message)
            }),
        }
    }

    pub(super) fn tool_limit(&self) -> Option<Time> {
        Some(self.view.tool_since? + self.limits.tool?)
    }

    pub(super) fn after_result(&self) -> Option<Time> {
        Some(self.done_since? + self.limits.after_result)
    }

    pub(super) fn drained_at(&self) -> Time {
        if !self.pipes_open {
            return self.drain_from;
        }
        let quiet = self.last_output.max(self.drain_from) + self.limits.drain;
        quiet.min(self.drain_from + DRAIN_MOST)
    }
}
