//! Runs as wrap writes them, made by the guard from a seed.

use std::time::Duration;

use serde_json::json;

use crate::event::{Failure, TurnStarted, UsageAndCost};
use crate::guard::{
    Config, End, Ended, Guard, Notice, Text, TextKind, ToolEnd, ToolStart, TurnVerdict,
};
use crate::time::Time;

/// Linear congruential generator (Knuth, MMIX).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// A whole run of up to three streams, most of them with `session` and `exit`, some with a label.
pub(super) fn generated(seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let label = seed.is_multiple_of(3).then(|| "a \"bot\"".to_owned());
    let mut guard = Guard::new(Config { stream: "run-1".into(), label, max_block: 64 });
    guard.set_runtime("test");
    let mut now = Time::from_millis(1_700_000_000_000);
    guard.at(now);
    let status = |guard: &mut Guard, kind, data| {
        guard.notice(&Notice { kind, data: Some(data), ..Notice::default() });
    };
    if !seed.is_multiple_of(4) {
        if seed % 4 == 2 {
            status(&mut guard, "queued", json!({"before": 1}));
        }
        status(&mut guard, "session", json!({"pid": 7, "argv": ["x"], "adapter": "auto"}));
    }
    // The first output is of the first stream.
    guard.stderr("starting");
    for _ in 0..random.below(16) {
        now = now + Duration::from_millis(random.below(50));
        guard.at(now);
        let stream = usize::try_from(random.below(4).saturating_sub(1)).unwrap();
        guard.in_stream(stream, |guard| step(guard, &mut random));
    }
    guard.end(&End { ended: Ended::Exited(0), verdict: TurnVerdict::MissingResult });
    if !seed.is_multiple_of(5) {
        status(&mut guard, "exit", json!({"code": 0, "killed": false}));
    }
    std::mem::take(&mut guard.out)
}

fn step(guard: &mut Guard, random: &mut Random) {
    const TEXTS: [&str; 5] = ["a\n", "é\u{85}", "\"\\\u{1}", "😀", "a longer text with words "];
    const PARENTS: [Option<&str>; 4] = [None, None, Some("t0"), Some("t1")];
    let mut pick = |limit| usize::try_from(random.below(limit)).unwrap();
    let key = ["a", "b", "c"][pick(3)];
    let kind = [TextKind::Answer, TextKind::Reasoning][pick(2)];
    let text = Text { key, kind, parent: PARENTS[pick(4)] };
    let id = ["t0", "t1", "t2"][pick(3)];
    match pick(14) {
        0 => {
            guard.start_turn(&TurnStarted { session: Some("c1".into()), ..TurnStarted::default() });
        }
        1..=4 => guard.delta(&text, TEXTS[pick(5)]),
        5 => guard.finish_block(&text, None),
        6 => guard.finish_block(&text, Some(TEXTS[pick(5)])),
        7..=9 => guard.start_tool(&ToolStart {
            id,
            name: "Edit",
            kind: "edit",
            title: Some(TEXTS[pick(5)]),
            paths: &["src/a.rs".to_owned()],
            parent: text.parent,
            ..ToolStart::default()
        }),
        10 => guard.finish_tool(&ToolEnd { id, outcome: "ok", ..ToolEnd::default() }),
        11 => guard.stderr("a line"),
        12 => guard.complete("end_turn", None, &UsageAndCost::default()),
        _ => {
            let error = Failure { code: "auth".into(), message: "x".into(), retry_at: None };
            guard.fail(error, &UsageAndCost::default());
        }
    }
}
