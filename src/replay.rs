//! Replay of recorded sessions. Pure: bytes go in, parts with a place in time are queued.

pub mod find;
mod gaps;
mod pace;
mod player;
mod queue;
pub(crate) mod raw;
pub mod select;
#[cfg(feature = "http")]
pub mod sse;

use crate::stage::Reading;

use find::Start;
pub use gaps::Gap;
pub use pace::Pace;
pub use player::Replay;
pub use queue::{Mark, To};

/// Largest part of a turn kept in memory until it is known to be selected: 64 MiB.
pub const MAX_KEPT: usize = 64 << 20;

#[derive(Debug, Clone)]
pub struct Options {
    pub select: select::Options,
    /// True if events leave at their places in time, not at once.
    pub paced: bool,
    /// True if `ts` becomes the time at which the event leaves.
    pub restamp: bool,
    pub watched: bool,
    pub reading: Reading,
}

pub struct Begin {
    pub name: String,
    pub start: Start,
    /// Counts the lines before the offset, if a line must be named.
    pub lines_before: Box<dyn Fn() -> u64>,
}

impl Begin {
    pub fn first(name: &str) -> Self {
        Self { name: name.to_owned(), start: Start::default(), lines_before: Box::new(|| 0) }
    }
}

#[cfg(test)]
mod tests;
