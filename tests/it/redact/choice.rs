//! Which secrets are replaced, and by what: variables, files, patterns, rules of a file, built-in rules.

use std::collections::BTreeSet;

use super::assert_hidden;
use crate::harness::{bash, bin, command, shell_code, spile};

/// A status event with this message.
fn message(text: &str) -> String {
    let message = serde_json::to_string(text).unwrap();
    format!(
        r#"{{"v":1,"type":"status","stream":"s","turn":1,"seq":2,"ts":"2026-01-01T00:00:00.000Z","kind":"info","message":{message}}}"#
    ) + "\n"
}

/// The message of the only event.
fn shown(line: &str) -> String {
    let event: serde_json::Value = serde_json::from_str(line).unwrap();
    event["message"].as_str().unwrap().to_owned()
}

/// `spile redact` with these arguments: what it makes of a message, stderr, status.
fn redact(args: &[&str], text: &str) -> (String, String, i32) {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    std::fs::write(&input, message(text)).unwrap();
    let args = [&["redact"], args].concat();
    let stdin = std::fs::File::open(&input).unwrap();
    let output = command(bin(), &args).stdin(stdin).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let stdout = text(output.stdout);
    let message = if stdout.is_empty() { stdout } else { shown(&stdout) };
    (message, text(output.stderr), shell_code(output.status))
}

/// A folder with one file.
fn file(name: &str, text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    (folder, path.display().to_string())
}

#[test]
fn variables_are_secrets_if_their_names_are_those_of_secrets() {
    let values = [
        ("DB_PASSWORD", "quote\"back\\slash'7719"),
        ("API_TOKEN", "Schlüssel-für-Öffner"),
        ("MY_SECRET", "two words and more"),
    ];
    let all: String = values.iter().map(|(_, value)| format!("[{value}] ")).collect();
    let script = |name: &str, more: &str| {
        let mut command = command(name, &["redact", "--env"]);
        command.envs(values).env("EDITOR_THEME", "solarized-dark").env("SHORT_TOKEN", more);
        command
    };
    let (_folder, input) = file("in", &message(&format!("{all}solarized-dark short")));
    let stdin = std::fs::File::open(&input).unwrap();
    let output = script(bin(), "short").stdin(stdin).output().unwrap();
    assert_eq!((shell_code(output.status), output.stderr.as_slice()), (0, &b""[..]));
    let want = "[[redacted:env:DB_PASSWORD]] [[redacted:env:API_TOKEN]] [[redacted:env:MY_SECRET]] solarized-dark short";
    assert_eq!(shown(std::str::from_utf8(&output.stdout).unwrap()), want);
}

#[test]
fn a_file_of_assignments_gives_its_values_and_its_lines() {
    let dotenv = "# settings\nexport API_KEY='kestrel-7719-x'\nDB_PASSWORD=\"p\u{e4}ss w\u{f6}rd\"\nDEBUG=1\n";
    let (_folder, path) = file(".env", dotenv);
    let (text, stderr, status) = redact(
        &["--value-file", &path],
        "key kestrel-7719-x, p\u{e4}ss w\u{f6}rd, DEBUG=1, p%C3%A4ss%20w%C3%B6rd, a2VzdHJlbC03NzE5LXg=",
    );
    assert_eq!((stderr.as_str(), status), ("", 0));
    assert!(text.starts_with("key [redacted:file:.env], [redacted:file:.env], DEBUG=1,"), "{text}");
    assert_hidden(text.as_bytes(), "kestrel-7719-x");
    assert_hidden(text.as_bytes(), "a2VzdHJlbC03NzE5LXg");
    assert_hidden(text.as_bytes(), "%C3%A4ss%20w%C3%B6rd");
}

#[test]
fn a_file_without_a_value_is_refused() {
    for (text, want) in [("", "at least 8 bytes"), ("short\n", "at least 8 bytes")] {
        let (_folder, path) = file("v", text);
        let (stdout, stderr, status) = redact(&["--value-file", &path], "x");
        assert_eq!((stdout.as_str(), status), ("", 2));
        assert!(
            stderr.starts_with(&format!("spile: {path}:")) && stderr.contains(want),
            "{stderr}"
        );
    }
    let (_, stderr, status) = redact(&["--value-file", "/nonexistent/v"], "x");
    assert_eq!(status, 2);
    assert!(stderr.contains("/nonexistent/v"), "{stderr}");
}

#[test]
fn a_group_named_secret_restricts_what_a_pattern_hides() {
    let (text, ..) =
        redact(&["--pattern", "ticket=ACME-(?<secret>[0-9]{6})!"], "ACME-123456! ACME-12");
    assert_eq!(text, "ACME-[redacted:ticket]! ACME-12");
}

/// The marks of a text with these secrets, each as it is.
fn marks(text: &str) -> Vec<String> {
    let ends = text.split("[redacted:").skip(1);
    ends.map(|end| end.split(']').next().unwrap().to_owned()).collect()
}

#[test]
fn hashes_are_equal_for_equal_secrets_of_a_run_alone() {
    let (_folder, values) = file("v", "kestrel-7719\nharrier-2281\n");
    let run = || {
        let text =
            "kestrel-7719 harrier-2281 kestrel-7719 tick-1 tick-2 tick-1 6b65737472656c2d37373139";
        let args = ["--keyed", "--value-file", &values, "--pattern", "t=tick-[0-9]"];
        marks(&redact(&args, text).0)
    };
    let one = run();
    assert_eq!(one.len(), 7, "{one:?}");
    assert!(one.iter().all(|mark| mark.rsplit(':').next().unwrap().len() == 8), "{one:?}");
    assert_eq!((&one[0], &one[3]), (&one[2], &one[5]), "equal secrets");
    assert_eq!(one[0], one[6], "in another form");
    let different: BTreeSet<&String> = one.iter().collect();
    assert_eq!(different.len(), 4, "different secrets: {one:?}");
    let two = run();
    assert!(one.iter().zip(&two).all(|(one, two)| one != two), "{one:?} {two:?}");
}

#[test]
fn the_list_has_the_rules_in_columns() {
    spile(&["redact", "--list"]).run().then(|list| {
        let rows: Vec<Vec<&str>> = list
            .lines()
            .map(|line| line.split("  ").map(str::trim).filter(|c| !c.is_empty()).collect())
            .collect();
        assert!(rows.len() > 30, "{list}");
        let begin = |line: &str, column: &str| line.find(column).unwrap();
        let second = begin(list, rows[0][1]);
        for (line, row) in list.lines().zip(&rows) {
            assert_eq!(row.len(), 3, "a name, a description and a source: {line}");
            assert!(
                row[0].bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            );
            assert_eq!(begin(line, row[1]), second, "{line}");
        }
    });
}

#[test]
fn rules_are_chosen_and_left_out() {
    let github =
        format!("ghp_{}", "abcdefghij0123456789".repeat(2)).chars().take(40).collect::<String>();
    let text = format!("see {github}");
    let names = |args: &[&str]| {
        let (stdout, stderr, status) = bash(&format!("spile redact --list {}", args.join(" ")));
        assert_eq!((stderr.as_str(), status), ("", 0));
        stdout.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = names(&[]);
    let (redacted, ..) = redact(&[], &text);
    let name = marks(&redacted).pop().unwrap();
    assert!(all.contains(&name), "{name}");
    assert_eq!(names(&["--only", &name]), [name.as_str()]);
    let rest: Vec<String> = all.iter().filter(|rule| **rule != name).cloned().collect();
    assert_eq!(names(&["--skip", &name]), rest);
    assert_eq!(redact(&["--only", &name], &text).0, redacted);
    assert_eq!(redact(&["--skip", &name], &text).0, text);
    assert_eq!(redact(&["--only", "private-key"], &text).0, text);
    for option in ["--only", "--skip"] {
        let (_, stderr, status) = redact(&[option, "no-such-rule"], &text);
        assert_eq!(status, 2);
        assert!(stderr.contains("there is no such rule: see spile redact --list"), "{stderr}");
    }
}

const GITLEAKS: &str = r#"title = "our rules"

[[rules]]
id = "acme-ticket"
description = "Ticket of ACME"
regex = '''acme-([0-9]{6})!'''
secretGroup = 1
keywords = ["acme"]
entropy = 3.5

[[rules]]
id = "acme-block"
regex = "BEGIN ACME"
end = "END ACME"
lines = 3
"#;

#[test]
fn rules_of_a_file_in_the_format_of_gitleaks_are_used() {
    let (_folder, path) = file("rules.toml", GITLEAKS);
    let text = "acme-123456! BEGIN ACME\nkestrel\nEND ACME and on";
    let (text, stderr, status) = redact(&["--rules", &path], text);
    assert_eq!((stderr.as_str(), status), ("", 0));
    assert!(text.starts_with("acme-[redacted:acme-ticket]! "), "{text}");
    assert!(text.ends_with(" and on") && !text.contains("kestrel"), "{text}");
}

#[test]
fn an_error_in_a_file_of_rules_has_its_place() {
    for (rules, place, why) in [
        (
            "[[rules]]\nid = \"a\"\nregex = \"\"\"\nab[0-9{4}\"\"\"\n",
            "4:3",
            "unclosed character class",
        ),
        ("[[rules]]\nid = \"a\"\nregex = \"\\u00e4(b\"\n", "3:16", "unclosed group"),
        ("[[rules]]\nid = \"a\"\nregex = 'a*'\n", "3:10", "matches an empty text"),
        ("[[rules]]\nid = \"a\"\nregex = 'abcd[a-z]{2000}'\n", "3:10", "more than 1024 characters"),
        ("[[rules]]\nid = \"a\"\npath = 'x'\nregex = 'abcd'\n", "3:1", "path"),
        ("[[rules]]\nid = \"a\"\n", "1:1", "a rule needs regex"),
        ("[[rules]\n", "1:9", ""),
    ] {
        let (_folder, path) = file("rules.toml", rules);
        let (stdout, stderr, status) = redact(&["--rules", &path], "x");
        assert_eq!((stdout.as_str(), status), ("", 2), "{stderr}");
        assert!(stderr.starts_with(&format!("spile: {path}:{place}: ")), "{place}: {stderr}");
        assert!(stderr.contains(why), "{why}: {stderr}");
    }
}

#[test]
fn an_error_in_a_pattern_has_its_place() {
    for (pattern, want) in [
        ("x=ab[0-9", "--pattern x: character 3: unclosed character class"),
        ("x=a*", "--pattern x: character 1: it matches the empty text"),
        ("x", "write NAME=REGEX"),
        ("a b=c", "a name has 1 to 64 letters"),
    ] {
        let (stdout, stderr, status) = redact(&["--pattern", pattern], "x");
        assert_eq!((stdout.as_str(), status), ("", 2), "{pattern}: {stderr}");
        assert!(stderr.contains(want), "{pattern}: {stderr}");
    }
}
