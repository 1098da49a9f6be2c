//! Choice of the finished runs that are removed, without IO: by age, by number and by size.

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::time::Time;

/// Limits of the finished runs that stay. `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Longest time since the end of a run.
    pub older: Option<Duration>,
    /// Number of runs.
    pub keep: Option<usize>,
    /// Size of all runs together, in bytes.
    pub size: Option<u64>,
}

/// A finished run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// Time of its end.
    pub ended: Time,
    /// Size of its files, in bytes.
    pub bytes: u64,
}

impl Limits {
    /// Limits of a command that names none: 14 days, 200 runs, 2 GiB.
    pub const USUAL: Self = Self {
        older: Some(Duration::from_secs(14 * 24 * 3600)),
        keep: Some(200),
        size: Some(2 << 30),
    };

    /// Number of runs to remove, from the first on. `runs` are in the order of their ends.
    pub fn excess(&self, runs: &[Finished], now: Time) -> usize {
        // Each limit removes runs from the first on, so the strictest one decides.
        let old =
            self.older.map_or(0, |age| runs.partition_point(|run| now.since(run.ended) > age));
        let many = self.keep.map_or(0, |keep| runs.len().saturating_sub(keep));
        let large = self.size.map_or(0, |size| {
            let mut left: u64 = runs.iter().map(|run| run.bytes).fold(0, u64::saturating_add);
            let too_much = |run: &&Finished| {
                let is_excess = left > size;
                left = left.saturating_sub(run.bytes);
                is_excess
            };
            runs.iter().take_while(too_much).count()
        });
        old.max(many).max(large)
    }
}
