//! Readers that begin at random instants, against a writer that writes as fast as it can and a closer that cuts its torn tail.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::runs::info::RunInfo;

/// Readers of one run.
const READERS: usize = 100;

/// Events of one run.
const EVENTS: usize = 120;

/// Longest time for one reader.
const LIMIT: Duration = Duration::from_secs(60);

const STARTED: &str = "2026-01-01T00:00:00.000Z";

struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % most
    }
}

/// Event of this number, from 1.
fn line(seq: usize) -> String {
    let (type_, turn, rest) = match seq {
        1 => ("status", "", r#""kind":"session","data":{"control":{"pid":1,"word":"w"}}"#.into()),
        2 => ("turn_started", r#""turn":1,"#, r#""runtime":"text""#.into()),
        n if n == EVENTS => {
            ("status", "", r#""kind":"exit","data":{"code":0,"killed":false}"#.into())
        }
        n if n == EVENTS - 1 => ("turn_completed", r#""turn":1,"#, r#""stop":"end""#.into()),
        n => {
            let text = "x".repeat(1 + n * 7 % 300);
            let rest = format!(r#""block":"b1","kind":"answer","text":"{text}""#);
            ("text_delta", r#""turn":1,"#, rest)
        }
    };
    format!(r#"{{"v":1,"type":"{type_}","stream":"run","#)
        + &format!(r#"{turn}"seq":{seq},"ts":"{STARTED}",{rest}}}"#)
        + "\n"
}

/// All that a reader gets who begins now.
fn read(state: &StateFolder, start: StartAt, watch: Watch) -> Vec<u8> {
    let runs = vec![state.run("run").unwrap().unwrap()];
    let (clock, began) = (Clock::start(), Instant::now());
    let plan = Plan { runs, start, until: Until::End };
    let mut engine = Engine::new(plan, watch, clock.now()).unwrap();
    let mut out = Vec::new();
    loop {
        engine.step(clock.now(), &mut out).unwrap();
        if engine.is_over() {
            return out;
        }
        assert!(began.elapsed() < LIMIT, "a reader does not end");
        let timeout = engine.deadline().map(|at| at.since(clock.now()));
        let watch = engine.watch_fd().into_iter();
        let mut fds: Vec<_> = watch.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        let changed = polling::wait(&mut fds, timeout).unwrap() > 0;
        drop(fds);
        if changed {
            engine.on_change();
        }
    }
}

/// Writes a run in pieces of any length; `bytes` counts what is written. The lock is free then.
fn write(run: &RunFolder, text: &[u8], random: &mut Random, bytes: &AtomicUsize) {
    let mut file = run.append_events().unwrap();
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, more) = rest.split_at((1 + random.below(400)).min(rest.len()));
        file.write_all(piece).unwrap();
        bytes.fetch_add(piece.len(), Ordering::Release);
        rest = more;
    }
}

/// Output that is right for a reader who began at some instant, given the file in the end.
fn check(start: StartAt, out: &[u8], file: &str) {
    let out = std::str::from_utf8(out).unwrap();
    let lines: Vec<&str> = file.split_inclusive('\n').collect();
    let from = |n: usize| lines.get(n..).unwrap_or_default().concat();
    match start {
        StartAt::Start => assert_eq!(out, file),
        StartAt::Seq(seq) => assert_eq!(out, from(usize::try_from(seq).unwrap() - 1)),
        StartAt::Now if out.contains(r#""kind":"gap""#) => {
            let (gap, rest) = out.split_once('\n').unwrap();
            let (_, seq) = gap.split_once(r#""to_seq":"#).unwrap();
            let seq: usize = seq.trim_end_matches('}').parse().unwrap();
            // A run that died within its first line has no session.
            let holds = |words: &str| lines[..seq].iter().find(|line| line.contains(words));
            let session = holds(r#""kind":"session""#).copied().unwrap_or_default();
            let ended = holds("turn_completed").or(holds("turn_failed"));
            let turn = holds("turn_started").filter(|_| ended.is_none()).copied();
            let turn = turn.unwrap_or_default();
            assert_eq!(rest, format!("{session}{turn}{}", from(seq)), "{gap}");
        }
        StartAt::Now => assert!(out == file || out.is_empty(), "{out}"),
    }
}

#[test]
fn every_reader_gets_every_line_once_and_in_order() {
    let twentieths = std::env::var("SPILE_STRESS").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let rounds: usize = (100_000 / READERS * twentieths / 20).max(1);
    let text: String = (1..=EVENTS).map(line).collect();
    let info = RunInfo { started: STARTED.into(), ..RunInfo::default() };
    for round in 0..rounds {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::open_at(folder.path()).unwrap();
        let (run, lock) = state.create("run", &info).unwrap().unwrap();
        let mut random = Random(round as u64);
        // Every second wrap dies, mostly within a line.
        let length = if round % 2 == 0 { text.len() } else { 1 + random.below(text.len()) };
        let bytes = AtomicUsize::new(0);
        let mut outs = Vec::new();
        std::thread::scope(|scope| {
            let (state, bytes) = (&state, &bytes);
            let readers: Vec<_> = (0..READERS)
                .map(|n| {
                    let start = match random.below(4) {
                        0 => StartAt::Now,
                        1 => StartAt::Seq(1 + random.below(EVENTS) as u64),
                        _ => StartAt::Start,
                    };
                    let from = random.below(length + 1);
                    scope.spawn(move || {
                        while bytes.load(Ordering::Acquire) < from {
                            std::thread::yield_now();
                        }
                        let watch = if n % 2 == 0 { Watch::open() } else { Watch::default() };
                        (start, read(state, start, watch))
                    })
                })
                .collect();
            write(&run, &text.as_bytes()[..length], &mut random, bytes);
            drop(lock);
            outs.extend(readers.into_iter().map(|reader| reader.join().unwrap()));
        });
        let file = std::fs::read_to_string(run.path().join("events.ndjson")).unwrap();
        assert_eq!(file.lines().last().unwrap().matches(r#""kind":"exit""#).count(), 1);
        outs.iter().for_each(|(start, out)| check(*start, out, &file));
    }
}
