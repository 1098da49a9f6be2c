//! chunk as a filter: what it takes, what it passes, which deltas it trusts, and that slicing changes nothing but seq and ts.

mod checked;

use serde_json::{Value, json};

use super::{Chunk, Kinds, Options, PRESETS, Voices, preset_limits};
use crate::codec;
use crate::filter::Chain;
use crate::text::cut::{self, Fences, Pace};
use crate::text::units::{Limit, Limits, Unit};
use crate::time::Time;

fn options(max: usize) -> Options {
    Options {
        kinds: Kinds::Answer,
        voices: Voices::Agent,
        cut: cut::Options {
            limits: Limits::new(&[Limit { unit: Unit::Codepoints, max }]),
            min: None,
            pace: Pace::Full,
            fences: Fences::Lines,
        },
    }
}

/// An event of the stream `s`, turn 1, with the next number.
struct Stream(u64);

impl Stream {
    fn event(&mut self, type_: &str, body: Value) -> String {
        self.0 += 1;
        let mut event = json!({"v": 1, "type": type_, "stream": "s", "turn": 1, "seq": self.0,
            "ts": Time::from_millis(1_767_225_600_000 + self.0).to_string()});
        if let (Value::Object(event), Value::Object(body)) = (&mut event, body) {
            event.extend(body);
        }
        event.to_string()
    }

    fn start(&mut self) -> String {
        self.event("turn_started", json!({"runtime": "test"}))
    }

    fn delta(&mut self, text: &str) -> String {
        self.event("text_delta", json!({"block": "b1", "kind": "answer", "text": text}))
    }

    fn last(&mut self, text: &str) -> String {
        self.event("block_final", json!({"block": "b1", "kind": "answer", "text": text}))
    }
}

fn run(options: Options, lines: &[String]) -> Vec<String> {
    let mut chain = Chain::new(vec![Box::new(Chunk::new(options))]);
    let mut bytes = Vec::new();
    for line in lines {
        let event = codec::decode(line.as_bytes()).unwrap();
        chain.on_event(Time::default(), &event, &mut bytes);
    }
    chain.on_end(Time::default(), &mut bytes);
    let text = String::from_utf8(bytes).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// The parts among the lines, without number and time, and the other lines.
fn parts(lines: &[String]) -> (Vec<Value>, Vec<&String>) {
    let mut parts = Vec::new();
    let mut others = Vec::new();
    for line in lines {
        let mut value: Value = serde_json::from_str(line).unwrap();
        if value.get("part").is_some() {
            let event = value.as_object_mut().unwrap();
            event.remove("seq");
            event.remove("ts");
            parts.push(value);
        } else {
            others.push(line);
        }
    }
    (parts, others)
}

fn texts(parts: &[Value]) -> Vec<&str> {
    parts.iter().map(|p| p["text"].as_str().unwrap()).collect()
}

const TEXT: &str = "First paragraph here.\n\nSecond one 👩‍👩‍👧.\n\n```rs\nlet a = 1;\nlet b = 2;\nlet c = 3;\n```\nThe end \u{2028} of it.\n";

#[test]
fn slices_change_nothing_but_number_and_time() {
    let mut s = Stream(0);
    let lines = [s.start(), s.last(TEXT)];
    let whole = run(options(30), &lines);
    let (want, _) = parts(&whole);
    assert!(want.len() > 3);
    assert_eq!(want.last().unwrap()["last"], true);
    assert_eq!(want[1]["delivery_id"], "s/1/b1/1");
    for len in [1, 2, 3, 7, 40, 1000] {
        let mut s = Stream(0);
        let mut lines = vec![s.start()];
        let chars: Vec<char> = TEXT.chars().collect();
        let slices = chars.chunks(len).map(|c| c.iter().collect::<String>());
        lines.extend(slices.map(|slice| s.delta(&slice)).collect::<Vec<_>>());
        lines.push(s.last(TEXT));
        let out = run(options(30), &lines);
        assert_eq!(parts(&out).0, want, "slices of {len}");
        assert_eq!(parts(&out).1, [&lines[0]]);
    }
}

#[test]
fn a_part_leaves_with_the_event_that_decides_it() {
    let mut s = Stream(0);
    let lines = [
        s.start(),
        s.delta("A first paragraph.\n\n"),
        s.delta("And a second paragraph, which does not fit."),
        s.last("A first paragraph.\n\nAnd a second paragraph, which does not fit."),
    ];
    let out = run(options(30), &lines);
    let seqs: Vec<Value> =
        out.iter().map(|l| serde_json::from_str::<Value>(l).unwrap()["seq"].clone()).collect();
    assert_eq!(seqs, [1, 3, 3, 4]);
    assert!(out[1].contains(r#""ts":"2026-01-01T00:00:00.003Z""#));
    assert!(out[1].contains(r#""text":"A first paragraph.","part":0,"last":false,"delivery_id":"s/1/b1/0","glue":"\n\n"}"#), "{}", out[1]);
}

#[test]
fn what_is_not_chosen_passes_as_it_came() {
    let mut s = Stream(0);
    let reasoning = json!({"block": "b2", "kind": "reasoning", "text": "Hmm. ".repeat(20)});
    let child =
        json!({"block": "b3", "kind": "answer", "parent": "t1", "text": "I am below. ".repeat(20)});
    let part = json!({"block": "b4", "kind": "answer", "text": "x".repeat(90), "part": 0, "last": true, "delivery_id": "s/1/b4/0"});
    let lines = [
        s.start(),
        s.event("text_delta", reasoning.clone()),
        s.event("block_final", reasoning),
        s.event("text_delta", child.clone()),
        s.event("block_final", child),
        s.event("block_final", part),
        s.event("status", json!({"kind": "info", "message": "a gap in nothing"})),
        s.event("turn_completed", json!({"stop": "end_turn"})),
        s.event("x_unknown", json!({"a": 1.50})),
    ];
    assert_eq!(run(options(30), &lines), lines);

    let all = Options { kinds: Kinds::All, voices: Voices::All, ..options(30) };
    let out = run(all, &lines);
    let (cut, others) = parts(&out);
    assert_eq!(others.len(), 4);
    assert!(cut.iter().any(|p| p["kind"] == "reasoning"));
    let below: Vec<&Value> = cut.iter().filter(|p| p["block"] == "b3").collect();
    assert!(below.len() > 3 && below.iter().all(|p| p["parent"] == "t1"));
    // Parts are cut no further.
    assert_eq!(cut.iter().filter(|p| p["block"] == "b4").count(), 1);

    let only = Options { kinds: Kinds::Reasoning, ..options(30) };
    let out = run(only, &lines);
    assert!(parts(&out).0.iter().all(|p| p["kind"] == "reasoning" || p["block"] == "b4"));
}

#[test]
fn a_stream_joined_in_the_middle_waits_for_the_final() {
    let mut s = Stream(50);
    let lines = [
        s.delta("middle of a text, "),
        s.delta("end."),
        s.last("The beginning, the middle of a text, end."),
    ];
    let out = run(options(30), &lines);
    let (cut, others) = parts(&out);
    assert_eq!(texts(&cut), ["The beginning, the middle of a", "text, end."]);
    assert!(others.is_empty());
}

#[test]
fn after_a_gap_the_final_brings_what_was_missed() {
    let gap =
        r#"{"v":1,"type":"status","stream":"s","ts":"2026-01-01T00:00:00.003Z","kind":"gap"}"#
            .to_owned();
    let mut s = Stream(0);
    let (start, first) = (s.start(), s.delta("A beginning that is heard. And "));
    s.0 += 2;
    let later = s.delta("the end.");
    let last = s.last("A beginning that is heard. And something missed, and the end.");
    let out = run(options(30), &[start, first, gap.clone(), later, last]);
    let (cut, others) = parts(&out);
    assert_eq!(others.len(), 2);
    assert_eq!(
        texts(&cut),
        ["A beginning that is heard.", "And something missed, and the", "end."]
    );

    // The block that begins after it is cut from its final, and trust returns with the next turn.
    let mut s = Stream(0);
    let lines = [s.start(), gap, s.delta("lost "), s.last("Found.")];
    let out = run(options(30), &lines);
    assert_eq!(texts(&parts(&out).0), ["Found."]);
}

#[test]
fn a_final_that_says_something_else_does_not_unsay() {
    let mut s = Stream(0);
    let lines = [s.start(), s.delta("What was said."), s.last("What was never said.")];
    let out = run(options(30), &lines);
    let (cut, others) = parts(&out);
    assert_eq!(texts(&cut), ["What was said."]);
    assert!(others[1].contains(r#""kind":"diagnostic""#), "{others:?}");

    let mut s = Stream(0);
    let lines = [s.start(), s.delta("What was"), s.last("What was said.")];
    assert_eq!(texts(&parts(&run(options(30), &lines)).0), ["What was said."]);
}

#[test]
fn what_is_held_is_said_when_the_input_is_cut_short() {
    let mut s = Stream(0);
    let lines = [s.start(), s.delta("```rs\nlet a = 1;")];
    let out = run(options(30), &lines);
    let (cut, _) = parts(&out);
    assert_eq!(texts(&cut), ["```rs\nlet a = 1;\n```"]);
    assert_eq!((&cut[0]["last"], &cut[0]["synthetic"]), (&json!(true), &json!(true)));

    // Or when its turn ends without its final.
    let mut s = Stream(0);
    let lines = [
        s.start(),
        s.delta("Half"),
        s.event("turn_failed", json!({"error": {"code": "truncated", "message": "m"}})),
    ];
    let out = run(options(30), &lines);
    assert!(out[1].contains(r#""text":"Half""#) && out[2].contains("turn_failed"), "{out:?}");

    // Deltas without their beginning cannot be parts: a diagnostic reports it.
    let mut s = Stream(5);
    let out = run(options(30), &[s.delta("somewhere in the middle")]);
    assert!(out[0].contains("diagnostic") && out.len() == 1, "{out:?}");
}

#[test]
fn the_last_part_has_what_only_the_final_knows() {
    let mut s = Stream(0);
    let body = json!({"block": "b1", "kind": "answer", "text": "One sentence here. Another sentence.", "supersedes": "b0", "continues": "b0", "x_trace": {"n": 1}});
    let lines = [s.start(), s.event("block_final", body)];
    let out = run(options(30), &lines);
    let (cut, _) = parts(&out);
    assert_eq!(cut.len(), 2);
    assert!(cut[0].get("supersedes").is_none() && cut[0].get("x_trace").is_none());
    assert_eq!(cut[1]["supersedes"], "b0");
    assert_eq!(cut[1]["x_trace"], json!({"n": 1}));
}

#[test]
fn unknown_fields_are_carried_as_they_were_written() {
    let extra = r#""x_big":12345678901234567890123,"x_far":1e400,"x_twice":1,"x_twice":{"a": 2.50},"x\"q":"\ud83d""#;
    let mut s = Stream(0);
    let start = s.start();
    let last = s.last("One sentence here. Another sentence.");
    let last = format!("{},{extra}}}", &last[..last.len() - 1]);
    let out = run(options(30), &[start, last]);
    assert!(!out[1].contains("x_big"), "{}", out[1]);
    // Half a character is no text (RFC 7493, 2.1); everything else is as it was.
    let extra = extra.replace(r"\ud83d", "\u{fffd}");
    assert!(out[2].ends_with(&format!(",{extra}}}")), "{}", out[2]);
}

#[test]
fn half_a_surrogate_pair_waits_for_the_other() {
    let mut s = Stream(0);
    let raw = |line: String, raw: &str| line.replace("@", raw);
    let lines = [
        s.start(),
        raw(s.delta("a @"), r"\ud83d"),
        raw(s.delta("@ b"), r"\ude00"),
        raw(s.delta(" @ c"), r"\ud83d"),
        raw(s.last("a 😀 b @ c"), r"\ud83d"),
    ];
    let out = run(options(30), &lines);
    assert_eq!(out.len(), 2, "{out:?}");
    assert!(out[1].contains("\"text\":\"a 😀 b \u{fffd} c\""), "{}", out[1]);
}

#[test]
fn a_block_that_shows_nothing_is_whole_and_has_no_part() {
    for text in ["", "\n\n"] {
        let mut s = Stream(0);
        let lines = [s.start(), s.last(text)];
        assert_eq!(run(options(30), &lines), lines, "{text:?}");
    }
    // Its final never came.
    let mut s = Stream(0);
    let out = run(options(30), &[s.start(), s.delta("\n\n")]);
    let last: Value = serde_json::from_str(&out[1]).unwrap();
    assert_eq!((&last["text"], &last["synthetic"]), (&json!("\n\n"), &json!(true)));
    assert!(last.get("part").is_none() && last.get("glue").is_none(), "{last}");
}

#[test]
fn white_space_that_no_part_before_it_can_carry_is_the_lead() {
    let mut s = Stream(0);
    let text = format!("{}Done.", "\n".repeat(90));
    let out = run(options(30), &[s.start(), s.last(&text)]);
    let (cut, _) = parts(&out);
    assert_eq!(texts(&cut), ["Done."]);
    assert_eq!(cut[0]["lead"], "\n".repeat(90));
}

#[test]
fn every_preset_can_be_cut_by() {
    for preset in PRESETS {
        let limits = Limits::new(&preset_limits(preset.limits, preset.lines));
        assert!(preset.limits.iter().all(|(_, max)| *max >= 16) && !preset.source.is_empty());
        let options = Options {
            cut: cut::Options { limits, min: None, pace: Pace::Full, fences: preset.fences },
            ..options(30)
        };
        let mut s = Stream(0);
        let out = run(options, &[s.start(), s.last(&TEXT.repeat(400))]);
        assert!(out.len() > 2, "{}", preset.name);
    }
}
