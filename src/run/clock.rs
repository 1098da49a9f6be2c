//! Wall clock, read once and carried on by the monotonic one, so that it never goes back. The two part when the system
//! is suspended or the wall clock is set; only [`Clock::follow`] catches up.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::time::Time;

/// Smallest difference that counts as a jump: small corrections are frequent.
const TOLERANCE: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy)]
pub struct Clock {
    wall: Time,
    started: Instant,
}

impl Clock {
    pub fn start() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            wall: Time::from_micros(u64::try_from(wall.as_micros()).unwrap_or(u64::MAX)),
            started: Instant::now(),
        }
    }

    /// Current time. Excludes suspension and changes of the wall clock, so that deadlines are kept.
    pub fn now(&self) -> Time {
        self.wall + self.started.elapsed()
    }

    /// Lead of the wall clock; zero up to [`TOLERANCE`], and when it is behind.
    pub(super) fn ahead(&self) -> Duration {
        let ahead = Self::start().wall.since(self.now());
        if ahead > TOLERANCE { ahead } else { Duration::ZERO }
    }

    /// Advances to the wall clock if that is ahead.
    pub(super) fn follow(&mut self) {
        self.wall = self.wall + self.ahead();
    }
}
