//! Values that all parts of a view share: the origin of a line, text that flows, the layout.

use std::sync::Arc;

use super::TextBytes;
use crate::term::marks::Forbidden;
use crate::term::sanitize::Sanitizer;
use crate::term::style::{Look, Paint};
use crate::text::digest::Digest;
use crate::text::floor;

/// Bytes of a text that are processed at once.
pub(super) const PIECE: usize = 64 << 10;

/// Mark before each line of an agent's text in the log of a CI system: none of their commands begins behind it.
pub(super) const GUTTER: &str = "| ";

/// Bytes of an id or a label that are remembered.
pub(super) const MAX_KEY: usize = 256;

/// Origin of a line, for the marks before it.
#[derive(Debug, Clone, Default)]
pub(super) struct Who {
    /// Text before the bar; clean and on one line.
    pub(super) label: Option<Arc<str>>,
    /// From a sub-agent.
    pub(super) nested: bool,
    /// Number of the stream, and of the voice within it: 0 is the main agent.
    pub(super) voice: (u64, u64),
}

impl Who {
    /// Makes it the origin of text under the tool call `parent`.
    pub(super) fn nests(&mut self, parent: Option<&str>) {
        if let Some(parent) = parent {
            self.nested = true;
            self.voice.1 = voice_of(parent);
        }
    }
}

/// Text that arrives in pieces and may be interrupted by others.
#[derive(Debug)]
pub(super) struct Flow {
    /// Unique among all flows.
    pub(super) id: u64,
    pub(super) look: Look,
    pub(super) clean: Sanitizer,
    /// Its last line has not ended.
    pub(super) mid_line: bool,
    /// Within a fenced block, whose lines are not wrapped.
    pub(super) fenced: bool,
}

impl Flow {
    pub(super) fn new(id: u64, look: Look) -> Self {
        Self { id, look, clean: Sanitizer::default(), mid_line: false, fenced: false }
    }
}

/// Time at which the text of a voice becomes visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Pace {
    /// On arrival.
    #[default]
    Live,
    /// On arrival from a single voice, by whole lines from several.
    Lines,
    /// By whole lines.
    WholeLines,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Layout {
    pub(super) paint: Paint,
    pub(super) pace: Pace,
    /// Width at which text breaks, if it does.
    pub(super) wrap: Option<usize>,
    pub(super) bytes: TextBytes,
    /// Marks that text of an agent may not have.
    pub(super) forbidden: Forbidden,
    /// Each line of an agent's text has [`GUTTER`] before it.
    pub(super) gutter: bool,
}

/// Number of the voice under this tool call; the main agent's is 0.
pub(super) fn voice_of(parent: &str) -> u64 {
    Digest::of(key(parent)).hash | 1
}

/// The part of a foreign id that is remembered.
pub(super) fn key(id: &str) -> &str {
    &id[..floor(id, MAX_KEY)]
}
