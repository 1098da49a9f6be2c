//! Law of the conditions: within the guard they give the events that the filter behind it gives, which asks a wrap that
//! answers at once.

use std::time::Duration;

use proptest::prelude::*;
use regex::Regex;
use serde_json::json;

use super::*;
use crate::codec;
use crate::event::Usage;
use crate::filter::cancel::{Cancel, CancelRequest, Options, Prices, Receiver};
use crate::filter::{Filter, Out};

/// A call of the guard, or the runtime's end of the turn.
#[derive(Debug, Clone)]
enum Call {
    Start,
    Delta { key: u8, reasoning: bool, text: String },
    Finish { key: u8, text: Option<String> },
    ToolStart { id: u8, name: u8 },
    ToolFinish { id: u8, output: u8 },
    Spent { tokens: u64, cents: Option<u8> },
    Usage(u64),
    Complete,
    Fail,
}

fn call() -> impl Strategy<Value = Call> {
    let text = "[abc ]{1,8}";
    prop_oneof![
        1 => Just(Call::Start),
        6 => (0u8..3, any::<bool>(), text)
            .prop_map(|(key, reasoning, text)| Call::Delta { key, reasoning, text }),
        2 => (0u8..3, prop::option::of(text)).prop_map(|(key, text)| Call::Finish { key, text }),
        3 => (0u8..3, 0u8..3).prop_map(|(id, name)| Call::ToolStart { id, name }),
        4 => (0u8..3, 0u8..4).prop_map(|(id, output)| Call::ToolFinish { id, output }),
        2 => (0u64..200, prop::option::of(0u8..100))
            .prop_map(|(tokens, cents)| Call::Spent { tokens, cents }),
        1 => (0u64..200).prop_map(Call::Usage),
        1 => Just(Call::Complete),
        1 => Just(Call::Fail),
    ]
}

fn act(g: &mut Guard, call: &Call) {
    const NAMES: [&str; 3] = ["x", "y", "z"];
    match call {
        Call::Start => g.start_turn(&TurnStarted {
            model: Some("m-1".into()),
            prompt: Some("do it".into()),
            ..TurnStarted::default()
        }),
        Call::Delta { key, reasoning, text } => {
            let kind = if *reasoning { TextKind::Reasoning } else { TextKind::Answer };
            g.delta(&Text { kind, ..answer(&key.to_string()) }, text);
        }
        Call::Finish { key, text } => g.finish_block(&answer(&key.to_string()), text.as_deref()),
        Call::ToolStart { id, name } => g.start_tool(&ToolStart {
            id: &format!("t{id}"),
            name: NAMES[usize::from(*name)],
            input: Some(r#"{"a":1}"#),
            ..ToolStart::default()
        }),
        Call::ToolFinish { id, output } => g.finish_tool(&ToolEnd {
            id: &format!("t{id}"),
            outcome: "ok",
            // Two differ in a number only.
            output: Some(
                format!("\"{} in {output}s\"", ["a", "b"][usize::from(*output) / 2]).into(),
            ),
            ..ToolEnd::default()
        }),
        Call::Spent { tokens, cents } => {
            let usage = Usage { output_tokens: Some(*tokens), ..Usage::default() };
            let cost_usd = cents.map(|cents| f64::from(cents) / 100.0);
            g.report_spent(&UsageAndCost { cost_usd, ..Some(usage).into() });
        }
        Call::Usage(used) => {
            let data = Some(json!({"used": used}));
            g.notice(&Notice { kind: "usage", data, ..Notice::default() });
        }
        Call::Complete => g.complete("end_turn", None, &UsageAndCost::default()),
        Call::Fail => {
            let error =
                Failure { code: "runtime_error".into(), message: "x".into(), retry_at: None };
            g.fail(error, &UsageAndCost::default());
        }
    }
}

/// An end of a turn by a wrap: of all turns, as where the agent cannot be interrupted, or of those that are open.
fn end_turn(g: &mut Guard, request: &CancelRequest, open_only: bool) {
    match open_only && g.turns_open() > 0 {
        true => {
            let open = g.open_streams();
            g.request_cancel_open(&open, "filter", &request.reason);
        }
        false => g.request_cancel("filter", &request.reason),
    }
}

fn session(g: &mut Guard, now: Time) {
    let data = Some(json!({"adapter": "test", "control": {"pid": 7, "word": "w"}}));
    g.at(now).notice(&Notice { kind: "session", data, ..Notice::default() });
}

type Steps = Vec<(u64, Call)>;

/// A guard with the conditions. All calls at one time are one read: the host sees what they emit only behind the last.
fn inside(options: &Options, steps: &Steps, open_only: bool) -> String {
    let mut g = guard(64);
    g.cancel_when(options.clone());
    let (mut lines, mut now) = (Vec::new(), 0);
    let mut collect = |g: &mut Guard| {
        lines.extend(g.take_lines());
        for request in g.take_cancelled() {
            if g.is_at_work(&request.stream, request.turn) {
                end_turn(g, &request, open_only);
            }
        }
    };
    session(&mut g, at(0));
    collect(&mut g);
    for (gap, call) in steps {
        if *gap > 0 {
            collect(&mut g);
        }
        now += gap;
        while let Some(due) = g.deadline().filter(|due| *due <= at(now)) {
            g.on_tick(due);
            collect(&mut g);
        }
        act(g.at(at(now)), call);
    }
    collect(&mut g);
    g.stop_timing();
    g.at(at(now)).end(&end(TurnVerdict::ByExit));
    collect(&mut g);
    String::from_utf8(lines).unwrap()
}

/// The filter behind a guard, and the wrap's answers.
struct Behind {
    guard: Guard,
    filter: Cancel,
    out: Vec<u8>,
    open_only: bool,
}

impl Behind {
    fn pass(&mut self, now: Time) {
        for line in std::mem::take(&mut self.guard.out).split_inclusive(|b| *b == b'\n') {
            let event = codec::decode(line.trim_ascii_end()).unwrap();
            self.filter.on_event(now, &event, &mut Out::bytes(&mut self.out));
        }
        for request in self.filter.take_requests() {
            if self.guard.is_at_work(&request.stream, request.turn) {
                end_turn(&mut self.guard, &request, self.open_only);
            } else {
                let out = &mut Out::bytes(&mut self.out);
                self.filter.refused(now, &request, ("no_turn", ""), out);
            }
        }
    }
}

fn behind(options: &Options, steps: &Steps, open_only: bool) -> String {
    let filter = Cancel::new(options.clone(), Receiver::Session);
    let mut all = Behind { guard: guard(64), filter, out: Vec::new(), open_only };
    let mut now = 0;
    session(&mut all.guard, at(0));
    all.pass(at(0));
    for (gap, call) in steps {
        now += gap;
        while let Some(due) = all.filter.deadline().filter(|due| *due <= at(now)) {
            all.filter.on_tick(due, &mut Out::bytes(&mut all.out));
            all.pass(due);
        }
        act(all.guard.at(at(now)), call);
        all.pass(at(now));
    }
    all.guard.at(at(now)).end(&end(TurnVerdict::ByExit));
    all.pass(at(now));
    String::from_utf8(all.out).unwrap()
}

/// Options with one condition each, or two.
fn options() -> impl Strategy<Value = Options> {
    let ms = |ms: u64| Some(Duration::from_millis(ms));
    let one = (0u8..9, 1u64..100).prop_map(move |(what, n)| {
        let mut options = Options::default();
        match what {
            0 => options.after = ms(n * 10),
            1 => options.when_idle = ms(n),
            2 => options.pattern = Some(Regex::new("a[bc]+c|b b").unwrap()),
            3 => options.tools = vec!["z".to_owned()],
            4 => options.on_repeat = Some(2 + n % 2),
            5 => options.max_text = Some(n),
            6 => options.max_tokens = Some(n),
            7 => (options.max_tokens, options.estimate) = (Some(n), true),
            _ => {
                options.max_cost = Some(f64::from(u32::try_from(n).unwrap()) / 100.0);
                let prices = r#"{"m":{"input":100,"output":9000}}"#;
                let prices = if n % 3 == 0 { r#"{"x":{"input":1,"output":1}}"# } else { prices };
                options.prices = (n % 4 > 0).then(|| Prices::parse(prices).unwrap());
                options.estimate = n % 2 == 0;
            }
        }
        options
    });
    let time = prop::option::weighted(0.3, 1u64..500);
    (one, time).prop_map(move |(options, time)| Options {
        after: options.after.or(time.and_then(ms)),
        ..options
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn within_the_guard_is_behind_it(
        options in options(),
        steps in prop::collection::vec((prop_oneof![3 => 0u64..9, 1 => 0u64..200], call()), 0..50),
        open_only in any::<bool>(),
    ) {
        let lines = inside(&options, &steps, open_only);
        prop_assert_eq!(&lines, &behind(&options, &steps, open_only));
        prop_assert_eq!(violations(lines.as_bytes()), "", "{}", lines);
    }
}

/// A guard with a condition, within a turn, and the answer that meets it.
fn met(text: &str) -> Guard {
    let mut g = guard(MAX_BLOCK);
    g.cancel_when(Options { max_text: Some(1), ..Options::default() });
    session(&mut g, at(0));
    g.start_turn(&TurnStarted::default());
    g.delta(&answer("a"), text);
    g
}

#[test]
fn a_turn_ends_as_cancelled_in_the_read_in_which_it_would_have_completed() {
    let mut g = met("ab");
    g.complete("end_turn", None, &UsageAndCost::default());
    g.start_turn(&TurnStarted::default());
    g.delta(&answer("a"), "c");
    g.complete("end_turn", None, &UsageAndCost::default());
    let lines = g.take_lines();
    assert_eq!(
        outline(&parse(&lines)),
        "status(session) turn_started text_delta(ab) status(cancel_requested) block_final(ab) \
         turn_cancelled(end_turn) turn_started text_delta(c) block_final(c) turn_completed(end_turn)"
    );
    let cancelled = g.take_cancelled();
    assert_eq!(cancelled.len(), 1);
    assert!(!g.is_at_work(&cancelled[0].stream, cancelled[0].turn), "it needs no stop any more");
}

#[test]
fn a_turn_that_has_another_end_already_is_not_stopped_again() {
    let mut g = met("a");
    g.request_fail("timeout_total", "too long");
    g.delta(&answer("a"), "b");
    let lines = g.take_lines();
    assert!(g.take_cancelled().is_empty());
    g.at(at(1)).end(&end(TurnVerdict::ByExit));
    let lines = [lines, g.take_lines()].concat();
    assert!(outline(&parse(&lines)).ends_with("block_final(ab) turn_failed(timeout_total)"));
}

/// A turn that may take a second.
fn at_work() -> Guard {
    let mut g = guard(MAX_BLOCK);
    g.cancel_when(Options { after: Some(Duration::from_secs(1)), ..Options::default() });
    g.at(at(0)).start_turn(&TurnStarted::default());
    g.take_lines();
    g
}

#[test]
fn what_is_read_after_the_agents_exit_is_cancelled_by_no_time() {
    for exited in [false, true] {
        let mut g = at_work();
        if exited {
            g.stop_timing();
        }
        assert_eq!(g.deadline().is_some(), !exited);
        assert_eq!(g.condition_due(None).is_some(), !exited);
        if exited {
            // It was stopped for a condition, which is handled later.
            let mut g = at_work();
            g.stop_timing();
            g.on_condition_due(at(1000));
            assert_eq!(g.take_cancelled().len(), 1);
        }
        g.at(at(5000)).end(&end(TurnVerdict::ByExit));
        let end = if exited { "turn_completed(end_of_output)" } else { "turn_cancelled(" };
        assert!(outline(&parse(&g.take_lines())).contains(end));
    }
}

#[test]
fn silence_begins_with_output_that_was_not_read() {
    let mut g = guard(MAX_BLOCK);
    let (after, when_idle) = (Duration::from_secs(60), Duration::from_secs(5));
    g.cancel_when(Options { after: Some(after), when_idle: Some(when_idle), ..Options::default() });
    g.at(at(0)).start_turn(&TurnStarted::default());
    g.take_lines();
    assert_eq!(g.deadline(), Some(at(5000)));
    assert_eq!(g.condition_due(Some(at(20_000))), Some(at(25_000)));
    assert_eq!(g.condition_due(Some(at(57_000))), Some(at(60_000)));
    assert_eq!(g.condition_due(None), Some(at(60_000)), "nobody reads: silence does not count");
}
