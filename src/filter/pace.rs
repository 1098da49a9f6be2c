//! When a recorded event is due again: recorded times become gaps, gaps become deadlines. It looks at no clock.
//!
//! Deadlines follow each other, not the moments at which events have left: being late once moves nothing behind it.

use std::time::Duration;

use crate::time::Time;

/// A recording whose times go back by more than this has begun anew; less is the disorder of merged streams.
const ANEW: Duration = Duration::from_secs(60);

/// How fast a key press makes it at most, and how slow: 1/64.
const FASTEST: f64 = 64.0;

/// What lies between two events of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// Nothing was before it: the schedule begins with it.
    Start,
    /// So much recorded time.
    After(Duration),
    /// It belongs to what was before it and goes with it.
    Joined,
}

/// Recorded times to gaps.
#[derive(Debug, Default)]
pub struct Gaps {
    last: Option<Time>,
    begun: bool,
}

impl Gaps {
    /// Another recording begins: what it says first is due at once.
    pub fn restart(&mut self) {
        *self = Self::default();
    }

    /// The gap in front of what was recorded at `ts`; without a time it comes with what was before it.
    pub fn before(&mut self, ts: Option<Time>) -> Gap {
        let first = !std::mem::replace(&mut self.begun, true);
        let gap = match (ts, self.last) {
            (Some(ts), Some(last)) if ts >= last => {
                self.last = Some(ts);
                ts.since(last)
            }
            (Some(ts), Some(last)) => {
                if last.since(ts) > ANEW {
                    self.last = Some(ts);
                }
                Duration::ZERO
            }
            (Some(ts), None) => {
                self.last = Some(ts);
                Duration::ZERO
            }
            (None, _) => Duration::ZERO,
        };
        if first { Gap::Start } else { Gap::After(gap) }
    }
}

/// Gaps to deadlines.
#[derive(Debug, Clone)]
pub struct Pace {
    speed: f64,
    max_gap: Option<Duration>,
    start: Time,
    /// When the last event was due, counted from `start`; finer than [`Time`], so that rounding adds up to nothing.
    planned: Duration,
    /// How much recorded time of the present gap had passed by then.
    done: Duration,
}

impl Pace {
    /// `speed` times as fast as recorded, and no pause longer than `max_gap` on our clock.
    #[must_use]
    pub fn new(speed: f64, max_gap: Option<Duration>) -> Self {
        Self {
            speed,
            max_gap,
            start: Time::default(),
            planned: Duration::ZERO,
            done: Duration::ZERO,
        }
    }

    /// How many times as fast as recorded.
    #[must_use]
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// When the next event is due; `None` if that is at once.
    #[must_use]
    pub fn due(&self, gap: Gap) -> Option<Time> {
        match gap {
            Gap::Start | Gap::Joined => None,
            Gap::After(gap) => Some(self.start + self.planned(gap)),
        }
    }

    /// The event has left as it was due, or at `now` if the schedule begins with it.
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

    /// The schedule goes on from `now`: there was a halt, or an event left before its time.
    pub fn restart(&mut self, now: Time) {
        self.start = now;
        self.planned = Duration::ZERO;
        self.done = Duration::ZERO;
    }

    /// From `now` on it is `factor` times as fast as it was, within 1/64 and 64; of the present gap, what has passed has
    /// passed.
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

/// A duration times a factor, as far as there is such a duration.
fn times(duration: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(ms: u64) -> Time {
        Time::from_millis(ms)
    }

    /// When events that were recorded at these milliseconds leave, if the first does at 1000.
    fn played(speed: f64, max_gap: Option<Duration>, recorded: &[u64]) -> Vec<u64> {
        let (mut gaps, mut pace) = (Gaps::default(), Pace::new(speed, max_gap));
        let mut now = ms(1000);
        let mut left = Vec::new();
        for at in recorded {
            let gap = gaps.before(Some(ms(*at)));
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
        assert!((pace.speed() - FASTEST).abs() < f64::EPSILON);
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
