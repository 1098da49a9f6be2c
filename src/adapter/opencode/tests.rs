//! What recordings of opencode do not show.

use super::*;

fn run(raw: &str) -> String {
    crate::adapter::emitted(&SPEC, &[raw.as_bytes()])
}

#[test]
fn a_curl_of_the_server_is_read_too() {
    let out = run(concat!(
        r#"data: {"type":"message.updated","properties":{"info":{"id":"a","role":"assistant","sessionID":"s"}}}"#,
        "\n\n",
        r#"data:{"payload":{"type":"message.part.delta","properties":{"sessionID":"s","messageID":"a","partID":"p","field":"text","delta":"hi"}}}"#,
        "\n\n",
        r#"data: {"type":"session.idle","properties":{"sessionID":"s"}}"#,
    ));
    assert!(out.contains(r#""type":"block_final","stream":"s","turn":1"#), "{out}");
    assert!(out.contains(r#""type":"turn_completed""#), "{out}");
    assert!(!out.contains("diagnostic"), "{out}");
}

#[test]
fn an_aborted_run_is_cancelled() {
    let out = run(
        r#"{"type":"error","sessionID":"s","error":{"name":"MessageAbortedError","data":{"message":"x"}}}"#,
    );
    assert!(out.contains(r#""type":"turn_cancelled""#), "{out}");
}
