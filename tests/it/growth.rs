//! The work of `check` grows as its input does. What grows faster takes minutes here and is killed at the harness's limit.

use crate::harness::{bash, stress};

/// A status event with `keys` fields of its own.
const KEYS: &str = r#"
import sys
keys = ",".join('"key%d":%d' % (n, n) for n in range(int(sys.argv[1])))
print('{"v":1,"type":"status","stream":"s","seq":1,"ts":"2026-01-01T00:00:00.000Z","kind":"info",' + keys + '}')
"#;

/// Streams of which each begins a turn and never ends it.
const STREAMS: &str = r#"
import sys
for n in range(int(sys.argv[1])):
    print('{"v":1,"type":"turn_started","stream":"s%d","turn":1,"seq":1,"ts":"2026-01-01T00:00:00.000Z","runtime":"text"}' % n)
"#;

/// Turns of many streams at once, an event of each in turn, and lines that are no events and name no stream.
const INTERLEAVED: &str = r#"
import sys
for seq in range(1, int(sys.argv[1])):
    for n in range(9000):
        kind = '"type":"turn_started","runtime":"text"' if seq == 1 else '"type":"status","kind":"info"'
        print('{"v":1,%s,"stream":"s%d","turn":1,"seq":%d,"ts":"2026-01-01T00:00:00.000Z"}' % (kind, n, seq))
        print('nonsense')
"#;

fn check(program: &str, count: u64, options: &str) -> (String, i32) {
    let script = format!(
        "python3 -c '{}' {count} | spile check {options} | tail -n 1; exit ${{PIPESTATUS[1]}}",
        program.replace('\'', "'\\''")
    );
    let (stdout, stderr, status) = bash(&script);
    assert_eq!(stderr, "");
    (stdout, status)
}

#[test]
fn a_line_with_many_keys() {
    let want = ("1 event, 0 turns in 1 stream: no violations\n".to_owned(), 0);
    assert_eq!(check(KEYS, 500_000, ""), want);
}

#[test]
fn many_streams_that_do_not_end() {
    let count = 100_000 + stress(400_000);
    let (summary, status) = check(STREAMS, count, "--exit-from-stream --partial");
    assert_eq!(
        summary,
        format!("{count} events, {count} turns in {count} streams: no violations\n")
    );
    assert_eq!(status, 1);
}

#[test]
fn many_streams_at_once_and_lines_that_name_none() {
    let rounds = 3 + stress(20);
    let (summary, status) = check(INTERLEAVED, rounds, "--partial");
    let events = 9000 * (rounds - 1);
    let want = format!("{events} events, 9000 turns in 9000 streams: {events} violations\n");
    assert_eq!((summary, status), (want, 1));
}
