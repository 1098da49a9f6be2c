//! The stage over events: no part of a secret leaves, and what leaves keeps the contract.

mod clean;
mod leaks;
mod order;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::stage::{Io, LineStage, Reading, Stage};
use crate::time::Time;

/// A pattern of each rule of the table.
fn built_in() -> Vec<Pattern> {
    let until = |u: rules::Until| Until { end: u.end.to_owned(), lines: u.lines };
    let pattern = |rule: &rules::Rule| Pattern {
        name: rule.name.to_owned(),
        regex: rule.regex.to_owned(),
        until: rule.until.map(until),
    };
    rules::all().map(pattern).collect()
}

/// A stage under a clock that moves only when it is told to.
struct Pipe {
    stage: LineStage<Redact>,
    now: Time,
    io: Io,
}

impl Pipe {
    fn new(values: &[(&str, &str)], patterns: Vec<Pattern>) -> Self {
        Self::with(values, patterns, None)
    }

    fn with(values: &[(&str, &str)], patterns: Vec<Pattern>, key: Option<[u8; 32]>) -> Self {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let options = Options { values: values.collect(), patterns, key, within: WITHIN };
        let stage = LineStage::of(options.stage().unwrap(), &Reading::default());
        Self { stage, now: Time::default(), io: Io::default() }
    }

    fn line(&mut self, line: &str) {
        self.stage.on_bytes(self.now, line.as_bytes(), &mut self.io);
        self.stage.on_bytes(self.now, b"\n", &mut self.io);
    }

    /// Lets the time pass after which nothing waits.
    fn wait(&mut self) {
        self.now = self.now + WITHIN;
        if self.stage.deadline().is_some_and(|due| due <= self.now) {
            self.stage.on_tick(self.now, &mut self.io);
        }
        assert_eq!(self.stage.deadline(), None, "something waits longer than it may");
    }

    fn end(&mut self) {
        self.stage.on_end(self.now, &mut self.io);
    }

    /// Output since the last call.
    fn out(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.io.out)).unwrap()
    }
}

/// An event of a stream; `body` has its type and its fields.
fn event(stream: &str, seq: u64, body: &Value) -> String {
    let mut line = json!({"v": 1, "type": body["type"], "stream": stream, "turn": 1, "seq": seq,
        "ts": Time::from_millis(seq).to_string()});
    for (key, value) in body.as_object().unwrap() {
        line[key] = value.clone();
    }
    line.to_string()
}

fn delta(stream: &str, seq: u64, block: &str, text: &str) -> String {
    let body = json!({"type": "text_delta", "block": block, "kind": "answer", "text": text});
    event(stream, seq, &body)
}

fn whole(stream: &str, seq: u64, block: &str, text: &str) -> String {
    let body = json!({"type": "block_final", "block": block, "kind": "answer", "text": text});
    event(stream, seq, &body)
}

/// The events of an output.
fn events(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The text of each block, by stream and block, from its deltas.
fn texts(events: &[Value]) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    for event in events.iter().filter(|event| event["type"] == "text_delta") {
        let block = format!("{}/{}", event["stream"], event["block"]);
        let text: &mut String = texts.entry(block).or_default();
        text.push_str(event["text"].as_str().unwrap());
    }
    texts
}

#[test]
fn text_without_secrets_leaves_byte_for_byte_and_at_once() {
    let mut pipe = Pipe::new(&[("v", "correct horse")], built_in());
    let lines = [
        delta("s", 1, "b1", "ordinary text "),
        r#"{"seq":2, "type":"text_delta","v":1,"stream":"s","turn":1,"block":"b1","kind":"answer","text":"\u0041\/b ","x":[1.50,{"y":null}]}"#.to_owned(),
        whole("s", 3, "b1", "ordinary text A/b "),
        event("s", 4, &json!({"type": "status", "kind": "info", "data": {"\u{e4}": "\\n"}})),
        r#"{"v":1,"type":"new_type","z":"q"}"#.to_owned(),
    ];
    for line in &lines {
        pipe.line(line);
        assert_eq!(pipe.out(), format!("{line}\n"));
    }
    assert_eq!(pipe.stage.deadline(), None);
}

#[test]
fn the_built_in_rules_are_searched_for_in_json_at_once() {
    let options = Options { values: vec![], patterns: built_in(), key: None, within: WITHIN };
    let mut finder = options.finder().unwrap();
    let line = event(
        "s",
        1,
        &json!({"type": "status", "kind": "log", "message":
        "see https://example.org/a?b=c, \"quoted\" back\\slash\n$ ls hf_hub_download sk-learn\u{e4}"}),
    );
    assert!(finder.is_clean(line.as_bytes(), search::Form::Json), "{line}");
}

#[test]
fn a_word_of_the_format_stays_though_it_is_the_beginning_of_a_secret() {
    use crate::check::shape::{CANCELLED_BY, CODES, OUTCOMES, TEXT_KINDS, TOOL_KINDS};
    let body = |field: usize, word: &str| match field {
        0 => json!({"type": "block_final", "block": "b1", "kind": word, "text": "x"}),
        1 => json!({"type": "tool_finished", "tool": {"id": "t"}, "outcome": word}),
        2 => json!({"type": "turn_cancelled", "by": word}),
        3 => {
            json!({"type": "tool_started", "tool": {"id": "t", "name": "x", "kind": word, "title": "x"}})
        }
        _ => json!({"type": "turn_failed", "error": {"code": word, "message": "x"}}),
    };
    for (field, words) in
        [TEXT_KINDS, OUTCOMES, CANCELLED_BY, TOOL_KINDS, CODES].into_iter().enumerate()
    {
        for word in words {
            let secret = format!("{word} of horses");
            let mut pipe = Pipe::new(&[("v", &secret)], Vec::new());
            let line = event("s", 1, &body(field, word));
            pipe.line(&line);
            assert_eq!(pipe.out(), format!("{line}\n"));
            pipe.line(&event("s", 2, &body(field, &secret)));
            assert!(pipe.out().contains("[redacted:v]"), "{secret}");
        }
    }
}
