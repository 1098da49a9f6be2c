//! merge as a command: files, FIFOs, process substitutions and agents of its own; nobody waits for a blocked source.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::harness::{Live, bash, shell_code, spile, stress};

const HEAD: &str = r#""ts":"2026-01-01T00:00:00.000Z""#;

fn delta(stream: &str, seq: u64, text: &str) -> String {
    format!(
        "{{\"v\":1,\"type\":\"text_delta\",\"stream\":\"{stream}\",\"turn\":1,\"seq\":{seq},{HEAD},\"block\":\"b1\",\"kind\":\"answer\",\"text\":\"{text}\"}}\n"
    )
}

fn completed(stream: &str, seq: u64) -> String {
    format!(
        "{{\"v\":1,\"type\":\"turn_completed\",\"stream\":\"{stream}\",\"turn\":1,\"seq\":{seq},{HEAD},\"stop\":\"end_turn\"}}\n"
    )
}

fn fifo(folder: &TempDir, name: &str) -> PathBuf {
    let path = folder.path().join(name);
    mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    path
}

fn open(path: &Path) -> File {
    File::options().write(true).open(path).unwrap()
}

#[test]
fn process_substitutions_and_files_become_one_clean_stream() {
    let script = "cd \"$(mktemp -d)\"; spile wrap --stream f -- echo file >run.ndjson
        spile merge a=<(spile wrap --stream a -- echo one) b=run.ndjson <(spile wrap --stream c --label own -- echo three) >all.ndjson
        echo $?; spile check <all.ndjson; jq -rj 'select(.type==\"block_final\") | .label + \" \" + .text' all.ndjson | sort
        grep -c '\"kind\":\"info\",\"message\":\"completed\"' all.ndjson";
    let (stdout, stderr, _) = bash(script);
    assert_eq!(stderr, "");
    assert_eq!(
        stdout,
        "0\n21 events, 3 turns in 3 streams: no violations\na one\nb file\nown three\n3\n"
    );
}

#[test]
fn a_fifo_that_nobody_writes_to_delays_nobody() {
    let folder = TempDir::new().unwrap();
    let silent = fifo(&folder, "silent");
    let arg = format!("late={}", silent.display());
    let mut live = Live::start(&["merge", &arg, "-"]);
    live.write(delta("s", 1, "x"));
    assert_eq!(live.line().unwrap(), delta("s", 1, "x"));
    let mut writer = open(&silent);
    // Half a line blocks its source alone.
    let other = delta("t", 1, "y");
    let (head, tail) = other.split_at(50);
    writer.write_all(head.as_bytes()).unwrap();
    live.write(completed("s", 2));
    assert_eq!(live.line().unwrap(), completed("s", 2));
    writer.write_all(tail.as_bytes()).unwrap();
    let labelled = other.replace(HEAD, &format!(r#"{HEAD},"label":"late""#));
    assert_eq!(live.line().unwrap(), labelled);
    drop(writer);
    let (rest, status) = live.end();
    assert!(rest[0].contains(r#""message":"completed""#), "{rest:?}");
    assert!(rest[1].contains("truncated: turn 1 has no end"), "{rest:?}");
    assert_eq!((rest.len(), status), (2, 1));
}

#[test]
fn a_source_stuck_in_an_endless_line_delays_nobody_for_long() {
    let folder = TempDir::new().unwrap();
    let stuck = fifo(&folder, "stuck");
    let mut live = Live::start(&["merge", "--max-line", "1k", stuck.to_str().unwrap(), "-"]);
    let mut writer = open(&stuck);
    writer.write_all(&[b'y'; 5000]).unwrap();
    live.write(delta("s", 1, "x"));
    let seen = live.until("text_delta");
    let (said, rest) = seen.split_last().unwrap();
    assert_eq!(*said, delta("s", 1, "x"));
    assert_eq!(rest.concat().replace('\n', ""), "y".repeat(5000));
}

#[test]
fn a_second_source_with_the_same_stream_is_refused_by_name() {
    let script = "cd \"$(mktemp -d)\"; spile wrap --stream x -- echo one >a; spile wrap --stream x -- echo two >b
        spile merge first=a second=b | spile check; echo ${PIPESTATUS[0]}";
    let (stdout, stderr, _) = bash(script);
    assert_eq!(stdout, "7 events, 1 turn in 1 stream: no violations\n1\n");
    assert_eq!(
        stderr,
        "spile: second: stream x is already that of first: left out (give each run its own id: wrap --stream)\n"
    );
}

#[test]
fn order_is_kept_with_real_pipes_in_random_schedules() {
    let mut random = 0x2545_F491_4F6C_DD1Du64;
    let mut next = move |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % below as u64).unwrap()
    };
    for _ in 0..stress(1000) {
        let folder = TempDir::new().unwrap();
        let paths: Vec<PathBuf> = (0..8).map(|n| fifo(&folder, &n.to_string())).collect();
        let mut args = vec!["merge"];
        args.extend(paths.iter().map(|path| path.to_str().unwrap()));
        let mut live = Live::start(&args);
        let mut writers: Vec<_> = (0..8)
            .map(|n| {
                let name = format!("s{n}");
                let lines = (1..=next(20) as u64 + 1)
                    .map(|seq| delta(&name, seq, &"t".repeat(seq as usize * 9)));
                (open(&paths[n]), lines.collect::<String>() + &completed(&name, 99), 0)
            })
            .collect();
        let want: Vec<String> = writers.iter().map(|(_, text, _)| text.clone()).collect();
        let mut all = Vec::new();
        while !writers.is_empty() {
            let n = next(writers.len());
            let (writer, text, at) = &mut writers[n];
            let end = (*at + 1 + next(700)).min(text.len());
            writer.write_all(&text.as_bytes()[*at..end]).unwrap();
            *at = end;
            if end == text.len() {
                writers.swap_remove(n);
            }
        }
        while let Some(line) = live.line() {
            all.push(line);
        }
        for (n, want) in want.iter().enumerate() {
            let name = format!(r#""stream":"s{n}""#);
            let got: String = all
                .iter()
                .filter(|l| l.contains(&name) && l.contains(r#""seq""#))
                .map(String::as_str)
                .collect();
            assert_eq!(got, *want);
        }
        assert_eq!(live.end().1, 0);
    }
}

#[test]
fn each_starts_agents_that_differ_by_number_and_label() {
    let command = "echo \"agent $SPILE_INDEX\"; test $SPILE_INDEX != 2 || exit 7";
    spile(&["merge", "--each", "3", "--labels", "a,b,-c", "--", "sh", "-c", command])
        .run()
        .status(7)
        .then(|stdout| {
            for (label, text) in [("a", "agent 1"), ("b", "agent 2"), ("-c", "agent 3")] {
                let said =
                    format!(r#""label":"{label}","block":"b1","kind":"answer","text":"{text}\n""#);
                assert!(stdout.contains(&said), "{stdout}");
            }
            assert_eq!(stdout.matches(r#""ended":"completed""#).count(), 2, "{stdout}");
            assert_eq!(
                stdout.matches(r#""message":"failed: exit_nonzero""#).count(),
                1,
                "{stdout}"
            );
        });
    spile(&["merge", "--each", "2", "--", "true"])
        .run()
        .then(|stdout| assert!(stdout.contains(r#""label":"2""#), "{stdout}"));
    spile(&["merge", "--each", "2", "--", "echo", "hi"])
        .pipe(&["check"])
        .run()
        .stdout("14 events, 2 turns in 2 streams: no violations\n");
}

#[test]
fn each_passes_on_how_its_agents_are_read() {
    let garbage = ["merge", "--each", "1", "--from", "text", "--strict", "--", "printf", "\\377"];
    spile(&garbage).run().status(65).then(|stdout| assert!(stdout.contains("base64"), "{stdout}"));
    let (_, stderr, status) = bash("spile merge --each 2 -- ./no/such/agent >/dev/null");
    assert_eq!((stderr.matches("cannot start").count(), status), (2, 127), "{stderr}");
}

const SLEEPERS: [&str; 7] =
    ["merge", "--each", "2", "--", "sh", "-c", "echo working; exec sleep 1000"];

#[test]
fn a_term_signal_is_passed_on_and_the_agents_are_heard_to_their_end() {
    let mut live = Live::start(&SLEEPERS);
    live.until("text_delta");
    live.until("text_delta");
    live.signal(Signal::TERM);
    let (rest, status) = live.end();
    let rest = rest.concat();
    assert_eq!(rest.matches(r#""type":"turn_cancelled""#).count(), 2, "{rest}");
    assert_eq!(rest.matches(r#""ended":"cancelled""#).count(), 2, "{rest}");
    assert_eq!(status, 143);
}

#[test]
fn a_reader_that_goes_stops_the_agents() {
    let script = "cd \"$(mktemp -d)\"
        spile merge --each 2 -- sh -c 'echo $$ >pid$SPILE_INDEX; echo working; exec sleep 1000' | head -6 >/dev/null
        echo ${PIPESTATUS[0]}; for pid in $(cat pid1 pid2); do kill -0 $pid 2>/dev/null && echo alive; done";
    let (stdout, stderr, _) = bash(script);
    assert_eq!((stdout.as_str(), stderr.as_str()), ("141\n", ""));
}

#[test]
fn of_files_it_is_the_source_and_an_interrupt_ends_it_at_once() {
    let folder = TempDir::new().unwrap();
    let (file, silent) = (folder.path().join("file"), fifo(&folder, "silent"));
    std::fs::write(&file, delta("s", 1, "x")).unwrap();
    let mut live = Live::start(&["merge", file.to_str().unwrap(), silent.to_str().unwrap()]);
    live.until("text_delta");
    live.signal(Signal::INT);
    assert_eq!(shell_code(live.child.wait().unwrap()), 130);
}

/// Far more than the limit of its memory passes through.
#[test]
fn memory_is_bounded() {
    let line = delta("s", 1, &"x".repeat(1000)).trim_end().to_owned();
    let script = format!(
        "(ulimit -d 65536; exec spile merge <(yes '{line}') y=<(yes '{}')) 2>/dev/null | head -c 200000000 | wc -c",
        line.replace(r#""stream":"s""#, r#""stream":"t""#)
    );
    assert_eq!(bash(&script).0, "200000000\n");
}

#[test]
fn what_is_wrong_with_the_command_line_is_said() {
    for (line, word) in [
        ("spile merge", "nothing to merge"),
        ("spile merge a=no/such/file", "cannot open no/such/file"),
        ("spile merge /", "cannot open /: Is a directory"),
        ("spile merge - x=-", "only once"),
        ("spile merge --each 2 --labels a -- true", "needs 2 labels, not 1"),
        ("spile merge --each 2", "CMD"),
        ("spile merge --each 0 -- true", "1..=256"),
        ("spile merge - -- true", "--each"),
    ] {
        let (stdout, stderr, status) = bash(line);
        assert_eq!((stdout.as_str(), status), ("", 2), "{line}: {stderr}");
        assert!(stderr.contains(word), "{line}: {stderr}");
    }
}
