//! List and removal of runs, with locks, open readers and what a killed process leaves.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::time::SystemTime;

use super::*;
use crate::runs::info::State;

const EVENT: &str = r#"{"v":1,"type":"status","stream":"run","seq":1,"ts":"2026-01-01T00:00:00.000Z","kind":"session","data":{}}"#;

struct Room {
    _room: tempfile::TempDir,
    state: StateFolder,
}

impl Room {
    fn new() -> Self {
        let room = tempfile::tempdir().unwrap();
        let state = StateFolder::open_at(&room.path().join("state")).unwrap();
        Self { _room: room, state }
    }

    /// A run, whose lock is returned.
    fn run(&self, stream: &str) -> (RunFolder, super::super::RunLock) {
        let info = RunInfo { label: Some(stream.into()), ..RunInfo::default() };
        let (run, lock) = self.state.create(stream, &info).unwrap().unwrap();
        let event = EVENT.replace("\"run\"", &format!("\"{stream}\""));
        std::fs::write(run.path().join("events.ndjson"), format!("{event}\n")).unwrap();
        (run, lock)
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.state.path().join("runs")).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn path(&self, name: &str) -> PathBuf {
        self.state.path().join("runs").join(name)
    }
}

#[test]
fn runs_are_listed_with_their_states() {
    let room = Room::new();
    let (_live, _lock) = room.run("live");
    let (over, lock) = room.run("over");
    drop(lock);
    let list = room.state.list().unwrap();
    let seen: Vec<_> = list.iter().map(|run| (run.stream.as_str(), run.life)).collect();
    assert_eq!(seen, [("live", RunLife::Alive), ("over", RunLife::Over)]);
    assert_eq!(
        (list[1].summary.state, list[1].info.label.as_deref()),
        (State::Failed, Some("over"))
    );
    assert_eq!(list[1].ended.to_string(), "2026-01-01T00:00:00.000Z");
    let finished = room.state.finished().unwrap();
    assert_eq!((finished.len(), finished[0].stream.as_str()), (1, "over"));
    // What the summary covers is not read again; what came after it is.
    let mut summary = over.summary().unwrap();
    summary.turns = 77;
    over.write_summary(&summary).unwrap();
    assert_eq!(room.state.finished().unwrap()[0].summary.turns, 77);
    summary.bytes -= 1;
    over.write_summary(&summary).unwrap();
    assert_eq!(room.state.finished().unwrap()[0].summary.turns, 1);
}

#[test]
fn a_run_that_cannot_be_read_hides_no_other() {
    let room = Room::new();
    for stream in ["a", "b", "c"] {
        drop(room.run(stream));
    }
    std::fs::remove_file(room.path("b").join("lock")).unwrap();
    std::fs::write(room.path("c").join("run.json"), "\0").unwrap();
    let finished = room.state.finished().unwrap();
    let streams: Vec<_> = finished.iter().map(|run| run.stream.as_str()).collect();
    assert_eq!(streams, ["a", "c"]);
}

#[test]
fn a_live_run_is_never_removed() {
    let room = Room::new();
    let (run, lock) = room.run("run");
    assert_eq!(room.state.remove("run").unwrap(), Removed::No);
    assert_eq!(run.life().unwrap(), RunLife::Alive);
    assert_eq!(room.names(), ["run"]);
    drop(lock);
    assert_eq!(room.state.remove("run").unwrap(), Removed::Done);
    assert_eq!(room.names(), Vec::<String>::new());
    assert_eq!(room.state.remove("run").unwrap(), Removed::No);
}

#[test]
fn a_reader_reads_a_removed_run_to_its_end() {
    let room = Room::new();
    let (run, lock) = room.run("run");
    drop(lock);
    run.close().unwrap();
    let want = std::fs::read_to_string(run.path().join("events.ndjson")).unwrap();
    let mut events = run.events().unwrap();
    let mut text = vec![0; 10];
    events.read_exact(&mut text).unwrap();
    assert_eq!(room.state.remove("run").unwrap(), Removed::Done);
    events.read_to_end(&mut text).unwrap();
    assert_eq!(String::from_utf8(text).unwrap(), want);
    // The stream may name a new run at once.
    let (_run, _lock) = room.run("run");
    assert_eq!(room.names(), ["run"]);
}

#[test]
fn removers_starters_and_closers_at_once_leave_no_half_run() {
    let room = Room::new();
    for _ in 0..30 {
        drop(room.run("run"));
        let state = &room.state;
        let (done, made) = std::thread::scope(|scope| {
            let removers: Vec<_> =
                (0..3).map(|_| scope.spawn(|| state.remove("run").unwrap())).collect();
            let starters: Vec<_> =
                (0..2).map(|_| scope.spawn(|| state.create("run", &RunInfo::default()))).collect();
            scope.spawn(|| {
                // A closer may meet a run that goes, and then has nothing to close.
                let _ = state.run("run").unwrap().map(|run| run.close());
            });
            let made: Vec<_> =
                starters.into_iter().filter_map(|made| made.join().unwrap().unwrap()).collect();
            let done = removers.into_iter().map(|remover| remover.join().unwrap());
            (done.filter(|removed| *removed == Removed::Done).count(), made)
        });
        assert!(made.len() <= 1 && done <= 1, "{done} {made:?}");
        let there = room.names();
        if let [(run, _lock)] = &made[..] {
            assert_eq!(there, ["run"]);
            assert!(run.path().join("events.ndjson").exists() && room.state.holds(run));
        }
        drop(made);
        room.state.remove("run").unwrap();
        assert_eq!(room.names(), Vec::<String>::new());
    }
}

#[test]
fn what_dead_processes_left_is_removed() {
    let room = Room::new();
    let old = SystemTime::now() - 2 * LEFT_OVER;
    let make = |name: &str, files: &[&str], changed: SystemTime| {
        std::fs::create_dir(room.path(name)).unwrap();
        for file in files {
            std::fs::write(room.path(name).join(file), "x").unwrap();
        }
        File::open(room.path(name)).unwrap().set_modified(changed).unwrap();
    };
    make(".1-a.new", &["lock", "run.json"], old);
    make(".1-b.gone", &["events.ndjson"], old);
    make(".1-c.new", &[], SystemTime::now());
    make(".1-d.gone", &["lock"], old);
    make(".x.new", &["lock"], old);
    make(".1-e", &["lock"], old);
    let held = RunFolder::open(&room.state, ".1-d.gone", "d").unwrap();
    let lock = held.lock().unwrap();
    let now = crate::run::Clock::start().now();
    room.state.remove_leftovers(now).unwrap();
    assert_eq!(room.names(), [".1-c.new", ".1-d.gone", ".1-e", ".x.new"]);
    drop(lock);
    room.state.remove_leftovers(now + LEFT_OVER).unwrap();
    assert_eq!(room.names(), [".1-e", ".x.new"]);
}

#[test]
fn the_size_is_that_of_all_files() {
    let room = Room::new();
    let (run, _lock) = room.run("run");
    let before = run.size().unwrap();
    std::fs::write(run.path().join("stderr.log"), [b'x'; 1000]).unwrap();
    assert_eq!(run.size().unwrap(), before + 1000);
}
