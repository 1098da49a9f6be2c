//! Properties of the table: what each rule hides and what it leaves alone.

pub(in crate::redact) mod templates;

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use regex_syntax::hir::literal::{ExtractKind, Extractor};

use super::{all, by_name};
use templates::{Compiled, Example};

const SEEDS: u64 = 40;

fn compiled() -> Vec<Compiled> {
    all().map(Compiled::new).collect()
}

#[test]
fn names_are_in_kebab_case_and_unique() {
    let mut names = HashSet::new();
    for rule in all() {
        let kebab = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        assert!(rule.name.split('-').all(kebab), "{}", rule.name);
        assert!(names.insert(rule.name), "{} stands twice in the table", rule.name);
        assert_eq!(by_name(rule.name), Some(rule));
    }
    assert_eq!(by_name("no-such-rule"), None);
}

#[test]
fn every_rule_has_a_source_and_examples_of_both_kinds() {
    for rule in all() {
        assert!(rule.source.starts_with("https://"), "{}: {}", rule.name, rule.source);
        assert!(!rule.secrets.is_empty() && !rule.others.is_empty(), "{}", rule.name);
        assert!(!rule.description.is_empty() && !rule.description.ends_with('.'), "{}", rule.name);
    }
}

#[test]
fn every_regex_begins_with_literals_of_four_bytes() {
    let mut extractor = Extractor::new();
    extractor.kind(ExtractKind::Prefix).limit_class(64).limit_repeat(1).limit_total(200_000);
    for rule in all() {
        let regex = regex_syntax::parse(rule.regex).unwrap();
        let literals = extractor.extract(&regex);
        let least = literals.min_literal_len().unwrap_or(0);
        // The colon and the slashes before the host are three bytes.
        let needed = if rule.name == "url-password" { 3 } else { 4 };
        assert!(least >= needed, "{}: {least} bytes", rule.name);
    }
}

#[test]
fn no_rule_matches_an_empty_text() {
    for rule in all() {
        let least = regex_syntax::parse(rule.regex).unwrap().properties().minimum_len();
        assert!(least >= Some(16) || rule.name == "url-password", "{}: {least:?}", rule.name);
    }
}

#[test]
fn an_example_of_a_secret_is_hidden_and_nothing_beside_it() {
    for compiled in compiled() {
        for template in compiled.rule.secrets {
            for seed in 0..SEEDS {
                let example = Example::new(template, seed);
                let hidden = compiled.hidden(&example.text);
                assert_eq!(hidden, [example.secret], "{}: {}", compiled.rule.name, example.text);
            }
        }
    }
}

#[test]
fn an_example_of_a_secret_is_hidden_wherever_it_stands() {
    let places = [
        ("The key is ", "."),
        ("(", ")"),
        ("`", "`"),
        ("密钥是", "。"),
        ("{\"key\":\"", "\",\"n\":1}"),
        (r#"{\"key\":\""#, r#"\",\"n\":1}"#),
        (r#""first line\n"#, r#"\nlast line""#),
        (r"\t", r"\r\n"),
        ("\x1b[1;32m", "\x1b[0m"),
        ("\x1b[m", "\x1b[m"),
        ("const KEY: &str = \"", "\";\n"),
        ("export KEY=", "\nexport PATH=/bin\n"),
        ("key='", "'; echo"),
        ("- key: ", "\n"),
        ("?key=", "&n=1"),
        ("<key>", "</key>"),
        ("+", "\n-"),
        ("     7→", "\n     8→"),
    ];
    for compiled in compiled() {
        for template in compiled.rule.secrets {
            for (n, (before, behind)) in places.iter().enumerate() {
                let example = Example::new(template, n as u64).within(before, behind);
                let hidden = compiled.hidden(&example.text);
                assert_eq!(hidden, [example.secret], "{}: {}", compiled.rule.name, example.text);
            }
        }
    }
}

#[test]
fn what_only_looks_like_a_secret_stays() {
    let compiled = compiled();
    for rule in all() {
        for template in rule.others {
            for seed in 0..SEEDS {
                let text = Example::new(template, seed).text;
                for other in &compiled {
                    let hidden = other.hidden(&text);
                    assert!(
                        hidden.is_empty(),
                        "{}, example of {}: {text}",
                        other.rule.name,
                        rule.name
                    );
                }
            }
        }
    }
}

#[test]
fn a_secret_of_one_rule_is_none_of_another() {
    let compiled = compiled();
    let mut both = HashSet::new();
    for rule in all() {
        let examples = rule
            .secrets
            .iter()
            .flat_map(|template| (0..SEEDS).map(|seed| Example::new(template, seed).text));
        for text in examples {
            let others = compiled.iter().filter(|other| other.rule.name != rule.name);
            let also = others.filter(|other| !other.hidden(&text).is_empty());
            both.extend(also.map(|other| (other.rule.name, rule.name)));
        }
    }
    assert_eq!(both, HashSet::new(), "a rule finds what another one is for");
}

/// Files below a folder.
fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// Tests of addresses with a password, which have to hold one.
const PASSWORDS: &[&str] =
    &["src/sink/http.rs", "src/sink/http/client.rs", "src/sink/http/proxy.rs"];

#[test]
fn no_source_file_and_no_document_holds_what_a_rule_hides() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![root.join("README.md")];
    files(&root.join("src"), &mut found);
    files(&root.join("docs"), &mut found);
    let compiled = compiled();
    let mut with_password = HashSet::new();
    let mut wrong = Vec::new();
    for file in found {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let file = file.strip_prefix(root).unwrap().to_str().unwrap();
        for compiled in &compiled {
            for range in compiled.hidden(&text) {
                let line = text[..range.start].matches('\n').count() + 1;
                match PASSWORDS.iter().find(|known| **known == file) {
                    Some(known) if compiled.rule.name == "url-password" => {
                        with_password.insert(*known);
                    }
                    _ => wrong
                        .push(format!("{file}:{line}: {}: {}", compiled.rule.name, &text[range])),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(with_password, HashSet::from_iter(PASSWORDS.iter().copied()));
}
