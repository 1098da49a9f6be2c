//! Whole commands, pipe to pipe, against a peer in the same run: ratios, never lone times.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SPILE: &str = env!("CARGO_BIN_EXE_spile");

/// Interleaved pairs whose median is taken.
const PAIRS: usize = 11;

fn main() {
    let events: u64 = std::env::args()
        .skip(1)
        .find_map(|a| a.parse().ok())
        .unwrap_or(100_000);
    let Some(file) = generated(events) else {
        println!("skipped: the generator of events is not there (../shared/bench/gen_events.py)");
        return;
    };
    let bytes = std::fs::metadata(&file).unwrap().len();
    println!(
        "{events} events, {} MB, pipe to pipe, median of {PAIRS} interleaved pairs",
        bytes / 1_000_000
    );
    let cat: &[&str] = &["cat"];
    let jq_program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/coalesce.jq");
    throughput(
        "coalesce / cat",
        &file,
        &[SPILE, "coalesce"],
        cat,
        PAIRS,
        0.6,
    );
    throughput(
        "pass-through / cat",
        &file,
        &[SPILE, "heartbeat"],
        cat,
        PAIRS,
        0.7,
    );
    throughput("check / cat", &file, &[SPILE, "check"], cat, PAIRS, 0.0);
    throughput(
        "view --format plain / cat",
        &file,
        &[SPILE, "view", "--format", "plain"],
        cat,
        3,
        0.0,
    );
    if Command::new("jq")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok()
    {
        // jq needs minutes for the whole file: the ratio is taken on a tenth of it.
        let tenth = generated((events / 10).max(1)).unwrap();
        throughput(
            "coalesce / jq coalescing",
            &tenth,
            &[SPILE, "coalesce"],
            &["jq", "-nc", "-f", jq_program],
            3,
            25.0,
        );
        throughput(
            "check / jq -c .",
            &tenth,
            &[SPILE, "check"],
            &["jq", "-c", "."],
            3,
            10.0,
        );
    } else {
        println!("skipped: jq is not installed");
    }
    if let Some(file) = recorded(events / 5) {
        let name = "wrap --from claude / cat";
        throughput(
            name,
            &file,
            &[SPILE, "wrap", "--from", "claude"],
            cat,
            5,
            0.3,
        );
    }
    for (name, args) in [
        ("coalesce", vec!["coalesce"]),
        ("check --pass", vec!["check", "--pass", "--partial"]),
    ] {
        latency(name, &args);
    }
    for args in [
        vec!["coalesce"],
        vec!["check"],
        vec!["view", "--format", "plain"],
    ] {
        memory(&args, events);
    }
}

/// The generator's file of so many events, made once.
fn generated(events: u64) -> Option<PathBuf> {
    let generator = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/bench/gen_events.py");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("events-{events}.ndjson"));
    if !generator.exists() {
        return None;
    }
    if !file.exists() {
        let part = file.with_extension("part");
        let out = File::create(&part).unwrap();
        let done = Command::new("python3")
            .arg(generator)
            .args(["--events", &events.to_string()])
            .stdout(out)
            .status();
        assert!(done.is_ok_and(|s| s.success()), "the generator failed");
        std::fs::rename(part, &file).unwrap();
    }
    Some(file)
}

/// Recordings of Claude Code one after the other until they are so many kilobytes (200 MB for a million events).
fn recorded(kilobytes: u64) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/recordings/claude-code");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .ok()?
        .map(|e| e.unwrap().path())
        .collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "jsonl"));
    files.sort();
    let round: Vec<u8> = files
        .iter()
        .flat_map(|f| std::fs::read(f).unwrap())
        .collect();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("claude.jsonl");
    let mut out = File::create(&path).unwrap();
    for _ in 0..=kilobytes * 1000 / round.len() as u64 {
        out.write_all(&round).unwrap();
    }
    Some(path)
}

/// `cat FILE | COMMAND | cat >/dev/null`, in seconds.
fn piped(file: &Path, command: &[&str]) -> f64 {
    let started = Instant::now();
    let mut source = Command::new("cat")
        .arg(file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stage = Command::new(command[0])
        .args(&command[1..])
        .stdin(source.stdout.take().unwrap())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut sink = Command::new("cat")
        .stdin(stage.stdout.take().unwrap())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    assert!(source.wait().unwrap().success());
    let _ = stage.wait().unwrap();
    assert!(sink.wait().unwrap().success());
    started.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Prints how much faster than `peer` the command is: the median of the pairs' ratios.
fn throughput(name: &str, file: &Path, command: &[&str], peer: &[&str], pairs: usize, want: f64) {
    let ratios: Vec<f64> = (0..pairs)
        .map(|_| {
            let peer = piped(file, peer);
            peer / piped(file, command)
        })
        .collect();
    let ratio = median(ratios);
    let verdict = if want == 0.0 {
        String::new()
    } else {
        format!("  (wanted: at least {want})")
    };
    println!("{name:<28} {ratio:>8.2}{verdict}");
}

/// One event per millisecond: the median time from write to read, beside that of `cat`.
fn latency(name: &str, args: &[&str]) {
    let of = |program: &str, args: &[&str]| {
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let stdout = child.stdout.take().unwrap();
        let started = Instant::now();
        let reader = std::thread::spawn(move || {
            BufReader::new(stdout)
                .split(b'\n')
                .map(|_| started.elapsed())
                .collect::<Vec<_>>()
        });
        let mut written = Vec::new();
        for seq in 1..=2000u64 {
            let due = Duration::from_millis(seq);
            std::thread::sleep(due.saturating_sub(started.elapsed()));
            let line = format!(
                "{{\"v\":1,\"type\":\"status\",\"stream\":\"s\",\"turn\":1,\"seq\":{seq},\"ts\":\"2026-01-01T00:00:00.000Z\",\"kind\":\"info\",\"message\":\"{}\"}}\n",
                "x".repeat(200)
            );
            written.push(started.elapsed());
            stdin.write_all(line.as_bytes()).unwrap();
        }
        drop(stdin);
        let read = reader.join().unwrap();
        let _ = child.wait();
        median(
            written
                .iter()
                .zip(&read)
                .map(|(w, r)| r.saturating_sub(*w).as_secs_f64() * 1e6)
                .collect(),
        )
    };
    let differences = (0..5).map(|_| {
        let cat = of("cat", &[]);
        of(SPILE, args) - cat
    });
    println!(
        "{:<28} {:>8.1} us over cat  (wanted: at most 15)",
        format!("p50 of {name}"),
        median(differences.collect())
    );
}

/// Peak resident memory for a tenth of the events, all of them, and ten times as many.
fn memory(args: &[&str], events: u64) {
    let mut figures = Vec::new();
    for count in [events / 10, events, events * 10] {
        let generator = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/bench/gen_events.py");
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("events-{count}.ndjson"));
        let mut source = if file.exists() {
            Command::new("cat")
                .arg(file)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        } else {
            // Too large to keep: read as it is made.
            Command::new("python3")
                .arg(generator)
                .args(["--events", &count.to_string()])
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        };
        let stage = Command::new(SPILE)
            .args(args)
            .stdin(source.stdout.take().unwrap())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let peak = peak_memory(stage);
        let _ = source.wait();
        figures.push(format!("{:.1}", peak as f64 / 1024.0));
    }
    println!(
        "{:<28} {:>8} MiB for {}, {events} and {} events  (wanted: under 16, the same)",
        format!("memory of {}", args[0]),
        figures.join(" "),
        events / 10,
        events * 10
    );
}

/// Waits for a child; its peak resident memory in KiB.
fn peak_memory(child: std::process::Child) -> i64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    let pid = libc::pid_t::try_from(child.id()).unwrap();
    // SAFETY: the pid is a child of ours that nobody has waited for; both places are valid, and zeroed is a valid rusage.
    unsafe {
        libc::wait4(pid, &mut 0, 0, usage.as_mut_ptr());
        usage.assume_init().ru_maxrss
    }
}
