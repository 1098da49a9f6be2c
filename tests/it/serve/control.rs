//! Cancel, messages and answers to questions.

use serde_json::json;

use super::Server;
use crate::background::Home;

#[test]
fn a_cancel_answers_with_its_proof() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let stream = server.run(&json!({"agent": "sleep", "prompt": "x"}));
    server.request("GET", &format!("/runs/{stream}/events")).open().until("begun");
    let path = format!("/runs/{stream}/cancel");
    server.post(&path, &json!({"grace": "1w"})).refused(400);
    server.request("DELETE", &format!("/runs/{stream}")).send().refused(409);
    let body = json!({"reason": "wrong branch", "grace": "2s"});
    let proof = server.post(&path, &body).expect(200);
    assert_eq!(
        (&proof["outcome"], &proof["event"]["type"]),
        (&json!("ended"), &json!("turn_cancelled"))
    );
    assert_eq!(proof["event"]["reason"], "wrong branch");
    assert_eq!(proof["event"]["by"], "control");
    let events = server.events(&stream);
    assert!(events.contains(&proof["event"]), "{events:?}");
    server.post(&path, &json!({})).refused(409);
    let trace = crate::harness::events(&server.get("/trace").body);
    let cancel = trace.iter().find(|it| it["op"] == "cancel").unwrap();
    assert_eq!((&cancel["run"], &cancel["outcome"]), (&json!(stream), &json!("ended")));
}

#[test]
fn a_cancel_need_not_be_waited_for() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let stream = server.run(&json!({"agent": "sleep", "prompt": "x"}));
    server.request("GET", &format!("/runs/{stream}/events")).open().until("begun");
    let request = server.request("POST", &format!("/runs/{stream}/cancel"));
    let answer = request.header("Prefer", "respond-async").send().expect(202);
    assert_eq!(answer["outcome"], "accepted");
    let events = server.events(&stream);
    assert!(events.iter().any(|event| event["type"] == "turn_cancelled"), "{events:?}");
}

/// An agent that asks for permission once and repeats messages, by the Agent Client Protocol.
const ACP: &str = r#"
import json, sys
def send(**m): print(json.dumps({"jsonrpc": "2.0", **m}), flush=True)
def update(s, text): send(method="session/update", params={"sessionId": s, "update": {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}}})
prompt = None
for line in sys.stdin:
    m = json.loads(line)
    method = m.get("method")
    if method == "initialize": send(id=m["id"], result={"protocolVersion": 1, "agentCapabilities": {}})
    elif method == "session/new": send(id=m["id"], result={"sessionId": "s1"})
    elif method == "session/prompt":
        prompt = m["id"]
        text = m["params"]["prompt"][0]["text"]
        if text == "ask":
            send(id=77, method="session/request_permission", params={"sessionId": "s1", "toolCall": {"toolCallId": "t1", "title": "write", "rawInput": {"path": "a"}}, "options": [{"optionId": "yes", "name": "yes", "kind": "allow_once"}, {"optionId": "no", "name": "no", "kind": "reject_once"}]})
        else:
            update("s1", "heard " + text)
            send(id=prompt, result={"stopReason": "end_turn"})
    elif m.get("id") == 77:
        update("s1", "answer " + m["result"]["outcome"].get("optionId", "none"))
        send(id=prompt, result={"stopReason": "end_turn"})
"#;

#[test]
fn questions_are_answered_and_messages_are_given() {
    let home = Home::new();
    let script = home.path().join("agent.py");
    std::fs::write(&script, ACP).unwrap();
    let agent = format!("acp=python3 {}", script.display());
    let server = Server::start(
        &home,
        &[
            "--agent",
            &agent,
            "--wrap=--from=acp",
            "--wrap=--on-permission=wait",
            "--wrap=--keep-open=20s",
        ],
    );
    let stream = server.run(&json!({"agent": "acp", "prompt": "ask"}));
    let mut live = server.request("GET", &format!("/runs/{stream}/events")).open();
    live.until(r#""kind":"permission""#);
    let path = format!("/runs/{stream}/permissions");
    server.post(&format!("{path}/unknown"), &json!({"allow": true})).refused(404);
    server.post(&format!("{path}/77"), &json!({"allow": "yes"})).refused(400);
    let answered = server.post(&format!("{path}/77"), &json!({"allow": false, "reason": "no"}));
    assert_eq!(answered.expect(200)["outcome"], "answered");
    live.until("answer no");
    let messages = format!("/runs/{stream}/messages");
    server.post(&messages, &json!({"text": ""})).refused(400);
    let sent = server.post(&messages, &json!({"text": "-- more"})).expect(200);
    assert!(["taken", "written", "queued"].contains(&sent["outcome"].as_str().unwrap()), "{sent}");
    live.until("heard -- more");
}

#[test]
fn a_question_waits_for_its_answer_and_is_shown() {
    let home = Home::new();
    let script = home.path().join("agent-acp");
    std::fs::write(&script, format!("#!/usr/bin/env python3\n{ACP}")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).unwrap();
    let agent = format!("acp={}", script.display());
    let server = Server::start(&home, &["--agent", &agent]);
    let stream = server.run(&json!({"agent": "acp", "prompt": "ask"}));
    let mut live = server.request("GET", &format!("/runs/{stream}/events")).open();
    live.until(r#""kind":"permission""#);
    let run = server.get(&format!("/runs/{stream}")).expect(200);
    assert_eq!(
        (&run["questions"][0]["id"], &run["questions"][0]["title"], &run["title"]),
        (&json!("77"), &json!("write"), &json!("ask")),
        "{run}"
    );
    assert!(run["idle_ms"].is_u64(), "{run}");
    assert_eq!(run["questions"][0]["input"], json!({"path": "a"}));
    let path = format!("/runs/{stream}/permissions/77");
    server.post(&path, &json!({"allow": true})).expect(200);
    live.until("answer yes");
    // A policy of the options is for the agents that ask, and hinders no other one.
    let server = Server::start(&home, &["--agent", &agent, "--wrap=--on-permission=fail"]);
    let echo = server.run(&json!({"agent": "echo", "prompt": "x"}));
    server.events(&echo);
    let stream = server.run(&json!({"agent": "acp", "prompt": "ask"}));
    let events = server.events(&stream);
    assert!(events.iter().any(|it| it["error"]["code"] == "permission"), "{events:?}");
}

#[test]
fn an_agent_without_a_protocol_takes_no_messages() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let stream = server.run(&json!({"agent": "sleep", "prompt": "x"}));
    server.request("GET", &format!("/runs/{stream}/events")).open().until("begun");
    server.post(&format!("/runs/{stream}/messages"), &json!({"text": "x"})).refused(409);
    server.post(&format!("/runs/{stream}/cancel"), &json!({"grace": "1s"})).expect(200);
}

#[test]
fn a_run_that_waits_for_its_turn_is_ended() {
    let home = Home::new();
    let first = home.start(&["--once", "k"], "sleep 1000");
    let waiting = home.start(&["--once", "k", "--queue"], "echo mine");
    let server = Server::start(&home, &[]);
    let proof = server.post(&format!("/runs/{waiting}/cancel"), &json!({})).expect(200);
    assert_eq!(
        (&proof["outcome"], &proof["event"]["type"]),
        (&json!("ended"), &json!("turn_cancelled"))
    );
    assert_eq!(proof["event"]["stream"], json!(waiting));
    server.post(&format!("/runs/{waiting}/cancel"), &json!({})).refused(409);
    server.post(&format!("/runs/{first}/cancel"), &json!({"grace": "1s"})).expect(200);
}
