//! One line of the held text, with all that a cut needs.

use crate::text::markdown::Kind;
use crate::text::units::Size;

/// One line. Offsets count from the beginning of the whole text.
#[derive(Debug, Clone, Default)]
pub(in crate::text::cut) struct Line {
    pub start: usize,
    /// End without white space.
    pub trimmed: usize,
    /// End without its line ending.
    pub end: usize,
    /// Start of the next line; `end` for an unended line.
    pub next: usize,
    /// Size of all text before it, from some beginning.
    pub at: Size,
    /// Size up to `trimmed` and up to `end`.
    pub trimmed_size: Size,
    pub size: Size,
    pub kind: Kind,
    /// A block begins with it.
    pub starts: bool,
    /// Start of its text, behind markers and indentation.
    pub content: usize,
    /// White space alone.
    pub blank: bool,
    /// Its fence or table.
    pub group: Option<usize>,
    /// Its beginning has left with an earlier part.
    pub cut: bool,
    /// Its quote marks; of a lazy line those that it leaves out too.
    pub quote: String,
    /// Continues a quoted paragraph without a mark of its own.
    pub lazy: bool,
    /// A piece of a line, behind the first.
    pub mid: bool,
    /// Inline code, or text up to some: its end is no line's end.
    pub span: bool,
}

impl Line {
    /// An empty line behind text of this size.
    pub(super) fn new(start: usize, at: Size) -> Self {
        Self {
            start,
            trimmed: start,
            end: start,
            next: start,
            at,
            content: start,
            ..Self::default()
        }
    }

    /// True if both lines are of the same kind in the same group.
    pub(super) fn like(&self, other: &Line) -> bool {
        (self.kind, self.group) == (other.kind, other.group) && !self.cut && !other.cut
    }
}
