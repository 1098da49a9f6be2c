//! The guard's rules one by one; `any_order` says them in whatever order.

mod any_order;
mod as_serde;

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
    let text = String::from_utf8(std::mem::take(&mut guard.out)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The types, each with what tells it apart.
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

/// What `check` says of the lines; empty if nothing.
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
        guard.delta(at(now), &answer("a"), "x");
    }
    let events = events(&mut guard);
    let ts: Vec<Time> =
        events.iter().skip(1).map(|e| Time::parse(e["ts"].as_str().unwrap()).unwrap()).collect();
    assert_eq!(ts, [at(1), at(7_200_002), at(7_200_003), at(9_000_004)]);
}

#[test]
fn a_final_that_only_adds_gives_one_more_delta() {
    let mut g = guard(MAX_BLOCK);
    g.delta(at(0), &answer("a"), "Hel");
    g.finish_block(at(1), &answer("a"), Some("Hello"));
    let want = "turn_started* text_delta(Hel) text_delta(lo) block_final(Hello)";
    assert_eq!(outline(&events(&mut g)), want);
}

#[test]
fn a_text_that_is_replaced_is_closed_as_said() {
    let mut g = guard(MAX_BLOCK);
    g.delta(at(0), &answer("a"), "Hello");
    g.finish_block(at(1), &answer("a"), Some("Bye"));
    let said = events(&mut g);
    assert_eq!(
        outline(&said),
        "turn_started* text_delta(Hello) block_final(Hello) text_delta(Bye) block_final(Bye)"
    );
    assert_eq!(said[4]["supersedes"], "b1");
    assert_eq!(said[4]["block"], "b2");
}

#[test]
fn a_final_meets_what_was_said_in_several_blocks() {
    let mut g = guard(16);
    let text = "one line of text\nand one more line, longer\nthe end";
    g.delta(at(0), &answer("a"), &text[..30]);
    g.finish_block(at(1), &answer("a"), Some(text));
    let said = events(&mut g);
    let finals: Vec<&str> = said
        .iter()
        .filter(|e| e["type"] == "block_final")
        .map(|e| e["text"].as_str().unwrap())
        .collect();
    assert_eq!(finals.concat(), text);
    assert!(finals.iter().all(|f| f.len() <= 16), "{finals:?}");
    assert!(said.iter().all(|e| e["supersedes"].is_null()), "{said:#?}");
}

#[test]
fn a_tool_closes_the_blocks_of_its_parent_alone() {
    let mut g = guard(MAX_BLOCK);
    g.delta(at(0), &answer("a"), "main");
    g.delta(at(0), &Text { parent: Some("t1"), ..answer("b") }, "sub");
    g.start_tool(
        at(0),
        &ToolStart { id: "t1", name: "Bash", kind: "execute", ..ToolStart::default() },
    );
    let want = "turn_started* text_delta(main) text_delta(sub) block_final(main) tool_started(t1)";
    assert_eq!(outline(&events(&mut g)), want);
}

#[test]
fn ids_are_made_unique_and_starts_without_names_are_possible() {
    let mut g = guard(MAX_BLOCK);
    for _ in 0..2 {
        g.start_tool(at(0), &ToolStart { id: "t", ..ToolStart::default() });
        g.finish_tool(at(0), &ToolEnd { id: "t", outcome: "ok", ..ToolEnd::default() });
    }
    g.finish_tool(at(0), &ToolEnd { id: "", outcome: "error", ..ToolEnd::default() });
    let want = "turn_started* tool_started(t) tool_finished(t) tool_started(t#2) tool_finished(t#2) \
                tool_started(tool_3) tool_finished(tool_3)";
    assert_eq!(outline(&events(&mut g)), want);
}

#[test]
fn the_end_of_a_tool_repeats_its_title() {
    let mut g = guard(MAX_BLOCK);
    let long = "é".repeat(Tool::MAX_TITLE);
    for (id, title) in [("a", "cargo test"), ("b", &long), ("c", "never ends")] {
        g.start_tool(at(0), &ToolStart { id, title: Some(title), ..ToolStart::default() });
    }
    g.finish_tool(at(0), &ToolEnd { id: "a", outcome: "error", ..ToolEnd::default() });
    g.finish_tool(at(0), &ToolEnd { id: "b", outcome: "ok", ..ToolEnd::default() });
    g.finish_tool(at(0), &ToolEnd { id: "untitled", outcome: "ok", ..ToolEnd::default() });
    g.complete(at(0), "end_turn", None, &UsageAndCost::default());
    let said = events(&mut g);
    let ends: Vec<_> = said.iter().filter(|e| e["type"] == "tool_finished").collect();
    assert_eq!(ends[0]["tool"]["title"], "cargo test");
    assert_eq!(ends[1]["tool"]["title"], "é".repeat(Tool::MAX_TITLE / 2));
    assert!(ends[2]["tool"]["title"].is_null());
    assert_eq!(ends[3]["tool"]["title"], "never ends");
}

#[test]
fn after_the_end_a_late_tool_is_a_log_and_new_text_a_new_turn() {
    let mut g = guard(MAX_BLOCK);
    g.start_tool(at(0), &ToolStart { id: "t", ..ToolStart::default() });
    g.complete(at(0), "end_turn", None, &UsageAndCost::default());
    g.finish_tool(at(1), &ToolEnd { id: "t", outcome: "ok", ..ToolEnd::default() });
    g.stderr(at(1), "late");
    g.delta(at(2), &answer("a"), "more");
    let said = events(&mut g);
    let want = "turn_started* tool_started(t) tool_finished(t)* turn_completed(end_turn) status(log) status(log) \
                turn_started* text_delta(more)";
    assert_eq!(outline(&said), want);
    assert_eq!(said[2]["outcome"], "unknown");
    assert!(said[4]["turn"].is_null() && said[5]["turn"].is_null());
    assert_eq!(said[7]["turn"], 2);
}

#[test]
fn the_result_is_an_answer_only_if_there_was_none() {
    let mut g = guard(MAX_BLOCK);
    g.complete(at(0), "end_turn", Some("all"), &UsageAndCost::default());
    g.start_turn(at(1), &TurnStarted::default());
    g.delta(at(1), &answer("a"), "said");
    g.complete(at(1), "end_turn", Some("said"), &UsageAndCost::default());
    let want = "turn_started* text_delta(all) block_final(all) turn_completed(end_turn) \
                turn_started text_delta(said) block_final(said) turn_completed(end_turn)";
    assert_eq!(outline(&events(&mut g)), want);
}

#[test]
fn what_we_cancelled_is_cancelled_whatever_the_runtime_answers() {
    let mut g = guard(MAX_BLOCK);
    g.start_turn(at(0), &TurnStarted::default());
    g.request_cancel("control", "enough");
    g.request_cancel("signal", "SIGINT");
    g.complete(at(1), "end_turn", None, &UsageAndCost::default());
    let said = events(&mut g);
    assert_eq!(said[1]["type"], "turn_cancelled");
    assert_eq!(
        (&said[1]["by"], &said[1]["reason"], &said[1]["stop"]),
        (&"control".into(), &"enough".into(), &"end_turn".into())
    );
    assert_eq!(g.exit(), Exit::Cancelled);
}

#[test]
fn what_a_timeout_ended_has_failed_whatever_the_runtime_answers() {
    let mut g = guard(MAX_BLOCK);
    g.start_turn(at(0), &TurnStarted::default());
    g.request_fail("timeout_idle", "too quiet");
    g.request_cancel("signal", "SIGINT");
    g.complete(at(1), "end_turn", None, &UsageAndCost::default());
    let said = events(&mut g);
    assert_eq!(said[1]["type"], "turn_failed");
    assert_eq!(said[1]["error"]["code"], "timeout_idle");
    assert_eq!(g.exit(), Exit::Timeout);
}

#[test]
fn a_stop_reason_fails_if_the_user_says_so() {
    let mut g = guard(MAX_BLOCK);
    g.fail_on_stop(vec!["max_tokens".into(), "refusal".into()]);
    for (stop, want) in [("end_turn", "turn_completed"), ("refusal", "turn_failed")] {
        g.start_turn(at(0), &TurnStarted::default());
        g.complete(at(1), stop, None, &UsageAndCost::default());
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
        g.end(at(0), &End { ended, verdict });
        assert_eq!(outline(&events(&mut g)), format!("turn_started* {want}"));
    }
}

#[test]
fn a_turn_that_begins_before_the_last_had_a_result_fails_it() {
    let mut g = guard(MAX_BLOCK);
    g.start_turn(at(0), &TurnStarted::default());
    g.start_turn(at(1), &TurnStarted::default());
    g.end(at(2), &end(TurnVerdict::ByExit));
    let want =
        "turn_started turn_failed(missing_result)* turn_started turn_completed(end_of_output)";
    assert_eq!(outline(&events(&mut g)), want);
}

#[test]
fn time_never_goes_back() {
    let mut g = guard(MAX_BLOCK);
    g.stderr(at(5), "a");
    g.stderr(at(3), "b");
    let said = events(&mut g);
    assert_eq!(said[0]["ts"], said[1]["ts"]);
}

#[test]
fn the_tail_of_stderr_is_bounded() {
    let mut g = guard(MAX_BLOCK);
    for n in 0..2000 {
        g.stderr(at(0), &format!("zeile {n} é"));
    }
    g.out.clear();
    g.end(at(0), &end(TurnVerdict::MissingResult));
    let said = events(&mut g);
    let tail = said.last().unwrap()["stderr_tail"].as_str().unwrap();
    assert!(tail.len() <= 4096 && tail.ends_with("zeile 1999 é\n"), "{}", tail.len());
}

#[test]
fn too_many_open_blocks_and_tools_close_the_oldest() {
    let mut g = guard(MAX_BLOCK);
    for n in 0..40 {
        g.delta(at(0), &answer(&format!("k{n}")), "x");
    }
    for n in 0..5000 {
        g.start_tool(at(0), &ToolStart { id: &format!("t{n}"), ..ToolStart::default() });
    }
    g.end(at(0), &end(TurnVerdict::ByExit));
    assert_eq!(violations(&std::mem::take(&mut g.out)), "");
}

#[test]
fn a_long_tool_id_is_shortened_and_still_its_own() {
    let mut g = guard(MAX_BLOCK);
    let (a, b) = ("i".repeat(100_000) + "a", "i".repeat(100_000) + "b");
    for id in [&a, &b] {
        g.start_call(at(0), &ToolStart { id, name: id, ..ToolStart::default() });
        g.delta(at(0), &Text { parent: Some(id), ..answer("sub") }, "x");
    }
    assert!(g.call_started(&a) && g.call_started(&b));
    for id in [&b, &a] {
        g.finish_call(at(0), &ToolEnd { id, outcome: "ok", ..ToolEnd::default() });
    }
    g.end(at(0), &end(TurnVerdict::ByExit));
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

/// Where and what: the streams of the events, each with its number and type.
fn places(events: &[Value]) -> Vec<String> {
    let word = |e: &Value| format!("{} {} {}", e["stream"], e["seq"], e["type"]);
    events.iter().map(|e| word(e).replace('"', "")).collect()
}

#[test]
fn every_lane_is_a_stream_of_its_own() {
    let mut g = guard(100);
    let spent = UsageAndCost::default();
    g.delta(at(0), &answer("a"), "one");
    g.in_stream(1, |g| g.delta(at(1), &answer("a"), "two"));
    g.complete(at(2), "end_turn", None, &spent);
    assert!(g.any_turn_open() && !g.turn_open());
    assert_eq!((g.turns(), g.all_turns()), (1, 2));
    g.end(at(3), &end(TurnVerdict::MissingResult));
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
fn the_last_turn_of_every_lane_counts() {
    let mut g = guard(100);
    let spent = UsageAndCost::default();
    let limited = || Failure { code: "rate_limited".into(), message: "x".into(), retry_at: None };
    g.fail(at(0), limited(), &spent);
    g.in_stream(1, |g| g.cancelled(at(1), "x", None, &spent));
    assert_eq!(g.exit(), Exit::Cancelled);
    g.in_stream(1, |g| g.complete(at(2), "end_turn", None, &spent));
    assert_eq!(g.exit(), Exit::RateLimited);
    g.complete(at(3), "end_turn", None, &spent);
    assert_eq!(g.exit(), Exit::Success);
}

#[test]
fn a_cancel_is_asked_of_every_lane() {
    let mut g = guard(100);
    g.delta(at(0), &answer("a"), "one");
    g.in_stream(1, |g| g.delta(at(0), &answer("a"), "two"));
    g.request_cancel("signal", "SIGINT");
    g.in_stream(2, |g| g.delta(at(0), &answer("a"), "three"));
    g.end(at(1), &end(TurnVerdict::MissingResult));
    let outline = outline(&events(&mut g));
    assert_eq!(outline.matches("turn_cancelled").count(), 3, "{outline}");
}

#[test]
fn the_id_of_a_lane_is_no_longer_than_an_id() {
    let mut g = Guard::new(Config { stream: "x".repeat(64), label: None, max_block: 100 });
    g.in_stream(MAX_STREAMS + 7, |g| g.delta(at(0), &answer("a"), "one"));
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
    guard.delta(at(1), &text, &format!("one {high}"));
    guard.delta(at(2), &text, &format!("{low} two {high}"));
    guard.finish_block(at(3), &text, None);
    let out = String::from_utf8(std::mem::take(&mut guard.out)).unwrap();
    let texts: Vec<&str> = out.lines().filter_map(|l| l.split("\"text\":").nth(1)).collect();
    let want = ["\"one \"}", "\"😀 two \"}", "\"\u{fffd}\"}", "\"one 😀 two \u{fffd}\"}"];
    assert_eq!(texts, want, "{out}");
}
