//! Whole commands, pipe to pipe, against a peer in the same run: ratios, never lone times.

mod blocks;
mod inputs;
mod replay;
mod tee;

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use inputs::{generated, recorded, recorded_events, streams};

const SPILE: &str = env!("CARGO_BIN_EXE_spile");

/// Interleaved pairs whose median is taken.
const PAIRS: usize = 21;

/// A row's name, the command, the pairs of which the median is taken, and what the ratio to `cat` is to be.
const AGAINST_CAT: &[(&str, &[&str], usize, f64)] = &[
    ("coalesce / cat", &["coalesce"], PAIRS, 0.6),
    ("pass-through / cat", &["heartbeat"], PAIRS, 0.7),
    ("redact / cat", &["redact"], PAIRS, 0.0),
    ("chunk / cat", &["chunk", "--for", "discord"], PAIRS, 0.15),
    ("merge - / cat", &["merge", "-"], 3, 0.0),
    ("replay --instant / cat", &["replay", "--instant"], PAIRS, 0.6),
    ("check / cat", &["check"], 3, 0.0),
    ("view --format plain / cat", &["view", "--format", "plain"], 3, 0.0),
];

/// cancel with conditions that never hold.
const CANCEL: &[&str] = &[
    SPILE,
    "cancel",
    "--max-text",
    "1000000000",
    "--on-tool",
    "none",
    "--max-tokens",
    "1000000000",
];

/// Commands that keep a state for each stream.
const EACH_STREAM: &[&[&str]] = &[
    &["coalesce"],
    &["chunk", "--for", "discord"],
    &["heartbeat"],
    &["redact"],
    &["cancel", "--max-text", "1000000000"],
    &["merge", "-"],
    &["view", "--format", "plain"],
    &["check"],
];

fn main() {
    if replay::slept() {
        return;
    }
    // At full length it takes a quarter of an hour; the quick look says as much about what is wrong.
    if std::env::args().any(|a| a == "stopped") {
        return tee::stopped(Duration::from_secs(60), 5);
    }
    let events: u64 = std::env::args().skip(1).find_map(|a| a.parse().ok()).unwrap_or(100_000);
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
    for (name, args, pairs, want) in AGAINST_CAT {
        let command: Vec<&str> = [&[SPILE], *args].concat();
        throughput(name, &file, &command, cat, *pairs, *want);
    }
    if Command::new("jq").arg("--version").stdout(Stdio::null()).status().is_ok() {
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
        throughput("check / jq -c .", &tenth, &[SPILE, "check"], &["jq", "-c", "."], 7, 10.0);
    } else {
        println!("skipped: jq is not installed");
    }
    times("cancel / coalesce", (&file, CANCEL), (&file, &[SPILE, "coalesce"]), 1.3);
    let redact: &[&str] = &[SPILE, "redact"];
    let heartbeat: &[&str] = &[SPILE, "heartbeat"];
    times("redact / heartbeat", (&file, redact), (&file, heartbeat), 3.0);
    if let Some(file) = recorded_events(events / 25) {
        let name = "redact / heartbeat, events of all runtimes";
        times(name, (&file, redact), (&file, heartbeat), 3.0);
    }
    let (one, thousand) = (streams(events, 1).unwrap(), streams(events, 1000).unwrap());
    for args in EACH_STREAM {
        let command: Vec<&str> = [&[SPILE], *args].concat();
        let name = format!("{}: 1,000 streams / one", args[0]);
        times(&name, (&thousand, &command), (&one, &command), 3.0);
    }
    if let Some(file) = recorded(events / 5) {
        let name = "wrap --from claude / cat";
        throughput(name, &file, &[SPILE, "wrap", "--from", "claude"], cat, 31, 0.3);
    }
    for (name, args) in [
        ("coalesce", vec!["coalesce"]),
        ("check --pass", vec!["check", "--pass", "--partial"]),
        ("heartbeat", vec!["heartbeat"]),
        ("redact", vec!["redact"]),
        ("merge -", vec!["merge", "-"]),
    ] {
        latency(name, &args);
    }
    lateness();
    blocked();
    blocks::linear();
    replay::timing();
    for args in [
        vec!["coalesce"],
        vec!["heartbeat"],
        vec!["redact"],
        vec!["chunk", "--for", "discord"],
        vec!["merge", "-"],
        vec!["replay", "--instant"],
        vec!["check"],
        vec!["view", "--format", "plain"],
    ] {
        memory(&args, events);
    }
    // The memory of a child is counted from that of this process on, which these need much of.
    tee::throughput(&file);
    tee::stopped(Duration::from_secs(10), 3);
}

/// Time of a command in a pipeline, in seconds.
#[derive(Clone, Copy)]
struct Cost {
    /// From the start of the pipeline to its end.
    wall: f64,
    /// Processor time of the command alone, user and system.
    cpu: f64,
}

/// `cat FILE | COMMAND | cat >/dev/null`.
fn piped(file: &Path, command: &[&str]) -> Cost {
    let started = Instant::now();
    let mut source = Command::new("cat").arg(file).stdout(Stdio::piped()).spawn().unwrap();
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
    let usage = waited(stage);
    assert!(sink.wait().unwrap().success());
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
    let cpu = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    Cost { wall: started.elapsed().as_secs_f64(), cpu }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Prints how much faster than `peer` the command is by the clock, and its processor time per event and of the peer's: medians
/// of the pairs.
fn throughput(name: &str, file: &Path, command: &[&str], peer: &[&str], pairs: usize, want: f64) {
    let pairs: Vec<[Cost; 2]> =
        (0..pairs).map(|_| [piped(file, peer), piped(file, command)]).collect();
    let median_of = |value: fn(&[Cost; 2]) -> f64| median(pairs.iter().map(value).collect());
    let ratio = median_of(|[peer, command]| peer.wall / command.wall);
    let nanos = median_of(|[_, command]| command.cpu) * 1e9 / lines(file) as f64;
    let cpu = median_of(|[peer, command]| command.cpu / peer.cpu.max(1e-3));
    let verdict = if want == 0.0 { String::new() } else { format!("  (wanted: at least {want})") };
    println!("{name:<28} {ratio:>8.2}  {nanos:>6.0} ns/event, {cpu:.2} of the peer's{verdict}");
}

/// Prints how many times a peer's processor time a command takes, each with its own file: the median of the pairs' ratios.
fn times(
    name: &str,
    (file, command): (&Path, &[&str]),
    (other, peer): (&Path, &[&str]),
    most: f64,
) {
    let ratio = |_| piped(file, command).cpu / piped(other, peer).cpu;
    let ratio = median((0..7).map(ratio).collect());
    println!("{name:<44} {ratio:>6.2} times the processor time  (wanted: at most {most})");
}

fn lines(file: &Path) -> usize {
    BufReader::new(File::open(file).unwrap()).split(b'\n').count()
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
            BufReader::new(stdout).split(b'\n').map(|_| started.elapsed()).collect::<Vec<_>>()
        });
        let mut written = Vec::new();
        for seq in 1..=2000u64 {
            let due = Duration::from_millis(seq);
            std::thread::sleep(due.saturating_sub(started.elapsed()));
            let line = event("status", "s", seq);
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

/// How late heartbeats come, each against the time at which it was due.
fn lateness() {
    let every = Duration::from_millis(20);
    let mut child = Command::new(SPILE)
        .args(["heartbeat", "--every", "20ms"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut lines = BufReader::new(stdout).lines();
    // The first line is for warming up: a turn that has ended.
    stdin.write_all(event("turn_completed", "s0", 1).as_bytes()).unwrap();
    lines.next();
    let started = Instant::now();
    stdin.write_all(event("turn_started", "s1", 1).as_bytes()).unwrap();
    lines.next();
    let late = (1..=100).map(|n| {
        let line = lines.next().unwrap().unwrap();
        assert!(line.contains("heartbeat"), "{line}");
        started.elapsed().saturating_sub(every * n).as_secs_f64() * 1e3
    });
    let late: Vec<f64> = late.collect();
    drop(stdin);
    let _ = child.wait();
    println!(
        "{:<28} {:>8.2} ms p50, {:.2} ms p99  (wanted: at most 5)",
        "lateness of heartbeat",
        percentile(late.clone(), 50),
        percentile(late, 99)
    );
}

/// Merge of eight sources of which one stops in the middle of a line, against eight of which none does: the 99th
/// percentile of the time from write to read, one event per millisecond over the others.
fn blocked() {
    let pairs: Vec<(f64, f64)> = (0..7).map(|_| (merged("{\"v\":1,"), merged(""))).collect();
    let ratio = median(pairs.iter().map(|(with, without)| with / without).collect());
    let p99 = median(pairs.iter().map(|(with, _)| *with).collect());
    println!(
        "{:<28} {ratio:>8.2} p99 {p99:.0} us over p99 without  (wanted: at most 2)",
        "merge with one blocked"
    );
}

fn merged(stuck: &str) -> f64 {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let folder = tempfile::TempDir::new().unwrap();
    let paths: Vec<PathBuf> = (0..8).map(|n| folder.path().join(n.to_string())).collect();
    for path in &paths {
        mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    }
    let mut child = Command::new(SPILE)
        .arg("merge")
        .args(&paths)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let open = |path| File::options().write(true).open(path).unwrap();
    let mut writers: Vec<File> = paths.iter().map(open).collect();
    writers[7].write_all(stuck.as_bytes()).unwrap();
    let stdout = child.stdout.take().unwrap();
    let started = Instant::now();
    let reader = std::thread::spawn(move || {
        let lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let number = |line: &str| line.split("\"seq\":").nth(1)?.split(',').next()?.parse().ok();
        lines
            .filter_map(|line| Some((number(&line)?, started.elapsed())))
            .collect::<Vec<(usize, Duration)>>()
    });
    let mut written = vec![Duration::ZERO];
    for seq in 1..=1400u64 {
        std::thread::sleep(Duration::from_millis(seq).saturating_sub(started.elapsed()));
        let source = (seq % 7) as usize;
        let line = event("status", &format!("s{source}"), seq);
        written.push(started.elapsed());
        writers[source].write_all(line.as_bytes()).unwrap();
    }
    drop(writers);
    let read = reader.join().unwrap();
    let _ = child.wait();
    let times = read.iter().filter_map(|(seq, at)| Some(at.saturating_sub(*written.get(*seq)?)));
    percentile(times.map(|time| time.as_secs_f64() * 1e6).collect(), 99)
}

fn event(type_: &str, stream: &str, seq: u64) -> String {
    format!(
        "{{\"v\":1,\"type\":\"{type_}\",\"stream\":\"{stream}\",\"turn\":1,\"seq\":{seq},\"ts\":\"2026-01-01T00:00:00.000Z\",\"kind\":\"info\",\"message\":\"{}\"}}\n",
        "x".repeat(200)
    )
}

fn percentile(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() * percent / 100).min(values.len() - 1)]
}

/// Peak resident memory for a tenth of the events, all of them, and ten times as many.
fn memory(args: &[&str], events: u64) {
    let mut figures = Vec::new();
    for count in [events / 10, events, events * 10] {
        let generator = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/bench/gen_events.py");
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("events-{count}-4.ndjson"));
        let mut source = if file.exists() {
            Command::new("cat").arg(file).stdout(Stdio::piped()).spawn().unwrap()
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
    waited(child).ru_maxrss
}

/// Waits for a child; what it used.
fn waited(child: std::process::Child) -> libc::rusage {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    let pid = libc::pid_t::try_from(child.id()).unwrap();
    // SAFETY: the pid is a child of ours that nobody has waited for; both places are valid, and zeroed is a valid rusage.
    unsafe {
        libc::wait4(pid, &mut 0, 0, usage.as_mut_ptr());
        usage.assume_init()
    }
}
