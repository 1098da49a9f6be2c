//! Streams that mean harm or make no sense: nothing gets past the cleaning, nothing makes the view panic.

use proptest::prelude::*;

use super::*;

/// Every string that an agent or a file can bring, full of what a terminal would obey.
const EVIL: &str = "\\u001b[2J\\u0007\\r\\u009b31m\\u202e\\u2028\\u007f";

fn assert_clean(out: &str) {
    let bad = out.chars().find(|c| {
        (c.is_control() && *c != '\n' && *c != '\t')
            || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    });
    assert_eq!(bad, None, "{out:?}");
}

/// Takes our own styles out.
fn without_styles(text: &str) -> String {
    let mut parts = text.split('\x1b');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (codes, rest) = part.split_once('m').expect("a style ends in m");
        let codes = codes.strip_prefix('[').expect("a style begins with [");
        assert!(codes.bytes().all(|b| b.is_ascii_digit() || b == b';'), "{codes}");
        out.push_str(rest);
    }
    out
}

#[test]
fn no_field_of_an_event_reaches_the_terminal_raw() {
    let e = EVIL;
    let events = [
        (
            "turn_started",
            format!(r#""runtime":"{e}","model":"{e}","session":"{e}","prompt":"{e}""#),
        ),
        ("text_delta", delta(e, "answer", e)),
        ("text_delta", delta(e, "reasoning", e)),
        ("block_final", delta("b9", e, e) + &format!(r#","supersedes":"{e}""#)),
        (
            "tool_started",
            format!(r#""tool":{{"id":"{e}","name":"{e}","kind":"{e}","title":"{e}"}}"#),
        ),
        (
            "tool_started",
            format!(r#""tool":{{"id":"x","name":"y","kind":"edit","paths":["{e}","{e}"]}}"#),
        ),
        (
            "tool_started",
            format!(
                r#""tool":{{"id":"z","name":"y","kind":"edit","input":{{"command":["{e}"]}}}}"#
            ),
        ),
        ("tool_finished", format!(r#""tool":{{"id":"{e}","name":"{e}"}},"outcome":"{e}""#)),
        ("tool_finished", format!(r#""tool":{{"id":"x"}},"outcome":"error","output":"{e}\n{e}""#)),
        ("status", format!(r#""kind":"{e}","message":"{e}""#)),
        ("status", format!(r#""kind":"{e}","data":{{"x":"{e}"}}"#)),
        ("status", format!(r#""kind":"heartbeat","data":{{"state":"{e}"}}"#)),
        ("status", format!(r#""kind":"session","data":{{"pid":1,"argv":["{e}"]}}"#)),
        ("status", format!(r#""kind":"diagnostic","data":{{"reason":"{e}","text":"{e}"}}"#)),
        (
            "status",
            format!(
                r#""kind":"plan","data":{{"entries":["{e}",{{"content":"{e}"}},{{"x":"{e}"}}]}}"#
            ),
        ),
        (
            "turn_failed",
            format!(
                r#""error":{{"code":"{e}","message":"{e}","retry_at":"{e}"}},"stderr_tail":"{e}""#
            ),
        ),
        ("turn_cancelled", format!(r#""by":"{e}","reason":"{e}""#)),
        ("turn_completed", format!(r#""stop":"{e}""#)),
        (e, String::new()),
    ];
    let events: Vec<(&str, &str)> = events.iter().map(|(k, f)| (*k, f.as_str())).collect();
    let input = stream("s", e, &events).join("\n") + "\n\x1b[2J\u{9b}\n";
    for colour in [false, true] {
        let options = Options { colour, ..plain() };
        let (out, err) = show_bytes(&options, input.as_bytes());
        assert_eq!(out.contains('\x1b'), colour);
        assert_clean(&without_styles(&out));
        assert_clean(&err);
        assert_eq!(without_styles(&out), show_bytes(&plain(), input.as_bytes()).0);
    }
    assert_clean(&show_bytes(&text(), input.as_bytes()).1);
}

#[test]
fn a_deep_or_half_understood_event_is_still_shown() {
    let deep = "[".repeat(5000) + &"]".repeat(5000);
    let tool = format!(r#""tool":{{"id":1,"name":"T","kind":[],"input":{deep},"title":null}}"#);
    assert_eq!(page(&[("tool_started", &tool)]), "→ T (1 item)\n");
    assert_eq!(
        page(&[("tool_finished", r#""tool":7,"outcome":{},"duration_ms":"x""#)]),
        "- tool outcome unknown\n"
    );
    assert_eq!(page(&[("turn_failed", r#""error":"\ud83d""#)]), "[FAILED]\n");
    assert_eq!(page(&[("status", r#""kind":"info","message":"\ud83d""#)]), "info: \u{fffd}\n");
}

fn any_event() -> impl Strategy<Value = String> {
    let kinds = prop::sample::select(vec![
        "turn_started",
        "text_delta",
        "block_final",
        "tool_started",
        "tool_finished",
        "status",
        "turn_completed",
        "turn_failed",
        "turn_cancelled",
        "other",
    ]);
    let fields = prop::collection::vec(
        (
            prop::sample::select(vec![
                "block",
                "kind",
                "text",
                "tool",
                "outcome",
                "message",
                "data",
                "error",
                "part",
                "last",
                "open",
                "close",
                "glue",
                "lead",
                "supersedes",
                "parent",
                "label",
                "stop",
                "usage",
                "cost_usd",
                "duration_ms",
                "output",
            ]),
            prop::sample::select(vec![
                r#""b1""#,
                r#""answer""#,
                r#""reasoning""#,
                r#""a\r""#,
                r#""\nb\u001b""#,
                r#""\ud83d""#,
                r#""\ude00é""#,
                "0",
                "7",
                "-1",
                "1e400",
                "null",
                "true",
                "false",
                "[]",
                "[1,\"a\",{}]",
                "{}",
                r#"{"id":"t1","name":"n","kind":"edit","paths":["p","q"]}"#,
                r#"{"state":"tool","idle_ms":5}"#,
                r#""heartbeat""#,
                r#""plan""#,
                r#""diagnostic""#,
                r#""""#,
            ]),
        ),
        0..6,
    );
    (kinds, 0u8..3, prop::option::of(0u64..99), fields).prop_map(|(kind, id, at, fields)| {
        let mut line = format!(r#"{{"v":1,"type":"{kind}""#);
        if id > 0 {
            line.push_str(&format!(r#","stream":"s{id}","turn":1,"seq":1"#));
        }
        if let Some(at) = at {
            line.push_str(&format!(r#","ts":"2026-01-01T00:00:00.{at:03}Z""#));
        }
        for (key, value) in fields {
            line.push_str(&format!(r#","{key}":{value}"#));
        }
        line.push('}');
        line
    })
}

proptest! {
    #[test]
    fn any_order_of_any_events_makes_a_clean_page(lines in prop::collection::vec(any_event(), 0..30), max in 20usize..400, width in prop::option::of(0u16..60)) {
        let input = lines.join("\n");
        for format in [Format::Plain, Format::Text] {
            let reading = Reading { max_line: max, ..Reading::default() };
            let options = Options { format, width, reading, reasoning: true, text: TextBytes::Sanitised, ..Options::default() };
            let (out, err) = show_bytes(&options, input.as_bytes());
            assert_clean(&out);
            assert_clean(&err);
            prop_assert!(out.is_empty() || out.ends_with('\n'));
        }
    }

    #[test]
    fn any_bytes_make_a_clean_page(input in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'{'), Just(b'"')], 0..400)) {
        let options = Options { reading: Reading { max_line: 50, ..Reading::default() }, ..plain() };
        let (out, err) = show_bytes(&options, &input);
        assert_clean(&out);
        assert_clean(&err);
    }

    #[test]
    fn the_text_is_the_deltas(blocks in prop::collection::vec((prop::collection::vec("[^\u{0}]{1,5}", 1..6), any::<bool>(), any::<bool>()), 0..6)) {
        let mut lines = stream("s", "", &[START]);
        let mut want = String::new();
        let mut seq = 1;
        let mut event = |kind: &str, n: usize, text: &str| {
            seq += 1;
            format!(r#"{{"v":1,"type":"{kind}","stream":"s","turn":1,"seq":{seq},"block":"b{n}","kind":"answer","text":{}}}"#, crate::codec::to_json(text))
        };
        for (n, (deltas, with_deltas, with_final)) in blocks.iter().enumerate() {
            let whole = deltas.concat();
            if *with_deltas || !with_final {
                lines.extend(deltas.iter().map(|d| event("text_delta", n, d)));
            }
            if *with_final {
                lines.push(event("block_final", n, &whole));
            }
            want.push_str(&whole);
            if !whole.ends_with('\n') {
                want.push('\n');
            }
        }
        let (out, _) = show_bytes(&text(), lines.join("\n").as_bytes());
        prop_assert_eq!(out, want);
    }
}
