//! Exit statuses: the one table that the code, the tests and the manual share.

use std::fmt;

/// Reason for which the process ends, in the order of [`TABLE`]: of several the first counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Exit {
    Usage,
    Internal,
    NotExecutable,
    NotFound,
    /// Another run holds the key of `--once`.
    Taken,
    /// Death by this signal, re-raised.
    Signal(i32),
    /// The turn was cancelled by name or by a filter.
    Cancelled,
    Timeout,
    RateLimited,
    /// The child's own non-zero status (1 to 255).
    Child(u8),
    /// Malformed input under `--strict`.
    Malformed,
    /// An endpoint is not available.
    Unavailable,
    CannotWrite,
    /// The turn failed, `check` found violations, or something is owed.
    Failed,
    #[default]
    Success,
}

/// The exit statuses as the shell shows them in `$?`, with their meanings; where several apply, the first row wins and the
/// last turn counts.
pub const TABLE: &[(&str, &str)] = &[
    ("2", "usage error"),
    ("125", "spile itself failed"),
    ("126", "the agent's command is not executable"),
    ("127", "the agent's command was not found"),
    ("79", "another run with this --once key is still there; nothing was started"),
    ("128+n", "death by signal n, re-raised so that the shell sees a real signal death"),
    ("130", "the turn was cancelled by name or by a filter"),
    ("124", "a timeout ended the turn"),
    ("75", "the agent is rate limited: retry later"),
    ("other", "wrap: the child's own non-zero status"),
    ("65", "malformed input under --strict"),
    ("69", "an endpoint is unavailable"),
    ("73", "output cannot be written"),
    (
        "1",
        "the turn failed (also where the child exits 0), check found violations, or something is owed",
    ),
    ("0", "all is well"),
];

impl Exit {
    /// The number for `exit(2)`; for a signal the 128+n by which a shell reports it.
    pub fn code(self) -> u8 {
        match self {
            Exit::Success => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Malformed => 65,
            Exit::Unavailable => 69,
            Exit::CannotWrite => 73,
            Exit::RateLimited => 75,
            Exit::Taken => 79,
            Exit::Timeout => 124,
            Exit::Internal => 125,
            Exit::NotExecutable => 126,
            Exit::NotFound => 127,
            Exit::Cancelled => 130,
            Exit::Child(code) => code,
            Exit::Signal(n) => u8::try_from(128 + n).unwrap_or(u8::MAX),
        }
    }

    /// The one of two reasons that comes first in [`TABLE`].
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Exit::Child(_), Exit::Child(_)) | (Exit::Signal(_), Exit::Signal(_)) => self,
            _ => self.min(other),
        }
    }

    /// Meaning of the status of another spile.
    pub fn of_spile(status: u8) -> Self {
        let known = [
            Exit::Success,
            Exit::RateLimited,
            Exit::Taken,
            Exit::Timeout,
            Exit::Internal,
            Exit::NotExecutable,
            Exit::NotFound,
            Exit::Cancelled,
        ];
        known.into_iter().find(|exit| exit.code() == status).unwrap_or(Exit::Child(status))
    }

    /// The status of a turn that ended with the `turn_failed` error `code`.
    pub fn of_failure(code: &str) -> Self {
        match code {
            "rate_limited" => Exit::RateLimited,
            code if code.starts_with("timeout_") => Exit::Timeout,
            _ => Exit::Failed,
        }
    }
}

/// Error that ends a command with this status.
#[derive(Debug)]
pub struct Refusal {
    pub exit: Exit,
    pub why: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_row_wins() {
        assert_eq!(Exit::Failed.or(Exit::Child(3)), Exit::Child(3));
        assert_eq!(Exit::RateLimited.or(Exit::Child(3)), Exit::RateLimited);
        assert_eq!(Exit::Success.or(Exit::Failed), Exit::Failed);
        assert_eq!(Exit::Signal(15).or(Exit::Failed), Exit::Signal(15));
        assert_eq!(Exit::Signal(9).code(), 137);
    }

    #[test]
    fn the_order_follows_the_table() {
        let all = [
            Exit::Usage,
            Exit::Internal,
            Exit::NotExecutable,
            Exit::NotFound,
            Exit::Taken,
            Exit::Signal(2),
            Exit::Cancelled,
            Exit::Timeout,
            Exit::RateLimited,
            Exit::Child(3),
            Exit::Malformed,
            Exit::Unavailable,
            Exit::CannotWrite,
            Exit::Failed,
            Exit::Success,
        ];
        assert_eq!(all.len(), TABLE.len());
        assert!(all.is_sorted());
        for (exit, (status, meaning)) in all.iter().zip(TABLE) {
            if let Ok(status) = status.parse::<u8>() {
                assert_eq!(exit.code(), status, "{meaning}");
            }
        }
    }
}
