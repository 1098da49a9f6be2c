//! What every command that reads stdin does alike. A command that is missing here fails `every_command_is_listed`.

use crate::harness::{bash, bin, command, spile};

/// Command lines that read events or an agent's output, a line that makes each of them say a line, and how long the
/// command may look at it at most is the harness's limit.
pub const FILTERS: &[(&[&str], &str)] = &[
    (&["wrap", "--from", "text"], "hello\n"),
    (&["wrap"], "hello\n"),
    (&["wrap", "--redact", "--from", "text"], "hello\n"),
    (&["coalesce"], EVENT),
    (&["chunk", "--for", "plain"], STATUS),
    (&["heartbeat"], EVENT),
    (&["cancel", "--after", "1h"], EVENT),
    (&["redact"], EVENT),
    (&["redact", "--keyed"], EVENT),
    (&["merge", "-"], EVENT),
    (&["merge", "x=-"], EVENT),
    (&["tee"], EVENT),
    (&["replay"], EVENT),
    (&["replay", "--instant", "-"], EVENT),
    (&["check", "--pass", "--partial"], EVENT),
    (&["check"], "{}\n"),
    (&["view", "--format", "plain"], EVENT),
    (&["view", "--format", "text"], EVENT),
    (&["export", "--to", "text"], EVENT),
    (&["export", "--to", "sse"], EVENT),
    (&["export", "--to", "stream-chunk"], EVENT),
    (&["export", "--to", "markdown"], FINAL),
    (&["export", "--to", "html"], STATUS),
];

/// Commands that read no stdin.
const SOURCES: &[&str] = &[
    "adapters", "demo", "schema", "generate", "config", "ledger", "ps", "history", "prune",
    "start", "attach", "logs", "send", "permit", "serve",
];

/// A whole event.
pub const EVENT: &str = concat!(
    r#"{"v":1,"type":"text_delta","stream":"s","turn":1,"seq":2,"ts":"2026-01-01T00:00:00.000Z","#,
    r#""block":"b1","kind":"answer","text":"hello\n"}"#,
    "\n"
);

/// A block that needs no other event.
pub const FINAL: &str = concat!(
    r#"{"v":1,"type":"block_final","stream":"s","turn":1,"seq":2,"ts":"2026-01-01T00:00:00.000Z","#,
    r#""block":"b1","kind":"answer","text":"hello"}"#,
    "\n"
);

/// An event that no filter holds back.
pub const STATUS: &str = concat!(
    r#"{"v":1,"type":"status","stream":"s","turn":1,"seq":2,"ts":"2026-01-01T00:00:00.000Z","#,
    r#""kind":"info","message":"hello"}"#,
    "\n"
);

#[test]
fn every_command_is_listed() {
    let help = String::from_utf8(command(bin(), &["--help"]).output().unwrap().stdout).unwrap();
    let listed = help
        .lines()
        .skip_while(|l| *l != "Commands:")
        .skip(1)
        .take_while(|l| !l.is_empty())
        .filter(|l| !l.starts_with("    "));
    let names: Vec<&str> =
        listed.filter_map(|l| l.split_whitespace().next()).filter(|n| *n != "help").collect();
    assert!(names.len() > 3, "{help}");
    for name in names {
        let known = FILTERS.iter().any(|(args, _)| args[0] == name) || SOURCES.contains(&name);
        assert!(known, "{name} is in neither FILTERS nor SOURCES: its streaming is not tested");
    }
}

#[test]
fn help_has_a_pipeline() {
    for name in FILTERS.iter().map(|(args, _)| args[0]).chain(SOURCES.iter().copied()) {
        spile(&[name, "--help"]).run().then(|help| {
            let examples = help
                .split("Examples:")
                .nth(1)
                .unwrap_or_else(|| panic!("{name} --help has no examples"));
            assert!(
                examples.contains('|') || examples.contains('<') || examples.contains("--"),
                "{name}: {examples}"
            );
        });
    }
}

#[test]
fn an_unknown_option_is_a_usage_error() {
    for (args, _) in FILTERS {
        let (stdout, stderr, status) = bash(&format!("spile {} --no-such-option", args.join(" ")));
        assert_eq!((stdout.as_str(), status), ("", 2));
        assert!(stderr.contains("--no-such-option"), "{stderr}");
    }
}

#[test]
fn a_full_disk_is_said() {
    for (args, line) in FILTERS {
        let (_, stderr, status) = bash(&format!(
            "printf '{}' | spile {} >/dev/full",
            line.escape_default(),
            args.join(" ")
        ));
        // Of an unknown agent's text there is a note, too.
        let note = if **args == ["wrap"] { crate::fed::TEXT } else { "" };
        let want = "spile: cannot write to stdout: No space left on device (os error 28)\n";
        assert_eq!(stderr.strip_prefix(note), Some(want), "{args:?}");
        assert_eq!(status, 73, "{args:?}");
    }
}
