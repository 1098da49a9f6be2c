//! Streams and the pages that they make, whole, so that a change of words shows as one.

mod answer;
mod ci;
mod hostile;
mod lines;
mod sharing;

use super::*;
use crate::stage::Stage;

/// Shows `input` and gives back what came out, and what went to stderr.
fn show_bytes(options: &Options, input: &[u8]) -> (String, String) {
    let mut view = View::new(options);
    let mut io = Io::default();
    // Slices of an odd length, so that no test depends on whole lines.
    for slice in input.chunks(97) {
        view.on_bytes(Time::default(), slice, &mut io);
    }
    view.on_end(Time::default(), &mut io);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("a page is UTF-8");
    (text(io.out), text(io.err))
}

/// The events of one stream, each a second after the last: `"type", "fields"`.
fn stream(id: &str, label: &str, events: &[(&str, &str)]) -> Vec<String> {
    let mut turn = 0;
    let line = |(n, (kind, fields)): (usize, &(&str, &str))| {
        turn += usize::from(*kind == "turn_started");
        let label = match label {
            "" => String::new(),
            label => format!(r#","label":"{label}""#),
        };
        let fields = match *fields {
            "" => String::new(),
            fields => format!(",{fields}"),
        };
        format!(
            r#"{{"v":1,"type":"{kind}","stream":"{id}","turn":{},"seq":{},"ts":"2026-01-01T00:00:{n:02}.000Z"{label}{fields}}}"#,
            turn.max(1),
            n + 1
        )
    };
    events.iter().enumerate().map(line).collect()
}

fn plain() -> Options {
    Options { format: Format::Plain, reasoning: true, ..Options::default() }
}

fn show(options: &Options, lines: &[String]) -> String {
    let (out, err) = show_bytes(options, (lines.join("\n") + "\n").as_bytes());
    assert_eq!(err, "");
    out
}

fn page(events: &[(&str, &str)]) -> String {
    show(&plain(), &stream("s", "", events))
}

const START: (&str, &str) = ("turn_started", r#""runtime":"claude","model":"claude-opus-5""#);
const STARTED: &str = "[RUNNING] claude claude-opus-5\n";
const DONE: (&str, &str) = ("turn_completed", r#""stop":"end_turn""#);

fn delta(block: &str, kind: &str, text: &str) -> String {
    format!(r#""block":"{block}","kind":"{kind}","text":"{text}""#)
}

#[test]
fn a_simple_turn() {
    let got = page(&[
        (
            "status",
            r#""kind":"session","data":{"pid":42,"argv":["claude","-p","hi"],"adapter":"claude"}"#,
        ),
        (
            "turn_started",
            r#""runtime":"claude","model":"claude-opus-5","session":"abc-1","prompt":"say hello\nplease""#,
        ),
        ("text_delta", &delta("b1", "reasoning", "Hm.")),
        ("block_final", &delta("b1", "reasoning", "Hm.")),
        ("text_delta", &delta("b2", "answer", "Hel")),
        ("text_delta", &delta("b2", "answer", "lo\\nyou")),
        ("block_final", &delta("b2", "answer", "Hello\\nyou")),
        (
            "turn_completed",
            r#""stop":"end_turn","usage":{"input_tokens":1234,"output_tokens":567},"cost_usd":0.0123,"duration_ms":12345"#,
        ),
        ("status", r#""kind":"exit","data":{"code":0,"killed":false}"#),
    ]);
    assert_eq!(
        got,
        "started as process 42: claude -p hi\n\
         [RUNNING] claude claude-opus-5 session abc-1\n\
         prompt: say hello…\n\
         (reasoning)\n\
         Hm.\n\
         \n\
         Hello\n\
         you\n\
         [COMPLETED 12.3s]  1,234 in / 567 out tokens  $0.0123  (model 4.0s, start 1.0s)\n\
         exited with status 0\n"
    );
}

#[test]
fn text_is_shown_as_it_comes() {
    let lines = stream("s", "", &[START, ("text_delta", &delta("b1", "answer", "Hel"))]);
    let mut view = View::new(&plain());
    let mut io = Io::default();
    view.on_bytes(Time::default(), (lines.join("\n") + "\n").as_bytes(), &mut io);
    assert_eq!(String::from_utf8_lossy(&io.out), format!("{STARTED}Hel"));
}

#[test]
fn reasoning_can_be_left_out() {
    let events = [
        START,
        ("text_delta", &delta("b1", "reasoning", "Hm.")),
        ("block_final", &delta("b1", "reasoning", "Hm.")),
        DONE,
    ];
    let options = Options { reasoning: false, ..plain() };
    assert_eq!(
        show(&options, &stream("s", "", &events)),
        format!("{STARTED}[COMPLETED 3.0s]  (start 1.0s, model 1.0s)\n")
    );
}

#[test]
fn tools_are_a_line_each() {
    let bash = r#""tool":{"id":"t1","name":"Bash","kind":"execute","input":{"command":"cargo test\n--all"}}"#;
    let edit = r#""tool":{"id":"t2","name":"Edit","kind":"edit","paths":["src/a.rs","src/b.rs"]}"#;
    let read = r#""tool":{"id":"t3","name":"Read","kind":"read","title":"Read src/main.rs"}"#;
    let end = |id: &str, name: &str, rest: &str| {
        format!(r#""tool":{{"id":"{id}","name":"{name}","kind":"x"}},{rest}"#)
    };
    let got = page(&[
        START,
        ("tool_started", bash),
        (
            "tool_finished",
            &end(
                "t1",
                "Bash",
                r#""outcome":"error","exit_code":101,"duration_ms":3200,"output":"a\nb\n\nc\nd\n""#,
            ),
        ),
        ("tool_started", edit),
        ("tool_started", read),
        ("tool_finished", &end("t2", "Edit", r#""outcome":"ok""#)),
        ("tool_finished", &end("t3", "Read", r#""outcome":"denied""#)),
        ("tool_started", r#""tool":{"id":"t4","name":"Wait","kind":"other"}"#),
        (
            "tool_finished",
            &(r#""synthetic":true,"#.to_owned() + &end("t4", "Wait", r#""outcome":"unknown""#)),
        ),
        DONE,
    ]);
    assert_eq!(
        got,
        format!(
            "{STARTED}\
             → Bash cargo test… ✗ exit 101 3.2s\n    a\n    b\n    c\n    … 1 more line\n\
             → Edit src/a.rs, src/b.rs\n\
             → Read src/main.rs\n\
             ✓ Edit src/a.rs, src/b.rs 2.0s\n\
             - Read src/main.rs denied 2.0s\n\
             → Wait - not finished 1.0s\n\
             [COMPLETED 9.0s]  (tools 5.0s, model 2.0s)\n"
        )
    );
}

#[test]
fn titles_fit_the_width() {
    let bash =
        r#""tool":{"id":"t1","name":"Bash","kind":"execute","title":"a very long command indeed"}"#;
    let options = Options { width: Some(24), ..plain() };
    let got = show(&options, &stream("s", "me", &[("tool_started", bash)]));
    assert_eq!(got, "me | → Bash a very…\n");
    assert!(words::width(got.trim_end()) <= 24);
}

#[test]
fn how_a_turn_can_end() {
    let end = |kind: &str, fields: &str| {
        let got = page(&[START, (kind, fields)]);
        got.strip_prefix(STARTED).map(str::to_owned).unwrap_or(got)
    };
    assert_eq!(
        end(
            "turn_failed",
            r#""error":{"code":"rate_limited","message":"slow down\nplease","retry_at":"2026-01-01T01:00:00Z"},"stderr_tail":"one\ntwo\n","duration_ms":3100"#
        ),
        "[FAILED 3.1s] rate_limited: slow down\n    please (retry at 2026-01-01T01:00:00Z)\nstderr:\n    one\n    two\n"
    );
    assert_eq!(end("turn_failed", ""), "[FAILED 1.0s]\n");
    assert_eq!(
        end(
            "turn_cancelled",
            r#""by":"signal","reason":"SIGINT","stop":"end_turn","duration_ms":2000"#
        ),
        "[CANCELLED 2.0s] by signal: SIGINT\n"
    );
    assert_eq!(
        end("turn_completed", r#""stop":"max_tokens","usage":{"total_tokens":12345}"#),
        "[COMPLETED 1.0s] stop: max_tokens  12,345 tokens\n"
    );
    assert_eq!(
        end("text_delta", &delta("b1", "answer", "Hel")),
        "Hel\n[TRUNCATED 1.0s] the input ended before the turn did\n"
    );
}

#[test]
fn streams_never_share_a_line() {
    let a = stream(
        "a",
        "ann",
        &[
            START,
            ("text_delta", &delta("b1", "answer", "one ")),
            ("text_delta", &delta("b1", "answer", "two\\nthree")),
            ("text_delta", &delta("b1", "answer", "\\nfour")),
            DONE,
        ],
    );
    let b = stream(
        "b",
        "bob",
        &[
            START,
            ("text_delta", &delta("b1", "answer", "eins")),
            ("status", r#""kind":"warning","message":"hot""#),
            ("block_final", &delta("b1", "answer", "eins zwei")),
            DONE,
        ],
    );
    let lines: Vec<String> = a.into_iter().zip(b).flat_map(|(a, b)| [a, b]).collect();
    assert_eq!(
        show(&plain(), &lines),
        "ann | [RUNNING] claude claude-opus-5\n\
         bob | [RUNNING] claude claude-opus-5\n\
         ann | one two\n\
         bob | eins\n\
         bob | warning: hot\n\
         ann | three\n\
         bob |  zwei\n\
         ann | four\n\
         ann | [COMPLETED 4.0s]  (model 2.0s, start 1.0s)\n\
         bob | [COMPLETED 4.0s]  (model 2.0s, start 1.0s)\n"
    );
}

#[test]
fn several_streams_without_labels_show_their_ids() {
    let mut lines = stream("a", "", &[START]);
    lines.extend(stream("b", "", &[START, DONE]));
    lines.extend(stream("a", "", &[DONE]));
    assert_eq!(
        show(&plain(), &lines),
        format!("{STARTED}b | {STARTED}b | [COMPLETED 1.0s]\na | [COMPLETED]\n")
    );
}

#[test]
fn a_sub_agent_is_marked() {
    let sub = |fields: &str| format!(r#""parent":"t1",{fields}"#);
    let got = page(&[
        START,
        ("text_delta", &delta("b1", "answer", "main")),
        ("text_delta", &sub(&delta("b2", "answer", "sub\\nagent"))),
        ("tool_started", &sub(r#""tool":{"id":"t2","name":"Read","kind":"read","paths":["a"]}"#)),
        ("text_delta", &delta("b1", "answer", " goes on")),
        DONE,
    ]);
    assert_eq!(
        got,
        format!(
            "{STARTED}main goes on\n> sub\n> agent\n>\n> → Read a\n[COMPLETED 5.0s]  (model 3.0s, start 1.0s)\n"
        )
    );
}

#[test]
fn a_final_says_what_was_not_said() {
    let got = page(&[
        ("text_delta", &delta("b1", "answer", "the end")),
        ("block_final", &delta("b1", "answer", "Up to the end")),
        ("block_final", &delta("b2", "answer", "No deltas.")),
        ("text_delta", &delta("b3", "answer", "Some")),
        ("block_final", &delta("b3", "answer", "Some more")),
        ("block_final", &(delta("b4", "answer", "Better") + r#","supersedes":"b3""#)),
        ("text_delta", &delta("b5", "answer", "wrong")),
        ("block_final", &(delta("b5", "answer", "right") + r#","supersedes":"b4""#)),
        ("text_delta", &delta("b6", "answer", "a\\ud83d")),
        ("text_delta", &delta("b6", "answer", "\\ude00")),
        ("block_final", &delta("b6", "answer", "a😀")),
    ]);
    assert_eq!(
        got,
        "the end\n(what came before that:)\nUp to \n\
         No deltas.\n\
         Some more\n\
         (replaces b3)\nBetter\n\
         wrong\n(in full, for some of it was missed:)\nright\n(replaces b4)\n\
         a😀\n"
    );
}

#[test]
fn parts_are_shown_one_by_one() {
    let part = |n: u32, text: &str, rest: &str| {
        format!(r#"{},"part":{n},"delivery_id":"s/1/b1/{n}"{rest}"#, delta("b1", "answer", text))
    };
    let events = [
        START,
        ("block_final", &part(0, "```\\na\\n```", r#","last":false,"close":"\n```","glue":"\n""#)),
        ("block_final", &part(1, "```\\nb\\n```", r#","last":true,"open":"```\n""#)),
        DONE,
    ];
    assert_eq!(
        page(&events),
        format!("{STARTED}```\na\n```\n```\nb\n```\n[COMPLETED 3.0s]  (start 1.0s, model 1.0s)\n")
    );
    assert_eq!(show(&text(), &stream("s", "", &events)), "```\na\nb\n```\n");
}

fn text() -> Options {
    Options { format: Format::Text, ..Options::default() }
}

#[test]
fn kinds_of_lines_can_be_chosen() {
    let tool = r#""tool":{"id":"t","name":"Bash","title":"make"}"#;
    let finished = format!(r#"{tool},"outcome":"error","output":"no rule""#);
    let run = stream(
        "s",
        "",
        &[
            START,
            ("text_delta", &delta("b1", "answer", "Hel")),
            ("status", r#""kind":"info","message":"hm""#),
            ("text_delta", &delta("b1", "answer", "lo")),
            ("block_final", &delta("b1", "answer", "Hello")),
            ("tool_started", tool),
            ("tool_finished", &finished),
            ("turn_completed", ""),
        ],
    );
    let only = |only: &[Kind]| show(&Options { only: only.to_vec(), ..plain() }, &run);
    let tools = "→ Bash make ✗ 1.0s\n    no rule\n";
    let end = "[COMPLETED 7.0s]  (model 4.0s, tools 1.0s)\n";
    assert_eq!(only(&[Kind::Text]), "Hello\n");
    assert_eq!(only(&[Kind::Tools]), tools);
    assert_eq!(only(&[Kind::Turns, Kind::Tools]), format!("{STARTED}{tools}{end}"));
    assert_eq!(only(&[Kind::Status]), "info: hm\n");
    let all = [Kind::Text, Kind::Tools, Kind::Turns, Kind::Status];
    assert_eq!(only(&all), only(&[]));
    // A line that is no event is shown in any case.
    let (out, _) = show_bytes(&Options { only: vec![Kind::Tools], ..plain() }, b"x\n");
    assert_eq!(out, "? x\n");
}

#[test]
fn times_stand_before_lines() {
    let run = stream("s", "", &[START, ("block_final", &delta("b1", "answer", "one\\n\\ntwo"))]);
    assert_eq!(
        show(&Options { timestamps: true, ..plain() }, &run),
        format!(
            "00:00:00 {STARTED}00:00:01 one\n00:00:01 \n00:00:01 two\n\
             00:00:01 [TRUNCATED 1.0s] the input ended before the turn did\n"
        )
    );
}

#[test]
fn a_width_can_be_given_for_a_log() {
    let text = delta("b1", "answer", "one two three four five six seven");
    let run = stream("s", "", &[("block_final", &text)]);
    let options = Options { width: Some(20), wraps: true, ..plain() };
    assert_eq!(show(&options, &run), "one two three four\nfive six seven\n");
    assert_eq!(show(&Options { wraps: false, ..options }, &run).lines().count(), 1);
}

#[test]
fn the_output_of_a_tool_is_shown_as_far_as_is_asked_for() {
    let output = format!("a\\n\\n{}", "b\\n".repeat(2000));
    let fields = format!(r#""tool":{{"id":"t","name":"Bash"}},"outcome":"ok","output":"{output}""#);
    let run = stream("s", "", &[("tool_finished", &fields)]);
    let lines = |tools| show(&Options { tools, ..plain() }, &run).lines().count();
    assert_eq!([Tools::Line, Tools::Output, Tools::Full].map(lines), [1, 1002, 2003]);
    let out = show(&Options { tools: Tools::Output, ..plain() }, &run);
    assert!(out.starts_with("✓ Bash\n    a\n    \n    b\n"), "{out}");
    assert!(out.ends_with("    … 1002 more lines\n"), "{out}");
}

#[test]
fn the_input_of_a_tool_is_shown_as_a_difference_or_a_list() {
    let edit = r#""tool":{"id":"t","name":"Edit","kind":"edit","paths":["a.rs"],"input":{"file_path":"a.rs","old_string":"x\ny","new_string":"x\nz"}}"#;
    let plan = r#""tool":{"id":"p","name":"TodoWrite","input":{"todos":[{"content":"look","status":"completed"},{"content":"do","status":"pending"}]}}"#;
    let run = stream(
        "s",
        "",
        &[
            ("tool_started", edit),
            ("tool_finished", r#""tool":{"id":"t","name":"Edit"},"outcome":"ok","output":"done""#),
            ("tool_started", plan),
            (
                "tool_started",
                r#""tool":{"id":"m","name":"Bash","title":"make","input":{"command":"make"}}"#,
            ),
        ],
    );
    let shown = |tools| show(&Options { tools, ..plain() }, &run);
    let list = "→ TodoWrite todos=(2 items)\n    [x] look\n    [ ] do\n→ Bash make\n";
    assert_eq!(
        shown(Tools::Input),
        format!("→ Edit a.rs\n     x\n    -y\n    +z\n✓ Edit a.rs 1.0s\n{list}")
    );
    assert_eq!(
        shown(Tools::Full),
        format!("→ Edit a.rs\n     x\n    -y\n    +z\n✓ Edit a.rs 1.0s\n    done\n{list}")
    );
    let github = Options { format: Format::Github, tools: Tools::Full, ..plain() };
    assert_eq!(
        show(&github, &run[..2]),
        "::group::→ Edit a.rs\n|  x\n| -y\n| +z\n::endgroup::\n\
         ::group::→ Edit a.rs ✓ 1.0s\n| done\n::endgroup::\n"
    );
}
