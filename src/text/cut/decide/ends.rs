//! Ends of lines as places to cut, classified by the line before and the line behind.

use super::{Class, CutPlace, Places, View, Wait};
use crate::text::cut::lines::Line;
use crate::text::markdown::Kind;
use crate::text::units::Size;

/// Presence of code between the opener and this place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    None,
    Seen,
}

impl View<'_> {
    /// Ends of the lines that fit.
    pub(super) fn line_ends(&self) -> Result<Places, Wait> {
        let mut places = Places::default();
        let mut code = Code::None;
        for i in 0.. {
            let Some(line) = self.get(i) else {
                // The line of uncertain structure may fit into this part.
                if self.unknown && (self.lines.at - self.at).within(self.room) {
                    return Err(Wait);
                }
                break;
            };
            if !(line.at - self.at).within(self.room) {
                break;
            }
            places.cross = i;
            // A cut opener may still have its mark.
            let has_mark = || self.fence(line).is_some_and(|fence| line.start < fence.marker);
            match line.kind {
                Kind::Opener if !line.cut || has_mark() => code = Code::None,
                Kind::Opener | Kind::Code if !line.blank => code = Code::Seen,
                _ => {}
            }
            if line.blank || self.is_tail(i) || line.trimmed <= self.lines.base {
                continue;
            }
            let used = line.at + self.end_size(line) - self.at;
            if !(used + self.close_size(line)).within(self.room) {
                continue;
            }
            if let Some((class, place)) = self.line_end(i, line, code)? {
                let n = class as usize;
                if class == Class::Lonely && line.kind != Kind::Text {
                    places.heading = place.end;
                }
                places.any[n] = Some(place);
                if self.full(used) {
                    places.full[n] = Some(place);
                }
            }
        }
        Ok(places)
    }

    /// Size of a line: white space at the end of a line of code counts.
    pub(super) fn end_size(&self, line: &Line) -> Size {
        match line.kind {
            Kind::Code => line.size,
            _ => line.trimmed_size,
        }
    }

    /// Class of the place at the end of a line.
    pub(super) fn line_end(
        &self,
        i: usize,
        line: &Line,
        code: Code,
    ) -> Result<Option<(Class, CutPlace)>, Wait> {
        if line.span && line.kind != Kind::Opener && line.kind != Kind::Code {
            return Ok(None);
        }
        let next = self.behind(i)?;
        let Some((next, behind)) = next.and_then(|next| Some((next, self.get(next)?))) else {
            return Ok(None);
        };
        let fence = self.open_fence(line);
        if let Some(fence) = fence.filter(|_| self.goes_on(i, line)) {
            let inside = behind.group == line.group;
            let seen = code == Code::Seen && behind.kind == Kind::Code && inside;
            // More blank lines than a part may begin with are left out.
            let far = behind.start - line.next > self.max_space();
            let hurts = !far && (self.group_fits(fence)? || !seen);
            let next = if far && inside { behind.start } else { line.next };
            let place = CutPlace { end: line.end, next, fence: Some(i) };
            if !fence.close.is_empty() {
                return Ok(Some((if hurts { Class::Hurting } else { Class::Line }, place)));
            }
        }
        let adjacent = next == i + 1;
        let lonely = matches!(line.kind, Kind::Heading | Kind::Underline | Kind::Delimiter)
            || (adjacent && matches!(behind.kind, Kind::Underline | Kind::Delimiter))
            || self.announces(line);
        let ends = matches!(line.kind, Kind::Closer | Kind::Rule)
            || (line.kind == Kind::Row) != (behind.kind == Kind::Row)
            || fence.is_some();
        let class = match () {
            () if lonely => Class::Lonely,
            () if !adjacent || line.kind == Kind::Gap => Class::Paragraph,
            () if ends || behind.starts => Class::Block,
            () => Class::Line,
        };
        let next = behind.start + self.left_out(behind);
        let place = CutPlace { end: line.trimmed, next, fence: Some(i) };
        Ok(Some((class, place)))
    }

    /// True if a line of text announces the next one: it ends in a colon, marks of emphasis aside.
    fn announces(&self, line: &Line) -> bool {
        let text = self.lines.slice(line.start, line.trimmed.max(line.start));
        line.kind == Kind::Text && text.trim_end_matches(['*', '_']).ends_with([':', '：'])
    }

    /// True if the next line, blank or not, is inside the same fence.
    fn goes_on(&self, i: usize, line: &Line) -> bool {
        self.get(i + 1).is_some_and(|next| next.group == line.group && line.group.is_some())
    }

    /// Bytes of indentation that a line loses at the start of a part: all if there is too much of it.
    fn left_out(&self, line: &Line) -> usize {
        let text = self.lines.slice(line.start, line.end);
        let indent = text.len() - text.trim_start().len();
        if line.mid || indent > self.max_space() { indent } else { 0 }
    }

    /// The next line behind line `i` that is not blank, if there is one.
    fn behind(&self, i: usize) -> Result<Option<usize>, Wait> {
        for j in i + 1.. {
            match self.get(j) {
                Some(next) if next.blank => {}
                Some(_) => return Ok(Some(j)),
                None if self.lines.ended => return Ok(None),
                None => break,
            }
        }
        Err(Wait)
    }
}
