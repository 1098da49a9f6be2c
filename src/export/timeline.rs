//! Shares of a turn's time for a picture: the classes of [`crate::timing`] that have any, with words.

use crate::term::view::words::{duration, silence};
use crate::timing::{Breakdown, Class};

/// The classes that have any time, each with its milliseconds and with words for them: the words sum to [`duration`] of the
/// whole.
pub(super) fn shares(of: &Breakdown) -> Vec<(Class, &'static str, u64, String)> {
    let unit = match of.total() / 1000 {
        0 => 1,
        1..60 => 100,
        60..3600 => 1000,
        _ => 60_000,
    };
    let mut shares: Vec<_> =
        Class::ALL.iter().map(|(class, name)| (*class, *name, of.of(*class))).collect();
    shares.retain(|(.., ms)| *ms > 0);
    let mut units: Vec<u64> = shares.iter().map(|(.., ms)| ms / unit).collect();
    // The rest of rounding down goes to the largest remainders.
    let left = of.total() / unit - units.iter().sum::<u64>();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(shares[*at].2 % unit));
    order.iter().take(usize::try_from(left).unwrap_or(0)).for_each(|at| units[*at] += 1);
    let words = |units: u64| match (unit, units) {
        (100, n) => format!("{}.{}s", n / 10, n % 10),
        (1000, 0) => "0s".to_owned(),
        (1000, n) => silence(n * unit),
        (60_000, n) => format!("{}h{:02}m", n / 60, n % 60),
        (_, n) => duration(n * unit),
    };
    shares
        .into_iter()
        .zip(units)
        .map(|((class, name, ms), n)| (class, name, ms, words(n)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Time;
    use crate::timing::{MAX_STRETCHES, Step, Timeline};

    #[test]
    fn stretches_follow_each_other_and_sum_to_the_breakdown() {
        let at = |ms| Some(Time::from_millis(ms));
        let mut line = Timeline::new(at(1000));
        line.on_text(|| at(1500));
        for n in 0..1000 {
            line.on_step(at(2000 + n * 10), Step::ToolStarted("a"));
            line.on_step(at(2005 + n * 10), Step::ToolFinished("a"));
        }
        line.on_text(|| at(13_000));
        line.on_text(|| at(13_500));
        line.end_texts(|| at(13_500));
        let times = line.end(at(14_000));
        assert_eq!(
            times.stretches[..3],
            [(Class::Start, 500), (Class::Model, 500), (Class::Tool, 5)]
        );
        assert!(times.stretches.len() <= MAX_STRETCHES + Class::ALL.len());
        for (class, _) in Class::ALL {
            let of =
                times.stretches.iter().filter(|(c, _)| *c == class).map(|(_, ms)| ms).sum::<u64>();
            assert_eq!(of, times.breakdown.of(class), "{class:?}");
        }
    }

    #[test]
    fn the_words_of_the_shares_sum_to_the_whole() {
        let mut line = Timeline::new(Some(Time::from_millis(0)));
        for (ms, step) in
            [(3333, Step::Text), (6666, Step::ToolStarted("a")), (9999, Step::ToolFinished("a"))]
        {
            line.on_step(Some(Time::from_millis(ms)), step);
        }
        let times = line.end(Some(Time::from_millis(9999)));
        let words: Vec<String> =
            shares(&times.breakdown).into_iter().map(|(.., words)| words).collect();
        assert_eq!(words, ["3.3s", "3.3s", "3.3s"]);
        assert_eq!(duration(times.breakdown.total()), "9.9s");
    }
}
