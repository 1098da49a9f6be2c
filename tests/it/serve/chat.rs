//! Conversations: each message is a run, and what was said stands in its files.

use serde_json::{Value, json};

use super::Server;
use crate::background::Home;

/// The answer of a run, once it is over.
#[track_caller]
fn answer(server: &Server, started: &Value) -> String {
    let stream = started["stream"].as_str().unwrap();
    server.events(stream);
    server.get(&format!("/runs/{stream}/text")).text()
}

#[test]
fn an_agent_without_sessions_gets_the_earlier_messages() {
    let home = Home::new();
    let server = Server::start(&home, &["--agent", "argv=printf %s -- {prompt}"]);
    let first = server.post("/chat", &json!({"message": "one\n\ntwo"})).expect(202);
    assert_eq!(first["resumed"], false);
    assert_eq!(answer(&server, &first), "one\n\ntwo\n");
    let id = first["conversation"].as_str().unwrap();
    let second = server.post("/chat", &json!({"conversation": id, "message": "three"})).expect(202);
    assert_eq!(second["conversation"], id);
    let head = "Earlier messages of this conversation, a JSON object a line:\n";
    let earlier = "{\"from\":\"user\",\"text\":\"one\\n\\ntwo\"}\n{\"from\":\"agent\",\"text\":\"one\\n\\ntwo\"}\n";
    assert_eq!(answer(&server, &second), format!("{head}{earlier}\nthree\n"));
    let run = server.get(&format!("/runs/{}", second["stream"].as_str().unwrap())).expect(200);
    assert_eq!((&run["conversation"], &run["by"]), (&json!(id), &json!("chat")));
    // Another server knows it, too; nested prompts are told apart.
    drop(server);
    let server = Server::start(&home, &["--agent", "argv=printf %s -- {prompt}"]);
    let third = server.post("/chat", &json!({"conversation": id, "message": "four"})).expect(202);
    let text = answer(&server, &third);
    assert_eq!(text.matches("\"from\":\"user\"").count(), 2, "{text}");
    assert!(
        text.ends_with("\n\nfour\n") && text.contains(r#"{"from":"user","text":"three"}"#),
        "{text}"
    );
    // A prompt in the command line stands in no event.
    let argv = json!({"conversation": "argv", "agent": "argv", "message": "-five"});
    let first = server.post("/chat", &argv).expect(202);
    answer(&server, &first);
    let second =
        server.post("/chat", &json!({"conversation": "argv", "message": "six"})).expect(202);
    let text = answer(&server, &second);
    assert!(text.contains(r#"{"from":"user","text":"-five"}"#), "{text}");
}

#[test]
fn an_agent_with_sessions_resumes() {
    let home = Home::new();
    let script = home.path().join("agent");
    // Codex's output names its session.
    std::fs::write(&script, "#!/bin/sh\ncat >&2\nprintf '%s\\n' '{\"type\":\"thread.started\",\"thread_id\":\"t-77\"}' '{\"type\":\"turn.started\"}' \"{\\\"type\\\":\\\"item.completed\\\",\\\"item\\\":{\\\"id\\\":\\\"i\\\",\\\"type\\\":\\\"agent_message\\\",\\\"text\\\":\\\"args $*\\\"}}\" '{\"type\":\"turn.completed\"}'\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let new = format!("s={} new", script.display());
    let resume = format!("s={} resume {{session}}", script.display());
    let options = ["--agent", &new, "--agent", &resume, "--wrap=--from=codex"];
    let server = Server::start(&home, &options);
    let ask = |server: &Server| {
        server
            .post("/chat", &json!({"conversation": "c", "agent": "s", "message": "x"}))
            .expect(202)
    };
    let first = ask(&server);
    assert_eq!((&first["resumed"], &first["stream"]), (&json!(false), &json!("c.1")));
    assert_eq!(answer(&server, &first), "args new\n");
    drop(server);
    let server = Server::start(&home, &options);
    let second = ask(&server);
    assert_eq!((&second["resumed"], &second["stream"]), (&json!(true), &json!("c.2")));
    assert_eq!(answer(&server, &second), "args resume t-77\n");
    assert_eq!(server.get("/runs/c.2").expect(200)["resumes"], "c.1");
}

#[test]
fn an_agent_that_shows_no_session_gets_what_was_said() {
    let home = Home::new();
    let new = "s=printf %s. -- {prompt}";
    let server = Server::start(&home, &["--agent", new, "--agent", "s=echo {session}"]);
    for (n, message) in ["one", "two", "three"].into_iter().enumerate() {
        let body = json!({"conversation": "c", "agent": "s", "message": message});
        let started = server.post("/chat", &body).expect(202);
        assert_eq!(started["resumed"], false);
        let text = answer(&server, &started);
        for earlier in &["one", "two"][..n] {
            let said = format!(r#"{{"from":"user","text":"{earlier}"}}"#);
            assert!(text.contains(&said), "{text}");
        }
    }
}

#[test]
fn a_long_conversation_goes_on_with_what_has_room() {
    let home = Home::new();
    let server = Server::start(&home, &["--agent", "argv=printf %s. -- {prompt}"]);
    let say = |message: &str| {
        let body = json!({"conversation": "c", "agent": "argv", "message": message});
        answer(&server, &server.post("/chat", &body).expect(202))
    };
    let long = "x".repeat(60 << 10);
    say(&format!("first{long}"));
    say(&long);
    let text = say("short");
    assert!(text.len() < 101 << 10, "{}", text.len());
    assert!(text.contains("[earlier messages left out]"), "{}", &text[..200]);
    assert!(text.contains(" bytes left out]x") && text.ends_with("\n\nshort.\n"));
    // A message that leaves no room for others is alone.
    let most = "y".repeat(100 << 10);
    assert_eq!(say(&most), format!("--.{most}.\n"));
}

#[test]
fn a_session_that_is_an_option_is_not_resumed() {
    let home = Home::new();
    let script = home.path().join("agent");
    std::fs::write(&script, "#!/bin/sh\ncat >&2\nprintf '%s\\n' '{\"type\":\"thread.started\",\"thread_id\":\"--all\"}' '{\"type\":\"turn.started\"}' '{\"type\":\"turn.completed\"}'\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let new = format!("s={}", script.display());
    let resume = format!("s={} {{session}}", script.display());
    let options = ["--agent", &new, "--agent", &resume, "--wrap=--from=codex"];
    let server = Server::start(&home, &options);
    let body = json!({"conversation": "c", "agent": "s", "message": "x"});
    for _ in 0..2 {
        let started = server.post("/chat", &body).expect(202);
        assert_eq!(started["resumed"], false);
        answer(&server, &started);
    }
    assert_eq!(server.get("/runs/c.1").expect(200)["session"], "--all");
}

#[test]
fn an_id_of_a_removed_run_is_none_of_the_next() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let mut ids: Vec<String> = Vec::new();
    for _ in 0..2 {
        server.post("/chat", &json!({"conversation": "c", "message": "x"})).expect(202);
        server.events("c.1");
        let request = server.request("GET", "/runs/c.1/events?until=end&format=sse");
        let answer = match ids.last() {
            Some(last) => request.header("Last-Event-ID", last).send(),
            None => request.send(),
        };
        assert_eq!(answer.status, 200);
        let text = answer.text();
        assert_eq!(text.contains("event: gap\n"), !ids.is_empty(), "{text}");
        assert!(text.contains(r#""kind":"exit""#), "{text}");
        ids.extend(
            text.lines().rev().find_map(|line| line.strip_prefix("id: ").map(str::to_owned)),
        );
        crate::background::wait_for("the removal", || {
            server.request("DELETE", "/runs/c.1").send().status == 200
        });
    }
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn one_message_at_a_time_is_answered() {
    let home = Home::new();
    let servers = [Server::start(&home, &[]), Server::start(&home, &[])];
    let body = json!({"conversation": "c", "agent": "sleep", "message": "x"});
    let requests = (0..8).map(|n| servers[n % 2].request("POST", "/chat").json(&body));
    let asked: Vec<_> =
        requests.map(|request| std::thread::spawn(|| request.send().status)).collect();
    let statuses: Vec<u16> = asked.into_iter().map(|one| one.join().unwrap()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 202).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [202, 409].contains(status)), "{statuses:?}");
    servers[0].post("/chat", &body).refused(409);
    servers[0].post("/runs/c.1/cancel", &json!({"grace": "1s"})).expect(200);
    servers[0].events("c.1");
    let streamed = servers[1].post(
        "/chat",
        &json!({"conversation": "c", "agent": "echo", "message": "now", "stream": true}),
    );
    assert_eq!(streamed.header("content-type"), Some("text/event-stream"));
    assert_eq!(streamed.header("location"), Some("/runs/c.2"));
    assert!(streamed.text().contains("now"), "{}", streamed.text());
    for (body, status) in [
        (json!({"message": ""}), 400),
        (json!({"message": "x", "conversation": "a/b"}), 400),
        (json!({"message": "x", "agent": "unknown"}), 404),
        (json!({"prompt": "x"}), 400),
    ] {
        servers[0].post("/chat", &body).refused(status);
    }
}
