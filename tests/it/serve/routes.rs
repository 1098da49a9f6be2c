//! Every route, with its errors; the OpenAPI document is what the router has.

use serde_json::{Value, json};
use spile::serve::routes::{Access, ROUTES};

use super::{Server, state_file};
use crate::background::{Home, ends, wait_for};

#[test]
fn a_run_is_started_watched_and_removed() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let answer = server.post("/runs", &json!({"prompt": "-x hello", "label": "docs"}));
    let started = answer.expect(202);
    let stream = started["stream"].as_str().unwrap();
    assert_eq!(answer.header("location"), Some(format!("/runs/{stream}").as_str()));
    assert_eq!(started["streams"], json!([stream]));
    let events = server.events(stream);
    assert_eq!(ends(&events), (1, 1));
    home.clean(stream);
    assert_eq!(server.get(&format!("/runs/{stream}/text")).text(), "-x hello\n");
    let run = server.get(&format!("/runs/{stream}")).expect(200);
    assert_eq!(
        (&run["state"], &run["agent"], &run["by"]),
        (&json!("completed"), &json!("echo"), &json!("runs"))
    );
    assert_eq!(run["label"], "docs");
    assert_eq!(run["control"], Value::Null);
    let list = server.get("/runs?label=docs&state=completed").expect(200);
    assert_eq!(list["runs"], json!([run]));
    for none in ["/runs?label=other", "/runs?state=failed", "/runs?agent=sleep"] {
        assert_eq!(server.get(none).expect(200)["runs"], json!([]), "{none}");
    }
    assert_eq!(server.get(&format!("/runs?before={stream}")).expect(200)["runs"], json!([]));
    let removed = server.request("DELETE", &format!("/runs/{stream}")).send().expect(200);
    assert_eq!(removed["removed"], true);
    server.get(&format!("/runs/{stream}")).refused(404);
    server.request("DELETE", &format!("/runs/{stream}")).send().refused(404);
    let trace = crate::harness::events(&server.get("/trace?mode=runs").body);
    let operations: Vec<_> = trace.iter().map(|it| it["op"].as_str().unwrap()).collect();
    assert_eq!(operations, ["start", "end", "prune"]);
    assert!(!String::from_utf8_lossy(&server.get("/trace").body).contains("hello"));
    assert_eq!(crate::harness::events(&server.get("/trace?limit=1").body), trace[2..]);
    let after = format!("/trace?after={}", trace[2]["ts"].as_str().unwrap());
    assert_eq!(server.get(&after).text(), "");
}

#[test]
fn events_go_on_behind_the_last_id_and_end_with_the_run() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let stream = server.run(&json!({"prompt": "hello"}));
    let all = server.events(&stream);
    let path = format!("/runs/{stream}/events?until=end");
    let sse = |path: &str, last: Option<&str>| {
        let request = server.request("GET", path).header("Accept", "text/event-stream");
        let answer = match last {
            Some(last) => request.header("Last-Event-ID", last).send(),
            None => request.send(),
        };
        (answer.status, frames(&answer.text()))
    };
    let (status, whole) = sse(&path, None);
    assert_eq!(status, 200);
    assert_eq!(whole.iter().map(|(_, data)| data.clone()).collect::<Vec<_>>(), all);
    for (n, (id, _)) in whole.iter().enumerate() {
        let (status, rest) = sse(&path, Some(id));
        let is_last = n + 1 == whole.len();
        assert_eq!(status, if is_last { 204 } else { 200 }, "{id}");
        assert_eq!(rest, whole[n + 1..], "{id}");
        let id = id.replace('@', "%40");
        assert_eq!(sse(&format!("{path}&from={id}"), None).1, whole[n + 1..]);
        assert_eq!(sse(&format!("{path}&last_event_id={id}"), None).1, whole[n + 1..]);
        let lines = server.get(&format!("/runs/{stream}/events?from={id}"));
        assert_eq!(lines.status, if is_last { 204 } else { 200 });
    }
    let run = server.get(&format!("/runs/{stream}")).expect(200);
    let tag = run["tag"].as_str().unwrap();
    assert!(whole.iter().all(|(id, _)| id.ends_with(&format!(".{tag}"))), "{whole:?}");
    let (untagged, _) = whole[0].0.split_once('.').unwrap();
    for foreign in [
        &format!("other@7.{tag}"),
        "x",
        untagged,
        &format!("{untagged}.00000000"),
        &format!("{stream}@3.{tag}"),
        &format!("{stream}@999999.{tag}"),
        "1.2",
    ] {
        let answer = server.request("GET", &path).header("Accept", "text/event-stream");
        let text = answer.header("Last-Event-ID", foreign).send().text();
        assert_eq!(text.matches("event: gap\n").count(), 1, "{text}");
        assert!(
            text.contains(&format!(r#"data: {{"asked":"{foreign}","to":"{stream}@0.{tag}"}}"#)),
            "{text}"
        );
        assert_eq!(frames(&text), whole);
    }
    let only = server.get(&format!("/runs/{stream}/events?only=status,turn_completed"));
    let types: Vec<_> =
        crate::harness::events(&only.body).iter().map(|e| e["type"].clone()).collect();
    assert_eq!(types, ["status", "status", "turn_completed", "status"]);
    let page = server.get(&format!("/runs/{stream}/events?format=markdown&until=now"));
    assert!(page.text().contains("hello"), "{}", page.text());
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("sandbox"), "{policy}");
}

/// Ids and data of the events of a stream.
fn frames(text: &str) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for frame in text.split("\n\n") {
        let line = |name: &str| frame.lines().find_map(|line| line.strip_prefix(name));
        if let (Some(id), Some(data)) = (line("id: "), line("data: ")) {
            all.push((id.to_owned(), serde_json::from_str(data).unwrap()));
        }
    }
    all
}

#[test]
fn a_live_run_is_followed_line_by_line() {
    let home = Home::new();
    let agent = "each=sh -c 'while read -r line; do echo \"$line\"; done <fifo'";
    let server = Server::start(&home, &["--agent", agent]);
    let fifo = home.path().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RWXU).unwrap();
    let stream = server.run(&json!({"agent": "each", "prompt": "x"}));
    let path = format!("/runs/{stream}/events");
    let mut sse = server.request("GET", &path).header("Accept", "text/event-stream").open();
    let mut lines = server.request("GET", &path).open();
    let mut markdown = server.request("GET", &format!("{path}?format=text&until=end")).open();
    let mut pipe = std::fs::OpenOptions::new().write(true).open(&fifo).unwrap();
    for word in ["one", "two", "three"] {
        std::io::Write::write_all(&mut pipe, format!("{word}\n").as_bytes()).unwrap();
        sse.until(word);
        lines.until(word);
        markdown.until(word);
    }
    drop(pipe);
    lines.until(r#""kind":"exit""#);
    assert_eq!(lines.part(), None);
    assert_eq!(markdown.part(), None);
    sse.until(r#""kind":"exit""#);
}

#[test]
fn a_reader_may_begin_now() {
    let home = Home::new();
    let agent = "two=sh -c 'echo fi\"\"rst; read -r line <fifo; echo second'";
    let server = Server::start(&home, &["--agent", agent]);
    let fifo = home.path().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RWXU).unwrap();
    let stream = server.run(&json!({"agent": "two", "prompt": "x"}));
    let path = format!("/runs/{stream}/events");
    server.request("GET", &path).open().until("first");
    let now = format!("{path}?from=now&until=now");
    assert_eq!(server.get(&now).text(), "");
    let mut late = server.request("GET", &format!("{path}?from=now&format=sse")).open();
    late.until("retry: ");
    std::fs::write(&fifo, "\n").unwrap();
    let seen = late.until(r#""kind":"exit""#);
    assert!(seen.contains("second") && !seen.contains(r#""text":"first\n"}"#), "{seen}");
    server.events(&stream);
    assert_eq!(server.get(&format!("{path}?from=now&until=end")).status, 204);
}

#[test]
fn texts_are_stored_once_and_belong_to_prompts() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let stored = server.post("/paste", &json!({"text": "some context"})).expect(201);
    let raw =
        server.request("POST", "/paste").body("text/plain", b"some context").send().expect(201);
    assert_eq!(stored, raw);
    let sha = stored["sha256"].as_str().unwrap();
    assert_eq!(server.get(&format!("/paste/{sha}")).text(), "some context");
    let stream = server.run(&json!({"prompt": "look", "context": [stored["ref"]]}));
    let text = server
        .events(&stream)
        .iter()
        .filter(|e| e["type"] == "block_final")
        .map(|e| e["text"].as_str().unwrap().to_owned())
        .collect::<String>();
    assert!(text.starts_with("look") && text.contains("some context"), "{text}");
    assert_eq!(home.folder_of(&stream).info().unwrap().context, [stored["ref"].as_str().unwrap()]);
    let missing = format!("ctx://paste/{}", "0".repeat(64));
    server.post("/runs", &json!({"prompt": "x", "context": [missing]})).refused(404);
    server.post("/runs", &json!({"prompt": "x", "context": ["/etc/passwd"]})).refused(400);
    server.get(&format!("/paste/{}", "0".repeat(64))).refused(404);
    server.get("/paste/..%2f..%2frun.json").refused(404);
    for path in ["/runs/%ff", "/paste/%ff", "/runs/%c3%28/events"] {
        server.get(path).refused(400);
    }
    server.post("/paste", &json!({"text": ""})).refused(400);
    let file = std::fs::metadata(state_file(&home, &format!("context/{sha}"))).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o777, 0o600);
}

#[test]
fn a_stored_text_goes_with_the_last_run_that_names_it() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let store = |text: &str| {
        let stored = server.post("/paste", &json!({"text": text})).expect(201);
        let path = format!("/paste/{}", stored["sha256"].as_str().unwrap());
        (stored["ref"].clone(), path)
    };
    let [(shared, path), (_, unused)] = [store("shared"), store("unused")];
    let runs = [(); 3].map(|()| {
        let stream = server.run(&json!({"prompt": "look", "context": [shared]}));
        server.events(&stream);
        home.ended(&stream);
        stream
    });
    let statuses = || [&path, &unused].map(|path| server.get(path).status);
    let removed = server.request("DELETE", &format!("/runs/{}", runs[0])).send();
    assert_eq!((removed.status, statuses()), (200, [200, 200]));
    assert_eq!(home.run(&["prune", "--keep", "1"]).status.code(), Some(0));
    assert_eq!(statuses(), [200, 200]);
    assert_eq!(home.run(&["prune", "--keep", "0"]).status.code(), Some(0));
    assert_eq!(statuses(), [404, 200]);
    assert_eq!(home.run(&["prune", "--older", "0"]).status.code(), Some(0));
    assert_eq!(statuses(), [404, 404]);
}

#[test]
fn direct_commands_run_without_a_shell() {
    let home = Home::new();
    let commands = [
        "--command",
        "print=printf %s\\\\n {args}",
        "--command",
        "any=printf %s\\\\n {args:any}",
        "--command",
        "plain=echo plain",
    ];
    let server = Server::start(&home, &commands);
    let direct = |command: &str| {
        let stream = server.post("/direct", &json!({"command": command})).expect(202);
        let stream = stream["stream"].as_str().unwrap().to_owned();
        server.events(&stream);
        server.get(&format!("/runs/{stream}/text")).text()
    };
    assert_eq!(direct("plain"), "plain\n");
    assert_eq!(direct("EXECUTE plain"), "plain\n");
    assert_eq!(direct("print a;id $(id) `id` 'b  c' * |"), "a;id\n$(id)\n`id`\nb  c\n*\n|\n");
    assert_eq!(direct("any --version x"), "--version\nx\n");
    for (wrong, status) in [
        ("print --version", 400),
        ("print -", 400),
        ("plain x", 400),
        ("print 'x", 400),
        ("", 400),
        ("unknown", 404),
        ("/bin/sh", 404),
        ("echo hi", 404),
    ] {
        server.post("/direct", &json!({"command": wrong})).refused(status);
    }
    let streamed = server.post("/direct", &json!({"command": "plain", "stream": true}));
    assert_eq!(streamed.header("content-type"), Some("text/event-stream"));
    assert!(streamed.text().contains(r#""kind":"exit""#), "{}", streamed.text());
    let trace = crate::harness::events(&server.get("/trace?mode=direct").body);
    assert!(trace.iter().any(|it| it["op"] == "end"), "{trace:?}");
}

#[test]
fn each_starts_all_or_none() {
    let home = Home::new();
    let server = Server::start(&home, &["--max-runs", "3"]);
    let started = server.post("/runs", &json!({"prompt": "x", "each": 3})).expect(202);
    let streams = started["streams"].as_array().unwrap();
    assert_eq!(streams.len(), 3);
    for stream in streams {
        server.events(stream.as_str().unwrap());
    }
    let before = server.get("/runs").expect(200)["runs"].as_array().unwrap().len();
    // More than ever may live are wrong at any time.
    server.post("/runs", &json!({"prompt": "x", "each": 4})).refused(400);
    assert_eq!(server.get("/runs").expect(200)["runs"].as_array().unwrap().len(), before);
    wait_for("the ends of the runs", || server.get("/status").expect(200)["live"] == 0);
    let stream = server.run(&json!({"agent": "sleep", "prompt": "x"}));
    let refused = server.post("/runs", &json!({"prompt": "x", "each": 3}));
    refused.refused(429);
    assert_eq!(refused.header("retry-after"), Some("5"));
    server.request("GET", &format!("/runs/{stream}/events")).open().until("begun");
    server.post(&format!("/runs/{stream}/cancel"), &json!({"grace": "1s"})).expect(200);
}

#[test]
fn wrong_requests_are_told() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    for (path, body, status) in [
        ("/runs", json!({}), 400),
        ("/runs", json!({"prompt": "x", "promt": 1}), 400),
        ("/runs", json!({"prompt": "x", "agent": "unknown"}), 404),
        ("/runs", json!({"prompt": "x", "limits": {"timeout": "soon"}}), 400),
        ("/runs", json!({"prompt": "x", "session": "s"}), 400),
        ("/runs/unknown/cancel", json!({}), 404),
        ("/runs/unknown/messages", json!({"text": "x"}), 404),
        ("/runs/unknown/permissions/1", json!({"allow": true}), 404),
        ("/runs/..%2f..%2fx/cancel", json!({}), 404),
    ] {
        server.post(path, &body).refused(status);
    }
    for (path, status) in [
        ("/runs/unknown", 404),
        ("/runs/unknown/events", 404),
        ("/runs/unknown/text", 404),
        ("/runs?state=odd", 400),
        ("/runs?limit=0", 400),
        ("/runs?limit=x", 400),
        ("/runs?sort=x", 400),
        ("/runs?before=unknown", 404),
        ("/trace?mode=odd", 400),
        ("/unknown", 404),
        ("/runs/", 404),
    ] {
        server.get(path).refused(status);
    }
    let stream = server.run(&json!({"prompt": "x"}));
    server.events(&stream);
    for wrong in ["until=never", "only=odd", "format=odd", "odd=1"] {
        server.get(&format!("/runs/{stream}/events?{wrong}")).refused(400);
    }
    let broken = server.request("POST", "/runs").body("application/json", b"{\"prompt\":");
    broken.send().refused(400);
    let missing = Server::start(&home, &["--agent", "missing=no-such-program"]);
    let why = missing.post("/runs", &json!({"agent": "missing", "prompt": "x"})).refused(503);
    assert!(why.contains("command not found"), "{why}");
}

#[test]
fn the_router_has_the_routes_of_the_document() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let document = server.get("/openapi.json").expect(200);
    let written = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json")).unwrap();
    assert_eq!(document, serde_json::from_slice::<Value>(&written).unwrap());
    let mut count = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let real = path.replace("{id}", "x").replace("{pid}", "1").replace("{sha256}", "x");
        let real = real.replace("{file}", "main.js");
        for method in ["GET", "POST", "DELETE", "PUT", "PATCH"] {
            let listed = &methods[method.to_lowercase()];
            let answer = server.bare(method, &real).header("Host", &server.address).send();
            if listed.is_null() {
                assert_eq!(answer.status, 405, "{method} {path}");
                assert!(answer.header("allow").is_some());
                continue;
            }
            count += 1;
            let is_open = listed["security"] == json!([]);
            assert_eq!(answer.status, if is_open { 200 } else { 401 }, "{method} {path}");
            let real = if path == "/stream" { "/stream?until=now" } else { &real };
            let with_token = server.request(method, real).send();
            let status = with_token.status.to_string();
            assert!(!listed["responses"][&status].is_null(), "{method} {path} answers {status}");
        }
    }
    assert_eq!(count, ROUTES.len());
    assert_eq!(ROUTES.iter().filter(|route| route.access == Access::Open).count(), 3);
}

#[test]
fn numbers_and_health_are_shown() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    assert_eq!(
        server.bare("GET", "/healthz").header("Host", &server.address).send().text(),
        "ok\n"
    );
    let stream = server.run(&json!({"agent": "sleep", "prompt": "x"}));
    let status = server.get("/status").expect(200);
    assert_eq!((&status["live"], &status["agents"]), (&json!(1), &json!(["echo", "sleep"])));
    let metrics = server.get("/metrics").text();
    assert!(metrics.contains("\nspile_runs_live 1\n"), "{metrics}");
    assert!(metrics.lines().filter(|line| line.starts_with("# TYPE")).count() >= 8);
    let page = server.bare("GET", "/").header("Host", &server.address).send();
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    assert!(!page.text().contains(&server.token));
    server.post(&format!("/runs/{stream}/cancel"), &json!({"grace": "1s"})).expect(200);
}
