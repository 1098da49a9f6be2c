//! Questions for permission: who answers them, and that both question and answer stand in the stream.

use serde_json::Value;

use super::{Site, end, ends, of_kind, read};
use crate::harness::{Live, answer};

const AGENTS: [&str; 5] = ["claude", "acp", "acp-steering", "opencode", "codex"];

/// Messages of the questions and answers in the stream.
fn said(all: &[Value]) -> Vec<&str> {
    let all = of_kind(all, "permission").into_iter();
    all.map(|e| e["message"].as_str().unwrap_or_default()).collect()
}

fn name(agent: &str) -> &str {
    match agent {
        "codex" => "commandExecution",
        "opencode" => "ls -la",
        _ => "Bash",
    }
}

#[test]
fn by_default_a_question_fails_the_turn() {
    for agent in AGENTS {
        let site = Site::new();
        let live = site.start(agent, &["--prompt", "ask Bash hold", "--keep-open", "0"]);
        let (all, status) = end(live, Vec::new());
        assert_eq!((ends(&all), status), (vec!["turn_failed"], 1), "{agent}");
        let failed = all.iter().find(|e| e["type"] == "turn_failed").unwrap();
        assert_eq!(failed["error"]["code"], "permission", "{agent}");
        assert!(failed["error"]["message"].as_str().unwrap().contains(name(agent)), "{failed}");
        assert_eq!(said(&all).len(), 2, "{agent}: {:?}", said(&all));
        assert!(said(&all)[1].starts_with("denied: "), "{agent}");
    }
}

#[test]
fn a_list_allows_tools_by_name_and_kind() {
    for agent in AGENTS {
        for (list, allowed) in [
            (format!("allow:{}", name(agent)), agent != "opencode"),
            ("allow:kind:execute".into(), true),
            ("allow:Read,kind:read".into(), false),
        ] {
            let site = Site::new();
            let options = ["--prompt", "ask Bash", "--on-permission", &list, "--keep-open", "0"];
            let (all, status) = end(site.start(agent, &options), Vec::new());
            assert_eq!((ends(&all), status), (vec!["turn_completed"], 0), "{agent}");
            let word = if allowed { "allowed" } else { "denied" };
            assert!(answer(&all).contains(&format!("Bash {word}.")), "{agent} {list}");
            let answers = of_kind(&all, "permission");
            assert_eq!(answers.len(), 2, "{agent}");
            assert_eq!(answers[1]["data"]["by"], "list");
            assert!(answers[1]["data"]["id"].is_string());
        }
    }
}

#[test]
fn a_person_permits_or_denies() {
    for agent in AGENTS {
        for (words, want) in [
            (&["permit", "s", "--by", "ada"][..], "allowed"),
            (&["permit", "s", "--deny", "not today"], "denied"),
        ] {
            let site = Site::new();
            let options = ["--prompt", "ask Bash", "--on-permission", "wait", "--keep-open", "0"];
            let mut live = site.start(agent, &options);
            let lines = live.until(r#""kind":"permission""#);
            let (runs, ..) = site.run(&["ps", "--json"]);
            let run: Value = serde_json::from_str(&runs).unwrap();
            let question = &run["questions"][0];
            assert_eq!(question["tool"], name(agent), "{run}");
            let (_, stderr, status) = site.run(&["permit", "s", "no-such-id"]);
            assert_eq!(status, 1, "{stderr}");
            let id = question["id"].as_str().unwrap();
            let mut words = words.to_vec();
            words.insert(2, id);
            let (stdout, stderr, status) = site.run(&words);
            assert_eq!((stdout.as_str(), stderr.as_str(), status), ("answered\n", "", 0));
            let (all, status) = end(live, lines);
            assert_eq!((ends(&all), status), (vec!["turn_completed"], 0), "{agent}");
            assert!(answer(&all).contains(&format!("Bash {want}.")), "{agent}");
            let answers = of_kind(&all, "permission");
            assert_eq!(answers[1]["data"]["id"], id);
            assert_eq!(answers[1]["data"]["by"], if want == "allowed" { "ada" } else { "control" });
        }
    }
}

#[test]
fn a_question_that_nobody_answers_in_time_is_denied() {
    for agent in AGENTS {
        let site = Site::new();
        let options = [
            "--prompt",
            "ask Bash",
            "--on-permission",
            "wait",
            "--permission-timeout",
            "50ms",
            "--keep-open",
            "0",
        ];
        let (all, status) = end(site.start(agent, &options), Vec::new());
        assert_eq!((ends(&all), status), (vec!["turn_completed"], 0), "{agent}");
        assert!(answer(&all).contains("Bash denied."), "{agent}");
        assert_eq!(of_kind(&all, "permission")[1]["data"]["by"], "timeout");
    }
}

#[test]
fn a_cancel_answers_the_open_question() {
    for agent in AGENTS {
        let site = Site::new();
        let options = ["--prompt", "ask Bash", "--on-permission", "wait", "--keep-open", "0"];
        let mut live = site.start(agent, &options);
        let lines = live.until(r#""kind":"permission""#);
        let (_, stderr, status) = site.run(&["cancel", "s"]);
        assert_eq!((stderr.as_str(), status), ("", 0), "{agent}");
        let (all, _) = end(live, lines);
        assert_eq!(ends(&all), ["turn_cancelled"], "{agent}");
        assert_eq!(of_kind(&all, "permission")[1]["data"]["by"], "cancel", "{agent}");
    }
}

#[test]
fn a_command_answers_and_only_a_clear_answer_allows() {
    let commands = [
        ("cat >question; echo allow", "allowed", ""),
        ("echo deny not on Sundays", "denied", "not on Sundays"),
        ("echo yes", "denied", "neither allow nor deny"),
        ("echo allow; exit 3", "denied", "failed"),
        ("echo allow; kill -9 $$", "denied", "failed"),
        ("exec sleep 1000", "denied", "did not answer within"),
        ("echo allow; exec sleep 1000", "denied", "did not answer within"),
        ("exec </dev/null; echo allow", "allowed", ""),
        ("exec no-such-command", "denied", "failed"),
        ("yes | head -c 1000000", "denied", ""),
    ];
    for agent in ["claude", "acp", "opencode", "codex"] {
        for (command, want, reason) in commands {
            let site = Site::new();
            let command = format!("cd {} && {command}", site.folder.path().display());
            let how = format!("cmd:{command}");
            let limit = if command.contains("sleep") { "200ms" } else { "20s" };
            let options = [
                "--prompt",
                "ask Bash",
                "--on-permission",
                &how,
                "--permission-timeout",
                limit,
                "--keep-open",
                "0",
            ];
            let (all, status) = end(site.start(agent, &options), Vec::new());
            assert_eq!((ends(&all), status), (vec!["turn_completed"], 0), "{agent} {command}");
            assert!(answer(&all).contains(&format!("Bash {want}.")), "{agent} {command}");
            let given = &of_kind(&all, "permission")[1]["data"];
            assert_eq!(given["by"], "command", "{agent} {command}");
            let said = given["reason"].as_str().unwrap_or_default();
            assert!(said.contains(reason), "{agent} {command}: {said}");
            if command.contains("question") {
                let question: Value = serde_json::from_str(&read(&site.path("question"))).unwrap();
                assert_eq!(
                    (&question["tool"], &question["kind"]),
                    (&name(agent).into(), &"execute".into())
                );
            }
        }
    }
}

#[test]
fn several_questions_are_answered_one_by_one() {
    let site = Site::new();
    let options =
        ["--prompt", "ask Bash", "--on-permission", "cmd:echo allow", "--keep-open", "2s"];
    let mut live = site.start("claude", &options);
    let mut lines = live.until("turn_completed");
    for n in 2..6 {
        site.send("ask Bash");
        lines.extend(live.until("turn_completed"));
        let all = crate::harness::events(lines.concat().as_bytes());
        assert_eq!(of_kind(&all, "permission").len(), 2 * n);
    }
    let (all, _) = end(live, lines);
    assert_eq!(ends(&all).len(), 5);
}

#[test]
fn with_a_stdin_of_ones_own_one_answers_oneself() {
    let site = Site::new();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/drive_agents.py");
    let args = [
        "wrap", "--stream", "s", "--from", "claude", "--stdin", "pipe", "--", "python3", script,
        "claude",
    ];
    let mut live = Live::spawn(&mut site.room.command(&args));
    let prompt = r#"{"type":"user","uuid":"u1","message":{"role":"user","content":"ask Bash"}}"#;
    live.write(format!("{prompt}\n"));
    let mut lines = live.until(r#""kind":"permission""#);
    let (_, stderr, status) = site.run(&["permit", "s"]);
    assert!(stderr.contains("--on-permission wait"), "{stderr}");
    assert_eq!(status, 1);
    let answer = r#"{"type":"control_response","response":{"subtype":"success","request_id":"q1","response":{"behavior":"allow","updatedInput":{"command":"ls"}}}}"#;
    live.write(format!("{answer}\n"));
    lines.extend(live.until("turn_completed"));
    live.close();
    let (all, status) = end(live, lines);
    assert_eq!((ends(&all), status), (vec!["turn_completed"], 0));
    assert!(crate::harness::answer(&all).contains("Bash allowed."));
    assert_eq!(of_kind(&all, "permission").len(), 1, "wrap answers nothing");
}
