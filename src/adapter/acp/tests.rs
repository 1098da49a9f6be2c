//! Several sessions on one connection, which no recording has.

use super::*;

/// The stream, type, and text or stop of every event but the statuses.
fn run(messages: &[&str]) -> Vec<String> {
    let text: String = messages.iter().map(|m| format!("{m}\n")).collect();
    let out = crate::adapter::emitted(&SPEC, &[text.as_bytes()]);
    let events = out.lines().map(|line| -> Value { serde_json::from_str(line).unwrap() });
    let events = events.filter(|e| e["type"] != "status" && e["type"] != "text_delta");
    let word = |e: Value| {
        let said = [&e["text"], &e["stop"], &e["error"]["code"], &e["session"]];
        let said = said.iter().find_map(|v| v.as_str()).unwrap_or_default();
        format!("{} {} {said}", e["stream"], e["type"]).replace('"', "")
    };
    events.map(word).collect()
}

fn chunk(session: &str, text: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"session/update","params":{{"sessionId":"{session}","update":{{"sessionUpdate":"agent_message_chunk","content":{{"type":"text","text":"{text}"}}}}}}}}"#
    )
}

fn prompt(session: &str, id: u64) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"session/prompt","params":{{"sessionId":"{session}","prompt":[]}}}}"#
    )
}

fn stop(id: u64) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"stopReason":"end_turn"}}}}"#)
}

fn check(messages: &[String], want: &[&str]) {
    let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
    assert_eq!(run(&messages), want);
}

#[test]
fn a_prompt_that_was_seen_says_whose_turn_ends() {
    check(
        &[
            prompt("a", 1),
            prompt("b", 2),
            chunk("b", "two"),
            chunk("a", "one"),
            stop(2),
            chunk("a", " more"),
            stop(1),
        ],
        &[
            "s turn_started a",
            "s:2 turn_started b",
            "s:2 block_final two",
            "s:2 turn_completed end_turn",
            "s block_final one more",
            "s turn_completed end_turn",
        ],
    );
}

#[test]
fn where_the_prompts_were_not_seen_the_last_to_speak_has_ended() {
    check(
        &[chunk("a", "one"), chunk("b", "two"), stop(2), chunk("a", " more"), stop(1)],
        &[
            "s turn_started a",
            "s:2 turn_started b",
            "s:2 block_final two",
            "s:2 turn_completed end_turn",
            "s block_final one more",
            "s turn_completed end_turn",
        ],
    );
}

#[test]
fn every_session_ends_with_the_input() {
    check(
        &[chunk("a", "one"), chunk("b", "two"), stop(1)],
        &[
            "s turn_started a",
            "s:2 turn_started b",
            "s:2 block_final two",
            "s:2 turn_completed end_turn",
            "s block_final one",
            "s turn_failed missing_result",
        ],
    );
}
