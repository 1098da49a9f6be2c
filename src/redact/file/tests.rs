//! Files that are read, and files that are refused with a line and a column.

use super::*;

/// A rule with these further lines.
fn file(lines: &str) -> String {
    format!("# rules\n[[rules]]\n{lines}\n")
}

#[track_caller]
fn refused(text: &str, line: usize, column: usize, part: &str) {
    let error = read(text).unwrap_err();
    assert_eq!((error.line, error.column), (line, column), "{error}");
    assert!(error.message.contains(part), "{error}");
    assert!(error.to_string().starts_with(&format!("{line}:{column}: ")), "{error}");
}

#[test]
fn rules_are_read_in_their_order() {
    let text = r#"
title = "rules of ACME"
[[rules]]
id = "acme-token"
description = "ACME token"
regex = '''acme_[0-9a-f]{40}'''
keywords = ["acme_"]
entropy = 3.5
tags = ["acme"]

[[rules]]
id = "acme-password"
regex = "ACME_PASSWORD=(\\S{8,})"
secretGroup = 1

[[rules]]
id = "acme-key"
regex = 'BEGIN ACME KEY'
end = 'END ACME KEY'
lines = 20

[[rules]]
id = "acme-other-key"
regex = 'BEGIN ACME OTHER'
end = 'END ACME OTHER'
"#;
    let found = read(text).unwrap();
    let names: Vec<&str> = found.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["acme-token", "acme-password", "acme-key", "acme-other-key"]);
    assert_eq!(found[0].description, "ACME token");
    assert_eq!(found[0].regex, "acme_[0-9a-f]{40}");
    assert_eq!(found[0].until, None);
    assert_eq!(found[1].regex, r"ACME_PASSWORD=(?<secret>\S{8,})");
    assert_eq!(found[1].description, "");
    assert_eq!(found[2].until, Some(FileUntil { end: "END ACME KEY".to_owned(), lines: 20 }));
    assert_eq!(found[3].until.as_ref().map(|until| until.lines), Some(LINES));
    assert_eq!(read(""), Ok(Vec::new()));
    assert_eq!(read("title = 'none'"), Ok(Vec::new()));
}

#[test]
fn what_is_not_toml_is_refused_at_its_place() {
    refused("[[rules]]\nid = \n", 2, 6, "");
    refused("[[rules]]\nid = 'a-b'\nid = 'a-c'\n", 3, 1, "duplicate");
    refused("[[rules]\n", 1, 9, "");
}

#[test]
fn a_key_that_is_unknown_is_refused_at_its_place() {
    refused("rule = 1", 1, 1, "rule is unknown here");
    refused("a = 1\n[extend]\nuseDefault = true", 1, 1, "a is unknown");
    refused("[[rules]]\nid='a'\n[extend]\nuseDefault = true", 3, 2, "extend is unknown");
    refused("rules = 'x'", 1, 1, "[[rules]]");
    refused("rules = ['x']", 1, 10, "[[rules]]");
    refused(&file("id = 'a-b'\nregex = 'abcd'\n  colour = 1"), 5, 3, "colour is unknown");
    refused(&file("id = 'a-b'\nregex = 'abcd'\npath = 'x'"), 5, 1, "path");
    let text = file("id = 'a-b'\nregex = 'abcd'\n[[rules.allowlists]]\nregexes = ['x']");
    refused(&text, 5, 9, "allowed");
}

#[test]
fn a_value_of_the_wrong_type_is_refused_at_its_place() {
    refused(&file("id = 7\nregex = 'abcd'"), 3, 6, "id must be a string");
    refused(&file("id = 'a'\nregex = ['abcd']"), 4, 9, "regex must be a string");
    refused(&file("id = 'a'\nregex = '(a)'\nsecretGroup = '1'"), 5, 15, "number from 0 to 99");
    refused(&file("id = 'a'\nregex = '(a)'\nsecretGroup = -1"), 5, 15, "number from 0 to 99");
    refused(&file("id = 'a'\nregex = 'a'\nend = 'b'\nlines = 0"), 6, 9, "number from 1");
    refused(&file("id = 'a'\nregex = 'a'\nlines = 5"), 5, 9, "lines needs end");
    refused(&file("regex = 'abcd'"), 2, 1, "a rule needs id");
    refused(&file("id = 'a'"), 2, 1, "a rule needs regex");
}

#[test]
fn a_name_is_in_kebab_case_and_unique() {
    for name in ["", "A", "a_b", "-a", "a-", "a--b", "ä", "a b", "env:X", &"x".repeat(65)] {
        refused(&file(&format!("id = '{name}'\nregex = 'abcd'")), 3, 6, "is no name");
    }
    refused(&file("id = 'github-token'\nregex = 'abcd'"), 3, 6, "built-in");
    let twice = file("id = 'a-b'\nregex = 'abcd'").repeat(2);
    refused(&twice, 7, 6, "a-b stands twice");
    let longest = "x".repeat(64);
    assert!(read(&file(&format!("id = '{longest}'\nregex = 'abcd'"))).is_ok());
}

#[test]
fn an_error_of_a_regex_has_its_column_in_the_file() {
    // A literal string: the bytes are those of the regex.
    refused(&file("id = 'a'\nregex = 'ab(c'"), 4, 12, "unclosed group");
    refused(&file("id = 'a'\nregex = '''ab[c'''"), 4, 14, "unclosed character class");
    refused(&file("id = 'a'\nregex = '''\nfoo\nab(c'''"), 6, 3, "unclosed group");
    // A basic string: an escape is several bytes of the file.
    refused(
        &file(
            r#"id = 'a'
regex = "\\d\u00e9\t(c""#,
        ),
        4,
        21,
        "unclosed group",
    );
    refused(&file("id = 'a'\nregex = \"\"\"\nab\\\n   cd(e\"\"\""), 6, 6, "unclosed group");
    // A column counts characters.
    refused(&file("id = 'a'\nregex = 'äöü(c'"), 4, 13, "unclosed group");
    // An error of the translation, and of the marker.
    refused(&file("id = 'a'\nregex = 'ab\\p{Nope}'"), 4, 12, "Unicode property not found");
    refused(&file("id = 'a'\nregex = 'ab'\nend = 'c)'"), 5, 9, "unopened group");
    refused(&file("id = 'a'\nregex = '(?-u)\\xff'"), 4, 15, "UTF-8");
}

#[test]
fn a_regex_matches_something_that_is_not_empty() {
    refused(&file("id = 'a'\nregex = 'a*'"), 4, 10, "empty text");
    refused(&file("id = 'a'\nregex = ''"), 4, 10, "empty text");
    refused(&file("id = 'a'\nregex = '[^\\s\\S]'"), 4, 10, "cannot match");
    refused(&file("id = 'a'\nregex = 'a'\nend = '^'"), 5, 8, "empty text");
}

#[test]
fn the_group_of_a_number_gets_the_name_secret() {
    let regex = |lines: &str| read(&file(lines)).map(|rules| rules[0].regex.clone());
    let named = regex("id = 'a'\nregex = 'a(?:b)(c)((d)e)'\nsecretGroup = 2").unwrap();
    assert_eq!(named, "a(?:b)(c)(?<secret>(d)e)");
    let named = regex("id = 'a'\nregex = 'a(?P<secret>b)'\nsecretGroup = 1").unwrap();
    assert_eq!(named, "a(?P<secret>b)");
    let named = regex("id = 'a'\nregex = 'a[(](b)'\nsecretGroup = 0").unwrap();
    assert_eq!(named, "a[(](b)");
    let named = regex("id = 'a'\nregex = 'a[(](b)'\nsecretGroup = 1").unwrap();
    assert_eq!(named, "a[(](?<secret>b)");
    refused(&file("id = 'a'\nregex = 'a(b)'\nsecretGroup = 2"), 5, 15, "no group 2");
    refused(&file("id = 'a'\nregex = 'a(?<x>b)'\nsecretGroup = 1"), 5, 15, "has the name x");
    let both = "id = 'a'\nregex = 'a(b)(?<secret>c)'\nsecretGroup = 1";
    refused(&file(both), 5, 15, "another group");
}

#[test]
fn an_error_of_the_search_has_its_place_too() {
    let text = file("id = 'a'\nregex = 'ab(c)de'\nsecretGroup = 1");
    let rule = &read(&text).unwrap()[0];
    assert_eq!(rule.regex, "ab(?<secret>c)de");
    for (part, column) in [("ab", 10), ("(", 12), ("c)", 13), ("de", 15)] {
        let offset = rule.regex.rfind(part).unwrap();
        let error = rule.error_at(&text, offset, "too large");
        assert_eq!((error.line, error.column), (4, column), "{part}");
    }
}
