//! Nothing that an agent prints is lost, and nobody but the agent decides how fast it prints: slow readers, stopped
//! readers, a full spool, pipes that others hold open, the recording.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{LIMIT, answer, bash, bin, command, events, shell_code, spile, stress};

#[test]
fn a_grandchild_that_holds_stdout_delays_the_end_by_the_drain_alone() {
    let rounds = stress(300);
    let mut slowest = Duration::ZERO;
    for _ in 0..rounds {
        let script = "setsid sleep 1000 & seq 1 20000; date +%s%N >&2";
        let output = command(bin(), &["wrap", "--", "bash", "-c", script])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let ended = std::time::SystemTime::now();
        assert_eq!(shell_code(output.status), 0);
        let events = events(&output.stdout);
        let want: String = (1..=20_000).map(|n| format!("{n}\n")).collect();
        assert_eq!(answer(&events), want);
        assert!(events.iter().any(|e| e["kind"] == "detached_writers"));
        let log = events.iter().find(|e| e["kind"] == "log").unwrap();
        let nanos: u64 = log["message"].as_str().unwrap().parse().unwrap();
        let exit = std::time::UNIX_EPOCH + Duration::from_nanos(nanos);
        slowest = slowest.max(ended.duration_since(exit).unwrap_or_default());
    }
    eprintln!(
        "{rounds} runs, nothing lost, the slowest ended {slowest:?} after the agent's last word"
    );
    // The drain takes 250 ms. Without it the end would wait 1,000 s for the grandchild.
    assert!(slowest < LIMIT / 2, "{slowest:?}");
}

/// The most memory that a process has used, in bytes; 0 if it has ended.
fn peak(child: &Child) -> u64 {
    let path = format!("/proc/{}/status", child.id());
    let status = std::fs::read_to_string(path).unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM:"));
    let kib = line.and_then(|l| l.split_whitespace().nth(1));
    kib.map_or(0, |kib| kib.parse::<u64>().unwrap() << 10)
}

/// The files without a name that a process holds open.
pub fn nameless(child: &Child) -> usize {
    let fds = std::fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap();
    fds.filter_map(|fd| std::fs::read_link(fd.unwrap().path()).ok())
        .filter(|to| to.to_string_lossy().ends_with("(deleted)"))
        .count()
}

const LINE: &str = "the quick brown fox jumps over the lazy dog, and then it does so once more";

#[test]
fn a_reader_that_is_stopped_does_not_stop_the_agent() {
    let mut ratios: Vec<f64> =
        (0..stress(60).div_ceil(20)).map(|_| with_a_stopped_reader()).collect();
    ratios.sort_by(f64::total_cmp);
    // Of a few megabytes most would be the time to start.
    let median = ratios[ratios.len() / 2];
    assert!(ratios.len() < 3 || median < 1.3, "{ratios:?} times as long");
}

/// How many times as long as into `cat` an agent takes whose events nobody reads until it has ended.
fn with_a_stopped_reader() -> f64 {
    // More than memory takes of it; every line has its length.
    let lines = (stress(200).max(32) << 20) / (LINE.len() as u64 + 11);
    let bytes = lines * (LINE.len() as u64 + 11);
    // One process, which makes what it prints as agents do: against pages that are only copied about, any that keeps them is
    // slow, and a second process would take the processor on which they are kept.
    let print = format!(r#"for (i = 0; i < {lines}; i++) printf "%09d {LINE}\n", i"#);
    let agent = format!("awk 'BEGIN {{ {print} }}'");
    let alone = {
        let since = Instant::now();
        let (_, _, status) = bash(&format!("{{ {agent}; }} | cat >/dev/null"));
        assert_eq!(status, 0);
        since.elapsed()
    };
    let since = Instant::now();
    let script = format!("{agent}; echo; echo over >&3");
    let wrap = "exec 3>&2; exec spile wrap -- bash -c \"$0\"";
    let mut child = command("bash", &["-c", wrap, &script])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let wrapped = since.elapsed();
    assert_eq!(line, "over\n");
    assert_eq!(nameless(&child), 1, "the spool has no name");
    let mut reader = BufReader::with_capacity(1 << 20, child.stdout.take().unwrap());
    let (mut chars, mut most, mut line) = (0, 0, String::new());
    while reader.read_line(&mut line).unwrap() > 0 {
        if line.contains(r#""type":"block_final""#) {
            let event: serde_json::Value = serde_json::from_str(&line).unwrap();
            chars += event["text"].as_str().unwrap().len() as u64;
            most = most.max(peak(&child));
        }
        line.clear();
    }
    assert_eq!(shell_code(child.wait().unwrap()), 0);
    assert_eq!(chars, bytes + 1, "every byte arrives");
    let ratio = wrapped.as_secs_f64() / alone.as_secs_f64();
    eprintln!(
        "{bytes} bytes: {wrapped:?} with a stopped reader, {alone:?} into cat: {ratio:.2}; {} KiB at most",
        most >> 10
    );
    assert!((1..64 << 20).contains(&most), "{most} bytes of memory at most");
    ratio
}

#[test]
fn a_full_spool_holds_the_agent_back_and_cuts_nothing() {
    let bytes = 4 << 20;
    let agent = format!("yes '{LINE}' | head -c {bytes}; echo");
    let mut child = command(
        bin(),
        &[
            "wrap",
            "--spool-mem",
            "64k",
            "--spool-max",
            "256k",
            "--idle-timeout",
            "10s",
            "--",
            "bash",
            "-c",
            &agent,
        ],
    )
    .stdin(Stdio::null())
    .stdout(Stdio::piped())
    .spawn()
    .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    // The agent can only be held back if nobody reads; it is when it sleeps in its write.
    let held = || alive_writer(child.id());
    let since = Instant::now();
    while !held() {
        assert!(since.elapsed() < LIMIT, "it is not held back");
        std::thread::yield_now();
    }
    let mut all = Vec::new();
    stdout.read_to_end(&mut all).unwrap();
    assert_eq!(shell_code(child.wait().unwrap()), 0);
    let events = events(&all);
    assert_eq!(answer(&events).len(), bytes + 1);
    let warnings = events.iter().filter(|e| e["kind"] == "warning");
    let said: Vec<_> = warnings.map(|e| e["message"].as_str().unwrap()).collect();
    assert_eq!(said.len(), 1);
    assert!(said[0].contains("--spool-max"), "{said:?}");
}

/// Whether the writer of the agent below `wrap` sleeps because its pipe is full.
fn alive_writer(wrap: u32) -> bool {
    let (stdout, _, _) = bash(&format!(
        "cat /proc/{wrap}/task/*/children | xargs -rn1 pgrep -P | xargs -rn1 pgrep -P | xargs -rn1 -I@ cat /proc/@/wchan"
    ));
    stdout.contains("pipe_write")
}

#[test]
fn a_recording_has_every_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.raw");
    let name = path.to_str().unwrap();
    let script = r"echo hi; printf '\377'; echo oops >&2; exit 3";
    spile(&["wrap", "--record", name, "--", "bash", "-c", script]).run().status(3).then(|_| {});
    let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let lines = events(&std::fs::read(&path).unwrap());
    assert_eq!((&lines[0]["spile"], &lines[0]["v"]), (&"raw".into(), &1.into()));
    assert!(lines.iter().any(|l| l[1] == "e" && l[2] == "oops\n"), "{lines:?}");
    assert!(lines.iter().any(|l| l[1] == "o"), "{lines:?}");
    let last = lines.last().unwrap();
    assert_eq!((&last[1], &last[2]), (&"x".into(), &3.into()));
}
