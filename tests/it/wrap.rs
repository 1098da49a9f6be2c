//! wrap with a command: what it starts, how it ends, what its reader and its signals do.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::{Live, bash, spile};

/// The events' types, with the code or stop of the terminal one.
fn outline(stdout: &str) -> String {
    let events = stdout.lines().map(|line| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let kind = event["type"].as_str().unwrap().to_owned();
        let word = [&event["error"]["code"], &event["stop"], &event["by"], &event["kind"]];
        match word.iter().find_map(|w| w.as_str()) {
            Some(word) => format!("{kind}:{word}"),
            None => kind,
        }
    });
    events.collect::<Vec<_>>().join(" ")
}

const START: &str = "status:session turn_started";

#[test]
fn a_command_that_fails() {
    spile(&["wrap", "--", "sh", "-c", "echo hi; exit 3"]).run().status(3).then(|stdout| {
        let want = "text_delta:answer block_final:answer turn_failed:exit_nonzero status:exit";
        assert_eq!(outline(stdout), format!("{START} {want}"));
        assert!(stdout.contains(r#""exit":{"code":3}"#), "{stdout}");
    });
}

#[test]
fn a_command_that_succeeds() {
    spile(&["wrap", "--", "echo", "hi"]).run().then(|stdout| {
        let want = "text_delta:answer block_final:answer turn_completed:end_of_output status:exit";
        assert_eq!(outline(stdout), format!("{START} {want}"));
    });
    spile(&["wrap", "--", "true"]).run().then(|stdout| {
        assert_eq!(outline(stdout), format!("{START} turn_completed:end_of_output status:exit"));
    });
}

#[test]
fn stderr_is_a_log_and_the_tail_of_a_failure() {
    spile(&["wrap", "--", "sh", "-c", "echo oops >&2; exit 1"]).run().status(1).then(|stdout| {
        assert!(stdout.contains(r#""kind":"log","message":"oops""#), "{stdout}");
        assert!(stdout.contains(r#""stderr_tail":"oops\n""#), "{stdout}");
    });
}

#[test]
fn a_real_signal_death_is_passed_on() {
    spile(&["wrap", "--", "sh", "-c", "kill -TERM $$"]).run().status(143).then(|stdout| {
        assert_eq!(outline(stdout), format!("{START} turn_failed:signal status:exit"));
    });
    let (_, stderr, _) = bash("spile wrap -- sh -c 'kill -KILL $$' >/dev/null; echo $? >&2");
    assert!(stderr.contains("Killed") && stderr.ends_with("137\n"), "{stderr}");
}

#[test]
fn a_command_that_cannot_be_started() {
    let not_found = "spile: cannot start no-such-agent: command not found\n";
    spile(&["wrap", "--", "no-such-agent"]).run().status(127).stderr(not_found).then(|stdout| {
        assert_eq!(outline(stdout), "turn_started turn_failed:spawn_failed");
    });
    let not_executable = "spile: cannot start /etc/passwd: permission denied: is it executable?\n";
    spile(&["wrap", "--", "/etc/passwd"]).run().status(126).stderr(not_executable).then(|stdout| {
        assert_eq!(outline(stdout), "turn_started turn_failed:spawn_failed");
    });
}

#[test]
fn the_agent_gets_no_stdin_unless_it_is_said() {
    spile(&["wrap", "--stdin", "null", "--", "cat"]).stdin("lost").run().then(|stdout| {
        assert_eq!(outline(stdout), format!("{START} turn_completed:end_of_output status:exit"));
    });
    spile(&["wrap", "--stdin", "pipe", "--", "cat"]).stdin("kept").run().then(|stdout| {
        assert!(stdout.contains(r#""text":"kept""#), "{stdout}");
    });
    spile(&["wrap", "--stdin", "inherit", "--", "cat"]).stdin("kept").run().then(|stdout| {
        assert!(stdout.contains(r#""text":"kept""#), "{stdout}");
    });
    let (stdout, stderr, status) = bash("spile wrap -- cat < /etc/passwd");
    assert_eq!(outline(&stdout), format!("{START} turn_completed:end_of_output status:exit"));
    assert_eq!(status, 0);
    assert!(stderr.contains("--stdin pipe"), "{stderr}");
}

#[test]
fn a_megabyte_goes_through_the_agents_stdin() {
    let (stdout, _, status) = bash(
        "head -c 1000000 /dev/zero | spile wrap --stdin pipe -- wc -c | spile view --format text",
    );
    assert_eq!((stdout.as_str(), status), ("1000000\n", 0));
}

#[test]
fn a_signal_cancels_and_is_passed_on() {
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let mut live = Live::start(&["wrap", "--", "sh", "-c", "echo hi; exec sleep 1000"]);
        live.until("text_delta");
        live.signal(signal);
        let (rest, code) = live.end();
        assert_eq!(outline(&rest.concat()), "block_final:answer turn_cancelled:signal status:exit");
        assert_eq!(code, status);
    }
}

#[test]
fn a_signal_after_more_than_a_second_kills() {
    let script = "trap '' INT TERM; echo hi; while :; do read -t 1000 <> <(:); done";
    let mut live = Live::start(&["wrap", "--grace", "1h", "--", "bash", "-c", script]);
    live.until("text_delta");
    live.signal(Signal::INT);
    let first = Instant::now();
    // The agent ignores it, and wrap has nothing to say until the one that counts.
    while live.child.try_wait().unwrap().is_none() {
        live.signal(Signal::TERM);
        std::thread::yield_now();
    }
    assert!(first.elapsed() >= Duration::from_secs(1));
    let (rest, code) = live.end();
    assert!(outline(&rest.concat()).contains("turn_cancelled:signal"), "{rest:?}");
    assert_eq!(code, 143);
}

#[test]
fn a_grandchild_that_holds_the_pipe_is_not_waited_for() {
    spile(&["wrap", "--", "sh", "-c", "sleep 1000 & echo done"]).run().then(|stdout| {
        assert!(outline(stdout).contains("status:detached_writers"), "{stdout}");
    });
}

#[test]
fn a_reader_that_goes_stops_the_agent() {
    let (stdout, _, _) = bash(
        "spile wrap -- sh -c 'echo hi; exec sleep 1000' | head -1 >/dev/null; echo ${PIPESTATUS[0]}",
    );
    assert_eq!(stdout, "141\n");
}

#[test]
fn names_are_checked() {
    for (args, word) in [
        (["wrap", "--stream", "a b"], "--label"),
        (["wrap", "--from", "nosuch"], "text"),
        (["wrap", "--max-block", "1q"], "16M"),
    ] {
        let (_, stderr, status) =
            bash(&format!("spile {} '{}' </dev/null", args[..2].join(" "), args[2]));
        assert_eq!(status, 2, "{stderr}");
        assert!(stderr.contains(word), "{stderr}");
    }
}

#[test]
fn a_block_over_the_limit_goes_on_in_another() {
    let text = "line one\nline two\nline three\n";
    spile(&["wrap", "--from", "text", "--max-block", "16", "--stream", "s"])
        .stdin(text)
        .run()
        .then(|stdout| {
            let finals: Vec<serde_json::Value> = stdout
                .lines()
                .map(|l| serde_json::from_str(l).unwrap())
                .filter(|e: &serde_json::Value| e["type"] == "block_final")
                .collect();
            let texts: Vec<&str> = finals.iter().map(|e| e["text"].as_str().unwrap()).collect();
            assert_eq!(texts, ["line one\n", "line two\n", "line three\n"]);
            assert_eq!(finals[1]["continues"], "b1");
            assert_eq!(finals[2]["continues"], "b2");
        });
}

#[test]
fn invalid_utf_8_is_replaced_and_kept() {
    spile(&["wrap", "--from", "text"]).stdin(b"a\xffb").run().then(|stdout| {
        assert!(stdout.contains("\"text\":\"a\u{fffd}b\""), "{stdout}");
        assert!(stdout.contains(r#""base64":"Yf9i""#), "{stdout}");
    });
    spile(&["wrap", "--from", "text", "--strict"]).stdin(b"a\xffb").run().status(65).then(|_| {});
}

#[test]
fn what_only_a_command_can_use_is_refused_without_one() {
    for (flag, value) in
        [("--record", "x"), ("--once", "x"), ("--timeout", "1s"), ("--tool-timeout", "1s")]
    {
        let why = "is for a command that wrap starts";
        spile(&["wrap", flag, value])
            .stdin("x\n")
            .run()
            .status(2)
            .stderr(&format!("spile: {flag} {why}: spile wrap {flag} ... -- CMD\n"))
            .stdout("");
    }
}

#[test]
fn an_agent_has_the_token_of_its_run_in_its_environment() {
    let script = "echo outer $SPILE_RUN; spile wrap -- sh -c 'echo inner $SPILE_RUN' | jq -r 'select(.type == \"block_final\").text'";
    let agent = format!(
        "mkdir -m 700 $TMPDIR/r; export XDG_RUNTIME_DIR=$TMPDIR/r; spile wrap --stream s -- sh -c \"{}\"",
        script.replace('"', "\\\"").replace('$', "\\$")
    );
    let (stdout, stderr, status) = bash(&agent);
    assert_eq!((stderr.as_str(), status), ("", 0));
    let events = crate::harness::events(stdout.as_bytes());
    let word = events[0]["data"]["control"]["word"].as_str().unwrap();
    let text =
        events.iter().find_map(|e| e["text"].as_str().filter(|_| e["type"] == "block_final"));
    let lines: Vec<_> = text.unwrap().lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines[0], format!("outer {word}"));
    assert!(lines[1].starts_with("inner ") && !lines[1].ends_with(word), "{lines:?}");
}
