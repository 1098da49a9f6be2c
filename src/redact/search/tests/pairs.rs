//! Places near a pair of bytes: none is missed, at any offset and at any end of a text.

use super::super::Form;
use super::*;
use crate::redact::rules;
use crate::redact::rules::tests::templates::Example;

fn built_in() -> Secrets {
    let until = |u: rules::Until| Until { end: u.end.to_owned(), lines: u.lines };
    let pattern = |rule: &rules::Rule| Pattern {
        name: rule.name.to_owned(),
        regex: rule.regex.to_owned(),
        until: rule.until.map(until),
    };
    Secrets::new(Vec::new(), rules::all().map(pattern).collect()).unwrap()
}

#[test]
fn the_built_in_rules_have_rare_pairs() {
    assert!(built_in().starts.has_pairs());
    assert!(!secrets(&[], &["[a-z ]{5}"]).starts.has_pairs());
}

#[test]
fn a_beginning_is_found_at_each_offset() {
    let with = built_in();
    let mut without = built_in();
    without.starts.forget_pairs();
    for (seed, rule) in rules::all().enumerate() {
        for template in rule.secrets {
            let example = Example::new(template, seed as u64 + 5).text;
            for pad in 0..20 {
                for before in ["", "\\n", "0m", "_", "\n"] {
                    let text = format!("{}{before}{example}", " ".repeat(pad));
                    let (mut a, mut b) = (Run::new(&with), Run::new(&without));
                    let shown = a.feed(&text).end().shown();
                    assert_eq!(shown, b.feed(&text).end().shown(), "{text:?}");
                    assert!(shown.contains('.') || before == "_", "{text:?}: {shown}");
                }
            }
        }
    }
}

#[test]
fn texts_of_parts_of_secrets_are_clean_with_and_without_pairs() {
    let with = built_in();
    let mut without = built_in();
    without.starts.forget_pairs();
    let mut parts: Vec<String> = ["\\n", "0m", "_", " ", "\n", "://", "a", ":", "--", "k"]
        .iter()
        .map(|part| (*part).to_owned())
        .collect();
    let examples = rules::all().flat_map(|rule| rule.secrets);
    for (seed, template) in examples.enumerate() {
        let text = Example::new(template, seed as u64).text;
        parts.extend([2, 3, 5, 7, 9, 999].map(|end| text.chars().take(end).collect()));
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let mut random = Random::new(3);
    let mut scratch = Scratch::default();
    let mut clean = 0;
    for _ in 0..20_000 {
        let text = random.text(&parts, 6);
        let is_clean = with.is_clean(&mut scratch, text.as_bytes(), Form::Text);
        assert_eq!(
            is_clean,
            without.is_clean(&mut scratch, text.as_bytes(), Form::Text),
            "{text:?}"
        );
        clean += u32::from(is_clean);
    }
    assert!((1000..19_000).contains(&clean), "{clean}");
}
