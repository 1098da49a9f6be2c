//! `spile redact` and `wrap --redact` as commands: no six consecutive characters of a secret leave.

mod choice;
mod cost;
mod killed;
mod played;
mod stopped;
mod wrapped;

use std::collections::BTreeMap;

use serde_json::Value;

/// Fewest characters of a secret that count as a part of it.
const PART: usize = 6;

/// A value that no rule describes.
const SECRET: &str = "hunter22-kestrel-7719";

/// The pattern that finds [`SECRET`].
const PATTERN: &str = "pass=hunter22-kestrel-7719";

/// The parts of a secret that an output has: in its bytes, in its decoded strings, or in a text that a reader joins from deltas.
fn parts(output: &[u8], secret: &str) -> Vec<String> {
    let raw = String::from_utf8_lossy(output);
    let mut texts = vec![raw.clone().into_owned()];
    let events: Vec<Value> =
        raw.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    texts.extend(blocks(&events).into_values().map(|block| block.deltas));
    events.iter().for_each(|event| strings(event, &mut texts));
    let characters: Vec<char> = secret.chars().collect();
    let parts = characters.windows(PART).map(|part| part.iter().collect::<String>());
    parts.filter(|part| texts.iter().any(|text| text.contains(part))).collect()
}

/// Fails if an output has a part of a secret.
#[track_caller]
fn assert_hidden(output: &[u8], secret: &str) {
    let parts = parts(output, secret);
    assert!(parts.is_empty(), "{parts:?} left:\n{}", String::from_utf8_lossy(output));
}

/// All strings of a value, its keys and its numbers.
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

/// The text of a block.
#[derive(Debug, Default, PartialEq, Eq)]
struct Block {
    /// As its deltas have it.
    deltas: String,
    /// As its end repeats it.
    whole: Option<String>,
}

/// The blocks by stream, turn and id.
fn blocks(events: &[Value]) -> BTreeMap<String, Block> {
    let mut blocks: BTreeMap<String, Block> = BTreeMap::new();
    for event in events {
        let text = event["text"].as_str().unwrap_or_default();
        let name = format!("{} {} {}", event["stream"], event["turn"], event["block"]);
        match event["type"].as_str() {
            Some("text_delta") => blocks.entry(name).or_default().deltas.push_str(text),
            Some("block_final") => blocks.entry(name).or_default().whole = Some(text.to_owned()),
            _ => {}
        }
    }
    blocks
}

/// Random numbers that a seed repeats (SplitMix64, Steele and others 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let limit = u64::try_from(limit.max(1)).unwrap();
        usize::try_from((mixed ^ (mixed >> 31)) % limit).unwrap()
    }

    /// A text in pieces of one to `most` characters.
    fn pieces(&mut self, text: &str, most: usize) -> Vec<String> {
        let characters: Vec<char> = text.chars().collect();
        let (mut pieces, mut at) = (Vec::new(), 0);
        while at < characters.len() {
            let end = (at + 1 + self.below(most)).min(characters.len());
            pieces.push(characters[at..end].iter().collect());
            at = end;
        }
        pieces
    }
}

#[test]
fn a_part_of_a_secret_is_found_wherever_it_stands() {
    let delta = |text: &str| {
        format!(r#"{{"type":"text_delta","stream":"s","turn":1,"block":"b","text":"{text}"}}"#)
    };
    let hidden = [delta("ab hunte"), delta("[redacted:pass]")].join("\n");
    assert_hidden(hidden.as_bytes(), SECRET);
    for output in [
        [delta("ab hun"), delta("ter22")].join("\n"),
        r#"{"type":"status","data":{"k":["\u0068unter22"]}}"#.to_owned(),
        r#"{"type":"status","data":{"\u0068unter22":1}}"#.to_owned(),
        r#"{"type":"status","mess hunter2"#.to_owned(),
    ] {
        assert!(!parts(output.as_bytes(), SECRET).is_empty(), "{output}");
    }
}
