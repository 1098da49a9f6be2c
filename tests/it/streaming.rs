//! Streaming, for every command: a line leaves before the input ends, a reader that goes ends the pipeline, huge and broken
//! input neither hurts nor gets lost.

use crate::commands::{EVENT, FILTERS};
use crate::harness::{Live, bash, shell_code, spile, stress};
use rustix::process::Signal;

#[test]
fn a_line_leaves_before_the_input_ends() {
    for (args, line) in FILTERS {
        let mut live = Live::start(args);
        live.write(line);
        assert!(live.line().is_some(), "{args:?}");
    }
}

#[test]
fn a_reader_that_goes_ends_a_silent_pipeline() {
    for (args, line) in FILTERS {
        let line = line.escape_default();
        let script = format!(
            "coproc agent {{ printf '{line}'; exec sleep 1000; }}; exec 3<&\"${{agent[0]}}\"; \
             spile {} <&3 | head -1 >/dev/null; echo ${{PIPESTATUS[0]}}; kill $agent_PID",
            args.join(" ")
        );
        let (stdout, stderr, _) = bash(&script);
        assert_eq!((stdout.as_str(), stderr.as_str()), ("141\n", ""), "{args:?}");
    }
}

#[test]
fn a_term_signal_flushes_and_kills() {
    for (args, line) in FILTERS {
        let mut live = Live::start(args);
        live.write(line);
        live.line();
        live.signal(Signal::TERM);
        let status = shell_code(live.child.wait().unwrap());
        assert_eq!(status, 143, "{args:?}");
    }
}

#[test]
fn the_first_interrupt_reads_on_to_the_end() {
    for (args, line) in FILTERS {
        let mut live = Live::start(args);
        live.write(line);
        live.line();
        live.signal(Signal::INT);
        live.write(line);
        live.close();
        let status = shell_code(live.child.wait().unwrap());
        assert_eq!(status, 130, "{args:?}");
    }
}

#[test]
fn an_ignored_signal_stays_ignored() {
    for (args, line) in FILTERS {
        let line = line.escape_default();
        let script = format!(
            "trap '' INT; {{ printf '{line}'; kill -INT $$; printf '{line}'; }} | spile {} >/dev/null; echo ${{PIPESTATUS[1]}}",
            args.join(" ")
        );
        let (stdout, _, _) = bash(&script);
        assert!(["0\n", "1\n"].contains(&stdout.as_str()), "{args:?}: {stdout}");
    }
}

#[test]
fn crlf_and_a_missing_last_newline_are_read() {
    let crlf = EVENT.replace('\n', "\r\n");
    spile(&["coalesce"]).stdin(&crlf).run().stdout(&crlf);
    spile(&["coalesce"]).stdin(EVENT.trim_end()).run().stdout(EVENT);
    spile(&["view", "--format", "text"]).stdin(&crlf).run().stdout("hello\n");
    spile(&["view", "--format", "text"]).stdin(EVENT.trim_end()).run().stdout("hello\n");
    spile(&["check", "--partial", "--pass"])
        .stdin(&crlf)
        .run()
        .stderr("1 event, 1 turn in 1 stream: no violations\n")
        .stdout(&crlf);
    spile(&["wrap", "--from", "text"])
        .stdin("a\r\nb")
        .pipe(&["view", "--format", "text"])
        .run()
        .stdout("a\r\nb\n");
}

#[test]
fn garbage_becomes_a_diagnostic_with_its_place() {
    let stderr = "<stdin>:2:1: not a JSON object\n";
    spile(&["coalesce"]).stdin(format!("{EVENT}garbage\n{EVENT}")).run().stderr(stderr).then(
        |stdout| {
            let lines: Vec<&str> = stdout.lines().collect();
            assert_eq!(lines[0], EVENT.trim_end());
            assert!(lines[1].contains(r#""kind":"diagnostic""#), "{stdout}");
            let offset = EVENT.len();
            assert!(lines[1].contains(&format!(r#""line":2,"offset":{offset},"#)), "{stdout}");
            assert!(lines[1].contains(r#""text":"garbage""#), "{stdout}");
        },
    );
    spile(&["coalesce", "--strict"])
        .stdin("garbage\n")
        .run()
        .status(65)
        .stderr("<stdin>:1:1: not a JSON object\n")
        .then(|_| {});
}

#[test]
fn a_line_over_the_limit_passes_as_it_is() {
    let long = format!("{}\n", "y".repeat(100));
    spile(&["coalesce", "--max-line", "64"])
        .stdin(&long)
        .run()
        .stderr("<stdin>:1:1: line too long to look at, passed as it is (see --max-line)\n")
        .stdout(&long);
}

/// The limit is that of all memory that can be written to: a stricter one than that of resident memory, and the program's
/// own text does not count, which without optimisation is large.
#[test]
fn a_huge_line_stays_under_64_mib() {
    let bytes = stress(1 << 30).max(40 << 20);
    for (args, _) in FILTERS {
        let script = format!(
            "head -c {bytes} /dev/zero | tr '\\0' y | (ulimit -d 65536; exec spile {}) | wc -c; echo ${{PIPESTATUS[2]}}",
            args.join(" ")
        );
        let (stdout, stderr, _) = bash(&script);
        let (count, status) = stdout.trim_end().split_once('\n').unwrap();
        assert!(["0", "1"].contains(&status), "{args:?}: {status} {stderr}");
        // check reports, and the answer alone is no place for garbage.
        let kept = !matches!(args, ["check"] | ["view", "--format", "text"] | ["export", ..]);
        assert!(
            !kept || count.trim().parse::<u64>().unwrap() >= bytes,
            "{args:?} lost some of the line: {count}"
        );
    }
}

#[test]
fn a_byte_order_mark_costs_no_command_a_record() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, marked) = (folder.path().join("plain"), folder.path().join("marked"));
    std::fs::write(&plain, EVENT).unwrap();
    std::fs::write(&marked, format!("\u{feff}{EVENT}")).unwrap();
    for (args, _) in FILTERS.iter().filter(|(args, _)| args[0] != "wrap") {
        let run =
            |file: &std::path::Path| bash(&format!("spile {} <{}", args.join(" "), file.display()));
        let (stdout, stderr, status) = run(&marked);
        // As tee(1), tee and check --pass hand on every byte.
        let stdout = stdout
            .strip_prefix('\u{feff}')
            .filter(|_| args[0] == "tee" || args.contains(&"--pass"))
            .unwrap_or(&stdout);
        assert_eq!((stdout.to_owned(), stderr, status), run(&plain), "{args:?}");
    }
    let agent = concat!(
        "\u{feff}{\"type\":\"thread.started\",\"thread_id\":\"t\"}\n{\"type\":\"turn.started\"}\n",
        "{\"type\":\"item.completed\",\"item\":{\"id\":\"i\",\"type\":\"agent_message\",\"text\":\"hello\"}}\n{\"type\":\"turn.completed\"}\n"
    );
    for from in ["auto", "codex"] {
        spile(&["wrap", "--from", from]).stdin(agent).run().then(|events| {
            assert!(
                events.contains(r#""runtime":"codex""#) && events.contains(r#""session":"t""#),
                "{events}"
            );
            assert!(
                !events.contains("diagnostic") && !events.contains(r#""kind":"log""#),
                "{events}"
            );
        });
    }
    let script = r#"cd "$(mktemp -d)"; spile wrap --record run.raw -- spile demo --agent --speed 0 >run.ndjson
        for file in run.ndjson run.raw; do (printf '\357\273\277'; cat $file) >marked.${file#*.}; done
        for from in '' '--since 0s' '--from-seq 9'; do
            spile replay --instant $from run.ndjson >want; spile replay --instant $from marked.ndjson | cmp - want
            gzip -c marked.ndjson | spile replay --instant $from - | cmp - want
        done
        spile replay --instant run.raw >want; spile replay --instant marked.raw | cmp - want
        spile merge a=marked.ndjson | spile check"#;
    let (stdout, stderr, _) = bash(script);
    assert_eq!(stderr, "", "{stdout}");
    assert!(stdout.ends_with("no violations\n") && !stdout.contains("differ"), "{stdout}");
}
