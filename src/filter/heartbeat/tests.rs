//! heartbeat: each state under virtual time, never after a terminal event, exactly one in each `every` of a silence.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Heartbeat, Options};
use crate::codec;
use crate::event::Type;
use crate::filter::coalesce::{self, Coalesce};
use crate::filter::tests::{Timed, drive_until};
use crate::filter::{Chain, Filter};
use crate::streams::MAX_STREAMS;
use crate::time::Time;

/// An event of turn 1 of stream `s`, its `ts` a day of its own.
fn event(seq: u64, type_: &str, body: &str) -> String {
    event_of("s", 1, seq, type_, body)
}

fn event_of(stream: &str, turn: u64, seq: u64, type_: &str, body: &str) -> String {
    let ts = Time::from_millis(1_700_000_000_000 + seq);
    format!(
        r#"{{"v":1,"type":"{type_}","stream":"{stream}","turn":{turn},"seq":{seq},"ts":"{ts}"{body}}}"#
    )
}

fn started(seq: u64) -> String {
    event(seq, "turn_started", r#","runtime":"x""#)
}

fn text(seq: u64, text: &str) -> String {
    let body = format!(r#","block":"b1","kind":"answer","text":"{text}""#);
    event(seq, "text_delta", &body)
}

fn tool(seq: u64, type_: &str, id: &str) -> String {
    let body = format!(r#","tool":{{"id":"{id}","name":"Bash","kind":"execute"}}"#);
    event(seq, type_, &body)
}

fn completed(seq: u64) -> String {
    event(seq, "turn_completed", r#","stop":"end_turn""#)
}

fn every(seconds: u64) -> Options {
    Options { every: Duration::from_secs(seconds), ..Options::default() }
}

fn run(options: &Options, input: &[Timed], until: u64) -> Vec<Timed> {
    let filter = Heartbeat::new(options.clone());
    drive_until(Chain::new(vec![Box::new(filter)]), input, until)
}

/// The injected statuses: when, kind and data.
fn beats(lines: &[Timed]) -> Vec<(u64, String, Value)> {
    let injected = lines.iter().filter_map(|(at, line)| {
        let event: Value = serde_json::from_str(line).unwrap();
        let kind = event["kind"].as_str().unwrap_or_default().to_owned();
        ["heartbeat", "stalled"]
            .contains(&kind.as_str())
            .then(|| (*at, kind, event["data"].clone()))
    });
    injected.collect()
}

fn states(lines: &[Timed]) -> Vec<(u64, String)> {
    let all = beats(lines).into_iter();
    all.map(|(at, _, data)| (at, data["state"].as_str().unwrap().to_owned())).collect()
}

#[test]
fn waiting_until_something_is_said() {
    let status = event(2, "status", r#","kind":"log""#);
    let input = [(0, started(1)), (4_000, status)];
    let out = run(&every(10), &input, 25_000);
    assert_eq!(states(&out), [(14_000, "waiting".to_owned()), (24_000, "waiting".to_owned())]);
    let data = json!({"state": "waiting", "elapsed_ms": 24_000, "idle_ms": 20_000, "events": 2, "chars": 0, "open_tools": 0});
    assert_eq!(beats(&out)[1].2, data);
}

#[test]
fn quiet_after_text_and_tool_while_one_is_open() {
    let input = [
        (0, started(1)),
        (1_000, text(2, "h\\u00e4\\ud83d\\ude00")),
        (12_000, tool(3, "tool_started", "a")),
        (12_000, tool(4, "tool_started", "b")),
        (13_000, tool(5, "tool_finished", "a")),
        (24_000, tool(6, "tool_finished", "b")),
    ];
    let out = run(&every(10), &input, 34_000);
    let want = [(11_000, "quiet"), (23_000, "tool"), (34_000, "quiet")];
    assert_eq!(states(&out), want.map(|(at, state)| (at, state.to_owned())));
    let data = json!({"state": "tool", "elapsed_ms": 23_000, "idle_ms": 10_000, "events": 5, "chars": 3, "open_tools": 1});
    assert_eq!(beats(&out)[1].2, data);
}

#[test]
fn it_belongs_to_the_stream_and_has_no_number() {
    let started = event(1, "turn_started", r#","label":"docs \"x\"","runtime":"x""#);
    let out = run(&every(10), &[(500, started)], 20_600);
    let want = r#"{"v":1,"type":"status","stream":"s","turn":1,"ts":"2023-11-14T22:13:40.001Z","label":"docs \"x\"","kind":"heartbeat","data":{"state":"waiting","elapsed_ms":20000,"idle_ms":20000,"events":1,"chars":0,"open_tools":0}}"#;
    assert_eq!(out[2], (20_500, want.to_owned()));
}

#[test]
fn never_after_the_end_of_the_turn() {
    let late = event(3, "status", r#","kind":"log""#);
    let exit = r#"{"v":1,"type":"status","stream":"s","seq":4,"ts":"2023-11-14T22:13:20.007Z","kind":"exit"}"#;
    let input = [(0, started(1)), (9_999, completed(2)), (10_000, late), (20_000, exit.to_owned())];
    assert_eq!(run(&every(10), &input, 100_000), input);
    let mut again = input.to_vec();
    again.push((30_000, event_of("s", 2, 5, "turn_started", r#","runtime":"x""#)));
    assert_eq!(states(&run(&every(10), &again, 40_000)).len(), 1);
}

#[test]
fn an_agent_that_was_started_is_waited_for_before_its_first_turn() {
    let status = |seq: u64, kind: &str| {
        format!(
            r#"{{"v":1,"type":"status","stream":"s","seq":{seq},"ts":"2023-11-14T22:13:20.007Z","kind":"{kind}"}}"#
        )
    };
    let session = (0, status(1, "session"));
    let waited = run(&every(10), &[session.clone(), (15_000, started(2))], 20_000);
    assert_eq!(states(&waited), [(10_000, "waiting".to_owned())]);
    assert!(!waited[1].1.contains("\"turn\""), "{}", waited[1].1);
    let over = [session, (5_000, started(2)), (6_000, completed(3)), (7_000, status(4, "session"))];
    assert_eq!(states(&run(&every(10), &over, 60_000)), []);
    // A log has no agent behind it that could be waited for.
    assert_eq!(states(&run(&every(10), &[(0, status(1, "log"))], 60_000)), []);
}

#[test]
fn a_late_joiner_hears_it_too() {
    assert_eq!(
        states(&run(&every(10), &[(0, text(7, "x"))], 10_000)),
        [(10_000, "quiet".to_owned())]
    );
}

#[test]
fn what_a_filter_injects_is_no_sign_of_life() {
    let input = [(0, started(1))];
    let once = run(&every(10), &input, 30_000);
    let twice = run(&every(10), &once, 30_000);
    assert_eq!((beats(&once).len(), beats(&twice).len()), (3, 6));
}

#[test]
fn stalled_is_said_once_a_silence() {
    for after in [25, 20, 3] {
        let options = Options { stall_after: Some(Duration::from_secs(after)), ..every(10) };
        let input = [(0, started(1)), (45_000, text(2, "x"))];
        let out = beats(&run(&options, &input, 75_000));
        let stalls = out.iter().filter(|(_, kind, _)| kind == "stalled");
        let at: Vec<u64> = stalls.map(|(at, ..)| *at).collect();
        assert_eq!(at, [after * 1000, 45_000 + after * 1000]);
        assert_eq!(out.len(), 2 + 4 + 3);
    }
}

#[test]
fn one_silence_has_a_limit_of_heartbeats_where_that_is_asked() {
    let options = Options { most: 2, ..every(10) };
    let input = [(0, started(1)), (100_000, text(2, "x"))];
    assert_eq!(states(&run(&options, &input, 110_000)).len(), 3);
}

#[test]
fn a_stream_too_many_forgets_one_without_a_turn_first() {
    let mut input: Vec<Timed> = (0..MAX_STREAMS as u64)
        .map(|n| (n, event_of(&format!("s{n}"), 1, 1, "turn_started", r#","runtime":"x""#)))
        .collect();
    input.push((1_500, event_of("s7", 1, 2, "turn_completed", r#","stop":"x""#)));
    input.push((2_000, event_of("new", 1, 1, "turn_started", r#","runtime":"x""#)));
    let out = run(&every(10), &input, 12_000);
    assert_eq!(states(&out).len(), MAX_STREAMS);
    input.push((2_000, event_of("newer", 1, 1, "turn_started", r#","runtime":"x""#)));
    let out = run(&every(10), &input, 12_000);
    assert_eq!(states(&out).len(), MAX_STREAMS);
    assert!(!out.iter().any(|(at, line)| *at > 2_000 && line.contains(r#""stream":"s0""#)));
}

/// A schedule over three streams: gaps in milliseconds, stream, what comes. Broken on purpose: things after an end.
fn schedule() -> impl Strategy<Value = Vec<Timed>> {
    let step = (prop_oneof![3 => 0u64..40, 1 => 100u64..2500], 0usize..3, 0u8..12);
    prop::collection::vec(step, 1..60).prop_map(|steps| {
        let (mut now, mut seqs, mut turns) = (0, [0u64; 3], [1u64; 3]);
        let mut lines = Vec::new();
        for (gap, at, what) in steps {
            now += gap;
            seqs[at] += 1;
            let of = |type_: &str, body: &str| {
                event_of(&format!("s{at}"), turns[at], seqs[at], type_, body)
            };
            let line = match what {
                0 | 1 => of("turn_completed", r#","stop":"x""#),
                2 => {
                    turns[at] += 1;
                    event_of(&format!("s{at}"), turns[at], seqs[at], "turn_started", r#","runtime":"x""#)
                }
                3 => of("tool_started", r#","tool":{"id":"t","name":"n","kind":"read"}"#),
                4 => of("tool_finished", r#","tool":{"id":"t","name":"n","kind":"read"},"outcome":"ok""#),
                5 => of("status", r#","kind":"info""#),
                6 => {
                    seqs[at] -= 1;
                    format!(r#"{{"v":1,"type":"status","stream":"s{at}","turn":{},"kind":"heartbeat","x":1}}"#, turns[at])
                }
                _ => of("text_delta", r#","block":"b1","kind":"answer","text":"ab""#),
            };
            lines.push((now, line));
        }
        lines
    })
}

fn any_options() -> impl Strategy<Value = Options> {
    (1u64..700, prop::option::of(1u64..1500)).prop_map(|(every, stall)| Options {
        every: Duration::from_millis(every),
        stall_after: stall.map(Duration::from_millis),
        ..Options::default()
    })
}

/// Expected injections, by a model that checks every millisecond: (time, stream, kind).
fn model(options: &Options, input: &[Timed], until: u64) -> Vec<(u64, String, &'static str)> {
    let millis = |d: Duration| u64::try_from(d.as_millis()).unwrap();
    let (every, stall) = (millis(options.every), options.stall_after.map(millis));
    // Per stream: when it last spoke, its open turn, the last that ended.
    let mut streams: HashMap<String, (u64, Option<u64>, u64)> = HashMap::new();
    let mut want = Vec::new();
    let mut rest = input.iter().peekable();
    for now in 0..=until {
        let mut names: Vec<_> = streams.keys().cloned().collect();
        names.sort();
        for name in names {
            let (last, open, _) = streams[&name];
            if open.is_some() && now > last {
                if (now - last) % every == 0 {
                    want.push((now, name.clone(), "heartbeat"));
                }
                if Some(now - last) == stall {
                    want.push((now, name, "stalled"));
                }
            }
        }
        while let Some((_, line)) = rest.next_if(|(at, _)| *at == now) {
            let event = codec::decode(line.as_bytes()).unwrap();
            if event.seq.is_none() {
                continue;
            }
            let entry = streams.entry(event.stream.unwrap().into_owned()).or_insert((0, None, 0));
            entry.0 = now;
            match event.kind {
                Type::TurnCompleted => {
                    entry.1 = None;
                    entry.2 = entry.2.max(event.turn.unwrap());
                }
                _ if event.turn > Some(entry.2) => entry.1 = event.turn,
                _ => {}
            }
        }
    }
    want
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn exactly_what_is_due_and_all_else_as_it_came(options in any_options(), input in schedule()) {
        let until = input.last().unwrap().0 + 2_000;
        let out = run(&options, &input, until);
        let (injected, passed): (Vec<_>, Vec<_>) = out.into_iter().partition(|(_, line)| {
            line.contains(r#""data":{"state""#)
        });
        prop_assert_eq!(&passed, &input, "byte for byte, and at once");
        let mut injected: Vec<_> = injected.iter().map(|(at, line)| {
            let event: Value = serde_json::from_str(line).unwrap();
            let kind = if event["kind"] == "heartbeat" { "heartbeat" } else { "stalled" };
            (*at, event["stream"].as_str().unwrap().to_owned(), kind)
        }).collect();
        injected.sort();
        prop_assert_eq!(injected, model(&options, &input, until));
    }

    /// Law: a chain in one process has the output of the same filters with lines between them, at the same times.
    #[test]
    fn a_chain_with_coalesce_is_its_filters_one_after_the_other(
        options in any_options(), first in 0u32..2, idle in 1u64..300, swap in any::<bool>(), input in schedule(),
    ) {
        let until = input.last().unwrap().0 + 3_000;
        let merging = coalesce::Options { first, idle: Duration::from_millis(idle), ..coalesce::Options::default() };
        let filters = || -> Vec<Box<dyn Filter>> {
            let mut both: Vec<Box<dyn Filter>> =
                vec![Box::new(Heartbeat::new(options.clone())), Box::new(Coalesce::new(merging.clone()))];
            if swap {
                both.reverse();
            }
            both
        };
        let chained = drive_until(Chain::new(filters()), &input, until);
        let piped = filters().into_iter().fold(input, |lines, filter| drive_until(Chain::new(vec![filter]), &lines, until));
        prop_assert_eq!(chained, piped);
    }
}
