//! Agent text on its way to people and to a CI system's log.

use crate::harness::{bash, skip, spile};

pub fn events(lines: &[&str]) -> String {
    let mut out = String::new();
    for (n, line) in lines.iter().enumerate() {
        out.push_str(&format!(
            "{{\"v\":1,\"stream\":\"s\",\"turn\":1,\"seq\":{},\"ts\":\"2026-01-01T00:00:{n:02}.000Z\",{line}}}\n",
            n + 1
        ));
    }
    out
}

#[test]
fn exact_text_is_byte_for_byte() {
    let said = "::error::x\\r\\n--- a\\n\\u001b[1mb";
    let lines =
        events(&[&format!(r#""type":"block_final","block":"b1","kind":"answer","text":"{said}""#)]);
    for args in [&["view", "--format", "text", "--exact"], &["export", "--to", "text", "--exact"]] {
        spile(args).stdin(&lines).run().stdout("::error::x\r\n--- a\n\x1b[1mb\n");
    }
    spile(&["view", "--format", "text"])
        .stdin(&lines)
        .run()
        .stdout("\\::error::x\r\n\\--- a\n\x1b[1mb\n");
}

#[test]
fn interleaved_streams_are_shown_a_line_at_a_time() {
    let mut lines = String::new();
    for (seq, stream, kind, fields) in [
        (1, "a", "turn_started", r#""runtime":"claude""#),
        (1, "b", "turn_started", r#""runtime":"codex""#),
        (2, "a", "text_delta", r#""block":"b1","kind":"answer","text":"The build ""#),
        (2, "b", "text_delta", r#""block":"b1","kind":"answer","text":"The docs ""#),
        (3, "a", "text_delta", r#""block":"b1","kind":"answer","text":"is ""#),
        (3, "b", "text_delta", r#""block":"b1","kind":"answer","text":"are ""#),
        (4, "a", "text_delta", r#""block":"b1","kind":"answer","text":"green.""#),
        (4, "b", "text_delta", r#""block":"b1","kind":"answer","text":"old.""#),
        (5, "b", "block_final", r#""block":"b1","kind":"answer","text":"The docs are old.""#),
        (5, "a", "block_final", r#""block":"b1","kind":"answer","text":"The build is green.""#),
        (6, "a", "turn_completed", r#""stop":"end_turn""#),
        (6, "b", "turn_completed", r#""stop":"end_turn""#),
    ] {
        lines.push_str(&format!(
            "{{\"v\":1,\"type\":\"{kind}\",\"stream\":\"{stream}\",\"turn\":1,\"seq\":{seq},\"ts\":\"2026-01-01T00:00:00.000Z\",{fields}}}\n"
        ));
    }
    spile(&["view", "--format", "plain"]).stdin(&lines).run().stdout(
        "[RUNNING] claude\nb | [RUNNING] codex\nb | The docs are old.\na | The build is green.\n\
         a | [COMPLETED]\nb | [COMPLETED]\n",
    );
    for args in [&["view", "--format", "text"], &["export", "--to", "text"]] {
        // The first to speak has the page.
        let want = "The build is green.\nThe docs are old.\n";
        spile(args).stdin(&lines).run().stdout(want);
    }
}

#[test]
fn a_call_is_a_line_with_its_command() {
    let tool = |fields: &str| format!(r#""tool":{{"id":"t","kind":"execute",{fields}}}"#);
    let lines = [
        format!(
            r#""type":"tool_started",{}"#,
            tool(r#""name":"shell","title":"/bin/zsh -lc \"cd /home/u/repo && make test\"""#)
        ),
        format!(
            r#""type":"tool_finished",{},"outcome":"error","exit_code":2,"output":"\u001b[31mno rule\u001b[0m\r\n 1%\r 99%\r\nb\nc\nd""#,
            tool(r#""name":"shell""#)
        ),
        format!(
            r#""type":"tool_started",{}"#,
            tool(r#""name":"weather","input":{"city":"Oslo","days":3}"#)
        ),
        format!(r#""type":"tool_finished",{},"outcome":"ok""#, tool(r#""name":"weather""#)),
        r#""type":"block_final","block":"b1","kind":"answer","text":"It rains.""#.to_owned(),
        r#""type":"status","kind":"info","data":{"retries":3,"by":"me"}"#.to_owned(),
        r#""type":"turn_completed","stop":"end_turn""#.to_owned(),
    ];
    let lines = events(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    spile(&["view", "--format", "plain"]).stdin(lines).run().stdout(
        "→ shell make test ✗ exit 2 1.0s\n    no rule\n    99%\n    b\n    … 2 more lines\n\
         → weather city=Oslo days=3 ✓ 1.0s\n\nIt rains.\ninfo: retries=3 by=me\n[COMPLETED]\n",
    );
}

#[test]
fn plain_output_stderr_and_tool_outputs_are_text() {
    let agent = r"printf '\033[1mbold\033[0m\r\n 10%%\r100%%\n'; printf '\033[31mwarn\033[0m: 1%%\r99%%\r\n' >&2";
    let values = |flags: &str| {
        let (stdout, stderr, status) = bash(&format!(
            "spile wrap {flags} -- sh -c \"{agent}\" | jq -c 'select(.type==\"block_final\" or .kind==\"log\") | .text // .message' | sort",
        ));
        assert_eq!((stderr.as_str(), status), ("", 0));
        stdout
    };
    if bash("command -v jq >/dev/null").2 != 0 {
        skip("jq is not installed");
        return;
    }
    assert_eq!(values(""), "\"99%\"\n\"bold\\r\\n100%\\n\"\n");
    let kept = values("--keep-escapes");
    assert!(
        kept.contains(r"\u001b[1mbold\u001b[0m\r\n 10%\r100%\n")
            && kept.contains(r"\u001b[31mwarn"),
        "{kept}"
    );
    let codex = concat!(
        r#"{"type":"thread.started","thread_id":"t"}"#,
        "\n",
        r#"{"type":"turn.started"}"#,
        "\n",
        r#"{"type":"item.completed","item":{"id":"i","type":"command_execution","command":"make","aggregated_output":"\u001b[31mred\u001b[0m\r\n","exit_code":2,"status":"failed"}}"#,
        "\n",
        r#"{"type":"turn.completed"}"#,
        "\n"
    );
    spile(&["wrap"])
        .stdin(codex)
        .run()
        .then(|events| assert!(events.contains(r#""output":"red\n""#), "{events}"));
    spile(&["wrap", "--keep-escapes"])
        .stdin(codex)
        .run()
        .then(|events| assert!(events.contains(r"[31mred"), "{events}"));
}
