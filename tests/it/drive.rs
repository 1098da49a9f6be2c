//! `wrap --drive`: the handshake, messages, permission and the end of the input, with agents in the shapes of the vendors'
//! types. No run hangs: each ends within the limit of the harness.

mod input;
mod permission;
mod race;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::control::Room;
use crate::harness::{LIMIT, Live, bin, command, events, shell_code, skip, spile};

const AGENTS: [&str; 4] = ["claude", "acp", "acp-steering", "codex"];

/// A folder for one test, with the file in which the agent logs what it has read.
struct Site {
    room: Room,
    folder: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        Self { room: Room::new(), folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts an agent under `wrap --drive`.
    fn start(&self, agent: &str, options: &[&str]) -> Live {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/drive_agents.py");
        let log = self.path("log");
        let from = agent.split('-').next().unwrap();
        let mut args = vec!["wrap", "--stream", "s", "--drive"];
        let adapter = match from {
            "tty" => "text",
            "opencode" => "acp",
            from => from,
        };
        args.extend(["--from", adapter]);
        args.extend((from == "tty").then_some("--pty"));
        args.extend(options);
        args.extend(["--", "python3", script, agent, log.to_str().unwrap()]);
        args.extend((from == "codex").then_some("app-server"));
        Live::spawn(&mut self.room.command(&args))
    }

    /// Texts that the agent has read.
    fn log(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.path("log")).unwrap_or_default();
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Output and status of another command in the room.
    fn run(&self, args: &[&str]) -> (String, String, i32) {
        said(self.room.run(args))
    }

    fn send(&self, text: &str) -> String {
        let (stdout, stderr, status) = self.run(&["send", "s", text]);
        assert_eq!((stderr.as_str(), status), ("", 0), "{text}");
        stdout.trim().to_owned()
    }
}

fn said(output: Output) -> (String, String, i32) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), shell_code(output.status))
}

/// Ends a run, whose events are valid; all its events and its status.
fn end(live: Live, mut lines: Vec<String>) -> (Vec<Value>, i32) {
    let (rest, status) = live.end();
    lines.extend(rest);
    spile(&["check"])
        .stdin(lines.concat())
        .run()
        .then(|report| assert!(report.contains("no violations"), "{report}\n{lines:#?}"));
    (events(lines.concat().as_bytes()), status)
}

fn of_type<'e>(all: &'e [Value], type_: &str) -> Vec<&'e Value> {
    all.iter().filter(|e| e["type"] == type_).collect()
}

fn of_kind<'e>(all: &'e [Value], kind: &str) -> Vec<&'e Value> {
    all.iter().filter(|e| e["kind"] == kind).collect()
}

/// Types of the terminal events.
fn ends(all: &[Value]) -> Vec<&str> {
    let types = all.iter().map(|e| e["type"].as_str().unwrap());
    types.filter(|t| t.starts_with("turn_") && *t != "turn_started").collect()
}

#[test]
fn a_prompt_is_given_whatever_it_is() {
    let long = "ä".repeat(1 << 19);
    let texts = ["x", "-rf --help", "Grüße\n\n\"drei\" Zeilen\\n", "{\"type\":\"user\"}", &long];
    for agent in AGENTS {
        for (number, text) in texts.iter().enumerate() {
            let site = Site::new();
            let file = site.path("prompt");
            std::fs::write(&file, text).unwrap();
            let options = match number {
                0 => ["--prompt", text],
                1 => ["--prompt=-rf --help", "--strict"],
                _ => ["--prompt-file", file.to_str().unwrap()],
            };
            let live = site.start(agent, &[&options[..], &["--keep-open", "0"]].concat());
            let (all, status) = end(live, Vec::new());
            assert_eq!((ends(&all), status), (vec!["turn_completed"], 0), "{agent} {number}");
            assert_eq!(site.log(), [*text], "{agent}");
            let given: Vec<&Value> = of_kind(&all, "message").iter().map(|e| &e["data"]).collect();
            assert_eq!(given.len(), 1, "{agent}");
            assert_eq!((&given[0]["text"], &given[0]["by"]), (&(*text).into(), &"prompt".into()));
        }
    }
}

#[test]
fn a_message_after_a_turn_begins_another_and_the_input_is_closed_when_none_comes() {
    for agent in AGENTS {
        let site = Site::new();
        let mut live = site.start(agent, &["--prompt", "one", "--keep-open", "2s"]);
        let mut lines = live.until("turn_completed");
        let answer = site.send("two");
        let acknowledged = matches!(agent, "claude" | "codex");
        assert_eq!(answer, if acknowledged { "taken" } else { "written" }, "{agent}");
        lines.extend(live.until("turn_completed"));
        let (all, status) = end(live, lines);
        assert_eq!((ends(&all).len(), status), (2, 0), "{agent}");
        assert_eq!(site.log(), ["one", "two"], "{agent}");
    }
}

#[test]
fn a_message_within_a_turn_is_read_in_it_or_behind_it() {
    for agent in AGENTS {
        let site = Site::new();
        let mut live = site.start(agent, &["--prompt", "hold", "--keep-open", "0"]);
        let mut lines = live.until("I have read it");
        let steers = agent != "acp";
        let answer = site.send("go on");
        assert_eq!(answer, if steers { "taken" } else { "queued" }, "{agent}");
        if !steers {
            let (stdout, _, _) = site.run(&["ps", "--json"]);
            assert_eq!(events(stdout.as_bytes())[0]["queued"], 1);
            let (_, _, status) = site.run(&["cancel", "s"]);
            assert_eq!(status, 0);
        }
        lines.extend(live.until("turn_c"));
        let (all, status) = end(live, lines);
        let want: &[&str] =
            if steers { &["turn_completed"] } else { &["turn_cancelled", "turn_completed"] };
        assert_eq!((ends(&all), status), (want.to_vec(), 0), "{agent}");
        assert_eq!(site.log(), ["hold", "go on"], "{agent}");
    }
}

#[test]
fn a_turn_is_interrupted_and_redirected() {
    for agent in AGENTS {
        let site = Site::new();
        let mut live = site.start(agent, &["--prompt", "hold", "--keep-open", "1s"]);
        let mut lines = live.until("I have read it");
        let (proof, stderr, status) = site.run(&["cancel", "s", "--then", "another way"]);
        assert_eq!((stderr.as_str(), status), ("", 0), "{agent}");
        assert!(proof.contains("turn_cancelled"), "{agent}: {proof}");
        lines.extend(live.until("turn_completed"));
        let (all, status) = end(live, lines);
        assert_eq!((ends(&all), status), (vec!["turn_cancelled", "turn_completed"], 0), "{agent}");
        assert_eq!(site.log(), ["hold", "another way"], "{agent}");
        assert_eq!(of_kind(&all, "redirected").len(), 1);
    }
}

#[test]
fn an_agent_that_dies_or_falls_silent_ends_its_turn() {
    for agent in AGENTS {
        let site = Site::new();
        let (all, status) = end(site.start(agent, &["--prompt", "die"]), Vec::new());
        assert_eq!((ends(&all), status), (vec!["turn_failed"], 3), "{agent}");

        let site = Site::new();
        let mut live = site.start(agent, &["--prompt", "mute", "--grace", "100ms"]);
        // It has begun its turn, or has been given its prompt.
        let lines = live.until(r#""kind":"message""#);
        let (_, _, status) = site.run(&["cancel", "s", "--grace", "1s"]);
        assert_eq!(status, 0, "{agent}");
        let (all, status) = end(live, lines);
        assert_eq!((ends(&all), status), (vec!["turn_cancelled"], 130), "{agent}");
    }
}

#[test]
fn a_session_is_continued() {
    let site = Site::new();
    let options = ["--prompt", "x", "--session", "S7", "--keep-open", "0"];
    let (all, _) = end(site.start("acp", &options), Vec::new());
    assert_eq!(of_type(&all, "turn_started")[0]["session"], "S7");
    let (_, stderr, status) =
        said(site.room.run(&["wrap", "--drive", "--session", "S7", "--prompt", "x", "--", "true"]));
    assert!(stderr.contains("--session is for"), "{stderr}");
    assert_eq!(status, 2);
}

#[test]
fn a_run_without_a_prompt_waits_for_a_message_and_ends() {
    let site = Site::new();
    let mut live = site.start("claude", &["--keep-open", "20s"]);
    let mut lines = live.until("session");
    assert_eq!(site.send("one"), "taken");
    lines.extend(live.until("turn_completed"));
    live.signal(rustix::process::Signal::INT);
    let (all, _) = end(live, lines);
    assert_eq!(ends(&all), ["turn_completed"]);
    let site = Site::new();
    let (all, _) = end(site.start("claude", &["--keep-open", "0"]), Vec::new());
    assert_eq!(ends(&all), ["turn_failed"], "a run without a turn has failed");
}

#[test]
fn text_is_typed_at_a_terminal() {
    let site = Site::new();
    let mut live = site.start("tty", &["--prompt", "hello"]);
    let mut lines = live.until("read 5");
    let (_, stderr, status) = site.run(&["send", "s", "x"]);
    assert!(stderr.contains("--force"), "{stderr}");
    assert_eq!(status, 1);
    let (_, stderr, _) = site.run(&["send", "s", "--force", "a\u{3}"]);
    assert!(stderr.contains("control characters"), "{stderr}");
    let (stdout, _, status) = site.run(&["send", "--force", "s", "Grüße\n-bye bye"]);
    assert_eq!((stdout.as_str(), status), ("written\n", 0));
    lines.extend(live.until("read 8"));
    let (all, status) = end(live, lines);
    assert_eq!((ends(&all), status), (vec!["turn_completed"], 0));
    assert_eq!(site.log(), ["hello", "Grüße", "-bye bye"]);
    assert_eq!(of_kind(&all, "message").len(), 2);
}

#[test]
fn a_message_that_cannot_be_given_is_refused_with_the_reason() {
    let site = Site::new();
    let (_, stderr, status) = site.run(&["send", "s", "x"]);
    assert!(stderr.contains("spile ps"), "{stderr}");
    assert_eq!(status, 69);
    for (options, want) in [
        (&[][..], "start it with --drive"),
        (&["--drive", "--prompt", "y"], "this agent takes no messages"),
    ] {
        let mut args = vec!["wrap", "--stream", "s"];
        args.extend(options);
        args.extend(["--", "sh", "-c", "echo hi; cat; exec sleep 1000"]);
        let mut live = Live::spawn(&mut site.room.command(&args));
        let lines = live.until("hi");
        let (stdout, stderr, status) = site.run(&["send", "s", "x"]);
        assert_eq!((stdout.as_str(), status), ("", 1));
        assert!(stderr.contains(want), "{stderr}");
        let (_, stderr, status) = site.run(&["permit", "s"]);
        assert_eq!(status, 1, "{stderr}");
        live.signal(rustix::process::Signal::TERM);
        end(live, lines);
    }
    let live = site.start("claude", &["--prompt", "x", "--keep-open", "0"]);
    end(live, Vec::new());
    let (_, stderr, status) = site.run(&["send", "s", ""]);
    assert!(stderr.contains("empty"), "{stderr}");
    assert_eq!(status, 2);
}

#[test]
fn a_slow_reader_delays_neither_a_message_nor_an_answer_nor_a_cancel() {
    for agent in AGENTS {
        let site = Site::new();
        // Nobody reads the events: they fill the pipe, the buffer and the spool.
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/drive_agents.py");
        let log = site.path("log");
        let from = agent.split('-').next().unwrap();
        let mut args = vec!["wrap", "--stream", "s", "--drive", "--from", from];
        args.extend([
            "--prompt",
            "flood ask Bash hold",
            "--on-permission",
            "wait",
            "--keep-open",
            "0",
        ]);
        args.extend(["--", "python3", script, agent, log.to_str().unwrap()]);
        args.extend((from == "codex").then_some("app-server"));
        let mut child = site.room.command(&args);
        let mut child = child.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let until = std::time::Instant::now() + LIMIT;
        let mut asked = false;
        while !asked && std::time::Instant::now() < until {
            let (runs, ..) = site.run(&["ps", "--json"]);
            asked = runs.contains(r#""tool":"#);
        }
        assert!(asked, "{agent}: the question is seen though nobody reads");
        assert_eq!(site.run(&["permit", "s"]).0, "answered\n", "{agent}");
        let answer = site.send("more");
        assert!(["taken", "written", "queued"].contains(&answer.as_str()), "{agent}: {answer}");
        // The proof comes when the events are read.
        let mut cancel = site.room.command(&["cancel", "s", "--grace", "60s"]);
        let cancel = cancel.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        if agent != "acp" {
            while !site.log().contains(&"more".to_owned()) {
                assert!(std::time::Instant::now() < until, "{agent}: the message is read");
            }
        }
        let mut events_text = String::new();
        child.stdout.take().unwrap().read_to_string(&mut events_text).unwrap();
        let status = child.wait().unwrap();
        let proof = cancel.wait_with_output().unwrap().stdout;
        assert!(String::from_utf8(proof).unwrap().contains("turn_cancelled"), "{agent}");
        let all = events(events_text.as_bytes());
        assert!(ends(&all).contains(&"turn_cancelled"), "{agent}: {:?} {status}", ends(&all));
        assert_eq!(of_kind(&all, "permission").len(), 2, "{agent}");
    }
}

#[test]
fn a_message_reaches_a_run_whose_processes_are_numbered_apart() {
    let site = Site::new();
    if !site.room.command_works("unshare -pf --mount-proc true") {
        return skip("needs root and unshare");
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/drive_agents.py");
    let mut command = command(
        "unshare",
        &[
            "-pf",
            "--mount-proc",
            bin(),
            "wrap",
            "--stream",
            "s",
            "--drive",
            "--from",
            "claude",
            "--prompt",
            "hold",
            "--on-permission",
            "wait",
            "--keep-open",
            "0",
            "--",
            "python3",
            script,
            "claude",
        ],
    );
    command.env("XDG_RUNTIME_DIR", site.room.folder());
    let mut live = Live::spawn(&mut command);
    let mut lines = live.until("I have read it");
    assert_eq!(site.send("ask Bash"), "taken");
    lines.extend(live.until(r#""kind":"permission""#));
    let inside = format!("unshare -pf --mount-proc {} permit s", bin());
    assert!(site.room.command_works(&inside), "from another namespace");
    lines.extend(live.until("Bash allowed"));
    assert_eq!(site.send("go"), "taken");
    let (all, status) = end(live, lines);
    assert_eq!((ends(&all), status), (vec!["turn_completed"], 0));
}

/// Lines of a file.
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
