//! replay: a recorded session again, line by line as it stands in the recording. Pure: bytes come in, and parts that have a
//! place in time wait in a queue; `run` reads, waits and writes.

pub mod find;
mod player;
mod queue;
pub(crate) mod raw;
#[cfg(feature = "http")]
pub mod sse;

use crate::codec::Lines;
use crate::exit::Exit;
use crate::filter::select::{self, Jump};
use crate::stage::{Io, Reading};
use crate::time::Time;

use player::Player;
pub use queue::{Mark, Queue, To};

/// Most of a turn that is kept in memory until it is known whether it holds the number asked for, in bytes: 64 MiB.
pub const MAX_KEPT: usize = 64 << 20;

/// How its events leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// At once.
    AtOnce,
    /// One part at a time, each with its place in time.
    Paced,
}

/// What becomes of `ts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// It stays.
    Recorded,
    /// It becomes the time at which the event leaves.
    Now,
}

/// How a recording is played.
#[derive(Debug, Clone)]
pub struct Options {
    /// What of it is wanted.
    pub select: select::Options,
    /// How its events leave.
    pub mode: Mode,
    /// What becomes of `ts`.
    pub stamp: Stamp,
    /// True if somebody wants to see how far it has got.
    pub watched: bool,
    /// How lines are read.
    pub reading: Reading,
}

/// Where a source's bytes begin.
pub struct Begin {
    /// What the source is called in messages.
    pub name: String,
    /// How far into it they begin, in bytes.
    pub offset: u64,
    /// Counts the lines in front of that; asked only if a line must be named.
    pub lines_before: Box<dyn Fn() -> u64>,
}

impl Begin {
    /// The beginning of a source.
    #[must_use]
    pub fn first(name: &str) -> Self {
        Self { name: name.to_owned(), offset: 0, lines_before: Box::new(|| 0) }
    }
}

/// One or more recordings, one after another.
pub struct Replay {
    lines: Lines,
    max_line: usize,
    player: Player,
}

impl Replay {
    /// Plays recordings in this way.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let max_line = options.reading.max_line;
        Self { lines: Lines::new(max_line), max_line, player: Player::new(options) }
    }

    /// The next source begins.
    pub fn on_source(&mut self, begin: Begin) {
        self.lines = Lines::starting(self.max_line, 1, begin.offset);
        self.player.on_source(begin);
    }

    /// The source begins not far from what is wanted, or with it; `first` is the time of its first event.
    pub fn jump(&mut self, jump: Jump, first: Option<Time>) {
        self.player.select.jump(jump, first);
    }

    /// Takes the next bytes of the source.
    pub fn on_bytes(&mut self, bytes: &[u8], io: &mut Io) {
        let Self { lines, player, .. } = self;
        lines.feed(bytes, |piece| player.piece(piece, io));
    }

    /// The source has ended; `broken` says why it could not be read to its end, and the exit status for that.
    pub fn on_source_end(&mut self, broken: Option<(&str, Exit)>, io: &mut Io) {
        let Self { lines, player, .. } = self;
        lines.end(|piece| player.piece(piece, io));
        player.on_source_end(broken, io);
    }

    /// The last source has ended: says what was asked for and is not there.
    pub fn on_end(&mut self, io: &mut Io) {
        for what in self.player.select.missing() {
            io.err.extend_from_slice(format!("spile: {what}\n").as_bytes());
        }
    }

    /// What waits for its time.
    pub fn queue(&mut self) -> &mut Queue {
        &mut self.player.queue
    }

    /// True if nothing more that could come is wanted.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.player.done
    }

    /// True if anything of what was read lay in the range that was asked for.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.player.select.begun()
    }

    /// An agent that is played has ended like this.
    pub fn end(&mut self, exit: Exit) {
        self.player.exit = self.player.exit.or(exit);
    }

    /// The exit status as it stands.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.player.exit()
    }
}

#[cfg(test)]
mod tests;
