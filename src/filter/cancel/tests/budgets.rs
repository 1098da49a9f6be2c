//! Tokens and cost: as wrap says them, in a runtime's own words, estimated, and by prices.

use super::*;
use crate::filter::cancel::Prices;

/// Tokens of the turn so far, as wrap says them.
fn so_far(s: &mut Script, at: u64, input: u64, cost: Option<f64>) {
    let usage = json!({"input_tokens": input, "output_tokens": 1});
    let mut data = json!({"so_far": {"usage": usage}});
    if let Some(cost) = cost {
        data["so_far"]["cost_usd"] = cost.into();
    }
    s.usage(at, &data);
}

fn start_with(s: &mut Script, at: u64, model: &str) {
    s.emit(
        at,
        "s",
        "turn_started",
        &format!(r#""runtime":"x","model":"{model}","prompt":"0123456""#),
    );
}

/// Lines of a script, and those that have come out, by kind.
fn outcome(options: &Options, feed: impl FnOnce(&mut Script)) -> (Vec<String>, Vec<Value>) {
    let mut script = Script::default();
    feed(&mut script);
    script.complete(1000, "s");
    let out = run(options, &script.lines);
    let events = out.iter().map(|(_, line)| serde_json::from_str(line).unwrap());
    (shorts(&out), events.collect())
}

fn find<'e>(events: &'e [Value], kind: &str) -> Option<&'e Value> {
    events.iter().find(|event| event["kind"] == kind || event["type"] == kind)
}

fn prices(json: &str) -> Option<Prices> {
    Some(Prices::parse(json).unwrap())
}

#[test]
fn the_counts_of_the_turn_so_far_replace_all_others() {
    let options = only(|o| o.max_tokens = Some(100));
    let feed = |s: &mut Script| {
        so_far(s, 1, 60, None);
        so_far(s, 2, 99, None);
        s.usage(3, &json!({"used": 5000, "size": 9000}));
        so_far(s, 4, 100, None);
    };
    let want = [
        "0 turn_started",
        "1 usage",
        "2 usage",
        "3 usage",
        "4 usage",
        "4 cancel_requested",
        "4 turn_cancelled",
    ];
    case(&options, feed, &want, "more than 100 tokens (--max-tokens)");
    let options = only(|o| o.max_cost = Some(0.5));
    let feed = |s: &mut Script| {
        so_far(s, 1, 60, Some(0.5));
        s.usage(2, &json!({"cost_usd": 9.0}));
        so_far(s, 3, 60, Some(0.75));
    };
    let want = [
        "0 turn_started",
        "1 usage",
        "2 usage",
        "3 usage",
        "3 cancel_requested",
        "3 turn_cancelled",
    ];
    case(&options, feed, &want, "more than 0.5 US dollars (--max-cost)");
    // Each turn has its own.
    untouched(&options, |s| {
        so_far(s, 1, 60, Some(0.5));
        s.complete(2, "s");
        s.start(3, "s");
        so_far(s, 4, 60, Some(0.5));
    });
}

#[test]
fn an_estimate_is_marked() {
    let options = only(|o| (o.max_tokens, o.estimate) = (Some(3), true));
    let (shorts, events) = outcome(&options, |s| {
        start_with(s, 0, "m");
        // 7 characters have gone to the model: two tokens.
        s.answer(1, "abc");
        s.answer(2, "d");
    });
    assert_eq!(shorts[2..4], ["2 delta d", "2 cancel_requested"]);
    let requested = find(&events, "cancel_requested").unwrap();
    let why = "more than 3 tokens, estimated (--max-tokens)";
    assert_eq!(requested["message"], why);
    assert_eq!(requested["data"], json!({"condition": why, "asks": false, "estimated": true}));
    assert_eq!(find(&events, "turn_cancelled").unwrap()["reason"], why);
    // The runtime's own count of the turn replaces it.
    let feed = |s: &mut Script| {
        start_with(s, 0, "m");
        so_far(s, 1, 1, None);
        s.answer(2, "abcdefghij");
    };
    assert_eq!(find(&outcome(&options, feed).1, "cancel_requested"), None);
    let without = only(|o| o.max_tokens = Some(3));
    let feed = |s: &mut Script| (0..9).for_each(|at| s.answer(at, "abcdefg"));
    assert_eq!(find(&outcome(&without, feed).1, "cancel_requested"), None);
}

#[test]
fn an_output_of_a_token_for_more_than_ten_characters_is_a_placeholder() {
    let feed = |s: &mut Script| {
        start_with(s, 0, "m");
        so_far(s, 1, 100, None);
        s.answer(2, "0123456789");
        s.answer(3, "0123456789x");
    };
    let of = |max, estimate| {
        let options = only(|o| (o.max_tokens, o.estimate) = (Some(max), estimate));
        outcome(&options, feed)
    };
    // Then 21 characters are six tokens.
    let (shorts, events) = of(105, true);
    assert_eq!(shorts[3..5], ["3 delta 0123456789x", "3 cancel_requested"]);
    assert_eq!(find(&events, "cancel_requested").unwrap()["data"]["estimated"], true);
    assert_eq!(find(&of(106, true).1, "cancel_requested"), None);
    assert_eq!(find(&of(105, false).1, "cancel_requested"), None);
}

#[test]
fn a_price_makes_a_cost_of_tokens() {
    // Two dollars for a million.
    let list = prices(r#"{"m":{"input":2,"output":0}}"#);
    let options = only(|o| (o.max_cost, o.prices) = (Some(1.0), list.clone()));
    let why = "more than 1 US dollars, estimated (--max-cost)";
    let (shorts, events) = outcome(&options, |s| {
        start_with(s, 0, "m-1");
        so_far(s, 1, 500_000, None);
        so_far(s, 2, 500_001, None);
    });
    assert_eq!(shorts[1..4], ["1 usage", "2 usage", "2 cancel_requested"]);
    let requested = find(&events, "cancel_requested").unwrap();
    assert_eq!(requested["data"], json!({"condition": why, "asks": false, "estimated": true}));
    // A cost that the runtime reports with its tokens counts alone; one without tokens is the least.
    let feed = |s: &mut Script| {
        start_with(s, 0, "m-1");
        so_far(s, 1, 900_000, Some(0.9));
    };
    assert_eq!(find(&outcome(&options, feed).1, "cancel_requested"), None);
    let feed = |s: &mut Script| {
        start_with(s, 0, "m-1");
        s.usage(1, &json!({"used": 900_000}));
    };
    assert_eq!(find(&outcome(&options, feed).1, "cancel_requested").unwrap()["message"], why);
    let (_, events) = outcome(&options, |s| {
        start_with(s, 0, "m-1");
        s.usage(1, &json!({"so_far": {"cost_usd": 1.5}}));
    });
    let requested = find(&events, "cancel_requested").unwrap();
    assert_eq!(requested["data"]["estimated"], Value::Null, "the runtime has reported it");
}

#[test]
fn estimated_tokens_have_a_price() {
    let list = prices(r#"{"":{"input":0,"output":1000000}}"#);
    let options = only(|o| (o.max_cost, o.prices, o.estimate) = (Some(2.0), list, true));
    let (shorts, events) = outcome(&options, |s| {
        s.start(0, "s");
        s.answer(1, "abcdefg");
        s.answer(2, "a");
    });
    assert_eq!(shorts[1..4], ["1 delta abcdefg", "2 delta a", "2 cancel_requested"]);
    assert_eq!(find(&events, "cancel_requested").unwrap()["data"]["estimated"], true);
    assert_eq!(find(&events, "warning"), None);
}

#[test]
fn a_model_without_a_price_is_named_once() {
    let list = prices(r#"{"m":{"input":2,"output":0}}"#);
    let options = only(|o| (o.max_cost, o.prices) = (Some(1.0), list));
    let (shorts, events) = outcome(&options, |s| {
        start_with(s, 0, "x-1");
        so_far(s, 1, 900_000, None);
        s.complete(2, "s");
        start_with(s, 3, "x-1");
        s.complete(4, "s");
        s.start(5, "s");
    });
    let want = ["0 warning", "5 warning"];
    let warnings: Vec<&String> = shorts.iter().filter(|line| line.contains("warning")).collect();
    assert_eq!(warnings, want);
    let warning = find(&events, "warning").unwrap();
    assert!(warning["message"].as_str().unwrap().contains("no price for x-1:"), "{warning}");
    assert_eq!(warning["data"], json!({"code": "no_price"}));
    assert_eq!((&warning["seq"], &warning["turn"]), (&Value::Null, &1.into()));
    assert_eq!(find(&events, "cancel_requested"), None);
}
