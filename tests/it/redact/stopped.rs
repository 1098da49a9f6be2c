//! Turns that are cancelled while a secret is being printed.

use std::path::Path;
use std::time::Instant;

use rustix::process::Signal;

use super::{PATTERN, Random, SECRET, assert_hidden, blocks};
use crate::control::Room;
use crate::feed::{contract, parse};
use crate::harness::{LIMIT, Live, bin, command, shell_code, stress, verdict};

fn wait_for(file: &Path) {
    let since = Instant::now();
    while !file.exists() {
        assert!(since.elapsed() < LIMIT, "waited in vain for {}", file.display());
        std::thread::yield_now();
    }
}

/// Fails unless the events keep the contract, show no part of the secret and end in a cancelled turn.
#[track_caller]
fn assert_cancelled(lines: &[u8]) {
    contract(lines).unwrap();
    assert_hidden(lines, SECRET);
    let events = parse(lines);
    assert_eq!(verdict(&events), "turn_cancelled");
    for block in blocks(&events).into_values() {
        assert_eq!(block.whole, Some(block.deltas));
    }
}

#[test]
fn an_interrupt_in_the_middle_of_a_secret_shows_nothing_of_it() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        for length in [3, 6, 11, 20] {
            let folder = tempfile::tempdir().unwrap();
            let up = folder.path().join("up");
            // Not on the command line, which is an event itself.
            let text = folder.path().join("text");
            std::fs::write(&text, format!("take {}", &SECRET[..length])).unwrap();
            let script =
                format!("cat '{}'; : >'{}'; exec sleep 1000", text.display(), up.display());
            let live = Live::start(&[
                "wrap",
                "--redact",
                "--within",
                "1h",
                "--pattern",
                PATTERN,
                "--from",
                "text",
                "--",
                "sh",
                "-c",
                &script,
            ]);
            wait_for(&up);
            live.signal(signal);
            let (lines, status) = live.end();
            assert_eq!(status, 128 + signal.as_raw());
            assert_cancelled(lines.concat().as_bytes());
        }
    }
}

#[test]
fn a_condition_that_is_met_in_the_middle_of_a_secret_shows_nothing_of_it() {
    let mut random = Random(43);
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input");
    for round in 0..stress(200) {
        let text = format!("take {SECRET} and {SECRET}, ").repeat(6);
        let deltas: Vec<String> = random.pieces(&text, 4);
        let mut lines = String::from(concat!(
            r#"{"type":"system","subtype":"init","session_id":"c","model":"m"}"#,
            "\n",
            r#"{"type":"stream_event","event":{"type":"message_start","message":{"id":"m1"}}}"#,
            "\n",
            r#"{"type":"stream_event","event":{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}}"#,
            "\n"
        ));
        for delta in deltas {
            let delta = serde_json::json!({"type": "text_delta", "text": delta});
            lines += &format!(
                r#"{{"type":"stream_event","event":{{"type":"content_block_delta","index":0,"delta":{delta}}}}}"#
            );
            lines.push('\n');
        }
        std::fs::write(&input, lines).unwrap();
        // Secrets as the agent prints them are counted.
        let most = 1 + random.below(text.len() - 20);
        let when = match round % 3 {
            0 => format!("text={most}"),
            1 => "match=7719".to_owned(),
            _ => "match=and".to_owned(),
        };
        let name = input.display().to_string();
        let mut args = vec![
            "wrap",
            "--redact",
            "--pattern",
            PATTERN,
            "--cancel-when",
            &when,
            "--from",
            "claude",
        ];
        let script = format!("cat '{name}'; exec sleep 1000");
        args.extend(["--", "sh", "-c", &script]);
        let output = command(bin(), &args).output().unwrap();
        assert_eq!(shell_code(output.status), 130, "{when}");
        assert_cancelled(&output.stdout);
    }
}

#[test]
fn a_condition_behind_redaction_on_stdin_sees_the_text_without_secrets() {
    let text = format!("take {SECRET} and go\n");
    let run = |when: &str| {
        let script = format!(
            "printf '%s' '{text}' | spile wrap --redact --pattern {PATTERN} --from text --cancel-when '{when}'"
        );
        crate::harness::bash(&script)
    };
    let (stdout, stderr, _) = run("match=redacted:pass");
    assert_cancelled(stdout.as_bytes());
    assert!(!stderr.contains("hunter"), "{stderr}");
    let (stdout, _, status) = run("match=kestrel");
    assert_hidden(stdout.as_bytes(), SECRET);
    assert_eq!((verdict(&parse(stdout.as_bytes())), status), ("turn_completed", 0));
}

#[test]
fn the_proof_of_a_cancel_by_name_is_redacted() {
    let room = Room::new();
    let script = format!("echo '{SECRET}' >&2; echo hi; exec sleep 1000");
    let args =
        ["wrap", "--redact", "--pattern", PATTERN, "--stream", "run-1", "--", "sh", "-c", &script];
    let mut live = Live::spawn(&mut room.command(&args));
    let mut lines = live.until("text_delta");
    let reason = format!("it printed {SECRET}");
    let output = room.run(&["cancel", "run-1", "--reason", &reason]);
    let (rest, status) = live.end();
    lines.extend(rest);
    assert_eq!((shell_code(output.status), status), (0, 130));
    let proof = String::from_utf8(output.stdout).unwrap();
    assert!(proof.contains("it printed [redacted:pass]"), "{proof}");
    assert_hidden(proof.as_bytes(), SECRET);
    assert_cancelled(lines.concat().as_bytes());
    assert!(lines.contains(&proof), "{lines:?}");
}
