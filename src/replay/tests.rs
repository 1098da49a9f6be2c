//! Recordings in memory: what leaves, in which parts, and how it is found in a long file.

use std::time::Duration;

use super::find::{Book, Line, Lost, find};
use super::*;
use crate::codec;
use crate::exit::Exit;
use crate::replay::Gap;
use crate::replay::select::{From, Moment, Types};
use crate::stage::Io;
use crate::time::Time;

fn line(turn: u64, seq: u64, type_: &str) -> String {
    let ts = Time::from_millis(1_700_000_000_000 + seq * 10);
    format!(
        "{{\"v\":1,\"type\":\"{type_}\",\"stream\":\"s\",\"turn\":{turn},\"seq\":{seq},\"ts\":\"{ts}\",\"kind\":\"info\",\"message\":\"{}\"}}\n",
        "x".repeat((seq % 37) as usize)
    )
}

/// Turns of ten events.
fn recording(events: u64) -> String {
    let lines = (1..=events).map(|seq| {
        let type_ = match seq % 10 {
            1 => "turn_started",
            0 => "turn_completed",
            _ => "status",
        };
        line((seq - 1) / 10 + 1, seq, type_)
    });
    lines.collect()
}

fn options(select: select::Options) -> Options {
    Options { select, paced: true, restamp: false, watched: false, reading: Reading::default() }
}

/// All that leaves, as it would at time 0, and what was said.
fn play(options: Options, inputs: &[&str], step: usize) -> (String, String, Exit) {
    let mut replay = Replay::new(options);
    let mut io = Io::default();
    for (n, input) in inputs.iter().enumerate() {
        replay.on_source(Begin::first(&format!("f{n}")));
        for bytes in input.as_bytes().chunks(step) {
            replay.on_bytes(bytes, &mut io);
        }
        replay.on_source_end(None, &mut io);
    }
    while replay.queue.pop(Time::default(), &mut io.out).is_some() {}
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(io.out), text(io.err), replay.exit())
}

fn from(from: From) -> select::Options {
    select::Options { from, ..select::Options::default() }
}

#[test]
fn what_is_not_touched_leaves_as_it_came() {
    let text = recording(50).replace("\"kind\"", "\"new\": 1e400, \"kind\"");
    for paced in [false, true] {
        for step in [1, 7, 1 << 20] {
            let options = Options { paced, ..options(select::Options::default()) };
            let (out, err, exit) = play(options, &[&text, &text], step);
            assert_eq!((out, err.as_str()), (text.repeat(2), ""));
            assert_eq!(exit, Exit::Success);
        }
    }
}

#[test]
fn the_turn_with_the_number_is_there_from_its_beginning() {
    let text = recording(50);
    let want = &text[text.find("\"seq\":21,").unwrap() - 60..];
    let want = &want[want.find("{\"v\"").unwrap()..];
    for step in [1, 1 << 20] {
        let (out, err, _) = play(options(from(From::Seq(27))), &[&text], step);
        assert_eq!((out.as_str(), err.as_str()), (want, ""));
    }
}

#[test]
fn garbage_is_named_and_goes_on_as_a_diagnostic_where_it_is_wanted() {
    let text = recording(30).replacen(&line(2, 15, "status"), "garbage\n", 1);
    let (out, err, exit) = play(options(from(From::Seq(18))), &[&text], 9);
    assert_eq!(err, "f0:15:1: not a JSON object\n");
    assert_eq!(exit, Exit::Success);
    assert_eq!(out.lines().count(), 20);
    assert!(out.lines().nth(4).unwrap().contains("\"line\":15,"), "{out}");
    let (out, err, _) = play(options(from(From::Seq(28))), &[&text], 9);
    assert_eq!((out.lines().count(), err.as_str()), (10, ""));
    let only = select::Options { only: Types::parse("turn_*"), ..select::Options::default() };
    let strict =
        Options { reading: Reading { strict: true, ..Reading::default() }, ..options(only) };
    let (out, _, exit) = play(strict, &[&text], 9);
    assert_eq!((out.lines().count(), exit), (6, Exit::Malformed));
}

#[test]
fn a_long_line_passes_as_it_is_where_it_is_wanted() {
    let long = format!("{}\n", "y".repeat(3000));
    let text = recording(15) + &long + &line(2, 16, "status");
    let small =
        |select| Options { reading: Reading { max_line: 1000, strict: false }, ..options(select) };
    for step in [100, 1 << 20] {
        let (out, err, _) = play(small(select::Options::default()), &[&text], step);
        assert_eq!(out, text);
        assert!(err.starts_with("f0:16:1: line too long"), "{err}");
        let (out, _, _) = play(small(from(From::Seq(16))), &[&text], step);
        assert_eq!(out.lines().count(), 7, "{out}");
        assert!(out.contains(&long));
        let (out, err, _) = play(small(from(From::Seq(99))), &[&text], step);
        assert_eq!((out.as_str(), err.as_str()), ("", ""));
    }
}

#[test]
fn raw_recordings_are_told_apart_and_parts_keep_their_order() {
    let raw = "{\"spile\":\"raw\",\"v\":1,\"argv\":[\"x\"]}\n[5,\"o\",\"a\"]\n[9,\"e\",\"b\"]\n[9,\"o\",{\"b64\":\"Yw==\"}]\n[12,\"x\",3]\n";
    let mut replay = Replay::new(options(select::Options::default()));
    let mut io = Io::default();
    replay.on_source(Begin::first("r"));
    replay.on_bytes(raw.as_bytes(), &mut io);
    replay.on_source_end(None, &mut io);
    let mut got = Vec::new();
    let mut out = Vec::new();
    while let Some(mark) = replay.queue.pop(Time::default(), &mut out) {
        got.push((mark.gap, mark.to, String::from_utf8(std::mem::take(&mut out)).unwrap()));
    }
    let after = |ms| Gap::After(Duration::from_millis(ms));
    let want = [
        (Gap::Start, To::Stdout, ""),
        (after(5), To::Stdout, "a"),
        (after(4), To::Stderr, "b"),
        (after(0), To::Stdout, "c"),
        (after(3), To::End(Exit::Child(3)), ""),
    ];
    assert_eq!(got, want.map(|(gap, to, text)| (gap, to, text.to_owned())));
    assert!(io.err.is_empty());
    let cut = &raw[..raw.len() - 11];
    let (out, err, exit) = play(options(select::Options::default()), &[cut], 1 << 20);
    assert_eq!((out.as_str(), exit), ("abc", Exit::Failed));
    assert!(err.ends_with("it was cut short\n"), "{err}");
    let (out, err, exit) = play(options(from(From::Seq(1))), &[raw], 1 << 20);
    assert_eq!((out.as_str(), exit), ("", Exit::Usage));
    assert!(err.contains("raw recording"), "{err}");
}

#[test]
fn a_new_stamp_is_all_that_changes() {
    let text = format!(
        "{}{{\"v\":1,\"type\":\"status\",\"kind\":\"info\"}}\n{{\"kind\":\"info\",\"t\\u0073\":\"2026-01-01T00:00:00\\u005a\",\"v\":1,\"type\":\"status\"}}\n",
        recording(3)
    );
    let now = Options { restamp: true, ..options(select::Options::default()) };
    let (out, err, _) = play(now, &[&text], 1 << 20);
    assert_eq!(err, "");
    for (new, old) in out.lines().zip(text.lines()) {
        let epoch = "1970-01-01T00:00:00.000Z";
        assert_eq!(old.contains("T"), new.contains(epoch), "{new}");
        assert_eq!(
            codec::decode(old.as_bytes()).unwrap().seq,
            codec::decode(new.as_bytes()).unwrap().seq
        );
    }
    assert_eq!(out.lines().count(), 5);
}

/// A recording in memory, and how much of it was looked at.
struct Memory<'a> {
    text: &'a [u8],
    looked: usize,
}

impl Book for Memory<'_> {
    fn length(&self) -> u64 {
        self.text.len() as u64
    }

    fn line(&mut self, at: u64) -> Result<Option<Line<'_>>, Lost> {
        let from = usize::try_from(at).unwrap();
        let feed = |from: usize| memchr::memchr(b'\n', &self.text[from..]).map(|n| from + n);
        let start = match from {
            0 => 0,
            from => match feed(from - 1) {
                Some(at) => at + 1,
                None => return Ok(None),
            },
        };
        let Some(end) = feed(start) else { return Ok(None) };
        self.looked += end + 1 - from;
        let (start_at, next) = (start as u64, end as u64 + 1);
        Ok(Some(Line { start: start_at, next, bytes: &self.text[start..end] }))
    }
}

#[test]
fn a_place_in_a_long_recording_is_found_without_reading_it() {
    let text = recording(100_000);
    let lines: Vec<&str> = text.lines().collect();
    for wanted in [1, 2, 10, 11, 500, 49_999, 50_000, 99_991, 100_000] {
        let mut book = Memory { text: text.as_bytes(), looked: 0 };
        let start = find(&mut book, &from(From::Seq(wanted))).unwrap();
        let first = usize::try_from((wanted - 1) / 10 * 10).unwrap();
        let rest = &text[usize::try_from(start.offset).unwrap()..];
        assert_eq!(rest.lines().next(), Some(lines[first]), "{wanted}");
        assert!(start.begun);
        assert!(book.looked < text.len() / 20, "{}", book.looked);
        let moment = Moment::After(Duration::from_millis((wanted - 1) * 10));
        let mut book = Memory { text: text.as_bytes(), looked: 0 };
        let start = find(&mut book, &from(From::Since(moment))).unwrap();
        assert!(book.looked < text.len() / 20, "{}", book.looked);
        let mut replay = Replay::new(options(from(From::Since(moment))));
        let mut io = Io::default();
        replay.on_source(Begin { start, ..Begin::first("f") });
        replay.on_bytes(&text.as_bytes()[usize::try_from(start.offset).unwrap()..], &mut io);
        replay.queue.pop(Time::default(), &mut io.out);
        let want = lines[usize::try_from(wanted - 1).unwrap()];
        assert_eq!(io.out, format!("{want}\n").as_bytes());
    }
}

#[test]
fn what_is_not_sorted_is_read_from_the_start() {
    let text = recording(3000);
    let mixed = format!("{text}{text}{text}");
    let mut book = Memory { text: mixed.as_bytes(), looked: 0 };
    assert_eq!(find(&mut book, &from(From::Seq(2900))), None);
    assert_eq!(find(&mut book, &from(From::Seq(9999))), None);
    let mut empty = Memory { text: b"", looked: 0 };
    assert_eq!(find(&mut empty, &from(From::Seq(1))), None);
}
