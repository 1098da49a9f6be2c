//! Pairs of bytes that stand near the beginning of everything that is searched for: one of each occurrence's pairs is found by
//! a look at every second byte of a text. Never misses an occurrence of which enough bytes are there.

use std::collections::{HashMap, HashSet};

use super::HIDDEN_BEGINNING;
use super::fingerprints::LENGTH;
use super::program::{Program, State};

/// Largest distance of a pair from the beginning of its occurrence.
pub const REACH: usize = 8;

/// Share of a text's pairs, as one in so many, from which on a search for them saves nothing.
const MOST: u64 = 16;

/// Pairs that are looked at together.
const STEP: usize = 8;

/// A set of pairs.
#[derive(Debug)]
pub struct Pairs {
    bits: Box<[u64; 1 << 10]>,
    /// Distances of each pair from the beginning of its occurrence, as bits.
    distances: Vec<u16>,
}

/// Pairs of a range of first bytes and one of second bytes, so far from the beginning.
#[derive(Debug, Clone, Copy)]
struct Block {
    at: usize,
    first: (u8, u8),
    second: (u8, u8),
}

impl Pairs {
    /// The pairs of these expressions; `None` if too many are common in texts.
    pub fn new(program: &Program, expressions: impl Iterator<Item = u32>) -> Option<Self> {
        let mut choice = Choice { program, costs: Costs::new(), best: HashMap::new() };
        let mut begins = Vec::new();
        for index in expressions {
            let held = (!program.has_group(index)).then_some(0);
            let first = choice.behind(vec![Place { state: program.start(index), at: 0, held }])?;
            for place in first {
                begins.push(place);
                for (_, second) in choice.steps(place) {
                    begins.extend(second?);
                }
            }
        }
        // Words at a beginning before those behind an escape: the pairs of the first are in the others too.
        begins.sort_by_key(|place| (place.held.is_none(), place.at));
        let mut blocks = Vec::new();
        for place in begins {
            blocks.extend(choice.take(place));
        }
        let pairs = Self::of(&blocks);
        let costs = Costs::new();
        let all = (0..=u16::MAX).map(u16::to_le_bytes);
        let (known, other): (Vec<_>, Vec<_>) = all.partition(|pair| pairs.contains(*pair));
        let cost =
            |pairs: Vec<[u8; 2]>| pairs.into_iter().map(|pair| costs.pair(pair)).sum::<u64>();
        (cost(known) * MOST < cost(other)).then_some(pairs)
    }

    fn of(blocks: &[Block]) -> Self {
        let (mut bits, mut distances) = (Box::new([0; 1 << 10]), vec![0; 1 << 16]);
        for block in blocks {
            for pair in block.pairs() {
                let (word, bit) = place(pair);
                bits[word] |= bit;
                distances[number(pair)] |= 1 << block.at;
            }
        }
        Self { bits, distances }
    }

    /// Offset of the first pair of the set at an even offset.
    pub fn first(&self, text: &[u8]) -> Option<usize> {
        let pairs = text.as_chunks::<2>().0;
        let (steps, rest) = pairs.as_chunks::<STEP>();
        let in_step = |step: &[[u8; 2]; STEP]| {
            step.iter().fold(false, |found, pair| found | self.contains(*pair))
        };
        let step = steps.iter().position(in_step);
        let from = step.unwrap_or(steps.len()) * STEP;
        let near = if step.is_some() { &pairs[from..from + STEP] } else { rest };
        let index = near.iter().position(|pair| self.contains(*pair))?;
        Some((from + index) * 2)
    }

    /// Places at which an occurrence with the pair at this offset may begin, the first one first.
    pub fn beginnings(&self, text: &[u8], at: usize) -> impl Iterator<Item = usize> {
        let distances = text[at..].first_chunk().map_or(0, |pair| self.distances[number(*pair)]);
        let near = (0..=REACH.min(at)).rev().filter(move |distance| distances >> distance & 1 != 0);
        near.map(move |distance| at - distance)
    }

    #[inline]
    fn contains(&self, pair: [u8; 2]) -> bool {
        let (word, bit) = place(pair);
        self.bits[word] & bit != 0
    }
}

#[inline]
fn number(pair: [u8; 2]) -> usize {
    usize::from(u16::from_le_bytes(pair))
}

/// Word and bit of a pair.
#[inline]
fn place(pair: [u8; 2]) -> (usize, u64) {
    (number(pair) >> 6, 1 << (number(pair) & 63))
}

impl Block {
    fn pairs(self) -> impl Iterator<Item = [u8; 2]> {
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

/// For each pair, a number that grows with its share in texts.
struct Costs(Vec<u64>);

impl Costs {
    fn new() -> Self {
        let mut costs: Vec<u64> = (0..=u16::MAX).map(|pair| unlisted(pair.to_le_bytes())).collect();
        let listed = COMMON.iter().flat_map(|line| line.as_bytes().as_chunks::<2>().0);
        for (rank, pair) in (1..).zip(listed) {
            costs[number(*pair)] = 4000 / (rank + 16);
        }
        Self(costs)
    }

    fn pair(&self, pair: [u8; 2]) -> u64 {
        self.0[number(pair)]
    }

    fn block(&self, block: Block) -> u64 {
        block.pairs().map(|pair| self.pair(pair)).sum()
    }
}

/// Cost of a pair that is not in the list.
fn unlisted(pair: [u8; 2]) -> u64 {
    let is_common = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if pair.into_iter().all(is_common) { 4 } else { 1 }
}

/// A state of a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    state: u32,
    /// Bytes from the match's beginning.
    at: usize,
    /// Bytes from the beginning of what a match hides.
    held: Option<usize>,
}

/// The choice of pairs.
struct Choice<'a> {
    program: &'a Program,
    costs: Costs,
    best: HashMap<Place, Best>,
}

#[derive(Debug, Default, Clone)]
struct Best {
    cost: u64,
    blocks: Vec<Block>,
}

impl Choice<'_> {
    /// The states that take a byte, reached from these without one; `None` if a match may end there.
    fn behind(&self, mut left: Vec<Place>) -> Option<Vec<Place>> {
        let (mut visited, mut found) = (HashSet::new(), Vec::new());
        while let Some(place) = left.pop() {
            if !visited.insert(place) {
                continue;
            }
            let state = self.program.state(place.state);
            match state {
                State::Match => return None,
                State::Range { .. } | State::Ranges(_) => found.push(place),
                _ => {
                    let begins = matches!(state, State::SecretBegins(_));
                    let held = place.held.or(begins.then_some(0));
                    let next = |state: &u32| Place { state: *state, held, ..place };
                    left.extend(state.without_byte().iter().map(next));
                }
            }
        }
        Some(found)
    }

    /// The cheapest pairs from a place on, which cost nothing more from now on.
    fn take(&mut self, place: Place) -> Vec<Block> {
        self.best.clear();
        let blocks = self.of(place).blocks;
        for pair in blocks.iter().flat_map(|block| block.pairs()) {
            self.costs.0[number(pair)] = 0;
        }
        blocks
    }

    /// The cheapest pairs for all matches that go on from here: of those with the same two bytes, these or a pair further on.
    fn of(&mut self, place: Place) -> Best {
        if let Some(best) = self.best.get(&place) {
            return best.clone();
        }
        let mut best = Best::default();
        for (first, second) in self.steps(place) {
            let Some(second) = second else {
                best.add(self.here(place, Block { at: place.at, first, second: (0, u8::MAX) }));
                continue;
            };
            for next in second {
                for (low, high, state) in self.program.state(next.state).ranges() {
                    let here = self.here(place, Block { at: place.at, first, second: (low, high) });
                    let later = self.later(Place { state, ..next.behind_byte() });
                    best.add(later.filter(|later| later.cost < here.cost).unwrap_or(here));
                }
            }
        }
        self.best.insert(place, best.clone());
        best
    }

    /// Each range of bytes that a place takes, with the places behind it, or `None` if a match may end there.
    fn steps(&self, place: Place) -> Vec<((u8, u8), Option<Vec<Place>>)> {
        let ranges = self.program.state(place.state).ranges();
        let step = |(first, last, state)| {
            ((first, last), self.behind(vec![Place { state, ..place.behind_byte() }]))
        };
        ranges.map(step).collect()
    }

    /// The pairs that begin at a place, which cost too much if a match can do without them.
    fn here(&self, place: Place, block: Block) -> Best {
        // A beginning that is hidden has to have the pair, and the pair has to be the same in JSON.
        let is_short = place.held.is_none_or(|held| held + 2 <= HIDDEN_BEGINNING);
        let is_plain = place.at + 2 <= LENGTH || block.is_plain();
        let cost = if is_short && is_plain { self.costs.block(block) } else { u64::MAX };
        Best { cost, blocks: vec![block] }
    }

    /// The pairs from a place on; `None` if that is too far, or a match may end there.
    fn later(&mut self, place: Place) -> Option<Best> {
        let places = (place.at <= REACH).then(|| self.behind(vec![place]))??;
        let mut later = Best::default();
        places.into_iter().for_each(|place| later.add(self.of(place)));
        Some(later)
    }
}

impl Best {
    fn add(&mut self, other: Self) {
        self.cost = self.cost.saturating_add(other.cost);
        self.blocks.extend(other.blocks);
    }
}

impl Place {
    /// The place one byte further on, where the state is another.
    fn behind_byte(self) -> Self {
        Self { at: self.at + 1, held: self.held.map(|held| held + 1), ..self }
    }
}
