//! `spile cancel` in a pipe: the wrap that it reads from ends the turn, and no other run is ever touched.

use std::path::PathBuf;

use serde_json::Value;

use super::{HI, Room, Talk, terminals};
use crate::harness::{Live, events, spile};

fn lines(text: &str) -> Vec<String> {
    text.split_inclusive('\n').map(str::to_owned).collect()
}

/// The events of one pipeline, which are to keep the contract and to end cancelled by a filter.
fn cancelled(room: &Room, script: &str) -> Vec<Value> {
    let (stdout, status) = room.bash(&format!("set -o pipefail; {script}"));
    assert_eq!(status, 130, "{script}: {stdout}");
    let all = lines(&stdout);
    let ends = terminals(&all);
    assert_eq!(ends.len(), 1, "{stdout}");
    let end: Value = serde_json::from_str(&ends[0]).unwrap();
    assert_eq!((&end["type"], &end["by"]), (&"turn_cancelled".into(), &"filter".into()));
    spile(&["check"])
        .stdin(&stdout)
        .run()
        .then(|report| assert!(report.contains("no violations"), "{report}\n{stdout}"));
    assert_eq!(room.files(), Vec::<PathBuf>::new());
    events(stdout.as_bytes())
}

const TOOL: &str = r#"echo "{\"type\":\"thread.started\",\"thread_id\":\"t\"}"; echo "{\"type\":\"turn.started\"}"
echo "{\"type\":\"item.started\",\"item\":{\"id\":\"i\",\"type\":\"command_execution\",\"command\":\"sleep\",\"status\":\"in_progress\"}}""#;

#[test]
fn every_condition_ends_a_live_turn() {
    let room = Room::new();
    let wrap = format!("spile wrap -- sh -c '{HI}'");
    for (condition, reason) in [
        ("--after 50ms", "(--after)"),
        ("--when-idle 50ms", "(--when-idle)"),
        ("--match '^h.\\s'", "(--match)"),
        ("--max-text 2", "(--max-text)"),
        ("--max-text 2 --reason enough", "enough"),
    ] {
        let all = cancelled(&room, &format!("{wrap} | spile cancel {condition}"));
        let asked = all.iter().find(|e| e["kind"] == "cancel_requested").unwrap();
        assert!(asked["message"].as_str().unwrap().contains(reason), "{asked}");
        assert_eq!(asked["data"]["asks"], true);
        assert_eq!(asked["seq"], Value::Null);
        let end = all.iter().find(|e| e["type"] == "turn_cancelled").unwrap();
        assert!(end["reason"].as_str().unwrap().contains(reason), "{end}");
        assert_eq!(end["synthetic"], Value::Null, "wrap itself has said it");
        assert_eq!(all.last().unwrap()["kind"], "exit", "and the run is over");
    }
    let wrap = format!("spile wrap --from codex -- sh -c '{TOOL}; exec sleep 1000'");
    let name = cancelled(&room, &format!("{wrap} | spile cancel --when-idle 50ms"))
        .iter()
        .find_map(|e| (e["type"] == "tool_started").then(|| e["tool"]["name"].to_string()))
        .unwrap();
    let all = cancelled(&room, &format!("{wrap} | spile cancel --on-tool x,{name}"));
    assert!(all.iter().any(|e| e["type"] == "tool_finished"));
}

#[test]
fn it_asks_through_other_stages() {
    let room = Room::new();
    let wrap = format!("spile wrap -- sh -c '{HI}'");
    let all = cancelled(
        &room,
        &format!(
            "{wrap} | cat | spile coalesce | spile heartbeat | spile cancel --when-idle 50ms | spile coalesce"
        ),
    );
    assert!(!all.iter().any(|e| e["synthetic"] == true), "{all:?}");
}

#[test]
fn of_two_streams_only_the_one_is_ended() {
    let room = Room::new();
    let script = "spile merge bad=<(exec spile wrap --stream bad -- sh -c 'echo bad; exec sleep 1000') \
        good=<(exec spile wrap --stream good --stdin pipe -- sh -c 'echo good; read -r x; echo done' <fifo) \
        | spile cancel --match bad | while read -r line; do echo \"$line\"; \
        case $line in *turn_cancelled*) echo go >fifo ;; esac; done";
    let folder = room.folder.path().display();
    let (stdout, _) = room.bash(&format!(
        "cd {folder}; mkfifo fifo; sleep 1000 >fifo & keep=$!; {script}; kill $keep"
    ));
    let ends = terminals(&lines(&stdout));
    assert_eq!(ends.len(), 2, "{stdout}");
    assert!(ends[0].contains(r#""stream":"bad""#) && ends[0].contains("turn_cancelled"));
    assert!(ends[1].contains(r#""stream":"good""#) && ends[1].contains("turn_completed"));
    assert!(stdout.contains("done"), "{stdout}");
}

/// A live run of stream `s`, and its events up to now in a file.
fn live(room: &Room, name: &str) -> (Live, String) {
    let (live, seen) = room.wrap(&["--stream", "s"], HI, "text_delta");
    let file = room.folder.path().join(name);
    std::fs::write(&file, seen.concat()).unwrap();
    (live, file.display().to_string())
}

/// Whether the turn of the run is open, and nobody has asked it to end.
fn is_untouched(room: &Room) -> bool {
    let state = Talk::to(&room.socket()).ask(r#"{"spile":1,"ask":"query"}"#);
    state["open"] == true && state["cancelling"] == false
}

#[test]
fn a_recording_never_touches_a_live_run() {
    let room = Room::new();
    // A recording of an earlier run of the same stream, another run of which is live.
    let (earlier, old) = live(&room, "old.ndjson");
    room.run(&["cancel", "s"]);
    earlier.end();
    let (live, new) = live(&room, "new.ndjson");
    for source in [
        format!("cat {old} |"),
        // A recording of the very run that is live.
        format!("cat {new} |"),
        format!("cat {new} | cat | spile coalesce |"),
        format!("<{new}"),
    ] {
        let script = if source.ends_with('|') {
            format!("{source} spile cancel --max-text 2")
        } else {
            format!("spile cancel --max-text 2 {source}")
        };
        let (stdout, status) = room.bash(&script);
        assert_eq!(status, 130, "{stdout}");
        let all = events(stdout.as_bytes());
        let kinds: Vec<&Value> = all.iter().map(|e| &e["kind"]).collect();
        assert!(kinds.contains(&&"cancel_requested".into()), "{stdout}");
        assert!(kinds.contains(&&"cancel_refused".into()), "{stdout}");
        let end = all.last().unwrap();
        assert_eq!((&end["type"], &end["synthetic"]), (&"turn_cancelled".into(), &true.into()));
        spile(&["check"])
            .stdin(&stdout)
            .run()
            .then(|report| assert!(report.contains("no violations"), "{report}"));
        assert!(is_untouched(&room), "{source}");
    }
    // Even one who lies about where he reads must know the word of this run.
    let word = std::fs::read_to_string(&old).unwrap();
    let word: Value = serde_json::from_str(word.lines().next().unwrap()).unwrap();
    let request = serde_json::json!({"spile": 1, "ask": "cancel", "stream": "s", "turn": 1,
        "by": "filter", "control": word["data"]["control"]["word"]});
    let answer = Talk::to(&room.socket()).ask(&request.to_string());
    assert_eq!((&answer["answer"], &answer["code"]), (&"refused".into(), &"not_here".into()));
    assert!(is_untouched(&room));
    room.run(&["cancel", "s"]);
    live.end();
}

#[test]
fn where_nobody_answers_it_ends_the_turn_itself_and_stops_reading() {
    let room = Room::new();
    let mut live = Live::spawn(&mut room.command(&["cancel", "--match", "b c"]));
    let event = |seq: u64, type_: &str, body: &str| {
        format!(
            "{{\"v\":1,\"type\":\"{type_}\",\"stream\":\"s\",\"turn\":1,\"seq\":{seq},\"ts\":\"2026-01-01T00:00:00.000Z\"{body}}}\n"
        )
    };
    let delta = |seq, text: &str| {
        let body = format!(r#","block":"b1","kind":"answer","text":"{text}""#);
        event(seq, "text_delta", &body)
    };
    live.write(event(1, "turn_started", r#","runtime":"x""#));
    live.write(delta(2, "a b"));
    live.write(delta(3, " c d"));
    let lines = live.until("turn_cancelled");
    let kinds: Vec<String> = events(lines.concat().as_bytes())
        .iter()
        .map(|e| e["type"].as_str().unwrap().to_owned())
        .collect();
    let want =
        ["turn_started", "text_delta", "text_delta", "status", "block_final", "turn_cancelled"];
    assert_eq!(kinds, want);
    // Its stdin is still open: it has ended by itself.
    assert_eq!(live.line(), None);
    assert_eq!(live.end().1, 130);
}

#[test]
fn a_turn_that_ends_by_itself_in_time_is_left_alone() {
    let room = Room::new();
    let (stdout, status) = room
        .bash("set -o pipefail; spile wrap -- echo hi | spile cancel --after 1h --max-text 100");
    assert_eq!(status, 0);
    assert!(stdout.contains("turn_completed") && !stdout.contains("cancel_requested"));
}

#[test]
fn a_wrap_that_was_killed_leaves_no_open_turn_behind() {
    let room = Room::new();
    // It is stopped, so that it can only be asked, and then killed.
    let script = "spile wrap --stream s -- sh -c 'echo hi; exec sleep 1000' | (read -r line; echo \"$line\"; \
        pid=${line##*\\\"control\\\":\\{\\\"pid\\\":}; pid=${pid%%,*}; \
        read -r line; echo \"$line\"; read -r line; kill -STOP $pid; (echo \"$line\"; cat) | spile cancel --max-text 2 | \
        while read -r line; do echo \"$line\"; case $line in *cancel_requested*) kill -KILL $pid ;; esac; done)";
    let (stdout, _) = room.bash(script);
    let ends = terminals(&lines(&stdout));
    assert_eq!(ends.len(), 1, "{stdout}");
    assert!(ends[0].contains("turn_cancelled") && ends[0].contains("synthetic"), "{stdout}");
}
