//! The ends of lines as places to cut: what kind of place each is, by the line before it and the line behind it.

use super::{Class, Place, Places, View, Wait};
use crate::text::cut::lines::Line;
use crate::text::markdown::Kind;
use crate::text::units::Size;

/// What comes behind the end of a line.
enum Behind {
    /// This line, behind blank ones or none.
    Line(usize),
    /// So much white space that the next part begins with this line of it.
    Space(usize),
    Nothing,
}

/// Whether code has stood between the opener and here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    None,
    Seen,
}

impl View<'_> {
    /// The ends of the lines that fit.
    pub(super) fn line_ends(&self) -> Result<Places, Wait> {
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
    pub(super) fn line_end(
        &self,
        i: usize,
        line: &Line,
        code: Code,
    ) -> Result<Option<(Class, Place)>, Wait> {
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
            let place = Place { end: line.end, next: line.next, fence: Some(i) };
            if !fence.close.is_empty() {
                return Ok(Some((if hurts { Class::Hurting } else { Class::Line }, place)));
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
        let place = Place { end: line.trimmed, next: behind.start, fence: Some(i) };
        Ok(Some((class, place)))
    }

    /// Whether the next line, blank or not, is inside the same fence.
    fn goes_on(&self, i: usize, line: &Line) -> bool {
        self.get(i + 1).is_some_and(|next| next.group == line.group && line.group.is_some())
    }

    /// What comes behind the end of line `i`.
    fn behind(&self, i: usize, line: &Line) -> Result<Behind, Wait> {
        for j in i + 1.. {
            let Some(next) = self.get(j) else {
                return if self.lines.ended() { Ok(Behind::Nothing) } else { Err(Wait) };
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
}
