//! `spile tee`: what passes, files, commands and pipes, what an error of an output does.

use rustix::process::Signal;

use crate::harness::{Live, bash, shell_code, spile, stress};

/// An event that says `text`.
pub fn status(seq: u64, text: &str) -> String {
    format!(
        "{{\"v\":1,\"type\":\"status\",\"stream\":\"s\",\"turn\":1,\"seq\":{seq},\"ts\":\"2026-01-01T00:00:00.000Z\",\"kind\":\"info\",\"message\":\"{text}\"}}\n"
    )
}

/// So many events.
pub fn statuses(count: u64) -> String {
    (1..=count).map(|seq| status(seq, "hello")).collect()
}

/// A folder and a path in it.
pub fn place(name: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name).to_str().unwrap().to_owned();
    (folder, path)
}

pub fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn every_byte_passes_and_is_kept() {
    let (_folder, path) = place("x");
    let long = "y".repeat(300_000);
    for input in ["", "\n\n", "no line feed", "a\nb", "not\tan event\r\n", &long, &statuses(3000)] {
        for limit in ["16M", "1k"] {
            let args = ["tee", "--max-line", limit, &path];
            spile(&args).stdin(input).run().stdout(input);
            assert_eq!(read(&path), input);
        }
    }
}

#[test]
fn a_file_is_truncated_or_appended_to_and_private() {
    let (_folder, path) = place("x");
    spile(&["tee", &path]).stdin("a\n").run().stdout("a\n");
    spile(&["tee", &path]).stdin("b\n").run().stdout("b\n");
    spile(&["tee", "-a", &path]).stdin("c\n").run().stdout("c\n");
    assert_eq!(read(&path), "b\nc\n");
    let meta = std::fs::metadata(&path).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o777, 0o600);
}

#[test]
fn stderr_is_a_sink_that_is_not_truncated() {
    let (_folder, path) = place("log");
    let script =
        format!("{{ echo before >&2; echo hi | spile tee /dev/stderr >/dev/null; }} 2>{path}");
    assert_eq!(bash(&script), (String::new(), String::new(), 0));
    assert_eq!(read(&path), "before\nhi\n");
    assert_eq!(bash("echo hi | spile tee /dev/stderr >/dev/null").1, "hi\n");
}

#[test]
fn a_sink_gets_the_events_that_it_wants() {
    let (folder, _) = place("");
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let events = concat!(
        r#"{"v":1,"type":"turn_started","stream":"s","turn":1,"seq":1,"ts":"2026-01-01T00:00:00.000Z","runtime":"x"}"#,
        "\n",
        r#"{"v":1,"type":"block_final","stream":"s","turn":1,"seq":2,"ts":"2026-01-01T00:00:00.000Z","block":"b1","kind":"answer","text":"x","part":0,"last":true,"delivery_id":"s/1/b1/0"}"#,
        "\n",
        r#"{"v":1,"type":"status","stream":"s","turn":1,"seq":3,"ts":"2026-01-01T00:00:00.000Z","kind":"info"}"#,
        "\n"
    );
    let lines: Vec<&str> = events.split_inclusive('\n').collect();
    let (turns, parts) = (at("turns#1"), at("parts"));
    let escaped = turns.replace('#', "##");
    let (first, second) = (format!("{escaped}#only=turn_*,status"), format!("{parts}#only=chunks"));
    spile(&["tee", &first, &second]).stdin(events).run().stdout(events);
    assert_eq!(read(&turns), [lines[0], lines[2]].concat());
    assert_eq!(read(&parts), lines[1]);
}

#[test]
fn a_command_runs_for_each_event_and_knows_its_id() {
    let (_folder, path) = place("ids");
    let delta = crate::commands::EVENT;
    let input = format!("{}{delta}garbage\n{}", status(7, "a"), status(8, "b"));
    // `$0` stays as it is: nothing is expanded by tee, and by the shell only what is said inside.
    let sink = format!(
        "cmd:sh -c 'read -r line; echo \"${{SPILE_DELIVERY_ID-none}} ${{##line}}\" >>{path}'"
    );
    spile(&["tee", &sink]).stdin(&input).run().stdout(&input);
    let lengths = [status(7, "a").len() - 1, delta.len() - 1];
    let want = format!("s/7 {0}\nnone {1}\ns/8 {0}\n", lengths[0], lengths[1]);
    assert_eq!(read(&path), want);
}

#[test]
fn what_a_sink_prints_does_not_come_between_the_events() {
    let input = statuses(3);
    let want = format!("3\n{input}");
    let (stdout, stderr, status) =
        bash(&format!("printf '{}' | spile tee 'pipe:wc -l' 'cmd:cat'", input.escape_default()));
    assert_eq!((stdout, status), (input.clone(), 0));
    let mut lines: Vec<&str> = stderr.lines().collect();
    let mut wanted: Vec<&str> = want.lines().collect();
    lines.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(lines, wanted);
}

#[test]
fn a_command_that_fails_at_the_nth_event_costs_that_event_alone() {
    let rounds = stress(50);
    let (_folder, path) = place("x");
    let (_folder2, got) = place("got");
    let input = statuses(60);
    for n in (1..=50).step_by((50 / rounds).max(1) as usize) {
        std::fs::write(&got, "").unwrap();
        let sink = format!(
            "cmd:sh -c 'test $SPILE_DELIVERY_ID != s/{n} && echo $SPILE_DELIVERY_ID >>{got}'"
        );
        spile(&["tee", &path, &sink])
            .stdin(&input)
            .run()
            .status(1)
            .stderr(&format!(
                "spile: cmd:sh: s/{n}: exited with status 1\nspile: cmd:sh: events: 1 refused\n"
            ))
            .stdout(&input);
        assert_eq!(read(&path), input);
        let want: String = (1..=60).filter(|i| *i != n).map(|i| format!("s/{i}\n")).collect();
        assert_eq!(read(&got), want);
    }
}

#[test]
fn a_command_that_says_later_is_tried_again() {
    let (_folder, path) = place("got");
    let sink =
        format!("cmd:sh -c 'test -e {path} && exec tee -a {path} >/dev/null; : >{path}; exit 75'");
    let input = statuses(3);
    spile(&["tee", &sink])
        .stdin(&input)
        .run()
        .status(0)
        .stderr("spile: cmd:sh: exited with status 75 (retrying)\n")
        .stdout(&input);
    assert_eq!(read(&path), input);
}

#[test]
fn a_pipe_is_one_process() {
    let (_folder, path) = place("x");
    let input = statuses(1000);
    let sink = format!("pipe:sh -c 'cat >{path}'");
    spile(&["tee", &sink]).stdin(&input).run().stdout(&input);
    assert_eq!(read(&path), input);
    // One that has seen enough, as head, is no failure; one that fails is.
    spile(&["tee", "pipe:sh -c 'head -1 >/dev/null'"]).stdin(&input).run().stdout(&input);
    spile(&["tee", "pipe:sh -c 'cat >/dev/null; exit 3'"])
        .stdin(&input)
        .run()
        .status(1)
        .stderr("spile: pipe:sh: exited with status 3\n")
        .stdout(&input);
}

#[test]
fn a_command_that_is_not_there_is_said() {
    let (_folder, path) = place("x");
    spile(&["tee", "pipe:no-such-command", &path])
        .stdin("a\nb\n")
        .run()
        .status(1)
        .stderr(
            "spile: pipe:no-such-command: cannot be started: No such file or directory (os error 2)\n\
             spile: pipe:no-such-command: events: 2 not sent\n",
        )
        .stdout("a\nb\n");
    assert_eq!(read(&path), "a\nb\n");
}

#[test]
fn warn_says_it_and_goes_on() {
    let (_folder, path) = place("x");
    let full = "spile: /dev/full: No space left on device (os error 28)\nspile: /dev/full: events: 2 not sent\n";
    for mode in ["warn", "warn-nopipe"] {
        spile(&["tee", "--output-error", mode, "/dev/full", &path])
            .stdin("a\nb\n")
            .run()
            .status(1)
            .stderr(full)
            .stdout("a\nb\n");
        assert_eq!(read(&path), "a\nb\n");
    }
}

#[test]
fn a_reader_that_has_gone_counts_or_not() {
    let (_folder, path) = place("x");
    // Far more than a pipe takes, so that it is known that the reader has gone.
    let run = |mode: &str| {
        let script = format!(
            "seq 1 200000 | spile tee --output-error {mode} {path} | head -1 >/dev/null; echo ${{PIPESTATUS[1]}}"
        );
        let (stdout, stderr, _) = bash(&script);
        (stdout.trim_end().parse::<i32>().unwrap(), stderr)
    };
    let all: String = (1..=200_000).map(|n| format!("{n}\n")).collect();
    let said = "spile: cannot write to stdout: Broken pipe (os error 32)\n";
    assert_eq!(run("warn"), (1, said.to_owned()));
    assert_eq!(read(&path), all, "the other goes on");
    for mode in ["warn-nopipe", "exit-nopipe"] {
        assert_eq!(run(mode), (141, String::new()));
        assert_eq!(read(&path), all, "the other goes on");
    }
    let (status, stderr) = run("exit");
    assert_eq!(status, 1);
    assert!(stderr.starts_with(said), "{stderr}");
}

#[test]
fn exit_ends_all_although_the_input_goes_on() {
    for mode in ["exit", "exit-nopipe"] {
        let mut live = Live::start(&["tee", "--output-error", mode, "/dev/full"]);
        live.write("a\n");
        let status = live.child.wait().unwrap();
        assert_eq!(shell_code(status), 1);
        // One that cannot be opened ends it before the first byte.
        spile(&["tee", "--output-error", mode, "/no/such/file"])
            .stdin("a\n")
            .run()
            .status(1)
            .stderr("spile: /no/such/file: No such file or directory (os error 2)\n")
            .stdout("");
    }
}

#[test]
fn all_outputs_gone_is_the_end() {
    let (stdout, _, _) = bash(
        "coproc agent { seq 1 300000; exec sleep 1000; }; exec 3<&\"${agent[0]}\"; \
         spile tee 'pipe:head -1' <&3 2>/dev/null | head -1 >/dev/null; echo ${PIPESTATUS[0]}; kill $agent_PID",
    );
    assert_eq!(stdout, "141\n");
}

#[test]
fn the_stream_says_the_status() {
    let (_folder, path) = place("x");
    let failed = r#"{"v":1,"type":"turn_failed","stream":"s","turn":1,"seq":2,"ts":"2026-01-01T00:00:00.000Z","error":{"code":"rate_limited","message":"m"}}"#;
    let input = format!("{failed}\n");
    spile(&["tee", "--exit-from-stream", &path]).stdin(&input).run().status(75).stdout(&input);
    spile(&["tee", &path]).stdin(&input).run().stdout(&input);
    spile(&["tee", "--strict", &path])
        .stdin("garbage\n")
        .run()
        .status(65)
        .stderr("<stdin>:1:1: not a JSON object\n")
        .stdout("garbage\n");
    assert_eq!(read(&path), "garbage\n");
}

#[test]
fn an_interrupt_loses_nothing_or_means_nothing() {
    let (_folder, path) = place("x");
    let sink = format!("pipe:sh -c 'cat >{path}'");
    for (args, want) in [(vec!["tee", &sink], 130), (vec!["tee", "-i", &sink], 0)] {
        let mut live = Live::start(&args);
        live.write("a\n");
        live.line();
        live.signal(Signal::INT);
        live.write("b\n");
        let (rest, status) = live.end();
        assert_eq!((rest.concat().as_str(), status), ("b\n", want));
        assert_eq!(read(&path), "a\nb\n");
    }
}

#[test]
fn what_is_wrong_with_a_sink_is_said() {
    for (sink, word) in [
        ("x#only=nothing", "matches no event"),
        ("x#1", "write ## for a #"),
        ("ftp://x", "not a kind of sink"),
        ("cmd:echo 'x", "left open"),
    ] {
        let (stdout, stderr, status) = bash(&format!("spile tee \"{sink}\" </dev/null"));
        assert_eq!((stdout.as_str(), status), ("", 2), "{sink}");
        assert!(stderr.contains(word), "{sink}: {stderr}");
    }
}

#[test]
fn a_command_that_hangs_does_not_outlive_tee() {
    for ledger in ["", "--ledger d.db"] {
        let (out, err, _) = bash(&format!(
            "cd \"$(mktemp -d)\"; spile tee --linger 200ms {ledger} \"cmd:sh -c 'echo \\$\\$ >pid; trap : TERM; while :; do sleep 600; done'\" \
             <<'E' >/dev/null\n{}\nE\necho $?; read -r pid <pid; test -e /proc/$pid && echo alive",
            statuses(1).trim_end()
        ));
        assert_eq!(out, "1\n", "{ledger}: {err}");
    }
}
