//! The control socket: what it answers, `spile ps`, `spile cancel` by name, and that nobody can harm a run with it.

mod filter;
mod folder;
mod steer;
mod stress;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::harness::{LIMIT, Live, bin, command, events, shell_code};

/// A folder for sockets of one test alone.
pub struct Room {
    folder: tempfile::TempDir,
}

impl Room {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ours = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(folder.path(), ours).unwrap();
        Self { folder }
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = command(bin(), args);
        command.env("XDG_RUNTIME_DIR", self.folder.path());
        command
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// True if a line of bash succeeds in this room.
    pub fn command_works(&self, line: &str) -> bool {
        self.bash(&format!("{line} >/dev/null 2>&1")).1 == 0
    }

    /// A line of bash in which every spile is of this room.
    fn bash(&self, script: &str) -> (String, i32) {
        let mut command = command("timeout", &["--signal=KILL", "60", "bash", "-c", script]);
        command.env("XDG_RUNTIME_DIR", self.folder.path());
        let output = command.stdin(Stdio::null()).output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        (stdout, shell_code(output.status))
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).stdin(Stdio::null()).output().unwrap()
    }

    /// A wrap of a shell script that has said so much.
    fn wrap(&self, options: &[&str], script: &str, until: &str) -> (Live, Vec<String>) {
        let mut args = vec!["wrap"];
        args.extend_from_slice(options);
        args.extend_from_slice(&["--", "sh", "-c", script]);
        let mut live = Live::spawn(&mut self.command(&args));
        let seen = live.until(until);
        (live, seen)
    }

    /// The files of running wraps.
    fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path().join("spile"));
        let mut files: Vec<PathBuf> =
            entries.into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    pub fn socket(&self) -> PathBuf {
        let mut files = self.files().into_iter();
        files.find(|f| f.extension().is_some_and(|e| e == "sock")).expect("a socket")
    }
}

/// A client that knows nothing of spile.
pub struct Talk {
    stream: UnixStream,
    reader: BufReader<UnixStream>,
}

impl Talk {
    pub fn to(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        Self { stream, reader }
    }

    pub fn say(&mut self, line: &str) {
        self.stream.write_all(line.as_bytes()).unwrap();
        self.stream.write_all(b"\n").unwrap();
    }

    /// The next answer; `None` when the other end has closed.
    pub fn hear(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        (!line.is_empty()).then(|| serde_json::from_str(&line).unwrap())
    }

    pub fn ask(&mut self, line: &str) -> Value {
        self.say(line);
        self.hear().unwrap()
    }
}

/// The terminal events of a stream.
fn terminals(lines: &[String]) -> Vec<String> {
    let ends = ["turn_completed", "turn_failed", "turn_cancelled"];
    lines
        .iter()
        .filter(|line| {
            let event: Value = serde_json::from_str(line).unwrap();
            ends.contains(&event["type"].as_str().unwrap())
        })
        .cloned()
        .collect()
}

const HI: &str = "echo hi; exec sleep 1000";

#[test]
fn a_turn_is_cancelled_by_name_and_the_proof_is_printed() {
    for name in [&["run-1"][..], &["--label", "docs"], &["--all", "--reason", "enough"]] {
        let room = Room::new();
        let options = ["--stream", "run-1", "--label", "docs"];
        let (live, mut lines) = room.wrap(&options, HI, "text_delta");
        let output = room.run(&[&["cancel"], name].concat());
        let (rest, status) = live.end();
        lines.extend(rest);
        let proof = String::from_utf8(output.stdout).unwrap();
        assert_eq!((shell_code(output.status), status), (0, 130), "{proof}");
        assert_eq!(terminals(&lines), [proof.as_str()]);
        assert!(proof.contains(r#""by":"control""#), "{proof}");
        let reason = if name.len() > 2 { "enough" } else { "spile cancel" };
        assert!(proof.contains(&format!(r#""reason":"{reason}""#)), "{proof}");
        assert!(output.stderr.is_empty());
        assert_eq!(room.files(), Vec::<PathBuf>::new(), "nothing is left");
    }
}

#[test]
fn nobody_by_that_name() {
    let room = Room::new();
    let (live, _) = room.wrap(&["--stream", "one"], HI, "text_delta");
    for (name, want) in
        [(&["two"][..], 69), (&["--label", "one"], 69), (&["one", "two"], 69), (&["--all"], 0)]
    {
        let output = room.run(&[&["cancel"], name].concat());
        assert_eq!(shell_code(output.status), want, "{name:?}");
        if name == ["one", "two"] {
            // The one that runs is cancelled.
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(stderr, "spile: two: nothing runs by that name\n");
            assert!(String::from_utf8_lossy(&output.stdout).contains("turn_cancelled"));
            break;
        }
    }
    live.end();
    let output = room.run(&["cancel", "--all"]);
    assert_eq!(shell_code(output.status), 0, "all of nothing has stopped");
    assert!(String::from_utf8_lossy(&output.stderr).contains("nothing runs"));
}

#[test]
fn where_no_turn_is_open_nothing_is_done() {
    let room = Room::new();
    let script = r#"echo '{"type":"thread.started","thread_id":"t"}'; echo '{"type":"turn.started"}'
echo '{"type":"turn.completed","usage":{"input_tokens":1,"output_tokens":1}}'; read line; echo end >&2"#;
    let options = ["--stream", "s", "--from", "codex", "--stdin", "pipe"];
    let (mut live, mut lines) = room.wrap(&options, script, "turn_completed");
    let output = room.run(&["cancel", "s"]);
    assert_eq!(shell_code(output.status), 0);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "spile: s: no turn is open\n");
    assert!(output.stdout.is_empty());
    live.write("go on\n");
    let (rest, status) = live.end();
    lines.extend(rest);
    assert_eq!((terminals(&lines).len(), status), (1, 0), "{lines:?}");
    assert!(lines.concat().contains(r#""message":"end""#));
}

#[test]
fn a_condition_and_a_name_are_two_things() {
    let room = Room::new();
    for (args, want) in [
        (&["cancel"][..], "say what to cancel"),
        (&["cancel", "s", "--after", "1s"], "with a condition the arguments are files"),
        (&["cancel", "--after", "1s", "--then", "x"], "--then is for a turn"),
        (&["cancel", "s", "--label", "x"], "cannot be used with"),
        (&["cancel", "--match", "("], "regex"),
        (&["cancel", "--max-cost=-1"], "--max-cost"),
    ] {
        let output = room.run(args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(shell_code(output.status), 2, "{args:?}: {said}");
        assert!(said.contains(want), "{args:?}: {said}");
    }
}

#[test]
fn ps_says_what_runs() {
    let room = Room::new();
    let head = "STREAM  LABEL  PID  AGENT  TURN  STATE  IDLE  MEMORY  COMMAND\n";
    assert_eq!(room.run(&["ps"]).stdout, head.as_bytes());
    let options = ["--stream", "run-1", "--label", "a\x1b[31m##[x]"];
    let (live, _) = room.wrap(&options, HI, "text_delta");
    let table = String::from_utf8(room.run(&["ps"]).stdout).unwrap();
    let row = table.lines().nth(1).unwrap();
    for cell in ["run-1 ", r" a^[[31m##\[x] ", " turn ", "sh -c echo hi; exec sleep 1000"] {
        assert!(row.contains(cell), "{cell:?} in {table}");
    }
    let runs = events(&room.run(&["ps", "--json"]).stdout);
    assert_eq!(runs.len(), 1);
    let run = &runs[0];
    assert_eq!((&run["stream"], &run["turn"]), (&"run-1".into(), &1.into()));
    assert_eq!((&run["open"], &run["answers"]), (&true.into(), &true.into()));
    assert_eq!(run["pid"], live.child.id());
    assert!(run["idle_ms"].is_u64() && run["seq"] == 3, "{run}");
    room.run(&["cancel", "--all"]);
    live.end();
    assert_eq!(room.run(&["ps"]).stdout, head.as_bytes());
}

#[test]
fn what_a_killed_wrap_leaves_is_cleared_away() {
    for cleaner in [&["ps"][..], &["cancel", "x"], &["wrap", "--", "true"]] {
        let room = Room::new();
        let (mut live, _) = room.wrap(&[], HI, "text_delta");
        live.child.kill().unwrap();
        live.child.wait().unwrap();
        assert_eq!(room.files().len(), 2);
        room.run(cleaner);
        assert_eq!(room.files(), Vec::<PathBuf>::new(), "{cleaner:?}");
    }
}

#[test]
fn the_socket_is_ours_alone() {
    let room = Room::new();
    let (live, _) = room.wrap(&["--stream", "s"], HI, "text_delta");
    for path in room.files() {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
    let folder = room.folder.path().join("spile");
    let mode = std::fs::metadata(folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    room.run(&["cancel", "s"]);
    live.end();
}

#[test]
fn without_a_command_there_is_no_socket() {
    let room = Room::new();
    let mut live = Live::spawn(&mut room.command(&["wrap", "--from", "text"]));
    live.write("hi\n");
    live.until("text_delta");
    assert_eq!(room.files(), Vec::<PathBuf>::new());
    live.end();
}

#[test]
fn a_wrong_request_is_refused_and_the_run_goes_on() {
    let room = Room::new();
    let (live, _) = room.wrap(&["--stream", "s"], HI, "text_delta");
    let socket = room.socket();
    for (request, code) in [
        (r#"{"spile":1,"ask":"cancel","stream":"t"}"#, "not_here"),
        (r#"{"spile":1,"ask":"cancel","stream":"s","control":"x"}"#, "not_here"),
        (r#"{"spile":1,"ask":"cancel","turn":2}"#, "other_turn"),
        (r#"{"spile":1,"ask":"cancel","then":"x"}"#, "no_redirect"),
        (r#"{"spile":1,"ask":"redirect","prompt":"x"}"#, "not_now"),
        (r#"{"spile":1,"ask":"send","text":"x"}"#, "no_messages"),
        (r#"{"spile":1,"ask":"permit","allow":true}"#, "no_question"),
    ] {
        let answer = Talk::to(&socket).ask(request);
        assert_eq!(answer["answer"], "refused", "{request}: {answer}");
        assert_eq!(answer["code"], code, "{request}: {answer}");
    }
    for garbage in [
        "{}",
        "hello",
        r#"{"spile":2,"ask":"query"}"#,
        "[1]",
        "\0",
        r#"{"spile":1,"ask":"redirect"}"#,
    ] {
        let mut talk = Talk::to(&socket);
        let answer = talk.ask(garbage);
        assert_eq!(answer["answer"], "error", "{garbage}: {answer}");
        assert_eq!(talk.hear(), None, "that was the end of it");
    }
    let state = Talk::to(&socket).ask(r#"{"spile":1,"ask":"query"}"#);
    assert_eq!((&state["open"], &state["turn"]), (&true.into(), &1.into()));
    room.run(&["cancel", "s"]);
    live.end();
}

#[test]
fn a_client_that_is_slow_or_never_stops_harms_nobody() {
    let room = Room::new();
    let (live, _) = room.wrap(&["--stream", "s"], HI, "text_delta");
    let socket = room.socket();
    // Some that say nothing, and more than there is room for.
    let silent: Vec<UnixStream> = (0..40).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    // One whose request never ends.
    let mut endless = UnixStream::connect(&socket).unwrap();
    let _ = endless.write_all(&vec![b'x'; 1 << 20]);
    // One that asks and never reads, until it is dropped.
    let mut deaf = UnixStream::connect(&socket).unwrap();
    deaf.set_write_timeout(Some(LIMIT)).unwrap();
    let query = b"{\"spile\":1,\"ask\":\"query\"}\n".repeat(1000);
    while deaf.write_all(&query).is_ok() {}
    // One that asks and will say no more.
    let mut half = Talk::to(&socket);
    half.say(r#"{"spile":1,"ask":"query"}"#);
    half.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(half.hear().unwrap()["answer"], "state");
    assert_eq!(half.hear(), None);
    let output = room.run(&["cancel", "s"]);
    assert_eq!(shell_code(output.status), 0);
    drop((silent, endless));
    assert_eq!(live.end().1, 130);
}

#[test]
fn several_wait_for_one_end_and_asked_twice_it_climbs_at_once() {
    let room = Room::new();
    // It says when it has been told to stop, and does not.
    let script = "trap 'echo told' INT; trap '' TERM; echo hi; while :; do read -r x; done";
    let options = ["--stream", "s", "--grace", "1h", "--stdin", "pipe"];
    let (mut live, _) = room.wrap(&options, script, "text_delta");
    let socket = room.socket();
    let mut first = Talk::to(&socket);
    let request = r#"{"spile":1,"ask":"cancel","reason":"one"}"#;
    assert_eq!(first.ask(request)["answer"], "accepted");
    live.until("told");
    let mut second = Talk::to(&socket);
    assert_eq!(second.ask(request)["answer"], "accepted");
    let mut third = Talk::to(&socket);
    assert_eq!(third.ask(request)["answer"], "accepted");
    let mut lines = Vec::new();
    for talk in [&mut first, &mut second, &mut third] {
        let ended = talk.hear().unwrap();
        assert_eq!(ended["answer"], "ended");
        lines.push(ended["event"].to_string());
    }
    lines.dedup();
    assert_eq!(lines.len(), 1, "all heard the same");
    assert_eq!(live.end().1, 130);
}

#[test]
fn a_reader_that_is_stuck_does_not_keep_a_turn_alive() {
    let room = Room::new();
    let mut command = room.command(&["wrap", "--stream", "s", "--", "yes", "much too much"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    // It writes until nothing fits any more, and then waits; the agent is told nevertheless.
    let mut some = vec![0; 1 << 16];
    stdout.read_exact(&mut some).unwrap();
    let mut talk = Talk::to(&room.socket());
    talk.say(r#"{"spile":1,"ask":"cancel"}"#);
    let mut rest = Vec::new();
    loop {
        let state = Talk::to(&room.socket()).ask(r#"{"spile":1,"ask":"query"}"#);
        let child = state["child"].as_i64().unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat"));
        if !stat.is_ok_and(|s| s.contains("(yes) R") || s.contains("(yes) S")) {
            break;
        }
    }
    stdout.read_to_end(&mut rest).unwrap();
    some.append(&mut rest);
    let text = String::from_utf8(some).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let ends = terminals(&lines);
    assert_eq!(ends.len(), 1);
    assert!(ends[0].contains("turn_cancelled"), "{ends:?}");
    assert_eq!(shell_code(child.wait().unwrap()), 130);
}
