//! Streams that keep the rules and streams that break exactly one.

mod sample;

use proptest::prelude::*;

use super::*;
use sample::{
    Ev, completed, delta, finished, opened, part, random_all, render, session, started, status,
    text, whole,
};

/// What is reported on the input, fed in pieces of `step` bytes, and the exit status.
fn run_in(options: &Options, input: &[u8], step: usize) -> (String, Exit) {
    let mut check = Check::new(options.clone());
    let mut io = Io::default();
    for bytes in input.chunks(step.max(1)) {
        check.on_bytes(Time::default(), bytes, &mut io);
    }
    check.on_end(Time::default(), &mut io);
    let said = if options.pass {
        assert_eq!(io.out, input);
        io.err
    } else {
        io.out
    };
    (String::from_utf8(said).unwrap(), check.exit())
}

fn report(input: &str) -> String {
    run_in(&Options::default(), input.as_bytes(), 4096).0
}

fn partial(input: &str) -> String {
    let options = Options {
        partial: true,
        ..Options::default()
    };
    run_in(&options, input.as_bytes(), 4096).0
}

/// The rules that a report cites.
fn cited(report: &str) -> Vec<&str> {
    report
        .lines()
        .filter_map(|line| {
            let rule = line.strip_prefix("<stdin>:")?.splitn(4, ':').nth(2)?.trim();
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
fn c1_lines_and_envelopes() {
    let mut cut = line_with(0, "", "");
    cut.truncate(cut.len() - 20);
    breaks(
        "C1",
        &[
            cut,
            line_with(3, "{", "["),
            line_with(3, "{\"v\":1", "{\"v\":2"),
            line_with(11, "}", "}}"),
            line_with(5, "\"stream\"", "\"turn\":1,\"stream\""),
            line_with(5, "\"stream\":\"s\",", ""),
            line_with(5, "\"stream\":\"s\"", "\"stream\":\"-s\""),
            line_with(5, "\"type\":\"tool_started\",", ""),
            line_with(5, "\"ts\":\"2023-11-14T22:00:00.600Z\",", ""),
            line_with(5, ".600Z", ".6Z"),
            line_with(5, ".600Z", ".600+00:00"),
            line_with(5, "\"turn\":1", "\"turn\":\"1\""),
            line_with(5, "\"seq\":6", "\"seq\":-6"),
            line_with(5, "\"seq\"", "\"label\":7,\"seq\""),
            line_with(5, "\"seq\"", "\"parent\":null,\"seq\""),
            line_with(5, "\"id\":\"t1\"", "\"id\":\"t1\",\"id\":\"t1\""),
            session_with(|_| ()) + "\n",
        ],
    );
}

#[test]
fn c1_tells_the_place() {
    let input = line_with(3, "\"kind\"", "x\"kind\"");
    let line = input.lines().nth(3).unwrap();
    let want = format!("<stdin>:4:{}: C1: ", line.find("x\"").unwrap() + 1);
    let said = report(&input);
    assert!(said.starts_with(&want), "{said}");
    let input = line_with(7, "\"ok\"", "\"so so\"");
    let line = input.lines().nth(7).unwrap();
    let want = format!(
        "<stdin>:8:{}: C2: outcome must be one of ok error denied cancelled unknown, and ",
        line.find("\"so so").unwrap() + 1
    );
    let said = report(&input);
    assert!(said.starts_with(&want), "{said}");
    let mut bytes = session_with(|_| ()).into_bytes();
    bytes[10] = 0xFF;
    let (report, _) = run_in(&Options::default(), &bytes, 7);
    assert!(
        report.starts_with("<stdin>:1:11: C1: invalid UTF-8"),
        "{report}"
    );
    assert_eq!(cited(&report), ["C1"]);
}

#[test]
fn c1_long_lines() {
    let mut events = session();
    events.insert(
        7,
        Ev::new("status", 1, &format!(r#""kind":"{}""#, "x".repeat(900))),
    );
    let input = text(&render(&events));
    for (strict, exit) in [(false, Exit::Failed), (true, Exit::Malformed)] {
        let options = Options {
            pass: true,
            reading: Reading {
                max_line: 500,
                strict,
            },
            ..Options::default()
        };
        for step in [3, 100_000] {
            let (report, got) = run_in(&options, input.as_bytes(), step);
            assert_eq!(cited(&report), ["C1"], "{report}");
            assert_eq!(got, exit);
        }
    }
}

#[test]
fn c2_bodies() {
    breaks(
        "C2",
        &[
            line_with(1, "\"runtime\"", "\"runtim\""),
            line_with(1, "[\"a\",\"b\"]", "[\"a\",1]"),
            line_with(1, "\"turn\":1,", ""),
            line_with(3, "\"turn\":1,", ""),
            line_with(3, "\"block\":\"b1\",", ""),
            line_with(3, "\"llo\"", "\"\""),
            line_with(3, "answer", "anser"),
            line_with(4, "\"text\":\"Hello\"", "\"text\":1"),
            line_with(5, "\"id\":\"t1\",", ""),
            line_with(5, "execute", "run"),
            line_with(5, "[\"a\"]", "\"a\""),
            line_with(5, "\"tool\":{", "\"x\":{"),
            line_with(7, "\"id\":\"t1\",", ""),
            line_with(7, "\"ok\"", "\"fine\""),
            line_with(7, "\"output\"", "\"duration_ms\":-1,\"output\""),
            line_with(6, "\"kind\":\"progress\"", "\"kind\":7"),
            line_with(11, "\"stop\"", "\"stopp\""),
            line_with(11, "\"input_tokens\":3", "\"input_tokens\":3.5"),
            line_with(11, "\"stop\"", "\"synthetic\":false,\"stop\""),
            line_with(16, "\"auth\"", "\"other\""),
            line_with(16, "{\"code\":1}", "1"),
            session_with(|e| e[16].body = r#""error":{"code":"auth"}"#.into()),
            session_with(|e| {
                e[16] = Ev::new("turn_cancelled", 2, r#""by":"me","reason":"x""#);
            }),
        ],
    );
}

#[test]
fn c3_numbers() {
    let mut lines = render(&session());
    lines.swap(8, 9);
    let swapped = text(&lines);
    let twice = session_with(|_| ()).repeat(2);
    let dropped = |at: usize| {
        let mut lines = render(&session());
        lines.remove(at);
        text(&lines)
    };
    let mut inputs: Vec<String> = (0..17).map(dropped).collect();
    inputs.extend([
        swapped,
        twice,
        line_with(3, "\"seq\":4,", ""),
        line_with(3, "\"seq\":4,", "\"seq\":3,"),
        line_with(3, "\"seq\":4,", "\"seq\":4,\"first_seq\":5,"),
        line_with(3, "\"seq\":4,", "\"seq\":4,\"first_seq\":3,"),
        line_with(17, "\"seq\":18,", "\"seq\":19,"),
    ]);
    breaks("C3", &inputs);
}

#[test]
fn c4_turns() {
    breaks(
        "C4",
        &[
            session_with(|e| drop(e.remove(1))),
            session_with(|e| drop(e.remove(12))),
            session_with(|e| e.iter_mut().skip(12).take(5).for_each(|e| e.turn = 3)),
            session_with(|e| e.insert(6, opened(1))),
            session_with(|e| e[3].turn = 7),
            session_with(|e| e[12].turn = 1),
        ],
    );
}

#[test]
fn c5_one_end() {
    breaks(
        "C5",
        &[
            session_with(|e| drop(e.remove(11))),
            session_with(|e| drop(e.remove(16))),
            session_with(|e| e.truncate(13)),
            session_with(|e| e.insert(12, completed(1))),
            session_with(|e| e.insert(12, status(1, "log"))),
            session_with(|e| e.insert(17, delta(2, 4, "late"))),
            session_with(|e| e.extend([delta(1, 4, "late"), delta(1, 4, "r"), finished(1, "x")])),
            session_with(|e| e.insert(12, started(1, "t9"))),
        ],
    );
}

#[test]
fn c6_blocks() {
    let reasoning = |e: &mut Ev| e.body = e.body.replace("answer", "reasoning");
    breaks(
        "C6",
        &[
            session_with(|e| drop(e.remove(2))),
            session_with(|e| drop(e.remove(4))),
            session_with(|e| drop(e.remove(10))),
            session_with(|e| e.insert(3, e[3].clone())),
            session_with(|e| e.insert(5, whole(1, 1, "Hello"))),
            session_with(|e| e.insert(5, delta(1, 1, "more"))),
            session_with(|e| {
                e.splice(
                    5..5,
                    [delta(1, 1, "more"), delta(1, 1, "!"), whole(1, 1, "more!")],
                );
            }),
            session_with(|e| e[13] = whole(2, 5, "jump")),
            session_with(|e| e[13] = whole(2, 1, "direct")),
            session_with(|e| reasoning(&mut e[3])),
            session_with(|e| e[3].body.push_str(r#","parent":"p""#)),
            session_with(|e| e[13].body.push_str(r#","supersedes":"b3""#)),
            session_with(|e| e[13].body.push_str(r#","continues":"b9""#)),
            session_with(|e| e[8].body.push_str(r#","parent":"p""#)),
            session_with(|e| e[13].body = e[13].body.replace("b3", "x")),
            session_with(|e| e[4] = whole(1, 1, "hello")),
            session_with(|e| e.swap(4, 5)),
            session_with(|e| e.swap(10, 11)),
        ],
    );
}

#[test]
fn c7_tools() {
    breaks(
        "C7",
        &[
            session_with(|e| drop(e.remove(5))),
            session_with(|e| drop(e.remove(7))),
            session_with(|e| e.insert(8, finished(1, "t1"))),
            session_with(|e| e.insert(6, started(1, "t1"))),
            session_with(|e| {
                e.splice(6..6, [started(1, "t1"), finished(1, "t1")]);
            }),
            session_with(|e| e.insert(8, started(1, "t1"))),
            session_with(|e| {
                let late = e.remove(7);
                e.insert(11, late);
            }),
        ],
    );
}

#[test]
fn c8_times() {
    breaks(
        "C8",
        &[
            line_with(5, "22:00:00.600Z", "21:00:00.600Z"),
            line_with(5, "22:00:00.600Z", "22:00:00.499Z"),
            line_with(5, "22:00:00.600Z", "23:00:00.600Z"),
            line_with(17, "2023", "2022"),
        ],
    );
}

/// A turn whose block left in three parts that share a number.
fn parts(change: impl FnOnce(&mut Vec<Ev>)) -> String {
    let mut all = vec![
        part(
            1,
            1,
            0,
            "false",
            r#""text":"a\n```","close":"\n```","glue":"\n""#,
        ),
        part(
            1,
            1,
            1,
            "false",
            r#""text":"```\nb\n```","open":"```\n","close":"\n\u0060``""#,
        ),
        part(1, 1, 2, "true", r#""text":"```\nc","open":"```\u000a""#),
    ];
    change(&mut all);
    let mut lines = vec![sample::line(&opened(1), 1)];
    lines.extend(all.iter().map(|e| sample::line(e, 2)));
    lines.push(sample::line(&started(1, "t"), 3));
    lines.push(sample::line(&finished(1, "t"), 4));
    lines.push(sample::line(&completed(1), 5));
    text(&lines)
}

#[test]
fn c9_parts() {
    let with =
        |at: usize, from: &str, to: &str| parts(|p| p[at].body = p[at].body.replacen(from, to, 1));
    let inputs = [
        parts(|p| drop(p.remove(0))),
        parts(|p| drop(p.remove(1))),
        parts(|p| drop(p.remove(2))),
        parts(|p| p.insert(1, p[1].clone())),
        parts(|p| p.push(p[2].clone())),
        with(1, r#""last":false"#, r#""last":true"#),
        with(2, r#""last":true"#, r#""last":false"#),
        with(2, r#""last":true,"#, ""),
        with(1, r#""open":"```"#, r#""open":"~~~"#),
        with(0, r#""close":"\n"#, r#""close":"\t"#),
        with(0, "s/1/b1/0", "s/1/b1/1"),
        with(0, r#","delivery_id":"s/1/b1/0""#, ""),
    ];
    breaks("C9", &inputs);
    for input in &inputs {
        assert_eq!(cited(&partial(input)), ["C9"], "partial: {input}");
    }
    keeps(&parts(|_| ()));
}

#[test]
fn valid_streams_are_clean() {
    keeps(&session_with(|_| ()));
    keeps(session_with(|_| ()).trim_end());
    keeps(&session_with(|e| {
        e[13]
            .body
            .push_str(r#","supersedes":"b2","synthetic":true,"x":[1]"#);
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
    // Merged deltas stand for a range, and what a later filter says has no number.
    let mut lines = render(&session());
    lines.remove(2);
    lines[2] = lines[2]
        .replace("\"seq\":4", "\"seq\":4,\"first_seq\":3")
        .replace("llo", "Hello");
    for (at, extra) in [
        (
            4,
            r#"{"v":1,"type":"status","stream":"s","turn":1,"ts":"2020-11-14T22:00:00.000Z","kind":"heartbeat"}"#,
        ),
        (
            7,
            r#"{"kind":"gap","ts":"2020-11-14T22:00:00.000Z","stream":"s","type":"status" , "v":1}"#,
        ),
        (
            1,
            r#"{"v":1,"type":"status","kind":"diagnostic","data":{"line":3}}"#,
        ),
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
            let all: Vec<_> = fields
                .0
                .iter()
                .rev()
                .map(|(k, v)| format!(" \"{k}\" : {v}"))
                .collect();
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
    })
    .replace("\"v\":1,", "");
    let (report, exit) = run_in(&Options::default(), input.trim_end().as_bytes(), 50);
    assert_eq!(exit, Exit::Success);
    assert_eq!(
        report,
        "<stdin>:1:1: note: no v: taken for version 1\n\
         <stdin>:4:1: note: the type \"news\" is not known\n\
         <stdin>:20:86: note: the last line has no line feed\n\
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
    for kind in [
        "turn_",
        "block_final",
        "tool_finished",
        "tool_",
        "text_",
        "status",
    ] {
        let only: Vec<_> = lines
            .iter()
            .filter(|l| l.contains(&format!("\"type\":\"{kind}")))
            .cloned()
            .collect();
        let report = partial(&text(&only));
        assert!(cited(&report).is_empty(), "{kind}: {report}");
    }
    // What is there must still be right.
    assert_eq!(
        cited(&partial(&session_with(|e| drop(e.remove(11))))),
        ["C5"]
    );
    assert_eq!(
        cited(&partial(&session_with(|e| e.insert(3, e[3].clone())))),
        ["C6"]
    );
    assert_eq!(cited(&partial(&session_with(|_| ()).repeat(2))), ["C3"]);
}

#[test]
fn exit_statuses() {
    let status = |options: &Options, input: &str| run_in(options, input.as_bytes(), 4096).1;
    let whole = Options {
        exit_from_stream: true,
        ..Options::default()
    };
    let open_end = Options {
        partial: true,
        ..whole.clone()
    };
    let cancelled = session_with(|e| {
        e[16] = Ev::new("turn_cancelled", 2, r#""by":"signal","reason":"SIGINT""#);
    });
    let limited = session_with(|e| e[16].body = e[16].body.replace("auth", "rate_limited"));
    assert_eq!(status(&Options::default(), &cancelled), Exit::Success);
    assert_eq!(status(&whole, &cancelled), Exit::Cancelled);
    assert_eq!(status(&whole, &limited), Exit::RateLimited);
    assert_eq!(status(&whole, &session_with(|_| ())), Exit::Failed);
    assert_eq!(
        status(&whole, &session_with(|e| e[16] = completed(2))),
        Exit::Success
    );
    assert_eq!(
        status(&open_end, &session_with(|e| e.truncate(14))),
        Exit::Failed
    );
    assert_eq!(status(&open_end, ""), Exit::Failed);
    assert_eq!(status(&Options::default(), ""), Exit::Success);
    let strict = Options {
        reading: Reading {
            strict: true,
            ..Reading::default()
        },
        ..Options::default()
    };
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
    let said = report(&text(&lines));
    assert!(
        said.contains("20022 events, 10011 turns in 10011 streams: no violations"),
        "{said}"
    );
}

#[test]
fn control_characters_of_the_input_are_not_repeated() {
    let said = report(&line_with(3, "answer", "\\u001b[2J\u{9b}"));
    assert!(!said.contains(['\u{1b}', '\u{9b}']), "{said:?}");
}

/// Whether leaving the event out of the numbered stream leaves a stream that is valid too.
fn can_be_missed(events: &[Ev], at: usize) -> bool {
    events[at].kind == "status"
}

proptest! {
    #[test]
    fn random_streams_are_clean(seed: u64, step in 1usize..3000) {
        let input = text(&render(&random_all(seed)));
        let (report, exit) = run_in(&Options::default(), input.as_bytes(), step);
        prop_assert!(cited(&report).is_empty(), "{}", report);
        prop_assert_eq!(exit, Exit::Success);
    }

    #[test]
    fn one_lost_or_doubled_line_is_one_violation(seed: u64, pick: prop::sample::Index, double: bool) {
        let events = random_all(seed);
        let at = pick.index(events.len());
        prop_assume!(!can_be_missed(&events, at));
        let mut lines = render(&events);
        if double {
            lines.insert(at, lines[at].clone());
        } else {
            lines.remove(at);
        }
        let report = report(&text(&lines));
        prop_assert_eq!(cited(&report).len(), 1, "{}\n{}", report, text(&lines));
    }

    #[test]
    fn one_lost_or_doubled_event_is_seen_without_its_number(seed: u64, pick: prop::sample::Index, double: bool) {
        let mut events = random_all(seed);
        let at = pick.index(events.len());
        prop_assume!(!can_be_missed(&events, at));
        if double {
            events.insert(at, events[at].clone());
        } else {
            events.remove(at);
        }
        let input = text(&render(&events));
        let report = report(&input);
        prop_assert_eq!(cited(&report).len(), 1, "{}\n{}", report, input);
    }

    #[test]
    fn never_panics_on_bytes(bytes: Vec<u8>, step in 1usize..50) {
        run_in(&Options::default(), &bytes, step);
    }

    #[test]
    fn never_panics_on_broken_streams(
        seed: u64,
        hits in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(&b"\\\"{}[],:0919btnu\n\xff"[..])), 1..20),
        partial: bool,
        step in 1usize..3000,
    ) {
        let mut bytes = text(&render(&random_all(seed))).into_bytes();
        for (at, byte) in hits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        run_in(&Options { partial, ..Options::default() }, &bytes, step);
    }
}
