//! Runs within runs: a run that an agent starts ends with the agent's own run.

use super::{Home, ends, has_process, wait_for};
use crate::harness::shell_code;

#[test]
fn a_run_that_an_agent_starts_ends_with_it() {
    let home = Home::new();
    let script = "spile start --stream inner -- sh -c 'echo up; exec sleep 1000'; \
                  while [ ! -e $TMPDIR/go ]; do sleep 0.01; done";
    let outer = home.start(&["--stream", "outer"], script);
    let told =
        |text: &str| home.events(&outer).iter().any(|event| event.to_string().contains(text));
    wait_for("the start of the inner run", || told("this ends with the run outer"));
    let inner = home.folder_of("inner");
    let info = inner.info().unwrap();
    assert_eq!(info.within.as_deref(), Some("outer"));
    assert_eq!(home.folder_of("outer").info().unwrap().within, None);
    assert!(has_process(&format!("SPILE_RUN={}", info.control)));
    std::fs::write(home.path().join("go"), "").unwrap();
    assert_eq!(ends(&home.ended("outer")), (1, 1));
    assert_eq!(ends(&home.ended("inner")), (1, 1));
    assert!(!has_process(&format!("SPILE_RUN={}", info.control)));
}

/// With wrap and guardian of the outer run killed at once, the run tokens of the inner one say where it belongs.
#[test]
fn an_inner_run_is_killed_when_its_outer_run_is_closed() {
    let home = Home::new();
    let script = "spile start --stream inner -- sh -c 'echo up; exec sleep 1000'; exec sleep 1000";
    home.start(&["--stream", "outer"], script);
    wait_for("the inner run", || {
        home.events_path("inner").exists() && !home.events("inner").is_empty()
    });
    let kill = "pid=$(spile ps --json | jq 'select(.stream==\"outer\").pid'); \
                kill -STOP $pid; kill -9 $(cat /proc/$pid/task/$pid/children) $pid";
    assert_eq!(home.bash(kill).1, 0);
    assert_eq!(ends(&home.ended("outer")), (1, 1));
    assert_eq!(ends(&home.ended("inner")), (1, 1));
    let token = home.folder_of("inner").info().unwrap().control;
    assert!(!has_process(&format!("SPILE_RUN={token}")));
}

#[test]
fn a_foreground_wrap_is_an_outer_run_as_well() {
    let home = Home::new();
    let script = "spile start --stream inner -- sleep 1000";
    let output = home.run(&["wrap", "--stream", "outer", "--", "sh", "-c", script]);
    assert_eq!(shell_code(output.status), 0);
    assert_eq!(home.folder_of("inner").info().unwrap().within.as_deref(), Some("outer"));
    assert_eq!(ends(&home.ended("inner")), (1, 1));
}
