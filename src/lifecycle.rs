//! One supervised process as a state machine: what has happened goes in, deadlines and actions come out. It waits for
//! nothing, sends nothing and looks at no clock, so every path of it runs in a test in no time.

mod limits;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGKILL, SIGTERM};

use crate::time::Time;

pub use limits::{DRAIN_MOST, Limits};

/// Signals that come within this time of the first are one stop, and so is a reader that goes beside a signal: one
/// stop often arrives as several.
pub const ONE_STOP: Duration = Duration::from_secs(1);

/// One way to make the agent stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EscalationStep {
    /// The runtime's own interrupt, in its own words: the turn ends and the agent may go on.
    Interrupt,
    /// ^C, typed at the agent's terminal: what a person would do first.
    Key,
    /// A signal to the agent's process group.
    Signal(i32),
    /// SIGKILL to every descendant, also those that left the group.
    Tree,
}

/// Who wants the agent to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// A signal that was sent to us. It is passed on first; one that comes after [`ONE_STOP`] kills the tree.
    Signal(i32),
    /// Somebody who asked for a cancel; asked again, the next step is escalated at once, unless a signal has just come.
    Cancel(Cancel),
    /// Nobody reads what the agent says any more.
    ReaderGone,
}

/// How a turn is to be cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cancel {
    /// True if the runtime has an interrupt of its own: then that is the first step, and a turn that it ends is the end of
    /// the escalation.
    pub interrupt: bool,
    /// After so long nothing of the agent is left; the steps before the last share it. `None`: each has the whole grace.
    pub within: Option<Duration>,
}

/// Where the agent stands, as far as its adapter has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// No turn was opened yet.
    Starting,
    /// A turn is open.
    InTurn,
    /// A turn is over and another may be asked for.
    Between,
    /// The result is there and nothing more can be asked: the process is only to exit.
    Done,
}

/// What the adapter knows by now.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// Where the agent stands.
    pub phase: Phase,
    /// How many turns have ended.
    pub ended: u64,
    /// Since when the oldest of the open tools is open.
    pub tool_since: Option<Time>,
    /// The adapter has read only what came until then, because our reader is slow; `None`: everything.
    pub behind: Option<Time>,
}

/// What is to be done; in the order in which [`Lifecycle::action`] gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Do what the step says.
    Escalation(EscalationStep),
    /// The open turn fails with this `error.code` and message, whatever the runtime says from now on.
    Fail(&'static str, String),
    /// Close the agent's pipes although somebody still holds them.
    ClosePipes,
    /// The agent has exited and its output is read: whatever it left behind is killed, and the run is over.
    Finish,
}

/// One child process, from its start to its end.
#[derive(Debug)]
pub struct Lifecycle {
    limits: Limits,
    has_terminal: bool,
    spawned: Time,
    first_output: Option<Time>,
    last_output: Time,
    view: View,
    done_since: Option<Time>,
    held: bool,
    escalation: Option<Escalation>,
    killed: bool,
    exited: Option<Time>,
    /// The drain is counted from here: the exit, or a later moment at which we could read again.
    drain_from: Time,
    pipes_open: bool,
    finished: bool,
    actions: VecDeque<Action>,
}

/// A ladder that is being escalated.
#[derive(Debug)]
struct Escalation {
    rest: VecDeque<EscalationStep>,
    next: Time,
    /// Between two steps.
    step: Duration,
    /// Only the runtime's interrupt was tried so far, when so many turns had ended.
    interrupted: Option<u64>,
    /// When the escalation began, or a signal asked for it.
    asked: Time,
    /// True if a signal did.
    signalled: bool,
}

impl Lifecycle {
    /// A process that was started at `now`, with both its pipes open.
    #[must_use]
    pub fn new(now: Time, limits: Limits) -> Self {
        let view = View { phase: Phase::Starting, ended: 0, tool_since: None, behind: None };
        Self {
            limits,
            has_terminal: false,
            spawned: now,
            first_output: None,
            last_output: now,
            view,
            done_since: None,
            held: false,
            escalation: None,
            killed: false,
            exited: None,
            drain_from: now,
            pipes_open: true,
            finished: false,
            actions: VecDeque::new(),
        }
    }

    /// The agent sits at a terminal that is ours: an interrupt is typed there before it is sent.
    pub fn at_terminal(&mut self) {
        self.has_terminal = true;
    }

    /// The agent has written something.
    pub fn output(&mut self, now: Time) {
        self.first_output.get_or_insert(now);
        self.last_output = now;
    }

    /// What the adapter has made of it.
    pub fn seen(&mut self, now: Time, view: View) {
        let at = view.behind.unwrap_or(now);
        self.done_since = match view.phase {
            Phase::Done => self.done_since.or(Some(at)),
            _ => None,
        };
        self.view = view;
        // The turn that was interrupted is over: the agent has obeyed, and may be asked for another.
        let obeyed = |escalation: &Escalation| {
            escalation.interrupted.is_some_and(|before| view.ended > before)
        };
        if self.escalation.as_ref().is_some_and(obeyed) {
            self.escalation = None;
        }
    }

    /// We do not read the agent's output for the time being: its silence is our doing.
    pub fn hold(&mut self) {
        self.held = true;
    }

    /// We read again.
    pub fn release(&mut self, now: Time) {
        if self.held {
            self.held = false;
            self.last_output = now;
            self.drain_from = now;
        }
    }

    /// The process has exited.
    pub fn exited(&mut self, now: Time) {
        if self.exited.is_none() {
            self.exited = Some(now);
            self.drain_from = now;
            self.escalation = None;
        }
        self.tick(now);
    }

    /// Both pipes have come to their end.
    pub fn pipes_closed(&mut self, now: Time) {
        self.pipes_open = false;
        self.tick(now);
    }

    /// Somebody wants the agent to stop.
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
            // An agent that was only interrupted would go on: whoever wants the run to end begins a ladder of his own.
            (_, Stop::Signal(signal)) => self.start_escalation(now, signal),
            (_, Stop::ReaderGone) => self.start_escalation(now, SIGINT),
        }
        if let (Some(escalation), Stop::Signal(_)) = (&mut self.escalation, stop) {
            escalation.signalled = true;
        }
        self.tick(now);
    }

    /// Time has passed. Harmless at any time.
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

    /// When [`Lifecycle::tick`] has something to do although nothing happens.
    #[must_use]
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
        // What the adapter has not read yet could lift its own limits, and no time that passes changes that.
        let seen = self.view.behind.is_none().then(|| [self.tool_limit(), self.after_result()]);
        let seen = seen.into_iter().flatten().flatten();
        let heard = [self.total(), self.silence().map(|(at, ..)| at)];
        heard.into_iter().flatten().chain(seen).min()
    }

    /// True if a turn is over and another may be asked for.
    #[must_use]
    pub fn is_between(&self) -> bool {
        self.view.phase == Phase::Between && self.exited.is_none()
    }

    /// How long the agent has written nothing.
    #[must_use]
    pub fn idle(&self, now: Time) -> Duration {
        now.since(self.last_output)
    }

    /// The next thing to do.
    pub fn action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// True if any step was escalated that ends the agent.
    #[must_use]
    pub fn killed(&self) -> bool {
        self.killed
    }

    /// True if the run is over: [`Action::Finish`] was given.
    #[must_use]
    pub fn finished(&self) -> bool {
        self.finished
    }

    fn start_escalation(&mut self, now: Time, first: i32) {
        let mut rest = ladder(first);
        if self.has_terminal && first == SIGINT {
            rest.push_front(EscalationStep::Key);
        }
        self.escalation = Some(Escalation {
            rest,
            next: now,
            step: self.limits.grace,
            interrupted: None,
            asked: now,
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

    fn fail(&mut self, now: Time, code: &'static str, message: String) {
        self.actions.push_back(Action::Fail(code, message));
        self.start_escalation(now, SIGINT);
    }
}

impl Escalation {
    /// Somebody wants the stop that is under way.
    fn again(&mut self, now: Time, stop: Stop) {
        let one_wish = now < self.asked + ONE_STOP;
        match stop {
            Stop::ReaderGone => {}
            Stop::Signal(_) if one_wish => {}
            Stop::Cancel(_) if one_wish && self.signalled => {}
            Stop::Signal(_) => {
                if self.signalled {
                    self.rest = VecDeque::from([EscalationStep::Tree]);
                }
                (self.next, self.asked) = (now, now);
            }
            Stop::Cancel(_) => self.next = now,
        }
    }
}

/// The steps from the signal `first` on.
fn ladder(first: i32) -> VecDeque<EscalationStep> {
    let mut steps = VecDeque::new();
    if first != SIGKILL {
        steps.push_back(EscalationStep::Signal(first));
    }
    if first != SIGTERM {
        steps.push_back(EscalationStep::Signal(SIGTERM));
    }
    steps.push_back(EscalationStep::Tree);
    steps
}
