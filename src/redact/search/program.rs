//! The states of all patterns in one table. Never changes after it is built.

use regex_automata::nfa::thompson;

use super::compile::Automaton;
use super::look::Assertion;
use super::secrets::RuleId;
use super::threads::{NONE, Thread};

/// The states of all expressions.
#[derive(Debug, Default)]
pub struct Program {
    states: Vec<State>,
    /// Index of the expression of each state.
    owners: Vec<u32>,
    expressions: Vec<Expression>,
}

/// A pattern, or its end marker.
#[derive(Debug)]
pub struct Expression {
    pub rule: RuleId,
    pub role: Role,
    /// True if it has a group named `secret`, and only that is hidden.
    pub has_group: bool,
    start: u32,
}

#[derive(Debug, Clone, Copy)]
pub enum Role {
    /// Pattern of a secret.
    Secret,
    /// Pattern behind which everything is hidden until an occurrence of `ending`, or for so many lines.
    Opening { lines: u32, ending: u32 },
    /// End marker of an opening.
    Ending,
}

#[derive(Debug)]
pub enum State {
    Range {
        first: u8,
        last: u8,
        next: u32,
    },
    Ranges(Box<[(u8, u8, u32)]>),
    Assert {
        assertion: Assertion,
        next: u32,
    },
    /// In order of preference.
    Split(Box<[u32]>),
    SecretBegins(u32),
    SecretEnds(u32),
    Jump(u32),
    Match,
    Fail,
}

impl State {
    /// The state behind a byte.
    #[inline]
    pub fn next(&self, byte: u8) -> Option<u32> {
        match self {
            Self::Range { first, last, next } => (*first <= byte && byte <= *last).then_some(*next),
            Self::Ranges(ranges) => {
                let (first, _, next) = ranges.iter().find(|(_, last, _)| byte <= *last)?;
                (*first <= byte).then_some(*next)
            }
            _ => None,
        }
    }

    /// Bytes that the state takes, and the states behind them.
    pub fn ranges(&self) -> impl Iterator<Item = (u8, u8, u32)> {
        let one = match self {
            Self::Range { first, last, next } => Some((*first, *last, *next)),
            _ => None,
        };
        let many = match self {
            Self::Ranges(ranges) => &ranges[..],
            _ => &[],
        };
        one.into_iter().chain(many.iter().copied())
    }

    /// States that are reached without a byte, if each assertion holds.
    pub fn without_byte(&self) -> &[u32] {
        match self {
            Self::Split(states) => states,
            Self::Assert { next, .. }
            | Self::SecretBegins(next)
            | Self::SecretEnds(next)
            | Self::Jump(next) => std::slice::from_ref(next),
            _ => &[],
        }
    }
}

impl Program {
    /// Number of expressions.
    pub fn count(&self) -> usize {
        self.expressions.len()
    }

    /// Number of states.
    pub fn states(&self) -> usize {
        self.states.len()
    }

    #[inline]
    pub fn state(&self, state: u32) -> &State {
        &self.states[state as usize]
    }

    pub fn start(&self, expression: u32) -> u32 {
        self.expressions[expression as usize].start
    }

    pub fn expressions(&self) -> impl Iterator<Item = (u32, &Expression)> {
        (0..).zip(&self.expressions)
    }

    /// The expression of a state.
    #[inline]
    pub fn expression(&self, state: u32) -> &Expression {
        &self.expressions[self.owners[state as usize] as usize]
    }

    /// True if an expression has a group named `secret`.
    pub fn has_group(&self, expression: u32) -> bool {
        self.expressions[expression as usize].has_group
    }

    /// The assertions of an expression.
    pub fn assertions_of(&self, expression: u32) -> impl Iterator<Item = Assertion> {
        let first = self.owners.partition_point(|owner| *owner < expression);
        let owned = self.owners[first..].iter().take_while(move |owner| **owner == expression);
        owned.zip(&self.states[first..]).filter_map(|(_, state)| match state {
            State::Assert { assertion, .. } => Some(*assertion),
            _ => None,
        })
    }

    /// First byte that the thread's occurrence would hide, if the thread has reached it.
    #[inline]
    pub fn held_from(&self, thread: &Thread) -> Option<u64> {
        let expression = self.expression(thread.state);
        let start = if expression.has_group { thread.secret } else { thread.start };
        (start != NONE).then_some(start)
    }

    /// Adds an expression.
    pub fn add(&mut self, rule: RuleId, role: Role, automaton: &Automaton) {
        let Automaton { nfa, secret, word_start, .. } = automaton;
        let base = self.states.len();
        let id = |state: regex_automata::util::primitives::StateID| {
            u32::try_from(base + state.as_usize()).unwrap_or(u32::MAX)
        };
        let owner = u32::try_from(self.expressions.len()).unwrap_or(u32::MAX);
        for state in nfa.states() {
            self.owners.push(owner);
            self.states.push(match state {
                thompson::State::ByteRange { trans } => {
                    State::Range { first: trans.start, last: trans.end, next: id(trans.next) }
                }
                thompson::State::Sparse(sparse) => {
                    let ranges = sparse.transitions.iter();
                    State::Ranges(ranges.map(|t| (t.start, t.end, id(t.next))).collect())
                }
                thompson::State::Dense(dense) => {
                    let ranges = (0..=255_u8).filter_map(|byte| {
                        dense.matches_byte(byte).map(|next| (byte, byte, id(next)))
                    });
                    State::Ranges(ranges.collect())
                }
                thompson::State::Look { look, next } => {
                    State::Assert { assertion: Assertion::Regex(*look), next: id(*next) }
                }
                thompson::State::Union { alternates } => {
                    State::Split(alternates.iter().map(|state| id(*state)).collect())
                }
                thompson::State::BinaryUnion { alt1, alt2 } => {
                    State::Split([id(*alt1), id(*alt2)].into())
                }
                thompson::State::Capture { next, group_index, slot, .. } => {
                    let (next, group) = (id(*next), Some(group_index.as_usize()));
                    match slot.as_usize() % 2 {
                        0 if group == *secret => State::SecretBegins(next),
                        0 if group == *word_start => {
                            State::Assert { assertion: Assertion::WordStart, next }
                        }
                        1 if group == *secret => State::SecretEnds(next),
                        _ => State::Jump(next),
                    }
                }
                thompson::State::Fail => State::Fail,
                thompson::State::Match { .. } => State::Match,
            });
        }
        let start = id(nfa.start_anchored());
        self.expressions.push(Expression { rule, role, has_group: secret.is_some(), start });
    }
}
