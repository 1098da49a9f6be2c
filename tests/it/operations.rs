//! What becomes of background runs afterwards: `spile history`, `spile prune`, `spile ps --all`.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use spile::Time;
use spile::run::state::RunLife;
use spile::runs::history::{Mode, Op, Operation, digest};
use spile::runs::info::RunInfo;

use crate::background::{Home, wait_for};
use crate::harness::{Live, bin, events, shell_code};

/// Stdout of a spile that succeeds and says nothing on stderr.
#[track_caller]
fn stdout(output: Output) -> String {
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((shell_code(output.status), stderr.as_str()), (0, ""));
    String::from_utf8(output.stdout).unwrap()
}

fn operation(op: Op, mode: Mode, run: &str) -> Operation {
    let mut operation = Operation::new(Time::from_millis(1_700_000_000_000), op, mode, "ada");
    operation.run = Some(run.into());
    operation
}

/// A run that ended on a day of January 2026, with files of some 100 bytes.
fn finished(home: &Home, stream: &str, label: &str, day: u32) {
    let started = format!("2026-01-{day:02}T00:00:00.000Z");
    let info = RunInfo {
        argv: vec!["agent".into(), "-p".into()],
        label: Some(label.into()),
        started: started.clone(),
        ..RunInfo::default()
    };
    let (run, lock) = home.state().create(stream, &info).unwrap().unwrap();
    let event = format!(
        r#"{{"v":1,"type":"status","stream":"{stream}","seq":1,"ts":"{started}","kind":"session","data":{{}}}}"#
    );
    std::fs::write(run.path().join("events.ndjson"), event + "\n").unwrap();
    drop(lock);
    run.close().unwrap();
}

fn history_path(home: &Home) -> PathBuf {
    home.path().join("state/history.ndjson")
}

/// Lines of the history of one operation.
fn recorded(home: &Home, op: &str) -> Vec<Value> {
    let mut lines = events(&std::fs::read(history_path(home)).unwrap());
    lines.retain(|line| line["op"] == op);
    lines
}

fn streams(home: &Home) -> Vec<String> {
    home.state().streams().unwrap()
}

#[test]
fn what_is_asked_of_a_run_is_recorded() {
    let home = Home::new();
    let stream = home.start(&["--label", "docs"], "echo hi; exec sleep 1000");
    let spile = |args: &[&str]| {
        let mut command = home.command(bin(), args);
        command.env("USER", "ada").env("LOGNAME", "bob").output().unwrap()
    };
    assert_eq!(shell_code(spile(&["send", "docs", "the secret words"]).status), 1);
    assert_eq!(shell_code(spile(&["permit", &stream, "--by", "eve"]).status), 1);
    assert_eq!(shell_code(spile(&["send", "nobody", "x"]).status), 69);
    stdout(spile(&["cancel", &stream, "--reason", "enough"]));
    home.ended(&stream);
    let [send, permit, cancel] = ["send", "permit", "cancel"].map(|op| {
        let mut lines = recorded(&home, op);
        assert_eq!(lines.len(), 1, "{op}: {lines:?}");
        lines.remove(0)
    });
    for line in [&send, &permit, &cancel] {
        assert_eq!(
            (&line["run"], &line["mode"]),
            (&stream.as_str().into(), &"cli".into()),
            "{line}"
        );
        assert!(line["duration_ms"].is_u64() && line["ts"].is_string(), "{line}");
    }
    assert_eq!(send["prompt_sha256"], digest("the secret words"));
    assert_eq!((&send["by"], &send["status"]), (&"ada".into(), &1.into()));
    assert!(send["outcome"].is_string(), "{send}");
    assert_eq!(permit["by"], "eve");
    let end = (&cancel["outcome"], &cancel["status"], &cancel["by"]);
    assert_eq!(end, (&"cancelled".into(), &0.into(), &"ada".into()));
    let text = std::fs::read_to_string(history_path(&home)).unwrap();
    assert!(!text.contains("secret words"), "{text}");
}

#[test]
fn a_history_that_cannot_be_written_fails_nothing() {
    let home = Home::new();
    let stream = home.start(&[], "echo hi; exec sleep 1000");
    // An end of the run cannot be recorded either; its warning is in its own log.
    let path = history_path(&home);
    std::fs::remove_file(&path).ok();
    std::fs::create_dir(&path).unwrap();
    let output = home.run(&["cancel", &stream]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(shell_code(output.status), 0, "{stderr}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("turn_cancelled"));
    assert!(stderr.starts_with("spile: the operation is not in the history: "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    home.ended(&stream);
}

#[test]
fn the_history_is_a_table_or_its_lines() {
    let home = Home::new();
    let state = home.state();
    for n in 0..60 {
        let mode = if n % 2 == 0 { Mode::Cli } else { Mode::Mcp };
        state.record(&operation(Op::Send, mode, &format!("run-{n}"))).unwrap();
    }
    let history = |args: &[&str]| stdout(home.run(&[&["history"], args].concat()));
    let runs = |text: &str| -> Vec<String> {
        let words = text.split_whitespace().filter(|word| word.starts_with("run-"));
        words.map(str::to_owned).collect()
    };
    let table = history(&[]);
    assert!(table.starts_with("TIME "), "{table}");
    let want: Vec<String> = (10..60).map(|n| format!("run-{n}")).collect();
    assert_eq!((runs(&table), table.lines().count()), (want, 51));
    assert_eq!(runs(&history(&["--limit", "2", "--mode", "mcp"])), ["run-57", "run-59"]);
    assert_eq!(runs(&history(&["--limit", "0"])).len(), 60);
    let file = std::fs::read_to_string(history_path(&home)).unwrap();
    assert_eq!(history(&["--limit", "0", "--json"]), file);
    assert_eq!(
        history(&["--json", "--limit", "1"]),
        file.lines().last().unwrap().to_owned() + "\n"
    );
}

#[test]
fn hostile_texts_do_not_reach_the_terminal() {
    let home = Home::new();
    let mut hostile = operation(Op::End, Mode::Cli, "run-1");
    hostile.by = "\u{1b}[2J\n::error::x".into();
    hostile.outcome = Some("##[group]\u{9b}31m\u{202e}".into());
    home.state().record(&hostile).unwrap();
    finished(&home, "run-1", "\u{1b}]0;x\u{7}\n##vso[x]", 1);
    finished(&home, "run-2", "plain", 2);
    let shown = [stdout(home.run(&["history"])), stdout(home.run(&["ps", "--all"]))];
    for text in shown {
        let bad = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!text.contains(bad), "{text:?}");
        assert!(text.lines().all(|line| !line.trim_start().starts_with("::")), "{text}");
        assert!(!text.contains(" ##[") && !text.contains(" ##vso["), "{text}");
    }
    assert_eq!(stdout(home.run(&["ps", "--all", "--names"])), "run-2\tplain\nrun-1\t\n");
}

#[test]
fn a_damaged_line_is_named_and_skipped() {
    let home = Home::new();
    let state = home.state();
    state.record(&operation(Op::Send, Mode::Cli, "run-1")).unwrap();
    let whole = std::fs::read_to_string(history_path(&home)).unwrap();
    // A writer that was killed: what it had begun is ended by the next.
    std::fs::write(history_path(&home), format!("{whole}{}", &whole[..20])).unwrap();
    state.record(&operation(Op::Send, Mode::Cli, "run-2")).unwrap();
    let output = home.run(&["history", "--json"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    let want = format!("spile: history.ndjson: the line at byte {} is damaged\n", whole.len());
    assert_eq!((shell_code(output.status), stderr), (0, want));
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        format!("{whole}{}", whole.replace("run-1", "run-2"))
    );
}

#[test]
fn a_follower_goes_on_over_a_rotation() {
    let home = Home::new();
    let line = operation(Op::Send, Mode::Cli, &"x".repeat(200)).line();
    home.state();
    let full = line.repeat((8 << 20) / line.len());
    std::fs::write(history_path(&home), full).unwrap();
    let args = ["history", "--follow", "--json", "--limit", "1"];
    let mut follower = Live::spawn(&mut home.command(bin(), &args));
    assert_eq!(follower.line(), Some(line));
    for n in 0..3 {
        let next = operation(Op::Send, Mode::Cli, &format!("run-{n}{}", "y".repeat(200)));
        home.state().record(&next).unwrap();
        assert_eq!(follower.line(), Some(next.line()));
    }
    assert!(home.path().join("state/history.1.ndjson").exists(), "no rotation");
    follower.signal(rustix::process::Signal::INT);
    assert_eq!(follower.end(), (Vec::new(), 130));
}

#[test]
fn a_follower_without_a_reader_ends() {
    let home = Home::new();
    let script = "spile history --follow | true";
    assert_eq!(home.bash(script), (String::new(), 0));
}

#[test]
fn looking_makes_no_state_directory() {
    let home = Home::new();
    for args in [&["history"][..], &["prune"], &["ps", "--all"], &["ps", "--names", "--all"]] {
        stdout(home.run(args));
        assert!(!home.path().join("state").exists(), "{args:?}");
    }
}

#[test]
fn finished_runs_are_removed_and_live_ones_stay() {
    let home = Home::new();
    for day in 1..=5 {
        finished(&home, &format!("old-{day}"), "x", day);
    }
    let live = home.start(&[], "echo hi; exec sleep 1000");
    let dead = home.start(&[], "echo bye");
    home.ended(&dead);
    let mut reader = home.folder_of("old-1").events().unwrap();
    let file = std::fs::read_to_string(home.events_path("old-1")).unwrap();
    let prune = |args: &[&str]| stdout(home.run(&[&["prune"], args].concat()));
    assert_eq!(prune(&["--keep", "5", "--dry-run"]), "old-1\n");
    assert_eq!(streams(&home).len(), 7);
    assert_eq!(prune(&["--keep", "5"]), "old-1\n");
    // Whoever has opened it reads it to its end.
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, file);
    assert_eq!(prune(&["--keep", "5"]), "");
    // By the usual limits, all that are older than 14 days.
    assert_eq!(prune(&[]), "old-2\nold-3\nold-4\nold-5\n");
    assert_eq!(prune(&["--older", "0"]), format!("{dead}\n"));
    assert_eq!(streams(&home), [live.as_str()]);
    assert_eq!(prune(&["--older", "0", "--keep", "0", "--size", "0"]), "");
    assert_eq!(home.folder_of(&live).life().unwrap(), RunLife::Alive);
    let removed: Vec<Value> = recorded(&home, "prune");
    assert_eq!(removed.len(), 6);
    assert!(removed.iter().all(|line| line["outcome"] == "removed"), "{removed:?}");
    stdout(home.run(&["cancel", &live]));
    home.ended(&live);
}

#[test]
fn the_size_counts_the_newest_runs_first() {
    let home = Home::new();
    for day in 1..=3 {
        finished(&home, &format!("run-{day}"), "x", day);
    }
    let big = home.events_path("run-2").with_file_name("stderr.log");
    std::fs::write(big, vec![b'x'; 100 << 10]).unwrap();
    let prune = |args: &[&str]| stdout(home.run(&[&["prune"], args].concat()));
    assert_eq!(prune(&["--size", "200k"]), "");
    assert_eq!(prune(&["--size", "50k"]), "run-1\nrun-2\n");
    for wrong in [["--older", "1y"], ["--older", "d"], ["--older", "-1d"], ["--size", "x"]] {
        assert_eq!(shell_code(home.run(&["prune", wrong[0], wrong[1]]).status), 2, "{wrong:?}");
    }
}

#[test]
fn all_runs_are_listed_with_their_states() {
    let home = Home::new();
    finished(&home, "old", "a b", 1);
    finished(&home, "older", "c", 2);
    std::fs::remove_file(home.events_path("old").with_file_name("summary.json")).unwrap();
    let live = home.start(&["--label", "now"], "echo hi; exec sleep 1000");
    wait_for("a word of the agent", || {
        home.events(&live).iter().any(|e| e["type"] == "text_delta")
    });
    let table = stdout(home.run(&["ps", "--all"]));
    let rows: Vec<Vec<&str>> = table.lines().map(|row| row.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["STREAM", "LABEL", "STATE", "TURNS", "AGE", "COST", "COMMAND"]);
    assert_eq!(rows[1][..3], [live.as_str(), "now", "turn"]);
    assert_eq!(rows[2][..4], ["older", "c", "failed", "1"]);
    assert_eq!(rows[3][..5], ["old", "a", "b", "failed", "1"]);
    assert_eq!(rows.len(), 4, "{table}");
    assert!(home.events_path("old").with_file_name("summary.json").exists(), "it is made once");
    assert_eq!(stdout(home.run(&["ps"])).lines().count(), 2);
    let json = events(stdout(home.run(&["ps", "--all", "--json"])).as_bytes());
    assert_eq!((&json[0]["stream"], &json[0]["answers"]), (&live.as_str().into(), &true.into()));
    assert_eq!(json[1]["stream"], "older");
    assert_eq!(json[1]["ended"], "2026-01-02T00:00:00.000Z");
    assert_eq!((&json[1]["state"], &json[1]["exit"]["lost"]), (&"failed".into(), &true.into()));
    assert_eq!(json.len(), 3);
    let names = |args: &[&str]| stdout(home.run(&[&["ps", "--names"], args].concat()));
    assert_eq!(names(&[]), format!("{live}\tnow\n"));
    assert_eq!(names(&["--all"]), format!("{live}\tnow\nolder\tc\nold\ta b\n"));
    stdout(home.run(&["cancel", &live]));
    home.ended(&live);
}

#[test]
fn many_finished_runs_are_listed_without_their_events() {
    let home = Home::new();
    finished(&home, "run-0", "many", 1);
    let from = home.events_path("run-0");
    let folder = from.parent().unwrap();
    for n in 1..600 {
        let to = folder.with_file_name(format!("run-{n}"));
        std::fs::create_dir(&to).unwrap();
        for file in ["run.json", "summary.json", "lock"] {
            std::fs::copy(folder.join(file), to.join(file)).unwrap();
        }
        // As long as the summary says, and without a single event: nothing may read it.
        let events = std::fs::File::create(to.join("events.ndjson")).unwrap();
        events.set_len(Path::new(&from).metadata().unwrap().len()).unwrap();
    }
    assert_eq!(stdout(home.run(&["ps", "--all"])).lines().count(), 601);
    assert_eq!(stdout(home.run(&["ps", "--all", "--names"])).lines().count(), 500);
}
