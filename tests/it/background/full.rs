//! A state directory on a full disk: nothing is lost while it can wait, and what is left out is named.

use serde_json::Value;

use super::{Home, ends};
use crate::harness::{events, skip, spile};

/// Functions of the scripts: a disk of $SIZE for the state, `keep N` to fill it up to N pages, `room` to empty it again.
const DISK: &str = r#"
    mkdir state && mount -t tmpfs -o size=$SIZE,mode=700 none state || exit 99
    keep() { dd if=/dev/zero of=state/filler bs=4096 status=none 2>/dev/null
             truncate -s -$(($1 * 4096)) state/filler; }
    room() { rm -f state/filler; }
    ended() { until flock -n -s state/runs/$1/lock true; do sleep 0.01; done; }
"#;

/// Runs a script on a disk of its own. `None` where that is not possible.
pub fn on_disk(home: &Home, size: &str, script: &str) -> Option<(String, i32)> {
    if home.bash("unshare -m true").1 != 0 {
        skip("needs root and unshare");
        return None;
    }
    let script = format!("cd {}\nSIZE={size}\n{DISK}\n{script}", home.path().display());
    let quoted = script.replace('\'', r"'\''");
    Some(home.bash(&format!("unshare -m bash -c '{quoted}'")))
}

fn text_of(events: &[Value]) -> String {
    let finals = events.iter().filter(|event| event["type"] == "block_final");
    finals.map(|event| event["text"].as_str().unwrap()).collect()
}

fn check(lines: &str) {
    spile(&["check"])
        .stdin(lines)
        .run()
        .then(|report| assert!(report.contains("no violations"), "{report}\n{lines:.2000}"));
}

#[test]
fn output_that_does_not_fit_is_waited_for_as_long_as_linger_says() {
    let home = Home::new();
    let script = r#"
        spile start --stream s --linger 1s -- sh -c 'seq 1000000 | head -c 3000000' >/dev/null
        ended s
        cat state/runs/s/stderr.log >&2
        spile logs s; echo "status $?" >&2"#;
    let Some((lines, status)) = on_disk(&home, "300k", script) else { return };
    assert_eq!(status, 0);
    check(&lines);
    let events = events(lines.as_bytes());
    assert_eq!(ends(&events), (1, 1));
    assert_eq!(events[events.len() - 2]["error"]["code"], "truncated");
}

#[test]
fn the_agent_ends_well_on_a_full_disk_and_its_events_are_written_later() {
    let home = Home::new();
    let script = r#"
        keep 3
        spile start --stream s -- sh -c 'seq 10000; touch done' >/dev/null
        until [ -e done ]; do sleep 0.01; done
        flock -n -s state/runs/s/lock true || echo held
        room
        ended s
        cat state/runs/s/stderr.log >&2
        cat state/runs/s/events.ndjson"#;
    let Some((stdout, status)) = on_disk(&home, "1m", script) else { return };
    let (live, lines) = stdout.split_once('\n').unwrap();
    assert_eq!((live, status), ("held", 0));
    check(lines);
    let events = events(lines.as_bytes());
    let numbers: String = (1..=10_000).map(|n| format!("{n}\n")).collect();
    assert_eq!(text_of(&events), numbers);
    assert_eq!(ends(&events), (1, 1));
}

/// Whichever write is the first that finds no room, the start fails with a message and leaves nothing, or the run is whole.
#[test]
fn a_disk_that_is_full_at_any_write_loses_nothing() {
    let home = Home::new();
    let script = r#"
        for pages in $(seq 0 14); do
            room; keep $pages
            if spile start --stream s$pages -- sh -c 'seq 500; touch done' >/dev/null 2>err; then
                until [ -e done ]; do sleep 0.01; done
                rm done; room; ended s$pages
                grep -v '"x":' state/runs/s$pages/events.ndjson >$pages.ndjson
                echo "$pages $(wc -l <$pages.ndjson) $(spile check $pages.ndjson | grep -c 'no violations')"
            else
                room; echo "$pages refused $(grep -c 'No space left' err) $(ls -A state/runs | wc -l)"
            fi
            rm -rf state/runs/*
        done"#;
    let Some((stdout, _)) = on_disk(&home, "1m", script) else { return };
    let rows: Vec<Vec<&str>> = stdout.lines().map(|row| row.split(' ').collect()).collect();
    assert_eq!(rows.len(), 15, "{stdout}");
    let (refused, started): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row[1] == "refused");
    assert!(!refused.is_empty() && !started.is_empty(), "{stdout}");
    assert!(refused.iter().all(|row| row[2..] == ["1", "0"]), "{stdout}");
    // session, turn_started, one delta or more, block_final, turn_completed, exit
    assert!(
        started.iter().all(|row| row[1].parse::<u64>().unwrap() >= 6 && row[2] == "1"),
        "{stdout}"
    );
}

/// An agent in the words of Claude Code, with a tool after each text.
const AGENT: &str = r#"
    say() { printf '%s\n' "$1"; }
    say '{"type":"system","subtype":"init","session_id":"s","model":"m","tools":[],"cwd":"/"}'
    for n in $(seq 1500); do
        say '{"type":"stream_event","event":{"type":"message_start","message":{"id":"m'$n'"}},"session_id":"s","parent_tool_use_id":null}'
        for part in a b c d; do
            say '{"type":"stream_event","event":{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"text '$part' of '$n'"}},"session_id":"s","parent_tool_use_id":null}'
        done
        say '{"type":"assistant","message":{"id":"m'$n'","content":[{"type":"tool_use","id":"t'$n'","name":"Bash","input":{"command":"true"}}]},"session_id":"s","parent_tool_use_id":null}'
        say '{"type":"user","message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"t'$n'","content":"ok"}]},"session_id":"s","parent_tool_use_id":null}'
    done
    say '{"type":"result","subtype":"success","is_error":false,"result":"done","session_id":"s","num_turns":1}'
    touch done"#;

#[test]
fn past_the_limit_deltas_are_left_out_and_named_and_nothing_else() {
    let home = Home::new();
    std::fs::write(home.path().join("claude"), format!("#!/bin/sh\n{AGENT}")).unwrap();
    let script = r#"
        chmod +x claude; keep 3
        spile start --stream s --spool-mem 4k --spool-max 8k --from claude -- ./claude >/dev/null
        until [ -e done ]; do sleep 0.01; done
        room; ended s
        cat state/runs/s/events.ndjson"#;
    let Some((lines, _)) = on_disk(&home, "8m", script) else { return };
    check(&lines);
    let events = events(lines.as_bytes());
    let count = |kind: &str| events.iter().filter(|event| event["type"] == kind).count();
    assert_eq!((count("tool_started"), count("tool_finished")), (1500, 1500));
    assert_eq!((count("block_final"), ends(&events)), (1500, (1, 1)));
    let deltas = count("text_delta") as u64;
    let gaps = events.iter().filter(|event| event["kind"] == "gap");
    let missing: u64 = gaps
        .map(|gap| {
            let number = |key: &str| gap["data"][key].as_u64().unwrap();
            number("to_seq") + 1 - number("from_seq")
        })
        .sum();
    assert!(missing > 0 && deltas > 0, "{deltas} deltas, {missing} left out");
    assert_eq!(deltas + missing, 6000);
}

#[test]
fn events_that_find_no_room_until_the_end_are_lost_and_the_run_is_closed() {
    let home = Home::new();
    let script = r#"
        keep 3
        spile start --stream s --linger 100ms -- sh -c 'seq 10000' >/dev/null
        ended s
        tail -c 1 state/runs/s/events.ndjson | od -c | head -1 >&2
        cat state/runs/s/stderr.log >&2
        room
        cp -a state/runs kept"#;
    let Some((_, status)) = on_disk(&home, "1m", script) else { return };
    assert_eq!(status, 0);
    let runs = home.path().join("state/runs");
    drop(home.state());
    std::fs::remove_dir(&runs).unwrap();
    std::fs::rename(home.path().join("kept"), &runs).unwrap();
    let events = home.ended("s");
    assert_eq!(ends(&events), (1, 1));
    let last: Vec<&Value> = events.iter().rev().take(2).collect();
    assert_eq!(
        (&last[0]["data"]["lost"], &last[1]["error"]["code"]),
        (&true.into(), &"truncated".into())
    );
}
