//! Another implementation of what is hidden: for each start of each pattern the longest match of regex-automata's Pike VM
//! (all matches, anchored), for each value each place of it. Works on the whole text and takes quadratic time.

use regex_automata::nfa::thompson::{NFA, pikevm::PikeVM};
use regex_automata::{Anchored, Input, MatchKind};

pub struct Reference {
    values: Vec<Vec<u8>>,
    patterns: Vec<PikeVM>,
}

impl Reference {
    pub fn new(values: &[&str], patterns: &[&str]) -> Self {
        let config = PikeVM::config().match_kind(MatchKind::All);
        let pattern = |regex: &&str| {
            let nfa = NFA::new(regex).unwrap();
            PikeVM::builder().configure(config.clone()).build_from_nfa(nfa).unwrap()
        };
        let patterns = patterns.iter().map(pattern).collect();
        Self { values: values.iter().map(|v| v.as_bytes().to_vec()).collect(), patterns }
    }

    /// Occurrences: one for each start and rule.
    pub fn occurrences(&self, text: &[u8]) -> Vec<std::ops::Range<usize>> {
        let mut found = Vec::new();
        for start in 0..text.len() {
            for value in &self.values {
                if text[start..].starts_with(value) {
                    found.push(start..start + value.len());
                }
            }
            for pattern in &self.patterns {
                let mut cache = pattern.create_cache();
                let input = Input::new(text).range(start..).anchored(Anchored::Yes);
                if let Some(hit) = pattern.find_iter(&mut cache, input).next() {
                    found.push(hit.range());
                }
            }
        }
        found
    }

    pub fn hidden(&self, text: &[u8]) -> Vec<bool> {
        let mut hidden = vec![false; text.len()];
        for occurrence in self.occurrences(text) {
            hidden[occurrence].fill(true);
        }
        hidden
    }
}
