//! Where a part ends. Every verdict is one that no later text can change, so that it does not matter how much is held.

use unicode_segmentation::UnicodeSegmentation;

use super::lines::{Group, Line, Lines};
use super::{Options, Pace};
use crate::text::inline::{self, Pieces, floor};
use crate::text::markdown::Kind;
use crate::text::units::{Limits, Size, Unit, boundary_before};

/// What can be said of what is held.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Nothing before so many bytes more have come.
    Wait(usize),
    Cut(Cut),
}

/// The end of a part, in bytes of what is held.
#[derive(Debug, Default)]
pub(super) struct Cut {
    pub end: usize,
    /// Where the next part begins.
    pub next: usize,
    pub close: String,
    pub last: bool,
    pub broken: bool,
    /// Nothing is put before this part after all: a grapheme needs the room.
    pub bare: bool,
}

/// More text is needed.
struct Wait;

/// What comes behind the end of a line.
enum Behind {
    /// This line, behind blank ones or none.
    Line(usize),
    /// So much white space that the next part begins with this line of it.
    Space(usize),
    Nothing,
}

/// A place where the part may end, in offsets of the text.
#[derive(Debug, Clone, Copy)]
struct Place {
    end: usize,
    next: usize,
    /// What must be closed there.
    fence: Option<usize>,
}

/// The classes of places at line ends, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Paragraph,
    Block,
    Line,
    /// A heading or a table's header would be left last.
    Lonely,
    /// A fence that fits would be cut, or code without a line would be left.
    Hurting,
}

const CLASSES: usize = 5;

/// The last place of each class, and the last one that makes the part full enough.
#[derive(Debug, Default)]
struct Places {
    any: [Option<Place>; CLASSES],
    full: [Option<Place>; CLASSES],
    /// Where breaks inside lines end a sentence or a word, with whether the part is full enough.
    sentence: Option<(Place, bool)>,
    space: Option<(Place, bool)>,
    row: Option<Place>,
    /// The line in which the room ends.
    cross: usize,
}

/// What the part that begins with what is held must begin with; `None` if its first line cannot be told yet.
pub(super) fn open(lines: &Lines) -> Option<String> {
    let line = match lines.whole().front() {
        Some(line) => line.clone(),
        None if lines.has_tail() => lines.tail()?.0,
        None if lines.ended() => return Some(String::new()),
        None => return None,
    };
    let group = line.group.and_then(|group| lines.group(group));
    Some(match (line.kind, group) {
        (Kind::Code | Kind::Closer, Some(fence)) if line.cut => {
            format!("{}{}", fence.open, fence.line)
        }
        (Kind::Opener, Some(fence)) if line.cut && line.start > fence.marker => {
            format!("{}{}", fence.bare, fence.line)
        }
        (Kind::Code | Kind::Closer, Some(fence)) => fence.open.clone(),
        (Kind::Row, Some(table)) if !line.cut => table.open.clone(),
        _ => String::new(),
    })
}

/// Where the part that begins with what is held, behind `open`, ends.
pub(super) fn decide(options: &Options, lines: &Lines, open: &str) -> Verdict {
    let limits = &options.limits;
    let tail = lines.tail();
    let view = View {
        options,
        lines,
        limits,
        room: limits.max() - limits.size(open),
        open: limits.size(open),
        base: lines.base(),
        at: lines.at_base(),
        total: lines.total(),
        unknown: tail.is_none() && lines.has_tail(),
        tail,
    };
    if let Some(cut) = view.eager() {
        return Verdict::Cut(cut);
    }
    let slack = view.room - (view.total - view.at);
    let fits = (view.total - view.at).within(view.room);
    if fits && !lines.ended() {
        let more = slack.0.iter().zip(limits.list()).map(|(n, _)| n + 1).min();
        return Verdict::Wait(if options.pace == Pace::Eager {
            1
        } else {
            more.unwrap_or(1)
        });
    }
    match view.rest().and_then(|rest| match rest {
        Some(cut) => Ok(cut),
        None => view.cut(),
    }) {
        Ok(cut) => Verdict::Cut(cut),
        Err(Wait) => Verdict::Wait(lines.text().len() / 128),
    }
}

struct View<'a> {
    options: &'a Options,
    lines: &'a Lines,
    limits: &'a Limits,
    /// What the body and what closes it may have.
    room: Size,
    open: Size,
    /// Where the part begins, and the size of all text before it.
    base: usize,
    at: Size,
    /// The size of all text.
    total: Size,
    /// The line whose ending has not come, and the fence that it opens.
    tail: Option<(Line, Option<Group>)>,
    /// There is such a line, and what it is cannot be told.
    unknown: bool,
}

impl View<'_> {
    fn get(&self, i: usize) -> Option<&Line> {
        let whole = self.lines.whole();
        match whole.get(i) {
            Some(line) => Some(line),
            None if i == whole.len() => self.tail.as_ref().map(|(line, _)| line),
            None => None,
        }
    }

    fn is_tail(&self, i: usize) -> bool {
        i >= self.lines.whole().len()
    }

    fn fence(&self, line: &Line) -> Option<&Group> {
        match line.group {
            Some(group) => self.lines.group(group),
            None => self.tail.as_ref().and_then(|(_, group)| group.as_ref()),
        }
    }

    /// The fence that a part must close if it ends in this line, behind an opener's marker.
    fn open_fence(&self, line: &Line) -> Option<&Group> {
        matches!(line.kind, Kind::Opener | Kind::Code)
            .then(|| self.fence(line))
            .flatten()
    }

    fn close_size(&self, line: &Line) -> Size {
        self.open_fence(line)
            .map_or(Size::default(), |fence| self.limits.size(&fence.close))
    }

    /// The white space behind a cut that is looked at, in bytes.
    fn max_space(&self) -> usize {
        self.limits.first()
    }

    /// Whether a part of this size, with what is put before it, is full enough.
    fn full(&self, used: Size) -> bool {
        let used = used + self.open;
        match self.options.min {
            Some(min) => used.0[0] >= min,
            None => {
                let mut each = used.0.iter().zip(self.limits.list());
                each.any(|(n, limit)| limit.max > 0 && n * 3 >= limit.max)
            }
        }
    }

    /// What comes behind the end of line `i`.
    fn behind(&self, i: usize, line: &Line) -> Result<Behind, Wait> {
        for j in i + 1.. {
            let Some(next) = self.get(j) else {
                return if self.lines.ended() {
                    Ok(Behind::Nothing)
                } else {
                    Err(Wait)
                };
            };
            let indent = next.start + self.lines.look() <= next.next
                && self
                    .lines
                    .slice(next.start, next.next)
                    .bytes()
                    .take(self.lines.look())
                    .all(|c| c.is_ascii_whitespace());
            let far = next.blank && next.next - line.trimmed > self.max_space();
            if indent || (far && !self.is_tail(j)) {
                return Ok(Behind::Space(j));
            }
            if self.is_tail(j) && next.blank {
                return Err(Wait);
            }
            if !next.blank {
                return Ok(Behind::Line(j));
            }
        }
        Err(Wait)
    }

    /// Whether a group that begins in this part fits into one; what began before does not.
    fn group_fits(&self, group: &Group) -> Result<bool, Wait> {
        if group.start < self.base {
            return Ok(false);
        }
        let max = self.limits.max();
        if let Some(size) = group.size {
            return Ok(size.within(max));
        }
        // The line that has not ended may stand behind it.
        let inside = self
            .tail
            .as_ref()
            .filter(|(line, _)| line.kind == Kind::Code);
        let so_far = match inside {
            Some(_) => self.total,
            None => self.lines.at_tail(),
        };
        if (so_far - group.at).within(max) {
            Err(Wait)
        } else {
            Ok(false)
        }
    }

    fn cut_at(&self, place: Place) -> Cut {
        let fence = place.fence.and_then(|i| self.get(i));
        Cut {
            end: place.end - self.base,
            next: place.next - self.base,
            close: fence
                .and_then(|line| self.open_fence(line))
                .map_or(String::new(), |fence| fence.close.clone()),
            ..Cut::default()
        }
    }

    /// With `--eager`: the first paragraph that is finished, if it is large enough.
    fn eager(&self) -> Option<Cut> {
        if self.options.pace != Pace::Eager {
            return None;
        }
        for (i, line) in self.lines.whole().iter().enumerate() {
            let used = line.at + line.trimmed_size - self.at;
            if !(used + self.close_size(line)).within(self.room) {
                return None;
            }
            let enough = (used + self.open).0[0] >= self.options.min.unwrap_or(1);
            if !enough || line.blank || line.trimmed <= self.base {
                continue;
            }
            if let Ok(Some((Class::Paragraph, place))) = self.line_end(i, line, Code::Seen) {
                return Some(self.cut_at(place));
            }
        }
        None
    }

    /// Everything that is left, if it fits and no more can come.
    fn rest(&self) -> Result<Option<Cut>, Wait> {
        let end = self.lines.end_of_text() - self.base;
        if !self.lines.ended() {
            let fits = (self.lines.total_trimmed() - self.at).within(self.room);
            let wait = fits && self.lines.has_tail() && self.space_at_end() <= self.max_space();
            return if wait { Err(Wait) } else { Ok(None) };
        }
        let whole = self.lines.whole();
        let Some(last) = whole.back() else {
            return Ok(Some(Cut {
                last: true,
                ..Cut::default()
            }));
        };
        let close = self.open_fence(last).map_or("", |fence| &fence.close);
        // A body that ends in a line feed brings the one that the end of a fence stands behind.
        let text = self.lines.text();
        let close_all = close.strip_prefix('\n').filter(|_| text.ends_with('\n'));
        let close_all = close_all.unwrap_or(close);
        let used = self.total - self.at + self.limits.size(close_all);
        if used.within(self.room) {
            return Ok(Some(Cut {
                end,
                next: end,
                close: close_all.to_owned(),
                last: true,
                ..Cut::default()
            }));
        }
        let Some(last) = whole.iter().rev().find(|line| !line.blank) else {
            return Ok(None);
        };
        let used = last.at + last.trimmed_size - self.at + self.close_size(last);
        let space = self.lines.end_of_text() - last.trimmed;
        let fits = used.within(self.room) && space <= self.max_space();
        if !fits || last.trimmed <= self.base {
            return Ok(None);
        }
        let close = self.open_fence(last);
        Ok(Some(Cut {
            end: last.trimmed - self.base,
            next: end,
            close: close.map_or(String::new(), |fence| fence.close.clone()),
            last: true,
            ..Cut::default()
        }))
    }

    /// The white space at the end of what is held, in bytes.
    fn space_at_end(&self) -> usize {
        let text = self.lines.text();
        text.len() - text.trim_end().len()
    }

    /// The best place to cut; there is more than fits.
    fn cut(&self) -> Result<Cut, Wait> {
        let mut places = self.line_ends()?;
        let lines = [Class::Paragraph, Class::Block, Class::Line];
        let first = |of: &[Option<Place>; CLASSES]| lines.iter().find_map(|c| of[*c as usize]);
        if let Some(place) = first(&places.full) {
            return Ok(self.cut_at(place));
        }
        self.inline_places(&mut places)?;
        let full = |place: Option<(Place, bool)>| place.filter(|(_, full)| *full).map(|(p, _)| p);
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

    /// The ends of the lines that fit.
    fn line_ends(&self) -> Result<Places, Wait> {
        let mut places = Places::default();
        let mut code = Code::None;
        for i in 0.. {
            let Some(line) = self.get(i) else {
                if self.unknown && self.tail_may_fit() {
                    return Err(Wait);
                }
                break;
            };
            if !(line.at - self.at).within(self.room) {
                break;
            }
            places.cross = i;
            match line.kind {
                Kind::Opener if !line.cut => code = Code::None,
                Kind::Opener | Kind::Code if !line.blank => code = Code::Seen,
                _ => {}
            }
            if line.blank || self.is_tail(i) || line.trimmed <= self.base {
                continue;
            }
            let used = line.at + self.end_size(line) - self.at;
            if !(used + self.close_size(line)).within(self.room) {
                continue;
            }
            if let Some((class, place)) = self.line_end(i, line, code)? {
                let n = class as usize;
                places.any[n] = Some(place);
                if self.full(used) {
                    places.full[n] = Some(place);
                }
            }
        }
        Ok(places)
    }

    /// Whether the line that cannot be told begins in this part.
    fn tail_may_fit(&self) -> bool {
        (self.lines.at_tail() - self.at).within(self.room)
    }

    /// Space at the end of a line of code is code.
    fn end_size(&self, line: &Line) -> Size {
        match line.kind {
            Kind::Code => line.size,
            _ => line.trimmed_size,
        }
    }

    /// What kind of place the end of a line is.
    fn line_end(&self, i: usize, line: &Line, code: Code) -> Result<Option<(Class, Place)>, Wait> {
        if line.end - line.trimmed > self.max_space() {
            return Ok(None);
        }
        let next = match self.behind(i, line)? {
            Behind::Nothing => return Ok(None),
            Behind::Line(next) => next,
            // More white space than is left out at one cut: what comes behind it does not matter.
            Behind::Space(next) => {
                let place = self.get(next).map(|next| Place {
                    end: line.trimmed,
                    next: next.start,
                    fence: Some(i),
                });
                return Ok(place.map(|place| (Class::Paragraph, place)));
            }
        };
        let Some(behind) = self.get(next) else {
            return Ok(None);
        };
        let fence = self.open_fence(line);
        if let Some(fence) = fence.filter(|_| self.goes_on(i, line)) {
            let seen =
                code == Code::Seen && behind.kind == Kind::Code && behind.group == line.group;
            let hurts = self.group_fits(fence)? || !seen;
            let place = Place {
                end: line.end,
                next: line.next,
                fence: Some(i),
            };
            if !fence.close.is_empty() {
                return Ok(Some((
                    if hurts { Class::Hurting } else { Class::Line },
                    place,
                )));
            }
        }
        let adjacent = next == i + 1;
        let lonely = matches!(line.kind, Kind::Heading | Kind::Underline | Kind::Delimiter)
            || (adjacent && matches!(behind.kind, Kind::Underline | Kind::Delimiter));
        let ends = matches!(line.kind, Kind::Closer | Kind::Rule)
            || (line.kind == Kind::Row) != (behind.kind == Kind::Row)
            || fence.is_some();
        let class = match () {
            () if lonely => Class::Lonely,
            () if !adjacent || line.kind == Kind::Gap => Class::Paragraph,
            () if ends || behind.starts => Class::Block,
            () => Class::Line,
        };
        let place = Place {
            end: line.trimmed,
            next: behind.start,
            fence: Some(i),
        };
        Ok(Some((class, place)))
    }

    /// Whether the next line, blank or not, is inside the same fence.
    fn goes_on(&self, i: usize, line: &Line) -> bool {
        self.get(i + 1)
            .is_some_and(|next| next.group == line.group && line.group.is_some())
    }

    /// How much of a line fits, in bytes from its beginning.
    fn fitting(&self, line: &Line) -> usize {
        let around = line.at - self.at + self.close_size(line);
        if !around.within(self.room) {
            return 0;
        }
        let room = self.room - around;
        let text = self.lines.slice(line.start, line.end);
        self.limits.prefix(text, room)
    }

    /// What of a line stays whole, as far as it matters.
    fn pieces(&self, i: usize, line: &Line, upto: usize) -> Result<(&str, Pieces), Wait> {
        let text = self.lines.slice(line.start, line.end);
        // No piece that fits is longer: no unit but graphemes has more than four bytes, and bytes bound those.
        let most = self.limits.list().iter().filter_map(|l| match l.unit {
            Unit::Graphemes | Unit::LineFeeds => None,
            Unit::Bytes => Some(l.max),
            _ => Some(l.max.saturating_mul(4)),
        });
        let longest = most.min().unwrap_or(text.len());
        let most = inline::Most {
            bytes: longest,
            fits: |piece: &str| self.limits.size(piece).within(self.limits.max()),
        };
        let far = upto.saturating_add(longest).saturating_add(8);
        let seen = &text[..floor(text, far)];
        let complete = seen.len() == text.len() && (!self.is_tail(i) || self.lines.ended());
        let pieces = inline::pieces(seen, complete, upto, &most);
        if pieces.unended.is_empty() {
            Ok((seen, pieces))
        } else {
            Err(Wait)
        }
    }

    /// The last places inside lines: the end of a sentence, the end of a word.
    fn inline_places(&self, places: &mut Places) -> Result<(), Wait> {
        for i in (0..=places.cross).rev() {
            let Some(line) = self.get(i) else {
                continue;
            };
            let row = matches!(line.kind, Kind::Row | Kind::Delimiter);
            if line.blank || !(row || matches!(line.kind, Kind::Text | Kind::Heading)) {
                continue;
            }
            let upto = self.fitting(line);
            let (text, pieces) = self.pieces(i, line, upto)?;
            let from = line.content - line.start;
            for found in inline::breaks(text, from, upto, self.max_space(), &pieces) {
                let end = line.start + found.end;
                if end <= self.base {
                    break;
                }
                let place = Place {
                    end,
                    next: line.start + found.next,
                    fence: None,
                };
                let used = || line.at + self.limits.size(&text[..found.end]) - self.at;
                if row {
                    places.row.get_or_insert(place);
                    break;
                }
                if found.sentence && places.sentence.is_none() {
                    places.sentence = Some((place, self.full(used())));
                }
                if places.space.is_none() {
                    places.space = Some((place, self.full(used())));
                }
                if places.sentence.is_some() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// No place is left but between two graphemes, or for want of one between two code points.
    fn force(&self, cross: usize) -> Result<Cut, Wait> {
        for i in (0..=cross).rev() {
            let Some(line) = self.get(i) else {
                continue;
            };
            if line.kind == Kind::Closer && !line.cut {
                continue;
            }
            let mut len = self.fitting(line);
            if matches!(line.kind, Kind::Text | Kind::Heading | Kind::Row) {
                let (_, pieces) = self.pieces(i, line, len)?;
                let piece = pieces.whole.iter().find(|p| p.start < len && len < p.end);
                if let Some(piece) = piece.filter(|p| line.start + p.start > self.base) {
                    len = piece.start;
                }
            }
            let text = self.lines.slice(line.start, line.end);
            if i < cross && len == text.len() && len > 0 && line.kind == Kind::Code {
                // Something of the code is left for what comes behind.
                len = boundary_before(text, floor(text, len - 1));
            }
            let end = line.start + len;
            if end > self.base && (len > 0 || i == 0) {
                let next = if end == line.end && !self.is_tail(i) {
                    line.next
                } else {
                    end
                };
                return Ok(self.cut_at(Place {
                    end,
                    next,
                    fence: Some(i),
                }));
            }
        }
        self.breaking()
    }

    /// Not even one grapheme fits.
    fn breaking(&self) -> Result<Cut, Wait> {
        let Some(line) = self.get(0) else {
            return Err(Wait);
        };
        if line.start == line.end {
            // Not even a line feed fits: it is left out, behind a part of nothing.
            return Ok(Cut {
                next: line.next - self.base,
                ..Cut::default()
            });
        }
        let text = self.lines.slice(line.start, line.end);
        let cluster = text.graphemes(true).next().unwrap_or(text);
        if self.limits.size(cluster).within(self.limits.max()) {
            if self.is_tail(0) && !self.lines.ended() && cluster.len() == text.len() {
                return Err(Wait);
            }
            // It fits alone: a grapheme comes before a fence.
            return Ok(Cut {
                end: cluster.len(),
                next: cluster.len(),
                bare: true,
                ..Cut::default()
            });
        }
        let room = self.room - self.close_size(line);
        let mut end = 0;
        for (at, c) in text.char_indices() {
            let to = at + c.len_utf8();
            if end > 0 && !self.limits.size(&text[..to]).within(room) {
                break;
            }
            end = to;
        }
        Ok(Cut {
            broken: true,
            ..self.cut_at(Place {
                end: line.start + end,
                next: line.start + end,
                fence: Some(0),
            })
        })
    }
}

/// Whether code has stood between the opener and here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    None,
    Seen,
}
