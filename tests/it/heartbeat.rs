//! heartbeat as a command: it speaks while nothing comes, and no more once the turn has ended.

use crate::harness::{Live, spile};

const STARTED: &str = r#"{"v":1,"type":"turn_started","stream":"s","turn":1,"seq":1,"ts":"2026-01-01T00:00:00.000Z","label":"docs","runtime":"x"}
"#;
const COMPLETED: &str = r#"{"v":1,"type":"turn_completed","stream":"s","turn":1,"seq":2,"ts":"2026-01-01T00:01:00.000Z","stop":"end_turn"}
"#;

#[test]
fn it_beats_while_the_agent_is_silent_and_stops_with_the_turn() {
    let mut live = Live::start(&["heartbeat", "--every", "200ms", "--stall-after", "500ms"]);
    live.write(STARTED);
    assert_eq!(live.line().unwrap(), STARTED);
    for (kind, idle, ts) in [
        ("heartbeat", 200, "00.200"),
        ("heartbeat", 400, "00.400"),
        ("stalled", 500, "00.500"),
        ("heartbeat", 600, "00.600"),
    ] {
        let head = format!(
            r#"{{"v":1,"type":"status","stream":"s","turn":1,"ts":"2026-01-01T00:00:{ts}Z","label":"docs","kind":"{kind}","data":{{"state":"waiting","elapsed_ms":{idle},"idle_ms":{idle},"#
        );
        let line = live.line().unwrap();
        assert!(line.starts_with(&head), "{line}\n{head}");
    }
    live.write(COMPLETED);
    live.until("turn_completed");
    // Another stream goes on for longer than a heartbeat: of the first nothing more is heard.
    let other = STARTED.replace(r#""stream":"s""#, r#""stream":"t""#);
    live.write(&other);
    for line in live.until(r#""idle_ms":400"#) {
        assert!(line.contains(r#""stream":"t""#), "{line}");
    }
    let (rest, status) = live.end();
    assert!(rest.iter().all(|line| line.contains("heartbeat")), "{rest:?}");
    assert_eq!(status, 0);
}

#[test]
fn with_the_clock_of_the_events_it_is_a_function_of_its_input() {
    let input = format!("{STARTED}{COMPLETED}");
    let run = || spile(&["heartbeat", "--clock", "event", "--every", "25s"]).stdin(&input);
    run().run().then(|stdout| {
        let lines: Vec<&str> = stdout.split_inclusive('\n').collect();
        assert_eq!((lines[0], lines[3], lines.len()), (STARTED, COMPLETED, 4));
        assert!(lines[1].contains(r#""ts":"2026-01-01T00:00:25.000Z""#), "{stdout}");
        run().run().stdout(stdout);
    });
    run().pipe(&["check"]).run().stdout("4 events, 1 turn in 1 stream: no violations\n");
}

#[test]
fn view_shows_it() {
    spile(&["heartbeat", "--clock", "event", "--every", "40s"])
        .stdin(format!("{STARTED}{COMPLETED}"))
        .pipe(&["view", "--format", "plain"])
        .run()
        .then(|stdout| assert!(stdout.contains("40s"), "{stdout}"));
}
