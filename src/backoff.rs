//! Outcome of a delivery, exponential backoff between tries, and the wait that a failure requests. Pure.

use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendOutcome {
    /// Arrived; never sent again. With the receipt of the sink (a message id, a `Location`).
    Sent(Option<String>),
    /// Certainly not arrived, and to be retried: a full disk, no connection, a rate limit.
    Retry(Wait, String),
    /// Refused for good (a 4xx, a status other than 0). The next delivery may still be accepted.
    Failed(String),
    /// In doubt: no answer, or an ambiguous one (a 5xx, a process killed by a signal). Retried only at a sink that is
    /// idempotent and with an id; else `--in-doubt` decides.
    Unknown(Wait, String),
    /// The sink has ended: neither this delivery, which has not arrived, nor any other will be accepted.
    Gone(Gone, String),
    /// Not tried, because an earlier delivery of its batch did not arrive.
    NotTried,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// Its reader has closed the pipe, as `head` does: no failure by the default of `--output-error`.
    Reader,
    Broken,
}

/// Longest wait that a sink can request.
pub const MAX_ASKED: Duration = Duration::from_secs(3600);

/// Wait that a failure requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The delivery failed: it is one of its tries.
    Failed,
    /// The sink cannot be reached or is out of order: no try of this delivery, and every other delivery would fare the same.
    Down,
    /// The sink requests a pause: no try of this delivery either.
    Asked(Duration),
}

impl Wait {
    /// The wait where backoff would be `own`: the pause that the sink requests, at least `own` and at most [`MAX_ASKED`].
    pub fn at_least(self, own: Duration) -> Duration {
        match self {
            Wait::Failed | Wait::Down => own,
            Wait::Asked(time) => time.min(MAX_ASKED).max(own),
        }
    }
}

/// Waits that double from failure to failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// The first wait and the longest.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// The wait after so many failures in a row, counted from 1.
    pub fn after(self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(16);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_wait_doubles_up_to_the_longest() {
        let backoff = Backoff::new(SECOND, 5 * SECOND);
        let waits: Vec<u64> = (0..6).map(|n| backoff.after(n).as_secs()).collect();
        assert_eq!(waits, [1, 1, 2, 4, 5, 5]);
        assert_eq!(backoff.after(u32::MAX), 5 * SECOND);
    }

    #[test]
    fn a_sink_cannot_ask_for_less_than_our_own_wait_nor_for_more_than_an_hour() {
        assert_eq!(Wait::Asked(Duration::ZERO).at_least(SECOND), SECOND);
        assert_eq!(Wait::Asked(2 * SECOND).at_least(SECOND), 2 * SECOND);
        assert_eq!(Wait::Asked(Duration::MAX).at_least(SECOND), MAX_ASKED);
        assert_eq!(Wait::Down.at_least(SECOND), SECOND);
    }
}
