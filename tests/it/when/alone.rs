//! What a condition within wrap does that a filter in a pipe cannot, and wrong command lines.

use std::io::Read;
use std::process::Stdio;

use serde_json::Value;

use super::{Room, claude, has, masked};
use crate::feed::contract;
use crate::harness::{Live, bin, command, events, shell_code, spile};

#[test]
fn a_turn_that_completes_in_the_same_read_is_cancelled_at_its_place() {
    let room = Room::new();
    let result = r#"{"type":"result","subtype":"success","is_error":false,"result":"the end, all done","stop_reason":"end_turn","session_id":"s"}"#;
    std::fs::write(room.path("printed"), format!("{}{result}\n", claude())).unwrap();
    let printed = room.path("printed");
    let args = ["wrap", "--from", "claude", "--cancel-when", "repeat=2", "--", "cat", &printed];
    let output = room.command(bin(), &args).stdin(Stdio::null()).output().unwrap();
    let events = masked(&output.stdout);
    let at = |kind: &str| events.iter().position(|e| e["kind"] == kind || e["type"] == kind);
    assert_eq!(events[at("cancel_requested").unwrap() - 1]["tool"]["id"], "t2");
    let end = &events[at("turn_cancelled").unwrap()];
    assert_eq!((&end["stop"], &end["by"]), (&"end_turn".into(), &"filter".into()));
    assert_eq!(at("turn_completed"), None);
    // The agent has ended by itself.
    let exit = events.last().unwrap();
    assert_eq!((&exit["data"]["code"], &exit["data"]["killed"]), (&0.into(), &false.into()));
    assert_eq!(shell_code(output.status), 130);
    contract(&output.stdout).unwrap();
}

/// Prints more than wrap keeps for a reader, and shows by an open FIFO that it lives.
const FLOOD: &str = r#"exec 3>"$0"; head -c 8000000 /dev/zero | tr '\0' x; exec sleep 1000"#;

#[test]
fn a_condition_on_time_stops_the_agent_while_nobody_reads() {
    for condition in ["after=200ms", "idle=200ms"] {
        let room = Room::new();
        let fifo = room.path("fifo");
        assert!(command("mkfifo", &[&fifo]).status().unwrap().success());
        let args = ["wrap", "--from", "text", "--cancel-when", condition];
        let args = [&args[..], &["--", "sh", "-c", FLOOD, &fifo]].concat();
        let mut wrap = room.command(bin(), &args);
        let mut wrap = wrap.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        // Its end comes when no process of the agent is left; until then nobody reads the events.
        std::fs::File::open(&fifo).unwrap().read_to_end(&mut Vec::new()).unwrap();
        let mut stdout = Vec::new();
        wrap.stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
        assert_eq!(shell_code(wrap.wait().unwrap()), 130, "{condition}");
        let events = events(&stdout);
        let end = events.iter().find(|e| e["type"] == "turn_cancelled").unwrap();
        assert_eq!(end["by"], "filter");
        assert_eq!(events.iter().filter(|e| e["kind"] == "cancel_requested").count(), 1);
        contract(&stdout).unwrap();
    }
}

/// Speaks Claude Code's stream-json: it works until it is interrupted, and answers a prompt with `finish` in it.
const CLAUDE: &str = r#"
say() { printf '%s\n' "$1"; }
while read -r line; do
  case "$line" in
  *'"subtype":"interrupt"'*)
    say '{"type":"result","subtype":"error_during_execution","is_error":true,"terminal_reason":"aborted_streaming","session_id":"s","errors":[]}' ;;
  *finish*)
    say '{"type":"system","subtype":"init","session_id":"s"}'
    say '{"type":"result","subtype":"success","is_error":false,"result":"ok","stop_reason":"end_turn","session_id":"s"}' ;;
  *'"type":"user"'*)
    say '{"type":"system","subtype":"init","session_id":"s"}'
    say '{"type":"assistant","message":{"id":"m","content":[{"type":"text","text":"at work"}]}}' ;;
  esac
done
"#;

#[test]
fn a_runtime_that_can_be_interrupted_takes_its_next_turn() {
    let room = Room::new();
    let args = ["wrap", "--from", "claude", "--stdin", "pipe", "--cancel-when", "match=work"];
    let agent = ["--", "sh", "-c", CLAUDE, "claude", "--input-format", "stream-json"];
    let mut live = Live::spawn(&mut room.command(bin(), &[&args[..], &agent].concat()));
    let prompt = |text: &str| {
        format!("{{\"type\":\"user\",\"message\":{{\"role\":\"user\",\"content\":\"{text}\"}}}}\n")
    };
    live.write(prompt("go"));
    let mut lines = live.until("turn_cancelled");
    live.write(prompt("finish"));
    lines.extend(live.until("turn_completed"));
    let (rest, status) = live.end();
    lines.extend(rest);
    assert_eq!(status, 0, "the last turn counts");
    let exit = lines.last().unwrap();
    assert!(exit.contains(r#""code":0,"killed":false"#), "{exit}");
    contract(lines.concat().as_bytes()).unwrap();
}

#[test]
fn a_condition_in_any_session_of_a_connection_stops_the_agent() {
    let room = Room::new();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/acp");
    let raw = root.join("two-sessions.raw").display().to_string();
    // In the last turn of the session that spoke last.
    let args = ["wrap", "--stream", "s", "--from", "acp", "--cancel-when", "match=Of c"];
    let agent = ["--", "sh", "-c", r#"cat "$0"; exec sleep 1000"#, &raw];
    let args = [&args[..], &agent].concat();
    let output = room.command(bin(), &args).stdin(Stdio::null()).output().unwrap();
    assert_eq!(shell_code(output.status), 130);
    let events = masked(&output.stdout);
    let cancelled: Vec<&Value> = events.iter().filter(|e| e["type"] == "turn_cancelled").collect();
    assert!(!cancelled.is_empty() && cancelled.iter().all(|e| e["by"] == "filter"));
    assert!(cancelled.iter().any(|e| e["stream"] != "s"), "{cancelled:?}");
    assert_eq!(events.last().unwrap()["data"]["killed"], true);
    contract(&output.stdout).unwrap();
}

#[test]
fn an_agent_that_meets_no_condition_is_left_alone() {
    let args = ["wrap", "--cancel-when", "after=1h,idle=1h,repeat=9,cost=9,tokens=1M,text=1M"];
    let args = [&args[..], &["--cancel-when", "tool=x,match=y", "--", "echo", "hi"]].concat();
    spile(&args).run().then(|stdout| {
        let events = events(stdout.as_bytes());
        assert!(has(&events, "turn_completed") && !has(&events, "cancel_requested"));
    });
}

#[test]
fn wrong_conditions_and_prices_say_what_is_right() {
    let room = Room::new();
    let file = room.path("bad.json");
    std::fs::write(&file, "{\n  \"m\": {\"input\": 3}\n}").unwrap();
    let missing = room.path("missing.json");
    for (args, why) in [
        (
            &["--cancel-when", "after=soon"][..],
            "after: write a duration like 250ms, 10s, 5m or 1h30m",
        ),
        (&["--cancel-when", "when=1"], "the conditions are after, idle, repeat, cost, tokens,"),
        (&["--cancel-when", "after=1s", "--cancel-when", "after=2s"], "after is given twice"),
        (&["--cancel-when", "after=1s", "--estimate"], "--estimate is for a condition on tokens"),
        (
            &["--cancel-when", "tokens=1", "--prices", &file],
            "--prices is for a condition on the cost",
        ),
        (&["--cancel-when", "cost=1", "--estimate"], "--estimate needs --prices FILE"),
        (
            &["--cancel-when", "cost=1", "--prices", &file],
            "missing field `output` at line 2 column",
        ),
        (&["--cancel-when", "cost=1", "--prices", &missing], "missing.json: No such file"),
    ] {
        let args = [&["wrap"], args, &["--", "true"]].concat();
        let output = command(bin(), &args).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains(why), "{args:?}: {stderr}");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{args:?}");
    }
    for (args, why) in [
        (&["--max-tokens", "few"][..], "write a number like 5000, 200k or 2M"),
        (&["--on-repeat", "1"], "write a number from 2 on"),
        (&["run-1", "--estimate"], "--estimate is for a condition on tokens"),
        (&["--max-cost", "1", "--prices", &file], "missing field `output` at line 2 column"),
    ] {
        let args = [&["cancel"], args].concat();
        let output = command(bin(), &args).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains(why), "{args:?}: {stderr}");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
}
