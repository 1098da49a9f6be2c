//! Tests of the search: helpers, and examples of each promise. Never compares with itself only; `reference` is another
//! implementation.

mod bounds;
mod cuts;
mod examples;
mod groups;
mod pairs;
mod reference;
mod refused;
mod release;

use super::{Pattern, Scratch, Search, Secrets, Span, Until};

/// Secrets without end markers.
fn secrets(values: &[&str], patterns: &[&str]) -> Secrets {
    let values = values.iter().map(|v| ((*v).to_owned(), v.as_bytes().to_vec())).collect();
    let pattern = |regex: &&str| Pattern {
        name: (*regex).to_owned(),
        regex: (*regex).to_owned(),
        until: None,
    };
    Secrets::new(values, patterns.iter().map(pattern).collect()).unwrap()
}

/// Private keys, hidden for `lines` lines at most.
fn keys(lines: u32) -> Secrets {
    let until = Until { end: "-----END [A-Z ]*KEY-----".to_owned(), lines };
    let regex = "-----BEGIN [A-Z ]*KEY-----".to_owned();
    Secrets::new(Vec::new(), vec![Pattern { name: "key".to_owned(), regex, until: Some(until) }])
        .unwrap()
}

/// A search with what it found; each call checks the promises of the interface.
struct Run<'a> {
    secrets: &'a Secrets,
    search: Search,
    scratch: Scratch,
    text: Vec<u8>,
    spans: Vec<Span>,
}

impl<'a> Run<'a> {
    fn new(secrets: &'a Secrets) -> Self {
        Self::with(secrets, Search::default())
    }

    fn with(secrets: &'a Secrets, search: Search) -> Self {
        let scratch = Scratch::default();
        Self { secrets, search, scratch, text: Vec::new(), spans: Vec::new() }
    }

    fn feed(&mut self, piece: impl AsRef<[u8]>) -> &mut Self {
        let piece = piece.as_ref();
        self.text.extend_from_slice(piece);
        self.call(|search, secrets, scratch, found| search.feed(secrets, scratch, piece, found));
        self
    }

    fn settle(&mut self) -> &mut Self {
        self.call(|search, secrets, _, found| search.settle(secrets, found));
        assert_eq!(self.search.decided(), self.text.len() as u64, "settled, but not decided");
        self
    }

    fn end(&mut self) -> &mut Self {
        self.call(Search::end);
        assert_eq!(self.search.decided(), self.text.len() as u64, "ended, but not decided");
        self
    }

    fn call(&mut self, act: impl FnOnce(&mut Search, &Secrets, &mut Scratch, &mut Vec<Span>)) {
        let before = self.search.decided();
        let count = self.spans.len();
        act(&mut self.search, self.secrets, &mut self.scratch, &mut self.spans);
        let decided = self.search.decided();
        assert!(before <= decided && decided <= self.text.len() as u64);
        let mut end = before;
        for span in &self.spans[count..] {
            assert!(end <= span.start && span.start < span.end && span.end <= decided, "{span:?}");
            end = span.end;
        }
        let first = count.max(1);
        for pair in self.spans[first - 1..].windows(2) {
            assert!(!pair[1].continues || pair[0].end == pair[1].start, "{pair:?}");
        }
    }

    /// The text with a dot for each hidden byte.
    fn shown(&self) -> String {
        let mut bytes = self.text.clone();
        for span in &self.spans {
            bytes[span.start as usize..span.end as usize].fill(b'.');
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// True for each hidden byte.
    fn hidden(&self) -> Vec<bool> {
        let mut hidden = vec![false; self.text.len()];
        for span in &self.spans {
            hidden[span.start as usize..span.end as usize].fill(true);
        }
        hidden
    }

    /// The text as it leaves: one `[rule]` for each secret.
    fn replaced(&self) -> String {
        let mut text = String::new();
        let mut from = 0;
        for span in &self.spans {
            text += &String::from_utf8_lossy(&self.text[from..span.start as usize]);
            if !span.continues {
                text += &format!("[{}]", self.secrets.name(span.rule));
            }
            from = span.end as usize;
        }
        text + &String::from_utf8_lossy(&self.text[from..self.search.decided() as usize])
    }
}

/// The text of these pieces with a dot for each hidden byte.
fn shown(secrets: &Secrets, pieces: &[&str]) -> String {
    let mut run = Run::new(secrets);
    for piece in pieces {
        run.feed(piece);
    }
    run.end().shown()
}

/// A generator of numbers (xorshift), so that each failure can be repeated.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 16) % limit as u64) as usize
    }

    fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }

    /// A text of at most `length` parts.
    fn text(&mut self, parts: &[&str], length: usize) -> String {
        (0..self.below(length + 1)).map(|_| self.pick(parts)).collect()
    }
}
