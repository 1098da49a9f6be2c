//! Random documents, cut for every channel: what comes out keeps the contract and the channel's limits.

use serde_json::{Value, json};

use super::{Stream, options, run};
use crate::check::{Check, Options as CheckOptions};
use crate::exit::Exit;
use crate::filter::chunk::{Options, PRESETS, preset_limits};
use crate::stage::{Io, Stage};
use crate::text::cut::tests::{Random, document};
use crate::text::cut::{self, Pace};
use crate::text::units::Limits;
use crate::time::Time;

/// Report of `spile check --partial` on the lines, and whether there is no violation.
fn check(lines: &[String]) -> (Exit, String) {
    let mut check = Check::new(CheckOptions { partial: true, ..CheckOptions::default() });
    let mut io = Io::default();
    for line in lines {
        check.on_bytes(Time::default(), format!("{line}\n").as_bytes(), &mut io);
    }
    check.on_end(Time::default(), &mut io);
    (check.exit(), String::from_utf8(io.out).unwrap())
}

/// A turn with the text as its answer, in random slices.
fn turn(r: &mut Random, text: &str) -> Vec<String> {
    let mut s = Stream(0);
    let mut lines = vec![s.start()];
    let most = [3, 30, 400][r.below(3)];
    let mut rest = text;
    while !rest.is_empty() {
        let mut len = (1 + r.below(most)).min(rest.len());
        while !rest.is_char_boundary(len) {
            len += 1;
        }
        lines.push(s.delta(&rest[..len]));
        rest = &rest[len..];
    }
    lines.push(s.last(text));
    lines.push(s.event("turn_completed", json!({"stop": "end_turn"})));
    lines
}

/// A field of a part; empty if it has none.
fn of<'a>(part: &'a Value, key: &str) -> &'a str {
    part[key].as_str().unwrap_or_default()
}

#[test]
fn every_document_keeps_the_contract_at_every_channel() {
    let mut cut_at = vec![0; PRESETS.len()];
    for seed in 1..=60 {
        let mut r = Random::new(seed);
        // The longest limit is 16,000 bytes: every tenth text is longer than that.
        let documents = if seed % 10 == 0 { 60 } else { 1 + r.below(8) };
        let mut text = String::new();
        for _ in 0..documents {
            text.push_str(&document(&mut r));
            text.push('\n');
        }
        let lines = turn(&mut r, &text);
        for (preset, cut_at) in PRESETS.iter().zip(&mut cut_at) {
            let limits = Limits::new(&preset_limits(preset.limits, preset.lines));
            let out = run(
                Options {
                    cut: cut::Options {
                        limits: limits.clone(),
                        min: None,
                        pace: [Pace::Full, Pace::Eager][r.below(2)],
                        fences: preset.fences,
                    },
                    ..options(30)
                },
                &lines,
            );
            let (exit, report) = check(&out);
            assert_eq!(exit, Exit::Success, "seed {seed} {}\n{report}", preset.name);
            let mut joined = String::new();
            for line in &out {
                let event: Value = serde_json::from_str(line).unwrap();
                if event.get("part").is_none() {
                    continue;
                }
                *cut_at += usize::from(event["last"] == false);
                let sent = of(&event, "text");
                assert!(limits.size(sent).within(limits.max()), "{}\n{line}", preset.name);
                let body = sent
                    .strip_prefix(of(&event, "open"))
                    .and_then(|rest| rest.strip_suffix(of(&event, "close")));
                joined.push_str(of(&event, "lead"));
                joined.push_str(body.unwrap());
                joined.push_str(of(&event, "glue"));
            }
            assert_eq!(joined, text, "seed {seed} {}", preset.name);
        }
    }
    assert!(cut_at.iter().all(|cuts| *cuts > 5), "{cut_at:?}");
}
