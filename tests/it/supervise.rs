//! Supervision: nothing outlives wrap however it ends, and every limit is kept and named.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{LIMIT, bash, bin, command, events, shell_code, skip, spile, stress};

/// The variable by which the processes of a run are known, wherever they have gone.
const MARK: &str = "SPILE_TEST_RUN";

pub fn mark() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{n}", std::process::id())
}

pub fn marked(mark: &str, args: &[&str]) -> Command {
    let mut command = command(bin(), args);
    command.env(MARK, mark);
    command
}

/// The processes that bear this mark.
fn alive(mark: &str) -> HashSet<i32> {
    let want = format!("{MARK}={mark}");
    let pids = std::fs::read_dir("/proc").unwrap();
    pids.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
        .filter(|pid: &i32| {
            let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environ.split(|b| *b == 0).any(|v| v == want.as_bytes())
        })
        .collect()
}

/// Waits until no process bears the mark; what is left if that takes longer than `limit`.
pub fn survivors(mark: &str, limit: Duration) -> HashSet<i32> {
    let since = Instant::now();
    loop {
        let left = alive(mark);
        if left.is_empty() || since.elapsed() > limit {
            return left;
        }
        std::thread::yield_now();
    }
}

/// Forks twice, starts sessions of its own, ignores what can be ignored, and says when all of that has happened.
const STUBBORN: &str = r#"
trap '' TERM INT HUP
( ( trap '' TERM; sleep 1000 & ) & )
setsid sh -c 'trap "" TERM INT HUP; echo one; sleep 1000; sleep 1000' &
nohup setsid sleep 1000 >/dev/null 2>&1 &
setsid setsid sh -c '( sleep 1000 & ); echo two; exec sleep 1000' &
( sleep 1000 ) &
wait; wait; wait; sleep 1000"#;

/// The way in which wrap is made to end.
#[derive(Debug, Clone, Copy)]
enum Way {
    Sent(Signal),
    ReaderGone,
}

/// Runs a stubborn agent until it has said all it says, then ends wrap in this way. The processes that are left.
fn end_stubborn(way: Way) -> HashSet<i32> {
    let mark = mark();
    let mut child = marked(&mark, &["wrap", "--grace", "20ms", "--", "bash", "-c", STUBBORN])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut one, mut two) = (false, false);
    while !(one && two) {
        let line = lines.next().unwrap().unwrap();
        let text = line.contains("text_delta");
        one |= text && line.contains("one");
        two |= text && line.contains("two");
    }
    assert!(alive(&mark).len() >= 6, "the agent has not spread");
    let (status, want) = match way {
        Way::Sent(signal) => {
            kill_process(Pid::from_child(&child), signal).unwrap();
            for _ in lines {}
            (wait(&mut child), 128 + signal.as_raw())
        }
        Way::ReaderGone => {
            drop(lines);
            (wait(&mut child), 141)
        }
    };
    assert_eq!(status, want, "{way:?}");
    // The guardian of a wrap that was killed needs its moment; any other wrap has waited for it.
    let limit = match way {
        Way::Sent(Signal::KILL) => LIMIT,
        _ => Duration::ZERO,
    };
    survivors(&mark, limit)
}

fn wait(child: &mut Child) -> i32 {
    shell_code(child.wait().unwrap())
}

#[test]
fn nothing_survives() {
    let ways = [
        Way::Sent(Signal::INT),
        Way::Sent(Signal::TERM),
        Way::Sent(Signal::HUP),
        Way::Sent(Signal::KILL),
        Way::ReaderGone,
    ];
    let rounds = stress(100);
    for way in ways {
        let mut left = 0;
        for _ in 0..rounds {
            left += end_stubborn(way).len();
        }
        eprintln!("{way:?}: {rounds} runs, {left} survivors");
        assert_eq!(left, 0);
    }
}

#[test]
fn nothing_survives_a_normal_end() {
    for _ in 0..stress(100) {
        let mark = mark();
        let script =
            "setsid sleep 1000 & nohup sleep 1000 >/dev/null 2>&1 & ( sleep 1000 & ) ; echo done";
        let output = marked(&mark, &["wrap", "--drain", "20ms", "--", "bash", "-c", script])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(shell_code(output.status), 0);
        assert_eq!(survivors(&mark, Duration::ZERO), HashSet::new());
    }
}

#[test]
fn a_guardian_that_is_killed_takes_the_agent_with_it() {
    for _ in 0..stress(100) {
        let mark = mark();
        let script = "setsid sleep 1000 & echo $PPID; sleep 1000";
        let mut child = marked(&mark, &["wrap", "--", "bash", "-c", script])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.find(|l| l.as_ref().unwrap().contains("text_delta")).unwrap().unwrap();
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        let guardian: i32 = event["text"].as_str().unwrap().trim().parse().unwrap();
        kill_process(Pid::from_raw(guardian).unwrap(), Signal::KILL).unwrap();
        let rest: Vec<String> = lines.map(Result::unwrap).collect();
        assert!(rest.concat().contains("turn_failed"), "{rest:?}");
        assert_eq!(wait(&mut child), 1);
        assert_eq!(survivors(&mark, Duration::ZERO), HashSet::new());
    }
}

#[test]
fn a_shell_that_became_wrap_keeps_its_own_children() {
    let script = "sleep 1000 >/dev/null 2>&1 & echo $!; exec spile wrap -- sh -c 'setsid sleep 1000 & echo hi'";
    let (stdout, _, status) = bash(script);
    assert_eq!(status, 0);
    let pid: i32 = stdout.lines().next().unwrap().parse().unwrap();
    let pid = Pid::from_raw(pid).unwrap();
    kill_process(pid, Signal::KILL).expect("the shell's own child is left alone");
}

/// One run that a limit ends: the code of its failure, and nothing left.
fn timed_out(options: &[&str], from: &str, script: &str) -> String {
    let mark = mark();
    let mut args = vec!["wrap", "--grace", "100ms", "--from", from];
    args.extend_from_slice(options);
    args.extend_from_slice(&["--", "bash", "-c", script]);
    let output = marked(&mark, &args).stdin(Stdio::null()).output().unwrap();
    let events = events(&output.stdout);
    let last = events.iter().rfind(|e| {
        e["type"].as_str().is_some_and(|t| t.starts_with("turn_") && t != "turn_started")
    });
    let last = last.unwrap();
    assert_eq!(shell_code(output.status), 124, "{last}");
    assert_eq!(survivors(&mark, Duration::ZERO), HashSet::new());
    last["error"]["code"].as_str().unwrap().to_owned()
}

const TOOL: &str = r#"echo '{"type":"thread.started","thread_id":"t"}'; echo '{"type":"turn.started"}'
echo '{"type":"item.started","item":{"id":"i","type":"command_execution","command":"sleep","status":"in_progress"}}'
"#;

#[test]
fn every_timeout_has_its_name_and_124() {
    let rounds = stress(50);
    let tool = format!("{TOOL} while :; do echo >&2; sleep 0.01; done");
    for (options, from, script, code) in [
        (["--timeout", "50ms"], "text", "while :; do echo; sleep 0.01; done", "timeout_total"),
        (["--idle-timeout", "50ms"], "text", "echo hi; sleep 1000", "timeout_idle"),
        (
            ["--first-output-timeout", "50ms"],
            "text",
            "trap 'echo bye; exit 0' INT; while :; do sleep 0.01; done",
            "timeout_first_output",
        ),
        (["--tool-timeout", "50ms"], "codex", tool.as_str(), "timeout_tool"),
    ] {
        for _ in 0..rounds {
            assert_eq!(timed_out(&options, from, script), code);
        }
        eprintln!("{code}: {rounds} runs");
    }
}

#[test]
fn a_result_without_an_exit_is_a_success() {
    let script = r#"echo '{"type":"thread.started","thread_id":"t"}'; echo '{"type":"turn.started"}'
echo '{"type":"turn.completed","usage":{"input_tokens":1,"output_tokens":1}}'; sleep 1000"#;
    spile(&[
        "wrap",
        "--after-result",
        "50ms",
        "--grace",
        "100ms",
        "--from",
        "codex",
        "--",
        "bash",
        "-c",
        script,
    ])
    .run()
    .then(|stdout| {
        assert!(stdout.contains("turn_completed"), "{stdout}");
        assert!(stdout.contains(r#""killed":true"#), "{stdout}");
    });
}

#[test]
fn a_stop_reason_can_fail() {
    let options = ["--fail-on-stop", "max_tokens,end_of_output"];
    spile(&["wrap", options[0], options[1], "--", "echo", "hi"]).run().status(1).then(|stdout| {
        assert!(stdout.contains("the turn stopped with end_of_output"), "{stdout}");
    });
}

#[test]
fn a_key_lets_only_one_run_start() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .unwrap();
    let start = |script: &str| {
        let mut command = command(bin(), &["wrap", "--once", "a/b", "--", "sh", "-c", script]);
        command.env("XDG_RUNTIME_DIR", folder.path()).stdin(Stdio::null());
        command
    };
    let mut first = start("echo up; exec sleep 1000").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(first.stdout.take().unwrap()).lines();
    lines.find(|l| l.as_ref().unwrap().contains("text_delta"));
    let second = start("true").output().unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert_eq!(shell_code(second.status), 79);
    assert!(said.contains("--once a/b is still there"), "{said}");
    assert!(second.stdout.is_empty());
    first.kill().unwrap();
    assert_eq!(wait(&mut first), 137);
    // The lock goes with the guardian, and that when nothing is left: a moment after wrap was killed.
    let since = Instant::now();
    while shell_code(start("true").output().unwrap().status) != 0 {
        assert!(since.elapsed() < LIMIT);
    }
}

#[test]
fn what_cannot_be_killed_is_said() {
    // A program that becomes root entirely cannot be killed by the user who started it.
    let script = "folder=$(mktemp -d); cp \"$(command -v setpriv)\" $folder/root && chmod 4755 $folder/root && chmod 755 $folder
        nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=/nonexistent TMPDIR=/nonexistent \"$@\"; }
        nobody $folder/root --reuid 0 --regid 0 --clear-groups id -u >&2 || exit 9
        cp \"$(command -v spile)\" $folder/spile
        nobody $folder/spile wrap -- sh -c \"$folder/root --reuid 0 --regid 0 --clear-groups sleep 30 >/dev/null 2>&1 &
            until grep -q sleep /proc/\\$!/comm; do :; done; echo up\" >$folder/out; status=$?
        pid=$(jq '.data.left.pids[0] // empty' $folder/out); cat /proc/$pid/comm; kill $pid; exit $status";
    let (stdout, stderr, status) = bash(script);
    if status == 9 {
        skip("nobody can become root here (that takes root and setuid programs)");
        return;
    }
    assert_eq!((stdout.as_str(), status), ("sleep\n", 1), "{stderr}");
    assert!(
        stderr.contains("that could not be killed: 1: ") && stderr.contains("(sleep)"),
        "{stderr}"
    );
}
