//! Agents that take orders while they run: the runtime's own interrupt, and another prompt after it.

use serde_json::Value;

use super::{Room, terminals};
use crate::harness::{Live, events, shell_code, spile};

/// Speaks Claude Code's stream-json on both sides. It answers a prompt with `finish` in it, and is at work on any other
/// until it is interrupted. What it hears it says on stderr.
const CLAUDE: &str = r#"
say() { printf '%s\n' "$1"; }
turn=0
while read -r line; do
  echo "heard $line" >&2
  case "$line" in
  *'"subtype":"interrupt"'*)
    say '{"type":"control_response","response":{"subtype":"success","request_id":"spile-1"}}'
    say '{"type":"user","message":{"role":"user","content":[{"type":"text","text":"[Request interrupted by user]"}]},"parent_tool_use_id":null,"session_id":"s"}'
    say '{"type":"result","subtype":"error_during_execution","is_error":true,"terminal_reason":"aborted_streaming","session_id":"s","num_turns":1,"errors":[]}' ;;
  *'"type":"user"'*)
    turn=$((turn + 1))
    say '{"type":"system","subtype":"init","session_id":"s","model":"m","tools":[],"cwd":"/"}'
    say '{"type":"stream_event","event":{"type":"message_start","message":{"id":"m'$turn'"}},"session_id":"s","parent_tool_use_id":null}'
    say '{"type":"stream_event","event":{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"turn '$turn'"}},"session_id":"s","parent_tool_use_id":null}'
    case "$line" in *finish*)
      say '{"type":"result","subtype":"success","is_error":false,"result":"turn '$turn'","stop_reason":"end_turn","session_id":"s","num_turns":1}' ;;
    esac ;;
  esac
done
"#;

/// Speaks the Agent Client Protocol.
const ACP: &str = r#"
say() { printf '%s\n' "$1"; }
while read -r line; do
  echo "heard $line" >&2
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\("[^"]*"\|[0-9]*\).*/\1/p')
  case "$line" in
  *session/new*) say '{"jsonrpc":"2.0","id":'$id',"result":{"sessionId":"S1"}}' ;;
  *session/cancel*) say '{"jsonrpc":"2.0","id":'$open',"result":{"stopReason":"cancelled"}}' ;;
  *session/prompt*)
    open=$id
    say '{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"S1","update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"at work"}}}}'
    case "$line" in *finish*) say '{"jsonrpc":"2.0","id":'$id',"result":{"stopReason":"end_turn"}}' ;; esac ;;
  esac
done
"#;

fn start(room: &Room, from: &str, script: &str, words: &[&str]) -> Live {
    let mut args = vec!["wrap", "--stream", "s", "--from", from, "--stdin", "pipe"];
    args.extend_from_slice(&["--", "sh", "-c", script, from]);
    args.extend_from_slice(words);
    Live::spawn(&mut room.command(&args))
}

/// First text of a turn. In the command line of the agent, which is an event before, its quotes are escaped.
const TEXT: &str = r#""type":"text_delta""#;

const PROMPT: &str = r#"{"type":"user","message":{"role":"user","content":"work"}}"#;
const FINISH: &str = r#"{"type":"user","message":{"role":"user","content":"finish"}}"#;
const ANSWER: &str = r#"{"type":"control_response","response":{"subtype":"success","request_id":"r","response":{}}}"#;
const WORDS: &[&str] = &["--input-format", "stream-json"];

/// Ends the run, and holds its events against the contract.
fn finish(live: Live, mut lines: Vec<String>, want: &[&str]) -> Vec<String> {
    let (rest, status) = live.end();
    lines.extend(rest);
    let ends: Vec<String> = events(terminals(&lines).concat().as_bytes())
        .iter()
        .map(|e| e["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ends, want, "{lines:#?}");
    assert_eq!(status, 0, "the last turn counts");
    spile(&["check"])
        .stdin(lines.concat())
        .run()
        .then(|report| assert!(report.contains("no violations"), "{report}"));
    lines
}

#[test]
fn claude_is_interrupted_and_goes_on() {
    let room = Room::new();
    let mut live = start(&room, "claude", CLAUDE, WORDS);
    live.write(format!("{PROMPT}\n"));
    let mut lines = live.until(TEXT);
    let output = room.run(&["cancel", "s", "--grace", "60s"]);
    assert_eq!(shell_code(output.status), 0);
    let proof: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&proof["type"], &proof["by"]), (&"turn_cancelled".into(), &"control".into()));
    live.write(format!("{FINISH}\n"));
    lines.extend(live.until("turn_completed"));
    let lines = finish(live, lines, &["turn_cancelled", "turn_completed"]);
    let exit = lines.last().unwrap();
    assert!(exit.contains(r#""code":0,"killed":false"#), "{exit}");
}

#[test]
fn claude_is_redirected() {
    let room = Room::new();
    let mut live = start(&room, "claude", CLAUDE, WORDS);
    live.write(format!("{PROMPT}\n"));
    let mut lines = live.until(TEXT);
    let output = room.run(&["cancel", "s", "--grace", "60s", "--then", "finish \"this\"\nnow"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((said.as_str(), shell_code(output.status)), ("", 0));
    lines.extend(live.until("turn_completed"));
    let lines = finish(live, lines, &["turn_cancelled", "turn_completed"]);
    let all = events(lines.concat().as_bytes());
    let redirected = all.iter().find(|e| e["kind"] == "redirected").unwrap();
    assert_eq!(redirected["data"]["prompt"], "finish \"this\"\nnow");
    assert_eq!(redirected["turn"], Value::Null, "between two turns");
    assert!(lines.concat().contains("turn 2"));
}

#[test]
fn the_order_stands_between_two_lines_of_what_is_passed_on() {
    let room = Room::new();
    let mut live = start(&room, "claude", CLAUDE, WORDS);
    // A line that ends no turn: a turn that has ended needs no order.
    let (first, second) = ANSWER.split_at(20);
    live.write(format!("{PROMPT}\n{first}"));
    let mut lines = live.until(TEXT);
    let mut cancel = Live::spawn(&mut room.command(&["cancel", "s", "--grace", "60s"]));
    // The run has taken the order when a second one is accepted: each is answered after what came before it.
    while !room.asked_for("s") {}
    live.write(format!("{second}\n"));
    let proof = cancel.line().unwrap();
    assert!(proof.contains("turn_cancelled"), "{proof}");
    assert_eq!(cancel.end().1, 0);
    let heard = |text: &str| format!("heard {}", text.replace('"', "\\\""));
    lines.extend(live.until(&heard(r#"{"type":"control_request""#)));
    let all = lines.concat();
    assert!(all.contains(&heard(ANSWER)), "in one piece: {all}");
    live.end();
}

#[test]
fn an_agent_of_the_client_protocol_is_interrupted_and_redirected() {
    let room = Room::new();
    let mut live = start(&room, "acp", ACP, &[]);
    live.write("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session/new\",\"params\":{}}\n");
    live.write("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"session/prompt\",\"params\":{\"sessionId\":\"S1\",\"prompt\":[]}}\n");
    let mut lines = live.until(TEXT);
    let output = room.run(&["cancel", "s", "--grace", "60s", "--then", "finish"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((said.as_str(), shell_code(output.status)), ("", 0));
    lines.extend(live.until("turn_completed"));
    finish(live, lines, &["turn_cancelled", "turn_completed"]);
}

/// Works in three sessions until each is cancelled.
const THREE: &str = r#"
say() { printf '%s\n' "$1"; }
update() { say '{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"'$1'","update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"in '$1'"}}}}'; }
for id in A B C; do update $id; done
left=3
while [ $left -gt 0 ] && read -r line; do
  case "$line" in
  *session/cancel*'"sessionId":"'[ABC]'"'*)
    id=$(printf '%s' "$line" | sed -n 's/.*"sessionId":"\([ABC]\)".*/\1/p')
    update $id
    say '{"jsonrpc":"2.0","id":"'$id'","result":{"stopReason":"cancelled"}}'
    left=$((left - 1)) ;;
  esac
done
"#;

#[test]
fn the_streams_of_one_agent_are_cancelled_one_by_one() {
    let room = Room::new();
    let mut live = start(&room, "acp", THREE, &[]);
    let mut lines = live.until("in C");
    for stream in ["s:2", "s:3"] {
        let output = room.run(&["cancel", stream, "--grace", "60s"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((said.as_str(), shell_code(output.status)), ("", 0), "{stream}");
        let proof: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&proof["type"], &proof["stream"]), (&"turn_cancelled".into(), &stream.into()));
        let again = room.run(&["cancel", stream]);
        assert!(String::from_utf8(again.stderr).unwrap().contains("no turn is open"));
    }
    let state = super::Talk::to(&room.socket()).ask(r#"{"spile":1,"ask":"query"}"#);
    assert_eq!(state["open"], true, "the first stream goes on");
    assert_eq!(shell_code(room.run(&["cancel", "s:4"]).status), 1, "there is no fourth");
    assert_eq!(shell_code(room.run(&["cancel", "s"]).status), 0);
    let (rest, status) = live.end();
    lines.extend(rest);
    let all = events(lines.concat().as_bytes());
    let ends = all.iter().filter(|e| e["type"] == "turn_cancelled");
    let ends: Vec<&str> = ends.map(|e| e["stream"].as_str().unwrap()).collect();
    assert_eq!((ends, status), (vec!["s:2", "s:3", "s"], 130));
    assert!(lines.last().unwrap().contains(r#""code":0,"killed":false"#));
}

#[test]
fn a_stream_that_cannot_end_alone_is_refused() {
    let room = Room::new();
    let options = ["--stream", "s", "--from", "acp"];
    let mut args = vec!["wrap"];
    args.extend(options);
    args.extend(["--", "sh", "-c", THREE]);
    let mut live = Live::spawn(&mut room.command(&args));
    let lines = live.until("in C");
    // Its stdin is no pipe of ours, so it has ended.
    let output = room.run(&["cancel", "s:2"]);
    assert_ne!(shell_code(output.status), 0, "{output:?}");
    let (rest, _) = live.end();
    assert_eq!(terminals(&[lines, rest].concat()).len(), 3);
}

#[test]
fn an_agent_that_does_not_obey_is_ended_and_not_redirected() {
    let room = Room::new();
    let deaf = r#"say() { printf '%s\n' "$1"; }
say '{"type":"system","subtype":"init","session_id":"s","model":"m","tools":[],"cwd":"/"}'
exec sleep 1000"#;
    let mut live = start(&room, "claude", deaf, WORDS);
    let lines = live.until("turn_started");
    let output = room.run(&["cancel", "s", "--grace", "90ms", "--then", "finish"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("did not obey") || said.contains("has ended"), "{said}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("turn_cancelled"));
    assert_ne!(shell_code(output.status), 0);
    let (rest, status) = live.end();
    assert_eq!(status, 130);
    assert_eq!(terminals(&[lines, rest].concat()).len(), 1);
}

#[test]
fn who_takes_no_prompts_is_not_even_cancelled_for_one() {
    let room = Room::new();
    for (options, words) in [
        (&["--from", "claude", "--stdin", "pipe"][..], &[][..]),
        (&["--from", "claude"], WORDS),
        (&["--from", "text", "--stdin", "pipe"], &[]),
    ] {
        let mut args = vec!["wrap", "--stream", "s"];
        args.extend_from_slice(options);
        args.extend_from_slice(&["--", "sh", "-c", super::HI, "x"]);
        args.extend_from_slice(words);
        let mut live = Live::spawn(&mut room.command(&args));
        live.until("hi");
        let output = room.run(&["cancel", "s", "--then", "x"]);
        assert_eq!(shell_code(output.status), 1);
        assert!(output.stdout.is_empty());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("--stdin pipe") || said.contains("takes no prompts"), "{said}");
        let state = super::Talk::to(&room.socket()).ask(r#"{"spile":1,"ask":"query"}"#);
        assert_eq!(state["answer"], "state", "it runs on");
        room.run(&["cancel", "s"]);
        live.end();
    }
}

impl Room {
    /// Whether the run was asked to end its turn.
    fn asked_for(&self, stream: &str) -> bool {
        let query = format!(r#"{{"spile":1,"ask":"query","stream":"{stream}"}}"#);
        super::Talk::to(&self.socket()).ask(&query)["cancelling"] == true
    }
}
