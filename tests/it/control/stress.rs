//! Cancels at any instant of a run's life: each turn has one terminal event, and what was acknowledged is kept.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{Room, terminals};
use crate::harness::{LIMIT, Live, shell_code, stress};

/// How long an agent may take to stop.
const GRACE: Duration = Duration::from_millis(300);

/// The instants at which a run is cancelled.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Instance {
    BeforeOutput,
    /// After so many lines of an agent that never stops.
    MidText(u64),
    OpenTool,
    AfterResult,
    /// While the agent says its result and exits.
    RacingTheEnd,
    /// By two at once.
    Twice,
    /// Agent that ignores all steps but the last.
    Stubborn,
}

const CODEX: &str =
    r#"echo '{"type":"thread.started","thread_id":"t"}'; echo '{"type":"turn.started"}'"#;
const RESULT: &str =
    r#"echo '{"type":"turn.completed","usage":{"input_tokens":1,"output_tokens":1}}'"#;
const OPEN: &str = r#"echo '{"type":"item.started","item":{"id":"i","type":"command_execution","command":"sleep","status":"in_progress"}}'"#;

impl Instance {
    fn of(n: u64) -> Self {
        match n % 8 {
            0 => Instance::BeforeOutput,
            1 | 2 => Instance::MidText(n.wrapping_mul(2_654_435_761) % 40 + 1),
            3 => Instance::OpenTool,
            4 => Instance::AfterResult,
            5 => Instance::RacingTheEnd,
            6 => Instance::Twice,
            _ => Instance::Stubborn,
        }
    }

    /// The runtime, what the agent does, and what it has said when it is cancelled.
    fn agent(self) -> (&'static str, String, &'static str) {
        match self {
            Instance::BeforeOutput => ("text", "exec sleep 1000".into(), "session"),
            Instance::MidText(_) | Instance::Twice => {
                ("text", "while :; do echo line; done".into(), "text_delta")
            }
            Instance::OpenTool => {
                ("codex", format!("{CODEX}; {OPEN}; exec sleep 1000"), "tool_started")
            }
            Instance::AfterResult => {
                ("codex", format!("{CODEX}; {RESULT}; exec sleep 1000"), "turn_completed")
            }
            Instance::RacingTheEnd => {
                ("codex", format!("{CODEX}; {OPEN}; {RESULT}"), "turn_started")
            }
            Instance::Stubborn => {
                let script = "trap '' INT TERM; echo up; while :; do sleep 1000; done";
                ("text", script.into(), r#""text":"up"#)
            }
        }
    }
}

/// Cancels one run: how long that took, from the question to the proof.
fn cancel(room: &Room, instance: Instance) -> Duration {
    let (from, script, until) = instance.agent();
    let options = ["--stream", "s", "--from", from, "--after-result", "50ms", "--drain", "20ms"];
    let (mut live, mut lines) = room.wrap(&options, &script, until);
    if let Instance::MidText(count) = instance {
        for _ in 0..count {
            lines.extend(live.line());
        }
    }
    let grace = format!("{}ms", GRACE.as_millis());
    let since = Instant::now();
    let mut asked: Vec<_> = (0..if instance == Instance::Twice { 2 } else { 1 })
        .map(|_| {
            room.command(&["cancel", "s", "--grace", &grace])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    // Its output is read all the while, as in a pipe.
    let (rest, status) = drain(live);
    let proofs: Vec<(String, i32)> = asked
        .drain(..)
        .map(|child| {
            let output = child.wait_with_output().unwrap();
            let proof = String::from_utf8(output.stdout).unwrap();
            (proof, shell_code(output.status))
        })
        .collect();
    let took = since.elapsed();
    lines.extend(rest);
    let ends = terminals(&lines);
    assert_eq!(ends.len(), 1, "{instance:?}: {ends:?}");
    for (proof, code) in &proofs {
        // Nobody was there any more, or no turn, or the proof is what the stream says.
        let gone = proof.is_empty() && [0, 69].contains(code);
        assert!(gone || (*proof == ends[0] && *code == 0), "{instance:?}: {proof} {code} {ends:?}");
    }
    let acknowledged = proofs.iter().any(|(proof, _)| !proof.is_empty());
    let cancelled = ends[0].contains(r#""type":"turn_cancelled""#);
    assert_eq!(acknowledged, cancelled, "{instance:?}: {ends:?}");
    match instance {
        Instance::AfterResult => assert!(!cancelled),
        Instance::RacingTheEnd => {}
        _ => assert!(cancelled, "{instance:?}"),
    }
    assert_eq!(status, if cancelled { 130 } else { 0 }, "{instance:?}");
    took
}

fn drain(live: Live) -> (Vec<String>, i32) {
    live.end()
}

#[test]
fn cancelled_at_any_instant() {
    let room = Room::new();
    let other = Room::new();
    let (mut witness, _) = room.wrap(
        &["--stream", "witness", "--stdin", "pipe"],
        "echo up; read -r x; echo down",
        "up",
    );
    let rounds = stress(2000);
    let mut slowest = [(Duration::ZERO, Instance::OpenTool); 2];
    for n in 0..rounds {
        let instance = Instance::of(n);
        let took = cancel(&room, instance);
        let of = usize::from(instance == Instance::Stubborn);
        if took > slowest[of].0 {
            slowest[of] = (took, instance);
        }
        assert!(took < LIMIT, "{instance:?}");
    }
    eprintln!(
        "cancel: {rounds} runs; the slowest that obeys {:?}, that does not {:?} (grace {GRACE:?})",
        slowest[0], slowest[1]
    );
    witness.write("go\n");
    let (rest, status) = witness.end();
    assert_eq!(status, 0);
    assert!(rest.concat().contains("turn_completed") && rest.concat().contains("down"));
    assert!(room.files().is_empty() && other.files().is_empty());
}
