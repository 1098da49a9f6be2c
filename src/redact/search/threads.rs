//! Breadth-first simulation of the patterns (Pike's): all beginnings of occurrences advance together, one byte at a time.
//! Beginnings in the same state become one, so a byte never costs more than the number of states.

use super::look::Before;
use super::program::{Program, State};

/// Offset that is not known yet.
pub const NONE: u64 = u64::MAX;

/// The beginning of an occurrence, and the state that it has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thread {
    pub state: u32,
    pub start: u64,
    /// Start of the group `secret`, or [`NONE`].
    pub secret: u64,
    /// Its end, or [`NONE`].
    pub secret_end: u64,
}

/// Result of the threads.
#[derive(Debug, Clone, Copy)]
pub enum Report {
    /// A complete occurrence.
    Match(Thread),
    /// A thread that goes on as another one, which began earlier and has its group elsewhere. What is in its own group
    /// has to be hidden without waiting for the match.
    Merged(Thread),
}

#[derive(Debug, Clone, Copy)]
enum Looks {
    /// The byte behind has not come.
    Later,
    Known {
        before: Before,
        after: Option<u8>,
    },
}

#[derive(Debug, Default, Clone, Copy)]
struct Visit {
    generation: u64,
    start: u64,
    secret: u64,
    secret_end: u64,
}

/// Buffers of a search. One is enough for any number of searches that take turns.
#[derive(Debug, Default)]
pub struct Scratch {
    /// In order of their starts; those of one start in the pattern's order of preference.
    threads: Vec<Thread>,
    previous: Vec<Thread>,
    has_looks: bool,
    oldest: Option<(u64, Thread)>,
    /// The thread that has reached a state in this generation.
    visits: Vec<Visit>,
    generation: u64,
    stack: Vec<Thread>,
    reports: Vec<Report>,
    /// States that were visited, for tests that measure the work.
    #[cfg(test)]
    pub work: u64,
}

impl Scratch {
    pub(super) fn is_empty(&self) -> bool {
        self.threads.is_empty()
    }

    /// The thread that holds the earliest byte after the last step.
    pub(super) fn oldest(&self) -> Option<Thread> {
        self.oldest.map(|(_, thread)| thread)
    }

    pub(super) fn reports(&mut self) -> std::vec::Drain<'_, Report> {
        self.reports.drain(..)
    }

    pub(super) fn retain(&mut self, mut keeps: impl FnMut(u32) -> bool) {
        self.threads.retain(|thread| keeps(thread.state));
    }

    /// Goes on with the threads of a search.
    pub(super) fn load(&mut self, program: &Program, threads: &[Thread]) {
        if self.visits.len() < program.states() {
            self.visits.resize(program.states(), Visit::default());
        }
        self.threads.clear();
        self.has_looks = false;
        self.generation += 1;
        for thread in threads {
            self.has_looks |= matches!(program.state(thread.state), State::Assert { .. });
            self.threads.push(*thread);
            self.visits[thread.state as usize] = visit(self.generation, thread);
        }
    }

    /// Gives the threads back to their search.
    pub(super) fn store(&self, threads: &mut Vec<Thread>) {
        threads.clear();
        threads.extend_from_slice(&self.threads);
    }

    /// Begins an occurrence of an expression at offset `at`, where `byte` stands.
    pub(super) fn start(&mut self, program: &Program, expression: u32, at: u64, byte: u8) {
        let state = program.start(expression);
        let thread = Thread { state, start: at, secret: NONE, secret_end: NONE };
        self.add(program, thread, at, Looks::Later, Some(byte));
    }

    /// Decides the assertions at offset `at`, where `after` is the next byte, or `None` at the end of the text.
    pub(super) fn resolve(
        &mut self,
        program: &Program,
        at: u64,
        before: Before,
        after: Option<u8>,
    ) {
        if self.has_looks {
            self.advance(program, at, Looks::Known { before, after }, after, Some);
        }
    }

    /// Takes a byte; `at` is the offset behind it.
    pub(super) fn step(&mut self, program: &Program, byte: u8, at: u64) {
        self.oldest = None;
        self.advance(program, at, Looks::Later, None, |thread| {
            let state = program.state(thread.state).next(byte)?;
            Some(Thread { state, ..thread })
        });
    }

    fn advance(
        &mut self,
        program: &Program,
        at: u64,
        looks: Looks,
        byte: Option<u8>,
        next: impl Fn(Thread) -> Option<Thread>,
    ) {
        std::mem::swap(&mut self.threads, &mut self.previous);
        self.threads.clear();
        self.has_looks = false;
        self.generation += 1;
        for index in 0..self.previous.len() {
            #[cfg(test)]
            {
                self.work += 1;
            }
            if let Some(thread) = next(self.previous[index]) {
                self.add(program, thread, at, looks, byte);
            }
        }
    }

    /// Adds a thread and all that it reaches without a byte. If the byte that comes next is known, states that do not take
    /// it are left out.
    fn add(&mut self, program: &Program, thread: Thread, at: u64, looks: Looks, byte: Option<u8>) {
        self.stack.push(thread);
        while let Some(mut thread) = self.stack.pop() {
            #[cfg(test)]
            {
                self.work += 1;
            }
            let visited = &mut self.visits[thread.state as usize];
            if visited.generation == self.generation {
                if visited.loses(&thread) {
                    self.reports.push(Report::Merged(thread));
                }
                continue;
            }
            *visited = visit(self.generation, &thread);
            let state = program.state(thread.state);
            match state {
                State::Range { .. } | State::Ranges(_) => {
                    if byte.is_none_or(|byte| state.next(byte).is_some()) {
                        self.push(program, thread);
                    }
                }
                State::Assert { assertion, next } => match looks {
                    Looks::Later => {
                        self.has_looks = true;
                        self.push(program, thread);
                    }
                    Looks::Known { before, after } if assertion.holds(before, after) => {
                        self.stack.push(Thread { state: *next, ..thread });
                    }
                    Looks::Known { .. } => {}
                },
                State::Split(states) => {
                    let threads =
                        states.iter().rev().map(|state| Thread { state: *state, ..thread });
                    self.stack.extend(threads);
                }
                State::Jump(next) => self.stack.push(Thread { state: *next, ..thread }),
                State::SecretBegins(next) => {
                    thread.secret = thread.secret.min(at);
                    self.stack.push(Thread { state: *next, secret_end: NONE, ..thread });
                }
                State::SecretEnds(next) => {
                    self.stack.push(Thread { state: *next, secret_end: at, ..thread });
                }
                State::Match => self.reports.push(Report::Match(thread)),
                State::Fail => {}
            }
        }
    }

    fn push(&mut self, program: &Program, thread: Thread) {
        if let Some(start) = program.held_from(&thread)
            && self.oldest.is_none_or(|(oldest, _)| start < oldest)
        {
            self.oldest = Some((start, thread));
        }
        self.threads.push(thread);
    }
}

fn visit(generation: u64, thread: &Thread) -> Visit {
    Visit { generation, start: thread.start, secret: thread.secret, secret_end: thread.secret_end }
}

impl Visit {
    /// True if a later thread has a group that the earlier one's group does not contain.
    fn loses(&self, thread: &Thread) -> bool {
        thread.secret != NONE
            && thread.start != self.start
            && (self.secret > thread.secret || self.secret_end < thread.secret_end)
    }
}
