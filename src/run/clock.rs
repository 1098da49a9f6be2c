//! The wall clock, read once and carried on by the monotonic one, so that it never goes back. The two part when the system is
//! suspended or the wall clock is set; only what a loop asks for follows the wall then.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::time::Time;

/// The wall clock is corrected by small steps all the time; only more than this is a jump.
const TOLERANCE: Duration = Duration::from_secs(1);

/// The time of day as a number that only grows.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    wall: Time,
    started: Instant,
}

impl Clock {
    /// A clock that starts at the time of day.
    #[must_use]
    pub fn start() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            wall: Time::from_micros(u64::try_from(wall.as_micros()).unwrap_or(u64::MAX)),
            started: Instant::now(),
        }
    }

    /// The time now. It does not count while the system is suspended, and knows nothing of a clock that is set: deadlines
    /// are kept.
    #[must_use]
    pub fn now(&self) -> Time {
        self.wall + self.started.elapsed()
    }

    /// How far the wall clock has run ahead; zero up to [`TOLERANCE`], and when it has fallen behind.
    pub(super) fn ahead(&self) -> Duration {
        let ahead = Self::start().wall.since(self.now());
        if ahead > TOLERANCE { ahead } else { Duration::ZERO }
    }

    /// Goes forward to the wall clock, if that has run ahead.
    pub(super) fn follow(&mut self) {
        self.wall = self.wall + self.ahead();
    }
}
