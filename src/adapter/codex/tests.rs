//! The cases in which Codex's output is not what it seems.

use serde_json::{Value, json};

use crate::adapter::{Match, by_content};
use crate::guard::{self, Ended};
use crate::tap::{Config, Tap};
use crate::time::Time;

fn run_as(argv: &[&str], lines: &[Value], ended: Ended) -> Vec<Value> {
    let config = Config {
        guard: guard::Config { stream: "t".into(), label: None, max_block: guard::MAX_BLOCK },
        max_line: crate::codec::MAX_LINE,
        strict: false,
        argv: argv.iter().map(|&arg| arg.to_owned()).collect(),
    };
    let mut tap = Tap::new(config, crate::adapter::by_name("codex"));
    for line in lines {
        tap.on_stdout(Time::default(), format!("{line}\n").as_bytes());
    }
    tap.on_end(Time::default(), ended);
    let out = std::mem::take(&mut tap.guard().out);
    let text = String::from_utf8(out).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(&crate::codec::without_lone(line)).unwrap())
        .collect()
}

fn run(lines: &[Value]) -> Vec<Value> {
    run_as(&[], lines, Ended::Eof)
}

fn of<'e>(events: &'e [Value], type_: &str) -> Vec<&'e Value> {
    events.iter().filter(|e| e["type"] == type_).collect()
}

fn turn() -> Value {
    json!({"type": "turn.started"})
}

fn done(input: u64) -> Value {
    json!({"type": "turn.completed", "usage": {"input_tokens": input, "output_tokens": 1}})
}

fn item(type_: &str, item: Value) -> Value {
    json!({"type": format!("item.{type_}"), "item": item})
}

fn command(id: &str, status: &str, exit: Value) -> Value {
    json!({"id": id, "type": "command_execution", "command": "x", "aggregated_output": "o",
        "exit_code": exit, "status": status})
}

#[test]
fn usage_is_the_turns_own() {
    let events = run(&[turn(), done(100), turn(), done(130), turn(), done(20)]);
    let inputs: Vec<&Value> =
        of(&events, "turn_completed").iter().map(|e| &e["usage"]["input_tokens"]).collect();
    assert_eq!(inputs, [100, 30, 20]);
}

#[test]
fn of_a_resumed_thread_the_first_sum_is_only_a_total() {
    let argv = ["codex", "exec", "resume", "--last", "--json"];
    let events = run_as(&argv, &[turn(), done(100), turn(), done(130)], Ended::Eof);
    let ends = of(&events, "turn_completed");
    assert_eq!(ends[0]["usage"], Value::Null);
    assert_eq!(ends[0]["usage_total"]["input_tokens"], 100);
    assert_eq!(ends[1]["usage"]["input_tokens"], 30);
}

#[test]
fn outcomes_follow_status_and_exit_code() {
    let cases = [
        ("completed", json!(0), "ok"),
        ("completed", Value::Null, "ok"),
        ("completed", json!(1), "error"),
        ("failed", json!(-1), "error"),
        ("declined", Value::Null, "denied"),
        ("in_progress", Value::Null, "unknown"),
    ];
    for (status, exit, outcome) in cases {
        let events = run(&[turn(), item("completed", command("i", status, exit)), done(1)]);
        assert_eq!(of(&events, "tool_started").len(), 1);
        assert_eq!(of(&events, "tool_finished")[0]["outcome"], outcome, "{status}");
    }
}

#[test]
fn a_top_level_error_ends_no_turn() {
    let error = json!({"type": "error", "message": "Reconnecting... 1/5"});
    let events = run(&[turn(), error.clone(), done(1), error]);
    assert_eq!(of(&events, "turn_completed").len(), 1);
    assert_eq!(of(&events, "turn_failed").len(), 0);
    assert_eq!(of(&events, "status").len(), 2);
}

#[test]
fn an_error_is_an_object_or_a_string_or_json_in_a_string() {
    let inner = json!({"error": {"message": "no such model"}, "status": 401}).to_string();
    let cases = [
        (json!("plain"), "plain", "runtime_error"),
        (json!({"message": "plain"}), "plain", "runtime_error"),
        (json!({"message": inner}), "no such model", "auth"),
        (
            json!({"message": "stream disconnected: context_length_exceeded"}),
            "stream disconnected: context_length_exceeded",
            "context_window",
        ),
    ];
    for (error, message, code) in cases {
        let events = run(&[turn(), json!({"type": "turn.failed", "error": error})]);
        let failed = of(&events, "turn_failed")[0];
        assert_eq!(failed["error"], json!({"code": code, "message": message}));
    }
}

#[test]
fn without_its_end_a_turn_fails_except_in_the_second_generation() {
    let answer = |key: &str, name: &str| {
        let mut answer = json!({"id": "i", "text": "hi"});
        answer[key] = json!(name);
        item("completed", answer)
    };
    let third = run(&[turn(), answer("type", "agent_message")]);
    assert_eq!(of(&third, "turn_failed")[0]["error"]["code"], "missing_result");
    let created = || json!({"type": "session.created", "session_id": "s"});
    let second = || [created(), answer("item_type", "assistant_message")];
    let ended = run(&second());
    assert_eq!(of(&ended, "turn_completed")[0]["stop"], "end_of_output");
    let killed = run_as(&[], &second(), Ended::Exited(1));
    assert_eq!(of(&killed, "turn_failed")[0]["error"]["code"], "exit_nonzero");
    let begun = json!({"id": "i", "item_type": "command_execution", "command": "x"});
    let cut = run(&[created(), item("started", begun)]);
    assert_eq!(of(&cut, "turn_failed")[0]["error"]["code"], "truncated");
}

#[test]
fn a_turn_that_begins_anew_ends_the_open_one() {
    let events = run(&[turn(), turn(), done(1)]);
    assert_eq!(of(&events, "turn_failed")[0]["synthetic"], true);
    assert_eq!(of(&events, "turn_completed").len(), 1);
}

#[test]
fn the_first_generations_last_message_counts_only_where_nothing_was_said() {
    let msg = |msg: Value| json!({"id": "1", "msg": msg});
    let start = || msg(json!({"type": "task_started"}));
    let end = || msg(json!({"type": "task_complete", "last_agent_message": "hi"}));
    let said = msg(json!({"type": "agent_message", "message": "hi"}));
    for lines in [vec![start(), end()], vec![start(), said, end()]] {
        assert_eq!(of(&run(&lines), "block_final").len(), 1);
    }
    let error = msg(json!({"type": "error", "message": "boom"}));
    let events = run(&[start(), error, end()]);
    assert_eq!(of(&events, "turn_failed").len(), 1);
    assert_eq!(of(&events, "turn_completed").len(), 0);
}

#[test]
fn half_a_character_that_stays_alone_is_replaced() {
    let line =
        r#"{"type":"item.completed","item":{"id":"i","type":"agent_message","text":"x\ud83d"}}"#;
    let config = Config {
        guard: guard::Config { stream: "t".into(), label: None, max_block: guard::MAX_BLOCK },
        max_line: crate::codec::MAX_LINE,
        strict: false,
        argv: Vec::new(),
    };
    let mut tap = Tap::new(config, crate::adapter::by_name("codex"));
    tap.on_stdout(Time::default(), format!("{line}\n").as_bytes());
    let out = String::from_utf8_lossy(&tap.guard().out).into_owned();
    assert!(out.contains("\"text\":\"x\u{fffd}\""), "{out}");
}

#[test]
fn each_generation_is_recognised() {
    let found = |value: Value| by_content(&value).map(|(spec, sure)| (spec.name, sure));
    let sure = Some(("codex", Match::Sure));
    let maybe = Some(("codex", Match::Maybe));
    assert_eq!(found(json!({"id": "1", "msg": {"type": "task_started"}})), sure);
    assert_eq!(found(json!({"type": "session.created", "session_id": "s"})), sure);
    assert_eq!(found(json!({"type": "thread.started", "thread_id": "t"})), sure);
    assert_eq!(found(json!({"type": "error", "message": "no"})), maybe);
    assert_eq!(found(json!({"type": "error", "timestamp": 1, "message": "no"})), None);
    assert_eq!(found(json!({"jsonrpc": "2.0", "id": 1})), None);
}
