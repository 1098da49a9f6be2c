//! Processes that stand still: an agent that stops its guardian, an agent that is stopped, a job that is suspended.

use std::collections::HashSet;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{LIMIT, Live, bash, events, shell_code, skip, verdict};
use crate::person::{Tmux, agent, state, wait_for};
use crate::supervise::{mark, marked, survivors};

#[test]
fn an_agent_that_stops_its_guardian_is_ended_as_any_other() {
    let once = "echo hi; kill -STOP $PPID; while :; do echo tick; sleep 0.05; done";
    let always =
        "echo hi; (while :; do kill -STOP $PPID; done) & while :; do echo; sleep 0.05; done";
    let at_once = "kill -STOP $PPID; exec sleep 1000";
    for script in [once, always, at_once] {
        for how in ["--stdin=null", "--pty"] {
            let mark = mark();
            let args =
                ["wrap", how, "--timeout", "500ms", "--grace", "200ms", "--", "sh", "-c", script];
            let since = Instant::now();
            let output = marked(&mark, &args).stdin(Stdio::null()).output().unwrap();
            assert!(since.elapsed() < LIMIT);
            let said = events(&output.stdout);
            assert_eq!(
                (shell_code(output.status), verdict(&said)),
                (124, "turn_failed"),
                "{script}: {said:?}"
            );
            assert_eq!(survivors(&mark, Duration::ZERO), HashSet::new(), "{script}");
        }
    }
}

#[test]
fn an_agent_that_stops_its_guardian_and_exits_is_heard() {
    for how in ["--stdin=null", "--pty"] {
        let script = "kill -STOP $PPID; echo bye; exit 3";
        let mut live = Live::start(&["wrap", how, "--", "sh", "-c", script]);
        live.until(r#""code":3"#);
        assert_eq!(live.end().1, 3);
    }
}

#[test]
fn an_agent_that_stops_its_guardian_can_be_cancelled() {
    let script = "kill -STOP $PPID; echo up; exec sleep 1000";
    let mut live = Live::start(&["wrap", "--", "sh", "-c", script]);
    live.until("text_delta");
    live.signal(Signal::TERM);
    let (rest, status) = live.end();
    assert!(rest.concat().contains("turn_cancelled"), "{rest:?}");
    assert_eq!(status, 143);
}

#[test]
fn a_stopped_agent_is_told_of_and_so_is_its_going_on() {
    let script = "kill -STOP $$; exec sleep 1000";
    let mut live = Live::start(&["wrap", "--", "sh", "-c", script]);
    let said = live.until(r#""kind":"stopped""#);
    assert!(said.last().unwrap().contains(r#""data":{"signal":19}"#), "{said:?}");
    let agent = agent(&events(said.concat().as_bytes()));
    kill_process(Pid::from_raw(agent).unwrap(), Signal::CONT).unwrap();
    live.until(r#""kind":"continued""#);
    live.signal(Signal::TERM);
    assert_eq!(live.end().1, 143);
}

#[test]
fn a_suspended_job_takes_its_agent_along_without_a_terminal_of_its_own() {
    let Some(tmux) = Tmux::start(120, 24) else {
        return;
    };
    let script = "while :; do echo tick; sleep 0.05; done";
    tmux.line(&format!("spile wrap -- sh -c '{script}' | spile tee events >/dev/null"));
    let has_tick =
        || std::fs::read_to_string(tmux.path("events")).is_ok_and(|e| e.contains("tick"));
    wait_for("the agent", has_tick);
    let first = tmux.file("events");
    let agent = agent(&events(first.lines().next().unwrap().as_bytes()));
    tmux.press("C-z");
    wait_for("the agent stops", || state(agent) == Some('T'));
    tmux.prompt("148");
    tmux.line("fg");
    wait_for("the agent goes on", || state(agent).is_some_and(|s| s != 'T'));
    let before = tmux.file("events").len();
    wait_for("more of it", || tmux.file("events").len() > before);
    tmux.press("C-c");
    tmux.prompt("130");
    let all = events(tmux.file("events").as_bytes());
    assert_eq!(verdict(&all), "turn_cancelled");
    assert!(!tmux.file("events").contains(r#""kind":"stopped""#));
}

#[test]
fn without_a_terminal_of_its_own_an_agent_has_none() {
    let Some(tmux) = Tmux::start(120, 24) else {
        return;
    };
    // To read from it in the background would stop it for ever, and to type there would be the shell's next command.
    for script in ["read x </dev/tty", "stty -echo </dev/tty"] {
        tmux.line(&format!("spile wrap -- sh -c \"{script} || exit 5\" >events"));
        tmux.prompt("5");
        assert_eq!(verdict(&tmux.events()), "turn_failed");
        tmux.run("clear");
    }
}

#[test]
fn ts_follows_the_wall_clock_and_no_limit_does() {
    let (preload, _, _) = bash("faketime -f +0 sh -c 'echo $LD_PRELOAD'");
    if preload.is_empty() {
        skip("there is no faketime");
        return;
    }
    // The clock is replaced in one step: faketime ends a process that reads half of it. Each read has a pipe of its own: the
    // second must not see the writer of the first.
    let script = format!(
        "cd \"$(mktemp -d)\"; echo +0 >clock; mkfifo told again; \
         export FAKETIME_TIMESTAMP_FILE=$PWD/clock FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1; \
         LD_PRELOAD='{}' spile wrap --timeout 1h --idle-timeout 1h -- sh -c \
         'echo one; read x <told; echo two; read x <again; echo three' >events & \
         until grep -q 'text_delta.*one' events; do :; done; echo +2h >next; mv next clock; echo >told; \
         until grep -q 'text_delta.*two' events; do :; done; echo +1h >next; mv next clock; echo >again; wait $!; echo $?; \
         grep text_delta events | jq '.ts[:19] + \"Z\" | fromdate'",
        preload.trim()
    );
    let (stdout, stderr, _) = bash(&script);
    let lines: Vec<i64> = stdout.lines().map(|line| line.parse().unwrap()).collect();
    let [status, one, two, three] = lines[..] else { panic!("{stdout}{stderr}") };
    assert!(status == 0 && (7200..7260).contains(&(two - one)), "{stdout}");
    assert!((0..60).contains(&(three - two)), "{stdout}");
}
