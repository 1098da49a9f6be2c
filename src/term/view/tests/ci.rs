//! Logs of CI systems, read with their parsers' rules: no text of an agent is a command, and nothing stays folded open.

use proptest::prelude::*;

use super::*;

/// Commands that GitHub's runner finds in a log, by name. Rules of `ActionCommand.cs` (actions/runner): of each line without
/// the white space before it, `::NAME PROPERTIES::DATA`; and, in the older form, `##[NAME PROPERTIES]` anywhere in a line. The
/// lines are those of .NET's `ReadLine`, which end at CR, LF or both.
fn github_commands(log: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in log.split(['\n', '\r']) {
        let new = line.trim_start().strip_prefix("::").and_then(|rest| rest.split_once("::"));
        let old = line.split_once("##[").and_then(|(_, rest)| rest.split_once(']'));
        for (head, _) in new.into_iter().chain(old) {
            // All names of commands are such words; any other is not registered.
            let name = head.split(' ').next().unwrap_or_default();
            let registered = |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
            found.extend((!name.is_empty() && registered(name)).then(|| name.to_owned()));
        }
    }
    found
}

/// Sections of GitLab's log, as `(start or end, name)`. Rule of its trace parser (`lib/gitlab/ci/ansi2json`): after an erased
/// line, `section_start:SECONDS:NAME` with options in brackets, then a carriage return.
fn gitlab_sections(log: &str) -> Vec<(String, String)> {
    let marks = log.split("section_").skip(1).filter_map(|rest| {
        let (what, rest) = rest.split_once(':')?;
        let (seconds, rest) = rest.split_once(':')?;
        let name = rest.split(['\r', '[']).next()?;
        let proper = ["start", "end"].contains(&what) && seconds.parse::<u64>().is_ok();
        proper.then(|| (what.to_owned(), name.to_owned()))
    });
    marks.collect()
}

/// Commands of other systems: Azure Pipelines (`CommandStringConvertor`: `##vso[` anywhere), TeamCity (`##teamcity[` anywhere,
/// in any case), Travis (`travis_fold:`), Buildkite (a line that begins with three of `-+~^` and a space).
fn other_commands(log: &str) -> usize {
    let lower = log.to_lowercase();
    let marks = ["##vso[", "##teamcity[", "travis_fold:"];
    let anywhere: usize = marks.iter().map(|mark| lower.matches(mark).count()).sum();
    let heads = ["--- ", "+++ ", "~~~ ", "^^^ "];
    let lines = log.split(['\n', '\r']).filter(|line| heads.iter().any(|h| line.starts_with(h)));
    anywhere + lines.count()
}

fn log(format: Format, tools: Tools) -> Options {
    Options { format, tools, gutter: true, process: 7, reasoning: true, ..Options::default() }
}

/// Checks a log by the rules of every system; the answer is the number of its sections.
#[track_caller]
fn assert_harmless(format: Format, out: &str) -> usize {
    assert_eq!(other_commands(out), 0, "{out}");
    let github = github_commands(out);
    let gitlab = gitlab_sections(out);
    let folds: Vec<_> = github.iter().filter(|name| name.contains("group")).collect();
    let sections = if format == Format::Github { folds.len() / 2 } else { gitlab.len() / 2 };
    match format {
        Format::Github => {
            assert!(folds.chunks(2).all(|pair| pair == ["group", "endgroup"]), "{out}");
            let marks = github.iter().filter(|name| ["error", "warning"].contains(&&***name));
            assert_eq!(folds.len() + marks.count(), github.len(), "{out}");
            assert_eq!(gitlab, [], "{out}");
        }
        Format::Gitlab => {
            assert_eq!(github.len(), 0, "{out}");
            let mut names = std::collections::HashSet::new();
            for pair in gitlab.chunks(2) {
                let [(start, name), (end, same)] = pair else { panic!("{out}") };
                assert_eq!((&**start, &**end, name), ("start", "end", same), "{out}");
                assert!(names.insert(name), "{out}");
                let proper = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
                assert!(name.chars().all(proper), "{name}");
            }
        }
        _ => assert_eq!((github.len(), gitlab.len()), (0, 0), "{out}"),
    }
    sections
}

fn tool(id: &str, title: &str) -> String {
    format!(
        r#""tool":{{"id":"{id}","name":"Bash","kind":"execute","title":"{title}","input":{{"command":"{title}","x":["{title}"]}}}}"#
    )
}

fn finished(id: &str, title: &str, outcome: &str, output: &str) -> String {
    format!(r#"{},"outcome":"{outcome}","output":"{output}""#, tool(id, title))
}

/// A run with a tool that works, one that fails and a failed turn.
fn run() -> Vec<String> {
    stream(
        "s",
        "",
        &[
            START,
            ("text_delta", &delta("b1", "answer", "I run it:\\n::error::no")),
            ("block_final", &delta("b1", "answer", "I run it:\\n::error::no")),
            ("tool_started", &tool("t1", "make 5%")),
            ("tool_finished", &finished("t1", "make 5%", "ok", "built\\n::warning::x\\n")),
            ("tool_started", &tool("t2", "make test")),
            ("tool_finished", &finished("t2", "make test", "error", "1 failed")),
            ("tool_started", &tool("t3", "true")),
            ("tool_finished", &finished("t3", "true", "ok", "")),
            ("turn_failed", r#""error":{"code":"rate_limited","message":"wait\n100%"}"#),
        ],
    )
}

#[test]
fn github_folds_outputs_and_marks_failures() {
    let run = &run();
    assert_eq!(
        show(&log(Format::Github, Tools::Output), run),
        "[RUNNING] claude claude-opus-5\n\
         | I run it:\n\
         | ::error::no\n\
         \n\
         ::group::→ Bash make 5%25 ✓ 1.0s\n\
         | built\n\
         | ::warning::x\n\
         ::endgroup::\n\
         ::group::→ Bash make test ✗ 1.0s\n\
         | 1 failed\n\
         ::endgroup::\n\
         ::warning title=tool failed::→ Bash make test ✗ 1.0s%0A1 failed\n\
         → Bash true ✓ 1.0s\n\
         [FAILED 9.0s] rate_limited: wait\n    | 100%  (model 4.0s, tools 3.0s)\n\
         ::error title=turn failed::rate_limited: wait%0A100%25\n"
    );
}

#[test]
fn gitlab_folds_outputs_but_no_failure() {
    let at = 1_767_225_600;
    let start = |n: u32, at: u64, fold: &str| {
        format!("\x1b[0Ksection_start:{at}:spile_7_{n}{fold}\r\x1b[0K")
    };
    let end = |n: u32, at: u64| format!("\x1b[0Ksection_end:{at}:spile_7_{n}\r\x1b[0K");
    assert_eq!(
        show(&log(Format::Gitlab, Tools::Output), &run()[3..7]),
        format!(
            "{}→ Bash make 5% ✓ 1.0s\n| built\n| ::warning::x\n{}\n\
             {}→ Bash make test ✗ 1.0s\n| 1 failed\n{}\n\
             [TRUNCATED] the input ended before the turn did\n",
            start(1, at + 3, "[collapsed=true]"),
            end(1, at + 4),
            start(2, at + 5, ""),
            end(2, at + 6),
        )
        .replace("[TRUNCATED] the input ended before the turn did\n", "")
    );
}

#[test]
fn a_log_of_another_system_has_a_mark_before_each_line_of_the_agent() {
    assert_eq!(
        show(&log(Format::Plain, Tools::Line), &run()),
        "[RUNNING] claude claude-opus-5\n\
         | I run it:\n\
         | ::error::no\n\
         \n\
         → Bash make 5% ✓ 1.0s\n\
         → Bash make test ✗ 1.0s\n    | 1 failed\n\
         → Bash true ✓ 1.0s\n\
         [FAILED 9.0s] rate_limited: wait\n    | 100%  (model 4.0s, tools 3.0s)\n"
    );
}

#[test]
fn a_long_call_is_in_the_log_before_it_ends() {
    let lines = run();
    let mut view = View::new(&log(Format::Github, Tools::Output));
    let mut io = Io::default();
    view.on_bytes(Time::default(), (lines[3].clone() + "\n").as_bytes(), &mut io);
    assert_eq!(io.out, b"");
    let later = view.deadline().expect("the line waits for its end");
    view.on_tick(later, &mut io);
    assert_eq!(String::from_utf8_lossy(&io.out), "→ Bash make 5%\n");
    view.on_bytes(later, (lines[4].clone() + "\n").as_bytes(), &mut io);
    let out = String::from_utf8_lossy(&io.out);
    assert!(
        out.ends_with("::group::→ Bash make 5%25 ✓ 1.0s\n| built\n| ::warning::x\n::endgroup::\n")
    );
}

#[test]
fn labels_and_sub_agents_stand_in_the_titles() {
    let run = stream(
        "s",
        "50%",
        &[
            START,
            ("tool_started", &(tool("t1", "a") + r#","parent":"p""#)),
            ("tool_finished", &(finished("t1", "a", "ok", "one\\ntwo") + r#","parent":"p""#)),
            ("block_final", &delta("b1", "answer", "done")),
        ],
    );
    let out = show(&log(Format::Github, Tools::Output), &run);
    let want = "::group::50%25 | > → Bash a ✓ 1.0s\n50% | > | one\n50% | > | two\n::endgroup::\n";
    assert!(out.contains(want), "{out}");
    assert!(out.contains("\n50% | done\n"), "{out}");
}

#[test]
fn at_most_ten_annotations_of_each_severity() {
    let mut events = vec![START];
    let failed = finished("t", "x", "error", "no");
    events.extend([("tool_finished", &*failed); 30]);
    let out = show(&log(Format::Github, Tools::Line), &stream("s", "", &events));
    assert_eq!(out.matches("::warning ").count(), 10);
    // The input ends without a terminal event.
    assert_eq!(out.matches("::error title=turn cut off::").count(), 1);
}

#[test]
fn wherever_the_input_is_cut_no_section_stays_open() {
    let input = run().join("\n") + "\n";
    for format in [Format::Github, Format::Gitlab] {
        let mut most = 0;
        for end in 0..=input.len() {
            let (out, _) = show_bytes(&log(format, Tools::Full), &input.as_bytes()[..end]);
            most = most.max(assert_harmless(format, &out));
        }
        // The input of three calls, and the output of two.
        assert_eq!(most, 5);
    }
}

/// Text full of commands and of pieces of them.
fn hostile() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "::",
        "::error::",
        "::add-mask::x",
        "::group::a",
        "::endgroup::",
        "##[",
        "##[group]x",
        "]",
        "##vso[task.setvariable variable=a]b",
        "##",
        "#",
        "[",
        "##teamcity[",
        "##TeamCity[message]",
        "section_start:1:a\\r",
        "section_end:1:a\\r",
        "\\u001b[0K",
        "travis_fold:start:x",
        "--- ",
        "+++ ",
        "~~~ ",
        "^^^ +++",
        "\\n",
        "\\r",
        "\\r\\n",
        " ",
        "\\t",
        "\\u00a0",
        "\\ufeff",
        "\\u200b",
        "\\u2028",
        "\\u0085",
        "\\u000b",
        "%0A",
        "%",
        "|",
        "a",
        "→",
        "é",
    ]);
    prop::collection::vec(parts, 0..12).prop_map(|parts| parts.concat())
}

fn hostile_run() -> impl Strategy<Value = Vec<String>> {
    let event = (0usize..9, hostile(), hostile(), prop::sample::select(vec!["", "p", "::x::"]));
    prop::collection::vec(event, 0..12).prop_map(|events| {
        let lines = events.into_iter().map(|(kind, a, b, parent)| {
            let parent = match parent {
                "" => String::new(),
                parent => format!(r#","parent":"{parent}""#),
            };
            let (kind, fields) = match kind {
                0 => ("turn_started", format!(r#""runtime":"{a}","model":"{b}","prompt":"{a}""#)),
                1 => ("text_delta", delta("b1", "answer", &a) + &parent),
                2 => ("block_final", delta(&a, "reasoning", &b) + &parent),
                3 => ("tool_started", tool(&a, &b) + &parent),
                4 => ("tool_finished", finished(&a, &b, "ok", &b) + &parent),
                5 => ("tool_finished", finished("t", &a, "error", &b) + &parent),
                6 => ("status", format!(r#""kind":"{a}","message":"{b}"{parent}"#)),
                7 => (
                    "turn_failed",
                    format!(r#""error":{{"code":"{a}","message":"{b}"}},"stderr_tail":"{a}""#),
                ),
                _ => ("turn_cancelled", format!(r#""by":"{a}","reason":"{b}""#)),
            };
            (kind, fields)
        });
        let lines: Vec<_> = lines.collect();
        let lines: Vec<_> = lines.iter().map(|(kind, fields)| (*kind, fields.as_str())).collect();
        stream("s", "", &lines)
    })
}

proptest! {
    #[test]
    fn no_text_of_an_agent_is_a_command_of_any_system(run in hostile_run(), label in hostile(), merged in any::<bool>()) {
        let label = if merged { label.as_str() } else { "" };
        let run: Vec<_> = run.iter().map(|line| {
            line.replacen(r#","ts":"#, &format!(r#","label":"{label}","ts":"#), 1)
        }).collect();
        let input = run.join("\n") + "\n";
        for format in [Format::Plain, Format::Tty, Format::Github, Format::Gitlab] {
            for tools in [Tools::Line, Tools::Input, Tools::Output, Tools::Full] {
                for width in [None, Some(24)] {
                    let options = Options { width, ..log(format, tools) };
                    let (out, err) = show_bytes(&options, input.as_bytes());
                    assert_harmless(format, &out);
                    assert_harmless(Format::Plain, &err);
                }
            }
        }
    }
}

#[test]
fn a_group_has_the_time_of_the_event_too() {
    let tool = r#""tool":{"id":"t","name":"ls"}"#;
    let finished = format!(r#"{tool},"outcome":"ok","output":"a""#);
    let run = stream("s", "", &[("tool_started", tool), ("tool_finished", &finished)]);
    let log = Options { format: Format::Github, tools: Tools::Output, timestamps: true, ..plain() };
    let want = "::group::00:00:01 → ls ✓ 1.0s\n00:00:01 | a\n::endgroup::\n";
    assert_eq!(show(&log, &run), want);
}

#[test]
fn a_call_over_several_lines_is_replaced_whole_by_its_group() {
    let options = Options { width: Some(24), wraps: true, ..log(Format::Github, Tools::Output) };
    let title = "make the whole of it at once";
    let run = stream(
        "s",
        "",
        &[
            ("block_final", &delta("b1", "answer", "one")),
            ("tool_started", &tool("t1", title)),
            ("tool_finished", &finished("t1", title, "ok", "done")),
        ],
    );
    let out = show(&options, &run);
    assert!(out.starts_with("| one\n\n::group::→ Bash make"), "{out}");
    assert_eq!(out.matches('→').count(), 1, "{out}");
}
