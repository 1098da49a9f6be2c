//! merge: whole lines, order within a stream, labels where there are none, one owner of a stream, how each ended.

use proptest::prelude::*;
use serde_json::Value;

use super::{Merge, Source};
use crate::codec::{self, Fields};
use crate::exit::Exit;
use crate::stage::{Io, Reading};
use crate::time::Time;

fn merge(labels: &[&str], max_line: usize) -> Merge {
    let sources = labels.iter().enumerate().map(|(n, label)| Source {
        name: format!("source {n}"),
        label: (!label.is_empty()).then(|| (*label).to_owned()),
    });
    let reading = Reading { max_line, strict: false };
    Merge::new(sources.collect(), &reading)
}

/// What leaves, what is complained of, and the status, when each source says all it has and then ends.
fn run(labels: &[&str], inputs: &[&str]) -> (String, String, Exit) {
    let mut merge = merge(labels, 1 << 20);
    let mut io = Io::default();
    let now = Time::default();
    for (n, input) in inputs.iter().enumerate() {
        merge.on_bytes(now, n, input.as_bytes(), &mut io);
    }
    for n in 0..inputs.len() {
        merge.on_source_end(now, n, None, &mut io);
    }
    merge.on_end(now, &mut io);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(io.out), text(io.err), merge.exit())
}

fn event(stream: &str, seq: u64, type_: &str, body: &str) -> String {
    format!(
        "{{\"v\":1,\"type\":\"{type_}\",\"stream\":\"{stream}\",\"turn\":1,\"seq\":{seq},\"ts\":\"2026-01-01T00:00:00.{seq:03}Z\"{body}}}\n"
    )
}

fn started(stream: &str) -> String {
    event(stream, 1, "turn_started", r#","runtime":"x""#)
}

fn completed(stream: &str) -> String {
    event(stream, 2, "turn_completed", r#","stop":"x""#)
}

/// The closing statuses: stream, label and word.
fn endings(out: &str) -> Vec<String> {
    let events = out.lines().map(|l| serde_json::from_str::<Value>(l).unwrap());
    let closing = events.filter(|e| !e["data"]["ended"].is_null());
    let words = closing.map(|e| {
        let word = |v: &Value| v.as_str().unwrap_or("-").to_owned();
        format!("{} {} {}", word(&e["stream"]), word(&e["label"]), word(&e["message"]))
    });
    words.collect()
}

#[test]
fn without_a_label_every_line_leaves_as_it_came() {
    let odd = "{ \"v\":1, \"stream\":\"s\",\"type\":\"status\",\"x\":1e3,\"kind\":\"log\"}\r\n";
    let input = format!("{}{odd}{}", started("s"), completed("s"));
    let (out, err, exit) = run(&[""], &[&input]);
    assert!(out.starts_with(&input), "{out}");
    assert_eq!((err.as_str(), exit), ("", Exit::Success));
    let closing = r#"{"v":1,"type":"status","stream":"s","ts":"2026-01-01T00:00:00.002Z","kind":"info","message":"completed","data":{"ended":"completed","turns":1,"events":2}}"#;
    assert_eq!(&out[input.len()..], format!("{closing}\n"));
}

#[test]
fn a_label_is_put_at_its_place_where_there_is_none() {
    for (before, after) in [
        (
            r#"{"v":1,"type":"turn_started","stream":"s","turn":1,"seq":1,"ts":"T","runtime":"x"}"#,
            r#"{"v":1,"type":"turn_started","stream":"s","turn":1,"seq":1,"ts":"T","label":"a\"b","runtime":"x"}"#,
        ),
        (
            r#"{"v":1,"type":"text_delta","stream":"s","turn":1,"seq":1,"first_seq":1,"ts":"T","parent":"p","block":"b1","kind":"answer","text":"\"label\":"}"#,
            r#"{"v":1,"type":"text_delta","stream":"s","turn":1,"seq":1,"first_seq":1,"ts":"T","label":"a\"b","parent":"p","block":"b1","kind":"answer","text":"\"label\":"}"#,
        ),
        // A label deeper down is not the event's.
        (
            r#"{"v":1,"type":"status","stream":"s","turn":1,"seq":1,"ts":"T","kind":"info","data":{"label":"x"}}"#,
            r#"{"v":1,"type":"status","stream":"s","turn":1,"seq":1,"ts":"T","label":"a\"b","kind":"info","data":{"label":"x"}}"#,
        ),
        (
            "{ \"type\": \"status\", \"v\": 1 , \"kind\": \"diagnostic\" }",
            "{ \"type\": \"status\",\"label\":\"a\\\"b\", \"v\": 1 , \"kind\": \"diagnostic\" }",
        ),
    ] {
        let (out, ..) = run(&["a\"b"], &[&format!("{before}\n")]);
        assert_eq!(out.lines().next().unwrap(), after);
    }
    for own in [
        r#"{"v":1,"type":"status","stream":"s","turn":1,"seq":1,"ts":"T","label":"own","kind":"info"}"#,
        r#"{"v":1,"type":"status","stream":"s","turn":1,"seq":1,"ts":"T","kind":"info","label":"own"}"#,
        r#"{"v":1,"type":"status","stream":"s","turn":1,"seq":1,"ts":"T","kind":"info","l\u0061bel":"own"}"#,
        r#"{"v":1,"type":"text_delta","stream":"s","turn":1,"seq":1,"ts":"T","block":"b","kind":"answer","text":"x","label":"own"}"#,
    ] {
        let (out, ..) = run(&["a"], &[&format!("{own}\n")]);
        assert_eq!(out.lines().next().unwrap(), own);
        assert_eq!(endings(&out), ["s own truncated: turn 1 has no end"]);
    }
}

#[test]
fn a_stream_of_another_source_is_refused() {
    let own = format!("{}{}", started("s"), completed("s"));
    let other = format!("{}{}{}", started("s"), completed("s"), started("t"));
    let (out, err, exit) = run(&["a", "b"], &[&own, &other]);
    assert_eq!(
        err,
        "spile: source 1: stream s is already that of source 0: left out (give each run its own id: wrap --stream)\n"
    );
    assert_eq!(out.matches(r#""type":"turn_started","stream":"s""#).count(), 1);
    assert_eq!(endings(&out), ["s a completed", "t b truncated: turn 1 has no end"]);
    assert_eq!(exit, Exit::Failed);
}

#[test]
fn how_each_stream_ended_is_said_and_the_worst_is_the_status() {
    let failed = |code: &str| {
        event("f", 2, "turn_failed", &format!(r#","error":{{"code":"{code}","message":"m"}}"#))
    };
    let cancelled = event("c", 2, "turn_cancelled", r#","by":"signal","reason":"m""#);
    let ok = completed("o");
    let (out, err, exit) =
        run(&["", ""], &[&(failed("rate_limited") + &cancelled), &(ok.clone() + &started("open"))]);
    assert_eq!(
        endings(&out),
        [
            "f - failed: rate_limited",
            "c - cancelled",
            "o - completed",
            "open - truncated: turn 1 has no end"
        ]
    );
    assert_eq!((err.as_str(), exit), ("", Exit::Cancelled));
    assert_eq!(run(&["", ""], &[&failed("timeout_idle"), &ok]).2, Exit::Timeout);
    assert_eq!(run(&["", ""], &[&failed("auth"), &ok]).2, Exit::Failed);
    // What comes after an end opens nothing; a later turn counts alone.
    let late = event("o", 3, "status", r#","kind":"log""#);
    assert_eq!(run(&[""], &[&(ok.clone() + &late)]).2, Exit::Success);
    let again = completed("f").replace(r#""turn":1"#, r#""turn":2"#);
    assert_eq!(run(&[""], &[&(failed("auth") + &again)]).2, Exit::Success);
}

#[test]
fn a_source_without_a_turn_and_a_broken_one_are_told() {
    let ok = completed("o");
    let (_, err, exit) = run(&["", ""], &[&ok, ""]);
    assert_eq!((err.as_str(), exit), ("spile: source 1: no turn came from it\n", Exit::Failed));
    let (mut merge, mut io) = (merge(&[""], 1000), Io::default());
    merge.on_bytes(Time::default(), 0, ok.as_bytes(), &mut io);
    merge.on_source_end(Time::default(), 0, Some("cannot read: gone"), &mut io);
    assert_eq!(io.err, b"spile: source 0: cannot read: gone\n");
    assert_eq!(merge.exit(), Exit::Failed);
}

#[test]
fn garbage_is_a_diagnostic_with_its_place_and_its_label() {
    let (out, err, _) = run(&["a"], &[&(completed("s") + "garbage")]);
    let want = format!(
        r#"{{"v":1,"type":"status","label":"a","kind":"diagnostic","message":"not a JSON object","data":{{"line":2,"offset":{},"#,
        completed("s").len()
    );
    assert!(out.lines().nth(1).unwrap().starts_with(&want), "{out}");
    assert_eq!(err, "source 0:2:1: not a JSON object\n");
}

#[test]
fn a_line_too_long_is_cut_only_where_another_speaks() {
    let (mut merge, mut io) = (merge(&["", "b"], 300), Io::default());
    let mut emit = |at, source, text: &str| {
        merge.on_bytes(Time::from_millis(at), source, text.as_bytes(), &mut io);
        let out = String::from_utf8(std::mem::take(&mut io.out)).unwrap();
        (out, merge.holder)
    };
    let y = "y".repeat(200);
    assert_eq!(emit(1, 0, &y), (String::new(), None));
    assert_eq!(emit(2, 0, &y), (y.repeat(2), Some((0, Time::from_millis(2)))));
    assert_eq!(emit(3, 0, "y"), ("y".into(), Some((0, Time::from_millis(2)))));
    let (out, holder) = emit(4, 1, &completed("s"));
    assert!(out.starts_with("\n{") && out.contains(r#""label":"b""#) && holder.is_none(), "{out}");
    assert_eq!(emit(5, 0, "z"), ("z".into(), Some((0, Time::default()))));
    assert_eq!(emit(6, 0, "z\n"), ("z\n".into(), None));
    emit(7, 0, &y.repeat(2));
    emit(8, 1, &completed("s"));
    assert_eq!(emit(9, 0, "\n"), (String::new(), None), "it has had its line feed");
    emit(10, 0, &y.repeat(2));
    merge.on_source_end(Time::default(), 0, None, &mut io);
    assert_eq!(io.out, b"\n");
}

#[test]
fn more_streams_than_are_followed_are_closed_early() {
    let count = super::streams::MAX_STREAMS + 5;
    let input: String = (0..count)
        .map(|n| if n == 3 { started("s3") } else { completed(&format!("s{n}")) })
        .collect();
    let (out, _, exit) = run(&[""], &[&input]);
    let endings = endings(&out);
    assert_eq!(endings.len(), count);
    assert_eq!(endings[0], "s0 - completed");
    assert_eq!(endings[999], "s1000 - completed", "an open turn is kept longer");
    assert_eq!(endings[1000], "s3 - truncated: turn 1 has no end");
    assert_eq!(exit, Exit::Failed);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Bytes come in any slices from any source: every line leaves whole, and those of a source in its order.
    #[test]
    fn order_is_kept_in_any_schedule(
        sizes in prop::collection::vec(prop::collection::vec(0usize..60, 0..12), 8),
        schedule in prop::collection::vec((0usize..8, 1usize..400), 0..120),
        labelled in any::<[bool; 8]>(),
    ) {
        let lines = |source: usize| (1u64..).zip(&sizes[source]).map(move |(seq, size)| {
            let body = format!(r#","block":"b1","kind":"answer","text":"{}""#, "t".repeat(size + 1));
            event(&format!("s{source}"), seq, "text_delta", &body)
        });
        let inputs: Vec<String> = (0..8).map(|n| lines(n).collect()).collect();
        let labels = labelled.map(|yes| if yes { "l" } else { "" });
        let (mut merge, mut io) = (merge(&labels, 1000), Io::default());
        let mut rest: Vec<&[u8]> = inputs.iter().map(String::as_bytes).collect();
        let all = (0..8).map(|n| (n, usize::MAX));
        for (n, len) in schedule.into_iter().chain(all) {
            let (head, tail) = rest[n].split_at(len.min(rest[n].len()));
            rest[n] = tail;
            merge.on_bytes(Time::default(), n, head, &mut io);
        }
        let out = String::from_utf8(io.out).unwrap();
        for (n, labelled) in labelled.iter().enumerate() {
            let name = format!(r#""stream":"s{n}""#);
            let got: Vec<&str> = out.split_inclusive('\n').filter(|l| l.contains(&name)).collect();
            let want: Vec<String> = lines(n).map(|line| match labelled {
                true => line.replace(r#"Z","#, r#"Z","label":"l","#),
                false => line,
            }).collect();
            prop_assert_eq!(got, want);
        }
        prop_assert_eq!(out.lines().count(), sizes.iter().map(Vec::len).sum::<usize>());
    }

    /// A label changes nothing but itself, wherever the keys stand.
    #[test]
    fn a_label_is_all_that_is_added(
        keys in Just(vec!["\"v\":1", "\"type\":\"status\"", "\"stream\":\"s\"", "\"turn\":1", "\"seq\":2", "\"ts\":\"x\"", "\"kind\":\"label\"", "\"data\":[\"label\",{\"label\":1}]"]).prop_shuffle(),
        space in prop::sample::select(vec!["", " "]),
        own in prop::option::of(0usize..8),
    ) {
        let mut keys = keys;
        if let Some(at) = own {
            keys.insert(at, "\"label\":\"own\"");
        }
        let line = format!("{{{space}{}}}", keys.join(&format!("{space},{space}")));
        let (out, ..) = run(&["new"], &[&format!("{line}\n")]);
        let got = out.lines().next().unwrap();
        let fields = Fields::parse(got).unwrap();
        prop_assert!(codec::tests::decode_strict(got.as_bytes()).is_ok());
        let want = if own.is_some() { "\"own\"" } else { "\"new\"" };
        prop_assert_eq!(fields.get("label"), Some(want));
        prop_assert_eq!(got.replacen(",\"label\":\"new\"", "", 1), line);
    }
}
