//! Stops, as supervisors, shells and terminals send them: whichever way one arrives, the agent's clean-up runs and the
//! recording has its end.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::commands::FILTERS;
use crate::harness::{LIMIT, Live, bash, bin, command, shell_code, skip, stress};

/// An agent that needs a moment to clean up when it is told to stop, and leaves a file for its start and one for its end.
const TIDY: &str = "trap 'sleep 0.1; echo tidied; echo >tidied$SPILE_INDEX; exit 0' INT TERM HUP QUIT; \
                    echo >up$SPILE_INDEX; echo go; while :; do sleep 0.05; done";

/// A way to stop a pipeline.
#[derive(Debug, Clone, Copy)]
enum Stop {
    /// A signal to all of it, as a terminal or a service manager sends it.
    Group(Signal),
    /// To its first process, which is GNU timeout: it passes it on to the process and to the group.
    Timeout,
}

/// A pipeline with `$AGENT` in it, how many agents it has, and how it is stopped. `rec` is the recording.
const FORMS: [(&str, usize, Stop); 11] = [
    ("exec timeout 1000 spile wrap -- $AGENT >rec", 1, Stop::Timeout),
    ("exec timeout --foreground 1000 spile wrap -- $AGENT >rec", 1, Stop::Timeout),
    ("exec timeout 1000 spile merge --each 2 -- $AGENT >rec", 2, Stop::Timeout),
    ("spile wrap -- $AGENT | spile tee rec | spile view", 1, Stop::Group(Signal::TERM)),
    ("spile wrap -- $AGENT | spile tee rec | spile view", 1, Stop::Group(Signal::HUP)),
    ("spile wrap -- $AGENT | spile tee rec | spile view", 1, Stop::Group(Signal::INT)),
    ("spile wrap --record rec -- $AGENT | spile view", 1, Stop::Group(Signal::TERM)),
    // The reader dies of the same signal.
    ("spile wrap --record rec -- $AGENT | tee /dev/null", 1, Stop::Group(Signal::TERM)),
    ("spile wrap --record rec -- $AGENT | tee /dev/null", 1, Stop::Group(Signal::INT)),
    ("spile merge --each 2 -- $AGENT | spile tee rec | spile view", 2, Stop::Group(Signal::TERM)),
    (
        "spile merge <(exec spile wrap -- $AGENT) | spile tee rec | spile view",
        1,
        Stop::Group(Signal::INT),
    ),
];

/// How long a pipeline may take for its end.
const LAST_WORDS: Duration = Duration::from_secs(10);

fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < LIMIT, "waited in vain for {what}");
        std::thread::yield_now();
    }
}

/// One stop: whether every agent has cleaned up, and every end is in the recording.
fn stopped(form: &str, (agents, stop): (usize, Stop), one_cpu: bool) -> (bool, bool) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("agent"), TIDY).unwrap();
    let form = form.replace("$AGENT", "sh agent");
    let words: &[&str] = if one_cpu { &["taskset", "-c", "0"] } else { &["env"] };
    let args = [&words[1..], &["bash", "-c", &form]].concat();
    let mut command = command(words[0], &args);
    command.current_dir(folder.path()).env("RUST_BACKTRACE", "0").process_group(0);
    let mut live = Live::spawn(&mut command);
    let count = |begin: &str| {
        let names = std::fs::read_dir(folder.path()).unwrap();
        let names = names.map(|name| name.unwrap().file_name());
        names.filter(|name| name.to_str().unwrap().starts_with(begin)).count()
    };
    wait_for("the agents", || count("up") == agents);
    // The last of a pipeline is up when it passes on what the agents say.
    for _ in 0..agents {
        if form.ends_with("rec") {
            wait_for("the recording", || {
                folder.path().join("rec").metadata().is_ok_and(|m| m.len() > 0)
            });
        } else {
            live.until("go");
        }
    }
    let pid = Pid::from_child(&live.child);
    match stop {
        Stop::Group(signal) => kill_process_group(pid, signal).unwrap(),
        // Its own timer rings now.
        Stop::Timeout => kill_process(pid, Signal::ALARM).unwrap(),
    }
    live.end();
    // The shell, and a reader that knows no better, may die before the rest of the pipeline.
    let so = || (count("tidied") == agents, ends(&folder.path().join("rec")) == agents);
    let since = Instant::now();
    while so() != (true, true) && since.elapsed() < LAST_WORDS {
        std::thread::yield_now();
    }
    so()
}

/// The turns that a recording says have ended, or the agents if it is a raw one.
fn ends(recording: &Path) -> usize {
    let text = std::fs::read_to_string(recording).unwrap_or_default();
    let is_end =
        |line: &&str| line.contains(r#""type":"turn_cancelled""#) || line.contains(r#","x","#);
    text.split_inclusive('\n').filter(|line| line.ends_with('\n')).filter(is_end).count()
}

#[test]
fn however_a_stop_arrives_the_agent_cleans_up_and_the_recording_has_its_end() {
    let rounds = if stress(20) == 20 { 100 } else { 2 };
    for one_cpu in [true, false] {
        for (form, agents, stop) in FORMS {
            let (mut tidied, mut ended) = (0, 0);
            for _ in 0..rounds {
                let (tidy, end) = stopped(form, (agents, stop), one_cpu);
                tidied += usize::from(tidy);
                ended += usize::from(end);
            }
            let cpus = if one_cpu { "one CPU" } else { "all CPUs" };
            eprintln!(
                "{form}, {stop:?}, {cpus}: of {rounds} {tidied} cleaned up, {ended} have their end"
            );
            assert_eq!((tidied, ended), (rounds, rounds), "{form}, {stop:?}, {cpus}");
        }
    }
}

#[test]
fn two_signals_at_once_are_one_and_the_first_is_died_of() {
    for (first, second) in [(Signal::TERM, Signal::TERM), (Signal::TERM, Signal::HUP)] {
        let script =
            "trap 'sleep 0.1; echo tidied; exit 0' TERM; echo go; while :; do sleep 0.05; done";
        let mut live = Live::start(&["wrap", "--", "sh", "-c", script]);
        live.until("text_delta");
        live.signal(first);
        live.signal(second);
        let (rest, status) = live.end();
        assert!(rest.concat().contains("tidied"), "{rest:?}");
        assert_eq!(status, 143);
    }
}

/// Every signal that ends a process and is not a fault.
const ENDS: [Signal; 11] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::TERM,
    Signal::USR1,
    Signal::USR2,
    Signal::ALARM,
    Signal::VTALARM,
    Signal::PROF,
    Signal::XCPU,
    Signal::IO,
];

#[test]
fn whatever_signal_ends_it_the_turn_has_its_end() {
    for signal in ENDS {
        let mut live = Live::start(&["wrap", "--", "sh", "-c", "echo hi; exec sleep 1000"]);
        live.until("text_delta");
        live.signal(signal);
        let (rest, status) = live.end();
        let rest = rest.concat();
        assert_eq!(rest.matches(r#""type":"turn_cancelled""#).count(), 1, "{signal:?}: {rest}");
        assert_eq!(status, 128 + signal.as_raw());
    }
    // What is read from stdin too.
    for signal in [Signal::QUIT, Signal::USR1, Signal::TERM] {
        let mut live = Live::start(&["wrap", "--from", "text"]);
        live.write("hi\n");
        live.until("text_delta");
        live.signal(signal);
        let rest = live.until("turn_cancelled").concat();
        assert!(rest.contains("block_final"), "{signal:?}: {rest}");
        assert_eq!(shell_code(live.child.wait().unwrap()), 128 + signal.as_raw());
    }
}

#[test]
fn a_hangup_reads_on_to_the_end_as_an_interrupt_does() {
    for (args, line) in FILTERS {
        let mut live = Live::start(args);
        live.write(line);
        live.line();
        live.signal(Signal::HUP);
        live.write(line);
        live.close();
        assert_eq!(shell_code(live.child.wait().unwrap()), 129, "{args:?}");
    }
}

#[test]
fn a_signal_for_merge_alone_is_passed_on() {
    for (signal, status) in [(Signal::INT, 130), (Signal::HUP, 129), (Signal::USR1, 138)] {
        let sleepers = ["merge", "--each", "2", "--", "sh", "-c", "echo go; exec sleep 1000"];
        let mut live = Live::start(&sleepers);
        live.until("text_delta");
        live.until("text_delta");
        live.signal(signal);
        let (rest, code) = live.end();
        let rest = rest.concat();
        assert_eq!(rest.matches(r#""type":"turn_cancelled""#).count(), 2, "{signal:?}: {rest}");
        assert_eq!(code, status);
    }
}

#[test]
fn a_child_signal_that_is_blocked_or_ignored_costs_nothing() {
    for how in ["--block-signal=CHLD", "--ignore-signal=CHLD"] {
        for pty in ["", "--pty"] {
            let line = format!("env {how} spile wrap {pty} -- sh -c 'echo hi; exit 3'");
            let (stdout, stderr, status) = bash(&line);
            assert_eq!((status, stderr.as_str()), (3, ""), "{line}: {stdout}");
            assert!(!stdout.contains("warning"), "{line}: {stdout}");
        }
        let line = format!("env {how} spile merge --each 2 -- sh -c 'echo hi; exit 3' >/dev/null");
        assert_eq!(bash(&line).2, 3, "{line}");
    }
    // A stop that the parent has blocked is heard all the same.
    let line = "env --block-signal=TERM timeout 0.2 spile wrap -- sleep 1000";
    let (stdout, _, status) = bash(line);
    assert_eq!((stdout.matches("turn_cancelled").count(), status), (1, 124));
}

#[test]
fn a_containers_first_process_ends_with_the_status_of_its_signal() {
    if bash("unshare -pf --mount-proc true").2 != 0 {
        skip("no PID namespace can be made here (that takes root)");
        return;
    }
    let script = "mkfifo up
        unshare -pf --kill-child=KILL --mount-proc spile wrap -- sh -c 'echo >up; exec sleep 1000' >out & p=$!
        read x <up; kill -TERM $(pgrep -P $p); wait $p; echo $?; grep -c turn_cancelled out";
    let script = format!("cd \"$(mktemp -d)\"; {script}");
    assert_eq!(bash(&script).0, "143\n1\n");
}

#[test]
fn the_only_core_is_the_agents() {
    let mut wrap = command(
        "bash",
        &[
            "-c",
            "ulimit -c unlimited; exec \"$0\" wrap -- sh -c 'ulimit -c 0; kill -SEGV $$'",
            bin(),
        ],
    );
    let folder = tempfile::tempdir().unwrap();
    let status = wrap.current_dir(folder.path()).stdin(Stdio::null()).output().unwrap().status;
    assert_eq!((status.signal(), status.core_dumped()), (Some(11), false));
}

#[test]
fn a_limit_for_the_size_of_files_is_as_a_full_disk() {
    let agent = |status| format!("sh -c 'yes x | head -c 100000; exit {status}'");
    for (own, want) in [(0, 73), (3, 3)] {
        let script = format!(
            "cd \"$(mktemp -d)\"; (ulimit -f 8; exec spile wrap --record rec -- {}) | cat; exit ${{PIPESTATUS[0]}}",
            agent(own)
        );
        let (stdout, stderr, status) = bash(&script);
        assert_eq!(status, want, "the table's order: {stderr}");
        assert!(stderr.contains("cannot write the recording"), "{stderr}");
        let ends = ["turn_completed", "turn_failed"].map(|end| stdout.matches(end).count());
        assert_eq!(ends, [usize::from(own == 0), usize::from(own != 0)]);
    }
    let script = "cd \"$(mktemp -d)\"; (ulimit -f 8; exec spile wrap -- yes >out); echo $?";
    let (stdout, stderr, _) = bash(script);
    assert_eq!(stdout, "73\n", "{stderr}");
}

#[test]
fn a_stdout_that_is_closed_or_not_for_writing_is_an_error() {
    let event = crate::commands::EVENT.trim_end();
    for stdout in ["1>&-", "1</dev/null"] {
        for line in [
            "spile wrap -- echo hi",
            "echo hi | spile wrap",
            "spile merge --each 1 -- echo hi",
            "spile adapters",
            &format!("echo '{event}' | spile coalesce"),
            &format!("echo '{event}' | spile view"),
            &format!("echo '{event}' | spile tee"),
            &format!("echo '{event}' | spile merge -"),
            &format!("echo '{event}' | spile replay"),
        ] {
            let (_, stderr, status) = bash(&format!("{line} {stdout}"));
            assert!(status == 73, "{line} {stdout}: {status} {stderr}");
            assert!(stderr.contains("cannot write to stdout"), "{line} {stdout}: {stderr}");
        }
    }
}

#[test]
fn the_table_of_statuses_holds_for_an_output_that_cannot_be_written() {
    let (_, stderr, status) = bash("echo garbage | spile coalesce --strict >/dev/full");
    assert_eq!(status, 65, "{stderr}");
}
