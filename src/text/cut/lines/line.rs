//! One line of what is held, and what a cut must know of it.

use crate::text::markdown::Kind;
use crate::text::units::Size;

/// One line. Offsets count from the beginning of the text that was ever pushed.
#[derive(Debug, Clone)]
pub(in crate::text::cut) struct Line {
    pub start: usize,
    /// Behind its last character that is no space.
    pub trimmed: usize,
    /// Behind its text, before its line ending.
    pub end: usize,
    /// Where the next line begins; `end` for a line whose ending has not come.
    pub next: usize,
    /// Size of all text before it, from some beginning.
    pub at: Size,
    /// Its size up to `trimmed`, up to `end` and up to `next`.
    pub trimmed_size: Size,
    pub size: Size,
    pub full: Size,
    pub kind: Kind,
    /// True if a block begins with it.
    pub starts: bool,
    /// Where its text begins, behind markers and indentation.
    pub content: usize,
    /// White space alone.
    pub blank: bool,
    /// The fence or table that it belongs to.
    pub group: Option<usize>,
    /// Its beginning has left with an earlier part.
    pub cut: bool,
    /// The quote marks that it begins with, or that it goes on with if it is lazy.
    pub quote: String,
    /// It goes on with a quoted paragraph without a mark of its own.
    pub lazy: bool,
    /// It is a piece of a line, behind the first.
    pub mid: bool,
    /// It is inline code, or goes up to some: its end is no line's end.
    pub span: bool,
}

impl Line {
    /// A line of nothing, behind text of this size.
    pub(super) fn new(start: usize, at: Size) -> Self {
        Self {
            start,
            trimmed: start,
            end: start,
            next: start,
            at,
            trimmed_size: Size::default(),
            size: Size::default(),
            full: Size::default(),
            kind: Kind::Text,
            starts: false,
            content: start,
            blank: false,
            group: None,
            cut: false,
            quote: String::new(),
            lazy: false,
            mid: false,
            span: false,
        }
    }

    /// True if it is the same kind of line in the same place as one behind it.
    pub(super) fn like(&self, other: &Line) -> bool {
        (self.kind, self.group) == (other.kind, other.group) && !self.cut && !other.cut
    }
}
