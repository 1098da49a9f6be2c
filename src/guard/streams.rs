//! Several sessions in one input: each has a stream of its own with its own state. A guard emits in one stream at a time; an
//! adapter with one session needs none of this.

use super::block::Blocks;
use super::calls::Calls;
use super::ending::PendingEnd;
use super::{Cached, Config, Guard, Turn};
use crate::exit::Exit;
use crate::time::Time;

/// Limit of the streams of a guard; a session past that gets none.
pub const MAX_STREAMS: usize = 256;

/// Longest id of a stream, in bytes; see [`crate::codec::is_stream_id`].
const MAX_ID: usize = 64;

/// State of one stream.
#[derive(Debug, Default)]
pub(super) struct StreamState {
    /// From 0.
    pub number: usize,
    pub stream: String,
    /// Envelope of its events up to the number, in a turn or outside.
    pub head: Cached<Option<u64>>,
    pub seq: u64,
    pub turns: u64,
    pub turn: Option<Turn>,
    pub blocks: Blocks,
    pub calls: Calls,
    pub pending_end: Option<PendingEnd>,
    /// Exit status by its last turn.
    pub exit: Exit,
    /// Number of turns of all streams that had ended with its last one.
    pub ended: u64,
}

impl StreamState {
    pub(super) fn new(config: &Config, number: usize) -> Self {
        Self {
            number,
            stream: stream(&config.stream, number),
            blocks: Blocks::new(config.max_block.max(16)),
            ..Self::default()
        }
    }
}

/// Id of the stream with this number: the first has the configured id, the others a suffix from `:2` on, for which a long id
/// is cut.
fn stream(id: &str, number: usize) -> String {
    if number == 0 {
        return id.to_owned();
    }
    let suffix = format!(":{}", number + 1);
    let room = MAX_ID.saturating_sub(suffix.len()).min(id.len());
    format!("{}{suffix}", id.get(..room).unwrap_or_default())
}

impl Guard {
    /// Emits in another stream (from 0, less than [`MAX_STREAMS`]; past that the last), then in the one before again.
    pub fn in_stream<T>(&mut self, number: usize, act: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.state.number;
        self.switch(number);
        let result = act(self);
        self.switch(before);
        result
    }

    fn switch(&mut self, number: usize) {
        let number = number.min(MAX_STREAMS - 1);
        if number == self.state.number {
            return;
        }
        if let Some(parked) = self.parked.iter_mut().find(|state| state.number == number) {
            std::mem::swap(&mut self.state, parked);
            return;
        }
        let mut state = StreamState::new(&self.config, number);
        state.pending_end.clone_from(&self.state.pending_end);
        self.parked.push(std::mem::replace(&mut self.state, state));
    }

    pub(super) fn streams(&self) -> impl Iterator<Item = &StreamState> {
        std::iter::once(&self.state).chain(&self.parked)
    }

    /// Streams with an open turn.
    fn in_turn(&self) -> impl Iterator<Item = &StreamState> {
        self.streams().filter(|state| state.turn.is_some())
    }

    pub(super) fn states_mut(&mut self) -> impl Iterator<Item = &mut StreamState> {
        std::iter::once(&mut self.state).chain(&mut self.parked)
    }

    /// Acts in every stream, in order.
    pub(super) fn in_every_stream(&mut self, mut act: impl FnMut(&mut Self)) {
        let mut numbers: Vec<usize> = self.streams().map(|state| state.number).collect();
        numbers.sort_unstable();
        for number in numbers {
            self.in_stream(number, &mut act);
        }
    }

    /// True if a turn is open.
    pub fn turn_open(&self) -> bool {
        self.state.turn.is_some()
    }

    /// The number of the last turn that was opened; 0 before the first.
    pub fn turns(&self) -> u64 {
        self.state.turns
    }

    /// Number of turns that were opened in all streams.
    pub fn all_turns(&self) -> u64 {
        self.streams().map(|state| state.turns).sum()
    }

    /// The configured id.
    pub fn stream(&self) -> &str {
        &self.config.stream
    }

    /// Gives the run another stream id. For a guard that has emitted nothing.
    pub fn rename(&mut self, stream: String) {
        self.config.stream = stream;
        self.state = StreamState::new(&self.config, 0);
    }

    /// A human's name for it.
    pub fn label(&self) -> Option<&str> {
        self.config.label.as_deref()
    }

    /// Stream and number of an open turn, of the first stream that has one.
    pub fn open_turn(&self) -> Option<(&str, u64)> {
        let first = self.in_turn().min_by_key(|state| state.number)?;
        Some((&first.stream, first.turns))
    }

    /// Number of the stream with this id.
    pub fn number_of(&self, id: &str) -> Option<usize> {
        self.streams().find(|state| state.stream == id).map(|state| state.number)
    }

    /// Numbers of the streams with an open turn, in order.
    pub fn open_streams(&self) -> Vec<usize> {
        let mut numbers: Vec<usize> = self.in_turn().map(|state| state.number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Stream and number of the open turn of one stream.
    pub fn open_turn_in(&self, number: usize) -> Option<(&str, u64)> {
        let state = self.in_turn().find(|state| state.number == number)?;
        Some((&state.stream, state.turns))
    }

    /// True if a cancel is pending.
    pub fn is_cancelling(&self) -> bool {
        self.streams().any(|state| matches!(state.pending_end, Some(PendingEnd::Cancel { .. })))
    }

    /// Number of the last event of the current stream.
    pub fn seq(&self) -> u64 {
        self.state.seq
    }

    /// Id and name of each open tool of all streams.
    pub fn open_tools(&self) -> impl Iterator<Item = (&str, &str)> {
        let turns = self.streams().filter_map(|state| state.turn.as_ref());
        turns.flat_map(|turn| turn.tools.open())
    }

    /// Number of open turns in all streams.
    pub fn turns_open(&self) -> u64 {
        self.in_turn().count() as u64
    }

    /// True if the main agent has answered in the open turn.
    pub fn answered(&self) -> bool {
        self.state.turn.as_ref().is_some_and(|t| t.answered)
    }

    /// Start of the oldest open tool of all streams.
    pub fn tool_since(&self) -> Option<Time> {
        let turns = self.streams().filter_map(|state| state.turn.as_ref());
        turns.filter_map(|turn| turn.tools.oldest()).min()
    }

    /// Exit status by the last turn; of several streams success if the last turn of each completed, else the status of the
    /// last one that did not.
    pub fn exit(&self) -> Exit {
        let failed = self.streams().filter(|state| state.exit != Exit::Success);
        failed.max_by_key(|state| state.ended).map_or(Exit::Success, |state| state.exit)
    }
}
