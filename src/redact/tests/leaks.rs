//! No six consecutive characters of a secret leave, however it is cut and wherever it stands.

use std::collections::HashSet;

use super::*;
use crate::redact::rules::tests::templates::Example;

/// Xorshift with a fixed seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % limit.max(1)
    }
}

/// Panics if an output, decoded as JSON, or a text that a reader joins from its deltas has a part of a secret.
fn assert_no_leak(out: &str, secret: &str, context: &str) {
    let events = events(out);
    let mut shown: Vec<String> = texts(&events).into_values().collect();
    events.iter().for_each(|event| strings(event, &mut shown));
    // Joined, the texts would have windows that none of them has.
    let windows = |text: &str| -> Vec<String> {
        let chars: Vec<char> = text.chars().collect();
        chars.windows(6).map(|window| window.iter().collect()).collect()
    };
    let left: HashSet<String> = shown.iter().flat_map(|text| windows(text)).collect();
    for part in windows(secret) {
        assert!(!left.contains(&part), "{part:?} of {secret:?} left ({context}):\n{out}");
    }
}

fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
        Value::Object(fields) => {
            for (key, value) in fields {
                found.push(key.clone());
                strings(value, found);
            }
        }
        Value::Number(number) => found.push(number.to_string()),
        Value::Null | Value::Bool(_) => {}
    }
}

/// A text with a secret in it.
struct Case {
    text: String,
    secret: String,
}

/// The examples of the rules, between other words.
fn of_rules() -> Vec<Case> {
    let mut cases = Vec::new();
    for (seed, rule) in rules::all().enumerate() {
        for template in rule.secrets {
            let example = Example::new(template, seed as u64 + 7).within("§ vor: ", " §§\n");
            let secret = example.text[example.secret.clone()].to_owned();
            cases.push(Case { text: example.text, secret });
        }
    }
    cases
}

/// Values as they come in the environment.
fn values() -> Vec<String> {
    let long =
        |n: usize| (0..n).map(|i| char::from(b'!' + ((i * i * 7 + i * 31) % 90) as u8)).collect();
    vec![
        "hunter22".to_owned(),
        "12345678901".to_owned(),
        r#"a"quote'd\back\\slash"#.to_owned(),
        "Schlüssel-für-Öffner".to_owned(),
        "first line\nsecond line\nthird".to_owned(),
        "tab\tand\u{1}ctl/slashed".to_owned(),
        "😀key🎉with🦀faces".to_owned(),
        "AAAAAAAAAAAA".to_owned(),
        long(200),
        long(4096),
    ]
}

/// The value as programs encode it, each time in a text.
fn encoded(value: &str) -> Vec<Case> {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let json = |text: &str| serde_json::to_string(text).unwrap();
    let ascii = |text: &str| {
        let escaped = |c: char| match c {
            c if c.is_ascii() => c.to_string(),
            c => c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
        };
        text.chars().map(escaped).collect::<String>()
    };
    let inside = |text: &str| text[1..text.len() - 1].to_owned();
    let once = inside(&json(value));
    let twice = inside(&json(&once));
    let thrice = inside(&json(&twice));
    let percent: String = value
        .bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }
        })
        .collect();
    let hex: String = value.bytes().map(|b| format!("{b:02x}")).collect();
    let mut forms = vec![value.to_owned(), once.clone(), ascii(&once), twice, thrice, percent, hex];
    let mut cases: Vec<Case> = Vec::new();
    for pad in ["", "x", "xy"] {
        // Characters that depend on what stands around a value are no part of its form.
        let (all, first) = (format!("{pad}{value}##"), [0, 2, 3][pad.len()]);
        for text in [STANDARD.encode(&all), URL_SAFE_NO_PAD.encode(&all)] {
            let last = (pad.len() + value.len()) * 4 / 3;
            let secret = text[first..last].to_owned();
            cases.push(Case { text: format!("[{text}]"), secret });
        }
    }
    forms.dedup();
    cases.extend(forms.into_iter().map(|secret| Case { text: format!("§ {secret} §"), secret }));
    cases
}

/// Places of a text at which it is cut, at most `most`.
fn cuts(text: &str, most: usize, random: &mut Random) -> Vec<usize> {
    let mut places: Vec<usize> = (0..most).map(|_| random.below(text.len())).collect();
    places.retain(|at| *at > 0 && text.is_char_boundary(*at));
    places.sort_unstable();
    places.dedup();
    places
}

/// Pieces of a text as deltas of a block, between events of others, in one of several orders of events.
fn in_deltas(pipe: &mut Pipe, number: usize, case: &Case, cuts: &[usize], random: &mut Random) {
    let stream = format!("s{number}");
    let mut bounds = vec![0];
    bounds.extend_from_slice(cuts);
    bounds.push(case.text.len());
    let mode = random.below(6);
    let mut seq = 0;
    let mut next = || {
        seq += 1;
        seq
    };
    let mut fed = String::new();
    for (at, bound) in bounds.windows(2).enumerate() {
        let piece = &case.text[bound[0]..bound[1]];
        fed.push_str(piece);
        pipe.line(&delta(&stream, next(), "b1", piece));
        match (mode, random.below(4)) {
            // Every delta waits until its time is up.
            (1, _) => pipe.wait(),
            (2, 0) => pipe.line(&delta(&stream, next(), "b2", "another block ")),
            (2, 1) => pipe.line(&event(
                &stream,
                next(),
                &json!({"type": "status", "kind": "info", "message": "x"}),
            )),
            (2, 2) => pipe.line(r#"{"v":1,"type":"status","stream":"z","kind":"heartbeat"}"#),
            (2, _) => pipe.line(&delta("other", 1, "b1", "of another stream")),
            (3, _) => pipe.line("no event"),
            // The turn is cancelled, or the input ends, in the middle.
            (4, 0) if at > 0 => break,
            _ => {}
        }
    }
    let is_whole = fed == case.text;
    if mode == 5 {
        pipe.end();
    } else if is_whole || random.below(2) == 0 {
        pipe.line(&whole(&stream, next(), "b1", &fed));
    }
    let end = json!({"type": "turn_cancelled", "by": "filter", "reason": "x", "result": fed});
    pipe.line(&event(&stream, next(), &end));
    let out = pipe.out();
    let context = format!("cut at {cuts:?}, order {mode}");
    assert_no_leak(&out, &case.secret, &context);
    let events = events(&out);
    let left = texts(&events).remove(&format!("{:?}/\"b1\"", stream)).unwrap_or_default();
    for end in events.iter().filter(|e| e["type"] == "block_final" && e["block"] == "b1") {
        if mode != 5 {
            assert_eq!(end["text"], left, "{context}:\n{out}");
        }
    }
    if is_whole && !matches!(mode, 1 | 3 | 5) {
        let begin = case.text.split(&case.secret).next().unwrap();
        assert!(left.starts_with(begin), "more is hidden than the secret:\n{out}");
    }
}

fn in_every_cut(pipe: &mut Pipe, number: &mut usize, case: &Case, random: &mut Random) {
    let inner = case.text.char_indices().map(|(at, _)| at).skip(1);
    let inner: Vec<usize> = inner.collect();
    let (most, random_cuts) = match option_env!("SPILE_STRESS") {
        Some(_) => (usize::MAX, 200),
        None => (150, 40),
    };
    let step = (inner.len() / most).max(1);
    for at in inner.iter().step_by(step) {
        *number += 1;
        in_deltas(pipe, *number, case, &[*at], random);
    }
    for _ in 0..random_cuts {
        *number += 1;
        let places = cuts(&case.text, 5, random);
        in_deltas(pipe, *number, case, &places, random);
    }
}

#[test]
fn a_secret_of_a_rule_does_not_leave_however_it_is_cut() {
    let mut pipe = Pipe::new(&[], built_in());
    let (mut number, mut random) = (0, Random(11));
    for case in of_rules() {
        in_every_cut(&mut pipe, &mut number, &case, &mut random);
    }
    assert!(number > 10_000, "{number} cases");
}

#[test]
fn a_value_does_not_leave_in_any_of_its_forms_however_it_is_cut() {
    let (mut number, mut random) = (0, Random(12));
    for value in values() {
        let mut pipe = Pipe::new(&[("value", &value)], Vec::new());
        for case in encoded(&value) {
            in_every_cut(&mut pipe, &mut number, &case, &mut random);
        }
    }
    assert!(number > 10_000, "{number} cases");
}

/// Events that have a text in one of their fields.
fn in_fields(text: &str) -> Vec<Value> {
    let tool = |title: &str, more: Value| {
        let mut tool = json!({"id": "t", "name": "Bash", "kind": "execute", "title": title});
        tool.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        tool
    };
    let mut keyed = serde_json::Map::new();
    keyed.insert(text.to_owned(), json!({text: [1]}));
    vec![
        json!({"type": "turn_started", "runtime": "x", "cwd": text, "prompt": text, "tools": ["a", text]}),
        json!({"type": "block_final", "block": "b1", "kind": "reasoning", "text": text}),
        json!({"type": "tool_started", "tool": tool(text, json!({"paths": [text]}))}),
        json!({"type": "tool_started", "tool": tool("x", json!({"name": text, "input": {"a": [{"b": text}]}}))}),
        json!({"type": "tool_started", "tool": tool("x", json!({"input": keyed}))}),
        json!({"type": "tool_finished", "tool": tool("x", json!({})), "outcome": "ok", "output": text}),
        json!({"type": "tool_finished", "tool": tool("x", json!({})), "outcome": "ok", "output": [{"text": text}]}),
        json!({"type": "status", "kind": "log", "message": text, "data": {"from": "stderr", "raw": text}}),
        json!({"type": "status", "kind": "session", "data": {"argv": ["claude", text], "control": {"pid": 1, "word": "w"}}}),
        json!({"type": "status", "kind": text}),
        json!({"type": "turn_failed", "error": {"code": "x", "message": text}, "stderr_tail": text, "files": [text]}),
        json!({"type": "turn_completed", "stop": "end_turn", "result": text}),
        json!({"type": "of_another_version", "unknown": {"deep": [[{"er": text}]]}}),
    ]
}

#[test]
fn a_secret_does_not_leave_in_any_field() {
    let values = values();
    let named: Vec<(&str, &str)> = values.iter().map(|value| ("value", value.as_str())).collect();
    let mut pipe = Pipe::new(&named, built_in());
    let of_values = values.iter().flat_map(|value| encoded(value));
    for (number, case) in of_rules().into_iter().chain(of_values).enumerate() {
        for (at, body) in in_fields(&case.text).iter().enumerate() {
            pipe.line(&event(&format!("s{number}"), 1 + at as u64, body));
            let out = pipe.out();
            assert_no_leak(&out, &case.secret, &format!("field {at}"));
            assert!(out.contains("[redacted:"), "{out}");
        }
        // The same lines broken, and over the limit.
        let line = event("s", 1, &in_fields(&case.text)[5]);
        pipe.line(&line[..line.len() - 2]);
        pipe.line(&format!("{line} rest"));
        let out = pipe.out();
        assert_no_leak(&out, &case.secret, "broken");
        pipe.end();
    }
    assert_eq!(pipe.stage.exit(), crate::exit::Exit::Success);
}

#[test]
fn a_number_that_is_a_secret_becomes_a_text() {
    let mut pipe = Pipe::new(&[("pin", "12345678901")], Vec::new());
    let line = r#"{"v":1,"type":"status","stream":"s","kind":"x","data":{"a":12345678901,"b":[-12345678901.5,7]}}"#;
    pipe.line(line);
    let want = line
        .replace("12345678901.5", "[redacted:pin].5")
        .replace(":12345678901", ":\"[redacted:pin]\"");
    assert_eq!(pipe.out(), want.replace("-[redacted:pin].5", "\"-[redacted:pin].5\"") + "\n");
}

#[test]
fn a_long_line_is_searched_as_it_is() {
    let secret = of_rules().remove(0).secret;
    for cut in 1..secret.len() {
        let options = Options { values: vec![], patterns: built_in(), key: None, within: WITHIN };
        let reading = Reading { max_line: 100, strict: false };
        let mut stage = LineStage::of(options.stage().unwrap(), &reading);
        let mut io = Io::default();
        let line = format!("{}{secret} {}", "x ".repeat(100), "y ".repeat(100));
        let at = 200 + cut;
        for piece in [&line[..at], &line[at..], "\n{\"v\":1,\"type\":\"a\"}\n"] {
            stage.on_bytes(Time::default(), piece.as_bytes(), &mut io);
        }
        let out = String::from_utf8(io.out).unwrap();
        let want = line.replace(&secret, "[redacted:anthropic-key]");
        assert_eq!(out, format!("{want}\n{{\"v\":1,\"type\":\"a\"}}\n"));
    }
}

#[test]
fn a_tail_of_stderr_that_begins_within_a_secret_is_hidden() {
    let secret = ["ghp_", &"aB3".repeat(12)].concat();
    let lines = format!("error: bad token {secret}\nsecond line\n");
    for cut in 0..lines.len() {
        let mut pipe = Pipe::new(&[], built_in());
        for (seq, line) in lines.lines().enumerate() {
            let log = json!({"type": "status", "kind": "log", "message": line, "data": {"from": "stderr"}});
            pipe.line(&event("s", seq as u64 + 1, &log));
        }
        let end = json!({"type": "turn_failed", "error": {"code": "exit_nonzero", "message": "x"},
            "stderr_tail": &lines[cut..]});
        pipe.line(&event("s", 9, &end));
        let out = pipe.out();
        assert_no_leak(&out, &secret, &format!("{cut}"));
        assert!(out.contains("second line") || cut > 60, "{out}");
    }
}

#[test]
fn a_secret_in_rare_escapes_is_found() {
    let secret = ["ghp_", &"aB3".repeat(12)].concat();
    let numbered: String = secret.chars().map(|c| format!("\\u{:04X}", u32::from(c))).collect();
    let mut pipe = Pipe::new(&[("pw", "a/b\"c\\d\u{e4}/")], built_in());
    let texts = [
        numbered.clone(),
        format!("https:\\/\\/user:{}@example.org {numbered}", "hunter2x"),
        r#"\u0061\/b\"c\\d\u00e4/"#.to_owned(),
        r#"a/b\u0022c\\d\u00E4\/"#.to_owned(),
    ];
    for (seq, text) in texts.iter().enumerate() {
        for kind in ["text_delta\",\"block\":\"b1\",\"kind\":\"answer", "status\",\"kind\":\"x"] {
            let key = if kind.starts_with("text") { "text" } else { "message" };
            pipe.line(&format!(
                r#"{{"v":1,"type":"{kind}","stream":"s{seq}","turn":1,"seq":1,"ts":"2026-11-28T20:22:44.372Z","{key}":"{text} "}}"#
            ));
            let out = pipe.out();
            assert!(out.contains("[redacted:"), "{out}");
            assert_no_leak(&out, &secret, text);
            assert!(!out.contains("hunter2x"), "{out}");
        }
    }
}
