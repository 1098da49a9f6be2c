//! The promise to the reader: what has left holds no six consecutive characters of a secret, whatever comes later, and
//! however often time is up before the secret is complete.

use super::super::HIDDEN_BEGINNING;
use super::cuts::{PATTERNS, some};
use super::reference::Reference;
use super::{Random, Run, secrets};

const LONG_VALUES: &[&str] = &[
    "abcabcabcabc",
    "abcabcabcabcabcabd",
    "bcabcabc",
    "aaaaaaaaaaab",
    "éé—éé—éé—é",
    "😀a😀b😀c😀d",
    "aé😀—aé😀—aé😀—b",
    "__a_a_a__",
    "cccbcccbcccbcccb",
];

const PARTS: &[&str] = &[
    "a",
    "b",
    "c",
    "_",
    "abc",
    "abcabc",
    "abcabcabc",
    "aaaa",
    "ccc",
    "cccb",
    "é",
    "—",
    "éé—",
    "😀",
    "aé😀—",
    "😀a",
    "😀b",
    "\n",
];

/// Longest run of characters in `range` that left, in characters.
fn longest_left(text: &str, hidden: &[bool], range: std::ops::Range<usize>) -> usize {
    let (mut longest, mut run) = (0, 0);
    for (at, character) in text[range.clone()].char_indices() {
        let bytes = range.start + at..range.start + at + character.len_utf8();
        run = if hidden[bytes].contains(&true) { 0 } else { run + 1 };
        longest = longest.max(run);
    }
    longest
}

#[test]
fn no_six_characters_of_a_secret_leave_with_settles_anywhere() {
    let mut complete = 0;
    for seed in 0..6000 {
        let mut random = Random::new(seed);
        let values = some(&mut random, LONG_VALUES, 5);
        let patterns = some(&mut random, PATTERNS, 3);
        let search = secrets(&values, &patterns);
        let text = random.text(PARTS, 30);
        let rarely = 1 + random.below(6);
        let mut run = Run::new(&search);
        for byte in text.as_bytes() {
            run.feed([*byte]);
            if random.below(rarely) == 0 {
                run.settle();
            }
        }
        run.end();
        let hidden = run.hidden();
        for occurrence in Reference::new(&values, &patterns).occurrences(text.as_bytes()) {
            complete += 1;
            let left = longest_left(&text, &hidden, occurrence.clone());
            let message = format!("seed {seed}: {values:?} {patterns:?} {text:?} {occurrence:?}");
            assert!(left < HIDDEN_BEGINNING, "{message}: {}", run.shown());
        }
    }
    assert!(complete > 10_000, "the texts hold only {complete} secrets");
}

#[test]
fn no_six_characters_of_a_value_leave_when_the_text_ends_anywhere() {
    for seed in 0..3000 {
        let mut random = Random::new(seed);
        let value = random.pick(LONG_VALUES);
        let search = secrets(&[value], &[]);
        let before = random.text(PARTS, 5);
        for (end, _) in value.char_indices() {
            let text = format!("{before}{}", &value[..end]);
            let mut run = Run::new(&search);
            run.feed(&text).end();
            let left = longest_left(&text, &run.hidden(), before.len()..text.len());
            assert!(left < HIDDEN_BEGINNING, "{value} {text:?}: {}", run.shown());
        }
    }
}

#[test]
fn the_rest_of_a_value_is_hidden_after_five_characters_left() {
    let search = secrets(&["correct-horse"], &[]);
    let mut run = Run::new(&search);
    run.feed("x corre").settle();
    assert_eq!(run.replaced(), "x corre");
    run.feed("ct").settle();
    assert_eq!(run.replaced(), "x corre[correct-horse]");
    run.feed("-hor").settle().feed("se y").end();
    assert_eq!(run.replaced(), "x corre[correct-horse] y");
}

#[test]
fn settles_at_each_character_let_five_characters_leave() {
    let search = secrets(&["correct-horse"], &[r"\bghp_[a-z0-9]{8,}"]);
    let mut run = Run::new(&search);
    for byte in "correct-horse ghp_abcdefghij.".bytes() {
        run.feed([byte]).settle();
    }
    assert_eq!(run.shown(), "corre........ ghp_a..........");
}
