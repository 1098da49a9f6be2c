//! Order, times and the contract.

use super::*;

const TOKEN: &str = "token: hunter22 behind";

fn pipe() -> Pipe {
    Pipe::new(&[("pw", "hunter22")], Vec::new())
}

#[test]
fn events_wait_behind_a_delta_and_those_without_a_number_do_not() {
    let mut pipe = pipe();
    let injected = r#"{"v":1,"type":"status","stream":"s","kind":"heartbeat"}"#;
    let info = event("s", 2, &json!({"type": "status", "kind": "info", "message": "x"}));
    let (first, last) = (delta("s", 1, "b1", "the hunt"), delta("s", 3, "b1", "er is out"));
    pipe.line(&first);
    pipe.line(&info);
    assert_eq!(pipe.out(), "");
    pipe.line(injected);
    assert_eq!(pipe.out(), format!("{injected}\n"));
    pipe.line(&last);
    assert_eq!(pipe.out(), format!("{first}\n{info}\n{last}\n"));
}

#[test]
fn the_marks_stand_where_the_secret_began_and_empty_deltas_keep_their_numbers() {
    let mut pipe = pipe();
    for (seq, piece) in ["token: hun", "te", "r22 behind"].iter().enumerate() {
        pipe.line(&delta("s", seq as u64 + 1, "b1", piece));
    }
    pipe.line(&whole("s", 4, "b1", TOKEN));
    let events = events(&pipe.out());
    let texts: Vec<&Value> = events.iter().map(|event| &event["text"]).collect();
    assert_eq!(
        texts,
        [
            &json!("token: [redacted:pw]"),
            &Value::Null,
            &json!(" behind"),
            &json!("token: [redacted:pw] behind")
        ]
    );
    assert_eq!((&events[1]["kind"], &events[1]["seq"]), (&json!("redacted"), &json!(2)));
}

#[test]
fn a_short_beginning_leaves_when_its_time_is_up_and_the_rest_is_hidden() {
    let mut pipe = pipe();
    pipe.line(&delta("s", 1, "b1", "x hunte"));
    pipe.wait();
    assert_eq!(events(&pipe.out())[0]["text"], "x hunte");
    pipe.line(&delta("s", 2, "b1", "r22 y"));
    pipe.line(&whole("s", 3, "b1", "x hunter22 y"));
    let events = events(&pipe.out());
    assert_eq!(events[0]["text"], "[redacted:pw] y");
    assert_eq!(events[1]["text"], "x hunte[redacted:pw] y");
}

#[test]
fn a_long_beginning_is_hidden_when_its_time_is_up_or_the_text_ends() {
    for ends in [false, true] {
        let mut pipe = pipe();
        pipe.line(&delta("s", 1, "b1", "x hunter"));
        if ends {
            pipe.line(&whole("s", 2, "b1", "x hunter"));
        } else {
            pipe.wait();
        }
        for event in events(&pipe.out()) {
            assert_eq!(event["text"], "x [redacted:pw]");
        }
    }
}

#[test]
fn cutting_does_not_change_what_is_hidden() {
    let text = "a hunter22hunter22 b hunter2hunter22 c";
    let mut want = pipe();
    want.line(&delta("s", 1, "b1", text));
    want.line(&whole("s", 2, "b1", text));
    let want = texts(&events(&want.out()));
    for first in 1..text.len() - 1 {
        for second in first + 1..text.len() {
            let mut pipe = pipe();
            let pieces = [&text[..first], &text[first..second], &text[second..]];
            for (seq, piece) in pieces.iter().enumerate() {
                pipe.line(&delta("s", seq as u64 + 1, "b1", piece));
            }
            pipe.line(&whole("s", 4, "b1", text));
            let events = events(&pipe.out());
            assert_eq!(texts(&events), want, "{first} {second}");
            let numbers: Vec<u64> = events.iter().map(|e| e["seq"].as_u64().unwrap()).collect();
            assert_eq!(numbers, [1, 2, 3, 4]);
        }
    }
}

#[test]
fn a_private_key_is_hidden_across_events_until_its_end() {
    let mut pipe = Pipe::new(&[], built_in());
    let (begin, end) =
        (["-----BEGIN ", "PRIVATE KEY-----"].concat(), ["-----END ", "PRIVATE KEY-----"].concat());
    let log = |seq, text: &str| {
        event("s", seq, &json!({"type": "status", "kind": "log", "message": text}))
    };
    for (seq, text) in
        ["before", &begin, "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", &end, "after"].iter().enumerate()
    {
        pipe.line(&log(seq as u64 + 1, text));
    }
    let messages: Vec<Value> = events(&pipe.out()).iter().map(|e| e["message"].clone()).collect();
    assert_eq!(messages[0], "before");
    assert!(messages[1..4].iter().all(|m| !m.to_string().contains("MII")), "{messages:?}");
    assert_eq!(messages[4], "after");
}

#[test]
fn equal_secrets_have_equal_hashes_however_they_are_cut_or_encoded() {
    let mut pipe =
        Pipe::with(&[("pw", "hunter22\"x"), ("other", "hunter33")], built_in(), Some([7; 32]));
    let hash = |pipe: &mut Pipe, pieces: &[&str]| {
        for (seq, piece) in pieces.iter().enumerate() {
            pipe.line(&delta("s", seq as u64 + 1, "b1", piece));
        }
        pipe.line(&whole("s", 9, "b1", &pieces.concat()));
        let texts = texts(&events(&pipe.out()));
        texts.into_values().next().unwrap()
    };
    let first = hash(&mut pipe, &["a hunter22\"x b"]);
    assert!(
        first.starts_with("a [redacted:pw:") && first.len() == "a [redacted:pw:12345678] b".len()
    );
    assert_eq!(hash(&mut pipe, &["a hunt", "er22", "\"x b"]), first);
    assert_eq!(hash(&mut pipe, &["a hunter22\\\"x b"]), first);
    assert_ne!(hash(&mut pipe, &["a hunter33 b"])[15..], first[12..]);
    let key = ["ghp_", &"aB3".repeat(12)].concat();
    let whole = hash(&mut pipe, &[&key, " z"]);
    for cut in 1..key.len() {
        assert_eq!(hash(&mut pipe, &[&key[..cut], &key[cut..], " z"]), whole);
    }
}

#[test]
fn a_secret_in_a_name_is_a_refusal() {
    let named = [
        json!({"type": "text_delta", "block": "hunter22", "kind": "answer", "text": "x"}),
        json!({"type": "tool_started", "tool": {"id": "t hunter22", "name": "x", "kind": "other"}}),
        json!({"type": "status", "kind": "info", "label": "hunter22"}),
        json!({"type": "status", "kind": "session", "data": {"control": {"word": "hunter22"}}}),
    ];
    for body in named {
        let mut pipe = pipe();
        pipe.line(&delta("s", 1, "b1", "waits: hunt"));
        pipe.line(&event("s", 2, &body));
        pipe.line(&delta("s", 3, "b1", "never leaves"));
        pipe.end();
        let (out, err) = (pipe.out(), String::from_utf8(std::mem::take(&mut pipe.io.err)).unwrap());
        assert_eq!(events(&out).len(), 1, "{out}");
        assert!(err.contains("a secret (pw) stands in") && !err.contains("hunter22"), "{err}");
        assert_eq!(pipe.stage.exit(), crate::exit::Exit::Malformed);
    }
}

#[test]
fn parts_are_refused() {
    let mut pipe = pipe();
    let part = json!({"type": "block_final", "block": "b1", "kind": "answer", "text": "x", "part": 0,
        "last": true, "delivery_id": "s/1/b1/0"});
    pipe.line(&event("s", 1, &part));
    assert_eq!(pipe.out(), "");
    assert!(String::from_utf8(pipe.io.err).unwrap().contains("run redact before chunk"));
}
