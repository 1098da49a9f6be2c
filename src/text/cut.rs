//! Text cut into parts that a channel takes: a function of the text and the options alone, never of how the text came.
//!
//! A [`Cutter`] holds only what is undecided, at most about twice the limit, and its cost is linear. Where rules collide
//! the earlier wins: limit, conservation, grapheme, fence, the rest.

mod decide;
mod lines;
#[cfg(test)]
pub(crate) mod tests;

use super::units::{Limits, Size};
use decide::{Cut, Verdict};
use lines::Lines;

/// The least that a part can be limited to, in any unit: less has no room for a fence.
pub const MIN_MAX: usize = 16;

/// How text is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// What every part keeps to, whatever is put around it.
    pub limits: Limits,
    /// How much, in the first limit's unit, a part should have before a better place is preferred to a fuller part;
    /// a third of any limit if it is not said.
    pub min: Option<usize>,
    /// When a part leaves although more would fit.
    pub pace: Pace,
}

/// When a part leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// When it is full.
    #[default]
    Full,
    /// When a paragraph is finished, too.
    Eager,
}

/// One part: `open` + `body` + `close` is what is sent, and the bodies, each followed by its `glue`, are the text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Part {
    /// Put before the body: a fence's opener, a table's header.
    pub open: String,
    /// The text's own.
    pub body: String,
    /// Put behind the body: a fence's end.
    pub close: String,
    /// White space of the text that is left out behind this part.
    pub glue: String,
    /// Whether the text ends with it.
    pub last: bool,
    /// Whether a grapheme cluster larger than the limit had to be cut.
    pub broken: bool,
}

/// The cutter of one text.
#[derive(Debug)]
pub struct Cutter {
    options: Options,
    lines: Lines,
    /// What the next part begins with, once its first line can be told.
    open: Option<String>,
    /// No decision is possible before so many bytes are held.
    next_try: usize,
}

/// Bytes that are taken at once, so that a long text is never held whole.
const STEP: usize = 4096;

impl Cutter {
    /// A cutter that holds nothing yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let lines = Lines::new(options.limits.clone());
        Self { options, lines, open: Some(String::new()), next_try: 0 }
    }

    /// Takes more of the text, and says the parts that no later text can change.
    pub fn push(&mut self, mut text: &str, mut each: impl FnMut(Part)) {
        while !text.is_empty() {
            let mut step = STEP.min(text.len());
            while !text.is_char_boundary(step) {
                step += 1;
            }
            let (head, rest) = text.split_at(step);
            self.lines.push(head);
            text = rest;
            self.decide(&mut each);
        }
    }

    /// Ends the text: says the rest, of which the last part is marked. A text of nothing is one empty part.
    pub fn finish(mut self, mut each: impl FnMut(Part)) {
        self.lines.end();
        self.next_try = 0;
        self.decide(&mut each);
    }

    fn decide(&mut self, each: &mut impl FnMut(Part)) {
        while self.lines.text().len() >= self.next_try {
            let verdict = match self.open.take().or_else(|| decide::open(&self.lines)) {
                None => Verdict::Wait(1),
                Some(open) => {
                    let verdict = decide::decide(&self.options, &self.lines, &open);
                    self.open = Some(open);
                    verdict
                }
            };
            match verdict {
                Verdict::Wait(more) => {
                    self.next_try = self.lines.text().len() + more.max(1);
                }
                Verdict::Cut(cut) => {
                    self.next_try = if cut.last { usize::MAX } else { 0 };
                    each(self.take(cut));
                }
            }
        }
    }

    fn take(&mut self, cut: Cut) -> Part {
        let text = self.lines.text();
        let part = Part {
            open: self.open.take().filter(|_| !cut.bare).unwrap_or_default(),
            body: text[..cut.end].to_owned(),
            close: cut.close,
            glue: text[cut.end..cut.next].to_owned(),
            last: cut.last,
            broken: cut.broken,
        };
        self.lines.cut(cut.next);
        part
    }
}

/// All parts of a text that is there at once.
#[must_use]
pub fn cut(text: &str, options: &Options) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut cutter = Cutter::new(options.clone());
    cutter.push(text, |part| parts.push(part));
    cutter.finish(|part| parts.push(part));
    parts
}

/// What must be put before and behind a part that is cut inside a fence.
fn room_for(limits: &Limits, open: &str, close: &str) -> Option<Size> {
    let around = limits.size(open) + limits.size(close);
    // Two thirds at most, so that what is said makes headway; of a line limit all.
    let fits = around.0.iter().zip(limits.list()).all(|(n, limit)| {
        if limit.unit == super::units::Unit::LineFeeds {
            *n <= limit.max
        } else {
            n * 3 <= limit.max * 2
        }
    });
    fits.then_some(around)
}
