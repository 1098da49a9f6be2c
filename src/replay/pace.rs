//! Pacing: gaps become deadlines. Deadlines follow each other, not the actual times of release: one delay moves nothing
//! behind it.

use std::time::Duration;

use super::gaps::Gap;
use crate::time::Time;

/// Largest factor by keys; 1/64 is the smallest.
const FASTEST: f64 = 64.0;

#[derive(Debug, Clone, Default)]
pub struct Pace {
    pub speed: f64,
    max_gap: Option<Duration>,
    start: Time,
    /// Last deadline, counted from `start`; finer than [`Time`], so that rounding does not add up.
    planned: Duration,
    /// Recorded time of the current gap that has passed.
    done: Duration,
}

impl Pace {
    /// `speed` times as fast as recorded, and no pause longer than `max_gap`.
    pub fn new(speed: f64, max_gap: Option<Duration>) -> Self {
        Self { speed, max_gap, ..Self::default() }
    }

    /// Deadline of the next event; `None` for at once.
    pub fn due(&self, gap: Gap) -> Option<Time> {
        match gap {
            Gap::Start | Gap::Joined => None,
            Gap::After(gap) => Some(self.start + self.planned(gap)),
        }
    }

    /// Records a release on time; at `now` if the schedule begins with it.
    pub fn pass(&mut self, now: Time, gap: Gap) {
        match gap {
            Gap::Start => self.restart(now),
            Gap::Joined => {}
            Gap::After(gap) => {
                self.planned = self.planned(gap);
                self.done = Duration::ZERO;
            }
        }
    }

    /// Restarts the schedule at `now`, after a halt or an early release.
    pub fn restart(&mut self, now: Time) {
        self.start = now;
        self.planned = Duration::ZERO;
        self.done = Duration::ZERO;
    }

    /// Multiplies the speed, within 1/64 and 64; the passed part of the current gap stays passed.
    pub fn scale(&mut self, now: Time, factor: f64) {
        let passed = now.since(self.start + self.planned);
        self.done += times(passed, self.speed);
        self.start = now;
        self.planned = Duration::ZERO;
        self.speed = (self.speed * factor).clamp(1.0 / FASTEST, FASTEST);
    }

    fn planned(&self, gap: Duration) -> Duration {
        let wait = times(gap.saturating_sub(self.done), 1.0 / self.speed);
        let wait = self.max_gap.map_or(wait, |most| wait.min(most));
        self.planned.saturating_add(wait)
    }
}

fn times(duration: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::gaps::Gaps;
    use proptest::prelude::*;

    fn ms(ms: u64) -> Time {
        Time::from_millis(ms)
    }

    /// When events that were recorded at these milliseconds leave, if the first does at 1000.
    fn played(speed: f64, max_gap: Option<Duration>, recorded: &[u64]) -> Vec<u64> {
        let of_one: Vec<_> = recorded.iter().map(|at| ("s", *at)).collect();
        played_streams(speed, max_gap, &of_one)
    }

    fn played_streams(speed: f64, max_gap: Option<Duration>, recorded: &[(&str, u64)]) -> Vec<u64> {
        let (mut gaps, mut pace) = (Gaps::default(), Pace::new(speed, max_gap));
        let mut now = ms(1000);
        let mut left = Vec::new();
        for (stream, at) in recorded {
            let gap = gaps.before(stream, Some(ms(*at)));
            now = pace.due(gap).map_or(now, |due| due.max(now));
            pace.pass(now, gap);
            left.push(now.as_millis());
        }
        left
    }

    #[test]
    fn recorded_gaps_come_again() {
        assert_eq!(played(1.0, None, &[500, 510, 900]), [1000, 1010, 1400]);
        assert_eq!(played(4.0, None, &[500, 540, 900]), [1000, 1010, 1100]);
        assert_eq!(played(0.5, None, &[500, 510]), [1000, 1020]);
    }

    #[test]
    fn a_pause_is_capped_as_it_is_waited() {
        let cap = Some(Duration::from_millis(100));
        assert_eq!(played(1.0, cap, &[0, 50, 9000]), [1000, 1050, 1150]);
        assert_eq!(played(2.0, cap, &[0, 50, 9000]), [1000, 1025, 1125]);
    }

    #[test]
    fn disorder_costs_nothing_and_a_new_beginning_does_not_wait() {
        assert_eq!(played(1.0, None, &[500, 520, 510, 530]), [1000, 1020, 1020, 1030]);
        assert_eq!(played(1.0, None, &[900_000, 900_010, 500, 530]), [1000, 1010, 1010, 1040]);
    }

    #[test]
    fn streams_of_different_days_are_played_side_by_side() {
        let day = 86_400_000;
        let merged = [
            ("mon", 300),
            ("tue", day + 300),
            ("mon", 600),
            ("tue", day + 600),
            ("tue", day + 900),
        ];
        assert_eq!(played_streams(1.0, None, &merged), [1000, 1000, 1300, 1300, 1600]);
        let years = [("a", 60 * day), ("b", 0), ("a", 60 * day + 500), ("b", 500)];
        assert_eq!(played_streams(1.0, None, &years), [1000, 1000, 1500, 1500]);
        let appended = [("mon", 300), ("mon", 600), ("tue", day + 300), ("tue", day + 900)];
        assert_eq!(played_streams(1.0, None, &appended), [1000, 1300, 1300, 1900]);
        // Those that ran side by side keep their time to each other, also the one that begins late.
        let live =
            [("a", 0), ("a", 50), ("b", 40), ("b", 70), ("c", 5000), ("a", 5010), ("b", 5005)];
        assert_eq!(played_streams(1.0, None, &live), [1000, 1050, 1050, 1070, 6000, 6010, 6010]);
    }

    #[test]
    fn a_clock_that_went_back_for_a_while_costs_no_pause() {
        let hour = 3_600_000;
        let back = [2 * hour, 2 * hour + 1000, hour, hour + 500, 2 * hour + 1200];
        assert_eq!(played(1.0, None, &back), [1000, 2000, 2000, 2500, 2700]);
    }

    #[test]
    fn being_late_moves_nothing_behind_it() {
        let mut pace = Pace::new(1.0, None);
        pace.pass(ms(1000), Gap::Start);
        let gap = Gap::After(Duration::from_millis(10));
        assert_eq!(pace.due(gap), Some(ms(1010)));
        pace.pass(ms(1500), gap);
        assert_eq!(pace.due(gap), Some(ms(1020)));
    }

    #[test]
    fn another_speed_keeps_what_has_been_waited() {
        let mut pace = Pace::new(1.0, None);
        pace.pass(ms(0), Gap::Start);
        let gap = Gap::After(Duration::from_millis(1000));
        pace.scale(ms(500), 2.0);
        assert_eq!(pace.due(gap), Some(ms(750)));
        pace.scale(ms(600), 0.5);
        assert_eq!(pace.due(gap), Some(ms(900)));
        pace.pass(ms(900), gap);
        assert_eq!(pace.due(gap), Some(ms(1900)));
        for _ in 0..20 {
            pace.scale(ms(1000), 2.0);
        }
        assert!((pace.speed - FASTEST).abs() < f64::EPSILON);
    }

    #[test]
    fn no_gap_is_too_long_to_be_planned() {
        let mut pace = Pace::new(1e-9, None);
        pace.pass(ms(1), Gap::Start);
        let gap = Gap::After(Duration::MAX);
        assert!(pace.due(gap).is_some());
        pace.pass(ms(1), gap);
        assert!(pace.due(gap).is_some());
    }

    proptest! {
        #[test]
        fn there_is_no_drift(gaps in prop::collection::vec(0u64..2000, 1..300), speed in 0.1f64..50.0) {
            let mut pace = Pace::new(speed, None);
            pace.pass(ms(0), Gap::Start);
            let mut sum = 0;
            for gap in gaps {
                sum += gap;
                let gap = Gap::After(Duration::from_millis(gap));
                let want = sum as f64 / speed * 1000.0;
                let due = pace.due(gap).unwrap().as_micros() as f64;
                prop_assert!((due - want).abs() < 2.0, "{due} {want}");
                pace.pass(ms(0), gap);
            }
        }
    }
}
