//! Several sessions in one input: each has a stream of its own, and what belongs to a stream alone is its state. A guard
//! speaks in one state at a time; whoever has one session never sees another.

use super::block::Blocks;
use super::calls::Calls;
use super::ending::PendingEnd;
use super::{Config, Guard, Turn};
use crate::exit::Exit;
use crate::time::Time;

/// How many streams a guard has at the most; a session past that gets none.
pub const MAX_STREAMS: usize = 256;

/// The longest id of a stream, in bytes; see [`crate::codec::is_stream_id`].
const MAX_ID: usize = 64;

/// What belongs to one stream alone.
#[derive(Debug)]
pub(super) struct StreamState {
    /// From 0.
    number: usize,
    pub stream: String,
    pub seq: u64,
    pub turns: u64,
    pub turn: Option<Turn>,
    pub blocks: Blocks,
    pub calls: Calls,
    pub pending_end: Option<PendingEnd>,
    /// How its last turn would have the process end.
    pub exit: Exit,
    /// How many turns of all streams had ended when its last one did.
    pub ended: u64,
}

impl StreamState {
    pub(super) fn new(config: &Config, number: usize) -> Self {
        Self {
            number,
            stream: stream(&config.stream, number),
            seq: 0,
            turns: 0,
            turn: None,
            blocks: Blocks::new(config.max_block.max(16)),
            calls: Calls::default(),
            pending_end: None,
            exit: Exit::Success,
            ended: 0,
        }
    }
}

/// The id of a state: the first is the stream itself, the others are numbered from 2. One that would be too long loses
/// the end of the stream's.
fn stream(id: &str, number: usize) -> String {
    if number == 0 {
        return id.to_owned();
    }
    let suffix = format!(":{}", number + 1);
    let room = MAX_ID.saturating_sub(suffix.len()).min(id.len());
    format!("{}{suffix}", id.get(..room).unwrap_or_default())
}

impl Guard {
    /// Speaks in another state (from 0, less than [`MAX_STREAMS`]; past that the last), then in the one before again.
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

    fn streams(&self) -> impl Iterator<Item = &StreamState> {
        std::iter::once(&self.state).chain(&self.parked)
    }

    pub(super) fn lanes_mut(&mut self) -> impl Iterator<Item = &mut StreamState> {
        std::iter::once(&mut self.state).chain(&mut self.parked)
    }

    /// Does something in every state there is, in order.
    pub(super) fn in_every_lane(&mut self, mut act: impl FnMut(&mut Self)) {
        let mut numbers: Vec<usize> = self.streams().map(|state| state.number).collect();
        numbers.sort_unstable();
        for number in numbers {
            self.in_stream(number, &mut act);
        }
    }

    pub(super) fn in_first_lane(&self) -> bool {
        self.state.number == 0
    }

    /// True if a turn is open.
    #[must_use]
    pub fn turn_open(&self) -> bool {
        self.state.turn.is_some()
    }

    /// The number of the last turn that was opened; 0 before the first.
    #[must_use]
    pub fn turns(&self) -> u64 {
        self.state.turns
    }

    /// True if a turn is open in any state.
    #[must_use]
    pub fn any_turn_open(&self) -> bool {
        self.streams().any(|state| state.turn.is_some())
    }

    /// How many turns were opened in all streams.
    #[must_use]
    pub fn all_turns(&self) -> u64 {
        self.streams().map(|state| state.turns).sum()
    }

    /// The stream's id, without a state's number.
    #[must_use]
    pub fn stream(&self) -> &str {
        &self.config.stream
    }

    /// A human's name for it.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.config.label.as_deref()
    }

    /// The stream and the number of a turn that is open, of the first state before others.
    #[must_use]
    pub fn open_turn(&self) -> Option<(&str, u64)> {
        let open = self.streams().filter(|state| state.turn.is_some());
        open.min_by_key(|state| state.number).map(|state| (state.stream.as_str(), state.turns))
    }

    /// True if an open turn was pending_end to end as cancelled.
    #[must_use]
    pub fn is_cancelling(&self) -> bool {
        self.streams().any(|state| matches!(state.pending_end, Some(PendingEnd::Cancel { .. })))
    }

    /// The number of the last event of the first state.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.state.seq
    }

    /// The tools that are open in any state: the id and the name of each.
    pub fn open_tools(&self) -> impl Iterator<Item = (&str, &str)> {
        let turns = self.streams().filter_map(|state| state.turn.as_ref());
        turns.flat_map(|turn| turn.tools.open())
    }

    /// How many turns are open in all streams.
    #[must_use]
    pub fn turns_open(&self) -> u64 {
        self.streams().map(|state| u64::from(state.turn.is_some())).sum()
    }

    /// True if the main agent has said anything in the open turn.
    #[must_use]
    pub fn answered(&self) -> bool {
        self.state.turn.as_ref().is_some_and(|t| t.answered)
    }

    /// Since when the oldest of the open tools of any state is open.
    #[must_use]
    pub fn tool_since(&self) -> Option<Time> {
        let turns = self.streams().filter_map(|state| state.turn.as_ref());
        turns.filter_map(|turn| turn.tools.oldest()).min()
    }

    /// The status by which the last turn would have the process end; of several streams success if the last turn of each
    /// completed, else the status of the last one that did not.
    #[must_use]
    pub fn exit(&self) -> Exit {
        let failed = self.streams().filter(|state| state.exit != Exit::Success);
        failed.max_by_key(|state| state.ended).map_or(Exit::Success, |state| state.exit)
    }
}
