//! coalesce: text conserved, order kept, nothing held beyond `within`, untouched lines as they came; the law of a chain.

use std::time::Duration;

use proptest::prelude::*;

use super::{Border, Coalesce, Options};
use crate::codec;
use crate::filter::Chain;
use crate::filter::tests::{Timed, drive};

fn delta(stream: &str, seq: u64, block: &str, text: &str) -> String {
    let text = codec::to_json(text);
    format!(
        r#"{{"v":1,"type":"text_delta","stream":"{stream}","turn":1,"seq":{seq},"ts":"2026-01-01T00:00:00.{:03}Z","block":"{block}","kind":"answer","text":{text}}}"#,
        seq % 1000
    )
}

fn status(stream: &str, seq: Option<u64>) -> String {
    let seq = seq.map_or(String::new(), |n| format!(r#""seq":{n},"#));
    format!(
        r#"{{"v":1,"type":"status","stream":"{stream}","turn":1,{seq}"ts":"2026-01-01T00:00:00.999Z","kind":"info"}}"#
    )
}

fn coalesce(options: &Options) -> Chain {
    Chain::new(vec![Box::new(Coalesce::new(options.clone()))])
}

fn run(options: &Options, input: &[Timed]) -> Vec<Timed> {
    drive(coalesce(options), input)
}

/// Stream, block and text of a delta; nothing of another line.
fn delta_of(line: &str) -> Option<(String, String, String)> {
    let event = codec::decode(line.as_bytes()).unwrap();
    let delta = event.delta?;
    Some((event.stream.unwrap().into_owned(), delta.block.0.to_owned(), delta.text.0.to_owned()))
}

fn texts(lines: &[Timed]) -> Vec<String> {
    lines.iter().filter_map(|(_, line)| delta_of(line)).map(|(_, _, text)| text).collect()
}

fn at_zero(texts: &[&str]) -> Vec<Timed> {
    (1..).zip(texts).map(|(seq, text)| (0, delta("s", seq, "b1", text))).collect()
}

#[test]
fn the_first_passes_at_once_and_the_rest_is_merged() {
    let out = run(&Options::default(), &at_zero(&["Hel", "lo ", "world"]));
    assert_eq!(texts(&out), ["Hel", "lo world"]);
    assert_eq!(out[0].1, delta("s", 1, "b1", "Hel"));
    assert!(
        out[1].1.contains(r#""seq":3,"first_seq":2,"ts":"2026-01-01T00:00:00.003Z","block""#),
        "{}",
        out[1].1
    );
    assert_eq!(out[1].0, 150, "it leaves after the idle time");
}

#[test]
fn a_lone_delta_leaves_as_it_came() {
    let odd = r#"{ "text":"x","v":1,"type":"text_delta","stream":"s","turn":1,"seq":2,"ts":"2026-01-01T00:00:00.000Z","block":"b1","kind":"answer","big":12345678901234567890}"#;
    let input = [(0, delta("s", 1, "b1", "a")), (0, odd.to_owned()), (0, delta("s", 3, "b1", "c"))];
    let out = run(&Options::default(), &input);
    assert_eq!(
        out.iter().map(|(_, l)| l.as_str()).collect::<Vec<_>>(),
        input.iter().map(|(_, l)| l.as_str()).collect::<Vec<_>>()
    );
}

#[test]
fn another_event_of_the_stream_flushes_and_an_injected_one_does_not() {
    let input = [
        (0, delta("s", 1, "b1", "a")),
        (0, delta("s", 2, "b1", "b")),
        (0, status("s", None)),
        (0, status("t", Some(1))),
        (0, delta("s", 3, "b1", "c")),
        (0, status("s", Some(4))),
    ];
    let out = run(&Options::default(), &input);
    let kinds: Vec<String> = out
        .iter()
        .map(|(_, l)| delta_of(l).map_or_else(|| "status".into(), |(_, _, t)| t))
        .collect();
    assert_eq!(kinds, ["a", "status", "status", "bc", "status"]);
}

#[test]
fn max_is_never_passed_by_merging() {
    let options = Options { max: 5, first: 0, ..Options::default() };
    let out = run(&options, &at_zero(&["abc", "de", "f", "0123456789", "g", "😀😀😀😀😀"]));
    assert_eq!(texts(&out), ["abcde", "f", "0123456789", "g", "😀😀😀😀😀"]);
}

#[test]
fn a_preferred_border_is_where_it_cuts() {
    let cut = |by, texts_in: &[&str], max| {
        let options = Options { by, first: 0, max, ..Options::default() };
        texts(&run(&options, &at_zero(texts_in)))
    };
    assert_eq!(
        cut(Some(Border::Word), &["one ", "two ", "thr", "ee f", "our"], 12),
        ["one two ", "three four"]
    );
    assert_eq!(cut(Some(Border::Line), &["a\n", "b", "c"], 4), ["a\\n", "bc"]);
    assert_eq!(cut(Some(Border::Sentence), &["One. ", "Two"], 100), ["One. ", "Two"]);
    assert_eq!(cut(Some(Border::Paragraph), &["a\n\n", "b\n", "c"], 5), ["a\\n\\n", "b\\nc"]);
    assert_eq!(cut(None, &["one ", "two ", "thr"], 9), ["one two ", "thr"]);
}

#[test]
fn half_a_character_waits_for_its_other_half() {
    let options = Options { first: 0, ..Options::default() };
    for (halves, whole) in [
        ([r"\ud83d", r"\ude00"], r"\ud83d\ude00"),
        (["👩\u{200d}", "👧"], "👩\u{200d}👧"),
        (["🇩", "🇪"], "🇩🇪"),
        ([r"a\r", r"\n"], r"a\r\n"),
    ] {
        let line = |seq, raw: &str| delta("s", seq, "b1", "§").replace('§', raw);
        let out = run(&options, &[(0, line(1, halves[0])), (500, line(2, halves[1]))]);
        assert_eq!(
            texts(&out),
            [whole],
            "the idle time is over at 150 ms, but the partner is awaited"
        );
        let out = run(&options, &[(0, line(1, halves[0]))]);
        assert_eq!(out[0].0, 1000, "not for ever");
    }
}

#[test]
fn little_text_waits_longer() {
    let options = Options { min: 4, first: 0, ..Options::default() };
    assert_eq!(run(&options, &at_zero(&["abc"]))[0].0, 1000);
    assert_eq!(run(&options, &at_zero(&["abcd"]))[0].0, 150);
    assert_eq!(run(&options, &at_zero(&["a\n"]))[0].0, 150, "a line end is worth showing");
}

#[test]
fn equal_texts_are_all_kept() {
    let out = run(&Options::default(), &at_zero(&["ha", "ha", "ha", "ha"]));
    assert_eq!(texts(&out).concat(), "hahahaha");
}

#[test]
fn unknown_fields_that_differ_are_not_merged() {
    let with = |seq, x: &str| delta("s", seq, "b1", "t").replace('}', &format!(r#","x":{x}}}"#));
    let out = run(
        &Options { first: 0, ..Options::default() },
        &[(0, with(1, "1")), (0, with(2, "1")), (0, with(3, "2"))],
    );
    assert_eq!(texts(&out), ["tt", "t"]);
    assert!(out[0].1.ends_with(r#""text":"tt","x":1}"#), "{}", out[0].1);
    assert_eq!(out[1].1, with(3, "2"));
}

#[test]
fn a_stream_too_many_flushes_the_one_that_held_longest() {
    let options = Options { first: 0, ..Options::default() };
    let input: Vec<Timed> =
        (0..=1024u64).map(|n| (n / 1000, delta(&format!("s{n}"), 1, "b1", "x"))).collect();
    let out = run(&options, &input);
    assert_eq!(out.len(), 1025);
    assert!(out[0].1.contains(r#""stream":"s0""#));
}

/// A schedule: gaps in milliseconds, stream, what comes.
fn schedule() -> impl Strategy<Value = Vec<Timed>> {
    let text = prop_oneof![
        6 => "[a-c .\n]{1,8}",
        1 => prop::sample::select(vec!["👩\u{200d}", "👧", "🇩", "🇪", "\r", "\n", "e\u{301}", "。", "好"]).prop_map(str::to_owned),
    ];
    let step = (prop_oneof![4 => 0u64..20, 1 => 100u64..1500], 0usize..3, 0u8..12, text);
    prop::collection::vec(step, 1..60).prop_map(|steps| {
        let (mut now, mut seqs, mut blocks) = (0, [0u64; 3], [1u64; 3]);
        let mut lines = Vec::new();
        for (gap, at, what, text) in steps {
            now += gap;
            let stream = format!("s{at}");
            match what {
                0 => lines.push((now, status(&stream, None))),
                1 => {
                    seqs[at] += 1;
                    blocks[at] += 1;
                    lines.push((now, status(&stream, Some(seqs[at]))));
                }
                _ => {
                    seqs[at] += 1;
                    lines.push((now, delta(&stream, seqs[at], &format!("b{}", blocks[at]), &text)));
                }
            }
        }
        lines
    })
}

fn any_options() -> impl Strategy<Value = Options> {
    let by = prop::option::of(prop::sample::select(vec![
        Border::Word,
        Border::Line,
        Border::Sentence,
        Border::Paragraph,
    ]));
    (1usize..40, 1usize..10, 1u64..300, 1u64..1200, by, 0u32..3).prop_map(
        |(max, min, idle, within, by, first)| Options {
            max,
            min,
            idle: Duration::from_millis(idle),
            within: Duration::from_millis(within),
            by,
            first,
        },
    )
}

/// Per stream: texts joined by block, with the other numbered events between them.
fn story(lines: &[Timed]) -> Vec<(String, Vec<String>)> {
    let mut streams: Vec<(String, Vec<String>)> =
        (0..3).map(|n| (format!("s{n}"), Vec::new())).collect();
    let mut last: [Option<String>; 3] = [const { None }; 3];
    for (_, line) in lines {
        let event = codec::decode(line.as_bytes()).unwrap();
        let at =
            streams.iter().position(|(s, _)| Some(s.as_str()) == event.stream.as_deref()).unwrap();
        match delta_of(line) {
            Some((_, block, text)) if last[at].as_ref() == Some(&block) => {
                streams[at].1.last_mut().unwrap().push_str(&text);
            }
            Some((_, block, text)) => {
                streams[at].1.push(text);
                last[at] = Some(block);
            }
            None if event.seq.is_some() => {
                streams[at].1.push(line.clone());
                last[at] = None;
            }
            None => {}
        }
    }
    streams
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn text_and_order_are_conserved_and_nothing_is_held_too_long(options in any_options(), input in schedule()) {
        let out = run(&options, &input);
        prop_assert_eq!(story(&out), story(&input));
        // Every delta leaves within its time: the one that stands for number n leaves no later than n came + within.
        let came = |stream: &str, seq: u64| {
            input.iter().find(|(_, l)| {
                let e = codec::decode(l.as_bytes()).unwrap();
                e.stream.as_deref() == Some(stream) && e.seq == Some(seq)
            }).unwrap().0
        };
        let within = u64::try_from(options.within.as_millis()).unwrap();
        let mut last = [0u64; 3];
        for (at, line) in &out {
            let event = codec::decode(line.as_bytes()).unwrap();
            let (Some(seq), Some(stream)) = (event.seq, event.stream.as_deref()) else { continue };
            let first = event.delta.as_ref().and_then(|d| d.first_seq).unwrap_or(seq);
            let index: usize = stream[1..].parse().unwrap();
            prop_assert_eq!(first, last[index] + 1, "numbers are contiguous");
            last[index] = seq;
            prop_assert!(*at <= came(stream, first) + within, "{} left at {}", line, at);
            if let Some(delta) = &event.delta && first != seq {
                prop_assert!(super::tail::chars(delta.text.0) <= options.max);
            }
        }
    }

    #[test]
    fn slicing_does_not_change_the_text(options in any_options(), input in schedule()) {
        let sliced: Vec<Timed> = run(&Options { max: 3, ..options.clone() }, &input);
        prop_assert_eq!(story(&run(&options, &sliced)), story(&input));
    }

    /// Law: a chain in one process has the output of the same filters with lines between them, at the same times.
    #[test]
    fn a_chain_is_its_filters_one_after_the_other(a in any_options(), b in any_options(), input in schedule()) {
        let filters: Vec<Box<dyn crate::filter::Filter>> = vec![Box::new(Coalesce::new(a.clone())), Box::new(Coalesce::new(b.clone()))];
        let chained = drive(Chain::new(filters), &input);
        let piped = run(&b, &run(&a, &input));
        prop_assert_eq!(chained, piped);
    }
}
