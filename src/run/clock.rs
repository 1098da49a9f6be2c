//! The wall clock, read once and carried on by the monotonic one, so that it never goes back.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::time::Time;

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

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Time {
        self.wall + self.started.elapsed()
    }
}
