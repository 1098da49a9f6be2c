//! Limits and stops: what 0 means, what a stdin may hold up, agents that were stopped or have said nothing yet.

use crate::harness::{answer, bash, events, skip, verdict};

/// The `exit` of a run.
fn exit(events: &[serde_json::Value]) -> &serde_json::Value {
    &events.iter().rfind(|e| e["kind"] == "exit").unwrap()["data"]
}

/// An agent that gives its result and then stays for so many seconds.
const CODEX: &str = r#"cd $TMPDIR; cat >agent <<'E'
#!/bin/sh
echo '{"type":"thread.started","thread_id":"t"}'; echo '{"type":"turn.started"}'
echo '{"type":"turn.completed","usage":{"input_tokens":1,"output_tokens":1}}'; exec sleep $1
E
chmod +x agent"#;

#[test]
fn a_limit_of_0_is_no_limit() {
    let none = "--timeout 0 --idle-timeout 0s --first-output-timeout 0ms --tool-timeout 0";
    let (stdout, stderr, status) = bash(&format!(
        "spile wrap {none} -- sh -c 'sleep 0.3; echo hi' | spile cancel --after 0 --when-idle 0 \
         | spile heartbeat --every 0 --stall-after 0"
    ));
    assert_eq!((stderr.as_str(), status), ("", 0));
    let all = events(stdout.as_bytes());
    assert_eq!((verdict(&all), answer(&all).as_str()), ("turn_completed", "hi\n"));
    assert!(!stdout.contains("heartbeat") && !stdout.contains("stalled"), "{stdout}");
    let (stdout, _, status) =
        bash(&format!("{CODEX}; spile wrap --after-result 0 --from codex -- ./agent 0.3"));
    assert_eq!(exit(&events(stdout.as_bytes()))["killed"], false, "{stdout}");
    assert_eq!(status, 0);
}

#[test]
fn an_inherited_stdin_keeps_no_agent_that_is_done() {
    let wrap = "spile wrap --after-result 50ms --from codex --stdin inherit -- ./agent 1000";
    for line in [
        format!("{wrap} </dev/null"),
        format!("mkfifo open; sleep 1000 >open & {wrap} <open; kill $!"),
        format!("true | {wrap} --input-format stream-json"),
        format!("cat agent >/dev/null; {wrap} --input-format x 0<>/dev/null"),
    ] {
        let (stdout, stderr, _) = bash(&format!("{CODEX}; {line}"));
        let all = events(stdout.as_bytes());
        let killed = &exit(&all)["killed"];
        assert_eq!((verdict(&all), killed), ("turn_completed", &true.into()), "{line}: {stderr}");
    }
}

#[test]
fn an_agent_that_takes_prompts_on_an_inherited_stdin_is_waited_for() {
    let (stdout, _, status) = bash(&format!(
        "{CODEX}; mkfifo open; sleep 1000 >open & first=$!
         spile wrap --after-result 50ms --from codex --stdin inherit -- ./agent 0.5 --input-format x <open
         got=$?; kill $first; exit $got"
    ));
    assert_eq!((&exit(&events(stdout.as_bytes()))["killed"], status), (&false.into(), 0));
}

#[test]
fn a_stopped_agent_hears_that_it_is_to_stop() {
    for pty in ["", "--pty"] {
        let (stdout, stderr, status) = bash(&format!(
            "spile wrap {pty} --timeout 300ms --grace 20s -- bash -c '
               trap \"echo tidied; exit 0\" INT TERM; kill -STOP $$; sleep 0.1'"
        ));
        let all = events(stdout.as_bytes());
        assert!(answer(&all).contains("tidied"), "{stdout}{stderr}");
        assert_eq!((&exit(&all)["code"], status), (&0.into(), 124));
    }
}

#[test]
fn an_agent_that_never_says_a_word_is_cancelled_by_the_filter() {
    for condition in ["--when-idle 200ms", "--after 200ms"] {
        let (stdout, stderr, status) = bash(&format!(
            "spile wrap -- sleep 1000 | (spile cancel {condition}; echo $? >$TMPDIR/got) \
             | spile check --pass 2>$TMPDIR/e || cat $TMPDIR/e >&2; exit $(cat $TMPDIR/got)"
        ));
        assert_eq!((stderr.as_str(), status), ("", 130), "{stdout}");
        let all = events(stdout.as_bytes());
        assert_eq!(verdict(&all), "turn_cancelled", "{stdout}");
        assert_eq!(all.last().unwrap()["kind"], "exit", "the wrap has ended it");
        // Of a recording it is the filter that ends it.
        let (stdout, stderr, status) = bash(&format!(
            "cd $TMPDIR; spile wrap -- true | head -1 >r
             spile cancel {condition} < <(tail -n +1 --pid=$$ -f r) >out; got=$?
             spile check out >$TMPDIR/e || cat $TMPDIR/e >&2; cat out; exit $got"
        ));
        assert_eq!((stderr.as_str(), status), ("", 130), "{stdout}");
        assert_eq!(verdict(&events(stdout.as_bytes())), "turn_cancelled");
    }
}

#[test]
fn a_terminal_has_a_type() {
    for (set, want) in [
        ("unset TERM", "xterm-256color"),
        ("export TERM=", "xterm-256color"),
        ("export TERM=vt100", "vt100"),
    ] {
        let (stdout, _, status) = bash(&format!("{set}; spile wrap --pty -- sh -c 'echo $TERM'"));
        assert_eq!((answer(&events(stdout.as_bytes())).trim(), status), (want, 0));
    }
}

/// A program that nobody but root can kill, started by somebody else: `$as_nobody spile wrap -- $agent SECONDS [fork]`.
const ROOTED: &str = r#"
d=$(mktemp -d); chmod 755 $TMPDIR $d; cp $(command -v spile) $d; mkdir -m 700 $d/run; chown 65534 $d/run
cat >$d/a.c <<'E'
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int c, char **v) {
    if (setgid(0) || setuid(0)) return 9;
    printf("up\n"); fflush(stdout);
    if (c > 2 && fork()) return 0;
    if (c > 2) { close(0); close(1); close(2); }
    sleep(atoi(v[1])); return 0;
}
E
gcc -o $d/agent $d/a.c 2>/dev/null && chmod 4755 $d/agent || exit 99
as_nobody="setpriv --reuid 65534 --regid 65534 --clear-groups env XDG_RUNTIME_DIR=$d/run PATH=$d:/usr/bin:/bin"
[ "$($as_nobody $d/agent 0)" = up ] || exit 99
agent=$d/agent
"#;

/// Runs this behind [`ROOTED`], and kills what is left. `None` where that cannot be had.
fn rooted(script: &str) -> Option<(Vec<serde_json::Value>, String, i32)> {
    let (stdout, stderr, status) = bash(&format!("{ROOTED} {script}"));
    if status == 99 {
        skip("needs root, gcc and setpriv");
        return None;
    }
    let all = events(stdout.as_bytes());
    for pid in exit(&all)["left"]["pids"].as_array().into_iter().flatten() {
        let pid = i32::try_from(pid.as_i64().unwrap()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it still runs");
    }
    Some((all, stderr, status))
}

#[test]
fn an_agent_that_cannot_be_killed_is_said_and_not_waited_for() {
    let wrap = "$as_nobody spile wrap --timeout 300ms --grace 100ms -- $agent 1000";
    let Some((all, stderr, status)) = rooted(wrap) else { return };
    assert!(stderr.contains("that could not be killed: 1: "), "{stderr}");
    assert_eq!((verdict(&all), status), ("turn_failed", 124));
    assert_eq!(exit(&all)["killed"], false);
    assert_eq!(exit(&all)["left"]["pids"].as_array().unwrap().len(), 1);
}

#[test]
fn what_an_agent_leaves_behind_and_cannot_be_killed_is_said() {
    let Some((all, stderr, status)) = rooted("$as_nobody spile wrap -- $agent 1000 fork") else {
        return;
    };
    assert!(stderr.contains("that could not be killed: 1: "), "{stderr}");
    assert_eq!((verdict(&all), status), ("turn_completed", 1));
    assert_eq!(exit(&all)["left"]["pids"].as_array().unwrap().len(), 1);
}

#[test]
fn a_cancel_that_leaves_the_agent_alive_is_no_success() {
    let script = "exec 3< <(exec $as_nobody spile wrap --stream s -- $agent 1000)
        until [[ $line = *text_delta* ]]; do read -r line <&3; echo \"$line\"; done
        $as_nobody spile cancel --grace 100ms s >/dev/null; got=$?; cat <&3; exit $got";
    let Some((all, stderr, status)) = rooted(script) else { return };
    assert!(stderr.contains("s: the turn has ended, but processes cannot be killed"), "{stderr}");
    assert_eq!((verdict(&all), status), ("turn_cancelled", 1));
}
