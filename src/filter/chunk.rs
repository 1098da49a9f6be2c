//! chunk: text cut to a channel's limits. The deltas and finals of the chosen texts go, their parts stand in their place;
//! all else passes as it came. What a part says never depends on how the text was sliced.

mod block;
mod presets;
#[cfg(test)]
mod tests;

use super::streams::Streams;
use super::{Filter, Out};
use crate::codec;
use crate::event::{Event, Type};
use crate::text::cut;
use crate::time::Time;
use block::{BlockHead, ChunkBlock, Final};

pub use presets::{PRESETS, Preset, preset_limits};

/// How many blocks of a stream may be open at once; past that the oldest is closed.
const MAX_BLOCKS: usize = 256;

/// Which texts are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Kinds {
    /// What is for the user.
    #[default]
    Answer,
    /// The model's thinking.
    Reasoning,
    /// Both.
    All,
}

impl Kinds {
    fn take(self, kind: &str) -> bool {
        match self {
            Kinds::Answer => kind == "answer",
            Kinds::Reasoning => kind == "reasoning",
            Kinds::All => matches!(kind, "answer" | "reasoning"),
        }
    }
}

/// Whose texts are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Voices {
    /// The agent's own.
    #[default]
    Agent,
    /// Those of its sub-agents too: texts with a `parent`.
    All,
}

/// What is cut, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which texts.
    pub kinds: Kinds,
    /// Whose.
    pub voices: Voices,
    /// How.
    pub cut: cut::Options,
}

/// The filter.
#[derive(Debug)]
pub struct Chunk {
    options: Options,
    streams: Streams<Stream>,
    /// Events seen, to know who has been silent longest.
    clock: u64,
}

/// State of one stream.
#[derive(Debug, Default)]
struct Stream {
    /// The turn whose deltas are trusted: its beginning was seen, and no gap since.
    trusted: Option<u64>,
    blocks: Vec<ChunkBlock>,
    used: u64,
}

impl Chunk {
    /// A filter that holds nothing yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options, streams: Streams::default(), clock: 0 }
    }

    /// The state of a stream, and how its texts are cut. Past the limit, the stream silent longest is forgotten and its
    /// blocks are closed.
    fn stream(&mut self, now: Time, id: &str, out: &mut Out<'_>) -> (&mut Stream, &cut::Options) {
        self.clock += 1;
        let (at, removed) = self.streams.place(id, Stream::default, |stream| stream.used);
        if let Some(mut removed) = removed {
            removed.close_blocks(now, out);
        }
        let stream = &mut self.streams[at];
        stream.used = self.clock;
        (stream, &self.options.cut)
    }

    /// True if a text of this kind is cut, said under a tool call or not.
    fn takes(&self, kind: &str, child: Option<&str>) -> bool {
        self.options.kinds.take(kind) && (child.is_none() || self.options.voices == Voices::All)
    }

    fn on_final(&mut self, now: Time, event: &Event<'_>, stream: &str, out: &mut Out<'_>) {
        let mended = codec::replace_lone_surrogates(event.line);
        let line = mended.as_deref().unwrap_or(event.line);
        let body = match Final::read(line) {
            Some(body) if self.takes(&body.kind, body.parent.as_deref()) => body,
            _ => return out.pass(now, event),
        };
        let (state, options) = self.stream(now, stream, out);
        let at = state.blocks.iter().position(|b| b.is(&body.block));
        let mut block = match at {
            Some(at) => state.blocks.remove(at),
            None => ChunkBlock::new(BlockHead::of_final(event, &body), options, true),
        };
        if mended.is_some() {
            block.mark_mended();
        }
        block.finish(now, event, &body, out);
    }

    fn on_delta(&mut self, now: Time, event: &Event<'_>, stream: &str, out: &mut Out<'_>) {
        let Some(delta) = event.delta.as_ref() else {
            return out.pass(now, event);
        };
        if !self.takes(delta.kind.0, delta.parent.map(|p| p.0)) {
            return out.pass(now, event);
        }
        let (state, options) = self.stream(now, stream, out);
        let at = match state.blocks.iter().rposition(|b| b.is_raw(delta.block.0)) {
            Some(at) => at,
            None => {
                if state.blocks.len() >= MAX_BLOCKS {
                    state.blocks.remove(0).close(now, out);
                }
                let trusted = event.turn.is_some() && state.trusted == event.turn;
                let head = BlockHead::of_delta(event, delta);
                state.blocks.push(ChunkBlock::new(head, options, trusted));
                state.blocks.len() - 1
            }
        };
        state.blocks[at].delta(now, event, delta, out);
    }
}

impl Stream {
    /// Closes what is open: no more of it comes.
    fn close_blocks(&mut self, now: Time, out: &mut Out<'_>) {
        for block in self.blocks.drain(..) {
            block.close(now, out);
        }
    }

    /// True if a status says that events are missing.
    fn is_gap(event: &Event<'_>) -> bool {
        #[derive(serde::Deserialize)]
        struct Status<'a> {
            #[serde(borrow)]
            kind: std::borrow::Cow<'a, str>,
        }
        event.line.contains("gap")
            && codec::body::<Status<'_>>(&codec::without_lone(event.line))
                .is_ok_and(|status| status.kind == "gap")
    }
}

impl Filter for Chunk {
    fn on_event(&mut self, now: Time, event: &Event<'_>, out: &mut Out<'_>) {
        let Some(stream) = event.stream.as_deref() else {
            return out.pass(now, event);
        };
        match event.kind {
            Type::TextDelta => self.on_delta(now, event, stream, out),
            Type::BlockFinal => self.on_final(now, event, stream, out),
            Type::TurnStarted => {
                let (state, _) = self.stream(now, stream, out);
                state.close_blocks(now, out);
                state.trusted = event.turn;
                out.pass(now, event);
            }
            Type::Status if Stream::is_gap(event) => {
                let (state, _) = self.stream(now, stream, out);
                state.trusted = None;
                state.blocks.iter_mut().for_each(ChunkBlock::distrust);
                out.pass(now, event);
            }
            kind => {
                if kind.is_terminal() {
                    // wrap has closed every block; whoever has not gets them closed here.
                    self.stream(now, stream, out).0.close_blocks(now, out);
                }
                out.pass(now, event);
            }
        }
    }

    fn on_flush(&mut self, _now: Time, _out: &mut Out<'_>) {
        // What passes unseen has no place in any stream, and a flush would make parts depend on it.
    }

    fn on_end(&mut self, now: Time, out: &mut Out<'_>) {
        for mut stream in self.streams.drain() {
            stream.close_blocks(now, out);
        }
    }
}
