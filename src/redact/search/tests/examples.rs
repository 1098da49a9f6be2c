//! Examples: each promise of the interface on one text.

use super::super::{RuleId, Search, Span};
use super::{Pattern, Run, Secrets, Until, keys, secrets, shown};

#[test]
fn a_value_is_hidden_in_any_place() {
    let search = secrets(&["correct-horse"], &[]);
    assert_eq!(
        shown(&search, &["a correct-horse, correct-hors, correct-horse"]),
        "a ............., correct-hors, ............."
    );
    assert_eq!(shown(&search, &["corcorrect-hor", "se!"]), "cor.............!");
}

#[test]
fn a_value_within_a_value_is_certain_at_once() {
    let search = secrets(&["12345678", "0123456789"], &[]);
    let mut run = Run::new(&search);
    run.feed("x012345678");
    assert_eq!(run.search.decided(), 1);
    run.feed("9");
    let span = Span { start: 1, end: 11, rule: RuleId(1), continues: false };
    assert_eq!(run.spans, [span]);
    assert_eq!(run.search.decided(), 11);
    assert_eq!(shown(&search, &["x012345678 "]), "x0........ ");
}

#[test]
fn overlapping_values_become_one_span() {
    let search = secrets(&["abcdefgh", "efghijkl"], &[]);
    let mut run = Run::new(&search);
    run.feed("-abcdefghijkl-").end();
    assert_eq!(run.replaced(), "-[abcdefgh]-");
    let mut run = Run::new(&search);
    run.feed("-abcdefgh").feed("ijkl-").end();
    assert_eq!(run.replaced(), "-[abcdefgh]-");
    let mut run = Run::new(&search);
    run.feed("-efghijklabcdefgh-").end();
    assert_eq!(run.replaced(), "-[efghijkl][abcdefgh]-");
}

#[test]
fn a_match_that_only_gets_longer_leaves_as_it_comes() {
    let search = secrets(&[], &["ghp_[a-z]{4,}"]);
    let mut run = Run::new(&search);
    run.feed(">ghp_abc");
    assert_eq!(run.search.decided(), 1);
    run.feed("d");
    assert_eq!(run.search.decided(), 9);
    run.feed("ef");
    assert_eq!(run.search.decided(), 11);
    run.feed("g!").end();
    assert_eq!(run.replaced(), ">[ghp_[a-z]{4,}]!");
    assert_eq!(run.spans.len(), 3);
}

#[test]
fn the_longest_match_counts() {
    assert_eq!(shown(&secrets(&[], &["ab|abcd"]), &["abc abcd"]), "..c ....");
    assert_eq!(shown(&secrets(&[], &["a[a-z]*?z"]), &["abzcz!"]), ".....!");
}

#[test]
fn a_beginning_within_a_beginning_is_found() {
    let search = secrets(&[], &[r"ghp_[a-z0-9]{8}\b"]);
    assert_eq!(shown(&search, &["ghp_ghp_ghp_abcd1234."]), "ghp_ghp_.............");
    assert_eq!(shown(&search, &["ghp_ghp_", "gh", "p_abcd1234", "."]), "ghp_ghp_.............");
}

#[test]
fn a_look_is_decided_by_the_next_byte() {
    let search = secrets(&[], &[r"\bAKIA[A-Z0-9]{4}\b"]);
    let mut run = Run::new(&search);
    run.feed("AKIA1234");
    assert_eq!((run.search.decided(), run.spans.len()), (0, 0));
    run.feed("5");
    assert_eq!((run.search.decided(), run.spans.len()), (9, 0));
    run.feed(" AKIA1234").feed(" ");
    assert_eq!(run.shown(), "AKIA12345 ........ ");
    run.feed("AKIA1234").end();
    assert_eq!(run.shown(), "AKIA12345 ........ ........");
    assert_eq!(shown(&search, &["xAKIA1234 éAKIA1234 -AKIA1234"]), "xAKIA1234 éAKIA1234 -........");
}

#[test]
fn only_the_group_is_hidden_and_nothing_before_it_waits() {
    let search = secrets(&[], &[r"://[^\s/?#@:]*:(?<secret>[^\s/?#@]+)@"]);
    let mut run = Run::new(&search);
    run.feed("https://user");
    assert_eq!(run.search.decided(), 12);
    run.feed(":pass");
    assert_eq!(run.search.decided(), 13);
    run.feed("word@host/").end();
    assert_eq!(run.shown(), "https://user:........@host/");
    assert_eq!(shown(&search, &["http://localhost:8080", "/a@b"]), "http://localhost:8080/a@b");
    assert_eq!(shown(&search, &["http://localhost:8080"]), "http://localhost:8080");
    assert_eq!(shown(&search, &["http://user:passwo"]), "http://user:......");
}

#[test]
fn a_second_group_is_hidden_although_the_first_match_goes_on() {
    let search = secrets(&[], &["key=(?<secret>[a-z]+).*;"]);
    assert_eq!(shown(&search, &["key=abc key=defg x;"]), "key=... key=.... x;");
}

#[test]
fn a_cut_beginning_is_hidden_from_six_characters_on() {
    let search = secrets(&["correct-horse", "ééééééééé"], &[]);
    assert_eq!(shown(&search, &["a corre"]), "a corre");
    assert_eq!(shown(&search, &["a correc"]), "a ......");
    assert_eq!(shown(&search, &["a ééééé"]), "a ééééé");
    assert_eq!(shown(&search, &["a éééééé"]), "a ............");
}

#[test]
fn a_key_is_hidden_to_its_end_marker() {
    let search = keys(9);
    let key = "-----BEGIN RSA KEY-----\nabc\ndef\n-----END RSA KEY-----";
    let mut run = Run::new(&search);
    for piece in format!("a {key} b").as_bytes().chunks(3) {
        run.feed(piece);
    }
    run.end();
    assert_eq!(run.replaced(), "a [key] b");
}

#[test]
fn a_key_without_an_end_is_hidden_for_some_lines() {
    let search = keys(2);
    assert_eq!(shown(&search, &["-----BEGIN KEY-----\na\nb\n"]), "......................b\n");
    assert_eq!(
        shown(&search, &[r"-----BEGIN KEY-----\na", r"\nb\n"]),
        r"........................b\n"
    );
}

#[test]
fn a_key_goes_on_in_the_next_text() {
    let search = keys(3);
    let mut first = Run::new(&search);
    first.feed("key: -----BEGIN KEY-----\nabc").end();
    assert!(first.search.is_hiding());
    let mut second = Run::with(&search, Search::after(&first.search));
    second.feed("def").end();
    let mut third = Run::with(&search, Search::after(&second.search));
    third.feed("gh-----END KEY-----ij").end();
    assert_eq!((second.shown(), third.shown()), ("...".into(), "...................ij".into()));
    assert!(!third.search.is_hiding());
}

fn marker(regex: &str, end: &str, lines: u32) -> Pattern {
    let until = Some(Until { end: end.to_owned(), lines });
    Pattern { name: regex.to_owned(), regex: regex.to_owned(), until }
}

#[test]
fn an_end_marker_counts_only_while_its_text_is_hidden() {
    let search = Secrets::new(Vec::new(), vec![marker("BEGIN", r"x[^!]*!", 1)]).unwrap();
    let mut run = Run::new(&search);
    run.feed("BEGINx\nabc");
    assert_eq!(run.search.decided(), 10);
    run.feed("BEGIN!y\nz").end();
    assert_eq!(run.replaced(), "[BEGIN]abc[BEGIN]z");
}

#[test]
fn a_value_behind_a_key_that_began_in_it_is_hidden() {
    let patterns = vec![marker("BEGIN", "END", 9)];
    let values = vec![("value".to_owned(), b"xENDyyyyyyy".to_vec())];
    let search = Secrets::new(values, patterns).unwrap();
    assert_eq!(shown(&search, &["BEGIN xENDyyyyyyy z"]), "................. z");
    assert_eq!(shown(&search, &["BEGIN xENDyyyyyyz"]), "..........yyyyyyz");
}

#[test]
fn the_rule_is_that_of_the_longest_value() {
    let search = secrets(&["abcdefgh", "abcdefghijkl"], &[]);
    let mut run = Run::new(&search);
    run.feed("abcdefghijkl").end();
    assert_eq!(run.replaced(), "[abcdefghijkl]");
}

#[test]
fn a_word_starts_behind_an_escape_too() {
    let search = secrets(&[], &["(?<word_start>)key-[0-9]{4}"]);
    for (before, is_hidden) in [
        ("", true),
        ("- ", true),
        ("\n", true),
        (r"\n", true),
        (r"\t", true),
        ("[m", true),
        ("\x1b[1;32m", true),
        ("\u{e4}", true),
        ("n", false),
        ("xm", false),
        (r"\m", false),
        ("_", false),
        ("2n", false),
    ] {
        let text = format!("{before}key-1234.");
        let want = if is_hidden { format!("{before}.........") } else { text.clone() };
        assert_eq!(shown(&search, &[&text]), want);
        let letters: Vec<String> = text.chars().map(String::from).collect();
        let pieces: Vec<&str> = letters.iter().map(String::as_str).collect();
        assert_eq!(shown(&search, &pieces), want);
    }
}
