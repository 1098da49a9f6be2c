//! Requests of cancel, refusals, and the streams that pass.

use super::*;

/// A stream with a wrap and too much text in its turn.
fn with_wrap() -> (Options, Script) {
    let mut script = Script::default();
    script.session(0, "s");
    script.start(1, "s");
    script.answer(2, "ab");
    (only(|o| o.max_text = Some(1)), script)
}

fn request() -> CancelRequest {
    CancelRequest {
        stream: "s".into(),
        turn: 1,
        reason: "more than 1 characters (--max-text)".into(),
        control: Some(Control { pid: 7, word: "w".into() }),
    }
}

#[test]
fn a_wrap_is_asked_once_and_ends_the_turn_itself() {
    let (options, mut script) = with_wrap();
    script.answer(3, "c");
    let body = r#""by":"filter","reason":"r""#;
    script.emit(4, "s", "turn_cancelled", body);
    script.start(5, "s");
    script.answer(6, "d");
    script.complete(7, "s");
    let (chain, filter) = cancel(&options);
    let out = drive(chain, &script.lines);
    // Nothing but the request is added.
    let other = |(_, line): &&Timed| !line.contains("cancel_requested");
    let passed: Vec<Timed> = out.iter().filter(other).cloned().collect();
    assert_eq!(passed, script.lines);
    assert_eq!(shorts(&out)[3], "2 cancel_requested");
    assert!(out[3].1.contains(r#""asks":true"#) && !out[3].1.contains("\"seq\""));
    let filter = filter.borrow();
    assert_eq!(filter.requests, [request()]);
    assert_eq!((filter.cancelled, filter.is_over()), (1, false));
}

#[test]
fn another_reason_is_said_to_all() {
    let (mut options, script) = with_wrap();
    options.reason = Some("enough".into());
    let (chain, filter) = cancel(&options);
    let out = drive_until(chain, &script.lines, 9);
    assert_eq!(filter.borrow().requests[0].reason, "enough");
    assert!(out[3].1.contains(r#""message":"enough""#), "{}", out[3].1);
    assert!(out[3].1.contains("more than 1 characters"));
    assert!(out.last().unwrap().1.contains(r#""reason":"enough""#));
}

#[test]
fn where_nobody_can_end_it_the_turn_ends_here() {
    for (code, why) in [("gone", "no such run"), ("silent", "")] {
        let (options, mut script) = with_wrap();
        script.lines.push((3, refusal(&request(), code, why)));
        script.answer(4, "c");
        script.complete(5, "s");
        let (chain, filter) = cancel(&options);
        let out = drive(chain, &script.lines);
        let want = [
            "0 session",
            "1 turn_started",
            "2 delta ab",
            "2 cancel_requested",
            "3 cancel_refused",
            "3 final ab",
            "3 turn_cancelled",
        ];
        assert_eq!(shorts(&out), want);
        assert!(out[4].1.contains(&format!(r#""code":"{code}""#)));
        let filter = filter.borrow();
        assert_eq!((filter.cancelled, filter.is_over()), (1, true));
    }
}

#[test]
fn a_turn_that_is_over_by_itself_is_left_alone() {
    for code in ["no_turn", "other_turn"] {
        let (options, mut script) = with_wrap();
        script.lines.push((3, refusal(&request(), code, "too late")));
        let from = script.lines.len();
        script.answer(4, "c");
        script.complete(5, "s");
        let (chain, filter) = cancel(&options);
        let out = drive(chain, &script.lines);
        assert_eq!(shorts(&out)[4], "3 cancel_refused");
        assert_eq!(out[5..], script.lines[from..]);
        assert_eq!(filter.borrow().cancelled, 0);
    }
}

#[test]
fn an_answer_that_is_too_late_is_not_said() {
    let (options, mut script) = with_wrap();
    let other = CancelRequest { turn: 2, ..request() };
    script.lines.push((3, refusal(&other, "gone", "")));
    script.emit(4, "s", "block_final", r#""block":"b1","kind":"answer","text":"ab""#);
    script.complete(5, "s");
    script.lines.push((6, refusal(&request(), "gone", "")));
    let (chain, filter) = cancel(&options);
    let out = drive(chain, &script.lines);
    let want = ["2 cancel_requested", "4 final ab", "5 turn_completed"];
    assert_eq!(shorts(&out)[3..], want);
    assert_eq!(filter.borrow().cancelled, 0);
    assert_eq!(laws::violations(&out), None, "nothing is said of a turn that has ended");
}

#[test]
fn what_another_cancel_was_refused_is_an_event_like_any_other() {
    let (options, mut script) = with_wrap();
    for ts in [r#""ts":"1970-01-01T00:00:00.003Z","#, ""] {
        script.lines.push((3, format!(
            r#"{{"v":1,"type":"status","stream":"s","turn":1,{ts}"kind":"cancel_refused","data":{{"code":"gone"}}}}"#
        )));
    }
    script.answer(4, "c");
    script.complete(5, "s");
    let (chain, filter) = cancel(&options);
    let out = drive(chain, &script.lines);
    assert_eq!(out[4..], script.lines[3..]);
    assert_eq!(filter.borrow().cancelled, 0);
}

#[test]
fn an_input_that_ends_while_a_wrap_is_asked_leaves_no_open_turn() {
    let (options, script) = with_wrap();
    let (chain, filter) = cancel(&options);
    let out = drive(chain, &script.lines);
    let want = ["0 final ab", "0 turn_cancelled"];
    assert_eq!(shorts(&out)[4..], want);
    assert_eq!(filter.borrow().cancelled, 1);
    // A turn without a request is not ended.
    let (chain, _) = cancel(&only(|o| o.max_text = Some(9)));
    assert_eq!(drive(chain, &script.lines), script.lines);
}

#[test]
fn what_was_ended_stays_ended_and_other_streams_pass() {
    let mut script = Script::default();
    script.start(0, "s");
    script.start(0, "t");
    script.answer(1, "ab");
    script.beside(2, "s");
    script.complete(2, "s");
    script.start(3, "s");
    script.complete(4, "s");
    script.lines.push((4, r#"{"v":1,"type":"status","kind":"info"}"#.into()));
    script.text(5, "t", ("b", "answer"), "x");
    let (chain, filter) = cancel(&only(|o| o.max_text = Some(1)));
    let out = drive_until(chain, &script.lines, 6);
    let want = [
        "0 turn_started",
        "0 turn_started",
        "1 delta ab",
        "1 cancel_requested",
        "1 final ab",
        "1 turn_cancelled",
        "4 info",
        "5 delta x",
    ];
    assert_eq!(shorts(&out), want);
    assert!(!filter.borrow().is_over(), "the other stream is open");
    script.complete(6, "t");
    let (chain, filter) = cancel(&only(|o| o.max_text = Some(1)));
    drive(chain, &script.lines);
    assert!(filter.borrow().is_over());
}

#[test]
fn what_is_said_of_a_recording_belongs_to_its_day_and_goes_on_in_number() {
    let lines = [
        r#"{"v":1,"type":"turn_started","stream":"s","turn":4,"seq":70,"ts":"2020-02-02T10:00:00.000Z","label":"l","runtime":"x"}"#,
        r#"{"v":1,"type":"text_delta","stream":"s","turn":4,"seq":71,"ts":"2020-02-02T10:00:01.000Z","parent":"p","block":"b1","kind":"answer","text":"\ud83d"}"#,
    ];
    let input: Vec<Timed> = (1000..).zip(lines.map(str::to_owned)).collect();
    let out = run(&only(|o| o.when_idle = ms(500)), &input);
    let tail: Vec<&str> = out[2..].iter().map(|(_, line)| line.as_str()).collect();
    assert!(tail[0].contains(r#""ts":"2020-02-02T10:00:01.500Z","label":"l""#), "{}", tail[0]);
    assert!(tail[1].contains(r#""turn":4,"seq":72,"#) && tail[1].contains(r#""parent":"p""#));
    assert!(tail[1].ends_with(r#""text":"\ud83d"}"#), "half a character stays: {}", tail[1]);
    assert!(tail[2].contains(r#""turn":4,"seq":73,"#), "{}", tail[2]);
}

#[test]
fn too_many_streams_do_not_bring_an_ended_one_back() {
    let mut script = Script::default();
    script.start(0, "s");
    script.answer(1, "ab");
    for n in 0..=crate::streams::MAX_STREAMS as u64 {
        let stream = format!("t{n}");
        script.start(2 + n, &stream);
        script.complete(2 + n, &stream);
    }
    let passed = script.lines.len();
    script.answer(5000, "never");
    let out = run(&only(|o| o.max_text = Some(1)), &script.lines);
    // The request, the end of the block and that of the turn.
    assert_eq!(out.len(), passed + 3);
    assert!(!out.iter().any(|(_, line)| line.contains("never")));
}
