//! Text cut into parts that a channel takes: a function of the text and the options alone, never of how the text came.
//!
//! A [`Cutter`] holds only what is undecided, at most about twice the limit, and its cost is linear. Where rules collide
//! the earlier wins: limit, conservation, grapheme, fence, the rest.

mod decide;
mod lines;
#[cfg(test)]
pub(crate) mod tests;

use super::units::{Limits, Size, is_blank, shows};
use crate::named::Named;
use decide::{Cut, CutDecision};
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
    /// How the channel finds fences.
    pub fences: Fences,
}

/// How a channel finds fences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fences {
    /// As CommonMark 0.31.2 (4.5): a line that begins with three backticks or tildes, up to one of nothing else.
    #[default]
    Lines,
    /// Three backticks or more anywhere, up to the next ones anywhere: Discord, Telegram, Slack and WhatsApp.
    Anywhere,
}

impl Named for Fences {
    const ALL: &'static [(&'static str, &'static str, Self)] =
        &[("lines", "", Self::Lines), ("anywhere", "", Self::Anywhere)];
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

/// One part: `open` + `body` + `close` is what is sent, and the bodies, each between its `lead` and its `glue`, are the text.
///
/// No body is white space alone, unless the whole text is: then there is one part, which has it as glue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Part {
    /// White space of the text that is left out before this part, because no part before it could carry it.
    pub lead: String,
    /// Put before the body: a fence's opener, a table's header.
    pub open: String,
    /// The text's own.
    pub body: String,
    /// Put behind the body: a fence's end.
    pub close: String,
    /// White space of the text that is left out behind this part; of one line a part, NUL and SOH too.
    pub glue: String,
    /// True if the text ends with it.
    pub last: bool,
    /// True if a grapheme cluster larger than the limit had to be cut.
    pub broken: bool,
}

impl Part {
    /// True if nothing of it would show: it is all of a text of white space.
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
    /// What the next part begins with, once its first line can be told.
    open: Option<String>,
    /// No decision is possible before so many bytes are held.
    next_try: usize,
}

/// Bytes that are taken at once, so that a long text is never held whole.
const STEP: usize = 4096;

impl Cutter {
    /// A cutter that holds nothing yet.
    pub fn new(options: Options) -> Self {
        let lines = Lines::new(options.limits.clone(), options.fences);
        Self { options, lines, lead: String::new(), open: Some(String::new()), next_try: 0 }
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

    /// Ends the text: says the rest, of which the last part is marked. A text of nothing or of white space is one empty part.
    pub fn finish(mut self, mut each: impl FnMut(Part)) {
        self.lines.end();
        self.next_try = 0;
        self.decide(&mut each);
    }

    fn decide(&mut self, each: &mut impl FnMut(Part)) {
        while self.lines.text().len() >= self.next_try {
            let verdict = match self.open.take().or_else(|| decide::open(&self.lines)) {
                None => CutDecision::Wait(1),
                Some(open) => {
                    let verdict = decide::decide(&self.options, &self.lines, &open);
                    self.open = Some(open);
                    verdict
                }
            };
            match verdict {
                CutDecision::Wait(more) => {
                    self.next_try = self.lines.text().len() + more.max(1);
                }
                CutDecision::Cut(cut) => match self.settled(cut) {
                    None => self.next_try = self.lines.text().len() + 1,
                    Some(cut) => {
                        self.next_try = if cut.last { usize::MAX } else { 0 };
                        self.take(cut).into_iter().for_each(&mut *each);
                    }
                },
            }
        }
    }

    /// The cut, as the last one if white space alone is left behind it; `None` while more may come of that.
    fn settled(&self, mut cut: Cut) -> Option<Cut> {
        let (before, rest) = self.lines.text().split_at(cut.next);
        let blank = rest.find(|c| !is_blank(c)).unwrap_or(rest.len());
        if cut.last {
            return Some(cut);
        }
        if blank == rest.len() {
            cut.last = self.lines.ended();
            cut.next += blank;
            return cut.last.then_some(cut);
        }
        // What is left of the line is white space: it goes with its ending; outside of code blank lines go too.
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
        let text = self.lines.text();
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

/// All parts of a text that is there at once.
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
