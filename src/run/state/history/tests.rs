//! History files with real writers: threads, and processes that are killed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::runs::history::{Mode, Op, Reader};
use crate::time::Time;

/// Writers at once.
const WRITERS: usize = 20;

/// Lines of each.
const LINES: usize = 500;

fn state() -> (tempfile::TempDir, StateFolder) {
    let room = tempfile::tempdir().unwrap();
    let state = StateFolder::open_at(&room.path().join("state")).unwrap();
    (room, state)
}

fn operation(op: Op, run: &str) -> Operation {
    let mut operation = Operation::new(Time::from_millis(1), op, Mode::Cli, "ada");
    operation.run = Some(run.into());
    operation
}

/// Reads all that is there now.
fn read(reader: &mut HistoryReader, mut on_line: impl FnMut(&str, u64, &[u8])) {
    while let Some((name, batch)) = reader.read().unwrap() {
        for (offset, line) in batch.lines() {
            on_line(name, offset, line);
        }
    }
}

/// Runs of all operations, in order. Nothing else stands in the files.
fn runs(state: &StateFolder) -> Vec<String> {
    let mut runs = Vec::new();
    read(&mut state.history(), |name, offset, line| {
        let parsed = Operation::parse(line);
        let parsed = parsed.unwrap_or_else(|_| panic!("{name} {offset} {:?}", line.escape_ascii()));
        runs.push(parsed.run.unwrap());
    });
    runs
}

/// Appends lines from many threads, each with its own descriptor of the lock.
fn write_all(path: &Path, max: u64, each: &(dyn Fn(usize, usize) + Sync)) {
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            scope.spawn(move || {
                let state = StateFolder::open_at(path).unwrap();
                for n in 0..LINES {
                    let _lock = state.lock_history().unwrap();
                    let line = operation(Op::Send, &format!("w{writer}-{n}"));
                    state.append_history(&line, max).unwrap();
                    drop(_lock);
                    each(writer, n);
                }
            });
        }
    });
}

/// Checks that of each writer all lines are there once, in their order.
fn check_complete(runs: &[String]) {
    let mut next: BTreeMap<&str, usize> = BTreeMap::new();
    for run in runs {
        let (writer, n) = run.split_once('-').unwrap();
        let next = next.entry(writer).or_default();
        assert_eq!(n, next.to_string(), "{writer}");
        *next += 1;
    }
    assert!(next.len() == WRITERS && next.values().all(|count| *count == LINES), "{next:?}");
}

fn names(state: &StateFolder) -> Vec<u64> {
    state.old_history().unwrap()
}

#[test]
fn many_writers_lose_and_tear_nothing() {
    let (_room, state) = state();
    write_all(state.path(), MAX_SIZE, &|_, _| {});
    check_complete(&runs(&state));
    assert_eq!(names(&state), Vec::<u64>::new());
}

#[test]
fn a_reader_follows_over_rotations_under_load() {
    let (_room, state) = state();
    // Some 80 lines a file; more files come than stay, so the reader keeps pace with the writers.
    let (written, seen) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let total = WRITERS * LINES;
    let wait = |_, _| {
        written.fetch_add(1, Ordering::SeqCst);
        while seen.load(Ordering::SeqCst) + 200 < written.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
    };
    std::thread::scope(|scope| {
        let writers = scope.spawn(|| write_all(state.path(), 8 << 10, &wait));
        let (mut reader, mut runs, mut files) = (state.history(), Vec::new(), 0);
        let mut place = (String::new(), 0);
        while runs.len() < total {
            let are_done = writers.is_finished();
            read(&mut reader, |name, offset, line| {
                // Offsets in a file only grow; its name may change.
                files += usize::from(offset == 0);
                assert!(offset == 0 || offset > place.1, "{name} {offset} after {place:?}");
                place = (name.to_owned(), offset);
                runs.push(Operation::parse(line).unwrap().run.unwrap());
            });
            seen.store(runs.len(), Ordering::SeqCst);
            assert!(!are_done || runs.len() == total, "{} of {total}", runs.len());
        }
        check_complete(&runs);
        assert!(files > 3 * MAX_OLD, "{files} files");
    });
    assert_eq!(names(&state).len(), MAX_OLD);
}

#[test]
fn a_reader_that_fell_behind_goes_on_with_what_is_there() {
    let (_room, state) = state();
    state.record(&operation(Op::Send, "first")).unwrap();
    let mut reader = state.history();
    let mut seen = Vec::new();
    read(&mut reader, |_, _, line| seen.push(Operation::parse(line).unwrap().run.unwrap()));
    for n in 0..20 {
        // Each in a file of its own.
        state.append_history(&operation(Op::Send, &format!("r{n}")), 1).unwrap();
    }
    read(&mut reader, |_, _, line| seen.push(Operation::parse(line).unwrap().run.unwrap()));
    let want: Vec<String> = (11..20).map(|n| format!("r{n}")).collect();
    assert_eq!((seen[0].as_str(), &seen[1..]), ("first", &want[..]));
    assert_eq!(names(&state), (13..21).collect::<Vec<u64>>());
}

#[test]
fn a_torn_line_costs_only_itself() {
    let (_room, state) = state();
    let path = state.path().join(CURRENT);
    state.record(&operation(Op::Send, "a")).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for cut in 1..whole.len() {
        // A writer that was killed in the middle of a write.
        std::fs::write(&path, [&whole[..], &whole[..cut]].concat()).unwrap();
        let mut reader = state.history();
        let mut seen = Vec::new();
        read(&mut reader, |_, offset, line| seen.push((offset, Operation::parse(line).is_ok())));
        assert_eq!(seen, [(0, true)], "a line without its end is not shown");
        // With one more byte the next line would not fit: the torn one is ended before the file is renamed.
        let max = if cut % 2 == 0 { MAX_SIZE } else { 1 };
        state.append_history(&operation(Op::Send, "b"), max).unwrap();
        read(&mut reader, |_, offset, line| seen.push((offset, Operation::parse(line).is_ok())));
        let torn = cut + 1 < whole.len();
        let third = if max == 1 { 0 } else { (2 * whole.len()).min(whole.len() + cut + 1) as u64 };
        assert_eq!(seen, [(0, true), (whole.len() as u64, !torn), (third, true)], "cut at {cut}");
        for number in names(&state) {
            std::fs::remove_file(state.path().join(old_name(number))).unwrap();
        }
    }
}

#[test]
fn the_end_of_a_run_is_written_once() {
    let (_room, state) = state();
    let ends = |run: &str| runs(&state).iter().filter(|found| *found == run).count();
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                let state = StateFolder::open_at(state.path()).unwrap();
                state.record_end_once(&operation(Op::End, "a")).unwrap();
            });
        }
    });
    assert_eq!(ends("a"), 1);
    // Also in a file before the last.
    state.append_history(&operation(Op::Send, "b"), 1).unwrap();
    state.record_end_once(&operation(Op::End, "a")).unwrap();
    assert_eq!((ends("a"), names(&state)), (1, vec![1]));
    // Behind more than the tail it is written again, and the reader drops it.
    for _ in 0..TAIL / 50 {
        state.append_history(&operation(Op::Send, "b"), MAX_SIZE).unwrap();
    }
    state.record_end_once(&operation(Op::End, "a")).unwrap();
    assert_eq!(ends("a"), 2);
    let (mut reader, mut shown) = (Reader::new(None), 0);
    read(&mut state.history(), |_, _, line| {
        let operation = reader.read(line).unwrap();
        shown += usize::from(operation.is_some_and(|operation| operation.op == Op::End));
    });
    assert_eq!(shown, 1);
}

#[test]
fn files_are_private_and_foreign_names_are_left() {
    use std::os::unix::fs::PermissionsExt;
    let (_room, state) = state();
    for foreign in
        ["history.x.ndjson", "history..ndjson", "history.+1.ndjson", "history.1.ndjson.zst"]
    {
        std::fs::write(state.path().join(foreign), "x").unwrap();
    }
    for run in ["a", "b"] {
        state.append_history(&operation(Op::Send, run), 1).unwrap();
    }
    assert_eq!(runs(&state), ["a", "b"]);
    state.record(&operation(Op::Send, "c")).unwrap();
    for name in [CURRENT, LOCK, "history.1.ndjson"] {
        let mode = std::fs::metadata(state.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
