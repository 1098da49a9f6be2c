//! For every rule streams that break only it.

use super::sample::{
    self, Ev, completed, delta, finished, opened, part, render, session, started, status, text,
    whole,
};
use super::*;

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
    let printed = report(&input);
    assert!(printed.starts_with(&want), "{printed}");
    let input = line_with(7, "\"ok\"", "\"so so\"");
    let line = input.lines().nth(7).unwrap();
    let want = format!(
        "<stdin>:8:{}: C2: outcome must be one of ok error denied cancelled unknown, and ",
        line.find("\"so so").unwrap() + 1
    );
    let printed = report(&input);
    assert!(printed.starts_with(&want), "{printed}");
    let mut bytes = session_with(|_| ()).into_bytes();
    bytes[10] = 0xFF;
    let (report, _) = run_in(&Options::default(), &bytes, 7);
    assert!(report.starts_with("<stdin>:1:11: C1: invalid UTF-8"), "{report}");
    assert_eq!(cited(&report), ["C1"]);
}

#[test]
fn c1_long_lines() {
    let mut events = session();
    events.insert(7, Ev::new("status", 1, &format!(r#""kind":"{}""#, "x".repeat(900))));
    let input = text(&render(&events));
    for (strict, exit) in [(false, Exit::Failed), (true, Exit::Malformed)] {
        let options = Options {
            pass: true,
            reading: Reading { max_line: 500, strict },
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
            line_with(7, "\"kind\"", "\"title\":7,\"kind\""),
            line_with(7, "\"output\"", "\"duration_ms\":-1,\"output\""),
            line_with(6, "\"kind\":\"progress\"", "\"kind\":7"),
            line_with(11, "\"stop\"", "\"stopp\""),
            line_with(11, "\"input_tokens\":3", "\"input_tokens\":3.5"),
            line_with(11, "[\"a\"]", "\"a\""),
            line_with(11, "[\"a\"]", "[1]"),
            line_with(11, "\"files_more\":2", "\"files_more\":-1"),
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
                e.splice(5..5, [delta(1, 1, "more"), delta(1, 1, "!"), whole(1, 1, "more!")]);
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
        part(1, 1, 0, "false", r#""text":"a\n```","close":"\n```","glue":"\n""#),
        part(1, 1, 1, "false", r#""text":"```\nb\n```","open":"```\n","close":"\n\u0060``""#),
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
