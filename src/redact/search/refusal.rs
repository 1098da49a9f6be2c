//! Quick refusal of a place where a pattern seems to begin: a byte that every match has does not come before a byte that no
//! match has. It spares the simulation for the addresses in ordinary text, which begin like one with a password.

use std::collections::HashSet;

use super::program::{Program, State};
use super::starts::{DEPTH, MOST_LOOKED_AT};

/// Bytes that are tried: every match may have to have one of them.
const TRIED: [u8; 2] = [b'@', b'='];

/// Reason to refuse a place.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Byte that every match has.
    needed: u8,
    /// Bytes that no match has behind its first [`DEPTH`] bytes.
    fatal: Box<[bool; 256]>,
}

impl Refusal {
    /// The refusal of an expression, if each match has one of the bytes that are tried.
    pub fn of(program: &Program, expression: u32) -> Option<Self> {
        let needed = TRIED.into_iter().find(|byte| !matches_without(program, expression, *byte))?;
        let mut states = HashSet::from([program.start(expression)]);
        for _ in 0..DEPTH {
            let all = closure(program, states);
            let ranges = all.iter().flat_map(|state| program.state(*state).ranges());
            states = ranges.map(|(_, _, next)| next).collect();
        }
        let mut fatal = Box::new([true; 256]);
        let mut seen = HashSet::new();
        let mut left: Vec<u32> = states.into_iter().collect();
        while let Some(number) = left.pop() {
            if !seen.insert(number) {
                continue;
            }
            let state = program.state(number);
            left.extend(state.without_byte());
            for (first, last, next) in state.ranges() {
                fatal[usize::from(first)..=usize::from(last)].fill(false);
                left.push(next);
            }
        }
        Some(Self { needed, fatal })
    }

    /// True if the expression neither matches from the beginning of `text` on nor reaches its end.
    pub fn refuses(&self, text: &[u8]) -> bool {
        let text = &text[..text.len().min(MOST_LOOKED_AT)];
        let fatal = text.iter().skip(DEPTH).position(|byte| self.fatal[usize::from(*byte)]);
        fatal.is_some_and(|at| !text[..DEPTH + at].contains(&self.needed))
    }
}

fn closure(program: &Program, states: HashSet<u32>) -> HashSet<u32> {
    let mut left: Vec<u32> = states.iter().copied().collect();
    let mut all = states;
    while let Some(state) = left.pop() {
        let new = program.state(state).without_byte().iter().filter(|next| all.insert(**next));
        left.extend(new);
    }
    all
}

/// True if an expression matches a text without this byte.
fn matches_without(program: &Program, expression: u32, byte: u8) -> bool {
    let (mut left, mut seen) = (vec![program.start(expression)], HashSet::new());
    while let Some(number) = left.pop() {
        if !seen.insert(number) {
            continue;
        }
        let state = program.state(number);
        if matches!(state, State::Match) {
            return true;
        }
        left.extend(state.without_byte());
        let others = |(first, last, _): &(u8, u8, u32)| (*first, *last) != (byte, byte);
        left.extend(state.ranges().filter(others).map(|(_, _, next)| next));
    }
    false
}
