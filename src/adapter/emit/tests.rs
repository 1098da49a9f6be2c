//! Tricky inputs of each protocol in small, and what becomes of them in outline.

use std::time::Duration;

use super::*;
use crate::adapter::{by_content, by_name, emitted};
use crate::codec::MAX_LINE;
use crate::guard::{Config, MAX_BLOCK};
use crate::tap::{self, Tap};
use crate::time::Time;

/// The events of an input: types, with texts, tools' outcomes, stops and codes.
fn outline(name: &str, input: &str) -> String {
    let mut words = Vec::new();
    for line in emitted(by_name(name).unwrap(), &[input.as_bytes()]).lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
        match text("/type").unwrap() {
            "turn_started" => words.push("(".to_owned()),
            "text_delta" => {}
            "block_final" => words.push(format!("{:?}", text("/text").unwrap())),
            "tool_started" => words.push(format!("+{}", text("/tool/name").unwrap())),
            "tool_finished" => words.push(format!("-{}", text("/outcome").unwrap())),
            "status" => words.push(text("/kind").unwrap().to_owned()),
            type_ => {
                let why = text("/stop").or(text("/error/code")).unwrap_or(type_);
                words.push(format!("){why}"));
            }
        }
    }
    words.join(" ")
}

fn check(name: &str, cases: &[(&str, &str)]) {
    for (input, want) in cases {
        assert_eq!(outline(name, input), *want, "{name}: {input}");
    }
}

/// The error of the turn that an API's response with this head and body fails.
fn limited(name: &str, body: &str) -> Value {
    let response = format!("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\n\r\n{body}\n");
    let out = emitted(by_name(name).unwrap(), &[response.as_bytes()]);
    let end = out.lines().rfind(|line| line.contains("turn_failed")).expect(&out);
    serde_json::from_str::<Value>(end).unwrap()["error"].take()
}

#[test]
fn failures_have_the_code_and_the_time_of_the_responses_head() {
    for (name, body) in [
        (
            "ag-ui",
            r#"{"type":"RUN_STARTED","runId":"r"}
{"type":"RUN_ERROR","message":"busy"}"#,
        ),
        (
            "vercel",
            "data: {\"type\":\"start\"}\n\ndata: {\"type\":\"error\",\"errorText\":\"busy\"}\n",
        ),
        ("langgraph", r#"{"error":"Busy","message":"busy"}"#),
        (
            "stream-chunk",
            r#"{"jsonrpc":"2.0","method":"scaffold/streamChunk","params":{"stream_id":"a","chunk":"x","sequence":0}}
{"jsonrpc":"2.0","method":"scaffold/streamError","params":{"stream_id":"a","message":"busy"}}"#,
        ),
    ] {
        let error = limited(name, body);
        assert_eq!(error["code"], "rate_limited", "{name}: {error}");
        assert!(error["retry_at"].is_string(), "{name}: {error}");
    }
}

#[test]
fn odd_calls_and_counts_are_read_as_they_are_meant() {
    let cases = [
        (
            "openai-chat",
            r#"{"object":"chat.completion","choices":[{"message":{"tool_calls":[{"id":"c","function":{"name":"f","arguments":{"a":1}}}]},"finish_reason":"tool_calls"}]}"#,
            r#""input":{"a":1}"#,
            "none",
        ),
        (
            "openai-chat",
            r#"{"object":"chat.completion","choices":[{"message":{"content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":18446744073709551615,"completion_tokens":18446744073709551615,"completion_tokens_details":{"reasoning_tokens":9},"total_tokens":18446744073709551615}}"#,
            r#""output_tokens":18446744073709551615"#,
            "none",
        ),
        (
            "gemini-api",
            r#"{"object":"interaction","status":"completed","usage":{"total_input_tokens":1,"total_output_tokens":18446744073709551615,"total_thought_tokens":9}}"#,
            r#""output_tokens":18446744073709551615"#,
            "none",
        ),
        (
            "gemini-api",
            r#"{"candidates":[{"content":{"parts":[{"functionCall":null,"executableCode":null,"thoughtSignature":"s"}]},"finishReason":"STOP"}]}"#,
            r#""stop":"STOP""#,
            "tool_started",
        ),
        (
            "adk",
            r#"{"invocationId":"i","author":"a","content":{"parts":[{"functionCall":null,"text":null,"executableCode":null}]}}"#,
            "turn_completed",
            "tool_started",
        ),
    ];
    for (name, input, want, never) in cases {
        let out = emitted(by_name(name).unwrap(), &[input.as_bytes(), b"\n"]);
        assert!(out.contains(want) && !out.contains(never), "{name}: {out}");
    }
}

#[test]
fn chat_completions_end_with_the_body() {
    check(
        "openai-chat",
        &[
            // No [DONE], an empty finish_reason first.
            (
                "data: {\"id\":\"a\",\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"\"}]}\n\n\
                 data: {\"id\":\"a\",\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
                "( \"x\" )stop",
            ),
            (
                "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\ndata: [DONE]\n\n",
                "( \"x\" )done",
            ),
            (
                "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n",
                "( \"x\" )missing_result",
            ),
            // What comes after an error is no turn.
            (
                "data: {\"id\":\"a\",\"choices\":[{\"delta\":{}}],\"error\":{\"code\":400,\"message\":\"no\"}}\n\n\
                 data: {\"id\":\"a\",\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\ndata: [DONE]\n\n",
                "( )runtime_error log",
            ),
            // Two responses in one input.
            (
                "{\"id\":\"a\",\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}\n\
                 {\"id\":\"b\",\"choices\":[{\"message\":{\"content\":\"y\"},\"finish_reason\":\"length\"}]}\n",
                "( \"x\" )stop ( \"y\" )length",
            ),
            ("HTTP/2 502 \nserver: x\n\n<html>bad gateway</html>\n", "info log ( )runtime_error"),
            ("HTTP/2 429 \n\n{\"detail\":\"slow\"}\n", "info info ( )rate_limited"),
            ("", "( )missing_result"),
        ],
    );
}

#[test]
fn responses_say_a_text_once() {
    let item = "{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"ab\"}]}";
    check(
        "openai-responses",
        &[(
            &format!(
                "data: {{\"type\":\"response.output_text.delta\",\"item_id\":\"m\",\"output_index\":0,\"content_index\":0,\"delta\":\"a\"}}\n\n\
                 data: {{\"type\":\"response.completed\",\"response\":{{\"status\":\"completed\",\"output\":[{item}]}}}}\n\n\
                 data: {{\"type\":\"error\",\"message\":\"late\"}}\n\n"
            ),
            "( \"ab\" )completed error",
        )],
    );
}

#[test]
fn anthropic_messages_may_be_spliced_or_cut() {
    let start = |id: &str| {
        format!(
            "data: {{\"type\":\"message_start\",\"message\":{{\"id\":\"{id}\",\"role\":\"assistant\"}}}}\n\n"
        )
    };
    let text = "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"x\"}}\n\n";
    let stop = "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n";
    check(
        "anthropic",
        &[
            (
                &[&start("a"), text, &start("a"), text, &start("b"), text, stop].concat(),
                "( \"xx\" \"x\" )end_turn",
            ),
            (&[&start("a"), text].concat(), "( \"x\" )missing_result"),
            (&[&start("a"), text, "event: content_blo"].concat(), "( \"x\" )truncated"),
            (
                "{\"type\":\"message\",\"id\":\"a\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}],\"stop_reason\":\"max_tokens\"}",
                "( \"x\" )max_tokens",
            ),
        ],
    );
}

#[test]
fn gemini_ends_with_the_body() {
    let chunk = |id: &str, text: &str| {
        format!(
            "{{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"{text}\"}}]}},\"finishReason\":\"STOP\"}}],\"responseId\":\"{id}\"}}\n"
        )
    };
    check(
        "gemini-api",
        &[
            (&format!("{}{}", chunk("a", "x"), chunk("a", "y")), "( \"xy\" )STOP"),
            (&format!("{}{}", chunk("a", "x"), chunk("b", "y")), "( \"x\" )STOP ( \"y\" )STOP"),
            (
                &format!("[{}{{\"error\":{{\"code\":503,\"message\":\"no\"}}}}]", chunk("a", "x")),
                "( \"x\" )runtime_error",
            ),
            (&format!("[{},", chunk("a", "x").trim()), "( \"x\" )truncated"),
        ],
    );
}

#[test]
fn acp_turns_end_with_the_prompt() {
    let said = "{\"jsonrpc\":\"2.0\",\"method\":\"session/update\",\"params\":{\"sessionId\":\"s\",\"update\":{\"sessionUpdate\":\"agent_message_chunk\",\"content\":{\"type\":\"text\",\"text\":\"x\"}}}}\n";
    let stop = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"stopReason\":\"refusal\"}}\n";
    let error =
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32800,\"message\":\"stopped\"}}\n";
    check(
        "acp",
        &[
            (&[said, stop, stop].concat(), "( \"x\" )refusal log"),
            (&[said, error].concat(), "( \"x\" )turn_cancelled"),
            (error, "error ( )runtime_error"),
            (said, "( \"x\" )missing_result"),
            (stop, "( )refusal"),
        ],
    );
}

#[test]
fn vercel_errors_win() {
    let error = "data: {\"type\":\"error\",\"errorText\":\"no\"}\n\n";
    let rest = "data: {\"type\":\"text-delta\",\"id\":\"1\",\"delta\":\"x\"}\n\n";
    let finish = "data: {\"type\":\"finish\",\"finishReason\":\"stop\"}\n\n";
    check(
        "vercel",
        &[
            (&[rest, error, rest, finish].concat(), "( error \"xx\" )runtime_error"),
            (&[error, "data: [DONE]\n\n"].concat(), "error ( )runtime_error"),
            (&[rest, finish, finish].concat(), "( \"x\" )stop log"),
        ],
    );
}

#[test]
fn a_langgraph_message_that_is_replaced_supersedes() {
    let partial = |text: &str| {
        format!(
            "event: messages/partial\ndata: [{{\"type\":\"ai\",\"id\":\"a\",\"additional_kwargs\":{{}},\"content\":\"{text}\"}}]\n\n"
        )
    };
    check(
        "langgraph",
        &[
            (
                &[partial("a"), partial("ab"), partial("c")].concat(),
                "( \"ab\" \"c\" )missing_result",
            ),
            (
                &[partial("a"), "event: values\ndata: {}\n\n".into()].concat(),
                "( \"a\" info )end_of_output",
            ),
        ],
    );
}

#[test]
fn a_stream_of_chunks_gives_up_what_never_comes() {
    let chunk = |stream: &str, n: u64, done: bool| {
        format!(
            "{{\"jsonrpc\":\"2.0\",\"method\":\"scaffold/streamChunk\",\"params\":{{\"stream_id\":\"{stream}\",\"chunk\":\"{n}\",\"sequence\":{n},\"done\":{done}}}}}\n"
        )
    };
    check(
        "stream-chunk",
        &[
            (
                &[chunk("a", 0, false), chunk("a", 2, true), chunk("b", 0, true)].concat(),
                "( gap gap \"02\" )done ( \"0\" )done",
            ),
            (
                &[chunk("a", 0, false), chunk("b", 0, true)].concat(),
                "( ( \"0\" )done \"0\" )missing_result",
            ),
            (
                &[chunk("a", 3, false), chunk("a", 4, false)].concat(),
                "( gap gap gap \"34\" )missing_result",
            ),
        ],
    );
}

#[test]
fn each_protocol_is_recognised_by_its_first_message() {
    let cases = [
        ("{\"object\":\"chat.completion.chunk\",\"choices\":[]}", "openai-chat"),
        (
            "{\"error\":{\"message\":\"no\",\"type\":\"t\",\"param\":null,\"code\":null}}",
            "openai-chat",
        ),
        ("{\"type\":\"response.created\",\"response\":{}}", "openai-responses"),
        ("{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"no\"}}", "anthropic"),
        (
            "{\"error\":{\"code\":400,\"message\":\"no\",\"status\":\"INVALID_ARGUMENT\"}}",
            "gemini-api",
        ),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"agentCapabilities\":{}}}", "acp"),
        ("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{}}", "mcp"),
        ("{\"jsonrpc\":\"2.0\",\"method\":\"scaffold/streamCancel\"}", "stream-chunk"),
        ("{\"type\":\"RUN_STARTED\",\"runId\":\"r\"}", "ag-ui"),
        ("{\"type\":\"start-step\"}", "vercel"),
        ("{\"run_id\":\"r\",\"attempt\":1}", "langgraph"),
        ("{\"type\":\"info\",\"data\":{},\"timestamp\":1}", "events"),
    ];
    for (text, name) in cases {
        let value = serde_json::from_str(text).unwrap();
        assert_eq!(by_content(&value).map(|(spec, _)| spec.name), Some(name), "{text}");
    }
}

#[test]
fn comments_do_not_make_a_stream_plain_text() {
    let mut tap = Tap::new(
        tap::Config {
            guard: Config { stream: "s".into(), label: None, max_block: MAX_BLOCK },
            max_line: MAX_LINE,
            strict: false,
            argv: Vec::new(),
        },
        None,
    );
    let later = |s| Time::default() + Duration::from_secs(s);
    for second in 0..100 {
        tap.on_stdout(later(second), b": PROCESSING\n\n");
        assert_eq!(tap.deadline(), None);
        tap.on_tick(later(second));
    }
    assert_eq!(tap.adapter(), "auto");
    tap.on_stdout(later(100), b"data: {\"choices\":[{\"delta\":{}}]}\n\n");
    assert_eq!(tap.adapter(), "openai-chat");
}
