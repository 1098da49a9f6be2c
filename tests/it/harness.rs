//! Pipelines of real processes in a hermetic environment. Status, stdout and stderr are always compared: what a test does
//! not mention must be success and empty. Nothing here sleeps: a test waits for bytes or for an end, with a limit.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};

/// How long anything may take before it counts as hanging.
pub const LIMIT: Duration = Duration::from_secs(30);

/// The binary under test.
pub fn bin() -> &'static str {
    env!("CARGO_BIN_EXE_spile")
}

/// Signals that are ignored where tests run under nohup or in a shell's background reach what a test starts: a handler is
/// no longer there after `exec`, and what is ignored would be.
fn heed_signals() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let ignored = ignored.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
        let signals = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGCHLD];
        for signal in
            signals.into_iter().filter(|n| ignored.unwrap_or_default() >> (n - 1) & 1 == 1)
        {
            signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false))).unwrap();
        }
    });
}

/// Skipped tests and the reasons.
static SKIPPED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Notes that the calling test is skipped; one line at the end of the run lists them all. Where NO_SKIPS is set, as in
/// .ci/run, the test fails instead.
#[track_caller]
pub fn skip(why: impl std::fmt::Display) {
    assert!(
        std::env::var_os("NO_SKIPS").is_none(),
        "NO_SKIPS is set, and this test would be skipped: {why}"
    );
    let thread = std::thread::current();
    let mut skipped = SKIPPED.lock().unwrap();
    if skipped.is_empty() {
        // SAFETY: the handler is a plain function that unwinds into nothing.
        unsafe { libc::atexit(list_skipped) };
    }
    let test = thread.name().unwrap_or("?");
    if !skipped.iter().any(|line| line.starts_with(test)) {
        skipped.push(format!("{test} ({why})"));
    }
}

/// True if the browser and its driver are installed; the calling test is noted as skipped if not.
#[track_caller]
pub fn has_browser() -> bool {
    let missing =
        ["chromium", "chromedriver"].iter().find(|name| !Path::new("/usr/bin").join(name).exists());
    if let Some(name) = missing {
        skip(format_args!("{name} is not installed"));
    }
    missing.is_none()
}

/// Folder of a package of npm; the calling test is noted as skipped if it is not there.
#[track_caller]
pub fn node_module(name: &str) -> Option<PathBuf> {
    let home = std::env::var_os("HOME").unwrap_or_default();
    let folder = Path::new(&home).join(".cache/spile-test/node_modules").join(name);
    if !folder.exists() {
        skip(format_args!("{name} is not there: npm install --prefix ~/.cache/spile-test {name}"));
        return None;
    }
    Some(folder)
}

/// Writes past the capture of libtest, which only holds what the print macros write.
extern "C" fn list_skipped() {
    let Ok(skipped) = SKIPPED.lock() else { return };
    let line = format!("skipped {}: {}\n", skipped.len(), skipped.join(", "));
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// A command in an environment that is the same on every machine.
pub fn command(program: &str, args: &[&str]) -> Command {
    heed_signals();
    let mut command = Command::new(program);
    let folder = Path::new(bin()).parent().unwrap();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", folder.display());
    command
        .args(args)
        .env_clear()
        .env("PATH", path)
        .env("LC_ALL", "C.UTF-8")
        // Below it nothing can be made, not even by root.
        .env("HOME", "/dev/null/home");
    command
}

/// `spile` with these arguments.
pub fn spile(args: &[&str]) -> Pipeline {
    Pipeline { stages: vec![args.iter().map(|a| (*a).to_owned()).collect()], stdin: Vec::new() }
}

/// Several spiles in a row.
pub struct Pipeline {
    stages: Vec<Vec<String>>,
    stdin: Vec<u8>,
}

impl Pipeline {
    /// Adds another spile behind the last.
    pub fn pipe(mut self, args: &[&str]) -> Self {
        self.stages.push(args.iter().map(|a| (*a).to_owned()).collect());
        self
    }

    /// What the first one reads; nothing if it is not said.
    pub fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.stdin = bytes.as_ref().to_vec();
        self
    }

    /// Runs it to its end.
    pub fn run(self) -> Finished {
        let mut children: Vec<Child> = Vec::new();
        for args in &self.stages {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let mut command = command(bin(), &args);
            match children.last_mut() {
                None => command.stdin(Stdio::piped()),
                Some(before) => command.stdin(Stdio::from(before.stdout.take().unwrap())),
            };
            children.push(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
        }
        let mut stdin = children[0].stdin.take().unwrap();
        let bytes = self.stdin;
        let feeder = std::thread::spawn(move || {
            let _ = stdin.write_all(&bytes);
        });
        let errors: Vec<_> = children
            .iter_mut()
            .map(|child| {
                let mut stderr = child.stderr.take().unwrap();
                std::thread::spawn(move || {
                    let mut text = String::new();
                    stderr.read_to_string(&mut text).unwrap();
                    text
                })
            })
            .collect();
        let mut stdout = Vec::new();
        children.last_mut().unwrap().stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
        feeder.join().unwrap();
        let statuses = children.iter_mut().map(|child| child.wait().unwrap()).collect();
        let stderr = errors.into_iter().map(|e| e.join().unwrap()).collect::<Vec<_>>().concat();
        let stdout = String::from_utf8(stdout).expect("stdout is UTF-8");
        Finished { statuses, stdout, stderr, status: 0, want_stderr: String::new() }
    }
}

/// What a pipeline did. It must be compared: dropping it unread would hide a failure.
#[must_use]
pub struct Finished {
    statuses: Vec<ExitStatus>,
    stdout: String,
    stderr: String,
    status: i32,
    want_stderr: String,
}

/// The number by which a shell knows a status.
pub fn shell_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

impl Finished {
    /// The last one's status is to be this, not 0.
    pub fn status(mut self, status: i32) -> Self {
        self.status = status;
        self
    }

    /// stderr is to be this, not empty.
    pub fn stderr(mut self, text: &str) -> Self {
        self.want_stderr = text.to_owned();
        self
    }

    /// Compares all of it; stdout by a look at it.
    #[track_caller]
    pub fn then(self, look: impl FnOnce(&str)) {
        assert_eq!(self.stderr, self.want_stderr, "stderr; stdout was:\n{}", self.stdout);
        let last = *self.statuses.last().unwrap();
        assert_eq!(shell_code(last), self.status, "status; stdout was:\n{}", self.stdout);
        look(&self.stdout);
    }

    /// Compares all of it.
    #[track_caller]
    pub fn stdout(self, want: &str) {
        self.then(|stdout| assert_eq!(stdout, want));
    }
}

/// A process whose stdin is still open.
pub struct Live {
    pub child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Live {
    /// Starts a spile and keeps its stdin open.
    pub fn start(args: &[&str]) -> Self {
        Self::spawn(&mut command(bin(), args))
    }

    /// Starts any command and keeps its stdin open.
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stdout);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
                line.clear();
            }
        });
        Self { child, stdin, lines }
    }

    /// Writes to its stdin.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(bytes.as_ref()).and_then(|()| stdin.flush()).unwrap();
    }

    /// Closes its stdin.
    pub fn close(&mut self) {
        self.stdin = None;
    }

    /// The next line of its stdout, with its line feed; `None` at the end.
    #[track_caller]
    pub fn line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(LIMIT) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no line within {LIMIT:?}"),
        }
    }

    /// The lines up to one that holds `text`.
    #[track_caller]
    pub fn until(&mut self, text: &str) -> Vec<String> {
        let mut seen = Vec::new();
        loop {
            let Some(line) = self.line() else { panic!("no line with {text:?} in {seen:#?}") };
            let found = line.contains(text);
            seen.push(line);
            if found {
                return seen;
            }
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for its end: the rest of its stdout and its status as a shell knows it.
    #[track_caller]
    pub fn end(mut self) -> (Vec<String>, i32) {
        self.stdin = None;
        let mut rest = Vec::new();
        while let Some(line) = self.line() {
            rest.push(line);
        }
        let status = self.child.wait().unwrap();
        (rest, shell_code(status))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a line of bash to its end: stdout, stderr and status. Killed, and a failure, after [`LIMIT`].
#[track_caller]
pub fn bash(script: &str) -> (String, String, i32) {
    bash_within(LIMIT, script)
}

/// [`bash`] with another limit, for scripts that are long on purpose.
#[track_caller]
pub fn bash_within(limit: Duration, script: &str) -> (String, String, i32) {
    let limit = limit.as_secs().to_string();
    // What the script makes with `mktemp` goes with it.
    let temporary = tempfile::tempdir().unwrap();
    let output = command("timeout", &["--signal=KILL", &limit, "bash", "-c", script])
        .env("TMPDIR", temporary.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let status = shell_code(output.status);
    assert!(status != 137, "hangs: {script}");
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    (text(output.stdout), text(output.stderr), status)
}

/// How much of the full count a stress test does: 1 of 20, or what `SPILE_STRESS` says (20 is all of it).
pub fn stress(full: u64) -> u64 {
    let twentieths = std::env::var("SPILE_STRESS").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    (full * twentieths / 20).max(1)
}

/// The lines of an output as JSON.
pub fn events(stdout: &[u8]) -> Vec<serde_json::Value> {
    let text = std::str::from_utf8(stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The text of all answers.
pub fn answer(events: &[serde_json::Value]) -> String {
    let finals = events.iter().filter(|e| e["type"] == "block_final");
    finals.map(|e| e["text"].as_str().unwrap()).collect()
}

/// The type of the event that ended the turn.
pub fn verdict(events: &[serde_json::Value]) -> &str {
    let ends = ["turn_completed", "turn_failed", "turn_cancelled"];
    let mut types = events.iter().filter_map(|e| e["type"].as_str());
    types.find(|t| ends.contains(t)).unwrap_or("none")
}
