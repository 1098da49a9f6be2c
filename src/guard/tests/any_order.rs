//! Calls of the guard in any order: its output obeys the contract.

use proptest::prelude::*;

use super::*;

/// A call by an adapter.
#[derive(Debug, Clone)]
enum Step {
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

fn step() -> impl Strategy<Value = Step> {
    let text = "[a-c\n é😀]{0,30}";
    prop_oneof![
        1 => Just(Step::Start),
        6 => (0u8..4, any::<bool>(), 0u8..3, text).prop_map(|(k, r, p, t)| Step::Delta(k, r, p, t)),
        4 => (0u8..4, any::<bool>(), 0u8..3, prop::option::of(text)).prop_map(|(k, r, p, t)| Step::Finish(k, r, p, t)),
        3 => (0u8..4, 0u8..3).prop_map(|(id, p)| Step::ToolStart(id, p)),
        3 => (0u8..5, 0u8..5, 0u8..3).prop_map(|(id, o, p)| Step::ToolFinish(id, o, p)),
        1 => Just(Step::Status),
        1 => text.prop_map(Step::Stderr),
        1 => prop::option::of(text).prop_map(Step::Complete),
        1 => Just(Step::Fail),
        1 => Just(Step::Cancelled),
        1 => Just(Step::AskCancel),
    ]
}

fn emit(g: &mut Guard, now: Time, step: &Step) {
    const OUTCOMES: [&str; 5] = ["ok", "error", "denied", "cancelled", "unknown"];
    const PARENTS: [Option<&str>; 3] = [None, Some("t0"), Some("t1")];
    let spent = UsageAndCost::default();
    let kind = |reasoning: bool| {
        if reasoning { TextKind::Reasoning } else { TextKind::Answer }
    };
    let parent = |n: u8| PARENTS[usize::from(n)];
    match step {
        Step::Start => {
            g.at(now).start_turn(&TurnStarted { runtime: "test".into(), ..TurnStarted::default() });
        }
        Step::Delta(key, reasoning, p, text) => {
            g.at(now).delta(
                &Text { key: &key.to_string(), kind: kind(*reasoning), parent: parent(*p) },
                text,
            );
        }
        Step::Finish(key, reasoning, p, text) => {
            let block = Text { key: &key.to_string(), kind: kind(*reasoning), parent: parent(*p) };
            g.at(now).finish_block(&block, text.as_deref());
        }
        Step::ToolStart(id, p) => {
            const KINDS: [&str; 4] = ["edit", "move", "delete", "read"];
            g.at(now).start_tool(&ToolStart {
                id: &format!("t{id}"),
                name: "x",
                kind: KINDS[usize::from(*id)],
                paths: &[format!("p{p}"), format!("p{id}")],
                parent: parent(*p),
                ..ToolStart::default()
            });
        }
        Step::ToolFinish(id, outcome, p) => {
            let outcome = OUTCOMES[usize::from(*outcome)];
            g.at(now).finish_tool(&ToolEnd {
                id: &format!("t{id}"),
                outcome,
                parent: parent(*p),
                ..ToolEnd::default()
            });
        }
        Step::Status => g.at(now).notice(&Notice { kind: "info", ..Notice::default() }),
        Step::Stderr(line) => g.at(now).stderr(line),
        Step::Complete(result) => g.at(now).complete("end_turn", result.as_deref(), &spent),
        Step::Fail => {
            let error =
                Failure { code: "runtime_error".into(), message: "x".into(), retry_at: None };
            g.at(now).fail(error, &spent);
        }
        Step::Cancelled => g.at(now).cancelled("x", None, &spent),
        Step::AskCancel => g.request_cancel("signal", "SIGINT"),
    }
}

/// The `files` of each turn are the paths of its calls of the three kinds that did not fail.
fn changed_files_are_those_of_the_calls(lines: &[u8]) -> Result<(), TestCaseError> {
    let text = std::str::from_utf8(lines).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for end in events.iter().filter(|e| Type::parse(e["type"].as_str().unwrap()).is_terminal()) {
        let same = |e: &&Value| (&e["stream"], &e["turn"]) == (&end["stream"], &end["turn"]);
        let of =
            |type_: &'static str| events.iter().filter(same).filter(move |e| e["type"] == type_);
        let mut want: Vec<&Value> = Vec::new();
        for start in of("tool_started").filter(|e| e["tool"]["kind"] != "read") {
            let mut ends = of("tool_finished").filter(|e| e["tool"]["id"] == start["tool"]["id"]);
            let outcome = &ends.next().unwrap()["outcome"];
            if outcome == "ok" || outcome == "unknown" {
                want.extend(start["tool"]["paths"].as_array().into_iter().flatten());
            }
        }
        let mut got: Vec<&Value> = end["files"].as_array().into_iter().flatten().collect();
        let first = got.len();
        got.sort_by_key(ToString::to_string);
        want.sort_by_key(ToString::to_string);
        want.dedup();
        prop_assert_eq!(&got, &want);
        prop_assert_eq!(first, got.len());
        prop_assert!(end["files_more"].is_null());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn whatever_is_said_obeys_the_contract(steps in prop::collection::vec((0usize..4, 0u64..9, step()), 0..60),
                                           max_block in 0usize..40, verdict in 0u8..3) {
        let mut g = guard(max_block);
        let mut now = 0;
        for (state, wait, step) in &steps {
            // Steps of less than nothing, too: a clock that is set back.
            now = (now + wait).saturating_sub(2);
            // Half of them in the first state.
            g.in_stream(state.saturating_sub(1), |g| emit(g, at(now), step));
        }
        g.at(at(now)).end(&end([TurnVerdict::ByExit, TurnVerdict::MissingResult, TurnVerdict::Truncated][usize::from(verdict)]));
        let lines = std::mem::take(&mut g.out);
        prop_assert_eq!(violations(&lines), "", "{}", String::from_utf8_lossy(&lines));
        changed_files_are_those_of_the_calls(&lines)?;
    }
}
