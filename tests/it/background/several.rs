//! Parallel runs: one is redirected, one gets a message, and nothing of that reaches the others.

use std::process::Stdio;

use serde_json::Value;

use super::{Home, ends, wait_for};
use crate::harness::{bin, events, shell_code};

/// Starts an agent that keeps its turn open.
fn start(home: &Home, stream: &str) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/drive_agents.py");
    let options = ["start", "--stream", stream, "--label", stream, "--drive", "--from", "claude"];
    let agent = ["--keep-open", "0s", "--prompt", "hold", "--", "python3", script, "claude"];
    let output = home.run(&[&options[..], &agent].concat());
    assert_eq!(shell_code(output.status), 0, "{}", String::from_utf8_lossy(&output.stderr));
}

fn of<'a>(all: &'a [Value], stream: &str) -> Vec<&'a Value> {
    all.iter().filter(|event| event["stream"] == stream).collect()
}

#[test]
fn three_runs_are_steered_one_by_one_from_another_terminal() {
    let home = Home::new();
    let streams = ["one", "two", "three"];
    streams.iter().for_each(|stream| start(&home, stream));
    let turns = |stream: &str, kind: &str| {
        home.events(stream).iter().filter(|event| event["type"] == kind).count()
    };
    streams.iter().for_each(|stream| wait_for("a turn", || turns(stream, "text_delta") > 0));
    // A reader of all three in a terminal, which is closed.
    let reader = "spile attach --all | spile view";
    let mut terminal =
        home.command("timeout", &["--signal=KILL", "0.5", "script", "-qec", reader, "/dev/null"]);
    terminal.stdout(Stdio::null()).status().unwrap();
    let three = std::fs::read(home.events_path("three")).unwrap();
    let redirected = home.run(&["cancel", "one", "--then", "finish this"]);
    assert_eq!(shell_code(redirected.status), 0, "{redirected:?}");
    let sent = home.run(&["send", "two", "go"]);
    assert_eq!(String::from_utf8_lossy(&sent.stdout), "taken\n");
    wait_for("the end of the first", || turns("one", "turn_completed") == 1);
    wait_for("the end of the second", || turns("two", "turn_completed") == 1);
    assert_eq!(std::fs::read(home.events_path("three")).unwrap(), three, "it is untouched");
    // Back at another terminal.
    let mut attach = home.command(bin(), &["attach", "--all"]);
    let attach = attach.stdout(Stdio::piped()).spawn().unwrap();
    let cancelled = home.run(&["cancel", "three", "--reason", "enough"]);
    assert_eq!(shell_code(cancelled.status), 0, "{cancelled:?}");
    let output = attach.wait_with_output().unwrap();
    let all = events(&output.stdout);
    for (stream, want) in [
        ("one", &["turn_cancelled", "turn_completed"][..]),
        ("two", &["turn_completed"]),
        ("three", &["turn_cancelled"]),
    ] {
        let own: Vec<Value> = of(&all, stream).into_iter().cloned().collect();
        assert_eq!(own, home.ended(stream), "attach gives what stands in the file");
        let types = own.iter().map(|event| event["type"].as_str().unwrap());
        let terminal: Vec<&str> =
            types.filter(|kind| kind.starts_with("turn_") && *kind != "turn_started").collect();
        assert_eq!((terminal.as_slice(), ends(&own).1), (want, 1), "{stream}");
        assert!(own.iter().filter(|e| e["seq"].is_u64()).all(|event| event["label"] == stream));
    }
    let prompts = |stream: &str| {
        let own = of(&all, stream).into_iter().filter(|event| event["kind"] == "message");
        own.map(|event| event["data"]["text"].as_str().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!((prompts("two"), prompts("three")), (vec!["hold", "go"], vec!["hold"]));
}
