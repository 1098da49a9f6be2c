//! `spile attach` and `spile logs`: what a reader of background runs gets, from their files while they grow.

mod live;
mod several;

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use spile::run::state::{RunFolder, RunLock, StateFolder};
use spile::runs::info::RunInfo;

use crate::harness::{LIMIT, Live, bin, command, shell_code, stress};

/// A state directory of one test alone.
struct Room {
    folder: tempfile::TempDir,
    state: StateFolder,
}

/// A background run whose wrap is the test.
struct Run {
    folder: RunFolder,
    events: File,
    lock: Option<RunLock>,
}

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::open_at(&folder.path().join("state")).unwrap();
        std::fs::create_dir(folder.path().join("run")).unwrap();
        Self { folder, state }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn in_room(&self, command: &mut Command) {
        command.env("SPILE_STATE", self.path("state")).env("XDG_RUNTIME_DIR", self.path("run"));
        command.env("TMPDIR", self.path("run")).env("HOME", self.folder.path());
        command.current_dir(&self.folder).stdin(Stdio::null());
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = command(bin(), args);
        self.in_room(&mut command);
        command
    }

    fn bash(&self, script: &str) -> (String, String, i32) {
        let limit = LIMIT.as_secs().to_string();
        let mut bash = command("timeout", &["--signal=KILL", &limit, "bash", "-c", script]);
        self.in_room(&mut bash);
        let output = bash.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr), shell_code(output.status))
    }

    /// A run with this label and this second of its start.
    fn run(&self, stream: &str, label: &str, second: u64) -> Run {
        let label = (!label.is_empty()).then(|| label.to_owned());
        let info = RunInfo { label, started: time(second), ..RunInfo::default() };
        let (folder, lock) = self.state.create(stream, &info).unwrap().unwrap();
        Run { events: folder.append_events().unwrap(), folder, lock: Some(lock) }
    }

    /// stdout, stderr and status of a spile that ends by itself.
    fn output(&self, args: &[&str]) -> (Vec<u8>, String, i32) {
        let output = self.command(args).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        (output.stdout, stderr, shell_code(output.status))
    }

    /// A spile that goes on; its stdin is not read.
    fn live(&self, args: &[&str]) -> Live {
        Live::spawn(&mut self.command(args))
    }
}

impl Run {
    fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.events.write_all(bytes.as_ref()).unwrap();
    }

    /// Ends the run, with these events first.
    fn end(&mut self, bytes: impl AsRef<[u8]>) {
        self.write(bytes);
        self.lock = None;
    }

    fn file(&self) -> Vec<u8> {
        std::fs::read(self.path()).unwrap()
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("events.ndjson")
    }
}

fn time(second: u64) -> String {
    format!("2026-01-01T00:{:02}:{:02}.000Z", second / 60, second % 60)
}

fn event(stream: &str, seq: u64, second: u64, type_: &str, rest: &str) -> String {
    let ts = time(second);
    let turn = if type_ == "status" { "" } else { r#""turn":1,"# };
    format!(
        r#"{{"v":1,"type":"{type_}","stream":"{stream}",{turn}"seq":{seq},"ts":"{ts}",{rest}}}"#
    ) + "\n"
}

fn session(stream: &str) -> String {
    let rest = r#""kind":"session","data":{"pid":1,"argv":["x"],"adapter":"text","control":{"pid":1,"word":"w"}}"#;
    event(stream, 1, 0, "status", rest)
}

fn turn_started(stream: &str) -> String {
    event(stream, 2, 0, "turn_started", r#""runtime":"text""#)
}

fn delta(stream: &str, seq: u64, text: &str) -> String {
    let rest = format!(r#""block":"b1","kind":"answer","text":"{text}""#);
    event(stream, seq, seq, "text_delta", &rest)
}

/// End of a run that completed, with three numbers from `seq` on.
fn completed(stream: &str, seq: u64) -> String {
    let block = r#""block":"b1","kind":"answer","text":"""#;
    event(stream, seq, seq, "block_final", block)
        + &event(stream, seq + 1, seq, "turn_completed", r#""stop":"end_turn""#)
        + &exit(stream, seq + 2)
}

fn exit(stream: &str, seq: u64) -> String {
    event(stream, seq, seq, "status", r#""kind":"exit","data":{"code":0,"killed":false}"#)
}

/// Events of a run that has ended with this terminal event.
fn ended_by(type_: &str, rest: &str) -> String {
    [session("s"), turn_started("s"), event("s", 3, 3, type_, rest), exit("s", 4)].concat()
}

#[test]
fn a_run_that_is_over_is_printed_as_it_stands_with_its_status() {
    let limited = r#""error":{"code":"rate_limited","message":"m"}"#;
    for (type_, rest, want) in [
        ("turn_completed", r#""stop":"end_turn""#, 0),
        ("turn_failed", limited, 75),
        ("turn_cancelled", r#""by":"signal","reason":"r""#, 130),
    ] {
        let room = Room::new();
        room.run("s", "", 0).end(ended_by(type_, rest));
        let want = (ended_by(type_, rest).into_bytes(), String::new(), want);
        for args in [&["attach", "s"][..], &["logs", "s"], &["attach"], &["logs", "--all"]] {
            assert_eq!(room.output(args), want, "{args:?}");
        }
    }
}

#[test]
fn garbage_and_a_huge_line_pass() {
    let room = Room::new();
    let mut run = room.run("s", "", 0);
    let huge = delta("s", 3, &"x".repeat(20 << 20));
    let garbage = b"\xff\xfe\0garbage\n\n{}\n";
    let parts = [session("s").as_bytes(), turn_started("s").as_bytes(), huge.as_bytes()].concat();
    let mut live = room.command(&["attach", "s"]).stdout(Stdio::piped()).spawn().unwrap();
    // The huge line arrives in pieces.
    parts.chunks(1 << 20).for_each(|piece| run.write(piece));
    run.write(garbage);
    run.end(completed("s", 4));
    let mut out = Vec::new();
    live.stdout.take().unwrap().read_to_end(&mut out).unwrap();
    assert!(out == run.file(), "{} bytes of {}", out.len(), run.file().len());
    assert_eq!(shell_code(live.wait().unwrap()), 0);
}

#[test]
fn a_run_whose_wrap_died_is_closed_by_its_reader() {
    let room = Room::new();
    let mut run = room.run("s", "", 0);
    run.write([session("s"), turn_started("s")].concat());
    let mut live = room.live(&["attach", "s"]);
    live.until("turn_started");
    run.end(&delta("s", 3, "lost")[..40]);
    let (rest, status) = live.end();
    assert!(rest[0].contains("turn_failed") && rest[0].contains("truncated"), "{rest:?}");
    assert!(rest[1].contains(r#""lost":true"#) && rest.len() == 2, "{rest:?}");
    assert_eq!(status, 1);
    assert_eq!(room.output(&["logs", "s"]), (run.file(), String::new(), 1));
}

#[test]
fn from_a_number_or_from_now() {
    let room = Room::new();
    let mut run = room.run("s", "", 0);
    run.write([session("s"), turn_started("s"), delta("s", 3, "a"), delta("s", 4, "b")].concat());
    let mut now = room.live(&["attach", "s", "--from", "now"]);
    let first = now.until("turn_started").concat();
    let gap = first.lines().next().unwrap();
    assert!(gap.contains(r#""kind":"gap""#) && gap.contains(r#""to_seq":4"#), "{gap}");
    assert!(!gap.contains(r#""seq":"#), "{gap}");
    assert!(first.ends_with(&[session("s"), turn_started("s")].concat()));
    let mut four = room.live(&["attach", "s", "--from", "4"]);
    assert_eq!(four.line(), Some(delta("s", 4, "b")));
    let later = [delta("s", 5, "c"), "{\"v\":1}\n".into(), completed("s", 6)].concat();
    run.end(&later);
    let (rest, status) = now.end();
    assert_eq!((rest.concat(), status), (later.clone(), 0));
    crate::harness::spile(&["check", "--partial"])
        .stdin(first + &later.replace("{\"v\":1}\n", ""))
        .run()
        .then(|report| assert!(report.contains("no violations"), "{report}"));
    assert_eq!(four.end(), (later.split_inclusive('\n').map(str::to_owned).collect(), 0));
    let all = room.output(&["attach", "s", "--from", "now"]);
    assert_eq!(all, (Vec::new(), String::new(), 0), "nothing comes any more");
    let (out, _, status) = room.output(&["attach", "s", "--from", "5"]);
    assert_eq!((String::from_utf8(out).unwrap(), status), (later, 0));
}

#[test]
fn what_is_there_ends_where_the_file_ended() {
    let room = Room::new();
    let mut run = room.run("s", "", 0);
    run.write([session("s"), turn_started("s")].concat() + "{\"v\":1,\"torn");
    let want = [session("s"), turn_started("s")].concat().into_bytes();
    for args in [&["logs", "s"][..], &["attach", "--no-follow"], &["logs", "--all"]] {
        assert_eq!(room.output(args), (want.clone(), String::new(), 0), "{args:?}");
    }
}

#[test]
fn a_signal_detaches_and_the_run_goes_on() {
    let room = Room::new();
    let mut run = room.run("s", "", 0);
    run.write([session("s"), turn_started("s")].concat());
    for (signal, want) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut live = room.live(&["attach", "s"]);
        live.until("turn_started");
        live.signal(signal);
        assert_eq!(live.end(), (Vec::new(), want));
    }
    let before = run.file();
    assert_eq!(
        before,
        [session("s"), turn_started("s")].concat().into_bytes(),
        "and is not closed"
    );
    run.end(completed("s", 3));
    assert_eq!(room.output(&["attach", "s"]).0, run.file());
}

#[test]
fn it_ends_when_its_reader_has_gone() {
    let room = Room::new();
    let mut run = room.run("s", "", 0);
    run.write([session("s"), turn_started("s")].concat());
    let script = "spile attach s | head -1; echo ${PIPESTATUS[@]}";
    let (out, err, status) = room.bash(script);
    assert_eq!((out, err, status), (session("s") + "141 0\n", String::new(), 0));
    let (_, err, status) = room.bash("spile logs s >/dev/full");
    let full = "spile: cannot write to stdout: No space left on device (os error 28)\n";
    assert_eq!((err.as_str(), status), (full, 73));
}

/// Largest memory that a process has had, in bytes.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

#[test]
fn a_slow_reader_costs_no_memory_and_loses_nothing() {
    let room = Room::new();
    let mut run = room.run("s", "", 0);
    run.write([session("s"), turn_started("s")].concat());
    let text = "x".repeat(1000);
    let deltas: String = (3..60_000).map(|seq| delta("s", seq, &text)).collect();
    run.write(&deltas);
    let mut child = room.command(&["attach", "s"]).stdout(Stdio::piped()).spawn().unwrap();
    let (mut out, mut stdout) = (vec![0; deltas.len() / 2], child.stdout.take().unwrap());
    stdout.read_exact(&mut out).unwrap();
    let memory = peak(child.id());
    assert!(memory < 24 << 20, "{memory} bytes");
    // It is not stuck in its write.
    let mut other = room.command(&["attach", "s"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut blocked = other.stdout.take().unwrap();
    blocked.read_exact(&mut [0]).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_child(&other), Signal::INT).unwrap();
    assert_eq!(shell_code(other.wait().unwrap()), 130);
    run.end(completed("s", 60_000));
    stdout.read_to_end(&mut out).unwrap();
    assert!(out == run.file());
    assert_eq!(shell_code(child.wait().unwrap()), 0);
}

#[test]
fn stages_behind_it_get_the_bytes_of_the_file() {
    let room = Room::new();
    let mut run = room.run("s", "", 0);
    run.write([session("s"), turn_started("s"), delta("s", 3, "hello")].concat());
    let script =
        "spile attach s | tee one >(cat >two) | spile tee --ledger d.db three >four & pid=$!
        spile attach s | spile view --format text >text; wait $pid";
    let ends = std::thread::spawn({
        let mut bash = command("bash", &["-c", script]);
        room.in_room(&mut bash);
        move || bash.output().unwrap()
    });
    let block = event("s", 4, 4, "block_final", r#""block":"b1","kind":"answer","text":"hello""#);
    let rest = event("s", 5, 5, "turn_completed", r#""stop":"end_turn""#) + &exit("s", 6);
    run.end(block + &rest);
    let output = ends.join().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    for name in ["one", "two", "four"] {
        assert!(std::fs::read(room.path(name)).unwrap() == run.file(), "{name}");
    }
    assert_eq!(std::fs::read_to_string(room.path("text")).unwrap(), "hello\n");
}

#[test]
fn processes_that_begin_at_random_instants_see_every_line_once() {
    let room = Room::new();
    let mut run = room.run("s", "", 0);
    let count = stress(300).max(30);
    let mut readers = Vec::new();
    let mut seq = 3;
    run.write([session("s"), turn_started("s")].concat());
    for reader in 0..count {
        let command = &mut room.command(&["attach", "s"]);
        readers.push(command.stdout(Stdio::piped()).spawn().unwrap());
        for _ in 0..(reader * 37 % 50) {
            let line = delta("s", seq, &format!("{reader} "));
            let (one, two) = line.split_at(usize::try_from(seq).unwrap() % line.len());
            run.write(one);
            run.write(two);
            seq += 1;
        }
    }
    run.end(completed("s", seq));
    let file = run.file();
    for mut reader in readers {
        let mut out = Vec::new();
        reader.stdout.take().unwrap().read_to_end(&mut out).unwrap();
        assert!(out == file, "{}", String::from_utf8_lossy(&out));
        assert_eq!(shell_code(reader.wait().unwrap()), 0);
    }
}
