//! The demo: a bundled session through the real binary, as separate processes, and what a person reads of it.

use crate::harness::{bash, spile};

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
fn its_agent_dies_with_its_reader() {
    let (stdout, stderr, _) =
        bash("spile demo --agent --speed 0.1 | head -1 >/dev/null & wait; echo done");
    assert_eq!((stdout.as_str(), stderr.as_str()), ("done\n", ""));
}
