//! Files of background runs, without IO: how an event file is closed, read while it grows, and summed up; which runs are
//! selected, and how several become one sequence.

pub mod closing;
pub mod cursor;
mod first;
pub mod follow;
pub mod history;
pub mod info;
pub mod past;
pub mod prune;
pub mod select;
pub mod thin;

/// Longest line of an event file that is read, in bytes. wrap writes none that is longer with its default limits.
pub const MAX_LINE: usize = 256 << 20;
