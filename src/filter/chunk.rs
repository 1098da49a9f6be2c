//! chunk: text cut to a channel's limits. Parts replace the deltas and finals of the chosen texts; all else passes
//! unchanged. A part never depends on how the text was sliced.

mod block;
mod presets;
#[cfg(test)]
mod tests;

use super::{Filter, Out};
use crate::codec;
use crate::event::{Event, Raw, Type};
use crate::named::Named;
use crate::streams::Streams;
use crate::text::cut;
use crate::time::Time;
use block::{ChunkBlock, Final};

pub use presets::{PRESETS, Preset, preset_limits};

/// Blocks of a stream that may be open at once; past that the oldest is closed.
const MAX_BLOCKS: usize = 256;

/// Kinds of texts that are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kinds {
    /// Text for the user.
    #[default]
    Answer,
    /// The model's thinking.
    Reasoning,
    /// Both.
    All,
}

impl Named for Kinds {
    const ALL: &'static [(&'static str, &'static str, Self)] = &[
        ("answer", "What is for the user", Self::Answer),
        ("reasoning", "The model's thinking", Self::Reasoning),
        ("all", "Both", Self::All),
    ];
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

/// Origins of texts that are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Voices {
    /// The main agent.
    #[default]
    Agent,
    /// Sub-agents too: texts with a `parent`.
    All,
}

/// Texts to cut, and the way to cut them.
#[derive(Debug, Clone)]
pub struct Options {
    /// Kinds of the texts.
    pub kinds: Kinds,
    /// Origins of the texts.
    pub voices: Voices,
    /// The way to cut them.
    pub cut: cut::Options,
}

/// The filter.
#[derive(Debug)]
pub struct Chunk {
    options: Options,
    streams: Streams<Stream>,
    /// Events so far, to find the longest silent stream.
    clock: u64,
}

#[derive(Debug, Default)]
struct Stream {
    /// The turn whose deltas are trusted: its beginning was seen, and no gap since.
    trusted: Option<u64>,
    blocks: Vec<ChunkBlock>,
    used: u64,
}

impl Chunk {
    /// A filter at the start of its input.
    pub fn new(options: Options) -> Self {
        Self { options, streams: Streams::default(), clock: 0 }
    }

    /// State of a stream, and the way to cut its texts. Past the limit, the longest silent stream is forgotten and its
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

    /// True if a text of this kind and parent is cut.
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
        let at = state.blocks.iter().position(|b| b.block == body.block);
        let mut block = match at {
            Some(at) => state.blocks.remove(at),
            None => {
                let names = [body.block.clone(), body.kind.clone()];
                let from = [body.label.clone(), body.parent.clone()];
                ChunkBlock::new(event, names, from, options)
            }
        };
        block.mended |= mended.is_some();
        block.finish(now, event, &body, out);
    }

    fn on_delta(&mut self, now: Time, event: &Event<'_>, stream: &str, out: &mut Out<'_>) {
        let delta = event.delta.as_ref();
        let Some(delta) = delta.filter(|d| self.takes(d.kind.0, d.parent.map(|p| p.0))) else {
            return out.pass(now, event);
        };
        let (state, options) = self.stream(now, stream, out);
        let at = match state.blocks.iter().rposition(|b| b.is_raw(delta.block.0)) {
            Some(at) => at,
            None => {
                if state.blocks.len() >= MAX_BLOCKS {
                    state.blocks.remove(0).close(now, out);
                }
                let trusted = event.turn.is_some() && state.trusted == event.turn;
                let names = [delta.block.decode(), delta.kind.decode()];
                let from = [delta.label, delta.parent].map(|raw| raw.map(Raw::decode));
                let mut block = ChunkBlock::new(event, names, from, options);
                block.trusted = trusted;
                state.blocks.push(block);
                state.blocks.len() - 1
            }
        };
        state.blocks[at].delta(now, event, delta, out);
    }
}

impl Stream {
    fn close_blocks(&mut self, now: Time, out: &mut Out<'_>) {
        for block in self.blocks.drain(..) {
            block.close(now, out);
        }
    }
}

/// True for a status that reports missing events.
fn is_gap(event: &Event<'_>) -> bool {
    let kind = || codec::value_of(event.line, "kind").and_then(codec::text);
    event.line.contains("gap") && kind().is_some_and(|kind| kind == "gap")
}

/// A flush emits nothing: a line that is no event belongs to no stream, and parts would depend on it.
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
            Type::Status if is_gap(event) => {
                let (state, _) = self.stream(now, stream, out);
                state.trusted = None;
                state.blocks.iter_mut().for_each(|block| block.trusted = false);
                out.pass(now, event);
            }
            kind => {
                if kind.is_terminal() {
                    // wrap closes every block before; other sources may not.
                    self.stream(now, stream, out).0.close_blocks(now, out);
                }
                out.pass(now, event);
            }
        }
    }

    fn on_end(&mut self, now: Time, out: &mut Out<'_>) {
        for mut stream in self.streams.drain() {
            stream.close_blocks(now, out);
        }
    }
}
