//! What a pattern may cost, and lines over the limit: what need not wait does not.

use std::io::{Read, Write};
use std::process::{Child, Stdio};

use super::{PATTERN, SECRET, assert_hidden};
use crate::harness::{bash, bin, command, shell_code, stress};

/// Bytes of a text that would take long to search with backtracking.
const LENGTH: usize = 1 << 20;

fn start(args: &[&str]) -> Child {
    command(bin(), &[&["redact"], args].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// stdout and stderr of redact that reads this and succeeds.
#[track_caller]
fn redact(args: &[&str], input: &str) -> (String, String) {
    let mut child = start(args);
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let feeder = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert_eq!(shell_code(output.status), 0, "{stderr}");
    feeder.join().unwrap().unwrap();
    (stdout, stderr)
}

fn event(seq: usize, kind: &str, text: &str) -> String {
    format!(
        r#"{{"v":1,"type":"{kind}","stream":"s","turn":1,"seq":{seq},"ts":"2026-01-01T00:00:00.000Z","block":"b1","kind":"answer","text":"{text}"}}"#
    ) + "\n"
}

/// The letters `A` of an output: those of the text.
fn letters(output: &str) -> usize {
    output.matches('A').count()
}

#[test]
fn a_pattern_that_backtracks_elsewhere_ends() {
    let text = "A".repeat(LENGTH);
    let pieces = text.as_bytes().chunks(4096).map(|piece| std::str::from_utf8(piece).unwrap());
    let deltas = pieces.enumerate().map(|(n, piece)| event(n + 1, "text_delta", piece));
    let inputs = [event(1, "block_final", &text), deltas.collect(), format!("{text}\n")];
    for input in &inputs {
        // It matches all of it.
        let (stdout, _) = redact(&["--pattern", "p=(A+)+$", "--within", "1h"], input);
        assert_eq!(letters(&stdout), 0, "some of it left");
        assert!(stdout.contains("[redacted:p]"), "{stdout}");
        // It matches nothing, and where a text ends or a megabyte waits its beginning may stand.
        let (stdout, _) = redact(&["--pattern", "p=[A-Z]{1,200}x", "--within", "1h"], input);
        let left = letters(&stdout);
        assert!((LENGTH - 400..=LENGTH).contains(&left), "{left} of {LENGTH} left");
    }
}

#[test]
fn a_pattern_that_is_too_large_is_refused_with_its_limit() {
    for pattern in ["p=[a-z]{2000}", "p=((ab){100}){100}", r"p=x(\w{30}\s){200}"] {
        let (stdout, stderr, status) =
            bash(&format!("spile redact --pattern '{pattern}' </dev/null"));
        assert_eq!((stdout.as_str(), status), ("", 2), "{pattern}");
        let want = "spile: --pattern p: character 1: more than 1024 characters after repeats are written out\n";
        assert_eq!(stderr, want);
    }
    let (_, stderr, status) = bash(r"spile redact --pattern 'p=(\pL\pN){500}' </dev/null");
    assert_eq!(status, 2, "{stderr}");
    assert!(stderr.starts_with("spile: --pattern p: character 1: "), "{stderr}");
}

const TOO_LONG: &str =
    "<stdin>:1:1: line too long to be parsed, searched as it is (see --max-line)\n";

#[test]
fn a_line_over_the_limit_is_redacted_in_place() {
    let line = format!("{} {SECRET} {}", "y".repeat(100), "z ".repeat(100));
    for end in ["", "\n", "\r\n"] {
        let args = ["--pattern", PATTERN, "--max-line", "64"];
        let (stdout, stderr) = redact(&args, &format!("{line}{end}"));
        assert_eq!(stderr, TOO_LONG);
        let want = line.replace(SECRET, "[redacted:pass]");
        assert_eq!(stdout, format!("{want}{end}"));
    }
}

#[test]
fn a_line_that_is_no_event_is_redacted_in_place() {
    for (line, column) in [
        (format!("garbage {SECRET} end"), 1),
        (format!(r#"{{"v":1,"type":"text_delta","text":"{SECRET}"#), 1),
        (format!(r#"["{SECRET}"]"#), 1),
    ] {
        let (stdout, stderr) = redact(&["--pattern", PATTERN], &format!("{line}\n"));
        assert!(stderr.starts_with("<stdin>:1:"), "{column}: {stderr}");
        assert_hidden(stderr.as_bytes(), SECRET);
        assert_hidden(stdout.as_bytes(), SECRET);
        let event: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        let want = line.replace(SECRET, "[redacted:pass]");
        assert_eq!(event["data"]["text"], want.as_str(), "{stdout}");
    }
}

#[test]
fn a_line_over_the_limit_leaves_before_it_ends() {
    let mut child = start(&["--pattern", PATTERN, "--max-line", "64", "--within", "1h"]);
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (front, back) = SECRET.split_at(9);
    let begin = "y".repeat(300);
    stdin.write_all(format!("{begin} {front}").as_bytes()).unwrap();
    let mut read = vec![0; begin.len() + 1];
    stdout.read_exact(&mut read).unwrap();
    assert_eq!(read, format!("{begin} ").as_bytes(), "its beginning has left");
    stdin.write_all(format!("{back} {begin}").as_bytes()).unwrap();
    let want = format!("[redacted:pass] {begin}");
    let mut read = vec![0; want.len()];
    stdout.read_exact(&mut read).unwrap();
    assert_eq!(String::from_utf8(read).unwrap(), want);
    drop(stdin);
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!((rest.as_str(), shell_code(child.wait().unwrap())), ("", 0));
}

/// Beginning of a private key, behind which everything is hidden for a while.
const KEY: &str =
    r"-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA0123456789012345678901234567890123456789";

/// The limit is that of all memory that can be written to.
#[test]
fn memory_for_a_line_over_the_limit_does_not_grow_with_it() {
    let bytes = stress(1 << 30).max(40 << 20);
    let few = 4 << 20;
    for (begin, fill, bytes, pattern, most_hidden) in [
        ("", '.', bytes, PATTERN, 100),
        (KEY, 'M', bytes, PATTERN, 66_000),
        // All of it may be the beginning of a secret that has no greatest length.
        ("", 'a', few, "p=[a-z]{8,}x", few),
    ] {
        let script = format!(
            "{{ printf '%s' '{begin}'; head -c {bytes} /dev/zero | tr '\\0' '{fill}'; printf '%s' '{SECRET}'; }} \
             | (ulimit -d 24576; exec spile redact --max-line 64k --pattern '{pattern}' 2>/dev/null) \
             | wc -c; echo ${{PIPESTATUS[1]}}"
        );
        let (stdout, stderr, _) = bash(&script);
        let (count, status) = stdout.trim_end().split_once('\n').unwrap();
        assert_eq!(status, "0", "{begin} {pattern}: {stderr}");
        let count: u64 = count.trim().parse().unwrap();
        let want = bytes - most_hidden..bytes + 100;
        assert!(want.contains(&count), "{begin} {pattern}: {count} of {bytes}");
    }
}

#[test]
fn memory_for_a_hash_does_not_grow_with_the_secret() {
    let script = "head -c 8M /dev/zero | tr '\\0' y \
                  | (ulimit -d 24576; exec spile redact --keyed --max-line 64k --pattern 'p=[a-z]{20}' 2>/dev/null); \
                  echo \" ${PIPESTATUS[2]}\"";
    let (stdout, stderr, _) = bash(script);
    assert!(stdout.starts_with("[redacted:p:") && stdout.ends_with("] 0\n"), "{stdout}{stderr}");
}

#[test]
fn a_secret_that_is_cut_in_each_of_many_streams_is_hidden_in_all() {
    let delta = |stream: usize, seq: usize, text: &str| {
        event(seq, "text_delta", text)
            .replace(r#""stream":"s""#, &format!(r#""stream":"s{stream}""#))
    };
    let pieces: Vec<&str> =
        [0..3, 3..9, 9..10, 10..SECRET.len()].map(|part| &SECRET[part]).to_vec();
    for streams in [1, 1000] {
        let rounds = pieces.iter().enumerate();
        let lines = rounds.flat_map(|(n, piece)| (0..streams).map(move |s| delta(s, n + 1, piece)));
        let input: String = lines.collect();
        let (stdout, stderr) = redact(&["--pattern", PATTERN, "--within", "1h"], &input);
        assert_eq!(stderr, "");
        assert_eq!(stdout.lines().count(), pieces.len() * streams);
        assert_hidden(stdout.as_bytes(), SECRET);
        assert_eq!(stdout.matches("[redacted:pass]").count(), streams);
    }
}
