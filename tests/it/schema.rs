//! The schema against events: it takes every one that spile writes, and refuses what `check` refuses.

use std::path::Path;

use jsonschema::Validator;
use serde_json::{Value, json};
use spile::check::{Check, Options};
use spile::exit::Exit;
use spile::stage::{Io, Stage};
use spile::time::Time;

use crate::feed::{events, parse, tree};
use crate::harness::{skip, spile};

fn validator() -> Validator {
    let printed = std::cell::RefCell::new(Value::Null);
    spile(&["schema"]).run().then(|text| {
        *printed.borrow_mut() = serde_json::from_str(text).unwrap();
    });
    let printed = printed.into_inner();
    jsonschema::meta::validate(&printed).expect("the schema is a schema");
    jsonschema::draft202012::new(&printed).expect("it is of 2020-12")
}

#[track_caller]
fn valid(validator: &Validator, event: &Value, of: &Path) {
    let wrong: Vec<String> =
        validator.iter_errors(event).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(wrong.is_empty(), "{}: {wrong:#?} in {event}", of.display());
}

#[test]
fn it_takes_every_fixture() {
    let validator = validator();
    let fixtures = tree(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures"));
    let mut count = 0;
    for path in fixtures.iter().filter(|p| p.extension().is_some_and(|e| e == "events")) {
        for event in parse(&std::fs::read(path).unwrap()) {
            valid(&validator, &event, path);
            count += 1;
        }
    }
    assert!(count > 50, "{count}");
}

#[test]
fn it_takes_what_recordings_become() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/recordings"));
    if !folder.is_dir() {
        skip(format_args!("no recordings in {}", folder.display()));
        return;
    }
    let validator = validator();
    let mut count = 0;
    for path in tree(folder) {
        if path.extension().is_some_and(|e| e != "md")
            && !path.to_string_lossy().ends_with(".expect.json")
        {
            let (_, lines) = events(&std::fs::read(&path).unwrap());
            for event in parse(&lines) {
                valid(&validator, &event, &path);
                count += 1;
            }
        }
    }
    assert!(count > 500, "{count}");
}

/// An event of each type that is as small as it may be, but for the envelope.
fn smallest() -> Vec<Value> {
    let bodies = [
        ("turn_started", json!({"runtime": "claude"})),
        ("text_delta", json!({"block": "b1", "kind": "answer", "text": "x"})),
        ("block_final", json!({"block": "b1", "kind": "reasoning", "text": ""})),
        ("tool_started", json!({"tool": {"id": "t", "name": "Read", "kind": "read"}})),
        (
            "tool_finished",
            json!({"tool": {"id": "t", "name": "Read", "kind": "read"}, "outcome": "ok"}),
        ),
        ("status", json!({"kind": "log"})),
        ("turn_completed", json!({"stop": "end_turn"})),
        ("turn_failed", json!({"error": {"code": "auth", "message": "who?"}})),
        ("turn_cancelled", json!({"by": "signal", "reason": "SIGINT"})),
        ("retried", json!({"anything": null})),
    ];
    bodies.map(|(kind, body)| event(kind, body)).into()
}

fn event(kind: &str, body: Value) -> Value {
    let mut event = json!({
        "v": 1, "type": kind, "stream": "s", "turn": 1, "seq": 2, "ts": "2026-01-01T00:00:00.000Z",
    });
    let Value::Object(body) = body else { panic!("a body is an object") };
    event.as_object_mut().unwrap().extend(body);
    event
}

#[test]
fn it_takes_the_smallest_events_and_what_it_does_not_know() {
    let validator = validator();
    for mut event in smallest() {
        valid(&validator, &event, Path::new("smallest"));
        event["mood"] = json!({"not": ["known"]});
        valid(&validator, &event, Path::new("with a field that is not known"));
    }
    let free = json!({"v": 1, "type": "status", "kind": "diagnostic"});
    valid(&validator, &free, Path::new("a diagnostic of no stream"));
    let part = json!({
        "block": "b1", "kind": "answer", "text": "x", "part": 0, "last": true, "delivery_id": "s/1/b1/0",
    });
    valid(&validator, &event("block_final", part), Path::new("a part"));
}

/// Whether `check` takes this line, alone as it is.
fn checked(event: &Value) -> bool {
    let options = Options { partial: true, ..Options::default() };
    let mut check = Check::new(options);
    check.on_bytes(Time::default(), format!("{event}\n").as_bytes(), &mut Io::default());
    check.on_end(Time::default(), &mut Io::default());
    check.exit() == Exit::Success
}

/// Fields of the envelope with values that they may not have.
fn broken_envelopes() -> Vec<(&'static str, Value)> {
    vec![
        ("v", json!(2)),
        ("stream", json!(".dot")),
        ("stream", json!("x".repeat(65))),
        ("turn", json!(0)),
        ("seq", json!(-1)),
        ("first_seq", json!(0)),
        ("ts", json!("2026-01-01T00:00:00Z")),
        ("ts", json!("yesterday")),
        ("label", json!(null)),
        ("parent", json!(7)),
        ("synthetic", json!(false)),
    ]
}

/// Types with bodies that they may not have.
fn broken_bodies() -> Vec<(&'static str, Value)> {
    vec![
        ("turn_started", json!({"runtime": "claude", "tools": ["Read", 1]})),
        ("text_delta", json!({"block": "b1", "kind": "answer", "text": ""})),
        ("text_delta", json!({"block": "b1", "kind": "thought", "text": "x"})),
        ("tool_started", json!({"tool": {"id": "", "name": "Read", "kind": "read"}})),
        ("tool_started", json!({"tool": {"id": "t", "name": "Read", "kind": "Read"}})),
        ("tool_started", json!({"tool": {"id": "t", "name": "Read"}})),
        (
            "tool_finished",
            json!({"tool": {"id": "t", "name": "Read", "kind": "read"}, "outcome": "fine"}),
        ),
        ("status", json!({"kind": ""})),
        ("turn_completed", json!({"stop": "end_turn", "usage": {"input_tokens": -1}})),
        ("turn_completed", json!({"stop": "end_turn", "cost_usd": "1"})),
        ("turn_failed", json!({"error": {"code": "because", "message": ""}})),
        ("turn_failed", json!({"error": {"code": "auth"}})),
        ("turn_cancelled", json!({"by": "me", "reason": ""})),
    ]
}

#[test]
fn it_takes_no_broken_event_and_neither_does_check() {
    let validator = validator();
    let mut count = 0;
    let mut refused = |what: &str, event: &Value| {
        assert!(!validator.is_valid(event), "the schema takes {what}: {event}");
        assert!(!checked(event), "check takes {what}: {event}");
        count += 1;
    };
    for whole in smallest() {
        let envelope = ["v", "type", "stream", "turn", "seq", "ts"];
        let kind = whole["type"].as_str().unwrap();
        for key in whole.as_object().unwrap().keys() {
            let optional = key == "turn" || key == "seq" || !envelope.contains(&key.as_str());
            if kind == "retried" && optional
                || kind == "status" && ["turn", "seq"].contains(&key.as_str())
            {
                continue;
            }
            let mut event = whole.clone();
            event.as_object_mut().unwrap().remove(key);
            refused(&format!("{kind} without {key}"), &event);
            let mut event = whole.clone();
            event[key] = json!([1]);
            refused(&format!("{kind} with a list for {key}"), &event);
        }
    }
    for (key, value) in broken_envelopes() {
        let mut event = event("turn_started", json!({"runtime": "claude"}));
        event[key] = value;
        refused(key, &event);
    }
    for (kind, body) in broken_bodies() {
        let event = event(kind, body);
        refused(kind, &event);
    }
    refused("no object", &json!([1]));
    assert!(count > 90, "{count}");
}

#[test]
fn a_part_has_its_number_its_id_and_whether_it_is_the_last() {
    let validator = validator();
    for key in ["last", "delivery_id"] {
        let mut body = json!({
            "block": "b1", "kind": "answer", "text": "x", "part": 0, "last": true, "delivery_id": "s/1/b1/0",
        });
        body.as_object_mut().unwrap().remove(key);
        assert!(!validator.is_valid(&event("block_final", body)), "{key}");
    }
}
