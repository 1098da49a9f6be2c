//! Every command on every CI system: no text of an agent is a command of the system.

use crate::harness::{bash, bin, command, shell_code};
use crate::view::events;

/// Environment of each system.
const SYSTEMS: [&str; 8] = [
    "GITHUB_ACTIONS=true CI=true",
    "GITLAB_CI=true CI=true",
    "TF_BUILD=True",
    "TEAMCITY_VERSION=2026.1",
    "BUILDKITE=true CI=true",
    "JENKINS_URL=http://localhost/",
    "CI=true",
    "TRAVIS=true",
];

/// Pieces of the systems' commands.
const PIECES: [&str; 28] = [
    "::",
    "::error::",
    "::add-mask::x",
    "::group::a",
    "::endgroup::",
    "##[",
    "##[group]x",
    "]",
    "##",
    "##vso[task.setvariable variable=a]b",
    "##teamcity[",
    "##TeamCity[message]",
    "section_start:1:a\\r",
    "section_end:1:a\\r\\u001b[0K",
    "travis_fold:start:x",
    "--- ",
    "+++ ",
    "~~~ ",
    "^^^ +++",
    "\\n",
    "\\r\\n",
    " ",
    "\\t",
    "\\u00a0",
    "\\ufeff",
    "\\u2028",
    "a",
    "%0A",
];

/// Random text of such pieces; a multiplicative generator suffices.
fn text(state: &mut u64) -> String {
    let mut next = |limit: usize| {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (*state >> 33) as usize % limit
    };
    (0..next(12)).map(|_| PIECES[next(PIECES.len())]).collect()
}

/// A run in which each string of an agent is full of commands.
fn hostile() -> String {
    let random = &mut 1;
    let mut lines = Vec::new();
    for n in 0..300 {
        let (a, b) = (text(random), text(random));
        let tool = format!(r#""tool":{{"id":"t{n}","name":"{a}","kind":"other","title":"{b}"}}"#);
        lines.push(match n % 10 {
            0 => format!(r#""type":"turn_started","runtime":"{a}","model":"{b}","prompt":"{a}""#),
            1 | 2 => format!(r#""type":"text_delta","block":"b1","kind":"answer","text":"{a}""#),
            3 => format!(r#""type":"block_final","block":"b{n}","kind":"reasoning","text":"{b}""#),
            4 => format!(r#""type":"tool_started",{tool}"#),
            5 => format!(r#""type":"tool_finished",{tool},"outcome":"error","output":"{b}""#),
            6 => format!(r#""type":"status","kind":"{a}","message":"{b}""#),
            7 => format!(r#""type":"{a}","label":"{b}""#),
            8 => format!(
                r#""type":"status","kind":"diagnostic","data":{{"line":1,"offset":0,"reason":"{a}","text":"{b}"}}"#
            ),
            _ => format!(
                r#""type":"turn_failed","error":{{"code":"{a}","message":"{b}"}},"stderr_tail":"{a}""#
            ),
        });
    }
    let mut input = events(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    input.push_str("::error::a line that is no event ##[x]\n+++ x\n");
    input
}

/// The commands in a log, by the rules of all systems (`src/term/view/tests/ci.rs` names their sources).
fn commands(log: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in log.split(['\n', '\r']) {
        let rest = line.trim_start().strip_prefix("::").filter(|rest| rest.contains("::"));
        let name = rest.and_then(|rest| rest.split([' ', ':']).next()).unwrap_or_default();
        if !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') {
            found.push(name.to_owned());
        }
        let lower = line.to_lowercase();
        let anywhere =
            ["##[", "##vso[", "##teamcity[", "section_start:", "section_end:", "travis_fold:"];
        found
            .extend(anywhere.iter().filter(|mark| lower.contains(**mark)).map(|m| (*m).to_owned()));
        let heads = ["--- ", "+++ ", "~~~ ", "^^^ "];
        found.extend(heads.iter().filter(|head| line.starts_with(**head)).map(|h| (*h).to_owned()));
    }
    found
}

/// Commands that print what an agent, a file or a user has written; `>/dev/null` stands where events leave, which are data.
const COMMANDS: [&str; 17] = [
    "view $F",
    "view --format tty --color always --reasoning $F",
    "view --tools full --timestamps --width 40 $F",
    "view --format plain --reasoning <$F",
    "view --format text $F",
    "export --to text $F",
    "check $F",
    "coalesce --strict <$F >/dev/null",
    "replay --instant $F >/dev/null",
    "cancel --max-text 10 $F >/dev/null",
    "view '##[group]x' '::error::x'",
    "wrap --stream s -- sh -c \"printf '::error::x\\n##[group]y\\n' >&2; exit 3\" >/dev/null",
    "wrap -- '::error::no such command' >/dev/null",
    "cancel '::error::x'",
    "tee --ledger $D/l \"$D/+++ x\" <$F >/dev/null; spile ledger $D/l",
    "'::error::x'",
    "ps",
];

#[test]
fn on_no_ci_system_does_a_command_print_a_command_of_the_system() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.ndjson");
    std::fs::write(&file, hostile()).unwrap();
    let paths = format!("D={}; F={}", folder.path().display(), file.display());
    for system in SYSTEMS {
        for line in COMMANDS {
            let (stdout, stderr, _) = bash(&format!("{paths}; export {system}; spile {line}"));
            let own: &[&str] = match system.split('=').next() {
                Some("GITHUB_ACTIONS") => &["group", "endgroup", "error", "warning"],
                Some("GITLAB_CI") => &["section_start:", "section_end:"],
                _ => &[],
            };
            let own =
                if line.starts_with("view $F") || line.contains("--tools") { own } else { &[] };
            for found in commands(&stdout) {
                assert!(own.contains(&&*found), "{system} {line}: {found}\n{stdout}");
            }
            assert_eq!(commands(&stderr), <[String; 0]>::default(), "{system} {line}\n{stderr}");
        }
    }
}

#[test]
fn a_format_is_chosen_by_the_system() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.ndjson");
    let lines = [
        r#""type":"turn_started","runtime":"claude""#,
        r#""type":"tool_started","tool":{"id":"t","name":"Bash","title":"make"}"#,
        r#""type":"tool_finished","tool":{"id":"t","name":"Bash"},"outcome":"ok","output":"built""#,
        r#""type":"block_final","block":"b1","kind":"answer","text":"done""#,
        r#""type":"turn_completed","stop":"end_turn""#,
    ];
    std::fs::write(&file, events(&lines)).unwrap();
    let show = |variables: &[(&str, &str)], args: &[&str]| {
        let path = file.to_str().unwrap();
        let mut command = command(bin(), &[&["view"], args, &[path]].concat());
        let output = command.envs(variables.iter().copied()).output().unwrap();
        assert_eq!((shell_code(output.status), output.stderr), (0, Vec::new()));
        String::from_utf8(output.stdout).unwrap()
    };
    let end = "[COMPLETED 4.0s]  (tools 1.0s, start 1.0s)\n";
    let tool = "→ Bash make ✓ 1.0s\n";
    assert_eq!(show(&[], &[]), format!("[RUNNING] claude\n{tool}\ndone\n{end}"));
    let github = [("CI", "true"), ("GITHUB_ACTIONS", "true")];
    let group = format!("[RUNNING] claude\n::group::{tool}| built\n::endgroup::\n\n| done\n{end}");
    assert_eq!(show(&github, &[]), group);
    assert_eq!(show(&[], &["--format", "github"]), group);
    let plain = format!("[RUNNING] claude\n{tool}\n| done\n{end}");
    assert_eq!(show(&github, &["--format", "plain"]), plain);
    assert_eq!(show(&[("TF_BUILD", "True")], &[]), plain);
    assert!(show(&[("GITLAB_CI", "true")], &[]).contains("[collapsed=true]\r\x1b[0K→ Bash make ✓"));
    assert_eq!(show(&[("CI", "false")], &[]), format!("[RUNNING] claude\n{tool}\ndone\n{end}"));
}

#[test]
fn a_job_of_github_gets_a_summary() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("summary.md");
    let lines = events(&[
        r#""type":"turn_started","runtime":"claude""#,
        r#""type":"block_final","block":"b1","kind":"answer","text":"It **works**""#,
        r#""type":"turn_completed","stop":"end_turn""#,
    ]);
    let view = |path: &std::path::Path| {
        let mut command = command("sh", &["-c", "printf '%s' \"$0\" | spile view", &lines]);
        let github = [("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", path.to_str().unwrap())];
        let output = command.envs(github).output().unwrap();
        assert_eq!(shell_code(output.status), 0);
        String::from_utf8(output.stderr).unwrap()
    };
    let one = "\n## Agent\n\n### Turn 1 · claude\n\nIt **works**\n\n\
               **✓ Completed 2.0s** · start 1.0s, other 1.0s\n";
    assert_eq!(view(&path), "");
    assert_eq!(view(&path), "");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), one.repeat(2));
    // What other commands of the step have written counts.
    let full = "x".repeat((1 << 20) - 100);
    std::fs::write(&path, &full).unwrap();
    assert_eq!(view(&path), "");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        text.len() <= 1 << 20 && text.ends_with("a summary has at most 1 MiB.*\n"),
        "{}",
        &text[full.len()..]
    );
    let nowhere = folder.path().join("no/summary.md");
    assert!(view(&nowhere).starts_with("spile: cannot write the summary to "));
}
