//! The state directory with real files: its place, its owner, locks between several processes, and the closer.

use std::fs::{Permissions, metadata, read, set_permissions, write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::*;

const SESSION: &str = r#"{"v":1,"type":"status","stream":"run-1","seq":1,"ts":"2026-01-01T00:00:00.000Z","kind":"session","data":{"pid":1,"argv":["x"],"adapter":"text"}}"#;

/// A state directory.
struct Room {
    room: TempDir,
    state: StateFolder,
}

impl Room {
    fn new() -> Self {
        let room = tempfile::tempdir().unwrap();
        let state = StateFolder::open_at(&room.path().join("a/b/state")).unwrap();
        Self { room, state }
    }

    /// A run whose processes have ended, with these events.
    fn run(&self, events: &[u8]) -> RunFolder {
        let info = RunInfo { started: "2026-01-01T00:00:00.000Z".into(), ..RunInfo::default() };
        let (run, _lock) = self.state.create("run-1", &info).unwrap().unwrap();
        write(run.path().join("events.ndjson"), events).unwrap();
        run
    }
}

fn mode(path: &Path) -> u32 {
    metadata(path).unwrap().mode() & 0o7777
}

fn events_of(run: &RunFolder) -> Vec<u8> {
    read(run.path().join("events.ndjson")).unwrap()
}

#[test]
fn the_place_follows_the_environment() {
    let place = |variables: &[(&str, &str)]| {
        path_by(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        })
    };
    let home = ("HOME", "/home/ada");
    let is = |variables: &[(&str, &str)], want: &str| {
        assert_eq!(place(variables).unwrap().as_deref(), Some(Path::new(want)), "{variables:?}");
    };
    is(&[home], "/home/ada/.local/state/spile");
    is(&[home, ("XDG_STATE_HOME", "")], "/home/ada/.local/state/spile");
    is(&[home, ("XDG_STATE_HOME", "state")], "/home/ada/.local/state/spile");
    is(&[home, ("XDG_STATE_HOME", "/x")], "/x/spile");
    is(&[home, ("XDG_STATE_HOME", "/x"), ("SPILE_STATE", "")], "/x/spile");
    is(&[("SPILE_STATE", "/s")], "/s");
    assert!(place(&[home, ("SPILE_STATE", "s")]).unwrap_err().to_string().contains("absolute"));
    assert_eq!(place(&[]).unwrap(), None);
}

#[test]
fn only_a_directory_of_the_user_alone_is_used() {
    assert_eq!(refusal(7, 7, 0o40755), None);
    assert!(refusal(7, 8, 0o40700).unwrap().contains("belongs to user 8"));
    for mode in [0o40770, 0o40702, 0o41777] {
        assert!(refusal(7, 7, mode).unwrap().contains("written by others"), "{mode:o}");
    }
    let room = Room::new();
    let path = room.state.path();
    set_permissions(path, Permissions::from_mode(0o770)).unwrap();
    let why = StateFolder::open_at(path).unwrap_err().to_string();
    assert!(why.contains("mode 0770") && why.contains("chmod"), "{why}");
    set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    StateFolder::open_at(path).unwrap();
}

#[test]
fn a_symbolic_link_to_a_directory_of_the_user_is_followed() {
    let room = Room::new();
    room.run(b"");
    let link = room.room.path().join("link");
    symlink(room.state.path(), &link).unwrap();
    let state = StateFolder::open_at(&link).unwrap();
    assert_eq!(state.streams().unwrap(), ["run-1"]);
    set_permissions(room.state.path(), Permissions::from_mode(0o777)).unwrap();
    StateFolder::open_at(&link).unwrap_err();
}

#[test]
fn all_that_is_made_is_private() {
    let room = Room::new();
    let run = room.run(b"");
    run.close().unwrap();
    let state = room.state.path();
    for folder in [state.parent().unwrap(), state, &state.join("runs"), run.path()] {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
    let files: Vec<_> = std::fs::read_dir(run.path()).unwrap().map(|file| file.unwrap()).collect();
    assert_eq!(files.len(), 4, "{files:?}");
    for file in files {
        assert_eq!(mode(&file.path()), 0o600, "{file:?}");
    }
}

#[test]
fn a_stream_is_taken_once() {
    let room = Room::new();
    let info = RunInfo { by: "cli".into(), ..RunInfo::default() };
    let (run, lock) = room.state.create("run-1", &info).unwrap().unwrap();
    assert!(room.state.create("run-1", &RunInfo::default()).unwrap().is_none());
    drop(lock);
    assert!(room.state.create("run-1", &RunInfo::default()).unwrap().is_none());
    assert_eq!(run.info(), Some(info));
    let names = std::fs::read_dir(room.state.path().join("runs")).unwrap().count();
    assert_eq!(names, 1, "nothing stays of a run that was refused");
    for bad in ["", "..", ".x", "a/b", "a b"] {
        room.state.create(bad, &RunInfo::default()).unwrap_err();
        room.state.run(bad).unwrap_err();
    }
    assert!(room.state.run("run-2").unwrap().is_none());
}

#[test]
fn a_run_lives_as_long_as_a_process_that_inherited_its_lock() {
    let room = Room::new();
    let (run, lock) = room.state.create("run-1", &RunInfo::default()).unwrap().unwrap();
    assert_eq!(run.life().unwrap(), RunLife::Alive);
    let inherited = lock.as_fd().try_clone_to_owned().unwrap();
    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(inherited).spawn().unwrap();
    drop(lock);
    assert_eq!(run.life().unwrap(), RunLife::Alive);
    assert!(matches!(run.close().unwrap(), Closed::Held));
    drop(child.stdin.take());
    child.wait().unwrap();
    assert_eq!(run.life().unwrap(), RunLife::Over);
    assert!(matches!(run.close().unwrap(), Closed::Done(_)));
}

#[test]
fn a_look_makes_no_run_seem_alive() {
    let room = Room::new();
    let run = room.run(b"");
    let looking = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while looking.load(std::sync::atomic::Ordering::Relaxed) {
                    assert_eq!(run.life().unwrap(), RunLife::Over);
                }
            });
        }
        for _ in 0..200 {
            assert_eq!(run.life().unwrap(), RunLife::Over);
        }
        looking.store(false, std::sync::atomic::Ordering::Relaxed);
    });
    // A look that has not ended yet does not make a close fail.
    let file = File::open(run.path().join("lock")).unwrap();
    assert!(lock::is_free(&file).unwrap());
    std::thread::scope(|scope| {
        let closer = scope.spawn(|| run.close().unwrap());
        drop(file);
        assert!(matches!(closer.join().unwrap(), Closed::Done(_)));
    });
}

#[test]
fn two_closers_at_once_close_once() {
    for _ in 0..20 {
        let room = Room::new();
        let run = room.run(format!("{SESSION}\n{{\"v\":1,\"ty").as_bytes());
        let closed: Vec<Closed> = std::thread::scope(|scope| {
            let closers: Vec<_> = (0..4).map(|_| scope.spawn(|| run.close().unwrap())).collect();
            closers.into_iter().map(|closer| closer.join().unwrap()).collect()
        });
        let done = closed.iter().filter(|closed| matches!(closed, Closed::Done(_))).count();
        assert_eq!(done, 1, "{closed:?}");
        assert!(closed.iter().all(|closed| !matches!(closed, Closed::ReadOnly(..))), "{closed:?}");
        let text = String::from_utf8(events_of(&run)).unwrap();
        assert_eq!(text.lines().count(), 4, "{text}");
    }
}

#[test]
fn a_closer_that_was_killed_is_completed_by_the_next_one() {
    let room = Room::new();
    let file = format!("{SESSION}\n{{\"v\":1,\"ty");
    let run = room.run(file.as_bytes());
    assert!(matches!(run.close().unwrap(), Closed::Done(_)));
    let whole = events_of(&run);
    let summary = run.summary().unwrap();
    assert!(summary.state.is_over() && summary.bytes == whole.len() as u64);
    assert!(matches!(run.close().unwrap(), Closed::Already));
    for cut in (SESSION.len() + 1..whole.len()).step_by(3) {
        // Killed before its summary, or after a summary of which the events were lost in a power cut.
        if cut % 2 == 0 {
            std::fs::remove_file(run.path().join("summary.json")).unwrap();
        }
        write(run.path().join("events.ndjson"), &whole[..cut]).unwrap();
        assert!(matches!(run.close().unwrap(), Closed::Done(_)));
        assert_eq!(events_of(&run), whole, "cut at {cut}");
        assert_eq!(run.summary().unwrap(), summary);
    }
    let zeroed = [&whole[..whole.len() - 9], &[0; 9]].concat();
    write(run.path().join("events.ndjson"), zeroed).unwrap();
    assert!(matches!(run.close().unwrap(), Closed::Done(_)));
    assert_eq!(events_of(&run), whole);
}

#[test]
fn a_run_that_has_ended_by_itself_gets_its_missing_summary_and_nothing_else() {
    let room = Room::new();
    let end = SESSION.replace(r#""seq":1"#, r#""seq":4"#).replace("session", "exit");
    let turn = |type_: &str, seq: u64, fields: &str| {
        format!(
            r#"{{"v":1,"type":"{type_}","stream":"run-1","turn":1,"seq":{seq},"ts":"2026-01-01T00:00:00.000Z",{fields}}}"#
        )
    };
    let (begin, done) = (
        turn("turn_started", 2, r#""runtime":"text""#),
        turn("turn_completed", 3, r#""stop":"end_turn""#),
    );
    let file = format!("{SESSION}\n{begin}\n{done}\n{end}\n");
    let run = room.run(file.as_bytes());
    assert!(matches!(run.close().unwrap(), Closed::Already));
    assert_eq!(events_of(&run), file.as_bytes());
    assert_eq!(run.summary().unwrap().state, crate::runs::info::State::Completed);
}

#[test]
fn a_file_that_cannot_be_written_stays_and_its_reader_gets_the_changes() {
    let room = Room::new();
    let torn = format!("{SESSION}\n{{\"v\":1,\"ty");
    let run = room.run(torn.as_bytes());
    set_permissions(run.path().join("events.ndjson"), Permissions::from_mode(0o400)).unwrap();
    if rustix::process::geteuid().is_root() {
        // No permission stops the superuser.
        return;
    }
    let Closed::ReadOnly(closing, _) = run.close().unwrap() else { panic!("it was written") };
    assert_eq!(
        (closing.keep, closing.append.iter().filter(|b| **b == b'\n').count()),
        (SESSION.len() as u64 + 1, 3)
    );
    assert_eq!(events_of(&run), torn.as_bytes());
    assert_eq!(run.summary(), None);
}

#[test]
fn a_missing_event_file_is_made_and_a_link_is_not_followed() {
    let room = Room::new();
    let run = room.run(b"");
    let path = run.path().join("events.ndjson");
    std::fs::remove_file(&path).unwrap();
    symlink(room.room.path().join("elsewhere"), &path).unwrap();
    run.close().unwrap_err();
    std::fs::remove_file(&path).unwrap();
    let Closed::Done(closing) = run.close().unwrap() else { panic!("not closed") };
    assert_eq!(events_of(&run), closing.append);
}

#[test]
fn a_run_without_its_information_begins_with_its_lock() {
    let room = Room::new();
    let run = room.run(b"");
    write(run.path().join("run.json"), b"\0\0\0").unwrap();
    assert_eq!(run.info(), None);
    let made = metadata(run.path().join("lock")).unwrap().mtime();
    assert_eq!(run.started().as_millis(), u64::try_from(made).unwrap() * 1000);
}

#[test]
fn a_file_system_without_locks_is_named() {
    for errno in [Errno::NOLCK, Errno::OPNOTSUPP, Errno::NOSYS] {
        assert!(lock::failure(errno).to_string().contains("set SPILE_STATE"), "{errno}");
    }
    assert!(!lock::failure(Errno::IO).to_string().contains("SPILE_STATE"));
}
