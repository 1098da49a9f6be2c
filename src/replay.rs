//! Replay of recorded sessions. Pure: bytes go in, parts with a place in time are queued.

pub mod find;
pub mod pace;
mod player;
mod queue;
pub(crate) mod raw;
pub mod select;
#[cfg(feature = "http")]
pub mod sse;

use crate::codec::Lines;
use crate::exit::Exit;
use crate::stage::{Io, Reading};
use crate::time::Time;

use player::Player;
pub use queue::{Mark, Queue, To};
use select::Jump;

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
    pub offset: u64,
    /// Counts the lines before the offset, if a line must be named.
    pub lines_before: Box<dyn Fn() -> u64>,
}

impl Begin {
    pub fn first(name: &str) -> Self {
        Self { name: name.to_owned(), offset: 0, lines_before: Box::new(|| 0) }
    }
}

pub struct Replay {
    lines: Lines,
    max_line: usize,
    player: Player,
}

impl Replay {
    pub fn new(options: Options) -> Self {
        let max_line = options.reading.max_line;
        Self { lines: Lines::new(max_line), max_line, player: Player::new(options) }
    }

    pub fn on_source(&mut self, begin: Begin) {
        self.lines = Lines::starting(self.max_line, 1, begin.offset);
        self.player.on_source(begin);
    }

    /// Starts near the selection or at it; `first` is the time of the first event.
    pub fn jump(&mut self, jump: Jump, first: Option<Time>) {
        self.player.select.jump(jump, first);
    }

    pub fn on_bytes(&mut self, bytes: &[u8], io: &mut Io) {
        let Self { lines, player, .. } = self;
        lines.feed(bytes, |piece| player.piece(piece, io));
    }

    /// Ends a source; `broken` is an error with its exit status.
    pub fn on_source_end(&mut self, broken: Option<(&str, Exit)>, io: &mut Io) {
        let Self { lines, player, .. } = self;
        lines.end(|piece| player.piece(piece, io));
        player.on_source_end(broken, io);
    }

    /// Ends the last source and reports selections without a match.
    pub fn on_end(&mut self, io: &mut Io) {
        for what in self.player.select.missing() {
            io.warn(what);
        }
    }

    pub fn queue(&mut self) -> &mut Queue {
        &mut self.player.queue
    }

    /// True if no later event can be selected.
    pub fn is_done(&self) -> bool {
        self.player.done
    }

    pub fn has_begun(&self) -> bool {
        self.player.select.begun()
    }

    pub fn end(&mut self, exit: Exit) {
        self.player.exit = self.player.exit.or(exit);
    }

    pub fn exit(&self) -> Exit {
        self.player.exit()
    }
}

#[cfg(test)]
mod tests;
