//! Streams that keep the rules and streams that break exactly one.

mod props;
mod rules;
mod sample;

use super::*;
use sample::{Ev, completed, opened, render, session, text};

/// Report on the input, fed in pieces of `step` bytes, and the exit status.
fn run_in(options: &Options, input: &[u8], step: usize) -> (String, Exit) {
    let mut check = Check::new(options.clone());
    let mut io = Io::default();
    for bytes in input.chunks(step.max(1)) {
        check.on_bytes(Time::default(), bytes, &mut io);
    }
    check.on_end(Time::default(), &mut io);
    let printed = if options.pass {
        assert_eq!(io.out, input);
        io.err
    } else {
        io.out
    };
    (String::from_utf8(printed).unwrap(), check.exit())
}

fn report(input: &str) -> String {
    run_in(&Options::default(), input.as_bytes(), 4096).0
}

fn partial(input: &str) -> String {
    let options = Options { partial: true, ..Options::default() };
    run_in(&options, input.as_bytes(), 4096).0
}

/// The rules that a report cites.
fn cited(report: &str) -> Vec<&str> {
    report
        .lines()
        .filter_map(|line| {
            let rule = line.strip_prefix("<stdin>:")?.split(':').nth(2)?.trim();
            (rule != "note").then_some(rule)
        })
        .collect()
}

/// The session with some events changed before they get their numbers.
fn session_with(change: impl FnOnce(&mut Vec<Ev>)) -> String {
    let mut events = session();
    change(&mut events);
    text(&render(&events))
}

/// The session with the text of line `at` (from 0) changed.
fn line_with(at: usize, from: &str, to: &str) -> String {
    let mut lines = render(&session());
    assert!(lines[at].contains(from), "{from:?} in {}", lines[at]);
    lines[at] = lines[at].replacen(from, to, 1);
    text(&lines)
}

#[track_caller]
fn breaks(rule: &str, inputs: &[String]) {
    for input in inputs {
        let report = report(input);
        assert_eq!(cited(&report), [rule], "{report}\n{input}");
    }
}

#[track_caller]
fn keeps(input: &str) {
    let report = report(input);
    assert!(report.ends_with(": no violations\n"), "{report}\n{input}");
    assert!(cited(&report).is_empty(), "{report}");
}

#[test]
fn valid_streams_are_clean() {
    keeps(&session_with(|_| ()));
    keeps(session_with(|_| ()).trim_end());
    keeps(&session_with(|e| {
        e[13].body.push_str(r#","supersedes":"b2","synthetic":true,"x":[1]"#);
        e.insert(9, Ev::new("news", 1, r#""what":{"a":[null]}"#));
        e.insert(
            3,
            Ev::new(
                "text_delta",
                1,
                r#""block":"b2","kind":"reasoning","text":"\ud83d","parent":"p","label":"L""#,
            ),
        );
        e.insert(
            4,
            Ev::new(
                "text_delta",
                1,
                r#""block":"b2","kind":"reasoning","text":"\ude00","parent":"p""#,
            ),
        );
        e.insert(
            9,
            Ev::new(
                "block_final",
                1,
                r#""block":"b2","kind":"reasoning","text":"😀","parent":"p""#,
            ),
        );
        for ev in e.iter_mut().skip(10) {
            ev.body = ev
                .body
                .replace(r#""b3"#, r#""b4"#)
                .replace(r#""b2","kind":"answer"#, r#""b3","kind":"answer"#);
        }
    }));
    // Merged deltas stand for a range, and events of a later filter have no number.
    let mut lines = render(&session());
    lines.remove(2);
    lines[2] = lines[2].replace("\"seq\":4", "\"seq\":4,\"first_seq\":3").replace("llo", "Hello");
    for (at, extra) in [
        (
            4,
            r#"{"v":1,"type":"status","stream":"s","turn":1,"ts":"2020-11-14T22:00:00.000Z","kind":"heartbeat"}"#,
        ),
        (
            7,
            r#"{"kind":"gap","ts":"2020-11-14T22:00:00.000Z","stream":"s","type":"status" , "v":1}"#,
        ),
        (1, r#"{"v":1,"type":"status","kind":"diagnostic","data":{"line":3}}"#),
    ] {
        lines.insert(at, extra.into());
    }
    keeps(&text(&lines));
}

#[test]
fn other_key_orders_are_clean() {
    let reversed: Vec<_> = render(&session())
        .iter()
        .map(|line| {
            let fields = Fields::parse(line).unwrap();
            let all: Vec<_> =
                fields.0.iter().rev().map(|(k, v)| format!(" \"{k}\" : {v}")).collect();
            format!("{{{}}}\r", all.join(" ,"))
        })
        .collect();
    keeps(&text(&reversed));
}

#[test]
fn notes_are_no_violations() {
    let input = session_with(|e| {
        e.insert(3, Ev::new("news", 1, r#""a":1"#));
        e.insert(3, Ev::new("news", 1, r#""a":1"#));
    });
    let (report, exit) = run_in(&Options::default(), input.trim_end().as_bytes(), 50);
    assert_eq!(exit, Exit::Success);
    assert_eq!(
        report,
        "<stdin>:4:1: note: the type \"news\" is not known\n\
         <stdin>:20:92: note: the last line has no line feed\n\
         20 events, 2 turns in 1 stream: no violations\n"
    );
}

#[test]
fn partial_accepts_what_filters_leave_out() {
    let lines = render(&session());
    for from in 0..lines.len() {
        for to in from..=lines.len() {
            let report = partial(&text(&lines[from..to]));
            assert!(cited(&report).is_empty(), "{from}..{to}: {report}");
        }
    }
    for kind in ["turn_", "block_final", "tool_finished", "tool_", "text_", "status"] {
        let only: Vec<_> =
            lines.iter().filter(|l| l.contains(&format!("\"type\":\"{kind}"))).cloned().collect();
        let report = partial(&text(&only));
        assert!(cited(&report).is_empty(), "{kind}: {report}");
    }
    // Fields that are there must still be right.
    assert_eq!(cited(&partial(&session_with(|e| drop(e.remove(11))))), ["C5"]);
    assert_eq!(cited(&partial(&session_with(|e| e.insert(3, e[3].clone())))), ["C6"]);
    assert_eq!(cited(&partial(&session_with(|_| ()).repeat(2))), ["C3"]);
}

#[test]
fn exit_statuses() {
    let status = |options: &Options, input: &str| run_in(options, input.as_bytes(), 4096).1;
    let whole = Options { exit_from_stream: true, ..Options::default() };
    let open_end = Options { partial: true, ..whole.clone() };
    let cancelled = session_with(|e| {
        e[16] = Ev::new("turn_cancelled", 2, r#""by":"signal","reason":"SIGINT""#);
    });
    let limited = session_with(|e| e[16].body = e[16].body.replace("auth", "rate_limited"));
    assert_eq!(status(&Options::default(), &cancelled), Exit::Success);
    assert_eq!(status(&whole, &cancelled), Exit::Cancelled);
    assert_eq!(status(&whole, &limited), Exit::RateLimited);
    assert_eq!(status(&whole, &session_with(|_| ())), Exit::Failed);
    assert_eq!(status(&whole, &session_with(|e| e[16] = completed(2))), Exit::Success);
    assert_eq!(status(&open_end, &session_with(|e| e.truncate(14))), Exit::Failed);
    assert_eq!(status(&open_end, ""), Exit::Failed);
    assert_eq!(status(&Options::default(), ""), Exit::Success);
    let strict =
        Options { reading: Reading { strict: true, ..Reading::default() }, ..Options::default() };
    assert_eq!(status(&strict, "what\n"), Exit::Malformed);
    assert_eq!(status(&Options::default(), "what\n"), Exit::Failed);
}

#[test]
fn reports_are_limited_and_streams_forgotten() {
    let report_of_many = report(&"x\n".repeat(1500));
    assert_eq!(cited(&report_of_many).len(), 1000);
    assert!(report_of_many.ends_with("0 events, 0 turns in 0 streams: 1500 violations\n"));
    let mut lines = Vec::new();
    for i in 0..MAX_STREAMS + 10 {
        for (seq, ev) in [opened(1), completed(1)].iter().enumerate() {
            lines.push(sample::line(ev, seq as u64 + 1).replace("\"s\"", &format!("\"s{i}\"")));
        }
    }
    lines.push(sample::line(&opened(2), 3).replace("\"s\"", "\"s1\""));
    lines.push(sample::line(&completed(2), 4).replace("\"s\"", "\"s1\""));
    let printed = report(&text(&lines));
    assert!(
        printed.contains("20022 events, 10011 turns in 10011 streams: no violations"),
        "{printed}"
    );
}

#[test]
fn control_characters_of_the_input_are_not_repeated() {
    let printed = report(&line_with(3, "answer", "\\u001b[2J\u{9b}"));
    assert!(!printed.contains(['\u{1b}', '\u{9b}']), "{printed:?}");
}
