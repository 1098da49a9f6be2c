//! Table of the first bytes of everything that is searched for: at most bytes of a text nothing can begin. Never misses
//! a place where something begins.

use super::program::{Program, Role, State};

/// First bytes that are compared.
const DEPTH: usize = 4;

/// Bits of the patterns. The other eight are for values.
const PATTERN_BITS: u32 = 56;
const PATTERNS: u64 = (1 << PATTERN_BITS) - 1;

/// For each of the first bytes and each value of it, the set of what can have this byte there, as bits.
#[derive(Debug)]
pub struct Starts {
    tables: Box<[[u64; 256]; DEPTH]>,
    expressions: Vec<Vec<u32>>,
}

impl Starts {
    pub fn new<'a>(program: &Program, values: impl Iterator<Item = &'a [u8]>) -> Self {
        let tables = Box::new([[0; 256]; DEPTH]);
        let mut starts = Self { tables, expressions: vec![Vec::new(); PATTERN_BITS as usize] };
        for value in values {
            starts.add_value(value);
        }
        for (index, expression) in program.expressions() {
            if !matches!(expression.role, Role::Ending) {
                starts.add_expression(program, index);
            }
        }
        starts
    }

    fn add_value(&mut self, value: &[u8]) {
        let bit = 1 << (PATTERN_BITS + u32::from(value[0] & 7));
        for (depth, table) in self.tables.iter_mut().enumerate() {
            match value.get(depth) {
                Some(byte) => table[usize::from(*byte)] |= bit,
                None => table.iter_mut().for_each(|set| *set |= bit),
            }
        }
    }

    fn add_expression(&mut self, program: &Program, expression: u32) {
        let bit = expression % PATTERN_BITS;
        self.expressions[bit as usize].push(expression);
        let bit = 1 << bit;
        let mut states = vec![program.start(expression)];
        let mut is_any = false;
        for table in self.tables.iter_mut() {
            let mut visited = vec![false; program.states()];
            let mut behind = Vec::new();
            while let Some(state) = states.pop() {
                if std::mem::replace(&mut visited[state as usize], true) {
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

    /// The place of the next byte, from `at` on, where something can begin, or the end of the piece.
    pub fn next(&self, piece: &[u8], at: usize) -> usize {
        let [first, second, third, fourth] = &*self.tables;
        for (index, window) in piece[at..].windows(DEPTH).enumerate() {
            let set = first[usize::from(window[0])] & second[usize::from(window[1])];
            if set != 0 && set & third[usize::from(window[2])] & fourth[usize::from(window[3])] != 0
            {
                return at + index;
            }
        }
        let rest = at.max((piece.len() + 1).saturating_sub(DEPTH));
        (rest..piece.len()).find(|index| self.set(piece, *index) != 0).unwrap_or(piece.len())
    }

    /// The set of patterns that can begin at a place, as bits.
    #[inline]
    pub fn patterns(&self, piece: &[u8], at: usize) -> u64 {
        self.set(piece, at) & PATTERNS
    }

    /// Expressions that can begin at a place.
    pub fn expressions(&self, piece: &[u8], at: usize) -> impl Iterator<Item = u32> {
        let mut set = self.patterns(piece, at);
        let bits = std::iter::from_fn(move || {
            let bit = set.trailing_zeros();
            set &= set.wrapping_sub(1);
            (bit < PATTERN_BITS).then_some(bit as usize)
        });
        bits.flat_map(|bit| self.expressions[bit].iter().copied())
    }

    #[inline]
    fn set(&self, piece: &[u8], at: usize) -> u64 {
        let bytes = piece[at..].iter().zip(self.tables.iter());
        bytes.fold(u64::MAX, |set, (byte, table)| set & table[usize::from(*byte)])
    }
}
