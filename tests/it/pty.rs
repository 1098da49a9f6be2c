//! `wrap --pty`: the agent has a terminal whether or not a person sits at one, and is started, read and ended as without.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{LIMIT, Live, answer, bash, events, shell_code, spile, stress, verdict};
use crate::supervise::{mark, marked, survivors};

#[test]
fn the_agent_has_a_terminal() {
    let script = "test -t 0 && test -t 1 && test -t 2 && echo tty; stty size; exit 3";
    spile(&["wrap", "--pty", "--", "sh", "-c", script]).run().status(3).then(|stdout| {
        let events = events(stdout.as_bytes());
        assert_eq!(answer(&events), "tty\n24 80\n");
        assert_eq!(verdict(&events), "turn_failed");
    });
}

#[test]
fn statuses_are_those_without_it() {
    for (script, status) in
        [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -INT $$", 130)]
    {
        let said = bash(&format!("spile wrap --pty -- sh -c '{script}' >/dev/null"));
        assert_eq!(said.2, status, "{script}: {said:?}");
    }
    spile(&["wrap", "--pty", "--", "no-such-agent"])
        .run()
        .status(127)
        .stderr("spile: cannot start no-such-agent: command not found\n")
        .then(|_| {});
}

#[test]
fn its_output_is_text() {
    let script = r"printf '\033[1mbold\033[0m\t10%%\r20%%\r100%%\n\033]0;title\007x\302\233\177y'";
    spile(&["wrap", "--pty", "--", "sh", "-c", script])
        .run()
        .then(|stdout| assert_eq!(answer(&events(stdout.as_bytes())), "100%\nxy"));
}

#[test]
fn a_runtime_is_found_behind_a_terminal() {
    let script = r#"printf '\033[?25l'; echo '{"type":"thread.started","thread_id":"t"}'; echo '{"type":"turn.started"}'
echo '{"type":"item.completed","item":{"id":"i","type":"agent_message","text":"hi"}}'
echo '{"type":"turn.completed","usage":{"input_tokens":1,"output_tokens":1}}'"#;
    spile(&["wrap", "--pty", "--", "sh", "-c", script]).run().then(|stdout| {
        assert!(stdout.contains(r#""runtime":"codex""#), "{stdout}");
        assert_eq!(answer(&events(stdout.as_bytes())), "hi");
    });
}

#[test]
fn all_of_a_fast_end_is_read() {
    for _ in 0..stress(200) {
        let script = "seq 5000; sleep 1000 & exit 0";
        spile(&["wrap", "--pty", "--drain", "20ms", "--", "sh", "-c", script]).run().then(
            |stdout| {
                let events = events(stdout.as_bytes());
                assert_eq!(answer(&events).lines().count(), 5000);
            },
        );
    }
}

#[test]
fn what_is_piped_is_typed() {
    spile(&["wrap", "--pty", "--stdin", "pipe", "--", "cat"])
        .stdin("one\ntwo")
        .run()
        .then(|stdout| assert_eq!(answer(&events(stdout.as_bytes())), "one\ntwo"));
    let shell = ["bash", "--norc", "--noprofile", "-i"];
    let mut args = vec!["wrap", "--pty", "--stdin", "pipe", "--"];
    args.extend(shell);
    spile(&args).stdin("echo sum$((40+2))\n").run().then(|stdout| {
        let events = events(stdout.as_bytes());
        assert!(answer(&events).contains("sum42\n"), "{stdout}");
    });
}

#[test]
fn what_cannot_be_is_said() {
    let (stdout, stderr, status) = bash("spile wrap --pty --stdin inherit -- cat");
    assert_eq!((stdout.as_str(), status), ("", 2));
    assert!(stderr.contains("--stdin pipe"), "{stderr}");
    let (_, stderr, status) = bash("spile wrap --pty </dev/null");
    assert_eq!(status, 2);
    assert!(stderr.contains("wrap --pty -- CMD"), "{stderr}");
}

#[test]
fn the_recording_is_raw() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.raw");
    let record = path.to_str().unwrap();
    let script = r"printf '\033[1mhi\033[0m\n'";
    spile(&["wrap", "--pty", "--record", record, "--", "sh", "-c", script])
        .run()
        .then(|stdout| assert_eq!(answer(&events(stdout.as_bytes())), "hi\n"));
    let lines = events(&std::fs::read(&path).unwrap());
    let raw: String =
        lines[1..].iter().filter(|l| l[1] == "o").map(|l| l[2].as_str().unwrap()).collect();
    assert_eq!(raw, "\x1b[1mhi\x1b[0m\r\n");
}

#[test]
fn a_signal_is_a_typed_interrupt_first() {
    // Only the terminal sends it to the jobs of a shell; a signal to the agent's group does not reach them.
    let script = "set -m; trap 'echo shell; exit 9' INT; (trap 'echo typed; exit 0' INT; echo ready; while :; do sleep 0.1; done); echo $?; trap '' INT; sleep 1000";
    let mut live = Live::start(&["wrap", "--pty", "--grace", "200ms", "--", "bash", "-c", script]);
    live.until("text_delta");
    live.signal(Signal::INT);
    let (rest, status) = live.end();
    let rest = rest.concat();
    assert!(rest.contains("typed") && rest.contains("turn_cancelled"), "{rest}");
    assert_eq!(status, 130);
}

#[test]
fn a_reader_that_goes_ends_it() {
    let script = "spile wrap --pty -- sh -c 'echo hi; exec sleep 1000' | head -1 >/dev/null; echo ${PIPESTATUS[0]}";
    assert_eq!(bash(script).0, "141\n");
}

#[test]
fn nothing_survives_it_either() {
    for signal in [Signal::TERM, Signal::KILL] {
        for _ in 0..stress(40) {
            let script = "trap '' HUP TERM; setsid sh -c 'trap \"\" HUP TERM; echo one; sleep 1000' & sleep 1000 & wait; wait; wait";
            let args = ["wrap", "--pty", "--grace", "20ms", "--", "bash", "-c", script];
            let mark = mark();
            let mut child =
                marked(&mark, &args).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            lines.find(|l| l.as_ref().unwrap().contains("text_delta"));
            kill_process(Pid::from_child(&child), signal).unwrap();
            for _ in lines {}
            assert_eq!(shell_code(child.wait().unwrap()), 128 + signal.as_raw());
            assert_eq!(survivors(&mark, LIMIT), HashSet::new());
        }
    }
}
