//! Background runs: `spile start`, what it keeps of its caller, and the files of a run.

pub mod full;
mod killed;
mod looks;
mod queued;
mod several;
mod within;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use spile::run::state::{Closed, RunFolder, RunLife, StateFolder};

use crate::harness::{LIMIT, bin, command, shell_code, spile};

/// State directory and runtime folder of one test.
pub struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn state(&self) -> StateFolder {
        StateFolder::open_at(&self.path().join("state")).unwrap()
    }

    /// A program with these directories.
    pub fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = command(program, args);
        command.env("SPILE_STATE", self.path().join("state")).env("TMPDIR", self.path());
        command.stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(bin(), args).output().unwrap()
    }

    /// A line of bash, killed if it takes too long: stdout and status.
    pub fn bash(&self, script: &str) -> (String, i32) {
        let mut command = self.command("timeout", &["--signal=KILL", "60", "bash", "-c", script]);
        let output = command.output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), shell_code(output.status))
    }

    /// Starts a shell script in the background; its stream.
    #[track_caller]
    pub fn start(&self, options: &[&str], script: &str) -> String {
        let args = [&["start"], options, &["--", "sh", "-c", script]].concat();
        let output = self.run(&args);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((shell_code(output.status), stderr.as_str()), (0, ""));
        let stream = String::from_utf8(output.stdout).unwrap();
        stream.strip_suffix('\n').unwrap().to_owned()
    }

    pub fn folder_of(&self, stream: &str) -> RunFolder {
        self.state().run(stream).unwrap().unwrap()
    }

    pub fn events_path(&self, stream: &str) -> PathBuf {
        self.path().join("state/runs").join(stream).join("events.ndjson")
    }

    /// Events of a run so far, whole lines only.
    pub fn events(&self, stream: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.events_path(stream)).unwrap();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Waits until the run's processes have ended, and closes it.
    #[track_caller]
    pub fn ended(&self, stream: &str) -> Vec<Value> {
        let run = self.folder_of(stream);
        wait_for("the end of the run", || run.life().unwrap() == RunLife::Over);
        let closed = run.close().unwrap();
        assert!(!matches!(closed, Closed::Held | Closed::ReadOnly(..)), "{closed:?}");
        self.clean(stream);
        self.events(stream)
    }

    /// Holds a run's events against the contract.
    #[track_caller]
    pub fn clean(&self, stream: &str) {
        let path = self.events_path(stream);
        spile(&["check", path.to_str().unwrap()])
            .run()
            .then(|report| assert!(report.contains("no violations"), "{report}"));
    }
}

/// Waits for something that another process does.
#[track_caller]
pub fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let since = std::time::Instant::now();
    while !is_so() {
        assert!(since.elapsed() < LIMIT, "waited in vain for {what}");
        std::thread::yield_now();
    }
}

/// Number of terminal events and of `exit`.
pub fn ends(events: &[Value]) -> (usize, usize) {
    let terminal = |e: &&Value| {
        ["turn_completed", "turn_failed", "turn_cancelled"].contains(&e["type"].as_str().unwrap())
    };
    (events.iter().filter(terminal).count(), events.iter().filter(|e| e["kind"] == "exit").count())
}

/// True if a process has this in its environment.
pub fn has_process(variable: &str) -> bool {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries.map(|entry| entry.path().join("environ")).any(|path| {
        let environment = std::fs::read(path).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|it| it == variable.as_bytes())
    })
}

#[test]
fn a_run_writes_its_files_and_ends() {
    let home = Home::new();
    let stream = home.start(&["--label", "docs", "--timeout", "90s"], "echo one; echo two >&2");
    let events = home.ended(&stream);
    assert_eq!(ends(&events), (1, 1));
    assert_eq!(events.last().unwrap()["data"]["code"], 0);
    let run = home.folder_of(&stream);
    let info = run.info().unwrap();
    assert_eq!(info.argv, ["sh", "-c", "echo one; echo two >&2"]);
    assert_eq!((info.label.as_deref(), info.by.as_str()), (Some("docs"), "cli"));
    assert_eq!(info.limits["timeout"], "90s");
    let bytes = std::fs::metadata(home.events_path(&stream)).unwrap().len();
    let summary = run.summary().unwrap();
    assert_eq!((summary.turns, summary.bytes), (1, bytes));
    assert!(summary.state.is_over());
    assert!(!run.path().join("control.sock").exists());
    assert_eq!(run.messages(), "");
}

#[test]
fn a_command_that_cannot_be_started_is_told_at_once_and_stands_in_its_file() {
    let home = Home::new();
    for (words, status, why) in [
        (&["no-such-command"][..], 127, "spile: cannot start no-such-command: command not found\n"),
        (
            &["/etc/passwd"],
            126,
            "spile: cannot start /etc/passwd: permission denied: is it executable?\n",
        ),
    ] {
        let output = home.run(&[&["start", "--"], words].concat());
        assert_eq!(shell_code(output.status), status);
        assert_eq!(String::from_utf8_lossy(&output.stderr), why);
        assert!(output.stdout.is_empty());
    }
    for stream in home.state().streams().unwrap() {
        let events = home.ended(&stream);
        assert_eq!(events.last().unwrap()["error"]["code"], "spawn_failed");
    }
}

#[test]
fn wrong_options_make_no_run() {
    let home = Home::new();
    for (args, why) in [
        (&["--stdin", "pipe", "--", "cat"][..], "no stdin"),
        (&[], "there is no command"),
        (&["--each", "2", "--once", "k", "--", "true"], "not for --each"),
        (&["--cwd", "/dev/null/none", "--", "true"], "cannot start in /dev/null/none"),
        (&["--stream", "..", "--", "true"], "1 to 64"),
    ] {
        let output = home.run(&[&["start"], args].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((shell_code(output.status), output.stdout.len()), (2, 0), "{said}");
        assert!(said.contains(why), "{said}");
    }
    assert!(home.state().streams().unwrap().is_empty());
    home.start(&["--stream", "mine"], "true");
    let output = home.run(&["start", "--stream", "mine", "--", "true"]);
    assert_eq!(shell_code(output.status), 2);
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("there is a run with the stream mine")
    );
    home.ended("mine");
}

#[test]
fn only_a_state_directory_of_the_user_alone_is_used() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let state = home.path().join("state");
    drop(home.state());
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o770)).unwrap();
    let output = home.run(&["start", "--", "true"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("can be written by others (mode 0770)"), "{said}");
    assert_ne!(shell_code(output.status), 0);
    assert_eq!(std::fs::read_dir(state.join("runs")).unwrap().count(), 0);
}

/// Nothing that the caller reads to its end stays open: not its stdout, and no further descriptor.
#[test]
fn a_substitution_ends_with_start_although_the_agent_keeps_all_open() {
    let home = Home::new();
    let script = r#"
        exec 5> >(cat >/dev/null)
        id=$(spile start --label keeps -- sh -c 'echo up; exec sleep 1000' 3>&1 4>&1 7>&5)
        for fd in /proc/$(spile ps --json | jq .pid)/fd/*; do readlink "$fd"; done | grep -c pipe:
        spile cancel --label keeps --grace 100ms >/dev/null
        echo "$id""#;
    let (stdout, status) = home.bash(script);
    let (pipes, stream) = stdout.trim_end().split_once('\n').unwrap();
    // Those of the agent's stdout and stderr.
    assert_eq!((pipes, status), ("2", 0), "{stdout}");
    assert_eq!(ends(&home.ended(stream)), (1, 1));
}

#[test]
fn a_run_survives_its_shell_and_its_terminal() {
    let home = Home::new();
    // A shell that leads a session with a terminal: its end hangs the terminal up.
    let inner = "spile start --stream survivor -- sh -c 'while [ ! -e go ]; do sleep 0.01; done; echo done' >/dev/null; kill -HUP $$";
    let mut shell = home.command("script", &["-qec", inner, "/dev/null"]);
    shell.current_dir(home.path()).stdout(Stdio::null());
    shell.output().unwrap();
    let run = home.folder_of("survivor");
    assert_eq!(run.life().unwrap(), RunLife::Alive);
    let wrap = home.run(&["ps", "--json"]);
    let row: Value = serde_json::from_slice(&wrap.stdout).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", row["pid"])).unwrap();
    let terminal = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(4).unwrap();
    assert_eq!(terminal, "0", "no controlling terminal");
    std::fs::write(home.path().join("go"), "").unwrap();
    let events = home.ended("survivor");
    assert_eq!(events.last().unwrap()["data"]["code"], 0);
    assert!(events.iter().any(|event| event["text"] == "done\n"));
}

#[test]
fn soft_limits_and_signals_of_the_caller_do_not_reach_the_run() {
    let home = Home::new();
    let script = r#"
        ulimit -S -f 1; ulimit -S -t 100; trap '' TERM
        id=$(spile start -- sh -c 'ulimit -S -f; ulimit -S -t; yes | head -c 100000')
        echo "$id""#;
    let (stdout, _) = home.bash(script);
    let events = home.ended(stdout.trim_end());
    let text: String = events
        .iter()
        .filter(|event| event["type"] == "text_delta")
        .map(|event| event["text"].as_str().unwrap())
        .collect();
    assert!(text.starts_with("unlimited\nunlimited\n"), "{}", &text[..40]);
    assert_eq!(text.matches("y\n").count(), 50_000);
}

#[test]
fn several_runs_of_one_command() {
    let home = Home::new();
    let args =
        ["start", "--each", "3", "--label", "try", "--", "sh", "-c", "echo number $SPILE_INDEX"];
    let output = home.run(&args);
    let streams = String::from_utf8(output.stdout).unwrap();
    let mut said: Vec<String> = streams
        .lines()
        .map(|stream| {
            let events = home.ended(stream);
            assert_eq!(events[0]["label"], "try");
            let last = events.iter().find(|event| event["type"] == "block_final").unwrap();
            last["text"].as_str().unwrap().to_owned()
        })
        .collect();
    said.sort();
    assert_eq!(said, ["number 1\n", "number 2\n", "number 3\n"]);
    let output = home.run(&["start", "--each", "3", "--", "no-such-command"]);
    assert_eq!((shell_code(output.status), output.stdout.len()), (127, 0));
}

#[test]
fn the_prompt_is_written_only_when_asked() {
    let home = Home::new();
    let secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
    let prompt = format!("use {secret} now");
    let options = ["--prompt", &prompt, "--redact", "--stream", "quiet"];
    home.start(&options, "cat");
    home.ended("quiet");
    let info = home.folder_of("quiet").info().unwrap();
    assert_eq!((info.prompt, info.prompt_sha256.unwrap().len()), (None, 64));
    let options = ["--prompt", &prompt, "--redact", "--log-prompt", "--stream", "logged"];
    home.start(&options, "cat");
    home.ended("logged");
    let info = home.folder_of("logged").info().unwrap();
    assert!(info.prompt.unwrap().starts_with("use "));
    let (found, status) = home.bash(&format!("grep -rl {secret} {}", home.path().display()));
    assert_eq!((found.as_str(), status), ("", 1), "no file has the secret");
}

#[test]
fn a_run_is_found_without_the_folder_of_the_login() {
    let home = Home::new();
    let login = home.path().join("login");
    std::fs::create_dir(&login).unwrap();
    let mut start = home.command(bin(), &["start", "--label", "l", "--", "sleep", "1000"]);
    start.env("XDG_RUNTIME_DIR", &login);
    let stream = String::from_utf8(start.output().unwrap().stdout).unwrap();
    std::fs::remove_dir_all(&login).unwrap();
    let (row, _) = home.bash("spile ps | tail -n +2");
    assert!(row.starts_with(stream.trim_end()), "{row}");
    let proof = home.run(&["cancel", "--label", "l", "--grace", "100ms"]);
    let proof: Value = serde_json::from_slice(&proof.stdout).unwrap();
    assert_eq!((&proof["type"], &proof["by"]), (&"turn_cancelled".into(), &"control".into()));
    assert_eq!(ends(&home.ended(stream.trim_end())), (1, 1));
}

#[test]
fn an_event_file_over_its_limit_ends_the_run() {
    let home = Home::new();
    let stream = home.start(&["--max-run", "20k"], "yes xxxxxxxxxxxxxxxxxxxxxxxxxx");
    let events = home.ended(&stream);
    let end = events.iter().find(|event| event["type"] == "turn_failed").unwrap();
    assert_eq!(end["error"]["code"], "budget");
    assert_eq!(ends(&events), (1, 1));
}

#[test]
fn a_run_that_waits_for_its_turn_is_started() {
    let home = Home::new();
    let first = home.start(&["--once", "k"], "while [ ! -e $TMPDIR/go ]; do sleep 0.01; done");
    let taken = home.run(&["start", "--once", "k", "--", "true"]);
    assert_eq!((shell_code(taken.status), taken.stdout.len()), (79, 0));
    let second = home.start(&["--once", "k", "--queue"], "echo mine");
    assert_eq!(home.events(&second)[0]["kind"], "queued");
    std::fs::write(home.path().join("go"), "").unwrap();
    home.ended(&first);
    let events = home.ended(&second);
    assert_eq!(ends(&events), (1, 1));
    let bytes = std::fs::metadata(home.events_path(&second)).unwrap().len();
    assert_eq!(home.folder_of(&second).summary().unwrap().bytes, bytes);
    assert_eq!(home.state().streams().unwrap().len(), 2, "the refused one left nothing");
}

#[test]
fn a_command_is_told_of_the_end() {
    let home = Home::new();
    let notify =
        "cmd:{ cat; echo \" $SPILE_STREAM\"; } >$TMPDIR/told.new; mv $TMPDIR/told.new $TMPDIR/told";
    let stream = home.start(&["--notify", notify], "exit 3");
    let told = home.path().join("told");
    wait_for("the notification", || told.exists());
    let told = std::fs::read_to_string(told).unwrap();
    let (summary, name) = told.trim_end().rsplit_once(' ').unwrap();
    let summary: Value = serde_json::from_str(summary).unwrap();
    assert_eq!((name, &summary["state"]), (stream.as_str(), &"failed".into()));
    assert_eq!(summary["exit"]["code"], 3);
}

#[test]
fn a_label_is_a_name_for_cancel() {
    let home = Home::new();
    // The run can be asked as soon as start has returned.
    for n in 0..5 {
        let stream = home.start(&["--label", "docs"], "exec sleep 1000");
        let proof = home.run(&["cancel", "docs", "--grace", "100ms"]);
        assert_eq!(shell_code(proof.status), 0, "{n}: {proof:?}");
        assert_eq!(ends(&home.ended(&stream)), (1, 1));
    }
}

#[test]
fn the_summary_of_a_run_that_never_started_is_told() {
    let home = Home::new();
    let first = home.start(&["--once", "k"], "exec sleep 1000");
    let notify = "cmd:cat >$TMPDIR/told.new; mv $TMPDIR/told.new $TMPDIR/told";
    let options = ["--once", "k", "--queue", "--queue-timeout", "200ms", "--notify", notify];
    let second = home.start(&options, "echo mine");
    let told = home.path().join("told");
    wait_for("the notification", || told.exists());
    let summary: Value = serde_json::from_slice(&std::fs::read(told).unwrap()).unwrap();
    assert_eq!((&summary["state"], &summary["turns"]), (&"failed".into(), &1.into()));
    home.run(&["cancel", &first, "--grace", "100ms"]);
    assert_eq!(ends(&home.ended(&second)).0, 1);
    home.ended(&first);
}

#[test]
fn a_name_that_cannot_be_printed_is_told() {
    let home = Home::new();
    let (stderr, status) = home.bash("spile start --stream s -- true 2>&1 >/dev/full");
    assert!(stderr.contains("these runs were started all the same: s"), "{stderr}");
    assert_eq!(status, 73);
    home.ended("s");
}
