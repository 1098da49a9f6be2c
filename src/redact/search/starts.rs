//! Table of the first bytes of everything that is searched for: at most bytes of a text nothing can begin. Never misses
//! a place where something begins.

use std::collections::HashSet;

use super::fingerprints::{Fingerprints, LENGTH};
use super::program::{Program, Role, State};

/// For each of the first bytes and each value of it, the set of patterns that can have this byte there, as bits; and the
/// fingerprints of the values.
#[derive(Debug)]
pub struct Starts {
    tables: Box<[[u64; 256]; LENGTH]>,
    /// Expressions of each bit.
    expressions: Vec<Vec<u32>>,
    values: Fingerprints,
}

impl Starts {
    pub fn new<'a>(program: &Program, values: impl Iterator<Item = &'a [u8]>) -> Self {
        let tables = Box::new([[0; 256]; LENGTH]);
        let expressions = vec![Vec::new(); u64::BITS as usize];
        let mut starts = Self { tables, expressions, values: Fingerprints::new(values) };
        for (index, expression) in program.expressions() {
            if !matches!(expression.role, Role::Ending) {
                starts.add(program, index);
            }
        }
        starts
    }

    fn add(&mut self, program: &Program, expression: u32) {
        let bit = expression % u64::BITS;
        self.expressions[bit as usize].push(expression);
        let bit = 1 << bit;
        let mut states = vec![program.start(expression)];
        let mut is_any = false;
        for table in self.tables.iter_mut() {
            let mut visited = HashSet::new();
            let mut behind = Vec::new();
            while let Some(state) = states.pop() {
                if !visited.insert(state) {
                    continue;
                }
                let state = program.state(state);
                is_any |= matches!(state, State::Match);
                states.extend(state.without_byte());
                for (first, last, next) in state.ranges() {
                    let bytes = usize::from(first)..=usize::from(last);
                    table[bytes].iter_mut().for_each(|set| *set |= bit);
                    behind.push(next);
                }
            }
            if is_any {
                table.iter_mut().for_each(|set| *set |= bit);
            }
            behind.sort_unstable();
            behind.dedup();
            states = behind;
        }
    }

    /// The place of the next byte, from `at` on, where something can begin, or the end of the piece. Behind the last
    /// places where all the compared bytes are in the piece, a value can begin anywhere.
    pub fn next(&self, piece: &[u8], at: usize) -> usize {
        let mut windows = piece[at..].windows(LENGTH).filter_map(<[u8]>::first_chunk);
        let found = if self.values.is_empty {
            windows.position(|window| self.begins_pattern(window))
        } else {
            windows.position(|window| self.values.contains(*window) || self.begins_pattern(window))
        };
        if let Some(index) = found {
            return at + index;
        }
        let rest = at.max((piece.len() + 1).saturating_sub(LENGTH));
        let can_begin = |index: &usize| !self.values.is_empty || self.patterns(piece, *index) != 0;
        (rest..piece.len()).find(can_begin).unwrap_or(piece.len())
    }

    #[inline]
    fn begins_pattern(&self, window: &[u8; LENGTH]) -> bool {
        let [first, second, third, fourth] = &*self.tables;
        let set = first[usize::from(window[0])] & second[usize::from(window[1])];
        set != 0 && set & third[usize::from(window[2])] & fourth[usize::from(window[3])] != 0
    }

    /// The set of patterns that can begin at a place, as bits.
    #[inline]
    pub fn patterns(&self, piece: &[u8], at: usize) -> u64 {
        let bytes = piece[at..].iter().zip(self.tables.iter());
        bytes.fold(u64::MAX, |set, (byte, table)| set & table[usize::from(*byte)])
    }

    /// Expressions that can begin at a place.
    pub fn expressions(&self, piece: &[u8], at: usize) -> impl Iterator<Item = u32> {
        let mut set = self.patterns(piece, at);
        let bits = std::iter::from_fn(move || {
            let bit = (set != 0).then(|| set.trailing_zeros() as usize);
            set &= set.wrapping_sub(1);
            bit
        });
        bits.flat_map(|bit| self.expressions[bit].iter().copied())
    }
}
