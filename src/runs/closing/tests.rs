//! Closing of files that were cut anywhere: fixtures, generated runs, and closings that were cut themselves.

mod generated;

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::*;
use crate::check::{Check, Options};
use crate::exit::Exit;
use crate::runs::info::State;
use crate::stage::{Io, Stage};
use generated::generated;

/// Tails that a crash may leave behind the last line.
const TAILS: [&[u8]; 4] = [b"", b"\0\0\0\0\0", b"\xff{\"v\":1,\"type\":", b"{\"v\":1}\0\0"];

fn started() -> Time {
    Time::from_millis(1_700_000_000_000)
}

fn closing(file: &[u8]) -> Closing {
    let mut closer = Closer::new("run-1", started());
    // Reads end anywhere.
    for read in file.chunks(1000) {
        closer.feed(read);
    }
    closer.finish()
}

/// The file after it was closed.
fn closed(file: &[u8]) -> Vec<u8> {
    let Closing { keep, append, .. } = closing(file);
    [&file[..usize::try_from(keep).unwrap()], &append].concat()
}

/// Report of `check`; empty without violations.
fn violations(file: &[u8]) -> String {
    let mut check = Check::new(Options::default());
    let mut io = Io::default();
    check.on_bytes(started(), file, &mut io);
    check.on_end(started(), &mut io);
    let valid = check.exit() == Exit::Success;
    if valid { String::new() } else { String::from_utf8(io.out).unwrap() }
}

fn events(file: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Tests all that holds for a closed file whose complete lines were `lines`.
fn assert_closed(file: &[u8], lines: &[u8]) {
    let text = String::from_utf8_lossy(file);
    assert!(file.starts_with(lines), "a complete line was changed: {text}");
    assert_eq!(violations(file), "", "{text}");
    let events = events(file);
    let exits = events.iter().filter(|event| event["kind"] == "exit").count();
    assert_eq!(exits, 1, "{text}");
    let is_terminal = |event: &&Value| Type::parse(event["type"].as_str().unwrap()).is_terminal();
    let ends = events.iter().filter(is_terminal).count();
    let begins = events.iter().filter(|event| event["type"] == "turn_started").count();
    assert!(begins > 0 && begins == ends, "{text}");
    let own = events.iter().skip(lines.iter().filter(|byte| **byte == b'\n').count());
    for event in own.filter(|event| event["kind"] != "exit") {
        assert_eq!(event["synthetic"], true, "{text}");
    }
    let again = closing(file);
    assert!(again.is_done(file.len() as u64), "it was closed twice: {text}");
    assert!(again.summary.state.is_over() && again.summary.turns == begins as u64, "{text}");
    assert_eq!(again.summary.bytes, file.len() as u64);
}

/// End of the last complete line.
fn complete(file: &[u8]) -> usize {
    memrchr(b'\n', file).map_or(0, |feed| feed + 1)
}

/// Closes the file cut at every byte: behind a line with every tail, within a line with one of them.
fn cut_everywhere(file: &[u8]) {
    let mut whole = Vec::new();
    for cut in 0..=file.len() {
        let lines = &file[..complete(&file[..cut])];
        if lines.len() == cut {
            whole = closed(lines);
            assert_closed(&whole, lines);
        }
        let one = cut % TAILS.len();
        let tails = if lines.len() == cut { TAILS.as_slice() } else { &TAILS[one..=one] };
        for tail in tails {
            let torn = [&file[..cut], tail].concat();
            assert!(closed(&torn) == whole, "{}", String::from_utf8_lossy(&torn));
        }
    }
}

/// Closes the file cut at a line, cuts that closing at every byte, and closes it again.
fn cut_closing_everywhere(file: &[u8], line: usize) {
    let ends: Vec<usize> = memchr::memchr_iter(b'\n', file).map(|feed| feed + 1).collect();
    let lines = line.checked_sub(1).and_then(|line| ends.get(line)).copied().unwrap_or(0);
    let whole = closed(&file[..lines]);
    for cut in lines..=whole.len() {
        let tail = TAILS[cut % TAILS.len()];
        let torn = [&whole[..cut], tail].concat();
        assert!(closed(&torn) == whole, "cut at {cut}: {}", String::from_utf8_lossy(&whole));
    }
}

/// Every file of events below the fixtures.
fn fixtures() -> Vec<PathBuf> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(ending) if ending == "events" => found.push(path),
                _ => {}
            }
        }
    }
    assert!(found.len() > 50);
    found.sort();
    found
}

#[test]
fn a_fixture_that_is_cut_at_any_byte_is_closed() {
    for path in fixtures() {
        cut_everywhere(&std::fs::read(path).unwrap());
    }
}

#[test]
fn a_run_that_is_cut_at_any_byte_is_closed() {
    for seed in 0..16 {
        cut_everywhere(&generated(seed));
    }
}

#[test]
fn a_closing_that_is_cut_at_any_byte_is_completed() {
    for (number, path) in fixtures().into_iter().enumerate() {
        let file = std::fs::read(path).unwrap();
        let lines = file.iter().filter(|byte| **byte == b'\n').count();
        for line in [number % lines, lines] {
            cut_closing_everywhere(&file, line);
        }
    }
    for seed in 0..16 {
        let file = generated(seed);
        let lines = file.iter().filter(|byte| **byte == b'\n').count();
        for line in 0..4 {
            cut_closing_everywhere(&file, lines * line / 3);
        }
    }
}

#[test]
fn an_empty_file_gets_a_turn_and_an_exit() {
    let text = String::from_utf8(closing(b"").append).unwrap();
    let ts = r#""ts":"2023-11-14T22:13:20.000Z""#;
    let want = [
        format!(
            r#"{{"v":1,"type":"turn_started","stream":"run-1","turn":1,"seq":1,{ts},"synthetic":true,"runtime":"text"}}"#
        ),
        format!(
            r#"{{"v":1,"type":"turn_failed","stream":"run-1","turn":1,"seq":2,{ts},"synthetic":true,"error":{{"code":"truncated","message":"the events ended in the middle of the turn"}}}}"#
        ),
        format!(
            r#"{{"v":1,"type":"status","stream":"run-1","seq":3,{ts},"kind":"exit","data":{{"killed":true,"lost":true}}}}"#
        ),
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), want);
}

#[test]
fn a_run_without_a_turn_gets_one_of_its_runtime_and_label() {
    let session = r#"{"v":1,"type":"status","stream":"run-1","seq":1,"ts":"2026-01-01T00:00:00.000Z","label":"bot","kind":"session","data":{"pid":1,"argv":["claude"],"adapter":"claude"}}"#;
    let events = events(&closing(format!("{session}\n").as_bytes()).append);
    assert_eq!(events.len(), 3);
    assert_eq!(events[0]["runtime"], "claude");
    for (event, seq) in events.iter().zip(2u64..) {
        assert_eq!(event["label"], "bot");
        assert_eq!(
            (&event["seq"], &event["ts"]),
            (&seq.into(), &"2026-01-01T00:00:00.000Z".into())
        );
    }
}

#[test]
fn a_run_whose_agent_never_started_is_over_without_an_exit() {
    let head = r#"{"v":1,"type":"X","stream":"run-1","turn":1,"seq":N,"ts":"2026-01-01T00:00:00.000Z","synthetic":true"#;
    let event = |type_: &str, seq: &str, fields: &str| {
        format!("{},{fields}}}\n", head.replace('X', type_).replace('N', seq))
    };
    let begin = event("turn_started", "1", r#""runtime":"claude""#);
    let failed = |code: &str| {
        let error = format!(r#""error":{{"code":"{code}","message":"x"}}"#);
        begin.clone() + &event("turn_failed", "2", &error)
    };
    let cancelled = begin.clone() + &event("turn_cancelled", "2", r#""by":"signal","reason":"x""#);
    for (file, state) in [(failed("spawn_failed"), State::Failed), (cancelled, State::Cancelled)] {
        let closing = closing(file.as_bytes());
        assert!(closing.is_done(file.len() as u64));
        assert_eq!(closing.summary.state, state);
    }
    assert_eq!(events(&closing(failed("truncated").as_bytes()).append).len(), 1);
    assert_eq!(events(&closing(begin.as_bytes()).append).len(), 2);
}

#[test]
fn complete_lines_that_are_no_events_stay() {
    let file = "\0\0\nnot an event\n{\"v\":1}\n";
    let closing = closing(file.as_bytes());
    assert_eq!((closing.keep, events(&closing.append).len()), (file.len() as u64, 3));
}

#[test]
fn what_is_held_is_bounded_by_what_is_open() {
    let mut closer = Closer::new("run-1", started());
    let head = r#""stream":"s","turn":1,"ts":"2026-01-01T00:00:00.000Z""#;
    let text = "x".repeat(1000);
    for n in 0..2000 {
        let (one, two) = (2 * n + 1, 2 * n + 2);
        let rest = format!(r#""block":"b{n}","kind":"answer","text":"{text}"}}"#);
        let lines = format!(
            "{{\"v\":1,\"type\":\"text_delta\",\"seq\":{one},{head},{rest}\n{{\"v\":1,\"type\":\"block_final\",\"seq\":{two},{head},{rest}\n"
        );
        closer.feed(lines.as_bytes());
        // Debug output has all that is held.
        assert!(format!("{closer:?}").len() < 20_000, "line {n}");
    }
}
