//! The quick proof that a line has no secret agrees with the search of its strings, wherever a secret ends or is cut.

use super::*;
use crate::redact::rules::tests::templates::Example;
use crate::redact::search::Form;
use crate::redact::text::Text;

/// Texts before a secret: nothing, words, and characters that JSON escapes or that begin a word.
const BEFORE: [&str; 12] =
    ["", "word", "word ", "\n", "\\", "\\\\n", "\\n", "\"", "\u{e4}", "\x1b[32m", "\nm", "2m"];

/// Texts behind a secret.
const BEHIND: [&str; 8] = ["", "\n", "\"", "\\", " ", ".\n\n", "\u{e4}", "\n\"end\" "];

fn finder(patterns: Vec<Pattern>) -> Finder {
    Options { values: vec![], patterns, key: None, within: WITHIN }.finder().unwrap()
}

fn pattern(regex: &str) -> Vec<Pattern> {
    vec![Pattern { name: "p".to_owned(), regex: regex.to_owned(), until: None }]
}

/// True if something in a text is hidden, by the search that reads all of it.
fn is_hidden(finder: &mut Finder, text: &str) -> bool {
    let mut whole = Text::default();
    whole.feed(finder, text.as_bytes());
    whole.end(finder);
    !whole.hidden().is_empty() || whole.hiding().is_some()
}

fn status(message: &str) -> String {
    event("s", 1, &json!({"type": "status", "kind": "log", "message": message, "data": [message]}))
}

#[test]
fn a_line_is_clean_if_and_only_if_its_strings_are() {
    let mut finder = finder(built_in());
    let (mut hidden, mut clean) = (0, 0);
    for (seed, rule) in rules::all().enumerate() {
        for template in rule.secrets {
            let example = Example::new(template, seed as u64 + 3).text;
            let cuts = example.char_indices().map(|(at, _)| at).chain([example.len()]);
            // Of a long secret the beginning, and some of the rest.
            for cut in cuts.filter(|at| *at < 48 || at % 17 == 0 || *at == example.len()) {
                let with_before = BEFORE.map(|before| (before, BEHIND[cut % BEHIND.len()]));
                let with_behind = BEHIND.map(|behind| (BEFORE[cut % BEFORE.len()], behind));
                for (before, behind) in with_before.into_iter().chain(with_behind) {
                    let text = format!("{before}{}{behind}", &example[..cut]);
                    let want = !is_hidden(&mut finder, &text);
                    let line = status(&text);
                    assert_eq!(finder.is_clean(text.as_bytes(), Form::Text), want, "{text:?}");
                    // Rare escapes are left to the search.
                    let is_rare = line.contains(r"\/") || line.contains(r"\u");
                    let is_clean = finder.is_clean(line.as_bytes(), Form::Json);
                    assert_eq!(is_clean, want && !is_rare, "{line}");
                    *if want { &mut clean } else { &mut hidden } += 1;
                }
            }
        }
    }
    assert!(hidden > 10_000 && clean > 5000, "{hidden} hidden, {clean} clean");
}

#[test]
fn a_pattern_that_depends_on_the_edges_of_a_text_is_found_in_json() {
    for (regex, found, others) in [
        ("^hunter[0-9]{4}", vec!["hunter1234"], vec!["a hunter1234", "\nhunter1234"]),
        ("(?m)^-hunter[0-9]{4}", vec!["-hunter1234", "a\n-hunter1234"], vec!["\"-hunter1234"]),
        ("hunter[0-9]{4}$", vec!["a hunter1234"], vec!["hunter1234\n", "hunter1234 "]),
        ("^\"hunter[0-9]{4}", vec!["\"hunter1234"], vec!["a\"hunter1234"]),
        (r"\Bhunter[0-9]{4}", vec!["nhunter1234"], vec!["\nhunter1234", "\\ hunter1234"]),
        (r"\bnhunter[0-9]{4}", vec!["\\nhunter1234"], vec!["\nhunter1234"]),
    ] {
        for (texts, is_found) in [(found, true), (others, false)] {
            for text in texts {
                let mut pipe = Pipe::new(&[], pattern(regex));
                pipe.line(&status(text));
                assert_eq!(pipe.out().contains("[redacted:p]"), is_found, "{regex}: {text:?}");
            }
        }
    }
}

#[test]
fn a_pattern_that_depends_on_the_edges_of_a_number_is_found() {
    for regex in ["^[0-9]{11}", "[0-9]{11}$", "^-[0-9]{11}", "(?m)[0-9]{11}$"] {
        let mut pipe = Pipe::new(&[], pattern(regex));
        pipe.line(r#"{"v":1,"type":"status","stream":"s","kind":"x","data":{"a":-12345678901,"b":[12345678901,1]}}"#);
        let out = pipe.out();
        assert!(out.contains("[redacted:p]"), "{regex}: {out}");
    }
}

#[test]
fn a_pattern_goes_on_behind_an_escape() {
    let cases = [
        (r"(?s)pass:.{4}horse", "pass:\n\t\"\\horse"),
        (r"(?s)pass:.{4}horse", "x\n\\pass:\\\\\\\\horse"),
        // Their rarest letters stand behind the escape.
        ("rest\"zqxj[0-9]{4}", "rest\"zqxj1234"),
        ("(?s)rest.zqxj[0-9]{4}", "a rest\\zqxj1234"),
        ("test=[\"\n](?<secret>zqxj[0-9]{4})", " test=\nzqxj1234"),
    ];
    // At even and at odd offsets.
    let cases =
        cases.iter().flat_map(|(regex, text)| ["", "."].map(|pad| (regex, [pad, text].concat())));
    for (seq, (regex, text)) in cases.enumerate() {
        let mut pipe = Pipe::new(&[], pattern(regex));
        for body in [
            json!({"type": "status", "kind": "log", "message": text}),
            json!({"type": "text_delta", "block": "b1", "kind": "answer", "text": text}),
        ] {
            pipe.line(&event("s", seq as u64 + 1, &body));
            let out = pipe.out();
            assert!(out.contains("[redacted:p]"), "{text:?}: {out}");
        }
    }
}

#[test]
fn a_piece_with_an_escape_is_searched_behind_the_piece_before() {
    for (regex, pieces, is_found) in [
        (r"\Bhunter[0-9]{4}", ["a ", "word", "hunter1234\n"], true),
        (r"\Bhunter[0-9]{4}", ["word", " ", "hunter1234\n"], false),
        ("(?<word_start>)key-[0-9]{4}", ["a ", "word", "key-1234\n"], false),
        ("(?<word_start>)key-[0-9]{4}", ["word", " ", "key-1234\n"], true),
        ("(?<word_start>)key-[0-9]{4}", ["a ", "[32", "mkey-1234\n"], true),
        ("(?<word_start>)key-[0-9]{4}", ["a ", "[32m", "key-1234\n"], true),
        ("(?<word_start>)key-[0-9]{4}", ["a\t", "\t2m", "key-1234\n"], true),
        ("(?<word_start>)key-[0-9]{4}", ["a\t", "\\", "nkey-1234\n"], true),
        ("key-[0-9]{4}", ["a\t", "\nke", "y-1234\n"], true),
        ("key-[0-9]{4}", ["a\t", "\nkey-", "\n1234\n"], false),
    ] {
        let mut pipe = Pipe::new(&[], pattern(regex));
        for (seq, text) in (1..).zip(pieces) {
            let body = json!({"type": "text_delta", "block": "b1", "kind": "answer", "text": text});
            pipe.line(&event("s", seq, &body));
        }
        assert_eq!(pipe.out().contains("[redacted:p]"), is_found, "{regex}: {pieces:?}");
    }
}
