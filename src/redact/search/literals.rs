//! The values as an automaton that is walked a byte at a time, with the length of the beginning that each state stands
//! for. Never reads a byte twice.

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, BuildError};

use super::secrets::RuleId;

/// The automaton over the values.
#[derive(Debug)]
pub struct Literals {
    automaton: NFA,
    start: StateID,
    /// Rule of each value.
    rules: Vec<RuleId>,
    /// By state.
    beginnings: Vec<Beginning>,
    pub longest: u64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Beginning {
    length: u32,
    /// Index of a value that begins so.
    value: u32,
}

/// Longest end of a text that is the beginning of a value; the default is the empty one.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Prefix(Option<StateID>);

impl Prefix {
    pub fn is_empty(self) -> bool {
        self.0.is_none()
    }
}

impl Literals {
    /// Fails if the values are too large together (gigabytes).
    pub fn new(values: &[(RuleId, Vec<u8>)]) -> Result<Self, BuildError> {
        let automaton = NFA::builder().prefilter(false).build(values.iter().map(|(_, v)| v))?;
        let start = automaton.start_state(Anchored::No).unwrap_or_default();
        let mut beginnings = Vec::new();
        for (value, (_, bytes)) in (0..).zip(values) {
            let mut state = start;
            for (length, byte) in (1..).zip(bytes) {
                state = automaton.next_state(Anchored::No, state, *byte);
                let index = state.as_usize();
                if index >= beginnings.len() {
                    beginnings.resize(index + 1, Beginning::default());
                }
                beginnings[index] = Beginning { length, value };
            }
        }
        let rules = values.iter().map(|(rule, _)| *rule).collect();
        let longest = values.iter().map(|(_, bytes)| bytes.len() as u64).max().unwrap_or(0);
        Ok(Self { automaton, start, rules, beginnings, longest })
    }

    /// Takes a byte. Returns length and rule of the longest value that it completes.
    #[inline]
    pub fn step(&self, prefix: &mut Prefix, byte: u8) -> Option<(u64, RuleId)> {
        if self.rules.is_empty() {
            return None;
        }
        let state = prefix.0.unwrap_or(self.start);
        let state = self.automaton.next_state(Anchored::No, state, byte);
        *prefix = Prefix((state != self.start).then_some(state));
        if !self.automaton.is_special(state) || !self.automaton.is_match(state) {
            return None;
        }
        let ended = (0..self.automaton.match_len(state)).map(|index| {
            let value = self.automaton.match_pattern(state, index);
            (self.automaton.pattern_len(value) as u64, self.rules[value.as_usize()])
        });
        ended.max_by_key(|(length, _)| *length)
    }

    /// Bytes of a beginning.
    #[inline]
    pub fn length(&self, prefix: Prefix) -> usize {
        let beginning = prefix.0.and_then(|state| self.beginnings.get(state.as_usize()));
        beginning.map_or(0, |beginning| beginning.length as usize)
    }

    /// Start of the value's beginning that the text before `position` ends with, and the rule of that value.
    pub fn beginning(&self, prefix: Prefix, position: u64) -> Option<(u64, RuleId)> {
        let beginning = self.beginnings.get(prefix.0?.as_usize())?;
        let start = position.saturating_sub(u64::from(beginning.length));
        Some((start, self.rules[beginning.value as usize]))
    }
}
