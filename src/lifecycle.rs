//! State machine of one supervised process: events go in, deadlines and actions come out. Pure.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::time::Time;

/// Signals within this time of the first count as one stop, and so does a reader that closes beside a signal.
pub const ONE_STOP: Duration = Duration::from_secs(1);

/// Longest drain of the pipes after the exit.
pub const DRAIN_MOST: Duration = Duration::from_secs(5);

/// Time limits; `None` is unlimited.
#[derive(Debug, Clone, Default)]
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EscalationStep {
    /// Interrupt of the runtime's protocol: the turn ends and the agent may continue.
    Interrupt,
    /// ^C typed at the agent's terminal.
    Key,
    /// A signal to the agent's process group.
    Signal(i32),
    /// SIGKILL to every descendant, including those that left the group.
    Tree,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// A signal to spile. It is passed on first; one after [`ONE_STOP`] kills the tree.
    Signal(i32),
    /// A cancel request; a repeated one escalates at once, unless a signal has just arrived.
    Cancel(Cancel),
    /// The reader of the events has gone.
    ReaderGone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cancel {
    /// True if the runtime has an interrupt: then that is the first step, and a turn that it ends ends the escalation.
    pub interrupt: bool,
    /// Time until everything is killed, shared by the steps before the last. `None`: each step has the whole grace.
    pub within: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    #[default]
    Starting,
    InTurn,
    /// A turn is over; another may follow.
    Between,
    /// The result is complete and no turn can follow: the process should exit.
    Done,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct View {
    pub phase: Phase,
    pub ended: u64,
    /// Start of the oldest open tool.
    pub tool_since: Option<Time>,
    /// Time up to which the adapter has read while the reader is slow; `None`: everything.
    pub behind: Option<Time>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Escalation(EscalationStep),
    /// Fail the open turn with this `error.code` and message.
    Fail(&'static str, String),
    /// Close the agent's pipes although a process still holds them.
    ClosePipes,
    /// Kill the rest: the agent has exited and its output is read.
    Finish,
}

#[derive(Debug, Default)]
pub struct Lifecycle {
    limits: Limits,
    /// True if the agent has a terminal of ours: ^C is typed before an interrupt is sent.
    pub has_terminal: bool,
    spawned: Time,
    first_output: Option<Time>,
    last_output: Time,
    view: View,
    done_since: Option<Time>,
    held: bool,
    escalation: Option<Escalation>,
    /// True if a step has ended the agent.
    pub killed: bool,
    exited: Option<Time>,
    /// Start of the drain: the exit, or a later resumption of reading.
    drain_from: Time,
    pipes_open: bool,
    /// True once [`Action::Finish`] was given.
    pub finished: bool,
    actions: VecDeque<Action>,
}

#[derive(Debug)]
struct Escalation {
    rest: VecDeque<EscalationStep>,
    next: Time,
    step: Duration,
    /// Set while only the runtime's interrupt was sent: turns ended before it.
    interrupted: Option<u64>,
    /// Start of the escalation, or of a signal.
    since: Time,
    signalled: bool,
}

impl Lifecycle {
    pub fn new(now: Time, limits: Limits) -> Self {
        Self {
            limits,
            spawned: now,
            last_output: now,
            drain_from: now,
            pipes_open: true,
            ..Self::default()
        }
    }

    pub fn output(&mut self, now: Time) {
        self.first_output.get_or_insert(now);
        self.last_output = now;
    }

    pub fn seen(&mut self, now: Time, view: View) {
        let at = view.behind.unwrap_or(now);
        self.done_since = match view.phase {
            Phase::Done => self.done_since.or(Some(at)),
            _ => None,
        };
        self.view = view;
        // The interrupted turn is over: the agent has obeyed.
        let obeyed = |escalation: &Escalation| {
            escalation.interrupted.is_some_and(|before| view.ended > before)
        };
        if self.escalation.as_ref().is_some_and(obeyed) {
            self.escalation = None;
        }
    }

    /// Pauses the limits while output is not read.
    pub fn hold(&mut self) {
        self.held = true;
    }

    pub fn release(&mut self, now: Time) {
        if self.held {
            self.held = false;
            self.last_output = now;
            self.drain_from = now;
        }
    }

    pub fn exited(&mut self, now: Time) {
        if self.exited.is_none() {
            self.exited = Some(now);
            self.drain_from = now;
            self.escalation = None;
        }
        self.tick(now);
    }

    pub fn pipes_closed(&mut self, now: Time) {
        self.pipes_open = false;
        self.tick(now);
    }

    pub fn stop(&mut self, now: Time, stop: Stop) {
        if self.exited.is_some() {
            return;
        }
        match (&mut self.escalation, stop) {
            (None, Stop::Cancel(cancel)) => self.start_cancel(now, cancel),
            (Some(escalation), stop) if escalation.interrupted.is_none() => {
                escalation.again(now, stop);
            }
            (Some(escalation), Stop::Cancel(_)) => escalation.next = now,
            // An agent that was only interrupted would continue: a stop of the run starts over.
            (_, Stop::Signal(signal)) => self.start_escalation(now, signal),
            (_, Stop::ReaderGone) => self.start_escalation(now, SIGINT),
        }
        if let (Some(escalation), Stop::Signal(_)) = (&mut self.escalation, stop) {
            escalation.signalled = true;
        }
        self.tick(now);
    }

    /// Advances time. Spurious calls are harmless.
    pub fn tick(&mut self, now: Time) {
        if self.finished {
            return;
        }
        if self.exited.is_some() {
            if !self.held && self.drained_at() <= now {
                if self.pipes_open {
                    self.actions.push_back(Action::ClosePipes);
                }
                self.finished = true;
                self.actions.push_back(Action::Finish);
            }
            return;
        }
        if self.escalation.is_none() {
            self.check_limits(now);
        }
        if let Some(escalation) = &mut self.escalation
            && escalation.next <= now
            && let Some(step) = escalation.rest.pop_front()
        {
            escalation.next = now + escalation.step;
            if step == EscalationStep::Interrupt {
                escalation.interrupted = Some(self.view.ended);
            } else {
                escalation.interrupted = None;
                self.killed = true;
            }
            self.actions.push_back(Action::Escalation(step));
        }
    }

    pub fn deadline(&self) -> Option<Time> {
        if self.finished {
            return None;
        }
        if self.exited.is_some() {
            return (!self.held).then(|| self.drained_at());
        }
        if let Some(escalation) = &self.escalation {
            return (!escalation.rest.is_empty()).then_some(escalation.next);
        }
        // Unread output may lift the adapter's limits.
        let seen = self.view.behind.is_none().then(|| [self.tool_limit(), self.after_result()]);
        let seen = seen.into_iter().flatten().flatten();
        let always = [self.total(), self.silence().map(|(at, ..)| at)];
        always.into_iter().flatten().chain(seen).min()
    }

    pub fn is_between(&self) -> bool {
        self.view.phase == Phase::Between && self.exited.is_none()
    }

    /// Time of the last output; `None` while output is not read.
    pub fn quiet_since(&self) -> Option<Time> {
        (!self.held).then_some(self.last_output)
    }

    pub fn idle(&self, now: Time) -> Duration {
        now.since(self.last_output)
    }

    pub fn action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn start_escalation(&mut self, now: Time, first: i32) {
        let key = (self.has_terminal && first == SIGINT).then_some(EscalationStep::Key);
        let later = (first != SIGTERM).then_some(EscalationStep::Signal(SIGTERM));
        let signals = [EscalationStep::Signal(first)].into_iter().chain(later);
        let rest = key.into_iter().chain(signals).chain([EscalationStep::Tree]).collect();
        self.escalation = Some(Escalation {
            rest,
            next: now,
            step: self.limits.grace,
            interrupted: None,
            since: now,
            signalled: false,
        });
    }

    fn start_cancel(&mut self, now: Time, cancel: Cancel) {
        self.start_escalation(now, SIGINT);
        let Some(escalation) = &mut self.escalation else { return };
        if cancel.interrupt {
            escalation.rest.push_front(EscalationStep::Interrupt);
        }
        if let Some(within) = cancel.within {
            let before_last = u32::try_from(escalation.rest.len().saturating_sub(1)).unwrap_or(1);
            escalation.step = within / before_last.max(1);
        }
    }

    fn check_limits(&mut self, now: Time) {
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

    fn total(&self) -> Option<Time> {
        self.limits.total.map(|limit| self.spawned + limit)
    }

    /// Deadline of the silence, with the code and message of its failure.
    fn silence(&self) -> Option<(Time, &'static str, String)> {
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

    fn tool_limit(&self) -> Option<Time> {
        Some(self.view.tool_since? + self.limits.tool?)
    }

    fn after_result(&self) -> Option<Time> {
        Some(self.done_since? + self.limits.after_result)
    }

    fn drained_at(&self) -> Time {
        if !self.pipes_open {
            return self.drain_from;
        }
        let quiet = self.last_output.max(self.drain_from) + self.limits.drain;
        quiet.min(self.drain_from + DRAIN_MOST)
    }
}

impl Escalation {
    fn again(&mut self, now: Time, stop: Stop) {
        let same_stop = now < self.since + ONE_STOP;
        match stop {
            Stop::ReaderGone => {}
            Stop::Signal(_) if same_stop => {}
            Stop::Cancel(_) if same_stop && self.signalled => {}
            Stop::Signal(_) => {
                if self.signalled {
                    self.rest = VecDeque::from([EscalationStep::Tree]);
                }
                (self.next, self.since) = (now, now);
            }
            Stop::Cancel(_) => self.next = now,
        }
    }
}
