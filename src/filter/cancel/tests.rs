//! cancel: each condition, the request and its answer, the events of a turn that it ends itself.

mod answers;
mod budgets;
mod laws;
mod repeats;
mod script;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use regex::Regex;
use serde_json::{Value, json};

use super::{Cancel, CancelRequest, Control, Options, Receiver};
use crate::event::Event;
use crate::filter::tests::{Timed, drive, drive_until};
use crate::filter::{Chain, Filter, Out};
use crate::time::Time;
use script::Script;

/// Line of a script at which a request is refused. It is no event: [`Answered`] hands it to the filter.
fn refusal(request: &CancelRequest, code: &str, why: &str) -> String {
    let refused = json!({"code": code, "why": why, "turn": request.turn});
    json!({"v": 1, "type": "refusal", "stream": request.stream, "refused": refused}).to_string()
}

fn is_refusal(line: &str) -> bool {
    line.contains(r#""type":"refusal""#)
}

/// The filter with the refusals of a script.
struct Answered(Rc<RefCell<Cancel>>);

impl Answered {
    fn new(options: &Options) -> Self {
        Self(Rc::new(RefCell::new(Cancel::new(options.clone(), Receiver::Session))))
    }
}

impl Filter for Answered {
    fn on_event(&mut self, now: Time, event: &Event<'_>, out: &mut Out<'_>) {
        if !is_refusal(event.line) {
            return self.0.on_event(now, event, out);
        }
        let line: Value = serde_json::from_str(event.line).unwrap();
        let (refused, stream) = (&line["refused"], line["stream"].as_str().unwrap().to_owned());
        let text = |key: &str| refused[key].as_str().unwrap();
        let turn = refused["turn"].as_u64().unwrap();
        let request = CancelRequest { stream, turn, reason: String::new(), control: None };
        self.0.borrow_mut().refused(now, &request, (text("code"), text("why")), out);
    }

    fn deadline(&self) -> Option<Time> {
        self.0.deadline()
    }

    fn on_tick(&mut self, now: Time, out: &mut Out<'_>) {
        self.0.on_tick(now, out);
    }

    fn on_flush(&mut self, now: Time, out: &mut Out<'_>) {
        self.0.on_flush(now, out);
    }

    fn on_end(&mut self, now: Time, out: &mut Out<'_>) {
        self.0.on_end(now, out);
    }
}

fn cancel(options: &Options) -> (Chain, Rc<RefCell<Cancel>>) {
    let filter = Answered::new(options);
    let cancel = Rc::clone(&filter.0);
    (Chain::new(vec![Box::new(filter)]), cancel)
}

fn run(options: &Options, input: &[Timed]) -> Vec<Timed> {
    drive(cancel(options).0, input)
}

/// A line as its time, its type (of a status the kind), and what names it.
fn short((at, line): &Timed) -> String {
    let event: Value = serde_json::from_str(&crate::codec::without_lone(line)).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let what = match event["type"].as_str().unwrap() {
        "status" => text(&event["kind"]),
        "text_delta" => format!("delta {}", text(&event["text"])),
        "block_final" => format!("final {}", text(&event["text"])),
        "tool_started" => format!("tool {}", text(&event["tool"]["id"])),
        "tool_finished" => format!("done {}", text(&event["tool"]["id"])),
        other => other.to_owned(),
    };
    format!("{at} {what}")
}

fn shorts(lines: &[Timed]) -> Vec<String> {
    lines.iter().map(short).collect()
}

fn ms(millis: u64) -> Option<Duration> {
    Some(Duration::from_millis(millis))
}

/// Options with only the conditions of one case.
fn only(set: impl FnOnce(&mut Options)) -> Options {
    let mut options = Options::default();
    assert!(!options.is_any());
    set(&mut options);
    assert!(options.is_any());
    options
}

/// Feeds a turn of stream `s` and holds what comes out against `want`; the last argument is the reason.
fn case(options: &Options, feed: impl FnOnce(&mut Script), want: &[&str], why: &str) {
    let mut script = Script::default();
    script.start(0, "s");
    feed(&mut script);
    let out = run(options, &script.lines);
    assert_eq!(shorts(&out), want);
    let field = |kind: &str, key: &str| {
        let line = out.iter().find(|(_, line)| line.contains(kind));
        let event: Value = serde_json::from_str(&line.unwrap().1).unwrap();
        event[key].clone()
    };
    assert_eq!(field("cancel_requested", "message"), why);
    assert_eq!(field("cancel_requested", "data"), json!({"condition": why, "asks": false}));
    assert_eq!(field("turn_cancelled", "reason"), why);
    assert_eq!(field("turn_cancelled", "by"), "filter");
    assert_eq!(field("turn_cancelled", "synthetic"), true);
}

/// The turn does not meet the condition: it passes as it came.
fn untouched(options: &Options, feed: impl FnOnce(&mut Script)) {
    let mut script = Script::default();
    script.start(0, "s");
    feed(&mut script);
    script.complete(100_000, "s");
    let (chain, filter) = cancel(options);
    assert_eq!(drive(chain, &script.lines), script.lines);
    let filter = filter.borrow();
    assert_eq!((filter.requests.len(), filter.cancelled, filter.is_over()), (0, 0, false));
}

#[test]
fn after_a_time() {
    let options = only(|o| o.after = ms(1000));
    let feed = |s: &mut Script| {
        s.answer(100, "a");
        s.answer(999, "b");
        s.answer(1000, "c");
        s.complete(1001, "s");
    };
    let want = [
        "0 turn_started",
        "100 delta a",
        "999 delta b",
        "1000 cancel_requested",
        "1000 final ab",
        "1000 turn_cancelled",
    ];
    case(&options, feed, &want, "the turn took 1s (--after)");
    untouched(&only(|o| o.after = ms(100_001)), |s| s.answer(99_000, "a"));
}

#[test]
fn when_nothing_comes() {
    let options = only(|o| o.when_idle = ms(500));
    let feed = |s: &mut Script| {
        s.answer(400, "a");
        // An event without a number is no sign of life.
        s.beside(700, "s");
        s.answer(901, "b");
    };
    let want = [
        "0 turn_started",
        "400 delta a",
        "700 heartbeat",
        "900 cancel_requested",
        "900 final a",
        "900 turn_cancelled",
    ];
    case(&options, feed, &want, "nothing came for 500ms (--when-idle)");
    untouched(&only(|o| o.when_idle = ms(50_001)), |s| {
        s.answer(50_000, "a");
    });
}

#[test]
fn of_two_deadlines_the_first_counts() {
    let options = only(|o| (o.after, o.when_idle) = (ms(1000), ms(300)));
    let feed = |s: &mut Script| (1..=4).for_each(|n| s.answer(n * 200, "a"));
    let want = [
        "0 turn_started",
        "200 delta a",
        "400 delta a",
        "600 delta a",
        "800 delta a",
        "1000 cancel_requested",
        "1000 final aaaa",
        "1000 turn_cancelled",
    ];
    case(&options, feed, &want, "the turn took 1s (--after)");
}

#[test]
fn a_match_in_an_answer() {
    let options = only(|o| o.pattern = Some(Regex::new("fatal (error|\u{1f600})").unwrap()));
    let feed = |s: &mut Script| {
        s.text(1, "s", ("b0", "reasoning"), "fatal error");
        s.answer(2, "fatal ");
        s.answer(3, r"\ud83d\ude00, so");
        s.answer(4, "more");
    };
    let want = [
        "0 turn_started",
        "1 delta fatal error",
        "2 delta fatal ",
        "3 delta \u{1f600}, so",
        "3 cancel_requested",
        "3 final fatal error",
        "3 final fatal \u{1f600}, so",
        "3 turn_cancelled",
    ];
    let why = "the answer matches fatal (error|\u{1f600}) (--match)";
    case(&options, feed, &want, why);
    // A block that comes whole is looked at as well; one that was streamed is not looked at twice, and blocks are not joined.
    let whole = |s: &mut Script| {
        let body = r#""block":"b1","kind":"answer","text":"a fatal error""#;
        s.emit(1, "s", "block_final", body);
    };
    let want =
        ["0 turn_started", "1 final a fatal error", "1 cancel_requested", "1 turn_cancelled"];
    case(&options, whole, &want, why);
    untouched(&options, |s| {
        s.text(1, "s", ("b1", "answer"), "fatal ");
        s.text(2, "s", ("b2", "answer"), "error");
    });
}

#[test]
fn the_beginning_of_a_long_text_is_not_found_in_its_middle() {
    let options = only(|o| o.pattern = Some(Regex::new("^x").unwrap()));
    untouched(&options, |s| {
        s.answer(1, "a");
        (2..5000).for_each(|at| s.answer(at, "xxxxx"));
    });
}

#[test]
fn a_tool_that_starts() {
    let options = only(|o| o.tools = vec!["rm".into(), "sudo".into()]);
    let feed = |s: &mut Script| {
        s.tool(1, "t1", "ls");
        s.tool(2, "t2", "ls");
        let body = r#""tool":{"id":"t1","name":"ls","kind":"other"},"outcome":"ok""#;
        s.emit(3, "s", "tool_finished", body);
        s.tool(4, "t3", "sudo");
        s.answer(5, "done");
    };
    let want = [
        "0 turn_started",
        "1 tool t1",
        "2 tool t2",
        "3 done t1",
        "4 tool t3",
        "4 cancel_requested",
        "4 done t2",
        "4 done t3",
        "4 turn_cancelled",
    ];
    let why = "the tool sudo was called (--on-tool)";
    case(&options, feed, &want, why);
    untouched(&options, |s| s.tool(1, "rm", "rmdir"));
}

#[test]
fn the_end_of_a_cancelled_tool_repeats_its_title() {
    let mut script = Script::default();
    script.start(0, "s");
    let tool = r#""tool":{"id":"t","name":"sudo","kind":"other","title":"sudo make me"}"#;
    script.emit(1, "s", "tool_started", tool);
    let emitted = run(&only(|o| o.tools = vec!["sudo".into()]), &script.lines);
    let end = emitted.iter().find(|(_, line)| line.contains("tool_finished")).unwrap();
    let end: Value = serde_json::from_str(&end.1).unwrap();
    assert_eq!(end["tool"]["title"], "sudo make me");
}

#[test]
fn too_much_text() {
    let options = only(|o| o.max_text = Some(4));
    let feed = |s: &mut Script| {
        s.text(1, "s", ("b0", "reasoning"), "not counted");
        // Code points, not bytes and not UTF-16.
        s.answer(2, r"äöü\ud83d\ude00");
        s.answer(3, "x");
        s.answer(4, "y");
    };
    let want = [
        "0 turn_started",
        "1 delta not counted",
        "2 delta äöü\u{1f600}",
        "3 delta x",
        "3 cancel_requested",
        "3 final not counted",
        "3 final äöü\u{1f600}x",
        "3 turn_cancelled",
    ];
    let why = "more than 4 characters (--max-text)";
    case(&options, feed, &want, why);
    untouched(&options, |s| {
        s.answer(1, "abcd");
        // The whole of what was streamed does not count again.
        let body = r#""block":"b1","kind":"answer","text":"abcd""#;
        s.emit(2, "s", "block_final", body);
    });
}

#[test]
fn too_many_tokens() {
    let options = only(|o| o.max_tokens = Some(100));
    let one = json!({"type": "message_delta", "usage": {"input_tokens": 40, "output_tokens": 11}});
    let feed = |s: &mut Script| {
        s.usage(1, &one);
        s.usage(2, &one);
        s.answer(3, "x");
    };
    let want = ["0 turn_started", "1 usage", "2 usage", "2 cancel_requested", "2 turn_cancelled"];
    let why = "more than 100 tokens (--max-tokens)";
    case(&options, feed, &want, why);
    // Totals do not add up.
    untouched(&options, |s| {
        (1..9).for_each(|at| s.usage(at, &json!({"total_tokens": 100})));
    });
}

#[test]
fn too_much_money() {
    let options = only(|o| o.max_cost = Some(0.5));
    let feed = |s: &mut Script| {
        s.usage(1, &json!({"cost_usd": 9.0}));
        s.answer(2, "x");
    };
    let want = ["0 turn_started", "1 usage", "1 cancel_requested", "1 turn_cancelled"];
    let why = "more than 0.5 US dollars (--max-cost)";
    case(&options, feed, &want, why);
    // A runtime counts the whole session; the turn is what counts.
    untouched(&options, |s| {
        s.usage(1, &json!({"cost_usd": 0.5}));
        s.complete(2, "s");
        s.start(3, "s");
        s.usage(4, &json!({"cost_usd": 1.0}));
    });
}

/// Output by `until` of a session of `s` under these options, and the number of requests for its first turn.
fn started(options: &Options, feed: impl FnOnce(&mut Script), until: u64) -> (Vec<Timed>, usize) {
    let mut script = Script::default();
    script.session(0, "s");
    feed(&mut script);
    let (chain, filter) = cancel(options);
    let out = drive_until(chain, &script.lines, until);
    let requests = filter.borrow().requests.iter().filter(|request| request.turn == 1).count();
    (out, requests)
}

#[test]
fn an_agent_that_has_said_nothing_is_at_work_on_its_first_turn() {
    for (options, at) in
        [(only(|o| o.after = ms(500)), 500), (only(|o| o.when_idle = ms(300)), 300)]
    {
        let (out, requests_sent) = started(&options, |_| (), 2000);
        assert_eq!(shorts(&out)[..2], ["0 session".to_owned(), format!("{at} cancel_requested")]);
        assert_eq!(requests_sent, 1);
        assert!(!out[1].1.contains("\"turn\":"), "no turn is open yet: {}", out[1].1);
    }
    // A turn that opens by itself is watched from there; one with a request gets no second.
    let (out, requests_sent) = started(&only(|o| o.after = ms(500)), |s| s.start(400, "s"), 800);
    assert_eq!((shorts(&out).len(), requests_sent), (2, 0));
    let (out, requests_sent) = started(&only(|o| o.after = ms(500)), |s| s.start(600, "s"), 5000);
    assert_eq!(
        (&shorts(&out)[1..3], requests_sent),
        (&["500 cancel_requested".to_owned(), "600 turn_started".to_owned()][..], 1)
    );
}

#[test]
fn where_nobody_can_be_asked_the_first_turn_is_opened_and_ended() {
    let options = only(|o| o.when_idle = ms(300));
    let line = r#"{"v":1,"type":"status","stream":"s","seq":1,"ts":"1970-01-01T00:00:00.000Z","label":"l","kind":"session","data":{"adapter":"codex"}}"#;
    let (chain, filter) = cancel(&options);
    let out = drive_until(chain, &[(0, line.to_owned())], 2000);
    assert_eq!(
        shorts(&out),
        ["0 session", "300 cancel_requested", "300 turn_started", "300 turn_cancelled"]
    );
    assert!(out[2].1.contains(r#""turn":1,"seq":2"#) && out[2].1.contains(r#""runtime":"codex""#));
    assert!(out[3].1.contains(r#""turn":1,"seq":3"#) && out[3].1.contains(r#""label":"l""#));
    assert!(filter.borrow().is_over());
}

#[test]
fn what_has_exited_is_not_waited_for() {
    let exit = |script: &mut Script| script.exit(100, "s");
    let (out, requests_sent) = started(&only(|o| o.when_idle = ms(300)), exit, 2000);
    assert_eq!((shorts(&out).len(), requests_sent), (2, 0));
}
