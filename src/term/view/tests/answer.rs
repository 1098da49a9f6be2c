//! The answer alone, as a program wants it.

use super::*;

#[test]
fn the_answer_alone() {
    let events = [
        START,
        ("text_delta", &*delta("b1", "reasoning", "Hm.")),
        ("text_delta", &delta("b2", "answer", "A\\u001b\\r")),
        ("text_delta", &delta("b2", "answer", "\\nB\\n")),
        ("block_final", &delta("b2", "answer", "A\\u001b\\r\\nB\\n")),
        ("text_delta", &(r#""parent":"t","#.to_owned() + &delta("b3", "answer", "sub"))),
        ("block_final", &delta("b4", "answer", "C")),
        ("block_final", &delta("b5", "answer", "D")),
        ("turn_failed", r#""error":{"code":"budget","message":"spent"}"#),
    ];
    let input = stream("s", "", &events).join("\n");
    let (out, err) = show_bytes(&text(), input.as_bytes());
    assert_eq!(out, "A\x1b\r\nB\nC\nD\n");
    assert_eq!(err, "[FAILED 8.0s] budget: spent\n");
    let safe = Options { text: TextBytes::Sanitised, ..text() };
    let (out, _) = show_bytes(&safe, input.as_bytes());
    assert_eq!(out, "A^[\nB\nC\nD\n");
}

#[test]
fn interleaved_answers_never_share_a_line() {
    let a = [
        START,
        ("text_delta", &*delta("b1", "answer", "one\\r")),
        ("text_delta", &delta("b1", "answer", "two")),
        DONE,
    ];
    let b = [
        START,
        ("text_delta", &*delta("b1", "answer", "eins")),
        ("block_final", &delta("b1", "answer", "eins zwei")),
        DONE,
    ];
    let lines = stream("a", "", &a).into_iter().zip(stream("b", "", &b));
    let lines: Vec<String> = lines.flat_map(|(a, b)| [a, b]).collect();
    assert_eq!(show(&text(), &lines), "one\rtwo\neins zwei\n");
}

#[test]
fn who_joins_late_gets_the_block_in_full() {
    let events = [
        ("text_delta", &*delta("b1", "answer", "end")),
        ("block_final", &delta("b1", "answer", "The end")),
        DONE,
    ];
    assert_eq!(show(&text(), &stream("s", "", &events)), "end\nThe end\n");
}

#[test]
fn a_lone_carriage_return_is_shown_where_deltas_meet() {
    let events = [
        ("text_delta", &*delta("b1", "answer", "a\\r")),
        ("text_delta", &delta("b1", "answer", "b\\r")),
        ("text_delta", &delta("b1", "answer", "\\nc")),
    ];
    let safe = Options { text: TextBytes::Sanitised, ..text() };
    assert_eq!(show(&safe, &stream("s", "", &events)), "a^Mb\nc\n");
}
