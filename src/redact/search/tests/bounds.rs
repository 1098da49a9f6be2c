//! Limits: the work for a byte, what stays undecided, and what a search that finds nothing keeps.

use super::super::hidden::MOST_BYTES;
use super::super::secrets::MOST_UNDECIDED;
use super::{Run, Search, keys, secrets};

/// Visited states for each byte of a text, on average.
fn work(pattern: &str, text: &str) -> u64 {
    let search = secrets(&[], &[pattern]);
    let mut run = Run::new(&search);
    for piece in text.as_bytes().chunks(4096) {
        run.feed(piece);
        let undecided = run.text.len() as u64 - run.search.decided();
        assert!(undecided <= MOST_UNDECIDED, "{pattern}: {undecided} bytes are undecided");
    }
    run.end();
    run.scratch.work / text.len() as u64
}

#[test]
fn hostile_patterns_take_linear_time() {
    let text = "a".repeat(1 << 20);
    for pattern in ["(a+)+$", "(a|b)*c", "(a|aa)+b", "(?:a?){50}a{50}b", "(a*)*(a*)*x"] {
        let states = super::super::compile::expression(pattern).unwrap().nfa.states().len() as u64;
        let work = work(pattern, &text[..text.len() / 8]);
        assert!(work <= 3 * states, "{pattern}: {work} visits for a byte, {states} states");
    }
    assert!(work("(a+)+$", &text) < 40);
    assert!(work("(a|b)*c", &text) < 40);
}

#[test]
fn a_bounded_repeat_costs_its_bound() {
    let work = work("[a-z]{1,200}x", &"a".repeat(1 << 18));
    assert!(work < 5 * 200, "{work} visits for a byte");
}

#[test]
fn what_stays_undecided_for_too_long_is_hidden_while_it_may_match() {
    let search = secrets(&[], &["x[a-z]*!"]);
    let mut run = Run::new(&search);
    run.feed("(x").feed("a".repeat(MOST_UNDECIDED as usize - 1));
    assert_eq!(run.search.decided(), 1);
    run.feed("a");
    assert_eq!(run.search.decided(), MOST_UNDECIDED + 2);
    run.feed("aaa").feed(" aaa").end();
    let shown = run.shown();
    assert_eq!(shown, format!("({} aaa", ".".repeat(MOST_UNDECIDED as usize + 4)));
    assert_eq!(run.replaced(), "([x[a-z]*!] aaa");
}

#[test]
fn the_limit_counts_from_the_earliest_byte_that_waits() {
    let search = secrets(&[], &["x[a-z]*:(?<secret>[a-z]*)!", "y[a-z:]*!"]);
    let mut run = Run::new(&search);
    run.feed("xy:").feed("a".repeat(MOST_UNDECIDED as usize - 2));
    assert_eq!(run.search.decided(), 1);
    run.feed("a");
    assert_eq!(run.search.decided(), MOST_UNDECIDED + 2);
}

#[test]
fn a_value_may_be_longer_than_the_limit() {
    let value: String = (0..40_000).map(|i| char::from(b'a' + (i / 7 % 26) as u8)).collect();
    let search = secrets(&[&value], &[]);
    let mut run = Run::new(&search);
    run.feed(&value[..39_999]);
    assert_eq!(run.search.decided(), 0);
    run.feed("!").feed(&value).end();
    assert!(run.hidden()[40_000..].iter().all(|hidden| *hidden));
}

#[test]
fn a_marker_hides_a_bounded_text() {
    let search = keys(1000);
    let mut run = Run::new(&search);
    run.feed("-----BEGIN KEY-----").feed("k".repeat(MOST_BYTES as usize)).feed("k").end();
    let hidden = run.hidden();
    assert_eq!(hidden.iter().filter(|hidden| !**hidden).count(), 1);
    assert!(!run.search.is_hiding());
}

#[test]
fn a_search_that_finds_no_beginning_allocates_nothing() {
    let search = secrets(&["correct-horse"], &["ghp_[a-z]{8}"]);
    let mut run = Run::new(&search);
    run.feed("ordinary text, a battery staple. ");
    let Search { threads, covers, .. } = &run.search;
    assert_eq!((threads.capacity(), covers.capacity()), (0, 0));
    assert_eq!(run.search.decided(), run.text.len() as u64);
}
