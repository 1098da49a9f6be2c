//! The README's blocks are run: a line that a person copies must do what it says.

use crate::harness::bash;

/// The lines of the `sh` blocks, continued lines joined.
fn blocks(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut inside = false;
    let mut open = String::new();
    for line in text.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            line if inside => {
                open.push_str(line.trim_end_matches('\\'));
                if !line.ends_with('\\') {
                    lines.push(std::mem::take(&mut open));
                }
            }
            _ => {}
        }
    }
    lines
}

/// Agents that are not installed here are played by the bundled session; nothing else of a line is changed.
const STAND_INS: &str = "
claude() { spile demo --agent --speed 0; }
codex() { printf '%s\\n' '{\"type\":\"thread.started\",\"thread_id\":\"t\"}' '{\"type\":\"turn.started\"}' '{\"type\":\"turn.completed\"}'; }
export -f claude codex
cd \"$(mktemp -d)\"
mkdir bin; for agent in claude codex; do printf '#!/bin/bash\\n%s \"$@\"\\n' $agent >bin/$agent; chmod +x bin/$agent; done; PATH=$PWD/bin:$PATH
";

#[test]
fn every_line_of_the_readme_runs() {
    let readme =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let lines: Vec<String> = blocks(&readme)
        .into_iter()
        .filter(|l| !l.trim().is_empty() && !l.starts_with("cargo "))
        .collect();
    assert!(lines.len() >= 7, "{lines:#?}");
    let mut script = STAND_INS.to_owned();
    for line in &lines {
        script.push_str(&format!(
            "echo \"== {}\"\n{line}\necho \"README status $?\"\n",
            line.replace(['"', '$', '`', '\\'], "")
        ));
    }
    let (stdout, stderr, status) = bash(&script);
    assert_eq!((stderr.as_str(), status), ("", 0), "{stdout}");
    assert_eq!(
        stdout.matches("README status 0\n").count(),
        lines.len(),
        "{stdout}"
    );
    assert!(
        stdout.contains("[COMPLETED") && stdout.contains("it failed"),
        "{stdout}"
    );
}

#[test]
fn the_exit_table_is_the_codes() {
    let readme =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    for row in spile::exit::TABLE {
        let line = format!("| {} | {} |", row.status, row.meaning);
        assert!(readme.contains(&line), "the README lacks {line}");
    }
}

#[test]
fn the_two_commands_are_there_and_ci_calls_the_second() {
    let readme =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let commands: Vec<String> = blocks(&readme)
        .into_iter()
        .filter(|l| l.starts_with("cargo "))
        .collect();
    assert_eq!(commands, ["cargo run --release -- demo", "cargo test"]);
    let ci = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/.ci/run")).unwrap();
    assert!(ci.lines().any(|l| l == commands[1]), "{ci}");
}
