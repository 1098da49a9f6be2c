//! How exactly replay keeps the recorded time, beside a process that does nothing but sleep until each of the same moments.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::{SPILE, median, percentile};

/// Events of a run.
const EVENTS: u64 = 400;

/// The word by which the bench knows that it is the sleeper.
const SLEEP: &str = "sleep-until";

/// If this process is to be the sleeper, it has slept.
pub fn slept() -> bool {
    let mut args = std::env::args().skip(1);
    if args.next().as_deref() != Some(SLEEP) {
        return false;
    }
    let gaps: Vec<u64> = gaps().collect();
    let mut out = std::io::stdout();
    out.write_all(b"begin\n").unwrap();
    let mut due = now();
    for gap in gaps {
        due.tv_nsec += i64::try_from(gap * 1_000_000).unwrap();
        due.tv_sec += due.tv_nsec / 1_000_000_000;
        due.tv_nsec %= 1_000_000_000;
        // SAFETY: `due` is a valid time, and nothing is to be told of what is left.
        let _ = unsafe {
            libc::clock_nanosleep(
                libc::CLOCK_MONOTONIC,
                libc::TIMER_ABSTIME,
                &due,
                std::ptr::null_mut(),
            )
        };
        out.write_all(b"event\n").unwrap();
    }
    true
}

fn now() -> libc::timespec {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid place for the answer.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    now
}

/// Pauses of 1 to 20 milliseconds, the same every time.
fn gaps() -> impl Iterator<Item = u64> {
    (1..EVENTS).map(|n| 1 + n * 7919 % 20)
}

/// At speed 1 and at speed 10: the error of the arrival times against that of the sleeper.
pub fn timing() {
    let me = std::env::current_exe().unwrap();
    for speed in [1, 10] {
        let file = recorded(speed);
        let speed = speed.to_string();
        let pairs: Vec<(Vec<f64>, Vec<f64>)> = (0..5)
            .map(|_| {
                let bare = errors(Command::new(&me).arg(SLEEP));
                let args = ["replay", "--speed", &speed];
                (errors(Command::new(SPILE).args(args).arg(&file)), bare)
            })
            .collect();
        let of = |percent| {
            let ratio = |(ours, bare): &(Vec<f64>, Vec<f64>)| {
                percentile(ours.clone(), percent) / percentile(bare.clone(), percent)
            };
            median(pairs.iter().map(ratio).collect())
        };
        let ours = median(pairs.iter().map(|(o, _)| percentile(o.clone(), 50)).collect());
        println!(
            "{:<28} {:>8.2} p50, {:.2} p99 of a bare sleeper's; p50 {ours:.0} us  (wanted: at most 2)",
            format!("timing of replay, speed {speed}"),
            of(50),
            of(99)
        );
    }
}

/// A recording that takes as long at this speed as the sleeper does.
fn recorded(speed: u64) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("paced-{speed}.ndjson"));
    let mut text = String::new();
    let mut at = 0;
    for (seq, gap) in std::iter::once(0).chain(gaps()).enumerate() {
        at += gap * speed;
        text.push_str(&format!(
            "{{\"v\":1,\"type\":\"status\",\"stream\":\"s\",\"turn\":1,\"seq\":{},\"ts\":\"2026-01-01T00:{:02}:{:02}.{:03}Z\",\"kind\":\"info\"}}\n",
            seq + 1,
            at / 60_000,
            at / 1000 % 60,
            at % 1000
        ));
    }
    std::fs::write(&path, text).unwrap();
    path
}

/// How far from their moments the lines come, counted from the first, in microseconds.
fn errors(command: &mut Command) -> Vec<f64> {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    let started = Instant::now();
    let mut due = Duration::ZERO;
    let errors = gaps().zip(lines).map(|(gap, _)| {
        due += Duration::from_millis(gap);
        started.elapsed().abs_diff(due).as_secs_f64() * 1e6
    });
    let errors: Vec<f64> = errors.collect();
    assert_eq!(errors.len() as u64, EVENTS - 1);
    child.wait().unwrap();
    errors
}
