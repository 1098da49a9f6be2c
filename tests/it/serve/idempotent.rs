//! Requests that are repeated start nothing twice, also when the server is killed between any two of its steps.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use super::Server;
use crate::background::Home;
use crate::harness::stress;

#[test]
fn a_key_stands_for_one_request() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let post = |key: &str, body: &serde_json::Value| {
        server.request("POST", "/runs").header("Idempotency-Key", key).json(body).send()
    };
    let first = post("one", &json!({"prompt": "x"})).expect(202);
    assert_eq!(post("one", &json!({"prompt": "x"})).expect(202), first);
    post("one", &json!({"prompt": "y"})).refused(409);
    post("one", &json!({"prompt": "x", "each": 2})).refused(409);
    let other = post("two", &json!({"prompt": "x"})).expect(202);
    assert_ne!(first, other);
    let several = post("three", &json!({"prompt": "x", "each": 3})).expect(202);
    assert_eq!(several["streams"].as_array().unwrap().len(), 3);
    assert_eq!(post("three", &json!({"prompt": "x", "each": 3})).expect(202), several);
    post("three", &json!({"prompt": "x"})).refused(409);
    post("", &json!({"prompt": "x"})).refused(400);
    post(&"x".repeat(300), &json!({"prompt": "x"})).refused(400);
    assert_eq!(server.get("/runs").expect(200)["runs"].as_array().unwrap().len(), 5);
    // Without a run the key is free again.
    let stream = first["stream"].as_str().unwrap();
    server.events(stream);
    crate::background::wait_for("the removal", || {
        server.request("DELETE", &format!("/runs/{stream}")).send().status == 200
    });
    post("one", &json!({"prompt": "y"})).expect(202);
}

#[test]
fn a_key_for_several_runs_starts_all_or_none() {
    let home = Home::new();
    let server = Server::start(&home, &["--max-runs", "3"]);
    let live = server.run(&json!({"agent": "sleep", "prompt": "x"}));
    let post = || {
        let request = server.request("POST", "/runs").header("Idempotency-Key", "several");
        request.json(&json!({"prompt": "x", "each": 3})).send()
    };
    post().refused(429);
    assert_eq!(server.get("/runs").expect(200)["runs"].as_array().unwrap().len(), 1);
    server.request("GET", &format!("/runs/{live}/events")).open().until("begun");
    server.post(&format!("/runs/{live}/cancel"), &json!({"grace": "1s"})).expect(200);
    crate::background::wait_for("its end", || server.get("/status").expect(200)["live"] == 0);
    let started = post().expect(202);
    assert_eq!(post().expect(202), started);
}

#[test]
fn no_kill_makes_a_request_start_two_runs() {
    let home = Home::new();
    let mut started = BTreeMap::new();
    for round in 0..stress(500) {
        let mut server = Server::start(&home, &["--max-runs", "1000"]);
        let body = json!({"prompt": format!("round {round}")}).to_string();
        let request = format!(
            "POST /runs HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nIdempotency-Key: {round}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            server.address,
            server.token,
            body.len()
        );
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        // Each round is killed at another point of the request's way.
        let after = Duration::from_micros(round * 7919 % 60_000);
        stream.set_read_timeout(Some(after.max(Duration::from_micros(1)))).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        server.live.child.kill().unwrap();
        server.live.child.wait().unwrap();
        let server = Server::start(&home, &["--max-runs", "1000"]);
        let again = server
            .request("POST", "/runs")
            .header("Idempotency-Key", &round.to_string())
            .body("application/json", body.as_bytes())
            .send()
            .expect(202);
        let text = String::from_utf8_lossy(&answer);
        if let Some((_, first)) =
            text.split_once("\r\n\r\n").filter(|(_, body)| body.ends_with('}'))
        {
            assert_eq!(serde_json::from_str::<serde_json::Value>(first).unwrap(), again);
        }
        let stream = again["stream"].as_str().unwrap().to_owned();
        started.insert(stream, format!("round {round}"));
    }
    // One run for each key, and each was given its whole prompt.
    let server = Server::start(&home, &[]);
    let runs = server.get("/runs?limit=1000").expect(200);
    assert_eq!(runs["runs"].as_array().unwrap().len(), started.len());
    for (stream, prompt) in started {
        server.events(&stream);
        assert_eq!(server.get(&format!("/runs/{stream}/text")).text(), format!("{prompt}\n"));
    }
}
