//! Breakdown of a turn's time into classes. Each millisecond belongs to one of them, so that they sum to the turn exactly.

#[cfg(test)]
mod tests;

use crate::codec::Fields;
use crate::event::{Event, Type};
use crate::text::digest::Digest;
use crate::time::Time;

/// Limit of open tools that are told apart; further ones are not counted.
const MAX_OPEN: usize = 1024;

/// Words of a `permission` status that report an answer, not a question.
const ANSWERS: [&str; 6] = ["denied", "replied", "completed", "resolved", "granted", "approved"];

/// Use of a millisecond: the first that applies, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A permission was asked for and not answered yet.
    Person,
    /// A request was limited or had failed, up to the next event of the model.
    Retry,
    /// At least one tool was running.
    Tool,
    /// No event of the model had come yet.
    Start,
    /// Text, reasoning or the call of a tool came at its end.
    Model,
    /// None of these.
    Other,
}

impl Class {
    /// All classes with their names for people.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Person, "waiting for permission"),
        (Self::Retry, "retries"),
        (Self::Tool, "tools"),
        (Self::Start, "start"),
        (Self::Model, "model"),
        (Self::Other, "other"),
    ];
}

/// Milliseconds of each class, in the order of [`Class::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Breakdown([u64; Class::ALL.len()]);

impl Breakdown {
    /// Milliseconds of a class.
    pub fn of(&self, class: Class) -> u64 {
        self.0[class as usize]
    }

    /// Milliseconds of all classes: the length of the turn.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Classes that have any time, the longest first.
    pub fn longest(&self) -> Vec<(&'static str, u64)> {
        let mut all: Vec<_> = Class::ALL.map(|(class, name)| (name, self.of(class))).into();
        all.retain(|(_, ms)| *ms > 0);
        all.sort_by_key(|(_, ms)| std::cmp::Reverse(*ms));
        all
    }
}

/// Meaning of an event for the time around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Text or reasoning of the model.
    Text,
    ToolStarted(&'a str),
    ToolFinished(&'a str),
    PermissionAsked,
    PermissionAnswered,
    Retry,
    Other,
}

impl Step<'_> {
    /// The step that an event is; `tool` is the id of its tool.
    pub fn of<'a>(event: &Event<'_>, body: &Fields<'_>, tool: &'a str) -> Step<'a> {
        match event.kind {
            Type::TextDelta | Type::BlockFinal => Step::Text,
            Type::ToolStarted => Step::ToolStarted(tool),
            Type::ToolFinished => Step::ToolFinished(tool),
            Type::Status => Step::of_status(body),
            _ => Step::Other,
        }
    }

    /// The step that a status is.
    pub fn of_status(body: &Fields<'_>) -> Step<'static> {
        match body.text("kind").as_deref() {
            Some("permission") => {
                let message = body.text("message").unwrap_or_default();
                let answer = ANSWERS.iter().any(|word| message.contains(word));
                if answer { Step::PermissionAnswered } else { Step::PermissionAsked }
            }
            Some("retry") => Step::Retry,
            _ => Step::Other,
        }
    }
}

/// Timing of an open turn. Times are milliseconds; one that is earlier than the last counts as the last.
#[derive(Debug, Clone, Default)]
pub struct Timing {
    sums: Breakdown,
    last: u64,
    /// Time since the last event of the model, which the next event assigns.
    pending: u64,
    waits: bool,
    retries: bool,
    /// True after the first event of the model.
    begun: bool,
    /// Ids of open tools.
    open: Vec<Digest>,
}

impl Timing {
    /// Timing of a turn that begins now.
    pub fn new(now: u64) -> Self {
        Self { last: now, ..Self::default() }
    }

    /// True while text is all that comes: then only the last of several texts matters.
    pub fn is_streaming(&self) -> bool {
        self.begun && !self.waits && !self.retries && self.open.is_empty() && self.pending == 0
    }

    /// Time that has been assigned so far.
    pub fn so_far(&self) -> Breakdown {
        self.sums
    }

    /// Bytes that it holds.
    pub fn size(&self) -> usize {
        self.open.len() * size_of::<Digest>()
    }

    /// Takes an event of the main agent.
    pub fn on_step(&mut self, now: u64, step: Step<'_>) {
        self.advance(now);
        let of_model = matches!(step, Step::Text | Step::ToolStarted(_));
        if of_model {
            self.assign_pending(Class::Model);
            self.begun = true;
        }
        if of_model || matches!(step, Step::ToolFinished(_)) {
            (self.waits, self.retries) = (false, false);
        }
        match step {
            Step::ToolStarted(id) if self.open.len() < MAX_OPEN => self.open.push(Digest::of(id)),
            Step::ToolFinished(id) => {
                let id = Digest::of(id);
                self.open.retain(|open| *open != id);
            }
            Step::PermissionAsked => self.waits = true,
            Step::PermissionAnswered => self.waits = false,
            Step::Retry => {
                // The request that failed took this time.
                self.assign_pending(Class::Retry);
                self.retries = true;
            }
            _ => {}
        }
    }

    /// Breakdown of the turn, which ends now.
    pub fn end(mut self, now: u64) -> Breakdown {
        self.advance(now);
        self.assign_pending(Class::Other);
        self.sums
    }

    fn advance(&mut self, now: u64) {
        let passed = now.saturating_sub(self.last);
        self.last += passed;
        if self.waits {
            self.add(Class::Person, passed);
        } else if self.retries {
            self.add(Class::Retry, passed);
        } else if !self.open.is_empty() {
            self.add(Class::Tool, passed);
        } else if !self.begun {
            self.add(Class::Start, passed);
        } else {
            self.pending += passed;
        }
    }

    fn assign_pending(&mut self, class: Class) {
        let pending = std::mem::take(&mut self.pending);
        self.add(class, pending);
    }

    fn add(&mut self, class: Class, millis: u64) {
        self.sums.0[class as usize] += millis;
    }
}

/// Stretches of time that are told apart; past that time is added to the last stretch of its class.
pub const MAX_STRETCHES: usize = 400;

/// Timing of an open turn.
#[derive(Debug, Default)]
pub struct Timeline {
    timing: Timing,
    stretches: Vec<(Class, u64)>,
    /// True if the last event was one of several texts, of which only the last matters.
    streams: bool,
}

/// Time of a turn that has ended.
#[derive(Debug)]
pub struct Times {
    pub breakdown: Breakdown,
    /// Milliseconds that each class took at a stretch, in order; they sum to the breakdown.
    pub stretches: Vec<(Class, u64)>,
}

impl Timeline {
    pub fn new(began: Option<Time>) -> Self {
        Self { timing: Timing::new(millis(began)), ..Self::default() }
    }

    /// Takes a text of the main agent; `now` is asked only if it matters.
    pub fn on_text(&mut self, now: impl FnOnce() -> Option<Time>) {
        if self.timing.is_streaming() {
            self.streams = true;
        } else {
            self.on_step(now(), Step::Text);
        }
    }

    /// Ends a series of texts, the last of which came at `last`.
    pub fn end_texts(&mut self, last: impl FnOnce() -> Option<Time>) {
        if std::mem::take(&mut self.streams) {
            self.on_step(last(), Step::Text);
        }
    }

    /// Takes an event of the main agent.
    pub fn on_step(&mut self, now: Option<Time>, step: Step<'_>) {
        let before = self.timing.so_far();
        self.timing.on_step(millis(now), step);
        let after = self.timing.so_far();
        self.stretch(&before, &after);
    }

    pub fn end(mut self, now: Option<Time>) -> Times {
        let before = self.timing.so_far();
        let breakdown = std::mem::take(&mut self.timing).end(millis(now));
        self.stretch(&before, &breakdown);
        Times { breakdown, stretches: self.stretches }
    }

    fn stretch(&mut self, before: &Breakdown, after: &Breakdown) {
        for (class, _) in Class::ALL {
            let passed = after.of(class) - before.of(class);
            let full = self.stretches.len() >= MAX_STRETCHES;
            let known = match self.stretches.last_mut() {
                _ if full => self.stretches.iter_mut().rev().find(|(known, _)| *known == class),
                last => last.filter(|(known, _)| *known == class),
            };
            match known {
                Some((_, sum)) => *sum += passed,
                None if passed > 0 => self.stretches.push((class, passed)),
                None => {}
            }
        }
    }
}

fn millis(time: Option<Time>) -> u64 {
    time.map_or(0, Time::as_millis)
}
