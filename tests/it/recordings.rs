//! Recordings of real agents, where they are at hand: what a recording's `.expect.json` says must come out, and a
//! recording that is cut at any byte must still keep the contract.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use serde_json::Value;
use spile::guard::Ended;
use spile::time::Time;

use crate::feed::{contract, events, files, foreign, parse, tap};
use crate::harness::skip;

/// The folders of recordings that are understood, and the adapter that must recognise each.
pub const FOLDERS: [(&str, &str); 17] = [
    ("claude-code", "claude"),
    ("codex", "codex"),
    ("gemini-cli", "gemini"),
    ("opencode", "opencode"),
    ("amp", "amp"),
    ("pi", "pi"),
    ("muse", "muse"),
    ("grok", "grok"),
    ("antigravity", "antigravity"),
    ("sse-openai-chat", "openai-chat"),
    ("sse-openai-responses", "openai-responses"),
    ("sse-anthropic", "anthropic"),
    ("sse-gemini", "gemini-api"),
    ("acp", "acp"),
    ("ag-ui", "ag-ui"),
    ("vercel-ui", "vercel"),
    ("langgraph", "langgraph"),
];

/// Files up to this length in bytes are cut everywhere, longer ones at `CUTS` places.
const EVERYWHERE: usize = 20_000;
const CUTS: usize = 400;

pub fn folder(name: &str) -> Option<PathBuf> {
    let recordings = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/recordings");
    let folder = Path::new(recordings).join(name);
    if !folder.is_dir() {
        skip(format_args!("no recordings in {}", folder.display()));
        return None;
    }
    Some(folder)
}

/// The recordings of a folder, each with what it must become.
pub fn recordings(folder: &Path) -> Vec<(PathBuf, Value)> {
    let with_raw = |expect: PathBuf| {
        let stem = expect.to_string_lossy().replace(".expect.json", "");
        let raw = ["jsonl", "sse", "txt"].map(|ending| PathBuf::from(format!("{stem}.{ending}")));
        let raw = raw.into_iter().find(|raw| raw.exists());
        let value = std::fs::read(&expect).expect("an expectation can be read");
        Some((raw?, serde_json::from_slice(&value).expect("it is JSON")))
    };
    files(folder, ".expect.json").into_iter().filter_map(with_raw).collect()
}

/// What came out, in the words of an expectation.
#[derive(Default)]
struct Seen {
    blocks: Vec<String>,
    tools: Vec<(String, String, String)>,
    outcomes: Vec<&'static str>,
}

impl Seen {
    fn of(events: &[Value]) -> Self {
        let mut seen = Self::default();
        for event in events {
            let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
            let tool = |key: &str| event["tool"][key].as_str().unwrap_or_default().to_owned();
            let main = event["parent"].is_null();
            match event["type"].as_str().unwrap_or_default() {
                "block_final" if main && event["kind"] == "answer" => {
                    seen.blocks.push(text("text"));
                }
                "tool_started" if main => {
                    let tool = (tool("id"), tool("name"), String::new());
                    seen.tools.push(tool);
                }
                "tool_finished" if main => {
                    let mut open = seen.tools.iter_mut().rev();
                    if let Some(open) = open.find(|open| open.0 == tool("id")) {
                        open.2 = text("outcome");
                    }
                }
                "turn_completed" => seen.outcomes.push(if text("stop") == "end_of_output" {
                    "inferred"
                } else {
                    "completed"
                }),
                "turn_failed" if event["synthetic"] == true => seen.outcomes.push("none"),
                "turn_failed" => seen.outcomes.push("failed"),
                "turn_cancelled" => seen.outcomes.push("cancelled"),
                _ => {}
            }
        }
        seen
    }

    /// Where it is not what was expected.
    fn differences(&self, expect: &Value) -> String {
        let mut wrong = String::new();
        let mut differ = |what: &str, want: &Value, got: Value| {
            if *want != got {
                let _ = writeln!(wrong, "  {what}: expected {want}\n  {what}: got      {got}");
            }
        };
        differ("text", &expect["text"], self.blocks.concat().into());
        // A block without any text is no block of the contract.
        let blocks = expect["blocks"].as_array().into_iter().flatten();
        let blocks: Value = blocks.filter(|text| *text != "").cloned().collect();
        differ("blocks", &blocks, self.blocks.clone().into());
        differ("turns", &expect["turns"], self.outcomes.len().into());
        // A clean end without a word of the runtime completes a turn of which the stream itself says nothing.
        let wanted = expect["outcomes"].as_array().cloned().unwrap_or_default();
        let outcomes =
            self.outcomes.iter().zip(wanted.iter().chain(std::iter::repeat(&Value::Null)));
        let outcomes: Value = outcomes
            .map(|(got, want)| match (*got, want.as_str()) {
                ("inferred", Some("none")) => "none",
                ("inferred", _) => "completed",
                (got, _) => got,
            })
            .collect();
        differ("outcomes", &expect["outcomes"], outcomes);
        let want = expect["tools"].as_array().cloned().unwrap_or_default();
        differ("number of tools", &want.len().into(), self.tools.len().into());
        for (want, (id, name, outcome)) in want.iter().zip(&self.tools) {
            // Where the runtime has no ids, ours are any.
            if !want["id"].is_null() {
                differ("tool id", &want["id"], id.as_str().into());
            }
            differ("tool name", &want["name"], name.as_str().into());
            let ok = match outcome.as_str() {
                "ok" => Value::Bool(true),
                "unknown" => Value::Null,
                _ => Value::Bool(false),
            };
            differ(&format!("ok of {id}"), &want["ok"], ok);
        }
        wrong
    }
}

#[test]
fn recordings_become_what_they_say() {
    let mut wrong = String::new();
    for (name, adapter) in FOLDERS {
        let Some(folder) = folder(name) else { continue };
        let all = recordings(&folder);
        assert!(!all.is_empty(), "{} has no recordings", folder.display());
        let mut right = 0;
        for (path, expect) in &all {
            let raw = std::fs::read(path).expect("a recording can be read");
            let (found, lines) = events(&raw);
            let mut differences = Seen::of(&parse(&lines)).differences(expect);
            if let Some((line, other)) = foreign(&raw, adapter) {
                let _ = writeln!(differences, "  line {line}: {other} claims it");
            }
            if found != adapter {
                let _ = writeln!(differences, "  adapter: expected {adapter}, got {found}");
            }
            if let Err(broken) = contract(&lines) {
                let _ = writeln!(differences, "  contract: {broken}");
            }
            if differences.is_empty() {
                right += 1;
            } else {
                let _ = write!(wrong, "{}:\n{differences}", path.display());
            }
        }
        println!("{name}: {right} of {} recordings", all.len());
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Where to cut a file of this length.
fn cuts(len: usize) -> Vec<usize> {
    if len <= EVERYWHERE {
        return (0..=len).collect();
    }
    (0..=CUTS).map(|n| n * len / CUTS).collect()
}

/// What the whole recording becomes, and how much of that is said when each of its lines has come.
fn growth(raw: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let mut tap = tap();
    let mut said = Vec::new();
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        tap.on_stdout(Time::default(), line);
        let whole = line.ends_with(b"\n");
        said.extend(whole.then(|| tap.guard().out.len()));
    }
    (std::mem::take(&mut tap.guard().out), said)
}

/// However it is cut, every turn that began has ended, one did begin, and what its whole lines say is there.
fn cut(raw: &[u8], at: usize, whole: &[u8]) -> Result<(), String> {
    let mut tap = tap();
    tap.on_stdout(Time::default(), &raw[..at]);
    tap.on_end(Time::default(), Ended::Eof);
    let out = &tap.guard().out;
    contract(out)?;
    if !String::from_utf8_lossy(out).contains("\"type\":\"turn_started\"") {
        return Err("no turn at all".into());
    }
    if !out.starts_with(whole) {
        return Err("what was said before the cut is not the same".into());
    }
    Ok(())
}

fn cut_everywhere(path: &Path) -> usize {
    let raw = std::fs::read(path).expect("a recording can be read");
    let (whole, said) = growth(&raw);
    let cuts = cuts(raw.len());
    for at in &cuts {
        let lines = raw[..*at].iter().filter(|byte| **byte == b'\n').count();
        let said = lines.checked_sub(1).map_or(0, |line| said[line]);
        if let Err(wrong) = cut(&raw, *at, &whole[..said]) {
            panic!("{} cut at byte {at}: {wrong}", path.display());
        }
    }
    cuts.len()
}

/// The files of real agents, by folder, and our own fixtures as one more.
fn all() -> Vec<(String, Vec<PathBuf>)> {
    let recorded = FOLDERS.iter().filter_map(|(name, _)| {
        let files = recordings(&folder(name)?);
        Some(((*name).to_owned(), files.into_iter().map(|(raw, _)| raw).collect()))
    });
    let mut all: Vec<_> = recorded.collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let fixtures = files(&root, "");
    let fixtures = fixtures.iter().flat_map(|folder| files(folder, ".raw"));
    all.push(("fixtures".to_owned(), fixtures.collect()));
    all
}

#[test]
fn a_recording_cut_anywhere_keeps_the_contract() {
    for (name, all) in all() {
        let (next, cuts) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            let work = || {
                while let Some(path) = all.get(next.fetch_add(1, Relaxed)) {
                    cuts.fetch_add(cut_everywhere(path), Relaxed);
                }
            };
            for _ in 0..2 {
                scope.spawn(work);
            }
        });
        let cuts = cuts.into_inner();
        println!("{name}: {cuts} cuts");
    }
}

/// Read sizes that cut lines, characters and escapes everywhere; the recording's own lengths are no multiples of them.
const READS: [usize; 4] = [1, 7, 100, 4093];

#[test]
fn reads_of_any_size_give_the_same_events() {
    for (_, all) in all() {
        for path in all {
            let raw = std::fs::read(&path).expect("a recording can be read");
            let (_, whole) = events(&raw);
            for size in READS {
                let mut tap = tap();
                for read in raw.chunks(size) {
                    tap.on_stdout(Time::default(), read);
                }
                tap.on_end(Time::default() + Duration::from_secs(1), Ended::Eof);
                let same = tap.guard().out == whole;
                assert!(same, "{} in reads of {size} bytes", path.display());
            }
        }
    }
}
