//! Tokens are counted once: each turn's usage is what the recording's own terminal message says.

use serde_json::Value;

use crate::feed::{events, parse};
use crate::recordings::{folder, recordings};

/// A folder, the `type` of the message that says it (empty: any), where its input and output tokens stand, and whether
/// the numbers count the whole conversation.
const SAID: &[Row] = &[
    ("claude-code", "result", CACHED, &["/usage/output_tokens"], Counts::Turn),
    ("amp", "result", CACHED, &["/usage/output_tokens"], Counts::Turn),
    (
        "codex",
        "turn.completed",
        &["/usage/input_tokens"],
        &["/usage/output_tokens"],
        Counts::Thread,
    ),
    ("gemini-cli", "result", &["/stats/input_tokens"], &["/stats/output_tokens"], Counts::Turn),
    ("grok", "end", &["/usage/input_tokens"], &["/usage/output_tokens"], Counts::Turn),
    ("antigravity", "", &["/usage/input_tokens"], &["/usage/output_tokens"], Counts::Turn),
    ("sse-openai-chat", "", &["/usage/prompt_tokens"], &["/usage/completion_tokens"], Counts::Last),
    (
        "sse-openai-responses",
        "response.completed",
        &["/response/usage/input_tokens"],
        &["/response/usage/output_tokens"],
        Counts::Turn,
    ),
    ("sse-anthropic", "message_delta", &[], &["/usage/output_tokens"], Counts::Last),
    (
        "sse-gemini",
        "",
        &["/usageMetadata/promptTokenCount"],
        &["/usageMetadata/candidatesTokenCount", "/usageMetadata/thoughtsTokenCount"],
        Counts::Last,
    ),
];

/// The input of runtimes that count the cache beside it.
const CACHED: Places = &[
    "/usage/input_tokens",
    "/usage/cache_read_input_tokens",
    "/usage/cache_creation_input_tokens",
];

type Row = (&'static str, &'static str, Places, Places, Counts);

/// JSON pointers whose numbers are added up.
type Places = &'static [&'static str];

/// What a number in a terminal message counts.
#[derive(Clone, Copy, PartialEq)]
enum Counts {
    /// The turn.
    Turn,
    /// The conversation so far.
    Thread,
    /// The turn, again and again: the last one stands.
    Last,
}

/// The sum of what stands at these places, if anything does.
fn sum(message: &Value, places: &[&str]) -> Option<u64> {
    let numbers: Vec<u64> = places.iter().filter_map(|at| message.pointer(at)?.as_u64()).collect();
    (!numbers.is_empty()).then(|| numbers.iter().sum())
}

#[test]
fn usage_is_what_the_terminal_message_says() {
    let mut compared = 0;
    for (name, type_, input, output, counts) in SAID {
        for (raw, _) in folder(name).iter().flat_map(|f| recordings(f)) {
            let bytes = std::fs::read(&raw).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            let messages = text.lines().filter_map(|l| {
                serde_json::from_str::<Value>(l.trim_start_matches("data:").trim()).ok()
            });
            let mut said: Vec<[Option<u64>; 2]> = messages
                .filter(|m| type_.is_empty() || m["type"] == *type_)
                .map(|m| [sum(&m, input), sum(&m, output)])
                .filter(|both| both.iter().any(Option::is_some))
                .collect();
            match counts {
                Counts::Turn => {}
                Counts::Last => drop(said.drain(..said.len().saturating_sub(1))),
                Counts::Thread => {
                    for at in (1..said.len()).rev() {
                        let before = said[at - 1];
                        let minus = |n: usize| Some(said[at][n]?.saturating_sub(before[n]?));
                        said[at] = [minus(0), minus(1)];
                    }
                }
            }
            let (_, lines) = events(&bytes);
            let got = parse(&lines).into_iter().filter(|e| {
                e["type"].as_str().is_some_and(|t| t.starts_with("turn_") && t != "turn_started")
            });
            let got: Vec<Value> =
                got.map(|e| e["usage"].clone()).filter(|u| !u.is_null()).collect();
            for (at, [input, output]) in said.iter().enumerate() {
                let usage = got.get(at).unwrap_or_else(|| panic!("{}: no usage", raw.display()));
                for (key, want) in [("input_tokens", input), ("output_tokens", output)] {
                    if let Some(want) = want {
                        assert_eq!(usage[key].as_u64(), Some(*want), "{}: {key}", raw.display());
                        compared += 1;
                    }
                }
            }
        }
    }
    println!("{compared} counts of tokens compared");
}
