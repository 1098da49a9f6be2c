//! Lines of their own: statuses, and what is no event.

use super::*;

#[test]
fn statuses_in_words() {
    let status_line = |fields: &str| page(&[("status", fields)]);
    let cases = [
        (
            r#""kind":"heartbeat","data":{"state":"waiting","elapsed_ms":30000,"idle_ms":30000}"#,
            "… waiting 30s\n",
        ),
        (
            r#""kind":"heartbeat","data":{"state":"tool","elapsed_ms":90000,"idle_ms":70000}"#,
            "… tool running, quiet for 1m10s\n",
        ),
        (r#""kind":"heartbeat""#, "heartbeat\n"),
        (r#""kind":"stalled","data":{"idle_ms":120000}"#, "stalled: nothing for 2m00s\n"),
        (r#""kind":"log","message":"a\nb","data":{"from":"stderr"}"#, "stderr: a\n    b\n"),
        (r#""kind":"log","message":"a""#, "log: a\n"),
        (r#""kind":"rate_limit","message":"80 % used""#, "rate limit: 80 % used\n"),
        (r#""kind":"retracted","message":"b3""#, "retracted: b3\n"),
        (r#""kind":"gap","data":{"from":3,"to":9}"#, "gap: from=3 to=9\n"),
        (r#""kind":"usage","data":{"input_tokens":5,"output_tokens":6}"#, ""),
        (r#""kind":"exit","data":{"signal":9,"killed":true}"#, "ended by signal 9 (killed)\n"),
        (
            r#""kind":"exit","data":{"killed":true,"lost":true}"#,
            "lost: wrap was killed before the agent had ended\n",
        ),
        (
            r#""kind":"diagnostic","message":"no","data":{"line":1,"offset":0,"reason":"not JSON","base64":"/xs="}"#,
            "unreadable output (not JSON): \u{fffd}^[\n",
        ),
        (
            r#""kind":"plan","data":{"entries":[{"content":"look","status":"completed"},{"content":"do","status":"in_progress"},"rest"]}"#,
            "plan:\n    [x] look\n    [>] do\n    [ ] rest\n",
        ),
        (
            r#""kind":"usage","data":{"used":56223,"size":258400,"sessionUpdate":"usage_update"}"#,
            "",
        ),
        (
            r#""kind":"info","message":"user message","data":{"text":"Do it.\nNow."}"#,
            "prompt: Do it.…\n",
        ),
        (r#""kind":"info","data":{"_meta":{"a":1},"sessionUpdate":"session_info_update"}"#, ""),
        (r#""kind":"session","message":"t-1","data":{"thread_id":"t-1"}"#, ""),
        (r#""kind":"brand_new","message":"x""#, "brand new: x\n"),
        ("", "status\n"),
    ];
    for (fields, want) in cases {
        assert_eq!(status_line(fields), want, "{fields}");
    }
    assert_eq!(page(&[("song", r#""note":"a""#)]), "(song)\n");
}

#[test]
fn a_file_in_the_working_directory_has_its_path_from_there() {
    let shown = |kind: &str, title: &str| {
        let start = ("turn_started", r#""runtime":"x","cwd":"/home/ada""#);
        let tool = format!(r#""tool":{{"id":"t","name":"N","kind":"{kind}","title":"{title}"}}"#);
        page(&[start, ("tool_started", &tool)]).lines().nth(1).map(str::to_owned)
    };
    for (kind, title, want) in [
        ("read", "/home/ada/src/a.rs", "→ N src/a.rs"),
        ("read", "/home/adam/a.rs", "→ N /home/adam/a.rs"),
        ("read", "/home/ada/", "→ N /home/ada/"),
        ("execute", "/home/ada/run", "→ N /home/ada/run"),
    ] {
        assert_eq!(shown(kind, title).as_deref(), Some(want));
    }
}

#[test]
fn progress_that_only_names_the_running_call_is_not_shown() {
    let tool = r#""tool":{"id":"t","name":"read","title":"a.md"}"#;
    let progress = |of: &str| format!(r#""kind":"progress","message":"{of}""#);
    let events = [
        ("tool_started", tool),
        ("status", &progress("read a.md")),
        ("tool_finished", &format!(r#"{tool},"outcome":"ok""#)),
        ("status", &progress("read a.md")),
    ];
    assert_eq!(page(&events), "→ read a.md ✓ 2.0s\nprogress: read a.md\n");
}

#[test]
fn what_is_no_event_is_shown_and_complained_of() {
    let (out, err) = show_bytes(&plain(), b"hello \x1b[2J\xff\r\n{\"v\":1}\n");
    assert_eq!(out, "? hello ^[[2J\u{fffd}\n? {\"v\":1}\n");
    assert_eq!(err.lines().count(), 2);
    assert!(err.starts_with("<stdin>:1:11: invalid UTF-8"), "{err}");
    let strict = Options { reading: Reading { strict: true, ..Reading::default() }, ..plain() };
    let mut view = View::new(&strict);
    view.on_bytes(Time::default(), b"x\n", &mut Io::default());
    assert_eq!(view.exit(), Exit::Malformed);
}

#[test]
fn a_line_that_is_too_long_is_shown_in_pieces() {
    let options = Options { reading: Reading { max_line: 200, ..Reading::default() }, ..plain() };
    let long = "x".repeat(300) + "\x1b";
    let input = format!("{long}\n{}\n", stream("s", "", &[START]).concat());
    let (out, err) = show_bytes(&options, input.as_bytes());
    let notice = "? a line too long to look at, as it is:\n";
    let cut = "[TRUNCATED 0ms] the input ended before the turn did\n";
    assert_eq!(out, format!("{notice}{}^[\n{STARTED}{cut}", "x".repeat(300)));
    assert_eq!(err.lines().count(), 1);
}

#[test]
fn tokens_on_the_way_are_shown_at_the_end_where_the_turn_has_none() {
    let counted = |used| format!(r#""kind":"usage","data":{{"used":{used},"size":9000}}"#);
    let (first, last) = (counted(100), counted(1234));
    let end = |usage| format!(r#""stop":"end_turn"{usage}"#);
    let shown = |end: &str| {
        let events = [START, ("status", &first), ("status", &last), ("turn_completed", end)];
        page(&events).lines().last().map(str::to_owned).unwrap_or_default()
    };
    assert!(shown(&end("")).contains("1,234 of 9,000 tokens"), "{}", shown(&end("")));
    let known = shown(&end(r#","usage":{"input_tokens":5,"output_tokens":6}"#));
    assert!(known.contains("5 in / 6 out tokens") && !known.contains("9,000"), "{known}");
}

#[test]
fn a_word_of_the_protocol_is_for_programs() {
    let words = [
        ("progress", "requesting"),
        ("progress", "model.meta.response"),
        ("progress", ""),
        ("session", "session.updated"),
        ("info", "config_option_update"),
        ("info", "fields of an unknown meaning"),
        ("usage", "claude-opus-4-8[1m]"),
    ];
    for (kind, message) in words {
        let status =
            format!(r#""kind":"{kind}","message":"{message}","data":{{"type":"message_delta"}}"#);
        assert_eq!(page(&[("status", &status)]), "", "{kind} {message}");
    }
    let said = ("status", r#""kind":"info","message":"Done.","data":{"type":"notice"}"#);
    assert_eq!(page(&[said]), "info: Done.\n");
}

#[test]
fn the_same_progress_is_said_once() {
    let thinking = ("status", r#""kind":"progress","message":"thinking""#);
    let reading = ("status", r#""kind":"progress","message":"reading on""#);
    let settings = ("status", r#""kind":"session","data":{"mode":"plan"}"#);
    assert_eq!(
        page(&[thinking, thinking, settings, reading, thinking]),
        "progress: thinking\nprogress: reading on\nprogress: thinking\n"
    );
    let mut lines = stream("a", "ann", &[thinking, thinking]);
    lines.extend(stream("b", "bob", &[thinking]));
    assert_eq!(show(&plain(), &lines), "ann | progress: thinking\nbob | progress: thinking\n");
}

#[test]
fn a_plan_is_shown_whole_once_and_then_by_its_changes() {
    let plan = |steps: &[(&str, bool)]| {
        let steps = steps.iter().map(|(text, done)| {
            let status = if *done { "completed" } else { "pending" };
            format!(r#"{{"content":"{text}","status":"{status}"}}"#)
        });
        let steps = steps.collect::<Vec<_>>().join(",");
        format!(r#""kind":"plan","data":{{"entries":[{steps}]}}"#)
    };
    let plans = [
        plan(&[("look", false), ("do", false)]),
        plan(&[("look", true), ("do", false)]),
        plan(&[("look", true), ("do", false)]),
        plan(&[("look", true), ("do", true), ("rest", false)]),
    ];
    let events: Vec<_> = plans.iter().map(|plan| ("status", plan.as_str())).collect();
    let whole = "plan:\n    [ ] look\n    [ ] do\n";
    let other = "plan:\n    [x] look\n    [x] do\n    [ ] rest\n";
    assert_eq!(page(&events), format!("{whole}plan:\n    [x] look\n{other}"));
}
