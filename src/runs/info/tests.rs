//! Summaries of events, and both files as JSON.

use super::*;
use crate::codec::{decode_text, to_json};
use crate::runs::closing::Closer;
use crate::time::Time;

fn event(type_: &str, stream: &str, seq: u64, fields: &str) -> String {
    let turn = if type_ == "status" { "" } else { r#""turn":1,"# };
    format!(
        r#"{{"v":1,"type":"{type_}","stream":"{stream}",{turn}"seq":{seq},"ts":"2026-01-01T00:00:00.00{seq}Z",{fields}}}"#
    )
}

fn summary(lines: &[String]) -> Summary {
    let mut fold = SummaryFold::default();
    for line in lines {
        fold.on_event(&decode_text(line).unwrap());
    }
    fold.finish(0)
}

#[test]
fn the_state_follows_the_run() {
    let end = |stream, seq, code: &str| {
        event("turn_failed", stream, seq, &format!(r#""error":{{"code":"{code}","message":"x"}}"#))
    };
    let steps = [
        (event("status", "s", 1, r#""kind":"queued","data":{"before":0}"#), State::Starting),
        (event("status", "s", 2, r#""kind":"session","data":{"adapter":"x"}"#), State::Starting),
        (event("turn_started", "s", 3, r#""runtime":"x""#), State::Running),
        (event("turn_started", "s:2", 1, r#""runtime":"x""#), State::Running),
        (event("turn_completed", "s", 4, r#""stop":"end_turn""#), State::Running),
        (end("s:2", 2, "auth"), State::Waiting),
        (
            event("status", "s", 5, r#""kind":"exit","data":{"code":1,"killed":false}"#),
            State::Failed,
        ),
    ];
    let lines: Vec<String> = steps.iter().map(|(line, _)| line.clone()).collect();
    for (at, (line, state)) in steps.iter().enumerate() {
        assert_eq!(summary(&lines[..=at]).state, *state, "{line}");
    }
    let last = summary(&lines);
    assert_eq!(
        (last.error.as_deref(), last.ts.as_str()),
        (Some("auth"), "2026-01-01T00:00:00.005Z")
    );
    assert_eq!(last.exit, Some(RunExit { code: Some(1), ..RunExit::default() }));
}

#[test]
fn usage_cost_and_files_are_those_of_all_turns() {
    let end = r#""stop":"end_turn","files":["a","b"],"usage":{"input_tokens":10},"cost_usd":0.5"#;
    let other = r#""by":"signal","reason":"x","files":["b","c"],"files_more":2,"usage":{"input_tokens":1,"output_tokens":2},"cost_usd":0.25"#;
    let got = summary(&[
        event("turn_started", "s", 1, r#""runtime":"x","session":"c1""#),
        event("turn_completed", "s", 2, end),
        event("turn_started", "s:2", 1, r#""runtime":"x","session":"other""#),
        event("turn_cancelled", "s:2", 2, other),
    ]);
    assert_eq!(
        to_json(&got),
        r#"{"state":"waiting","turns":2,"usage":{"input_tokens":11,"output_tokens":2},"cost_usd":0.75,"files":["a","b","c"],"files_more":2,"session":"c1","ts":"2026-01-01T00:00:00.002Z","bytes":0}"#
    );
    assert_eq!(serde_json::from_str::<Summary>(&to_json(&got)).unwrap(), got);
}

#[test]
fn files_over_the_limit_are_counted() {
    let files: Vec<String> = (0..700).map(|n| format!("f{n}")).collect();
    let more: Vec<String> = (600..1300).map(|n| format!("f{n}")).collect();
    let end = |seq, files: &[String]| {
        event("turn_completed", "s", seq, &format!(r#""stop":"x","files":{}"#, to_json(files)))
    };
    let got = summary(&[end(1, &files), end(2, &more)]);
    assert_eq!((got.files.len(), got.files_more), (MAX_FILES, Some(300)));
}

#[test]
fn a_closed_file_has_the_summary_of_all_its_events() {
    let lines = [
        event("status", "s", 1, r#""kind":"session","data":{"adapter":"x"}"#),
        event("turn_started", "s", 2, r#""runtime":"x","session":"c1""#),
    ];
    let file = lines.join("\n") + "\n";
    let mut closer = Closer::new("s", Time::EPOCH);
    closer.feed(file.as_bytes());
    let closing = closer.finish();
    let all = file + std::str::from_utf8(&closing.append).unwrap();
    let lines: Vec<String> = all.lines().map(str::to_owned).collect();
    let want = Summary { bytes: all.len() as u64, ..summary(&lines) };
    assert_eq!((closing.summary, want.state), (want.clone(), State::Failed));
    let exit = RunExit { killed: true, lost: true, ..RunExit::default() };
    assert_eq!((want.exit, want.error.as_deref()), (Some(exit), Some("truncated")));
}

#[test]
fn the_information_of_a_run_survives_its_file() {
    let info = RunInfo {
        control: "77ab".into(),
        argv: vec!["claude".into(), "{prompt}".into()],
        cwd: "/home/ada".into(),
        label: Some("bot".into()),
        by: "cli".into(),
        limits: [("timeout".to_owned(), "5m".to_owned())].into(),
        ..RunInfo::default()
    };
    let json = to_json(&info);
    assert_eq!(
        json,
        r#"{"control":"77ab","argv":["claude","{prompt}"],"cwd":"/home/ada","label":"bot","by":"cli","started":"","version":"","limits":{"timeout":"5m"}}"#
    );
    assert_eq!(serde_json::from_str::<RunInfo>(&json).unwrap(), info);
    let newer = json.replacen('{', r#"{"new":1,"#, 1);
    assert_eq!(serde_json::from_str::<RunInfo>(&newer).unwrap(), info);
}
