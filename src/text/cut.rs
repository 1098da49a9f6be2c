//! Text cut into parts within a channel's limits: a function of the text and the options alone, for any slicing.
//!
//! A [`Cutter`] holds only undecided text, at most about twice the limit, and its cost is linear. Where rules collide the
//! earlier wins: limit, conservation, grapheme, fence, the rest.

mod decide;
mod lines;
#[cfg(test)]
pub(crate) mod tests;

use super::ceil;
pub use super::markdown::Fences;
use super::units::{Limits, Size, is_blank, shows};
use decide::Cut;
use lines::Lines;

/// Smallest limit of a part, in any unit: less has no room for a fence.
pub const MIN_MAX: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Limits of every part, with all that is put around it.
    pub limits: Limits,
    /// Size, in the first limit's unit, from which on a better place is preferred to a fuller part; a third of any limit by
    /// default.
    pub min: Option<usize>,
    /// Time at which a part leaves although more would fit.
    pub pace: Pace,
    /// Rule by which the channel finds fences.
    pub fences: Fences,
}

/// Time at which a part leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// As soon as it is full.
    #[default]
    Full,
    /// Also at the end of a paragraph.
    Eager,
}

/// One part: `open` + `body` + `close` is sent, and the bodies, each between its `lead` and its `glue`, are the text.
///
/// No body is white space alone. A text of white space alone is one part, with the text as glue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Part {
    /// White space that is left out before this part because no part before it had room for it.
    pub lead: String,
    /// Put before the body: a fence's opener, a table's header.
    pub open: String,
    /// Text itself.
    pub body: String,
    /// Put behind the body: a fence's end.
    pub close: String,
    /// White space that is left out behind this part; with one line a part, NUL and SOH too.
    pub glue: String,
    /// The text ends with it.
    pub last: bool,
    /// A grapheme cluster larger than the limit was cut.
    pub broken: bool,
}

impl Part {
    /// True for the one part of a text of white space.
    pub fn is_blank(&self) -> bool {
        self.body.is_empty() && self.open.is_empty()
    }
}

/// The cutter of one text.
#[derive(Debug)]
pub struct Cutter {
    options: Options,
    lines: Lines,
    /// White space that fits into no part, for the next one.
    lead: String,
    /// Text before the next part, once the structure of its first line is certain.
    open: Option<String>,
    /// Held bytes before which no decision is possible.
    next_try: usize,
}

/// Bytes that are processed at once, so that a long text is never held whole.
const STEP: usize = 4096;

impl Cutter {
    pub fn new(options: Options) -> Self {
        let lines = Lines::new(options.limits.clone(), options.fences);
        Self { options, lines, lead: String::new(), open: Some(String::new()), next_try: 0 }
    }

    /// Takes more of the text, and emits the parts that no later text can change.
    pub fn push(&mut self, mut text: &str, mut each: impl FnMut(Part)) {
        while !text.is_empty() {
            let (head, rest) = text.split_at(ceil(text, STEP));
            self.lines.push(head);
            text = rest;
            self.decide(&mut each);
        }
    }

    /// Ends the text: emits the rest, with its last part marked. An empty text or one of white space is one empty part.
    pub fn finish(mut self, mut each: impl FnMut(Part)) {
        self.lines.end();
        self.next_try = 0;
        self.decide(&mut each);
    }

    fn decide(&mut self, each: &mut impl FnMut(Part)) {
        while self.lines.held.len() >= self.next_try {
            self.open = self.open.take().or_else(|| decide::open(&self.lines));
            let open = self.open.as_deref().ok_or(1);
            let cut = open.and_then(|open| decide::decide(&self.options, &self.lines, open));
            match cut.and_then(|cut| self.settled(cut).ok_or(1)) {
                Err(more) => self.next_try = self.lines.held.len() + more.max(1),
                Ok(cut) => {
                    self.next_try = if cut.last { usize::MAX } else { 0 };
                    self.take(cut).into_iter().for_each(&mut *each);
                }
            }
        }
    }

    /// The cut, as the last one if only white space is behind it; `None` while more white space may follow.
    fn settled(&self, mut cut: Cut) -> Option<Cut> {
        let (before, rest) = self.lines.held.split_at(cut.next);
        let blank = rest.find(|c| !is_blank(c)).unwrap_or(rest.len());
        if cut.last {
            return Some(cut);
        }
        if blank == rest.len() {
            cut.last = self.lines.ended;
            cut.next += blank;
            return cut.last.then_some(cut);
        }
        // White space at the end of the line is left out with its ending; outside of code blank lines are left out too.
        let mut feeds = memchr::memchr_iter(b'\n', &rest.as_bytes()[..blank]);
        let feed = match (cut.close.is_empty(), before.ends_with('\n')) {
            (true, _) => feeds.next_back(),
            (false, true) => None,
            (false, false) => feeds.next(),
        };
        cut.next += feed.map_or(0, |feed| feed + 1);
        Some(cut)
    }

    fn take(&mut self, cut: Cut) -> Option<Part> {
        let text = &self.lines.held;
        let body = &text[..cut.end];
        if !shows(body) {
            if !cut.last {
                self.lead.push_str(&text[..cut.next]);
                self.open = None;
                self.lines.cut(cut.next);
                return None;
            }
            let glue = std::mem::take(&mut self.lead) + text;
            return Some(Part { glue, last: true, ..Part::default() });
        }
        let part = Part {
            lead: std::mem::take(&mut self.lead),
            open: self.open.take().filter(|_| !cut.bare).unwrap_or_default(),
            body: body.to_owned(),
            close: cut.close,
            glue: text[cut.end..cut.next].to_owned(),
            last: cut.last,
            broken: cut.broken,
        };
        self.lines.cut(cut.next);
        Some(part)
    }
}

/// All parts of a complete text.
pub fn cut(text: &str, options: &Options) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut cutter = Cutter::new(options.clone());
    cutter.push(text, |part| parts.push(part));
    cutter.finish(|part| parts.push(part));
    parts
}

/// Size of `open` and `close` around a part; `None` if they leave too little room.
fn room_for(limits: &Limits, open: &str, close: &str) -> Option<Size> {
    let around = limits.size(open) + limits.size(close);
    // Two thirds at most, so that every part has text; of a line limit all.
    let fits = around.0.iter().zip(&limits.0).all(|(n, limit)| {
        if limit.unit == super::units::Unit::LineFeeds {
            *n <= limit.max
        } else {
            n * 3 <= limit.max * 2
        }
    });
    fits.then_some(around)
}
