//! Random valid streams, whole and broken.

use proptest::prelude::*;

use super::sample::{Ev, random_all, render, text};
use super::*;

/// True if leaving the event out of the numbered stream leaves a stream that is valid too.
fn can_be_missed(events: &[Ev], at: usize) -> bool {
    events[at].kind == "status"
}

proptest! {
    #[test]
    fn random_streams_are_clean(seed: u64, step in 1usize..3000) {
        let input = text(&render(&random_all(seed)));
        let (report, exit) = run_in(&Options::default(), input.as_bytes(), step);
        prop_assert!(cited(&report).is_empty(), "{}", report);
        prop_assert_eq!(exit, Exit::Success);
    }

    #[test]
    fn one_lost_or_doubled_line_is_one_violation(seed: u64, pick: prop::sample::Index, double: bool) {
        let events = random_all(seed);
        let at = pick.index(events.len());
        prop_assume!(!can_be_missed(&events, at));
        let mut lines = render(&events);
        if double {
            lines.insert(at, lines[at].clone());
        } else {
            lines.remove(at);
        }
        let report = report(&text(&lines));
        prop_assert_eq!(cited(&report).len(), 1, "{}\n{}", report, text(&lines));
    }

    #[test]
    fn one_lost_or_doubled_event_is_seen_without_its_number(seed: u64, pick: prop::sample::Index, double: bool) {
        let mut events = random_all(seed);
        let at = pick.index(events.len());
        prop_assume!(!can_be_missed(&events, at));
        if double {
            events.insert(at, events[at].clone());
        } else {
            events.remove(at);
        }
        let input = text(&render(&events));
        let report = report(&input);
        prop_assert_eq!(cited(&report).len(), 1, "{}\n{}", report, input);
    }

    #[test]
    fn never_panics_on_bytes(bytes: Vec<u8>, step in 1usize..50) {
        run_in(&Options::default(), &bytes, step);
    }

    #[test]
    fn never_panics_on_broken_streams(
        seed: u64,
        hits in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(&b"\\\"{}[],:0919btnu\n\xff"[..])), 1..20),
        partial: bool,
        step in 1usize..3000,
    ) {
        let mut bytes = text(&render(&random_all(seed))).into_bytes();
        for (at, byte) in hits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        run_in(&Options { partial, ..Options::default() }, &bytes, step);
    }

    #[test]
    fn agrees_with_the_codec_on_what_is_an_event(
        seed: u64,
        pick: prop::sample::Index,
        at: prop::sample::Index,
        byte in prop::sample::select(&b"\\\"{}[],:0919btnu \xff"[..]),
    ) {
        let lines = render(&random_all(seed));
        let mut line = pick.get(&lines).clone().into_bytes();
        let at = at.index(line.len());
        line[at] = byte;
        let (report, _) = run_in(&Options { partial: true, ..Options::default() }, &line, 4096);
        let refused = cited(&report).iter().any(|rule| ["C1", "C2"].contains(rule));
        if let Err(why) = codec::tests::decode_strict(&line) {
            prop_assert!(refused, "{}\n{}", why, report);
        }
    }
}
