//! Signals that end the server, whatever its requests wait for.

use std::io::Write;
use std::net::TcpStream;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use spile::run::state::RunLife;

use super::Server;
use crate::background::{Home, wait_for};
use crate::harness::LIMIT;

/// An agent that no signal but SIGKILL ends.
const STUBBORN: &str = "stubborn=sh -c 'trap \"\" TERM INT; echo be\"\"gun; sleep 1000'";

/// Starts a run and a request that waits for its end for minutes.
fn waiting(server: &Server) -> (String, TcpStream) {
    let stream = server.run(&json!({"agent": "stubborn", "prompt": "x"}));
    server.request("GET", &format!("/runs/{stream}/events")).open().until("begun");
    let cancel = server.request("POST", &format!("/runs/{stream}/cancel"));
    let request = cancel.json(&json!({"grace": "10m"})).connect();
    wait_for("the cancel", || server.get("/status").expect(200)["clients"] == 2);
    (stream, request)
}

/// Kills a run.
fn kill(home: &Home, stream: &str) {
    let run = home.folder_of(stream);
    assert_eq!(run.life().unwrap(), RunLife::Alive);
    let control = std::fs::read(run.path().join("control.json")).unwrap();
    let control: serde_json::Value = serde_json::from_slice(&control).unwrap();
    let wrap = i32::try_from(control["pid"].as_i64().unwrap()).unwrap();
    kill_process(Pid::from_raw(wrap).unwrap(), Signal::KILL).unwrap();
    wait_for("the end of the run", || run.life().unwrap() == RunLife::Over);
}

#[test]
fn a_request_that_waits_ends_with_the_linger() {
    let home = Home::new();
    let server = Server::start(&home, &["--agent", STUBBORN, "--linger", "200ms"]);
    let (stream, _request) = waiting(&server);
    server.live.signal(Signal::TERM);
    assert_eq!(server.live.end().1, 0);
    kill(&home, &stream);
}

#[test]
fn a_second_signal_ends_at_once() {
    let home = Home::new();
    let socket = home.path().join("sock");
    let listen = format!("unix:{}", socket.display());
    let mut server =
        Server::start(&home, &["--agent", STUBBORN, "--linger", "10m", "--listen", &listen]);
    let (stream, mut request) = waiting(&server);
    server.live.signal(Signal::TERM);
    wait_for("the end of the list", || TcpStream::connect(&server.address).is_err());
    // It still waits for the answer.
    assert!(request.write_all(b"x").is_ok());
    // Signals that come together are one.
    let mut ended = None;
    let since = Instant::now();
    while ended.is_none() {
        assert!(since.elapsed() < LIMIT);
        server.live.signal(Signal::INT);
        std::thread::yield_now();
        ended = server.live.child.try_wait().unwrap();
    }
    assert_eq!(ended.and_then(|status| status.code()), Some(0));
    assert!(!socket.exists());
    kill(&home, &stream);
}

#[test]
fn a_hangup_ends_the_server_as_a_termination_does() {
    let home = Home::new();
    let socket = home.path().join("sock");
    let listen = format!("unix:{}", socket.display());
    let server = Server::start(&home, &["--on-exit", "cancel", "--listen", &listen]);
    let stream = server.run(&json!({"agent": "sleep", "prompt": "x"}));
    server.request("GET", &format!("/runs/{stream}/events")).open().until("begun");
    server.live.signal(Signal::HUP);
    assert_eq!(server.live.end().1, 0);
    assert!(!socket.exists());
    assert_eq!(home.folder_of(&stream).life().unwrap(), RunLife::Over);
}

#[test]
fn a_server_ends_no_run_of_another_one() {
    let home = Home::new();
    let server = Server::start(&home, &["--on-exit", "cancel"]);
    let other = Server::start(&home, &[]);
    let key = |server: &Server| {
        let request = server.request("POST", "/runs").header("Idempotency-Key", "k");
        let answer = request.json(&json!({"agent": "sleep", "prompt": "x"})).send().expect(202);
        answer["stream"].as_str().unwrap().to_owned()
    };
    let [own, theirs] = [&server, &other].map(|server| {
        let stream = server.run(&json!({"agent": "sleep", "prompt": "x"}));
        server.request("GET", &format!("/runs/{stream}/events")).open().until("begun");
        stream
    });
    // A run that is there already was not started by the second request.
    let keyed = key(&other);
    assert_eq!(key(&server), keyed);
    server.live.signal(Signal::TERM);
    assert_eq!(server.live.end().1, 0);
    assert_eq!(home.folder_of(&own).life().unwrap(), RunLife::Over);
    for stream in [theirs, keyed] {
        assert_eq!(home.folder_of(&stream).life().unwrap(), RunLife::Alive);
        home.run(&["cancel", &stream, "--grace", "1s"]);
    }
}
