//! `wrap --redact`: every way on which an agent's output leaves, and what is refused.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use super::{PATTERN, SECRET, assert_hidden};
use crate::control::Room;
use crate::feed::contract;
use crate::harness::{LIMIT, Live, bash, bin, command, events, shell_code, spile};
use crate::spool::nameless;

const REDACT: [&str; 4] = ["wrap", "--redact", "--pattern", PATTERN];

/// stdout, stderr and status of a wrap of a shell script, which is not on the command line: that is an event itself.
fn wrap(options: &[&str], script: &str) -> (String, String, i32) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agent").display().to_string();
    std::fs::write(&file, script).unwrap();
    let args = [&REDACT, options, &["--", "sh", &file]].concat();
    let output = command(bin(), &args).stdin(Stdio::null()).output().unwrap();
    assert_hidden(&output.stdout, SECRET);
    assert_hidden(&output.stderr, SECRET);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), shell_code(output.status))
}

#[test]
fn a_recording_of_the_raw_output_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.raw");
    let started = folder.path().join("started");
    let script = format!(": >'{}'", started.display());
    let (stdout, stderr, status) = wrap(&["--record", file.to_str().unwrap()], &script);
    assert_eq!((stdout.as_str(), status), ("", 2));
    assert!(stderr.contains("leave out --redact, or record the events"), "{stderr}");
    assert!(!file.exists() && !started.exists(), "nothing is recorded or started");
}

#[test]
fn options_of_secrets_need_redact() {
    for option in
        ["--env", "--keyed", "--only slack-token", "--value-file x", "--rules x", "--pattern a=b"]
    {
        let (_, stderr, status) = bash(&format!("spile wrap {option} -- true"));
        assert_eq!(status, 2, "{option}: {stderr}");
        let flag = option.split(' ').next().unwrap();
        assert!(
            stderr.contains(&format!("{flag} needs --redact")) || option.starts_with("--only"),
            "{stderr}"
        );
    }
}

#[test]
fn stdout_stderr_and_its_tail_are_redacted() {
    let script = format!("echo 'a {SECRET} b'; echo 'c {SECRET} d' >&2; exit 3");
    let (stdout, stderr, status) = wrap(&[], &script);
    assert_eq!((stderr.as_str(), status), ("", 3));
    let failed = events(stdout.as_bytes()).into_iter().find(|e| e["type"] == "turn_failed");
    assert_eq!(failed.unwrap()["stderr_tail"], "c [redacted:pass] d\n");
    assert!(stdout.contains("a [redacted:pass] b"), "{stdout}");
    assert!(stdout.contains(r#""message":"c [redacted:pass] d""#), "{stdout}");
    contract(stdout.as_bytes()).unwrap();
}

#[test]
fn a_terminal_is_redacted() {
    // The cursor and colours are no text: what they cut is one word for whoever sees it.
    let (front, back) = SECRET.split_at(9);
    let script =
        format!(r"printf 'a %s\033[1m%s\033[0m b\n' '{front}' '{back}'; echo '{SECRET}' >&2");
    let (stdout, stderr, status) = wrap(&["--pty"], &script);
    assert_eq!((stderr.as_str(), status), ("", 0));
    assert!(stdout.contains("a [redacted:pass] b"), "{stdout}");
    contract(stdout.as_bytes()).unwrap();
}

#[test]
fn the_agents_output_on_stdin_is_redacted() {
    let mut live = Live::start(&[&REDACT[..], &["--from", "text", "--within", "1h"]].concat());
    let (front, back) = SECRET.split_at(9);
    live.write(format!("a {front}"));
    live.write(format!("{back} b\n"));
    live.close();
    let (lines, status) = live.end();
    assert_eq!(status, 0);
    assert_hidden(lines.concat().as_bytes(), SECRET);
    contract(lines.concat().as_bytes()).unwrap();
    assert!(lines.concat().contains("a [redacted:pass] b\\n"), "{lines:?}");
}

#[test]
fn a_command_line_with_a_secret_that_cannot_be_started_is_redacted() {
    for command_line in [vec!["no-such-agent", SECRET], vec!["true", SECRET]] {
        let args = [&REDACT[..], &["--"], &command_line].concat();
        let output = command(bin(), &args).stdin(Stdio::null()).output().unwrap();
        assert_hidden(&output.stdout, SECRET);
        assert_hidden(&output.stderr, SECRET);
        contract(&output.stdout).unwrap();
        let want = if command_line[0] == "true" { 0 } else { 127 };
        assert_eq!(shell_code(output.status), want);
    }
    let program = format!("./{SECRET}");
    let args = [&REDACT[..], &["--", program.as_str()]].concat();
    let output = command(bin(), &args).stdin(Stdio::null()).output().unwrap();
    assert_hidden(&output.stdout, SECRET);
    assert_hidden(&output.stderr, SECRET);
    assert_eq!(shell_code(output.status), 127);
}

/// An agent that reports its call of a tool, by this id, and goes on.
fn tool(id: &str) -> String {
    format!(
        r#"echo '{{"type":"system","subtype":"init","session_id":"c","model":"m"}}'
echo '{{"type":"assistant","message":{{"id":"m1","role":"assistant","content":[{{"type":"tool_use","id":"{id}","name":"Bash","input":{{}}}}]}}}}'
exec sleep 1000"#
    )
}

#[test]
fn a_secret_in_a_name_ends_the_run_and_does_not_leave() {
    let label = format!("build {SECRET}");
    let id = format!("toolu_{SECRET}");
    for (options, script) in [
        (&["--label", label.as_str()][..], "echo hi; exec sleep 1000"),
        (&["--stream", SECRET], "echo hi; exec sleep 1000"),
        (&["--from", "claude"], &tool(&id)),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let pid = folder.path().join("pid");
        let script = format!("echo $$ >'{}'; {script}", pid.display());
        let (stdout, stderr, status) = wrap(options, &script);
        assert_eq!(status, 65, "{options:?}: {stderr}{stdout}");
        assert!(stderr.contains("a secret (pass) stands in"), "{stderr}");
        assert!(!stdout.contains("[redacted:pass]"), "names are not changed: {stdout}");
        let pid = std::fs::read_to_string(pid).unwrap_or_default();
        let gone = pid.is_empty() || !std::path::Path::new("/proc").join(pid.trim()).exists();
        assert!(gone, "the agent was not stopped");
    }
}

#[test]
fn output_that_waits_for_a_slow_reader_stays_in_memory() {
    let (room, folder) = (Room::new(), tempfile::tempdir().unwrap());
    let lines = 200_000;
    let script = format!("yes 'a {SECRET} b' | head -{lines}");
    let args = [&REDACT, &["--within", "1h", "--spool-mem", "64k", "--", "sh", "-c", &script][..]]
        .concat();
    let mut child = room
        .command(&args)
        .env("TMPDIR", folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    // It is held back: only then it must put its output somewhere.
    let since = std::time::Instant::now();
    while !held_back(child.id()) {
        assert!(since.elapsed() < LIMIT, "it is not held back");
        std::thread::yield_now();
    }
    assert_eq!(nameless(&child), 0, "a temporary file is open");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let mut text = String::new();
    reader.read_line(&mut text).unwrap();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(shell_code(child.wait().unwrap()), 0);
    assert_hidden(text.as_bytes(), SECRET);
    contract(text.as_bytes()).unwrap();
    let answer = crate::harness::answer(&events(text.as_bytes()));
    assert_eq!(answer.len(), "a [redacted:pass] b\n".len() * lines);
}

/// True if a process below wrap sleeps because its pipe is full.
fn held_back(wrap: u32) -> bool {
    let (stdout, _, _) = bash(&format!(
        "cat /proc/{wrap}/task/*/children | xargs -rn1 pgrep -P | xargs -rn1 pgrep -P | xargs -rn1 -I@ cat /proc/@/wchan"
    ));
    stdout.contains("pipe_write")
}

#[test]
fn events_of_a_run_that_is_listed_have_no_secret_of_its_command_line() {
    let room = Room::new();
    let args = [
        &REDACT[..],
        &["--stream", "run-1", "--"],
        &["sh", "-c", "echo hi; exec sleep 1000", SECRET],
    ]
    .concat();
    let mut live = Live::spawn(&mut room.command(&args));
    let mut lines = live.until("text_delta");
    let listed = room.run(&["ps"]).stdout;
    assert!(String::from_utf8_lossy(&listed).contains("run-1"));
    assert_hidden(&listed, SECRET);
    room.run(&["cancel", "run-1"]);
    lines.extend(live.end().0);
    assert_hidden(lines.concat().as_bytes(), SECRET);
    assert!(lines.concat().contains(r#""[redacted:pass]""#), "argv is shown: {lines:?}");
}

#[test]
fn the_place_of_garbage_is_shown_without_it() {
    let garbage = format!("{{\"broken\": \"{SECRET}\nnothing {SECRET}\n");
    spile(&["redact", "--pattern", PATTERN])
        .stdin(garbage)
        .run()
        .status(0)
        .stderr(concat!(
            "<stdin>:1:33: EOF while parsing a string\n",
            "<stdin>:2:1: not a JSON object\n"
        ))
        .then(|stdout| assert_hidden(stdout.as_bytes(), SECRET));
}

#[test]
fn a_run_that_waits_for_its_turn_is_redacted() {
    let room = Room::new();
    let first = ["wrap", "--once", "k", "--", "sh", "-c", "echo hi; exec sleep 1000"];
    let mut first = Live::spawn(&mut room.command(&first));
    first.until("text_delta");
    let queue = ["--once", "k", "--queue", "--queue-timeout", "10ms"];
    let label = format!("build {SECRET}");
    for (options, status) in [(&["--label", label.as_str()][..], 65), (&["--label", "docs"], 79)] {
        let args = [&REDACT[..], &queue, options, &["--", "true"]].concat();
        let output = room.run(&args);
        assert_hidden(&output.stdout, SECRET);
        assert_hidden(&output.stderr, SECRET);
        assert_eq!(
            shell_code(output.status),
            status,
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert_eq!(output.stdout.is_empty(), status == 65);
    }
    first.signal(rustix::process::Signal::TERM);
    assert_eq!(first.end().1, 143);
}
