//! Random texts full of near misses, whole and in pieces, against the reference.

use super::reference::Reference;
use super::{Random, Run, secrets};

/// Patterns of which none goes on over two line feeds.
pub const PATTERNS: &[&str] = &[
    "abc+",
    r"\babc\b",
    "a(b|c)*c",
    "(a+)+b",
    "^ab",
    "(?m)^a[bc]+$",
    "(?mR)^b[ac]+$",
    "ab{2,4}",
    r"\Bbc",
    "ab|abc|bca",
    "[a-c]{3}_",
    "a.b",
    "é+a",
    "(?i)AbC",
    r"\b{start}ab",
    r"bc\b{end}",
    r"\b{start-half}ca",
    r"(?-u:\b)ba",
    "ca$",
    "c[^_\n]*_",
    "(?:ab){3,}c?",
    r"a\b-\bb",
    "(a|b)*c",
    "c{2}(?:_a{3,5})?",
    "[^abc_\n]{2}b",
];

pub const VALUES: &[&str] =
    &["abcabcab", "abcabcabca", "bcabc", "aaaaaaaaab", "é—cab", "abé", "__a_a_", "ca", "cccbcccb"];

pub const PARTS: &[&str] = &[
    "a", "b", "c", "a", "b", "c", "_", "-", "\n", "\r\n", "é", "abc", "abcab", "aaaa", "ccc", "é",
];

/// A few of the rules.
pub fn some<'a>(random: &mut Random, rules: &[&'a str], most: usize) -> Vec<&'a str> {
    (0..random.below(most + 1)).map(|_| random.pick(rules)).collect()
}

/// Feeds a text in random pieces, also empty ones.
fn feed_pieces(run: &mut Run, random: &mut Random, text: &[u8]) {
    let longest = 1 + random.pick(&[&1, &3, &7, &100]);
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(random.below(longest + 1).min(rest.len()));
        run.feed(piece);
        rest = behind;
    }
}

#[test]
fn each_pattern_hides_what_the_reference_hides() {
    for (seed, pattern) in (0..).zip(PATTERNS) {
        let (search, reference) = (secrets(&[], &[pattern]), Reference::new(&[], &[pattern]));
        let mut random = Random::new(seed);
        for _ in 0..400 {
            let text = random.text(PARTS, 16) + "\n\n";
            let mut run = Run::new(&search);
            run.feed(&text).end();
            assert_eq!(run.hidden(), reference.hidden(text.as_bytes()), "{pattern} {text:?}");
        }
    }
}

#[test]
fn values_and_patterns_together_hide_what_the_reference_hides_however_the_text_is_cut() {
    for seed in 0..3000 {
        let mut random = Random::new(seed);
        let values = some(&mut random, VALUES, 4);
        let patterns = some(&mut random, PATTERNS, 5);
        let (search, reference) = (secrets(&values, &patterns), Reference::new(&values, &patterns));
        let text = random.text(PARTS, 30) + "\n\n";
        let mut run = Run::new(&search);
        feed_pieces(&mut run, &mut random, text.as_bytes());
        run.end();
        let expected = reference.hidden(text.as_bytes());
        assert_eq!(run.hidden(), expected, "seed {seed}: {values:?} {patterns:?} {text:?}");
    }
}

#[test]
fn a_cut_end_hides_the_same_however_the_text_is_cut() {
    let patterns: Vec<&str> = PATTERNS.iter().chain(super::groups::PATTERNS).copied().collect();
    for seed in 0..3000 {
        let mut random = Random::new(seed);
        let values = some(&mut random, VALUES, 3);
        let patterns = some(&mut random, &patterns, 5);
        let search = secrets(&values, &patterns);
        let text = random.text(PARTS, 30);
        let mut whole = Run::new(&search);
        whole.feed(&text).end();
        for _ in 0..3 {
            let mut run = Run::new(&search);
            feed_pieces(&mut run, &mut random, text.as_bytes());
            run.end();
            let message = format!("seed {seed}: {values:?} {patterns:?} {text:?}");
            assert_eq!(run.hidden(), whole.hidden(), "{message}");
        }
        let expected = Reference::new(&values, &[]).hidden(text.as_bytes());
        let hides = expected.iter().zip(whole.hidden()).all(|(expected, is)| is || !expected);
        assert!(hides, "seed {seed}: {values:?} {text:?}");
    }
}

#[test]
fn keys_are_hidden_the_same_however_the_text_is_cut() {
    let parts = [
        "-----BEGIN KEY-----",
        "-----END KEY-----",
        "-----BEGIN",
        " KEY--",
        "---",
        "a",
        "\n",
        "\\n",
        "n",
        "\\",
    ];
    for seed in 0..2000 {
        let mut random = Random::new(seed);
        let search = super::keys(1 + random.below(3) as u32);
        let text = random.text(&parts, 25);
        let mut whole = Run::new(&search);
        whole.feed(&text).end();
        let mut run = Run::new(&search);
        feed_pieces(&mut run, &mut random, text.as_bytes());
        run.end();
        assert_eq!(run.hidden(), whole.hidden(), "seed {seed}: {text:?}");
        assert_eq!(run.search.is_hiding(), whole.search.is_hiding(), "seed {seed}: {text:?}");
    }
}

#[test]
fn any_bytes_are_searched_the_same_however_they_are_cut() {
    let search = secrets(&["abcabc", "é—cab"], &[r"\bé+\b", "a[^b]*b", r"(?s)c.{3}a", r"\wa"]);
    for seed in 0..2000 {
        let mut random = Random::new(seed);
        let bytes = b"abc\n\xC3\xA9\xE2\x80\x94\xFF\xF0";
        let text: Vec<u8> =
            (0..random.below(60)).map(|_| bytes[random.below(bytes.len())]).collect();
        let mut whole = Run::new(&search);
        whole.feed(&text).end();
        let mut run = Run::new(&search);
        feed_pieces(&mut run, &mut random, &text);
        run.end();
        assert_eq!(run.hidden(), whole.hidden(), "seed {seed}: {text:?}");
    }
}
