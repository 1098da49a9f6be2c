//! End of a part. No later text can change a decision, so that it does not depend on the amount of held text.

mod ends;
mod inside;

use super::lines::{Group, Line, Lines};
use super::{Options, Pace, room_for};
use crate::text::markdown::Kind;
use crate::text::units::Size;
use ends::Code;

/// End of a part, in bytes of the held text.
#[derive(Debug, Default)]
pub(super) struct Cut {
    pub end: usize,
    /// Start of the next part.
    pub next: usize,
    pub close: String,
    pub last: bool,
    pub broken: bool,
    /// Nothing is put before this part: a grapheme needs the room.
    pub bare: bool,
}

/// More text is needed.
struct Wait;

/// A possible end of the part, in offsets of the text.
#[derive(Debug, Clone, Copy)]
struct CutPlace {
    end: usize,
    next: usize,
    /// Line of the fence that must be closed there.
    fence: Option<usize>,
}

/// Classes of places at line ends, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Paragraph,
    Block,
    Line,
    /// The part would end with a heading, a table's header or a line that ends in a colon.
    Lonely,
    /// A fence that fits would be cut, or a fence without a line of code would be left.
    Hurting,
}

const CLASSES: usize = 5;

/// The last place of each class, and the last one that makes the part full enough.
#[derive(Debug, Default)]
struct Places {
    any: [Option<CutPlace>; CLASSES],
    full: [Option<CutPlace>; CLASSES],
    /// Breaks inside lines at the end of a sentence or a word, true if the part is full enough.
    sentence: Option<(CutPlace, bool)>,
    space: Option<(CutPlace, bool)>,
    row: Option<CutPlace>,
    /// End of the last heading or table's header with which the part would end.
    heading: usize,
    /// Line in which the room ends.
    cross: usize,
}

/// Text before a part that begins with the held text; `None` if the structure of its first line is not certain yet.
pub(super) fn open(lines: &Lines) -> Option<String> {
    let (line, opened) = match lines.whole.front() {
        Some(line) => (line.clone(), None),
        None if lines.has_tail() => lines.tail()?,
        None if lines.ended => return Some(String::new()),
        None => return None,
    };
    let group = line.group.and_then(|group| lines.group(group)).or(opened.as_ref());
    Some(match (line.kind, group) {
        (Kind::Code | Kind::Closer, Some(fence)) if line.cut => {
            format!("{}{}", fence.open, fence.line)
        }
        (Kind::Opener, Some(fence)) if line.cut && line.start >= fence.marker => {
            format!("{}{}", fence.bare, fence.line)
        }
        (Kind::Code | Kind::Closer, Some(fence)) => fence.open.clone(),
        (Kind::Opener, Some(fence)) if !line.cut && !line.mid => Some(&fence.item)
            .filter(|item| room_for(&lines.limits, item, &fence.close).is_some())
            .cloned()
            .unwrap_or_default(),
        (Kind::Row, Some(table)) if !line.cut => table.open.clone(),
        // A quote is continued where its marks are gone, or were not written.
        _ if (line.cut || line.lazy || line.mid)
            && room_for(&lines.limits, &line.quote, "").is_some() =>
        {
            line.quote.clone()
        }
        _ => String::new(),
    })
}

/// End of the part that begins with the held text, behind `open`; or the further bytes without which no decision is possible.
pub(super) fn decide(options: &Options, lines: &Lines, open: &str) -> Result<Cut, usize> {
    let limits = &options.limits;
    let tail = lines.tail();
    let view = View {
        options,
        lines,
        room: limits.max() - limits.size(open),
        open: limits.size(open),
        at: lines.whole.front().map_or(lines.at, |line| line.at),
        total: lines.total(),
        unknown: tail.is_none() && lines.has_tail(),
        tail,
    };
    if let Some(cut) = view.eager() {
        return Ok(cut);
    }
    let slack = view.room - (view.total - view.at);
    let fits = (view.total - view.at).within(view.room);
    if fits && !lines.ended {
        let more = slack.0.iter().zip(&limits.0).map(|(n, _)| n + 1).min();
        return Err(if options.pace == Pace::Eager { 1 } else { more.unwrap_or(1) });
    }
    let cut = view.rest().and_then(|rest| rest.map_or_else(|| view.cut(), Ok));
    cut.map_err(|Wait| lines.held.len() / 128)
}

struct View<'a> {
    options: &'a Options,
    lines: &'a Lines,
    /// Room for the body and its closing.
    room: Size,
    open: Size,
    /// Size of all text before the part.
    at: Size,
    total: Size,
    /// The unended line, and the fence that it opens.
    tail: Option<(Line, Option<Group>)>,
    /// There is such a line, and its structure is not certain.
    unknown: bool,
}

impl View<'_> {
    fn get(&self, i: usize) -> Option<&Line> {
        let whole = &self.lines.whole;
        match whole.get(i) {
            Some(line) => Some(line),
            None if i == whole.len() => self.tail.as_ref().map(|(line, _)| line),
            None => None,
        }
    }

    fn is_tail(&self, i: usize) -> bool {
        i >= self.lines.whole.len()
    }

    fn fence(&self, line: &Line) -> Option<&Group> {
        match line.group {
            Some(group) => self.lines.group(group),
            None => self.tail.as_ref().and_then(|(_, group)| group.as_ref()),
        }
    }

    /// The fence that a part must close if it ends in this line, behind an opener's marker.
    fn open_fence(&self, line: &Line) -> Option<&Group> {
        matches!(line.kind, Kind::Opener | Kind::Code).then(|| self.fence(line)).flatten()
    }

    fn close_size(&self, line: &Line) -> Size {
        self.open_fence(line)
            .map_or(Size::default(), |fence| self.options.limits.size(&fence.close))
    }

    /// Most white space at the start of a part, in bytes: more is left out with the line ending before it.
    fn max_space(&self) -> usize {
        self.options.limits.first() / 4
    }

    /// True if a part of this size, with the text before it, is full enough.
    fn full(&self, used: Size) -> bool {
        let used = used + self.open;
        match self.options.min {
            Some(min) => used.0[0] >= min,
            None => {
                let mut each = used.0.iter().zip(&self.options.limits.0);
                each.any(|(n, limit)| limit.max > 0 && n * 3 >= limit.max)
            }
        }
    }

    /// True if a group fits into one part; never for one that began in an earlier part.
    fn group_fits(&self, group: &Group) -> Result<bool, Wait> {
        if group.start < self.lines.base {
            return Ok(false);
        }
        let max = self.options.limits.max();
        if let Some(size) = group.size {
            return Ok(size.within(max));
        }
        // The unended line may be behind it.
        let inside = self.tail.as_ref().filter(|(line, _)| line.kind == Kind::Code);
        let so_far = match inside {
            Some(_) => self.total,
            None => self.lines.at,
        };
        if (so_far - group.at).within(max) { Err(Wait) } else { Ok(false) }
    }

    fn cut_at(&self, place: CutPlace) -> Cut {
        let fence = place.fence.and_then(|i| self.get(i));
        Cut {
            end: place.end - self.lines.base,
            next: place.next - self.lines.base,
            close: fence
                .and_then(|line| self.open_fence(line))
                .map_or(String::new(), |fence| fence.close.clone()),
            ..Cut::default()
        }
    }

    /// With `--eager`: the end of the first finished paragraph that is large enough.
    fn eager(&self) -> Option<Cut> {
        if self.options.pace != Pace::Eager {
            return None;
        }
        for (i, line) in self.lines.whole.iter().enumerate() {
            let used = line.at + self.end_size(line) - self.at;
            if !(used + self.close_size(line)).within(self.room) {
                return None;
            }
            let enough = (used + self.open).0[0] >= self.options.min.unwrap_or(1);
            if !enough || line.blank || line.trimmed <= self.lines.base {
                continue;
            }
            if let Ok(Some((Class::Paragraph, place))) = self.line_end(i, line, Code::Seen) {
                return Some(self.cut_at(place));
            }
        }
        None
    }

    /// All held text, if it fits and the text has ended.
    fn rest(&self) -> Result<Option<Cut>, Wait> {
        if !self.lines.ended {
            let fits = (self.lines.total_trimmed() - self.at).within(self.room);
            return if fits && self.lines.has_tail() { Err(Wait) } else { Ok(None) };
        }
        let (whole, text) = (&self.lines.whole, &self.lines.held);
        let cut = |end: usize, close: &str| {
            let close = close.to_owned();
            Ok(Some(Cut { end, next: text.len(), close, last: true, ..Cut::default() }))
        };
        let close_of = |line| self.open_fence(line).map_or("", |fence| &fence.close);
        let close = whole.back().map_or("", close_of);
        // A body that ends in a line feed needs none before the end of a fence.
        let close = close.strip_prefix('\n').filter(|_| text.ends_with('\n')).unwrap_or(close);
        let used = self.total - self.at + self.options.limits.size(close);
        if used.within(self.room) {
            return cut(text.len(), close);
        }
        let Some(last) = whole.iter().rev().find(|line| !line.blank) else { return cut(0, "") };
        let used = last.at + last.trimmed_size - self.at + self.close_size(last);
        if !used.within(self.room) || last.trimmed <= self.lines.base {
            return Ok(None);
        }
        cut(last.trimmed - self.lines.base, close_of(last))
    }

    /// The best place to cut text that does not fit.
    fn cut(&self) -> Result<Cut, Wait> {
        let mut places = self.line_ends()?;
        let lines = [Class::Paragraph, Class::Block, Class::Line];
        let first = |of: &[Option<CutPlace>; CLASSES]| lines.iter().find_map(|c| of[*c as usize]);
        if let Some(place) = first(&places.full) {
            return Ok(self.cut_at(place));
        }
        self.inline_places(&mut places)?;
        // A part rather ends with a heading or a table's header than inside one.
        let lonely = places.any[Class::Lonely as usize].map_or(self.lines.base, |place| place.end);
        places.sentence = places.sentence.filter(|(place, _)| place.end > places.heading);
        places.space = places.space.filter(|(place, _)| place.end > lonely);
        let full =
            |place: Option<(CutPlace, bool)>| place.filter(|(_, full)| *full).map(|(p, _)| p);
        let place = full(places.sentence)
            .or(full(places.space))
            .or(first(&places.any))
            .or(places.sentence.map(|(p, _)| p))
            .or(places.space.map(|(p, _)| p))
            .or(places.any[Class::Lonely as usize])
            .or(places.row);
        if let Some(place) = place {
            return Ok(self.cut_at(place));
        }
        let cross = self.get(places.cross);
        let fence = cross.and_then(|line| self.open_fence(line));
        if fence.map_or(Ok(false), |fence| self.group_fits(fence))?
            && let Some(place) = places.any[Class::Hurting as usize]
        {
            return Ok(self.cut_at(place));
        }
        self.force(places.cross)
    }
}
