//! Table of the first bytes of everything that is searched for: at most bytes of a text nothing can begin. Never misses
//! a place where something begins.

use std::collections::HashSet;

use super::fingerprints::{Fingerprints, LENGTH};
use super::look::{Assertion, Before, is_ascii_word};
use super::pairs::{Pairs, REACH};
use super::program::{Program, Role, State};
use super::refusal::Refusal;

/// Bytes behind a place that are looked at for a refusal.
pub const MOST_LOOKED_AT: usize = 64;

/// First bytes that are compared where the first [`LENGTH`] fit.
pub const DEPTH: usize = 8;

/// For each of the first bytes and each value of it, the set of patterns that can have this byte there, as bits; and the
/// fingerprints of the values.
#[derive(Debug)]
pub struct Starts {
    tables: Box<[[u64; 256]; DEPTH]>,
    /// As the first table, within a word.
    within_word: Box<[u64; 256]>,
    /// True if each pattern begins with characters that are not escaped in JSON. A backslash may be the first one, for it is
    /// also the second of two; and any may stand before a slash, which makes an escape that is noticed. And no pattern
    /// that matches a number depends on the edges of its text.
    pub is_plain: bool,
    /// Expressions of each bit.
    expressions: Vec<Vec<u32>>,
    /// Quick refusal of each bit's expression, if it has one and shares the bit with no other.
    refusals: Vec<Option<Refusal>>,
    values: Fingerprints,
    pairs: Option<Pairs>,
}

impl Starts {
    pub fn new<'a>(program: &Program, values: impl Iterator<Item = &'a [u8]>) -> Self {
        let tables = Box::new([[0; 256]; DEPTH]);
        let expressions = vec![Vec::new(); u64::BITS as usize];
        let (within_word, values) = (Box::new([0; 256]), Fingerprints::new(values));
        let is_plain = true;
        let refusals = vec![None; u64::BITS as usize];
        let all = program.expressions().filter(|(_, e)| !matches!(e.role, Role::Ending));
        let pairs = Pairs::new(program, all.map(|(index, _)| index));
        let mut starts =
            Self { tables, within_word, is_plain, expressions, refusals, values, pairs };
        for (index, expression) in program.expressions() {
            if !matches!(expression.role, Role::Ending) {
                starts.add(program, index);
                let bit = index as usize % starts.expressions.len();
                let is_alone = starts.expressions[bit].len() == 1;
                starts.refusals[bit] = is_alone.then(|| Refusal::of(program, index)).flatten();
                let is_edged = program.assertions_of(index).any(Assertion::is_edge);
                starts.is_plain &= !is_edged || !starts.begins_number(bit);
            }
        }
        starts
    }

    /// Bytes with which an expression can begin behind a part of a word.
    fn add_within_word(&mut self, program: &Program, expression: u32, bit: u64) {
        let (mut states, mut visited) = (vec![(program.start(expression), true)], HashSet::new());
        while let Some((number, anywhere)) = states.pop() {
            if !visited.insert((number, anywhere)) {
                continue;
            }
            let state = program.state(number);
            let begins_word =
                matches!(state, State::Assert { assertion, .. } if assertion.begins_word());
            let anywhere = anywhere && !begins_word;
            states.extend(state.without_byte().iter().map(|next| (*next, anywhere)));
            for (first, last, _) in state.ranges() {
                for byte in first..=last {
                    if anywhere || !is_ascii_word(Some(byte)) {
                        self.within_word[usize::from(byte)] |= bit;
                    }
                }
            }
            if matches!(state, State::Match) {
                self.within_word.iter_mut().for_each(|set| *set |= bit);
            }
        }
    }

    fn add(&mut self, program: &Program, expression: u32) {
        let bit = expression % u64::BITS;
        self.expressions[bit as usize].push(expression);
        let bit = 1 << bit;
        self.add_within_word(program, expression, bit);
        let mut states = vec![program.start(expression)];
        let mut is_any = false;
        for (at, table) in self.tables.iter_mut().enumerate() {
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
                    let has = |byte| (first..=last).contains(&byte);
                    let is_plain = first >= b' ' && !has(b'"');
                    let is_escape = at > 0 && has(b'\\') && !precedes_slash(program, next);
                    self.is_plain &= at >= LENGTH || is_plain && !is_escape;
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

    /// True if a number can begin with the first bytes of a bit's expressions.
    fn begins_number(&self, bit: usize) -> bool {
        let has = |table: &[u64; 256], byte: u8| table[usize::from(byte)] & (1 << bit) != 0;
        let has_digit = |table| (b'0'..=b'9').any(|byte| has(table, byte));
        let [first, second, ..] = &*self.tables;
        has_digit(first) || has(first, b'-') && has_digit(second)
    }

    /// The place of the next byte, from `at` on, where something can begin, or the end of the piece; `before` is
    /// before the piece. Behind the last places where all the compared bytes are in the piece, a value can begin anywhere.
    pub fn next(&self, before: Before, piece: &[u8], at: usize) -> usize {
        let mut from = at;
        while let Some(index) = self.window(&piece[from..]) {
            let place = from + index;
            if self.patterns(before, piece, place) != 0 || self.begins_value(&piece[place..]) {
                return place;
            }
            from = place + 1;
        }
        let rest = at.max((piece.len() + 1).saturating_sub(LENGTH));
        let can_begin =
            |index: &usize| !self.values.is_empty || self.patterns(before, piece, *index) != 0;
        (rest..piece.len()).find(can_begin).unwrap_or(piece.len())
    }

    /// The first place of a text whose first bytes something has.
    pub fn window(&self, text: &[u8]) -> Option<usize> {
        let mut windows = text.windows(LENGTH).filter_map(<[u8]>::first_chunk);
        match (&self.pairs, self.values.is_empty) {
            (Some(pairs), true) => self.near_pair(pairs, text),
            (None, true) => windows.position(|window| self.begins_pattern(window)),
            (_, false) => windows
                .position(|window| self.values.contains(*window) || self.begins_pattern(window)),
        }
    }

    /// The first place near a pair, or near the end, whose first bytes a pattern has.
    fn near_pair(&self, pairs: &Pairs, text: &[u8]) -> Option<usize> {
        let begins =
            |at: usize| text[at..].first_chunk().is_some_and(|first| self.begins_pattern(first));
        let near_end = text.len().saturating_sub(REACH + 1)..text.len();
        let places = match pairs.find(text, begins) {
            // What begins before may have its pair behind this one.
            Some(place) => place.saturating_sub(REACH)..place + 1,
            // The pair of an occurrence may come behind the text.
            None => near_end,
        };
        { places }.find(|at| begins(*at))
    }

    /// The first place of a text at which something can begin, as far as the text goes.
    pub fn place(&self, text: &[u8]) -> Option<usize> {
        let rest = (text.len() + 1).saturating_sub(LENGTH);
        let begins = |at: &usize| self.anywhere(text, *at) != 0;
        self.window(text).or_else(|| (rest..text.len()).find(begins))
    }

    /// True if values are searched for.
    pub fn has_values(&self) -> bool {
        !self.values.is_empty
    }

    /// True if a value may begin with the first bytes of a text.
    pub fn begins_value(&self, text: &[u8]) -> bool {
        !self.values.is_empty
            && text.first_chunk().is_some_and(|first| self.values.contains(*first))
    }

    #[inline]
    fn begins_pattern(&self, window: &[u8; LENGTH]) -> bool {
        let [first, second, third, fourth, ..] = &*self.tables;
        let set = first[usize::from(window[0])] & second[usize::from(window[1])];
        set != 0 && set & third[usize::from(window[2])] & fourth[usize::from(window[3])] != 0
    }

    /// The set of patterns that can begin at a place, whatever stands before it, as bits.
    #[inline]
    pub fn anywhere(&self, piece: &[u8], at: usize) -> u64 {
        let mut set = u64::MAX;
        for (byte, table) in piece[at..].iter().zip(self.tables.iter()) {
            set &= table[usize::from(*byte)];
            if set == 0 {
                return 0;
            }
        }
        let rest = &piece[at..];
        self.refuse(set, rest)
    }

    /// The set without the patterns that surely do not match from the beginning of a text on, nor reach its end.
    fn refuse(&self, mut set: u64, text: &[u8]) -> u64 {
        let mut left = set;
        while left != 0 {
            let bit = left.trailing_zeros() as usize;
            if self.refusals[bit].as_ref().is_some_and(|refusal| refusal.refuses(text)) {
                set &= !(1 << bit);
            }
            left &= left - 1;
        }
        set
    }

    /// The set of patterns that can begin at a place, as bits; `before` is before the piece.
    #[inline]
    pub fn patterns(&self, before: Before, piece: &[u8], at: usize) -> u64 {
        let set = self.anywhere(piece, at);
        if set == 0 { 0 } else { self.behind(before.at(piece, at), piece[at], set) }
    }

    /// As [`patterns`](Self::patterns), in a text that is written in JSON, where another character follows than in the text
    /// from the next escape or quote on; `before` is what the text has before the place.
    pub fn patterns_in_json(&self, before: Before, json: &[u8], at: usize) -> u64 {
        let same = json[at + 1..]
            .iter()
            .take(MOST_LOOKED_AT)
            .take_while(|byte| !matches!(byte, b'"' | b'\\'))
            .count();
        let end = if same >= LENGTH { at + 1 + same } else { (at + LENGTH).min(json.len()) };
        self.behind(before, json[at], self.anywhere(&json[..end], at))
    }

    /// Patterns of a set that can begin with the byte `first` behind `before`.
    #[inline]
    fn behind(&self, before: Before, first: u8, set: u64) -> u64 {
        if before.begins_word() { set } else { set & self.within_word[usize::from(first)] }
    }

    /// Expressions that can begin at a place.
    pub fn expressions(
        &self,
        before: Before,
        piece: &[u8],
        at: usize,
    ) -> impl Iterator<Item = u32> {
        let mut set = self.patterns(before, piece, at);
        let bits = std::iter::from_fn(move || {
            let bit = (set != 0).then(|| set.trailing_zeros() as usize);
            set &= set.wrapping_sub(1);
            bit
        });
        bits.flat_map(|bit| self.expressions[bit].iter().copied())
    }
}

#[cfg(test)]
impl Starts {
    pub fn has_pairs(&self) -> bool {
        self.pairs.is_some()
    }

    pub fn forget_pairs(&mut self) {
        self.pairs = None;
    }
}

/// True if only slashes, or backslashes before slashes, can stand at a state.
fn precedes_slash(program: &Program, state: u32) -> bool {
    let (mut states, mut visited) = (vec![state], HashSet::new());
    while let Some(number) = states.pop() {
        if !visited.insert(number) {
            continue;
        }
        let state = program.state(number);
        states.extend(state.without_byte());
        for (first, last, next) in state.ranges() {
            match (first, last) {
                (b'/', b'/') => {}
                (b'\\', b'\\') => states.push(next),
                _ => return false,
            }
        }
        if matches!(state, State::Match) {
            return false;
        }
    }
    true
}
