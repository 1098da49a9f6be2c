//! Requests that can never succeed, each told why.

use serde_json::json;

use super::Server;
use crate::background::Home;
use crate::harness::shell_code;

#[test]
fn a_session_never_becomes_an_option_or_another_value() {
    let home = Home::new();
    let agents = ["--agent", "c=echo new", "--agent", "c=echo --resume {session}"];
    let commands = ["--command", "print=printf %s. {args:any}"];
    let server = Server::start(&home, &[&agents[..], &commands].concat());
    for session in ["--all", "-", "{context}", "x{prompt}", "a\nb", ""] {
        let body = json!({"agent": "c", "prompt": "x", "session": session});
        let why = server.post("/runs", &body).refused(400);
        assert!(why.starts_with("session"), "{why}");
    }
    let stream = server.run(&json!({"agent": "c", "prompt": "x", "session": "s-1"}));
    server.events(&stream);
    assert_eq!(server.get(&format!("/runs/{stream}/text")).text(), "--resume s-1\n");
    for words in ["{context}", "a{prompt}", "x {prompt}"] {
        let body = json!({"command": format!("print {words}")});
        let why = server.post("/direct", &body).refused(400);
        assert!(why.contains("the command print takes no {prompt}"), "{why}");
    }
}

#[test]
fn an_array_is_no_body() {
    let home = Home::new();
    let server = Server::start(&home, &["--command", "x=echo x"]);
    let run = json!(["echo", "x", [], null, null, 1, {}, null, null]);
    for (path, body) in [
        ("/runs", run),
        ("/runs", json!("x")),
        ("/paste", json!(["x"])),
        ("/direct", json!(["x", false])),
        ("/chat", json!(["x", [], null, null, false])),
    ] {
        let why = server.post(path, &body).refused(400);
        assert!(why.contains("no JSON object"), "{path}: {why}");
    }
    assert_eq!(server.get("/runs").expect(200)["runs"], json!([]));
}

#[test]
fn a_refusal_says_whether_another_try_may_help() {
    let home = Home::new();
    let options = ["--command", "print=printf %s {args}", "--wrap=--once=key"];
    let server = Server::start(&home, &options);
    let long = json!({"command": format!("print {}", "x".repeat(200 << 10))});
    server.post("/direct", &long).refused(413);
    let stream = server.run(&json!({"agent": "sleep", "prompt": "x"}));
    let why = server.post("/runs", &json!({"prompt": "x"})).refused(409);
    assert!(why.contains("key"), "{why}");
    server.request("GET", &format!("/runs/{stream}/events")).open().until("begun");
    server.post(&format!("/runs/{stream}/cancel"), &json!({"grace": "1s"})).expect(200);
}

#[test]
fn options_for_agents_are_checked_when_the_server_starts() {
    let home = Home::new();
    for (args, part) in [
        (&["--wrap=--bogus"][..], "--wrap: unexpected argument '--bogus'"),
        (&["--wrap=--from=nobody"], "--wrap: invalid value 'nobody'"),
        (&["--agent", "x=cat", "--wrap=--timeout=soon"], "--wrap: invalid value 'soon'"),
        (&["--wrap=--prompt=x"], "--wrap: "),
        (&["--wrap=--each=2"], "--wrap: "),
        (&["--wrap=--help"], "--wrap: "),
        (&["--agent", "x=echo {prompt} y"], "agent x: {prompt} stands at the end of a word"),
    ] {
        let output = home.run(&[&["serve", "--listen", "127.0.0.1:0"], args].concat());
        assert_eq!(shell_code(output.status), 2, "{args:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(part), "{args:?}: {text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
    let options = ["--wrap=--redact", "--wrap=--permission-timeout=9s", "--wrap=--keep-open=0s"];
    let server = Server::start(&home, &options);
    let stream = server.run(&json!({"prompt": "x"}));
    server.events(&stream);
    let limits = json!({"timeout": "soon"});
    let why = server.post("/runs", &json!({"prompt": "x", "limits": limits})).refused(400);
    assert!(why.starts_with("the limit timeout: write a duration"), "{why}");
}

#[test]
fn the_form_of_events_follows_all_accept_headers() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let stream = server.run(&json!({"prompt": "x"}));
    server.events(&stream);
    let kind = |accepts: &[&str]| {
        let request = server.request("GET", &format!("/runs/{stream}/events?until=end"));
        let request = accepts.iter().fold(request, |request, it| request.header("Accept", it));
        request.send().header("content-type").unwrap().to_owned()
    };
    assert_eq!(kind(&["text/html", "TEXT/EVENT-STREAM"]), "text/event-stream");
    assert_eq!(kind(&["text/event-stream;q=0, */*"]), "application/x-ndjson");
}

#[test]
fn one_run_of_a_conversation_lives_at_a_time() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    for wrong in ["a/b", "a.b", "-a", ""] {
        server.post("/runs", &json!({"prompt": "x", "conversation": wrong})).refused(400);
    }
    let several = json!({"prompt": "x", "conversation": "c", "each": 2});
    server.post("/runs", &several).refused(400);
    let body = json!({"agent": "sleep", "prompt": "x", "conversation": "c"});
    let post = || server.request("POST", "/runs").header("Idempotency-Key", "k").json(&body).send();
    let started = post().expect(202);
    assert_eq!(post().expect(202), started);
    let stream = started["stream"].as_str().unwrap();
    let why = server.post("/runs", &body).refused(409);
    assert!(why.contains(stream), "{why}");
    server.post("/chat", &json!({"conversation": "c", "message": "x"})).refused(409);
    server.request("GET", &format!("/runs/{stream}/events")).open().until("begun");
    server.post(&format!("/runs/{stream}/cancel"), &json!({"grace": "1s"})).expect(200);
    server.events(stream);
    let next = json!({"agent": "echo", "prompt": "x", "conversation": "c"});
    server.events(&server.run(&next));
}

#[test]
fn a_key_is_refused_where_it_would_be_ignored() {
    let home = Home::new();
    let server = Server::start(&home, &["--command", "x=echo x"]);
    for (path, body) in [("/direct", json!({"command": "x"})), ("/chat", json!({"message": "x"}))] {
        let request = server.request("POST", path).header("Idempotency-Key", "k").json(&body);
        assert_eq!(request.send().refused(400), "Idempotency-Key is for POST /runs", "{path}");
    }
    assert_eq!(server.get("/runs").expect(200)["runs"], json!([]));
}

#[test]
fn a_cancel_may_name_a_type_without_a_body() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let stream = server.run(&json!({"agent": "sleep", "prompt": "x"}));
    server.request("GET", &format!("/runs/{stream}/events")).open().until("begun");
    let cancel = server.request("POST", &format!("/runs/{stream}/cancel"));
    let ended = cancel.body("application/json", b"").send().expect(200);
    assert_eq!(ended["event"]["type"], "turn_cancelled");
}

#[test]
fn a_refusal_names_what_is_wrong() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let large = vec![b'x'; 1 << 20];
    for (bytes, part) in [
        (&b"\xff\xfe"[..], "the context is not valid UTF-8"),
        (b"a\0b", "the context has a NUL byte"),
        (&large, "the prompt with its context is longer than 1 MiB"),
    ] {
        let request = server.request("POST", "/paste").body("application/octet-stream", bytes);
        let stored = request.send().expect(201);
        let body = json!({"prompt": "x", "context": [stored["ref"]]});
        let why = server.post("/runs", &body).refused(400);
        assert!(why.contains(part), "{why}");
    }
    let why = server.get("/status?limit=1").refused(400);
    assert_eq!(why, "\"limit\" is not known here: there are no parameters here");
}

#[test]
fn a_place_in_a_run_that_cannot_be_is_refused() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let stream = server.run(&json!({"prompt": "x"}));
    let all = server.events(&stream);
    let path = format!("/runs/{stream}/events");
    for wrong in ["only=status", "from=now", "last_event_id=x"] {
        let why = server.get(&format!("{path}?format=markdown&{wrong}")).refused(400);
        assert!(why.contains("another format has the whole run"), "{why}");
    }
    assert_eq!(server.get(&format!("{path}?format=markdown&from=start")).status, 200);
    for wrong in ["x", "7", &format!("{stream}%407")] {
        server.get(&format!("{path}?from={wrong}")).refused(400);
    }
    server.request("GET", &path).header("Last-Event-ID", "x").send().refused(400);
    // One that is an id of nothing here begins at the start.
    let unknown = server.get(&format!("{path}?from={stream}%407.00000000"));
    assert_eq!(crate::harness::events(&unknown.body), all);
}
