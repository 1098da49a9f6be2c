//! Whatever is said to the guard in whatever order, what leaves it obeys the contract.

use proptest::prelude::*;

use super::*;

/// One thing that an adapter may say.
#[derive(Debug, Clone)]
enum Saying {
    Start,
    Delta(u8, bool, u8, String),
    Finish(u8, bool, u8, Option<String>),
    ToolStart(u8, u8),
    ToolFinish(u8, u8, u8),
    Status,
    Stderr(String),
    Complete(Option<String>),
    Fail,
    Cancelled,
    AskCancel,
}

fn saying() -> impl Strategy<Value = Saying> {
    let text = "[a-c\n é😀]{0,30}";
    prop_oneof![
        1 => Just(Saying::Start),
        6 => (0u8..4, any::<bool>(), 0u8..3, text).prop_map(|(k, r, p, t)| Saying::Delta(k, r, p, t)),
        4 => (0u8..4, any::<bool>(), 0u8..3, prop::option::of(text)).prop_map(|(k, r, p, t)| Saying::Finish(k, r, p, t)),
        3 => (0u8..4, 0u8..3).prop_map(|(id, p)| Saying::ToolStart(id, p)),
        3 => (0u8..5, 0u8..5, 0u8..3).prop_map(|(id, o, p)| Saying::ToolFinish(id, o, p)),
        1 => Just(Saying::Status),
        1 => text.prop_map(Saying::Stderr),
        1 => prop::option::of(text).prop_map(Saying::Complete),
        1 => Just(Saying::Fail),
        1 => Just(Saying::Cancelled),
        1 => Just(Saying::AskCancel),
    ]
}

fn emit(g: &mut Guard, now: Time, saying: &Saying) {
    const OUTCOMES: [&str; 5] = ["ok", "error", "denied", "cancelled", "unknown"];
    const PARENTS: [Option<&str>; 3] = [None, Some("t0"), Some("t1")];
    let spent = UsageAndCost::default();
    let kind = |reasoning: bool| {
        if reasoning { TextKind::Reasoning } else { TextKind::Answer }
    };
    let parent = |n: u8| PARENTS[usize::from(n)];
    match saying {
        Saying::Start => {
            g.start_turn(now, &TurnStarted { runtime: "test".into(), ..TurnStarted::default() });
        }
        Saying::Delta(key, reasoning, p, text) => {
            g.delta(
                now,
                &Text { key: &key.to_string(), kind: kind(*reasoning), parent: parent(*p) },
                text,
            );
        }
        Saying::Finish(key, reasoning, p, text) => {
            let block = Text { key: &key.to_string(), kind: kind(*reasoning), parent: parent(*p) };
            g.finish_block(now, &block, text.as_deref());
        }
        Saying::ToolStart(id, p) => {
            g.start_tool(
                now,
                &ToolStart {
                    id: &format!("t{id}"),
                    name: "x",
                    parent: parent(*p),
                    ..ToolStart::default()
                },
            );
        }
        Saying::ToolFinish(id, outcome, p) => {
            let outcome = OUTCOMES[usize::from(*outcome)];
            g.finish_tool(
                now,
                &ToolEnd {
                    id: &format!("t{id}"),
                    outcome,
                    parent: parent(*p),
                    ..ToolEnd::default()
                },
            );
        }
        Saying::Status => g.status(now, &Notice { kind: "info", ..Notice::default() }),
        Saying::Stderr(line) => g.stderr(now, line),
        Saying::Complete(result) => g.complete(now, "end_turn", result.as_deref(), &spent),
        Saying::Fail => {
            let error =
                Failure { code: "runtime_error".into(), message: "x".into(), retry_at: None };
            g.fail(now, error, &spent);
        }
        Saying::Cancelled => g.cancelled(now, "x", None, &spent),
        Saying::AskCancel => g.request_cancel("signal", "SIGINT"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn whatever_is_said_obeys_the_contract(sayings in prop::collection::vec((0usize..4, 0u64..9, saying()), 0..60),
                                           max_block in 0usize..40, verdict in 0u8..3) {
        let mut g = guard(max_block);
        let mut now = 0;
        for (state, step, saying) in &sayings {
            // Steps of less than nothing, too: a clock that is set back.
            now = (now + step).saturating_sub(2);
            // Half of them in the first state.
            g.in_stream(state.saturating_sub(1), |g| emit(g, at(now), saying));
        }
        g.end(at(now), &end([TurnVerdict::ByExit, TurnVerdict::MissingResult, TurnVerdict::Truncated][usize::from(verdict)]));
        let lines = std::mem::take(&mut g.out);
        prop_assert_eq!(violations(&lines), "", "{}", String::from_utf8_lossy(&lines));
    }
}
