//! Cuts inside lines: at the end of a sentence or a word, between graphemes, as a last resort inside one.

use unicode_segmentation::UnicodeSegmentation;

use super::{Cut, CutPlace, Places, View, Wait};
use crate::text::cut::lines::Line;
use crate::text::floor;
use crate::text::inline::{self, Pieces};
use crate::text::markdown::Kind;
use crate::text::units::{Size, Unit, boundary_before};

impl View<'_> {
    /// Bytes of a line that fit, from its beginning.
    fn fitting(&self, line: &Line) -> usize {
        let around = line.at - self.at + self.close_size(line);
        if !around.within(self.room) {
            return 0;
        }
        let room = self.room - around;
        let text = self.lines.slice(line.start, line.end);
        self.options.limits.prefix(text, room)
    }

    /// Pieces of a line that stay whole, as far as they matter for cuts up to `upto`.
    fn pieces(&self, i: usize, line: &Line, upto: usize) -> Result<Pieces, Wait> {
        let text = self.lines.slice(line.start, line.end);
        // No piece that fits is longer: only graphemes have more than four bytes, and a limit in bytes bounds those.
        let most = self.options.limits.0.iter().filter_map(|l| match l.unit {
            Unit::Graphemes | Unit::LineFeeds => None,
            Unit::Bytes => Some(l.max),
            _ => Some(l.max.saturating_mul(4)),
        });
        let longest = most.min().unwrap_or(text.len());
        let far = upto.saturating_add(longest).saturating_add(8);
        let head = &text[..floor(text, far)];
        let most = inline::Most {
            bytes: longest,
            fits: |piece: &str| self.options.limits.size(piece).within(self.options.limits.max()),
            complete: head.len() == text.len() && (!self.is_tail(i) || self.lines.ended),
        };
        let pieces = inline::pieces(head, upto, &most);
        if pieces.unended { Err(Wait) } else { Ok(pieces) }
    }

    /// The last places inside lines: the end of a sentence, the end of a word.
    pub(super) fn inline_places(&self, places: &mut Places) -> Result<(), Wait> {
        for i in (0..=places.cross).rev() {
            let Some(line) = self.get(i) else {
                continue;
            };
            let row = matches!(line.kind, Kind::Row | Kind::Delimiter);
            if line.blank || !(row || matches!(line.kind, Kind::Text | Kind::Heading)) {
                continue;
            }
            let upto = self.fitting(line);
            let pieces = self.pieces(i, line, upto)?;
            let text = self.lines.slice(line.start, line.end);
            let from = line.content - line.start;
            for found in inline::breaks(text, from, upto, &pieces) {
                if found.next == text.len() {
                    // The white space may be the line's end.
                    if self.is_tail(i) && !self.lines.ended {
                        return Err(Wait);
                    }
                    if line.next > line.end {
                        continue;
                    }
                }
                let end = line.start + found.end;
                if end <= self.lines.base {
                    break;
                }
                let place = CutPlace { end, next: line.start + found.next, fence: None };
                let used = || line.at + self.options.limits.size(&text[..found.end]) - self.at;
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
            if !row && places.space.is_none() {
                places.space = self.behind_code(line);
            }
        }
        Ok(())
    }

    /// White space behind code that ends in the middle of a line.
    fn behind_code(&self, line: &Line) -> Option<(CutPlace, bool)> {
        let text = self.lines.slice(line.start, line.end);
        let space = text.len() - text.trim_start_matches(inline::is_space).len();
        let used = line.at - self.at;
        let place = CutPlace { end: line.start, next: line.start + space, fence: None };
        let fits = line.mid && space > 0 && line.start > self.lines.base && used.within(self.room);
        fits.then(|| (place, self.full(used)))
    }

    /// A cut between two graphemes, or if there is none between two code points.
    pub(super) fn force(&self, cross: usize) -> Result<Cut, Wait> {
        for i in (0..=cross).rev() {
            let Some(line) = self.get(i) else {
                continue;
            };
            if line.kind == Kind::Closer && !line.cut {
                continue;
            }
            let mut len = self.fitting(line);
            if matches!(line.kind, Kind::Text | Kind::Heading | Kind::Row) {
                let pieces = self.pieces(i, line, len)?;
                let piece = pieces.whole.iter().find(|p| p.start < len && len < p.end);
                match piece {
                    Some(piece) if line.start + piece.start > self.lines.base => len = piece.start,
                    // The piece fits without the quote's marks before it.
                    Some(piece) if self.open != Size::default() => {
                        let end = line.start + piece.end - self.lines.base;
                        return Ok(Cut { end, next: end, bare: true, ..Cut::default() });
                    }
                    _ => {}
                }
            }
            let text = self.lines.slice(line.start, line.end);
            if len == text.len() && self.is_tail(i) && !self.lines.ended {
                // The text so far fits: the next character decides.
                return Err(Wait);
            }
            if i < cross && len == text.len() && len > 0 && line.kind == Kind::Code {
                // The next part begins with code too.
                len = boundary_before(text, floor(text, len - 1));
            }
            len = before_ticks(text, len);
            let end = line.start + len;
            if line.kind == Kind::Opener
                && let Some(fence) = self.open_fence(line)
                && end <= fence.marker
            {
                // Half a marker would open nothing, or another fence: the next part begins with it.
                if i > 0 {
                    continue;
                }
                if line.content > self.lines.base && end >= line.content {
                    let end = line.content;
                    return Ok(self.cut_at(CutPlace { end, next: end, fence: None }));
                }
            }
            if end > self.lines.base && (len > 0 || i == 0) {
                let next = if end == line.end && !self.is_tail(i) { line.next } else { end };
                return Ok(self.cut_at(CutPlace { end, next, fence: Some(i) }));
            }
        }
        self.breaking()
    }

    /// Not even one grapheme fits.
    fn breaking(&self) -> Result<Cut, Wait> {
        let line = self.get(0).ok_or(Wait)?;
        if line.start == line.end {
            // Not even a line feed fits: it is left out, behind an empty part.
            return Ok(Cut { next: line.next - self.lines.base, bare: true, ..Cut::default() });
        }
        let text = self.lines.slice(line.start, line.end);
        let cluster = text.graphemes(true).next().unwrap_or(text);
        if self.options.limits.size(cluster).within(self.options.limits.max()) {
            if self.is_tail(0) && !self.lines.ended && cluster.len() == text.len() {
                return Err(Wait);
            }
            // It fits alone: a whole grapheme is more important than a fence.
            let end = cluster.len();
            return Ok(Cut { end, next: end, bare: true, ..Cut::default() });
        }
        let room = self.room - self.close_size(line);
        let mut end = 0;
        for (at, c) in text.char_indices() {
            let to = at + c.len_utf8();
            if end > 0 && !self.options.limits.size(&text[..to]).within(room) {
                break;
            }
            end = to;
        }
        let end = line.start + end;
        let cut = self.cut_at(CutPlace { end, next: end, fence: Some(0) });
        Ok(Cut { broken: true, ..cut })
    }
}

/// The last place up to `at` that is neither inside a run of backticks, which would be other marks, nor behind a backslash
/// that escapes; `at` if that is the beginning.
fn before_ticks(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let run = |end: usize, mark: u8| bytes[..end].iter().rev().take_while(|c| **c == mark).count();
    let mut start = at;
    if bytes.get(start) == Some(&b'`') {
        start -= run(start, b'`');
    }
    if bytes.get(start).is_some_and(u8::is_ascii_punctuation) && run(start, b'\\') % 2 == 1 {
        start -= 1;
    }
    if start > 0 { start } else { at }
}
