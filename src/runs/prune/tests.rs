//! Limits of the finished runs: examples, and properties of any list of runs.

use proptest::prelude::*;

use super::*;

const DAY: u64 = 24 * 3600 * 1000;

fn runs(list: &[(u64, u64)]) -> Vec<Finished> {
    let run =
        |(day, bytes): &(u64, u64)| Finished { ended: Time::from_millis(day * DAY), bytes: *bytes };
    list.iter().map(run).collect()
}

fn days(count: u64) -> Duration {
    Duration::from_millis(count * DAY)
}

#[test]
fn each_limit_alone() {
    let runs = runs(&[(1, 10), (2, 20), (3, 30), (4, 40)]);
    let now = Time::from_millis(5 * DAY);
    let excess = |limits: Limits| limits.excess(&runs, now);
    assert_eq!(excess(Limits::default()), 0);
    for (age, want) in [(0, 4), (1, 3), (3, 1), (4, 0)] {
        assert_eq!(excess(Limits { older: Some(days(age)), ..Limits::default() }), want, "{age}");
    }
    for (keep, want) in [(0, 4), (1, 3), (4, 0), (5, 0)] {
        assert_eq!(excess(Limits { keep: Some(keep), ..Limits::default() }), want, "{keep}");
    }
    for (size, want) in [(0, 4), (39, 4), (40, 3), (89, 2), (90, 1), (99, 1), (100, 0)] {
        assert_eq!(excess(Limits { size: Some(size), ..Limits::default() }), want, "{size}");
    }
}

#[test]
fn the_strictest_limit_decides() {
    let runs = runs(&[(1, 10), (2, 20), (3, 30), (4, 40)]);
    let limits = Limits { older: Some(days(3)), keep: Some(2), size: Some(90) };
    assert_eq!(limits.excess(&runs, Time::from_millis(5 * DAY)), 2);
    assert_eq!(limits.excess(&[], Time::EPOCH), 0);
    // A run that ends in the future, by a clock that was set back, is not old.
    assert_eq!(Limits::USUAL.excess(&runs, Time::EPOCH), 0);
}

proptest! {
    #[test]
    fn what_stays_keeps_the_limits_and_nothing_else_goes(
        mut list in prop::collection::vec((0u64..40, 0u64..100), 0..30),
        older in prop::option::of(0u64..40),
        keep in prop::option::of(0usize..40),
        size in prop::option::of(0u64..2000),
    ) {
        list.sort_by_key(|run| run.0);
        let runs = runs(&list);
        let now = Time::from_millis(30 * DAY);
        let limits = Limits { older: older.map(days), keep, size };
        let holds = |runs: &[Finished]| {
            runs.iter().all(|run| older.is_none_or(|age| now.since(run.ended) <= days(age)))
                && keep.is_none_or(|keep| runs.len() <= keep)
                && size.is_none_or(|size| runs.iter().map(|run| run.bytes).sum::<u64>() <= size)
        };
        let count = limits.excess(&runs, now);
        prop_assert!(holds(&runs[count..]));
        prop_assert!(count == 0 || !holds(&runs[count - 1..]), "{count} are more than needed");
        prop_assert_eq!(limits.excess(&runs[count..], now), 0);
    }
}
