//! One test for each row of the exit table that a command can reach today.

use crate::harness::bash;

const STARTED: &str = r#"{"v":1,"type":"turn_started","stream":"s","turn":1,"seq":1,"ts":"2026-01-01T00:00:00.000Z","runtime":"x"}"#;

fn failed(code: &str) -> String {
    format!(
        r#"{STARTED}
{{"v":1,"type":"turn_failed","stream":"s","turn":1,"seq":2,"ts":"2026-01-01T00:00:00.000Z","error":{{"code":"{code}","message":"m"}}}}"#
    )
}

#[track_caller]
fn exits(script: &str, status: i32) {
    let (stdout, stderr, got) = bash(script);
    assert_eq!(got, status, "{script}\n{stdout}{stderr}");
}

/// Runs `view` and `check` on these events with `--exit-from-stream`.
#[track_caller]
fn exits_from_stream(events: &str, status: i32) {
    exits(&format!("spile view --exit-from-stream <<'E' >/dev/null\n{events}\nE"), status);
    exits(
        &format!(
            "spile check --pass --partial --exit-from-stream <<'E' >/dev/null 2>&1\n{events}\nE"
        ),
        status,
    );
}

#[test]
fn success_is_0() {
    exits("spile wrap -- true >/dev/null", 0);
    let completed = r#"{"v":1,"type":"turn_completed","stream":"s","turn":1,"seq":2,"ts":"2026-01-01T00:00:00.000Z","stop":"end_turn"}"#;
    exits_from_stream(&format!("{STARTED}\n{completed}"), 0);
}

#[test]
fn a_failed_turn_is_1_even_if_the_child_exits_0() {
    let lie = r#"{"type":"result","subtype":"success","is_error":true,"result":"no"}"#;
    exits(&format!("spile wrap --from claude -- echo '{lie}' >/dev/null"), 1);
    exits("spile wrap --from claude -- true >/dev/null", 1);
    exits_from_stream(&failed("runtime_error"), 1);
    exits_from_stream(STARTED, 1);
    exits("spile view --exit-from-stream </dev/null", 1);
    exits("echo '{}' | spile check >/dev/null", 1);
}

#[test]
fn usage_is_2() {
    exits("spile 2>/dev/null", 2);
    exits("spile wrap --max-line many </dev/null 2>/dev/null", 2);
    exits("spile wrap -- 2>/dev/null", 2);
}

#[test]
fn malformed_input_under_strict_is_65() {
    exits("echo garbage | spile coalesce --strict >/dev/null 2>&1", 65);
    exits("printf '\\377' | spile wrap --strict >/dev/null", 65);
}

#[test]
fn an_endpoint_that_does_not_answer_is_69() {
    // Nobody listens at port 1.
    exits("spile replay http://127.0.0.1:1/ 2>/dev/null", 69);
}

#[test]
fn output_that_cannot_be_written_is_73() {
    exits("spile wrap -- echo hi >/dev/full 2>/dev/null", 73);
    exits("spile adapters >/dev/full 2>/dev/null", 73);
}

#[test]
fn a_rate_limit_is_75() {
    let limited = r#"{"type":"result","subtype":"error_during_execution","is_error":true,"terminal_reason":"rate_limit","api_error_status":429,"result":"Rate limit reached"}"#;
    exits(
        &format!("spile wrap --from claude -- sh -c 'echo \"$0\"; exit 1' '{limited}' >/dev/null"),
        75,
    );
    exits_from_stream(&failed("rate_limited"), 75);
}

#[test]
fn a_timeout_in_the_stream_is_124() {
    exits_from_stream(&failed("timeout_idle"), 124);
}

#[test]
fn a_command_that_cannot_start_is_126_or_127() {
    exits("spile wrap -- /etc/passwd >/dev/null 2>&1", 126);
    exits("spile wrap -- ./no/such/agent >/dev/null 2>&1", 127);
}

#[test]
fn a_key_that_is_taken_is_79() {
    exits(
        "export XDG_RUNTIME_DIR=$(mktemp -d); cd $TMPDIR; mkfifo up
         spile wrap --once k -- sh -c 'echo up >up; exec sleep 1000' >/dev/null & read -r line <up; first=$!
         spile wrap --once k -- true 2>/dev/null; got=$?; kill $first; wait; exit $got",
        79,
    );
}

#[test]
fn a_cancelled_turn_is_130() {
    let cancelled = r#"{"v":1,"type":"turn_cancelled","stream":"s","turn":1,"seq":2,"ts":"2026-01-01T00:00:00.000Z","by":"control","reason":"enough"}"#;
    exits_from_stream(&format!("{STARTED}\n{cancelled}"), 130);
}

#[test]
fn the_childs_own_status_is_passed_on() {
    for status in [1, 3, 64, 200] {
        exits(&format!("spile wrap -- sh -c 'exit {status}' >/dev/null"), status);
    }
}

#[test]
fn a_signal_is_a_real_death() {
    // Only a real death is told to a parent as a signal: bash says so, and `wait` cannot be fooled by an exit of 128+n.
    let (_, stderr, status) = bash("spile wrap -- sh -c 'kill -SEGV $$' >/dev/null; echo $? >&2");
    assert!(stderr.contains("Segmentation fault") && stderr.ends_with("139\n"), "{stderr}");
    assert_eq!(status, 0);
    exits("spile wrap -- sh -c 'echo hi; exec sleep 100' | true; exit ${PIPESTATUS[0]}", 141);
}
