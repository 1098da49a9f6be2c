//! Patterns that are refused, with the place of the error.

use super::super::{BadPattern, BuildError, Part, Pattern, Secrets, Until};

fn refusal(regex: &str, end: &str) -> BadPattern {
    let good = Pattern { name: "a".to_owned(), regex: "aaa".to_owned(), until: None };
    let until = Some(Until { end: end.to_owned(), lines: 3 });
    let bad = Pattern { name: "b".to_owned(), regex: regex.to_owned(), until };
    match Secrets::new(Vec::new(), vec![good, bad]) {
        Err(BuildError::Pattern(bad)) => bad,
        other => panic!("{regex}: {other:?}"),
    }
}

#[test]
fn a_syntax_error_has_its_place() {
    let bad = refusal("abc[", "end");
    assert_eq!((bad.index, bad.part, bad.error.offset), (1, Part::Regex, 3));
    assert_eq!(bad.error.message, "unclosed character class");
    let bad = refusal("abc", r"é\q");
    assert_eq!((bad.index, bad.part, bad.error.offset), (1, Part::End, 2));
    assert_eq!(refusal(r"x\pX", "end").error.offset, 1);
}

#[test]
fn what_matches_the_empty_text_or_nothing_is_refused() {
    for regex in ["", "a*", r"\b", "a|", "(?<secret>)", "^$"] {
        assert_eq!(refusal(regex, "end").error.message, "it matches the empty text", "{regex}");
    }
    assert_eq!(refusal(r"[a&&b]", "end").error.message, "it matches nothing");
    assert_eq!(refusal("abc", "x?").error.message, "it matches the empty text");
}

#[test]
fn a_part_of_a_character_cannot_match() {
    for regex in [r"(?-u)\xFF", "(?-u:.)a", r"(?-u:[^a])", r"(?s-u:.)"] {
        let message = refusal(regex, "end").error.message;
        assert_eq!(message, "pattern can match invalid UTF-8", "{regex}");
    }
}

#[test]
fn a_group_has_to_take_part() {
    for regex in ["a(?<secret>b)?", "(?:a|(?<secret>b))", "a(?:(?<secret>b)c)*"] {
        let message = refusal(regex, "end").error.message;
        assert!(message.contains("does not take part"), "{regex}: {message}");
    }
}

#[test]
fn a_pattern_that_is_too_large_is_refused() {
    for regex in ["[a-z]{1025}", "(?:(?:abc){1,30}){1,30}", "(?:a{1000}){1000}", r"\w{1000,2000}"] {
        refusal(regex, "end");
    }
    refusal(&"(".repeat(1000), "end");
}
