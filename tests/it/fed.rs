//! What `wrap` makes of its stdin where no command and no exit status is known.

use crate::harness::{Live, answer, bash, events, spile, verdict};

const EMPTY: &str = "spile: nothing came on stdin: the agent printed nothing, or did not start\n";
pub const TEXT: &str = "spile: no known runtime in the input: it was read as plain text, which does not say whether the agent \
                    succeeded; start it with `spile wrap -- CMD`, or accept it with --from text\n";
const EVENTS: &str =
    "spile: the input is canonical events already: they pass as they are, and are checked\n";

/// A recording of a session that is whole.
fn recording() -> String {
    let mut all = String::new();
    spile(&["demo", "--agent", "--speed", "0"])
        .pipe(&["wrap", "--stream", "demo", "--label", "docs"])
        .run()
        .then(|events| events.clone_into(&mut all));
    all
}

#[test]
fn an_empty_input_is_a_failed_turn() {
    for args in [&["wrap"][..], &["wrap", "--from", "text"], &["wrap", "--from", "claude"]] {
        spile(args).run().status(1).stderr(EMPTY).then(|stdout| {
            let events = events(stdout.as_bytes());
            assert_eq!(verdict(&events), "turn_failed", "{stdout}");
            assert_eq!(events.last().unwrap()["error"]["code"], "missing_result", "{stdout}");
        });
    }
    spile(&["wrap"]).pipe(&["check"]).run().stderr(EMPTY).then(|report| {
        assert_eq!(report, "2 events, 1 turn in 1 stream: no violations\n");
    });
}

#[test]
fn a_missing_agent_is_no_green_job() {
    let line =
        "no-such-agent --json 2>/dev/null | spile wrap 2>/dev/null | spile view --exit-from-stream";
    let (stdout, stderr, status) = bash(line);
    assert_eq!((stderr.as_str(), status), ("", 1), "{stdout}");
    assert!(stdout.contains("missing_result") && !stdout.contains("COMPLETED"), "{stdout}");
}

#[test]
fn a_command_that_prints_nothing_is_judged_by_its_status() {
    spile(&["wrap", "--", "true"]).run().then(|stdout| {
        assert_eq!(verdict(&events(stdout.as_bytes())), "turn_completed");
    });
}

#[test]
fn plain_text_on_stdin_is_reported_unless_it_is_meant() {
    for input in [
        "Invalid API key · Please run /login\n",
        "<html><head><title>502 Bad Gateway</title></head></html>\n",
        "{\"error\":\"out of credit\"}\n",
    ] {
        spile(&["wrap"]).stdin(input).run().stderr(TEXT).then(|stdout| {
            assert_eq!(answer(&events(stdout.as_bytes())), input);
        });
        spile(&["wrap", "--from", "text"]).stdin(input).run().then(|_| ());
    }
    // The exit status of a command says what its text does not.
    spile(&["wrap", "--", "echo", "hi"]).run().then(|_| ());
}

#[test]
fn events_pass_as_they_came() {
    let recorded = recording();
    spile(&["wrap"]).stdin(&recorded).run().stderr(EVENTS).stdout(&recorded);
    // A banner in front of them hides them no more than it hides an agent.
    spile(&["wrap"])
        .stdin(format!("Welcome!\n{recorded}"))
        .run()
        .stderr(&format!("{EVENTS}<stdin>:1:1: not a JSON object\n"))
        .then(|stdout| {
            assert!(stdout.ends_with(&recorded), "{stdout}");
        });
    spile(&["wrap", "--from", "text"]).stdin(&recorded).run().then(|stdout| {
        assert_eq!(answer(&events(stdout.as_bytes())), recorded);
    });
}

#[test]
fn events_pass_at_once() {
    let recorded = recording();
    let mut live = Live::start(&["wrap"]);
    for line in recorded.split_inclusive('\n') {
        live.write(line);
        assert_eq!(live.line().as_deref(), Some(line));
    }
    assert_eq!(live.end(), (Vec::new(), 0));
}

#[test]
fn a_turn_that_is_open_where_events_end_is_failed_and_numbered_on() {
    let recorded = recording();
    let count = recorded.lines().count();
    for cut in 1..count - 1 {
        let part: String = recorded.split_inclusive('\n').take(cut).collect();
        let mut whole = String::new();
        spile(&["wrap"]).stdin(&part).run().status(1).stderr(EVENTS).then(|stdout| {
            assert!(stdout.starts_with(&part), "{cut}");
            let events = events(stdout.as_bytes());
            let last = events.last().unwrap();
            assert_eq!(last["error"]["code"], "truncated", "{cut}: {last}");
            assert_eq!((&last["synthetic"], &last["label"]), (&true.into(), &"docs".into()));
            stdout.clone_into(&mut whole);
        });
        spile(&["check"]).stdin(&whole).run().then(|report| {
            assert!(report.ends_with(": no violations\n"), "{cut}: {report}");
        });
    }
}

#[test]
fn events_that_break_the_contract_are_reported() {
    let recorded = recording();
    let mut lines: Vec<&str> = recorded.split_inclusive('\n').collect();
    lines.remove(3);
    let input = lines.concat();
    let report = format!(
        "{EVENTS}<stdin>:4:59: C3: the next number is 4, and 5 came\n{} events, 1 turn in 1 stream: 1 violation\n",
        lines.len()
    );
    spile(&["wrap"]).stdin(&input).run().status(1).stderr(&report).stdout(&input);
}

#[test]
fn events_keep_their_stream_and_label() {
    for flag in ["--stream", "--label", "--fail-on-stop"] {
        let message = format!(
            "spile: {flag} has no meaning for canonical events, which have it already: leave wrap out (`spile merge LABEL=-` gives a label)\n"
        );
        spile(&["wrap", flag, "x"]).stdin(recording()).run().status(2).stderr(&message).stdout("");
    }
}

#[test]
fn a_raw_recording_is_read_as_its_agent() {
    let script = "
        cd \"$(mktemp -d)\"
        spile wrap --stream s --record raw -- sh -c 'echo hi; exit 7' | grep -v '\"kind\":\"\\(session\\|exit\\)\"' >first
        spile wrap --stream s <raw >again; echo $?
        for f in first again; do jq -c '[.type, .text, .error]' $f >$f.said; done
        cmp first.said again.said && spile check again
        spile wrap --record claude.raw --from claude -- spile demo --agent --speed 0 | spile view --format text >seen
        spile wrap <claude.raw | spile view --format text | cmp - seen && echo the same";
    let (stdout, stderr, status) = bash(script);
    assert_eq!((stderr.as_str(), status), ("", 0), "{stdout}");
    assert_eq!(stdout, "1\n4 events, 1 turn in 1 stream: no violations\nthe same\n");
}

#[test]
fn a_raw_recording_that_was_cut_or_damaged_loses_nothing() {
    let header =
        "{\"spile\":\"raw\",\"v\":1,\"argv\":[\"sh\"],\"started\":\"2026-01-01T00:00:00.000Z\"}\n";
    let input =
        format!("{header}[1,\"o\",\"one\\n\"]\nnonsense\n[2,\"e\",\"two\"]\n[3,\"o\",\"thr");
    spile(&["wrap", "--strict"]).stdin(input).run().status(65).then(|stdout| {
        let events = events(stdout.as_bytes());
        assert_eq!(answer(&events), "one\n");
        let count = |kind: &str| events.iter().filter(|e| e["kind"] == kind).count();
        assert_eq!((count("diagnostic"), count("log")), (2, 1), "{stdout}");
    });
    let killed = format!("{header}[1,\"o\",\"one\\n\"]\n[2,\"x\",137,{{\"signal\":9}}]\n");
    spile(&["wrap"]).stdin(killed).run().status(1).then(|stdout| {
        assert_eq!(events(stdout.as_bytes()).last().unwrap()["error"]["code"], "signal");
    });
}

#[test]
fn a_command_that_prints_what_spile_wrote_has_failed() {
    let script = "
        cd \"$(mktemp -d)\"
        spile wrap --record raw -- echo hi >events
        for f in events raw; do spile wrap -- cat $f | jq -r 'select(.error).error.code'; done
        spile wrap -- spile replay raw | spile view --format text";
    let (stdout, stderr, status) = bash(script);
    assert_eq!((stdout.as_str(), status), ("protocol\nprotocol\nhi\n", 0));
    assert_eq!(
        stderr,
        "spile: hint: the command prints canonical events; start it without spile wrap\n\
         spile: hint: the command prints a raw recording; play it with spile wrap -- spile replay FILE\n"
    );
}
