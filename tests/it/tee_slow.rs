//! `spile tee` where a sink is slow, stopped or full: nobody else notices, nothing is lost while there is room.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStderr, Stdio};
use std::time::Instant;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Resource, Rlimit, Signal};

use crate::harness::{LIMIT, Live, bash, bin, command, shell_code, skip, stress};
use crate::tee::{place, read, statuses};

fn fifo(path: &str) {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
}

/// A tee with its stderr, whose stdout goes to a file.
fn start(script: &str) -> (Child, BufReader<ChildStderr>) {
    let mut child = command("bash", &["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    (child, stderr)
}

fn said(stderr: &mut BufReader<ChildStderr>) -> String {
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    line
}

#[test]
fn a_stopped_reader_delays_nobody_and_catches_up_exactly() {
    let (_folder, path) = place("fifo");
    let (_folder2, other) = place("x");
    fifo(&path);
    let input = statuses(stress(200_000));
    let mut live = Live::start(&["tee", "--queue", "64k", &path, &other]);
    // Open, and not read.
    let mut reader = std::fs::File::open(&path).unwrap();
    let bytes = input.clone();
    for piece in bytes.as_bytes().chunks(1 << 20) {
        live.write(piece);
    }
    for line in input.split_inclusive('\n') {
        assert_eq!(live.line().as_deref(), Some(line), "stdout goes on");
    }
    let since = Instant::now();
    while std::fs::metadata(&other).unwrap().len() < input.len() as u64 {
        assert!(since.elapsed() < LIMIT, "the other sink goes on");
        std::thread::yield_now();
    }
    live.close();
    let mut got = String::new();
    reader.read_to_string(&mut got).unwrap();
    assert!(got == input, "every byte, in order");
    let (_, status) = live.end();
    assert_eq!(status, 0);
    assert_eq!(read(&other), input);
}

#[test]
fn a_sink_whose_spool_is_full_is_given_up_and_keeps_what_it_has() {
    let (_folder, path) = place("fifo");
    fifo(&path);
    let input = statuses(20_000);
    let script = format!("exec spile tee --queue 16k --spool-max 64k {path}");
    let (mut child, mut stderr) = start(&script);
    let mut reader = std::fs::File::open(&path).unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    let line = said(&mut stderr);
    assert_eq!(
        line,
        format!(
            "spile: {path}: given up: it is too slow and its queue is full (see --spool-max)\n"
        )
    );
    drop(stdin);
    let mut got = String::new();
    reader.read_to_string(&mut got).unwrap();
    assert!(input.starts_with(&got) && got.ends_with('\n'));
    assert!(got.len() > 64 << 10);
    assert_eq!(shell_code(child.wait().unwrap()), 1);
    let lost = input.lines().count() - got.lines().count();
    assert_eq!(said(&mut stderr), format!("spile: {path}: events: {lost} not sent\n"));
    assert_eq!(said(&mut stderr), "");
}

#[test]
fn a_full_disk_is_waited_for_and_holds_no_half_line() {
    let (_folder, path) = place("x");
    let input = statuses(3000);
    // A limit of the file's size stands for a full disk: it can be raised without being root.
    let script = format!("ulimit -Sf 64; exec spile tee {path}");
    let (mut child, mut stderr) = start(&script);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    let line = said(&mut stderr);
    assert!(line.contains("File too large"), "{line}");
    let since = Instant::now();
    loop {
        let there = read(&path);
        assert!(input.starts_with(&there));
        // As many whole lines as fit.
        let room = (64 << 10) - there.len();
        let next = input[there.len()..].lines().next().unwrap().len();
        if there.ends_with('\n') && room <= next {
            break;
        }
        assert!(since.elapsed() < LIMIT, "{} bytes", there.len());
        std::thread::yield_now();
    }
    drop(stdin);
    let pid = Pid::from_child(&child);
    let unlimited = Rlimit { current: None, maximum: None };
    rustix::process::prlimit(Some(pid), Resource::Fsize, unlimited).unwrap();
    assert_eq!(shell_code(child.wait().unwrap()), 0);
    assert_eq!(read(&path), input);
    assert_eq!(said(&mut stderr), "", "it was said once");
}

#[test]
fn a_file_that_fails_within_the_nth_line_holds_those_before_it_and_then_all() {
    let rounds = stress(50);
    let input = statuses(60);
    for n in (1..=50).step_by((50 / rounds).max(1) as usize) {
        let (_folder, path) = place("x");
        let (mut child, mut stderr) = start(&format!("exec spile tee {path}"));
        let pid = Pid::from_child(&child);
        let limit = |current| Rlimit { current, maximum: None };
        let before: usize = input.lines().take(n - 1).map(|line| line.len() + 1).sum();
        let within = u64::try_from(before + 20).unwrap();
        rustix::process::prlimit(Some(pid), Resource::Fsize, limit(Some(within))).unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        let line = said(&mut stderr);
        assert!(line.contains("File too large"), "{line}");
        let since = Instant::now();
        while read(&path) != input[..before] {
            assert!(since.elapsed() < LIMIT, "line {n}: {}", read(&path));
            std::thread::yield_now();
        }
        rustix::process::prlimit(Some(pid), Resource::Fsize, limit(None)).unwrap();
        drop(stdin);
        assert_eq!(shell_code(child.wait().unwrap()), 0);
        assert_eq!(read(&path), input, "line {n}");
        assert_eq!(said(&mut stderr), "", "it was said once");
    }
}

#[test]
fn a_small_file_system_that_gets_room_gets_everything() {
    let (folder, _) = place("");
    let at = folder.path().display().to_string();
    let script = format!(
        "cd {at} && mkdir small && mount -t tmpfs -o size=1m none small && echo mounted && exec 3>&1 && \
         head -c 920k /dev/zero >small/filler && \
         {{ seq 1 30000; while ! [ -s said ]; do :; done; \
            [ $(stat -c %s small/x) -gt 0 ] && [ -z \"$(tail -c1 small/x)\" ] && echo whole >&3; rm small/filler; }} \
         | spile tee small/x 2>said >/dev/null; \
         echo ${{PIPESTATUS[1]}}; cmp small/x <(seq 1 30000) && cat said"
    );
    let (stdout, stderr, _) =
        bash(&format!("unshare -rm bash -c '{}'", script.replace('\'', r"'\''")));
    if !stdout.starts_with("mounted\n") {
        skip(format_args!("a file system cannot be mounted here: {stderr}"));
        return;
    }
    let want =
        "mounted\nwhole\n0\nspile: small/x: No space left on device (os error 28) (retrying)\n";
    assert_eq!((stdout.as_str(), stderr.as_str()), (want, ""));
}

#[test]
fn a_full_disk_at_the_end_is_owed() {
    let (_folder, path) = place("x");
    let script = format!(
        "ulimit -Sf 64; seq 1 30000 | spile tee --linger 200ms {path} | tail -1; echo ${{PIPESTATUS[1]}}"
    );
    let (stdout, stderr, _) = bash(&script);
    assert_eq!(stdout, "30000\n1\n");
    let there = read(&path);
    let last: u64 = there.lines().last().unwrap().parse().unwrap();
    assert!(there.ends_with('\n'));
    assert_eq!(
        stderr,
        format!(
            "spile: {path}: File too large (os error 27) (retrying)\n\
             spile: {path}: events: {} still owed (File too large (os error 27))\n",
            30_000 - last
        )
    );
}

#[test]
fn whoever_connects_gets_everything_once() {
    let (_folder, path) = place("sock");
    let sink = format!("unix:{path}");
    let input = statuses(stress(40_000));
    let mut live = Live::start(&["tee", &sink]);
    let lines: Vec<&str> = input.split_inclusive('\n').collect();
    let mut readers = Vec::new();
    for (n, piece) in lines.chunks(lines.len().div_ceil(10)).enumerate() {
        if n > 0 {
            // In the middle of things: what was written before is there or comes.
            let mut socket = UnixStream::connect(&path).unwrap();
            let mut first = [0; 1];
            socket.read_exact(&mut first).unwrap();
            readers.push(std::thread::spawn(move || {
                let mut got = vec![first[0]];
                socket.read_to_end(&mut got).unwrap();
                got
            }));
        }
        live.write(piece.concat());
        while live.line().unwrap() != *piece.last().unwrap() {}
    }
    let (_, status) = live.end();
    assert_eq!(status, 0);
    for reader in readers {
        assert!(reader.join().unwrap() == input.as_bytes());
    }
    assert!(!std::path::Path::new(&path).exists());
}

/// Connects as soon as somebody listens, and reads what is said first.
fn connect(path: &str, child: &mut Child) -> BufReader<UnixStream> {
    let since = Instant::now();
    loop {
        if let Ok(socket) = UnixStream::connect(path) {
            return BufReader::new(socket);
        }
        assert!(since.elapsed() < LIMIT && child.try_wait().unwrap().is_none());
        std::thread::yield_now();
    }
}

#[test]
fn a_stopped_reader_of_a_socket_does_not_hold_the_end() {
    let (_folder, path) = place("sock");
    let (mut child, mut stderr) = start(&format!("exec spile tee unix:{path}"));
    let input = statuses(20_000);
    let mut stdin = child.stdin.take().unwrap();
    let (first, rest) = input.split_at(statuses(1).len());
    stdin.write_all(first.as_bytes()).unwrap();
    let mut stopped = connect(&path, &mut child).into_inner();
    stopped.read_exact(&mut [0]).unwrap();
    stdin.write_all(rest.as_bytes()).unwrap();
    drop(stdin);
    // It takes nothing more, and the end comes all the same.
    assert_eq!(shell_code(child.wait().unwrap()), 0);
    assert_eq!(
        said(&mut stderr),
        format!("spile: unix:{path}: a reader was too slow and did not get everything\n")
    );
}

#[test]
fn a_reader_of_a_socket_that_is_too_slow_is_told_so() {
    let (_folder, path) = place("sock");
    let (mut child, _stderr) = start(&format!("exec spile tee --spool-max 100k unix:{path}"));
    let input = statuses(20_000);
    let mut stdin = child.stdin.take().unwrap();
    let (first, rest) = input.split_at(statuses(1).len());
    stdin.write_all(first.as_bytes()).unwrap();
    let mut slow = connect(&path, &mut child);
    let mut got = String::new();
    slow.read_line(&mut got).unwrap();
    stdin.write_all(rest.as_bytes()).unwrap();
    // Others who come now see how far the log has been cut: far behind what the slow one and its socket can hold.
    let since = Instant::now();
    loop {
        let mut line = String::new();
        let mut late = connect(&path, &mut child);
        let _ = late.read_line(&mut line);
        if line.contains(r#""kind":"gap""#) {
            let _ = late.read_line(&mut line);
            // It may be cut again while this one reads: then it is let go, and the next one asks.
            let seq = line.split("\"seq\":").nth(1);
            let seq: Option<u64> = seq.and_then(|s| s.split(',').next()?.parse().ok());
            if seq.is_some_and(|seq| seq > 15_000) {
                break;
            }
        }
        assert!(since.elapsed() < LIMIT, "{line}");
    }
    slow.read_to_string(&mut got).unwrap();
    let end = got.trim_end().rfind('\n').unwrap() + 1;
    let (before, gap) = got.split_at(end);
    assert!(input.starts_with(before));
    assert!(gap.contains("too slow"), "{gap}");
    drop(stdin);
    assert_eq!(shell_code(child.wait().unwrap()), 0);
}

#[test]
fn five_sinks_and_one_stopped_stay_small() {
    let (folder, _) = place("");
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let stopped = at("fifo");
    fifo(&stopped);
    let paths: Vec<String> = (0..4).map(|n| at(&n.to_string())).collect();
    let mut args = vec!["tee", stopped.as_str()];
    args.extend(paths.iter().map(String::as_str));
    let mut child =
        command(bin(), &args).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut reader = std::fs::File::open(&stopped).unwrap();
    let input = statuses(stress(1_000_000));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let since = Instant::now();
    let done = |path: &String| std::fs::metadata(path).unwrap().len() == input.len() as u64;
    while !paths.iter().all(done) {
        assert!(since.elapsed() < LIMIT);
        std::thread::yield_now();
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    let kib: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
    eprintln!("{} bytes for five sinks, one stopped: {kib} KiB", input.len());
    assert!(kib < 64 << 10, "{kib} KiB");
    let mut got = Vec::new();
    reader.read_to_end(&mut got).unwrap();
    assert!(got == input.as_bytes());
    assert_eq!(shell_code(child.wait().unwrap()), 0);
}

#[test]
fn a_signal_ends_the_wait_for_the_sinks() {
    let (_folder, path) = place("fifo");
    fifo(&path);
    let script = format!("exec spile tee {path}");
    let (mut child, mut stderr) = start(&script);
    let _reader = std::fs::File::open(&path).unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(statuses(3000).as_bytes()).unwrap();
    drop(stdin);
    // Whether it reads or waits by now, it dies of the signal, and soon; the second one finds it waiting at the latest.
    let pid = Pid::from_child(&child);
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    let since = Instant::now();
    while child.try_wait().unwrap().is_none() && since.elapsed() < LIMIT {
        let _ = rustix::process::kill_process(pid, Signal::TERM);
        std::thread::yield_now();
    }
    assert_eq!(shell_code(child.wait().unwrap()), 143);
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
}
