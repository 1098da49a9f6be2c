//! The cases in which Claude Code's output is not what it seems.

use serde_json::{Value, json};

use crate::adapter::{Match, by_content};
use crate::guard::{self, Ended};
use crate::tap::{Config, Tap};
use crate::time::Time;

/// What a run prints becomes these events, each as `type` and the fields that matter.
fn run(lines: &[Value]) -> Vec<Value> {
    let config = Config {
        guard: guard::Config { stream: "t".into(), label: None, max_block: guard::MAX_BLOCK },
        max_line: crate::codec::MAX_LINE,
        strict: false,
        argv: Vec::new(),
    };
    let mut tap = Tap::new(config, crate::adapter::by_name("claude"));
    for line in lines {
        tap.on_stdout(Time::default(), format!("{line}\n").as_bytes());
    }
    tap.on_end(Time::default(), Ended::Eof);
    let out = std::mem::take(&mut tap.guard().out);
    let text = String::from_utf8(out).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(&crate::codec::without_lone(line)).unwrap())
        .collect()
}

fn of<'e>(events: &'e [Value], type_: &str) -> Vec<&'e Value> {
    events.iter().filter(|e| e["type"] == type_).collect()
}

fn status<'e>(events: &'e [Value], kind: &str) -> Vec<&'e Value> {
    let all = of(events, "status");
    all.into_iter().filter(|e| e["kind"] == kind).collect()
}

fn finals(events: &[Value]) -> Vec<&str> {
    let all = of(events, "block_final");
    all.iter().filter_map(|e| e["text"].as_str()).collect()
}

fn init() -> Value {
    json!({"type": "system", "subtype": "init", "session_id": "s"})
}

fn assistant(id: &str, block: Value) -> Value {
    let message = json!({"id": id, "role": "assistant", "content": [block]});
    json!({"type": "assistant", "message": message, "parent_tool_use_id": null})
}

fn text(id: &str, text: &str) -> Value {
    assistant(id, json!({"type": "text", "text": text}))
}

fn tool(id: &str) -> Value {
    let input = json!({"command": "true"});
    assistant("m", json!({"type": "tool_use", "id": id, "name": "Bash", "input": input}))
}

fn tool_result(id: &str, content: Value, is_error: Value) -> Value {
    let block =
        json!({"type": "tool_result", "tool_use_id": id, "content": content, "is_error": is_error});
    json!({"type": "user", "message": {"role": "user", "content": [block]}})
}

fn result(fields: Value) -> Value {
    let mut result = json!({"type": "result", "subtype": "success", "is_error": false});
    for (key, value) in fields.as_object().unwrap() {
        result[key] = value.clone();
    }
    result
}

fn stream(event: Value) -> Value {
    json!({"type": "stream_event", "event": event, "parent_tool_use_id": null})
}

fn message_start(id: &str) -> Value {
    stream(json!({"type": "message_start", "message": {"id": id}}))
}

fn delta(index: u64, text: &str) -> Value {
    let delta = json!({"type": "text_delta", "text": text});
    stream(json!({"type": "content_block_delta", "index": index, "delta": delta}))
}

fn input(json: &str) -> Value {
    let delta = json!({"type": "input_json_delta", "partial_json": json});
    stream(json!({"type": "content_block_delta", "index": 1, "delta": delta}))
}

fn tool_begins(id: &str) -> Value {
    let block = json!({"type": "tool_use", "id": id, "name": "Bash", "input": {}});
    stream(json!({"type": "content_block_start", "index": 1, "content_block": block}))
}

fn stop(index: u64) -> Value {
    stream(json!({"type": "content_block_stop", "index": index}))
}

#[test]
fn three_copies_of_a_text_are_one() {
    let events = run(&[
        init(),
        message_start("m"),
        delta(0, "a"),
        delta(0, "b"),
        text("m", "ab"),
        stop(0),
        result(json!({"result": "ab"})),
    ]);
    assert_eq!(finals(&events), ["ab"]);
    assert_eq!(of(&events, "text_delta").len(), 2);
}

#[test]
fn a_copy_after_the_block_ended_is_no_new_text() {
    let events = run(&[init(), delta(0, "ab"), stop(0), text("", "ab"), result(json!({}))]);
    assert_eq!(finals(&events), ["ab"]);
}

#[test]
fn the_whole_adds_what_the_deltas_lack_and_supersedes_what_it_contradicts() {
    let events = run(&[
        init(),
        message_start("m"),
        delta(0, "ab"),
        text("m", "abc"),
        delta(1, "x"),
        text("m", "y"),
        result(json!({})),
    ]);
    assert_eq!(finals(&events), ["abc", "x", "y"]);
    assert_eq!(of(&events, "block_final")[2]["supersedes"], "b2");
}

#[test]
fn the_same_words_in_two_messages_are_said_twice() {
    let events = run(&[init(), text("m1", "ok"), text("m2", "ok"), result(json!({}))]);
    assert_eq!(finals(&events), ["ok", "ok"]);
}

#[test]
fn a_tool_waits_for_its_input() {
    let events = run(&[
        init(),
        message_start("m"),
        tool_begins("t1"),
        input("{\"comm"),
        input("and\":\"ls\"}"),
        stop(1),
        tool("t1"),
        tool_result("t1", json!("a"), Value::Null),
        result(json!({})),
    ]);
    let started = of(&events, "tool_started");
    assert_eq!(started.len(), 1);
    assert_eq!(started[0]["tool"]["input"], json!({"command": "ls"}));
    assert_eq!(of(&events, "tool_finished")[0]["outcome"], "ok");
}

#[test]
fn a_tool_whose_input_is_cut_off_is_still_a_tool() {
    let events = run(&[init(), message_start("m"), tool_begins("t1"), input("{\"co")]);
    assert_eq!(of(&events, "tool_started")[0]["tool"]["input"], Value::Null);
    assert_eq!(of(&events, "tool_finished")[0]["outcome"], "unknown");
    let failed = of(&events, "turn_failed");
    assert_eq!(failed[0]["error"]["code"], "missing_result");
}

#[test]
fn denied_is_told_from_a_program_that_says_the_same() {
    let rejected = json!({"type": "user", "message": {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "t3", "content": "no", "is_error": true}]},
        "tool_result_meta": [{"id": "t3", "non_execution_kind": "user-rejected"}]});
    let events = run(&[
        init(),
        tool("t1"),
        tool_result("t1", json!("This command requires approval"), json!(true)),
        tool("t2"),
        tool_result(
            "t2",
            json!("Exit code 126\nsh: Permission denied, requires approval"),
            json!(true),
        ),
        tool("t3"),
        rejected,
        tool("t4"),
        tool_result("t4", json!("[Request interrupted by user for tool use]"), json!(true)),
        result(json!({})),
    ]);
    let finished = of(&events, "tool_finished");
    let outcomes: Vec<&Value> = finished.iter().map(|e| &e["outcome"]).collect();
    assert_eq!(outcomes, ["denied", "error", "denied", "cancelled"]);
    assert_eq!(finished[1]["exit_code"], 126);
}

#[test]
fn a_second_result_of_a_tool_and_a_late_one_are_only_noted() {
    let events = run(&[
        init(),
        tool("t1"),
        tool_result("t1", json!("a"), json!(false)),
        tool_result("t1", json!("a"), json!(false)),
        tool("t2"),
        result(json!({})),
        init(),
        tool_result("t2", json!("late"), json!(false)),
        result(json!({})),
    ]);
    assert_eq!(of(&events, "tool_finished").len(), 2);
    assert_eq!(status(&events, "log").len(), 2);
}

#[test]
fn cost_is_the_turns_own() {
    let cost = |total: f64| result(json!({"total_cost_usd": total}));
    let events =
        run(&[init(), cost(0.1), init(), cost(0.3), init(), cost(0.0), init(), cost(0.35)]);
    let costs: Vec<&Value> = of(&events, "turn_completed").iter().map(|e| &e["cost_usd"]).collect();
    assert_eq!(costs, [&json!(0.1), &json!(0.2), &Value::Null, &json!(0.05)]);
}

#[test]
fn the_error_decides_and_not_the_subtype() {
    let fail = |fields: Value| {
        let mut events = run(&[init(), result(fields)]);
        let last = events.pop().unwrap();
        assert_eq!(last["type"], "turn_failed");
        last["error"]["code"].as_str().unwrap().to_owned()
    };
    let cases = [
        (json!({"is_error": true, "result": "Not logged in. Please run /login"}), "auth"),
        (json!({"is_error": true, "api_error_status": 401}), "auth"),
        (json!({"is_error": true, "api_error_status": 404}), "runtime_error"),
        (json!({"is_error": true, "result": "Prompt is too long"}), "context_window"),
        (json!({"is_error": true, "api_error_status": 429}), "rate_limited"),
        (json!({"subtype": "error_max_turns"}), "max_turns"),
        (json!({"subtype": "error_max_budget_usd", "is_error": true}), "budget"),
        (json!({"subtype": "error_during_execution", "errors": ["x"]}), "runtime_error"),
    ];
    for (fields, code) in cases {
        assert_eq!(fail(fields.clone()), code, "{fields}");
    }
}

#[test]
fn a_rejected_limit_says_when_to_try_again() {
    let events = run(&[
        init(),
        json!({"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": 1_800_000_000}}),
        result(json!({"is_error": true, "terminal_reason": "rate_limit"})),
    ]);
    let failed = of(&events, "turn_failed");
    assert_eq!(failed[0]["error"]["retry_at"], "2027-01-15T08:00:00.000Z");
}

#[test]
fn an_older_release_says_only_that_the_user_interrupted() {
    let note = json!({"type": "user", "message": {"role": "user", "content": "[Request interrupted by user]"}});
    let events = run(&[
        init(),
        text("m", "ha"),
        note,
        result(json!({"subtype": "error_during_execution", "is_error": true})),
    ]);
    assert_eq!(of(&events, "turn_cancelled").len(), 1);
}

#[test]
fn a_retraction_is_a_status_and_the_text_stays() {
    let mut replaced = text("m2", "new");
    replaced["supersedes"] = json!(["u1"]);
    let fallback = json!({"type": "system", "subtype": "model_refusal_fallback",
        "retracted_message_uuids": ["u1"]});
    let events = run(&[init(), text("m1", "old"), fallback, replaced, result(json!({}))]);
    assert_eq!(status(&events, "retracted").len(), 2);
    assert_eq!(finals(&events), ["old", "new"]);
}

#[test]
fn notices_after_the_result_belong_to_no_turn() {
    let late = json!({"type": "system", "subtype": "task_notification", "task_id": "x",
        "status": "completed", "summary": "sleep"});
    let started = json!({"type": "system", "subtype": "task_started", "task_id": "x",
        "task_type": "local_bash", "description": "sleep"});
    let events = run(&[init(), started, result(json!({"result": "ok"})), late]);
    let last = events.last().unwrap();
    assert_eq!((&last["kind"], &last["turn"]), (&json!("progress"), &Value::Null));
    assert_eq!(finals(&events), ["ok"]);
}

#[test]
fn the_same_result_again_is_no_turn_and_another_one_is() {
    let ok = || result(json!({"result": "ok"}));
    let failed = result(json!({"is_error": true, "result": "crash"}));
    let events = run(&[init(), ok(), ok(), failed]);
    assert_eq!(of(&events, "turn_completed").len(), 1);
    assert_eq!(of(&events, "turn_failed").len(), 1);
    assert_eq!(finals(&events), ["ok"]);
}

#[test]
fn the_texts_of_a_sub_agent_carry_its_parent() {
    let mut theirs = text("m", "inner");
    theirs["parent_tool_use_id"] = json!("t1");
    let events = run(&[init(), tool("t1"), theirs, result(json!({"result": "outer"}))]);
    let blocks = of(&events, "block_final");
    let parents: Vec<&Value> = blocks.iter().map(|e| &e["parent"]).collect();
    assert_eq!(parents, [&json!("t1"), &Value::Null]);
    assert_eq!(finals(&events), ["inner", "outer"]);
}

#[test]
fn the_array_of_the_plain_json_format_is_read_too() {
    let events = run(&[json!([init(), text("m", "hi"), result(json!({"result": "hi"}))])]);
    assert_eq!(finals(&events), ["hi"]);
    assert_eq!(of(&events, "turn_completed").len(), 1);
}

#[test]
fn shapes_that_nobody_knows_are_kept_whole() {
    let odd = [
        json!({"type": "assistant", "message": "text"}),
        json!({"type": "assistant", "message": {"content": [{"type": "hologram", "x": 1}]}}),
        json!({"type": "stream_event", "event": {"type": "novel"}}),
        json!({"type": 7}),
        json!({"type": "result"}),
    ];
    let events = run(&odd);
    assert_eq!(status(&events, "info").len(), 4);
    assert_eq!(of(&events, "turn_completed").len(), 1);
}

#[test]
fn what_others_print_alike_is_theirs() {
    let sure = |value: Value| by_content(&value).map(|(spec, sure)| (spec.name, sure));
    let amp = json!({"type": "system", "subtype": "init", "session_id": "T-1", "tools": [], "slash_commands": []});
    let cursor =
        json!({"type": "system", "subtype": "init", "apiKeySource": "login", "session_id": "s"});
    let gemini = json!({"type": "init", "session_id": "s", "timestamp": "t"});
    let real = json!({"type": "system", "subtype": "init", "claude_code_version": "2.1.0"});
    assert_eq!(sure(amp), Some(("amp", Match::Sure)));
    assert_eq!(sure(cursor), Some(("cursor", Match::Sure)));
    assert_eq!(sure(gemini), None);
    assert_eq!(sure(real), Some(("claude", Match::Sure)));
}

#[test]
fn a_turn_without_a_result_still_says_what_it_used() {
    let message = |id: &str, output: u64| {
        let usage = serde_json::json!({"input_tokens": 10, "output_tokens": output});
        let content = serde_json::json!([{"type": "text", "text": "x"}]);
        serde_json::json!({"type": "assistant", "message": {"id": id, "content": content, "usage": usage}})
    };
    let said = run(&[message("m1", 1), message("m1", 4), message("m2", 2)]);
    let last = said.last().unwrap();
    assert_eq!(last["error"]["code"], "missing_result");
    assert_eq!(last["usage"], serde_json::json!({"input_tokens": 20, "output_tokens": 6}));
}

/// The tokens of the turn, as they are reported on the way: input and output.
fn so_far(lines: &[Value]) -> Vec<(u64, u64)> {
    let events = run(&[&[init()], lines].concat());
    let usages = status(&events, "usage");
    let counts = usages.iter().filter_map(|e| {
        let usage = &e["data"]["so_far"]["usage"];
        Some((usage["input_tokens"].as_u64()?, usage["output_tokens"].as_u64()?))
    });
    counts.collect()
}

#[test]
fn each_message_is_counted_once_however_its_lines_come() {
    let line = |parent: Value, id: &str, output: u64| {
        let mut line = text(id, "x");
        line["message"]["usage"] = json!({"input_tokens": 10, "output_tokens": output});
        line["parent_tool_use_id"] = parent;
        line
    };
    let whole = [
        line(Value::Null, "m1", 1),
        line(json!("t1"), "a", 2),
        line(json!("t2"), "b", 3),
        line(json!("t1"), "a", 2),
        line(Value::Null, "m1", 1),
        line(json!("t2"), "b", 3),
        line(Value::Null, "m2", 4),
    ];
    assert_eq!(so_far(&whole), [(10, 1), (20, 3), (30, 6), (40, 10)]);
    // With partial messages a message is counted from its start, and its end has only the output.
    let event = |parent: Value, event: Value| json!({"type": "stream_event", "event": event, "parent_tool_use_id": parent});
    let start = |parent, id: &str| {
        let usage = json!({"input_tokens": 2, "cache_read_input_tokens": 8, "output_tokens": 1});
        event(parent, json!({"type": "message_start", "message": {"id": id, "usage": usage}}))
    };
    let end = |parent, output: u64| {
        let (delta, usage) = (json!({"stop_reason": "tool_use"}), json!({"output_tokens": output}));
        event(parent, json!({"type": "message_delta", "delta": delta, "usage": usage}))
    };
    let partial = [
        start(Value::Null, "m1"),
        line(Value::Null, "m1", 1),
        end(Value::Null, 50),
        start(json!("t1"), "a"),
        start(json!("t2"), "b"),
        end(json!("t1"), 20),
        line(json!("t2"), "b", 1),
        end(json!("t2"), 30),
    ];
    let want = [(10, 1), (10, 50), (20, 51), (30, 52), (30, 71), (30, 100)];
    assert_eq!(so_far(&partial), want);
}
