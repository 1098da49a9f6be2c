//! The group `secret` against the crate regex.

use regex::Regex;

use super::{Random, Run, secrets};

pub const PATTERNS: &[&str] = &[
    "b(?<secret>[ac]+)_",
    "a(?<secret>b*)c*a",
    "(?:a(?<secret>b)c*)+_",
    "c(?<secret>.*)a",
    "(?<secret>a+)b",
    r"_\b(?<secret>\w+)\b-",
    "a+(?<secret>a[bc]*?)c",
];

const PARTS: &[&str] = &["a", "b", "c", "_", "-", "ab", "b-", "_a", "\n"];

#[test]
fn a_group_that_the_crate_regex_finds_is_hidden() {
    for seed in 0..4000 {
        let mut random = Random::new(seed);
        let pattern = random.pick(PATTERNS);
        let text = random.text(PARTS, 20);
        let search = secrets(&[], &[pattern]);
        let mut run = Run::new(&search);
        for byte in text.as_bytes() {
            run.feed([*byte]);
        }
        let hidden = run.end().hidden();
        for captures in Regex::new(pattern).unwrap().captures_iter(&text) {
            let group = captures.name("secret").unwrap().range();
            let message = format!("seed {seed}: {pattern} {text:?} {group:?} {}", run.shown());
            assert!(hidden[group].iter().all(|hidden| *hidden), "{message}");
        }
    }
}

#[test]
fn what_stands_around_one_group_is_not_hidden() {
    let text = "bac_ abba\ncabc";
    for (pattern, shown) in [
        ("b(?<secret>[ac]+)_", "b.._ abba\ncabc"),
        ("a(?<secret>b*)c*a", "bac_ a..a\ncabc"),
        ("a(?<secret>b)c", "bac_ abba\nca.c"),
        (r"(?<secret>\w+) a", ".... abba\ncabc"),
        ("c(?<secret>a)b(?:c|d)", "bac_ abba\nc.bc"),
    ] {
        assert_eq!(super::shown(&secrets(&[], &[pattern]), &[text]), shown, "{pattern}");
    }
}

#[test]
fn a_preferred_group_excludes_others_of_the_same_start() {
    let search = secrets(&[], &["pw=*(?<secret>[^ ]+)!"]);
    assert_eq!(super::shown(&search, &["pw==abc! "]), "pw==...! ");
}

#[test]
fn a_repeated_group_counts_from_its_first_beginning_to_its_last_end() {
    let search = secrets(&[], &["(?:a(?<secret>b))+_"]);
    assert_eq!(super::shown(&search, &["abab_ab"]), "a..._ab");
}
