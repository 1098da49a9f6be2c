//! Pairs of bytes that stand near the beginning of everything that is searched for: one of each occurrence's pairs is found by
//! a look at every second byte of a text. Never misses an occurrence of which enough bytes are there.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::HIDDEN_BEGINNING;
use super::fingerprints::LENGTH;
use super::program::{Program, State};

/// Largest distance of a pair from the beginning of its occurrence.
pub const REACH: usize = 8;

/// Share of a text's pairs, as one in so many, from which on a search for them saves nothing.
const MOST: u64 = 8;

/// Pairs that are looked at together.
const STEP: usize = 8;

/// Number of all pairs.
const ALL: usize = 1 << 16;

/// A set of pairs: for each pair its distances from the beginning of an occurrence, as bits.
#[derive(Debug)]
pub struct Pairs(Box<[u16; ALL]>);

/// Pairs of a range of first bytes and one of second bytes, so far from the beginning.
#[derive(Debug, Clone, Copy)]
struct PairRanges {
    at: usize,
    first: (u8, u8),
    second: (u8, u8),
}

impl Pairs {
    /// The pairs of these expressions; `None` if too many are common in texts.
    pub fn new(program: &Program, expressions: impl Iterator<Item = u32>) -> Option<Self> {
        let mut choice = Choice { program, costs: Costs::new(), known: HashMap::new() };
        let mut begins = Vec::new();
        for index in expressions {
            let held = (!program.has_group(index)).then_some(0);
            let first = choice.behind(vec![Node { state: program.start(index), at: 0, held }])?;
            for node in first {
                begins.push(node);
                for step in choice.steps(node) {
                    begins.extend(step.nodes?);
                }
            }
        }
        // What is hidden from its beginning on has fewer pairs to choose from: others take the same ones.
        let (held, free): (Vec<_>, Vec<_>) =
            begins.into_iter().partition(|node| node.held.is_some());
        let mut all = choice.take(held);
        all.extend(choice.take(free));
        let pairs = Self::of(&all);
        let cost = |counts: &dyn Fn([u8; 2]) -> bool| -> u64 {
            common().filter(|(pair, _)| counts(*pair)).map(|(_, cost)| u64::from(cost)).sum()
        };
        (cost(&|pair| pairs.contains(pair)) * MOST < cost(&|_| true)).then_some(pairs)
    }

    fn of(all: &[PairRanges]) -> Self {
        let mut pairs = Self(Box::new([0; ALL]));
        for ranges in all {
            ranges.each().for_each(|pair| pairs.0[index(pair)] |= 1 << ranges.at);
        }
        pairs
    }

    /// The first place of which `begins` is true, among those at which an occurrence with one of the set's pairs at an even
    /// offset may begin.
    pub fn find(&self, text: &[u8], begins: impl Fn(usize) -> bool) -> Option<usize> {
        let near = |number: usize, pair: [u8; 2]| {
            let mut distances = self.0[index(pair)];
            while let Some(farthest) = distances.checked_ilog2() {
                distances ^= 1 << farthest;
                let place = (number * 2).checked_sub(farthest as usize);
                if place.is_some_and(&begins) {
                    return place;
                }
            }
            None
        };
        let (steps, rest) = text.as_chunks::<2>().0.as_chunks::<STEP>();
        for (number, step) in (0..).step_by(STEP).zip(steps) {
            if step.iter().fold(0, |any, pair| any | self.0[index(*pair)]) == 0 {
                continue;
            }
            // No branch for each pair: which of them it is cannot be predicted.
            let bit = |n: usize| u8::from(self.contains(step[n])) << n;
            let mut hits = (0..STEP).fold(0, |hits, n| hits | bit(n));
            while hits != 0 {
                let first = hits.trailing_zeros() as usize;
                hits &= hits - 1;
                if let Some(place) = near(number + first, step[first]) {
                    return Some(place);
                }
            }
        }
        (steps.len() * STEP..).zip(rest).find_map(|(number, pair)| near(number, *pair))
    }

    fn contains(&self, pair: [u8; 2]) -> bool {
        self.0[index(pair)] != 0
    }
}

/// Place of a pair in a table of all.
fn index(pair: [u8; 2]) -> usize {
    usize::from(u16::from_le_bytes(pair))
}

impl PairRanges {
    fn each(self) -> impl Iterator<Item = [u8; 2]> {
        let Self { first, second, .. } = self;
        (first.0..=first.1).flat_map(move |a| (second.0..=second.1).map(move |b| [a, b]))
    }

    /// True if each of the bytes stands for itself in a JSON string.
    fn is_plain(self) -> bool {
        [self.first, self.second].into_iter().all(|(first, last)| {
            let has = |byte| (first..=last).contains(&byte);
            first >= b' ' && !has(b'"') && !has(b'\\')
        })
    }
}

/// Pairs that are common in prose, source code and JSON, the most common ones first.
const COMMON: [&str; 6] = [
    r##"  ":,"",:"ine "ttereonster ts t seth"s aeshe, enndat:1anneden eaitex oe"les"\nta s\" ieltsnt1,ns"##,
    r##"pextoramur: tutrmetod 20{"edd"tiloutar-1"blicogeasrn "r n" `ngkivech rtyoklat"eteqypis cal fckus"##,
    r##"ou0211t_oc"v w| ma lha:2ilriag1-unlt"2m" b |v"acq" pomroa Z"dohoraioce"}blnc"d"k"rss` 16f kefiec"##,
    r##" ea"wecaruo "a6:nlpuk"ai =r"rssopl.  -olh _d n m"cofpay --fo23sirte\ad) pr 1= saim"\llna:0swt\-a"##,
    r##"oo {\tk\clno0.//14mpidhi1326()2230ot`` dbeau08b1em);od6-3:::l 8:ue3-00piowap2::{-3rcc8wi_t8be-ev"##,
    r##"T1 \ptrh0Tctmi4TT2spnishudg e.e_opuldsdit.lf hic utpsudas.os }e,po"iepeflu1" T ("mees:wrie}}e(),"##,
];

/// The common pairs, each with a number that grows with its share in texts.
fn common() -> impl Iterator<Item = ([u8; 2], u16)> {
    let pairs = COMMON.iter().flat_map(|line| line.as_bytes().as_chunks::<2>().0);
    (1..).zip(pairs).map(|(rank, pair)| (*pair, 4000 / (rank + 16)))
}

/// Cost of each pair, which grows with its share in texts.
struct Costs(Vec<u16>);

impl Costs {
    fn new() -> Self {
        let mut costs: Vec<u16> = (0..=u16::MAX).map(|pair| unlisted(pair.to_le_bytes())).collect();
        common().for_each(|(pair, cost)| costs[index(pair)] = cost);
        Self(costs)
    }

    fn of(&self, pairs: PairRanges) -> u64 {
        pairs.each().map(|pair| u64::from(self.0[index(pair)])).sum()
    }
}

/// Cost of a pair that is not in the list.
fn unlisted(pair: [u8; 2]) -> u16 {
    let is_common = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if pair.into_iter().all(is_common) { 4 } else { 1 }
}

/// A state of a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Node {
    state: u32,
    /// Bytes from the match's beginning.
    at: usize,
    /// Bytes from the beginning of what a match hides.
    held: Option<usize>,
}

/// A range of bytes, with the nodes behind it, or `None` if a match may end there.
struct Step {
    bytes: (u8, u8),
    nodes: Option<Vec<Node>>,
}

/// The choice of pairs.
struct Choice<'a> {
    program: &'a Program,
    costs: Costs,
    /// The choice from a node on.
    known: HashMap<Node, Option<Rc<Best>>>,
}

#[derive(Debug, Default, Clone)]
struct Best {
    cost: u64,
    all: Vec<PairRanges>,
}

impl Choice<'_> {
    /// The states that take a byte, reached from these without one; `None` if a match may end there.
    fn behind(&self, mut left: Vec<Node>) -> Option<Vec<Node>> {
        let (mut visited, mut found) = (HashSet::new(), Vec::new());
        if let [Node { state, .. }] = left[..]
            && self.program.state(state).ranges().next().is_some()
        {
            return Some(left);
        }
        while let Some(node) = left.pop() {
            if !visited.insert(node) {
                continue;
            }
            let state = self.program.state(node.state);
            match state {
                State::Match => return None,
                State::Range { .. } | State::Ranges(_) => found.push(node),
                _ => {
                    let begins = matches!(state, State::SecretBegins(_));
                    let held = node.held.or(begins.then_some(0));
                    let next = |state: &u32| Node { state: *state, held, ..node };
                    left.extend(state.without_byte().iter().map(next));
                }
            }
        }
        Some(found)
    }

    /// The cheapest pairs of matches that begin at these nodes. They cost nothing more from now on.
    fn take(&mut self, nodes: Vec<Node>) -> Vec<PairRanges> {
        self.known.clear();
        let all: Vec<PairRanges> = nodes.into_iter().flat_map(|node| self.of(node).all).collect();
        for pair in all.iter().flat_map(|pairs| pairs.each()) {
            self.costs.0[index(pair)] = 0;
        }
        all
    }

    /// The cheapest pairs for all matches that go on from here: of those with the same two bytes, these or a pair further on.
    fn of(&mut self, node: Node) -> Best {
        let mut best = Best::default();
        for Step { bytes: first, nodes } in self.steps(node) {
            let Some(nodes) = nodes else {
                best.add(&self.here(PairRanges { at: node.at, first, second: (0, u8::MAX) }, node));
                continue;
            };
            for next in nodes {
                for (low, high, state) in self.program.state(next.state).ranges() {
                    let pairs = PairRanges { at: node.at, first, second: (low, high) };
                    let here = self.here(pairs, node);
                    // Nothing costs less than 1, and behind an escape all bytes stand elsewhere.
                    let goes_on = (2..u64::MAX).contains(&here.cost);
                    let later = goes_on.then(|| self.later(next.behind_byte(state))).flatten();
                    match later {
                        Some(later) if later.cost < here.cost => best.add(&later),
                        _ => best.add(&here),
                    }
                }
            }
        }
        best
    }

    /// Each range of bytes that a node takes.
    fn steps(&self, node: Node) -> Vec<Step> {
        let ranges = self.program.state(node.state).ranges();
        let step = |(first, last, state)| Step {
            bytes: (first, last),
            nodes: self.behind(vec![node.behind_byte(state)]),
        };
        ranges.map(step).collect()
    }

    /// The pairs that begin at a node, which cost too much if a match can do without them.
    fn here(&self, pairs: PairRanges, node: Node) -> Best {
        // A beginning that is hidden has to have the pair, and the pair has to be the same in JSON.
        let is_short = node.held.is_none_or(|held| held + 2 <= HIDDEN_BEGINNING);
        let is_plain = node.at + 2 <= LENGTH || pairs.is_plain();
        let cost = if is_short && is_plain { self.costs.of(pairs) } else { u64::MAX };
        Best { cost, all: vec![pairs] }
    }

    /// The pairs from a node on; `None` if that is too far, or a match may end there.
    fn later(&mut self, node: Node) -> Option<Rc<Best>> {
        if node.at > REACH {
            return None;
        }
        if let Some(known) = self.known.get(&node) {
            return known.clone();
        }
        let later = self.behind(vec![node]).map(|nodes| {
            let mut later = Best::default();
            nodes.into_iter().for_each(|node| later.add(&self.of(node)));
            Rc::new(later)
        });
        self.known.insert(node, later.clone());
        later
    }
}

impl Best {
    fn add(&mut self, other: &Self) {
        self.cost = self.cost.saturating_add(other.cost);
        self.all.extend_from_slice(&other.all);
    }
}

impl Node {
    /// The node one byte further on.
    fn behind_byte(self, state: u32) -> Self {
        Self { state, at: self.at + 1, held: self.held.map(|held| held + 1) }
    }
}
