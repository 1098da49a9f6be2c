//! The guard's rules one by one; `any_order` tests them in any order.

mod any_order;
mod as_serde;
mod conditions;

use serde_json::Value;

use super::*;
use crate::check::{Check, Options};
use crate::event::{Failure, Tool, UsageAndCost};
use crate::exit::Exit;
use crate::stage::{Io, Stage};

fn guard(max_block: usize) -> Guard {
    let mut guard = Guard::new(Config { stream: "s".into(), label: None, max_block });
    guard.set_runtime("test");
    guard
}

fn at(millis: u64) -> Time {
    Time::from_millis(1_700_000_000_000 + millis)
}

fn answer(key: &str) -> Text<'_> {
    Text { key, kind: TextKind::Answer, parent: None }
}

fn end(verdict: TurnVerdict) -> End {
    End { ended: Ended::Eof, verdict }
}

fn events(guard: &mut Guard) -> Vec<Value> {
    parse(&std::mem::take(&mut guard.out))
}

fn parse(lines: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(lines).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The types, each with its most significant field.
fn outline(events: &[Value]) -> String {
    let word = |e: &Value| {
        let found =
            [&e["text"], &e["tool"]["id"], &e["error"]["code"], &e["stop"], &e["by"], &e["kind"]];
        let word =
            found.iter().find_map(|w| w.as_str()).map_or(String::new(), |w| format!("({w})"));
        let mark = if e["synthetic"] == true { "*" } else { "" };
        format!("{}{word}{mark}", e["type"].as_str().unwrap())
    };
    events.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// Report of `check` on the lines; empty if they are valid.
fn violations(lines: &[u8]) -> String {
    let mut check = Check::new(Options::default());
    let mut io = Io::default();
    check.on_bytes(at(0), lines, &mut io);
    check.on_end(at(0), &mut io);
    let report = String::from_utf8(io.out).unwrap();
    if check.exit() == Exit::Success { String::new() } else { report }
}

#[test]
fn ts_follows_a_wall_clock_that_jumps_ahead_and_never_goes_back() {
    let mut guard = guard(1000);
    for (now, ahead) in [(1, 0), (2, 7200), (3, 0), (4, 9000)] {
        guard.set_ahead(Duration::from_secs(ahead));
        guard.at(at(now)).delta(&answer("a"), "x");
    }
    let events = events(&mut guard);
    let ts: Vec<Time> =
        events.iter().skip(1).map(|e| Time::parse(e["ts"].as_str().unwrap()).unwrap()).collect();
    assert_eq!(ts, [at(1), at(7_200_002), at(7_200_003), at(9_000_004)]);
}

#[test]
fn a_final_that_only_adds_gives_one_more_delta() {
    let mut g = guard(MAX_BLOCK);
    g.at(at(0)).delta(&answer("a"), "Hel");
    g.at(at(1)).finish_block(&answer("a"), Some("Hello"));
    let want = "turn_started* text_delta(Hel) text_delta(lo) block_final(Hello)";
    assert_eq!(outline(&events(&mut g)), want);
}

#[test]
fn a_text_that_is_replaced_is_closed_as_said() {
    let mut g = guard(MAX_BLOCK);
    g.at(at(0)).delta(&answer("a"), "Hello");
    g.at(at(1)).finish_block(&answer("a"), Some("Bye"));
    let emitted = events(&mut g);
    assert_eq!(
        outline(&emitted),
        "turn_started* text_delta(Hello) block_final(Hello) text_delta(Bye) block_final(Bye)"
    );
    assert_eq!(emitted[4]["supersedes"], "b1");
    assert_eq!(emitted[4]["block"], "b2");
}

#[test]
fn a_final_meets_what_was_said_in_several_blocks() {
    let mut g = guard(16);
    let text = "one line of text\nand one more line, longer\nthe end";
    g.at(at(0)).delta(&answer("a"), &text[..30]);
    g.at(at(1)).finish_block(&answer("a"), Some(text));
    let emitted = events(&mut g);
    let finals: Vec<&str> = emitted
        .iter()
        .filter(|e| e["type"] == "block_final")
        .map(|e| e["text"].as_str().unwrap())
        .collect();
    assert_eq!(finals.concat(), text);
    assert!(finals.iter().all(|f| f.len() <= 16), "{finals:?}");
    assert!(emitted.iter().all(|e| e["supersedes"].is_null()), "{emitted:#?}");
}

#[test]
fn a_tool_closes_the_blocks_of_its_parent_alone() {
    let mut g = guard(MAX_BLOCK);
    g.at(at(0)).delta(&answer("a"), "main");
    g.at(at(0)).delta(&Text { parent: Some("t1"), ..answer("b") }, "sub");
    g.at(at(0)).start_tool(&ToolStart {
        id: "t1",
        name: "Bash",
        kind: "execute",
        ..ToolStart::default()
    });
    let want = "turn_started* text_delta(main) text_delta(sub) block_final(main) tool_started(t1)";
    assert_eq!(outline(&events(&mut g)), want);
}

#[test]
fn a_turn_has_the_files_that_its_calls_may_have_changed() {
    let mut g = guard(MAX_BLOCK);
    let start = |g: &mut Guard, id: &str, kind: &str, paths: &[&str]| {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let parent = (id == "sub").then_some("t");
        g.at(at(0)).start_tool(&ToolStart {
            id,
            kind,
            paths: &paths,
            parent,
            ..ToolStart::default()
        });
    };
    for (id, kind, paths, outcome) in [
        ("a", "edit", &["x", "y"][..], "ok"),
        ("b", "delete", &["failed"], "error"),
        ("c", "move", &["y", "z"], "ok"),
        ("d", "edit", &["denied"], "denied"),
        ("e", "read", &["read"], "ok"),
        ("sub", "edit", &["deep"], "unknown"),
    ] {
        start(&mut g, id, kind, paths);
        g.at(at(0)).finish_tool(&ToolEnd { id, outcome, ..ToolEnd::default() });
    }
    start(&mut g, "late", "edit", &[]);
    let paths = ["late".to_owned()];
    let end = ToolEnd { id: "late", outcome: "ok", paths: &paths, ..ToolEnd::default() };
    g.at(at(0)).finish_tool(&end);
    start(&mut g, "open", "edit", &["open", "x"]);
    g.at(at(0)).complete("end_turn", None, &UsageAndCost::default());
    start(&mut g, "next", "read", &["x"]);
    g.at(at(0)).complete("end_turn", None, &UsageAndCost::default());
    let ends: Vec<Value> =
        events(&mut g).into_iter().filter(|e| e["type"] == "turn_completed").collect();
    assert_eq!(ends[0]["files"], serde_json::json!(["x", "y", "z", "deep", "late", "open"]));
    assert_eq!(ends[1]["files"], Value::Null);
}

#[test]
fn ids_are_made_unique_and_starts_without_names_are_possible() {
    let mut g = guard(MAX_BLOCK);
    for _ in 0..2 {
        g.at(at(0)).start_tool(&ToolStart { id: "t", ..ToolStart::default() });
        g.at(at(0)).finish_tool(&ToolEnd { id: "t", outcome: "ok", ..ToolEnd::default() });
    }
    g.at(at(0)).finish_tool(&ToolEnd { id: "", outcome: "error", ..ToolEnd::default() });
    let want = "turn_started* tool_started(t) tool_finished(t) tool_started(t#2) tool_finished(t#2) \
                tool_started(tool_3) tool_finished(tool_3)";
    assert_eq!(outline(&events(&mut g)), want);
}

#[test]
fn the_end_of_a_tool_repeats_its_title() {
    let mut g = guard(MAX_BLOCK);
    let long = "é".repeat(Tool::MAX_TITLE);
    for (id, title) in [("a", "cargo test"), ("b", &long), ("c", "never ends")] {
        g.at(at(0)).start_tool(&ToolStart { id, title: Some(title), ..ToolStart::default() });
    }
    g.at(at(0)).finish_tool(&ToolEnd { id: "a", outcome: "error", ..ToolEnd::default() });
    g.at(at(0)).finish_tool(&ToolEnd { id: "b", outcome: "ok", ..ToolEnd::default() });
    g.at(at(0)).finish_tool(&ToolEnd { id: "untitled", outcome: "ok", ..ToolEnd::default() });
    g.at(at(0)).complete("end_turn", None, &UsageAndCost::default());
    let emitted = events(&mut g);
    let ends: Vec<_> = emitted.iter().filter(|e| e["type"] == "tool_finished").collect();
    assert_eq!(ends[0]["tool"]["title"], "cargo test");
    assert_eq!(ends[1]["tool"]["title"], "é".repeat(Tool::MAX_TITLE / 2));
    assert!(ends[2]["tool"]["title"].is_null());
    assert_eq!(ends[3]["tool"]["title"], "never ends");
}

#[test]
fn after_the_end_a_late_tool_is_a_log_and_new_text_a_new_turn() {
    let mut g = guard(MAX_BLOCK);
    g.at(at(0)).start_tool(&ToolStart { id: "t", ..ToolStart::default() });
    g.at(at(0)).complete("end_turn", None, &UsageAndCost::default());
    g.at(at(1)).finish_tool(&ToolEnd { id: "t", outcome: "ok", ..ToolEnd::default() });
    g.at(at(1)).stderr("late");
    g.at(at(2)).delta(&answer("a"), "more");
    let emitted = events(&mut g);
    let want = "turn_started* tool_started(t) tool_finished(t)* turn_completed(end_turn) status(log) status(log) \
                turn_started* text_delta(more)";
    assert_eq!(outline(&emitted), want);
    assert_eq!(emitted[2]["outcome"], "unknown");
    assert!(emitted[4]["turn"].is_null() && emitted[5]["turn"].is_null());
    assert_eq!(emitted[7]["turn"], 2);
}

#[test]
fn the_result_is_an_answer_only_if_there_was_none() {
    let mut g = guard(MAX_BLOCK);
    g.at(at(0)).complete("end_turn", Some("all"), &UsageAndCost::default());
    g.at(at(1)).start_turn(&TurnStarted::default());
    g.at(at(1)).delta(&answer("a"), "said");
    g.at(at(1)).complete("end_turn", Some("said"), &UsageAndCost::default());
    let want = "turn_started* text_delta(all) block_final(all) turn_completed(end_turn) \
                turn_started text_delta(said) block_final(said) turn_completed(end_turn)";
    assert_eq!(outline(&events(&mut g)), want);
}

#[test]
fn what_we_cancelled_is_cancelled_whatever_the_runtime_answers() {
    let mut g = guard(MAX_BLOCK);
    g.at(at(0)).start_turn(&TurnStarted::default());
    g.request_cancel("control", "enough");
    g.request_cancel("signal", "SIGINT");
    g.at(at(1)).complete("end_turn", None, &UsageAndCost::default());
    let emitted = events(&mut g);
    assert_eq!(emitted[1]["type"], "turn_cancelled");
    assert_eq!(
        (&emitted[1]["by"], &emitted[1]["reason"], &emitted[1]["stop"]),
        (&"control".into(), &"enough".into(), &"end_turn".into())
    );
    assert_eq!(g.exit(), Exit::Cancelled);
}

#[test]
fn what_a_timeout_ended_has_failed_whatever_the_runtime_answers() {
    let mut g = guard(MAX_BLOCK);
    g.at(at(0)).start_turn(&TurnStarted::default());
    g.request_fail("timeout_idle", "too quiet");
    g.request_cancel("signal", "SIGINT");
    g.at(at(1)).complete("end_turn", None, &UsageAndCost::default());
    let emitted = events(&mut g);
    assert_eq!(emitted[1]["type"], "turn_failed");
    assert_eq!(emitted[1]["error"]["code"], "timeout_idle");
    assert_eq!(g.exit(), Exit::Timeout);
}

#[test]
fn a_stop_reason_fails_if_the_user_says_so() {
    let mut g = guard(MAX_BLOCK);
    g.fail_on_stop(vec!["max_tokens".into(), "refusal".into()]);
    for (stop, want) in [("end_turn", "turn_completed"), ("refusal", "turn_failed")] {
        g.at(at(0)).start_turn(&TurnStarted::default());
        g.at(at(1)).complete(stop, None, &UsageAndCost::default());
        assert_eq!(events(&mut g)[1]["type"], want);
    }
    assert_eq!(g.exit(), Exit::Failed);
}

#[test]
fn how_it_ends_decides_where_there_is_no_result() {
    for (ended, verdict, want) in [
        (Ended::Eof, TurnVerdict::ByExit, "turn_completed(end_of_output)"),
        (Ended::Exited(0), TurnVerdict::ByExit, "turn_completed(end_of_output)"),
        (Ended::Exited(3), TurnVerdict::ByExit, "turn_failed(exit_nonzero)"),
        (Ended::Signalled(9), TurnVerdict::ByExit, "turn_failed(signal)"),
        (Ended::Exited(0), TurnVerdict::MissingResult, "turn_failed(missing_result)*"),
        (Ended::Exited(1), TurnVerdict::MissingResult, "turn_failed(missing_result)*"),
        (Ended::Eof, TurnVerdict::Truncated, "turn_failed(truncated)*"),
        (Ended::Exited(3), TurnVerdict::Truncated, "turn_failed(exit_nonzero)*"),
    ] {
        let mut g = guard(MAX_BLOCK);
        g.at(at(0)).end(&End { ended, verdict });
        assert_eq!(outline(&events(&mut g)), format!("turn_started* {want}"));
    }
}

#[test]
fn a_turn_that_begins_before_the_last_had_a_result_fails_it() {
    let mut g = guard(MAX_BLOCK);
    g.at(at(0)).start_turn(&TurnStarted::default());
    g.at(at(1)).start_turn(&TurnStarted::default());
    g.at(at(2)).end(&end(TurnVerdict::ByExit));
    let want =
        "turn_started turn_failed(missing_result)* turn_started turn_completed(end_of_output)";
    assert_eq!(outline(&events(&mut g)), want);
}

#[test]
fn time_never_goes_back() {
    let mut g = guard(MAX_BLOCK);
    g.at(at(5)).stderr("a");
    g.at(at(3)).stderr("b");
    let emitted = events(&mut g);
    assert_eq!(emitted[0]["ts"], emitted[1]["ts"]);
}

#[test]
fn the_tail_of_stderr_is_bounded() {
    let mut g = guard(MAX_BLOCK);
    for n in 0..2000 {
        g.at(at(0)).stderr(&format!("zeile {n} é"));
    }
    g.out.clear();
    g.at(at(0)).end(&end(TurnVerdict::MissingResult));
    let emitted = events(&mut g);
    let tail = emitted.last().unwrap()["stderr_tail"].as_str().unwrap();
    assert!(tail.len() <= 4096 && tail.ends_with("zeile 1999 é\n"), "{}", tail.len());
}

#[test]
fn too_many_open_blocks_and_tools_close_the_oldest() {
    let mut g = guard(MAX_BLOCK);
    for n in 0..40 {
        g.at(at(0)).delta(&answer(&format!("k{n}")), "x");
    }
    for n in 0..5000 {
        g.at(at(0)).start_tool(&ToolStart { id: &format!("t{n}"), ..ToolStart::default() });
    }
    g.at(at(0)).end(&end(TurnVerdict::ByExit));
    assert_eq!(violations(&std::mem::take(&mut g.out)), "");
}

#[test]
fn a_long_tool_id_is_shortened_and_still_its_own() {
    let mut g = guard(MAX_BLOCK);
    let (a, b) = ("i".repeat(100_000) + "a", "i".repeat(100_000) + "b");
    for id in [&a, &b] {
        g.at(at(0)).start_call(&ToolStart { id, name: id, ..ToolStart::default() });
        g.at(at(0)).delta(&Text { parent: Some(id), ..answer("sub") }, "x");
    }
    assert!(g.call_started(&a) && g.call_started(&b));
    for id in [&b, &a] {
        g.at(at(0)).finish_call(&ToolEnd { id, outcome: "ok", ..ToolEnd::default() });
    }
    g.at(at(0)).end(&end(TurnVerdict::ByExit));
    assert!(g.out.len() < 10_000, "{}", g.out.len());
    let seen = events(&mut g);
    let ids = |kind: &str| -> Vec<Value> {
        seen.iter().filter(|e| e["type"] == kind).map(|e| e["tool"]["id"].clone()).collect()
    };
    let (started, mut finished) = (ids("tool_started"), ids("tool_finished"));
    finished.reverse();
    assert_eq!(started, finished);
    let parents = seen.iter().filter(|e| e["type"] == "block_final").map(|e| e["parent"].clone());
    assert_eq!(parents.collect::<Vec<_>>(), started);
}

/// The streams of the events, each with number and type.
fn places(events: &[Value]) -> Vec<String> {
    let word = |e: &Value| format!("{} {} {}", e["stream"], e["seq"], e["type"]);
    events.iter().map(|e| word(e).replace('"', "")).collect()
}

#[test]
fn every_stream_is_a_stream_of_its_own() {
    let mut g = guard(100);
    let spent = UsageAndCost::default();
    g.at(at(0)).delta(&answer("a"), "one");
    g.in_stream(1, |g| g.at(at(1)).delta(&answer("a"), "two"));
    g.at(at(2)).complete("end_turn", None, &spent);
    assert!(g.turns_open() > 0 && !g.turn_open());
    assert_eq!((g.turns(), g.all_turns()), (1, 2));
    g.at(at(3)).end(&end(TurnVerdict::MissingResult));
    assert_eq!(
        places(&events(&mut g)),
        [
            "s 1 turn_started",
            "s 2 text_delta",
            "s:2 1 turn_started",
            "s:2 2 text_delta",
            "s 3 block_final",
            "s 4 turn_completed",
            "s:2 3 block_final",
            "s:2 4 turn_failed",
        ]
    );
    // The last turn of one did not complete.
    assert_eq!(g.exit(), Exit::Failed);
}

#[test]
fn the_last_turn_of_every_stream_counts() {
    let mut g = guard(100);
    let spent = UsageAndCost::default();
    let limited = || Failure { code: "rate_limited".into(), message: "x".into(), retry_at: None };
    g.at(at(0)).fail(limited(), &spent);
    g.in_stream(1, |g| g.at(at(1)).cancelled("x", None, &spent));
    assert_eq!(g.exit(), Exit::Cancelled);
    g.in_stream(1, |g| g.at(at(2)).complete("end_turn", None, &spent));
    assert_eq!(g.exit(), Exit::RateLimited);
    g.at(at(3)).complete("end_turn", None, &spent);
    assert_eq!(g.exit(), Exit::Success);
}

#[test]
fn a_cancel_reaches_every_stream() {
    let mut g = guard(100);
    g.at(at(0)).delta(&answer("a"), "one");
    g.in_stream(1, |g| g.at(at(0)).delta(&answer("a"), "two"));
    g.request_cancel("signal", "SIGINT");
    g.in_stream(2, |g| g.at(at(0)).delta(&answer("a"), "three"));
    g.at(at(1)).end(&end(TurnVerdict::MissingResult));
    let outline = outline(&events(&mut g));
    assert_eq!(outline.matches("turn_cancelled").count(), 3, "{outline}");
}

#[test]
fn the_id_of_a_stream_is_no_longer_than_an_id() {
    let mut g = Guard::new(Config { stream: "x".repeat(64), label: None, max_block: 100 });
    g.in_stream(MAX_STREAMS + 7, |g| g.at(at(0)).delta(&answer("a"), "one"));
    let events = events(&mut g);
    let id = events[0]["stream"].as_str().unwrap();
    assert_eq!(id, "x".repeat(60) + ":256");
    assert!(codec::is_stream_id(id));
}

#[test]
fn the_first_half_of_a_character_waits_for_the_next_delta_of_its_block() {
    let mut guard = guard(1000);
    guard.expect_lone_surrogates();
    let half =
        |escape: &str| codec::replace_lone_surrogates(escape).unwrap().trim_matches('"').to_owned();
    let (high, low) = (half(r#""\ud83d""#), half(r#""\ude00""#));
    let text = Text { key: "a", kind: TextKind::Answer, parent: None };
    guard.at(at(1)).delta(&text, &format!("one {high}"));
    guard.at(at(2)).delta(&text, &format!("{low} two {high}"));
    guard.at(at(3)).finish_block(&text, None);
    let out = String::from_utf8(std::mem::take(&mut guard.out)).unwrap();
    let texts: Vec<&str> = out.lines().filter_map(|l| l.split("\"text\":").nth(1)).collect();
    let want = ["\"one \"}", "\"😀 two \"}", "\"\u{fffd}\"}", "\"one 😀 two \u{fffd}\"}"];
    assert_eq!(texts, want, "{out}");
}
