//! The demo: a bundled session through the real binary, as separate processes, and what a person reads of it.

use rustix::process::Signal;
use serde_json::json;

use crate::background::{Home, has_process, wait_for};
use crate::harness::{bash, bin, spile};
use crate::serve::Server;

#[test]
fn it_prints_its_line_and_the_answer() {
    let (stdout, stderr, status) = bash("spile demo");
    assert_eq!((stderr.as_str(), status), ("", 0));
    let line = stdout.lines().next().unwrap();
    assert!(line.starts_with("$ spile wrap -- spile demo --agent | "), "{stdout}");
    for word in [
        "[RUNNING] claude",
        "cargo test --quiet",
        "src/sap.rs",
        "All twelve tests pass",
        "[COMPLETED",
    ] {
        assert!(stdout.contains(word), "no {word:?} in:\n{stdout}");
    }
}

#[test]
fn it_can_be_played_faster() {
    let (stdout, stderr, status) = bash("spile demo --speed 0");
    assert_eq!((stderr.as_str(), status), ("", 0));
    let line = stdout.lines().next().unwrap();
    assert!(line.starts_with("$ spile wrap -- spile demo --agent --speed 0 | "), "{stdout}");
    assert!(stdout.contains("[COMPLETED"), "{stdout}");
    assert_eq!(bash("spile demo --speed=-1").2, 2);
}

#[test]
fn its_session_keeps_the_contract() {
    let (session, _, _) = bash("spile demo --agent --speed 0");
    let events = spile(&["wrap"]).stdin(&session).pipe(&["coalesce"]).pipe(&["check"]).run();
    events.then(|report| {
        assert!(report.ends_with("events, 1 turn in 1 stream: no violations\n"), "{report}");
    });
}

#[test]
fn it_plays_on_the_page_and_leaves_nothing() {
    for signal in [Signal::INT, Signal::TERM] {
        let home = Home::new();
        let server = Server::spawn(&mut home.command(bin(), &["demo", "--serve", "--speed", "5"]));
        let runs = server.get("/runs").expect(200)["runs"].take();
        assert_eq!((&runs[0]["label"], &runs[0]["alive"]), (&json!("demo"), &json!(true)));
        let stream = runs[0]["stream"].as_str().unwrap().to_owned();
        let mut events = server.request("GET", &format!("/runs/{stream}/events")).open();
        events.until("All twelve tests pass");
        // It plays again.
        events.until(r#""turn":2"#);
        let started = server.post("/runs", &json!({"prompt": "x"})).expect(202);
        let again = format!("/runs/{}/events", started["stream"].as_str().unwrap());
        server.request("GET", &again).open().until("I'll ");
        server.live.signal(signal);
        assert_eq!(server.live.end().1, 0);
        let state: Vec<_> = std::fs::read_dir(home.path()).unwrap().collect();
        let left = state.iter().any(|it| it.as_ref().unwrap().path().join("runs").exists());
        assert!(!left, "{state:?}");
        let mark = format!("TMPDIR={}", home.path().display());
        wait_for("the end of the agents", || !has_process(&mark));
    }
}

#[test]
fn its_agent_dies_with_its_reader() {
    let (stdout, stderr, _) =
        bash("spile demo --agent --speed 0.1 | head -1 >/dev/null & wait; echo done");
    assert_eq!((stdout.as_str(), stderr.as_str()), ("done\n", ""));
}
