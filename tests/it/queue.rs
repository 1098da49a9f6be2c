//! `wrap --once KEY --queue`: the order of the runs that wait, and every end of a wait.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{LIMIT, Live, bin, command, events, shell_code, skip, spile, stress};

/// A folder for the locks and files of one test.
struct Room {
    folder: tempfile::TempDir,
}

/// Appends its number to `order`.
const APPEND: &str = "echo \"$0\" >>order";

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o700)).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = command(program, args);
        command.env("XDG_RUNTIME_DIR", self.folder.path()).current_dir(self.folder.path());
        command
    }

    fn wrap(&self, options: &[&str], agent: &[&str]) -> Command {
        let once = ["wrap", "--once", "k"];
        self.command(bin(), &[&once[..], options, &["--"], agent].concat())
    }

    /// A run that has the key and does not end by itself.
    fn holder(&self) -> Live {
        let mut live = Live::spawn(&mut self.wrap(&[], &["sh", "-c", "echo up; exec sleep 1000"]));
        live.until("text_delta");
        live
    }

    /// A run that waits behind `before` others and then writes its number.
    fn waiter(&self, number: usize, before: usize) -> Live {
        let number = number.to_string();
        let mut command = self.wrap(&["--queue"], &["sh", "-c", APPEND, &number]);
        let mut live = Live::spawn(&mut command);
        live.until(&queued(before));
        live
    }

    fn bash(&self, script: &str) -> (String, String, i32) {
        let mut command = self.command("timeout", &["--signal=KILL", "60", "bash", "-c", script]);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr), shell_code(output.status))
    }

    /// The numbers of the agents in the order in which they ran.
    fn order(&self) -> Vec<usize> {
        let order = std::fs::read_to_string(self.path("order")).unwrap_or_default();
        order.lines().map(|line| line.parse().unwrap()).collect()
    }

    fn has_started(&self) -> bool {
        self.path("order").exists()
    }
}

/// Data of the status of a run that waits behind `before` others.
fn queued(before: usize) -> String {
    format!(
        "\"kind\":\"queued\",\"message\":\"{}",
        if before == 0 { "next: " } else { "waits for its turn: " }
    ) + &match before {
        0 => {
            "waits for the run with the same --once key to end\",\"data\":{\"before\":0}".to_owned()
        }
        1 => "1 run waits before it\",\"data\":{\"before\":1}".to_owned(),
        n => format!("{n} runs wait before it\",\"data\":{{\"before\":{n}}}"),
    }
}

fn end_well(live: Live) {
    let (rest, status) = live.end();
    assert_eq!(status, 0, "{rest:#?}");
}

/// Types of the events, with the kinds of statuses.
fn outline(lines: &[String]) -> Vec<String> {
    let kind = |event: &Value| match event["kind"].as_str() {
        Some(kind) if event["type"] == "status" => kind.to_owned(),
        _ => event["type"].as_str().unwrap().to_owned(),
    };
    events(lines.concat().as_bytes()).iter().map(kind).collect()
}

fn checked(lines: &[String]) {
    spile(&["check"])
        .stdin(lines.concat())
        .run()
        .then(|report| assert!(report.contains("no violations"), "{report}"));
}

#[test]
fn runs_go_in_the_order_in_which_they_came() {
    for _ in 0..stress(20) {
        let room = Room::new();
        let holder = room.holder();
        let waiters: Vec<Live> = (0..20).map(|n| room.waiter(n, n)).collect();
        holder.signal(Signal::TERM);
        assert_eq!(holder.end().1, 143);
        waiters.into_iter().for_each(end_well);
        assert_eq!(room.order(), (0..20).collect::<Vec<_>>());
        // Nothing is left but the lock.
        let left = std::fs::read_dir(room.path("spile")).unwrap();
        assert_eq!(left.map(|e| e.unwrap().file_name()).collect::<Vec<_>>(), ["once-k"]);
    }
}

#[test]
fn killed_waiters_leave_no_gap() {
    for round in 0..stress(40) {
        let room = Room::new();
        let holder = room.holder();
        let mut waiters: Vec<Option<Live>> = (0..8).map(|n| Some(room.waiter(n, n))).collect();
        // Every set of waiters but the last, which sees the others go, in the course of the rounds.
        let killed = (round * 37 + 0b101_0011) % 128;
        let is_killed = |n: usize| killed >> n & 1 == 1;
        for n in (0..7).filter(|n| is_killed(*n)) {
            let waiter = waiters[n].take().unwrap();
            waiter.signal(Signal::KILL);
            assert_eq!(waiter.end().1, 137);
        }
        let left: Vec<usize> = (0..8).filter(|n| !is_killed(*n)).collect();
        if left.len() < 8 {
            waiters[7].as_mut().unwrap().until(&queued(left.len() - 1));
        }
        holder.signal(Signal::TERM);
        assert_eq!(holder.end().1, 143);
        waiters.into_iter().flatten().for_each(end_well);
        assert_eq!(room.order(), left);
    }
}

#[test]
fn a_killed_run_lets_the_next_go() {
    let room = Room::new();
    let holder = room.holder();
    let mut next =
        Live::spawn(&mut room.wrap(&["--queue"], &["sh", "-c", "echo up; exec sleep 1000"]));
    next.until(&queued(0));
    let last = room.waiter(7, 1);
    for run in [holder, next] {
        run.signal(Signal::KILL);
        assert_eq!(run.end().1, 137);
    }
    end_well(last);
    assert_eq!(room.order(), [7]);
}

#[test]
fn the_stream_of_a_run_that_waited_is_whole() {
    let room = Room::new();
    let holder = room.holder();
    let mut live = Live::spawn(&mut room.wrap(&["--queue"], &["sh", "-c", APPEND, "1"]));
    let mut lines = live.until(&queued(0));
    holder.signal(Signal::KILL);
    let (rest, status) = live.end();
    lines.extend(rest);
    assert_eq!((status, holder.end().1), (0, 137));
    let want = ["queued", "session", "turn_started", "turn_completed", "exit"];
    assert_eq!(outline(&lines), want);
    checked(&lines);
    // A free key does not wait.
    let output = room.wrap(&["--queue"], &["true"]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(shell_code(output.status), 0);
    assert!(!String::from_utf8(output.stdout).unwrap().contains("queued"));
}

#[test]
fn a_signal_ends_a_wait() {
    let room = Room::new();
    let _holder = room.holder();
    let waits = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129), (Signal::USR1, 138)];
    for (signal, want) in waits {
        let mut first = Live::spawn(&mut room.wrap(&["--queue"], &["sh", "-c", APPEND, "1"]));
        let mut lines = first.until(&queued(0));
        let mut second = room.waiter(2, 1);
        first.signal(signal);
        let (rest, status) = first.end();
        lines.extend(rest);
        assert_eq!(status, want);
        assert_eq!(outline(&lines), ["queued", "turn_started", "turn_cancelled"]);
        let all = events(lines.concat().as_bytes());
        let name = signal_hook::low_level::signal_name(signal.as_raw()).unwrap();
        assert_eq!((&all[2]["by"], &all[2]["reason"]), (&"signal".into(), &name.into()));
        checked(&lines);
        second.until(&queued(0));
    }
    assert!(!room.has_started());
}

#[test]
fn a_reader_that_goes_ends_a_wait() {
    let room = Room::new();
    let _holder = room.holder();
    let line = "spile wrap --once k --queue -- sh -c 'echo 1 >>order' | head -1 | jq -c .data; echo ${PIPESTATUS[0]}";
    let (stdout, stderr, status) = room.bash(line);
    assert_eq!((stdout.as_str(), stderr.as_str(), status), ("{\"before\":0}\n141\n", "", 0));
    assert!(!room.has_started());
}

#[test]
fn a_wait_has_a_limit() {
    let room = Room::new();
    let _holder = room.holder();
    std::fs::write(room.path("raw"), "kept").unwrap();
    let options = ["--queue", "--queue-timeout", "150ms", "--record", "raw"];
    let output =
        room.wrap(&options, &["sh", "-c", APPEND, "1"]).stdin(Stdio::null()).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let lines = [String::from_utf8(output.stdout).unwrap()];
    assert_eq!(shell_code(output.status), 79, "{stderr}");
    let said = "spile: the turn of this run with --once k did not come within 150ms (--queue-timeout): let process ";
    assert!(stderr.starts_with(said) && stderr.lines().count() == 1, "{stderr}");
    assert_eq!(outline(&lines), ["queued", "turn_started", "turn_failed"]);
    let end = &events(lines[0].as_bytes())[2];
    assert_eq!(end["error"]["code"], "spawn_failed");
    checked(&lines);
    assert!(!room.has_started());
    assert_eq!(std::fs::read_to_string(room.path("raw")).unwrap(), "kept");
    // 0 is no limit.
    let mut live = Live::spawn(&mut room.wrap(&["--queue", "--queue-timeout", "0"], &["true"]));
    live.until(&queued(0));
}

#[test]
fn a_run_that_does_not_wait_does_not_overtake() {
    let room = Room::new();
    // A ticket of another process, far in the future: a clock that was set back changes no order.
    let queue = room.path("spile").join("once-k.queue");
    assert_eq!(shell_code(room.wrap(&[], &["true"]).stdout(Stdio::null()).status().unwrap()), 0);
    std::fs::create_dir(&queue).unwrap();
    let path = queue.join("09999999999999999999-77");
    let mut ticket = std::fs::File::create(&path).unwrap();
    ticket.write_all(b"").unwrap();
    flock(&ticket, FlockOperation::LockExclusive).unwrap();
    let output = room.wrap(&[], &["true"]).stdin(Stdio::null()).output().unwrap();
    let said = "spile: another run with --once k waits for its turn (process 77): wait behind it with --queue, or stop it\n";
    assert_eq!(String::from_utf8(output.stderr).unwrap(), said);
    assert_eq!((shell_code(output.status), output.stdout.as_slice()), (79, &b""[..]));
    let waiters = [room.waiter(1, 1), room.waiter(2, 2)];
    // Its owner is dead without a trace but the file.
    drop(ticket);
    waiters.into_iter().for_each(end_well);
    assert_eq!(room.order(), [1, 2]);
    assert!(!queue.exists());
}

#[test]
fn a_folder_that_is_removed_changes_no_order() {
    let room = Room::new();
    let holder = room.holder();
    let waiters: Vec<Live> = (0..4).map(|n| room.waiter(n, n)).collect();
    let mut last = room.waiter(4, 4);
    std::fs::remove_dir_all(room.path("spile")).unwrap();
    // The tickets come back, and the run that has the key is still waited for.
    let queue = room.path("spile").join("once-k.queue");
    let since = Instant::now();
    while std::fs::read_dir(&queue).map_or(0, Iterator::count) < 5 {
        assert!(since.elapsed() < LIMIT);
        std::thread::yield_now();
    }
    let late = room.waiter(5, 5);
    waiters[1].signal(Signal::KILL);
    last.until(&queued(3));
    assert!(!room.has_started());
    holder.signal(Signal::TERM);
    assert_eq!(holder.end().1, 143);
    for (n, waiter) in waiters.into_iter().chain([last, late]).enumerate() {
        assert_eq!(waiter.end().1, if n == 1 { 137 } else { 0 });
    }
    assert_eq!(room.order(), [0, 2, 3, 4, 5]);
}

#[test]
fn runs_whose_processes_are_numbered_apart_wait_for_each_other() {
    let room = Room::new();
    let (.., status) = room.bash("unshare -pf --mount-proc true 2>/dev/null");
    if status != 0 {
        return skip("needs root and unshare");
    }
    let holder = room.holder();
    let waiters: Vec<Live> = (0..4)
        .map(|n| {
            let spile = [bin(), "wrap", "--once", "k", "--queue", "--", "sh", "-c", APPEND];
            let args = [&["-pf", "--mount-proc", "--kill-child"], &spile[..]].concat();
            let number = n.to_string();
            let args = [&args[..], &[number.as_str()]].concat();
            let mut live = Live::spawn(&mut room.command("unshare", &args));
            live.until(&queued(n));
            live
        })
        .collect();
    holder.signal(Signal::TERM);
    assert_eq!(holder.end().1, 143);
    waiters.into_iter().for_each(end_well);
    assert_eq!(room.order(), [0, 1, 2, 3]);
}

#[test]
fn the_options_need_each_other() {
    for (args, needed) in [
        (&["wrap", "--queue", "--", "true"][..], "--once <KEY>"),
        (&["wrap", "--once", "k", "--queue-timeout", "1s", "--", "true"], "--queue"),
    ] {
        let output = command(bin(), args).output().unwrap();
        assert_eq!(shell_code(output.status), 2);
        assert!(String::from_utf8(output.stderr).unwrap().contains(needed));
    }
}
