//! What the tests share: bytes through a tap to events, and the contract that any of them must keep.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use spile::guard::{self, Ended};
use spile::tap::{Config, Tap};
use spile::time::Time;

/// A tap whose stream is `test` and that finds out by itself what it reads.
pub fn tap() -> Tap {
    let config = Config {
        guard: guard::Config {
            stream: "test".into(),
            label: None,
            max_block: guard::MAX_BLOCK,
        },
        max_line: spile::codec::MAX_LINE,
        strict: false,
        argv: Vec::new(),
    };
    Tap::new(config, None)
}

/// The events that an agent's whole output becomes, all of them at the same time.
pub fn events(raw: &[u8]) -> (&'static str, Vec<u8>) {
    let now = Time::default();
    let mut tap = tap();
    tap.on_stdout(now, raw);
    tap.on_end(now + Duration::from_secs(1), Ended::Eof);
    (tap.adapter(), std::mem::take(&mut tap.guard().out))
}

/// The lines as values; a lone surrogate in them becomes U+FFFD.
pub fn parse(lines: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(lines).expect("events are UTF-8");
    text.lines()
        .map(|line| {
            spile::codec::body_owned(line).unwrap_or_else(|wrong| panic!("{wrong}: {line}"))
        })
        .collect()
}

/// Holds the events of one stream against the contract, and says what is wrong.
pub fn contract(lines: &[u8]) -> Result<(), String> {
    let mut state = State::default();
    for event in parse(lines) {
        state
            .event(&event)
            .map_err(|wrong| format!("{wrong}: {event}"))?;
    }
    match state.open {
        Some(turn) => Err(format!("turn {turn} has no terminal event")),
        None => Ok(()),
    }
}

#[derive(Default)]
struct State {
    seq: u64,
    turns: u64,
    open: Option<u64>,
    tools: HashMap<String, bool>,
    texts: HashMap<String, String>,
    closed: HashSet<String>,
}

impl State {
    fn event(&mut self, event: &Value) -> Result<(), &'static str> {
        let type_ = event["type"].as_str().ok_or("no type")?;
        self.seq += 1;
        ensure(event["seq"] == self.seq, "C3: seq")?;
        if type_ == "turn_started" {
            ensure(self.open.is_none(), "C4: a turn is open")?;
            self.turns += 1;
            self.open = Some(self.turns);
        }
        ensure(
            event["turn"].as_u64() == self.open,
            "C4: not the open turn's",
        )?;
        ensure(type_ == "status" || self.open.is_some(), "C5: no turn")?;
        let (block, text) = (event["block"].as_str(), event["text"].as_str());
        let tool = event["tool"]["id"].as_str();
        match type_ {
            "text_delta" => {
                let (block, text) = (block.ok_or("C2")?, text.ok_or("C2")?);
                ensure(!text.is_empty(), "C2: an empty delta")?;
                ensure(!self.closed.contains(block), "C6: a closed block")?;
                self.texts.entry(block.into()).or_default().push_str(text);
            }
            "block_final" => {
                let (block, text) = (block.ok_or("C2")?, text.ok_or("C2")?);
                let said = self.texts.remove(block);
                ensure(said.is_none_or(|s| s == text), "C6: not what was said")?;
                ensure(self.closed.insert(block.into()), "C6: closed twice")?;
            }
            "tool_started" => {
                let new = self.tools.insert(tool.ok_or("C2")?.into(), false);
                ensure(new.is_none(), "C7: started twice")?;
            }
            "tool_finished" => {
                let done = self.tools.insert(tool.ok_or("C2")?.into(), true);
                ensure(done == Some(false), "C7: not open")?;
            }
            "turn_completed" | "turn_failed" | "turn_cancelled" => {
                ensure(self.texts.is_empty(), "C6: an open block")?;
                ensure(self.tools.values().all(|done| *done), "C7: an open tool")?;
                self.tools.clear();
                self.open = None;
            }
            _ => {}
        }
        Ok(())
    }
}

fn ensure(holds: bool, wrong: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(wrong) }
}

/// The files of a folder with this ending, in order.
pub fn files(folder: &Path, ending: &str) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("a folder can be read").path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    files.sort();
    files
}
