//! Units in which channels count text, and the limits that they set. Several limits hold at once.

use std::ops::{Add, Sub};

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

use crate::named::Named;

/// Limits that can hold at once.
pub const MAX_LIMITS: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Codepoints,
    Utf16,
    Bytes,
    Graphemes,
    /// One less than lines.
    LineFeeds,
}

impl Named for Unit {
    const ALL: &'static [(&'static str, &'static str, Self)] = &[
        ("codepoints", "Unicode code points", Self::Codepoints),
        ("utf16", "UTF-16 code units: an emoji counts two", Self::Utf16),
        ("bytes", "Bytes of UTF-8", Self::Bytes),
        (
            "graphemes",
            "Extended grapheme clusters (UAX #29): what a reader takes for one character",
            Self::Graphemes,
        ),
    ];
}

/// Maximum of one unit in a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub unit: Unit,
    pub max: usize,
}

/// Size of a text in the units of some [`Limits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size(pub [usize; MAX_LIMITS]);

impl Add for Size {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a += b);
        self
    }
}

impl Sub for Size {
    type Output = Self;

    /// Saturates at 0.
    fn sub(mut self, other: Self) -> Self {
        let each = self.0.iter_mut().zip(other.0);
        each.for_each(|(a, b)| *a = a.saturating_sub(b));
        self
    }
}

impl Size {
    /// True if it is at most `other` in each unit.
    pub fn within(self, other: Self) -> bool {
        self.0.iter().zip(other.0).all(|(a, b)| *a <= b)
    }
}

/// Limits that hold at once; the first is the one that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limits(pub Vec<Limit>);

/// Bytes that a grapheme may have on average where no other limit bounds them: a family of four with skin tones has 41.
const GRAPHEME_BYTES: usize = 64;

impl Limits {
    /// Limits of which the first [`MAX_LIMITS`] - 1 hold. Graphemes alone bound no memory, so that 64 bytes for each are
    /// the second limit where none is given.
    pub fn new(limits: &[Limit]) -> Self {
        let mut list: Vec<Limit> = limits.iter().copied().take(MAX_LIMITS - 1).collect();
        let solid = |l: &&Limit| !matches!(l.unit, Unit::Graphemes | Unit::LineFeeds);
        if !list.iter().any(|l| solid(&l)) {
            let graphemes = list.iter().find(|l| l.unit == Unit::Graphemes);
            let max = graphemes.map_or(1 << 20, |l| l.max.saturating_mul(GRAPHEME_BYTES));
            list.push(Limit { unit: Unit::Bytes, max });
        }
        Self(list)
    }

    pub fn max(&self) -> Size {
        let mut max = Size::default();
        max.0.iter_mut().zip(&self.0).for_each(|(max, limit)| *max = limit.max);
        max
    }

    pub fn first(&self) -> usize {
        self.0.first().map_or(0, |l| l.max)
    }

    /// True if a part is one line. A carriage return ends it too, and it holds no NUL or SOH: on IRC they end a message or
    /// begin a command (RFC 2812 2.3.1, CTCP).
    pub fn one_line(&self) -> bool {
        self.0.iter().any(|l| l.unit == Unit::LineFeeds && l.max == 0)
    }

    pub fn size(&self, text: &str) -> Size {
        let mut size = Size::default();
        if text.is_empty() {
            return size;
        }
        let ascii = text.is_ascii();
        for (n, limit) in size.0.iter_mut().zip(&self.0) {
            *n = match limit.unit {
                Unit::LineFeeds if limit.max == 0 => text.bytes().filter(|c| ends_line(*c)).count(),
                Unit::LineFeeds => memchr::memchr_iter(b'\n', text.as_bytes()).count(),
                Unit::Bytes => text.len(),
                Unit::Graphemes if ascii => {
                    text.len() - memchr::memmem::find_iter(text.as_bytes(), b"\r\n").count()
                }
                _ if ascii => text.len(),
                Unit::Codepoints => text.chars().count(),
                Unit::Utf16 => text.bytes().map(utf16_units).sum(),
                Unit::Graphemes => text.graphemes(true).count(),
            };
        }
        size
    }

    /// Length of the longest beginning of `text`, which has no line feed, that is whole graphemes and within `room`.
    pub fn prefix(&self, text: &str, room: Size) -> usize {
        let mut end = text.len();
        for (room, limit) in room.0.iter().zip(&self.0) {
            let head = &text[..end];
            end = match limit.unit {
                Unit::LineFeeds => end,
                Unit::Graphemes => head.grapheme_indices(true).nth(*room).map_or(end, |(at, _)| at),
                unit => units_prefix(head, unit, *room),
            };
        }
        boundary_before(text, end)
    }
}

/// Length of the longest beginning of `text` that has at most `room` of `unit`, in whole code points.
pub(super) fn units_prefix(text: &str, unit: Unit, room: usize) -> usize {
    // A text has no more of any unit than bytes.
    if text.len() <= room {
        return text.len();
    }
    let mut left = room;
    for (at, c) in text.char_indices() {
        let units = match unit {
            Unit::Codepoints | Unit::Graphemes | Unit::LineFeeds => 1,
            Unit::Utf16 => c.len_utf16(),
            Unit::Bytes => c.len_utf8(),
        };
        if units > left {
            return at;
        }
        left -= units;
    }
    text.len()
}

/// True if a part of one line cannot hold this byte.
pub(super) fn ends_line(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r' | 0 | 1)
}

/// True if a text has more than white space, NUL and SOH.
pub(super) fn shows(text: &str) -> bool {
    text.chars().any(|c| !is_blank(c))
}

/// True for white space and for the characters that a part of one line leaves out like white space.
pub(super) fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\0' | '\u{1}')
}

/// UTF-16 units of the code point that begins with this byte.
fn utf16_units(byte: u8) -> usize {
    usize::from(byte & 0xC0 != 0x80) + usize::from(byte >= 0xF0)
}

/// True if a grapheme cluster of `text`, which begins with one, begins or ends at `at`.
pub fn is_boundary(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    match (at.checked_sub(1).and_then(|b| bytes.get(b)), bytes.get(at)) {
        (None, _) | (_, None) => true,
        (Some(a), Some(b)) if a.is_ascii() && b.is_ascii() => !(*a == b'\r' && *b == b'\n'),
        _ => {
            text.is_char_boundary(at)
                && GraphemeCursor::new(at, text.len(), true).is_boundary(text, 0).unwrap_or(true)
        }
    }
}

/// The last boundary of a grapheme cluster at or before `at`.
pub fn boundary_before(text: &str, at: usize) -> usize {
    if is_boundary(text, at) {
        return at;
    }
    GraphemeCursor::new(at, text.len(), true).prev_boundary(text, 0).ok().flatten().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(unit: Unit, max: usize) -> Limits {
        Limits::new(&[Limit { unit, max }])
    }

    #[test]
    fn every_unit_counts_its_own_way() {
        let text = "e\u{301}👨‍👩‍👧🇩🇪\r\n今";
        for (unit, want) in [
            (Unit::Bytes, text.len()),
            (Unit::Codepoints, text.chars().count()),
            (Unit::Utf16, text.encode_utf16().count()),
            (Unit::Graphemes, 5),
            (Unit::LineFeeds, 1),
        ] {
            assert_eq!(limits(unit, 99).size(text).0[0], want, "{unit:?}");
        }
        assert_eq!(limits(Unit::Graphemes, 9).size("a\r\nb").0[0], 3);
    }

    #[test]
    fn a_prefix_is_whole_graphemes() {
        let text = "ab👨‍👩‍👧c";
        for (unit, room, want) in [
            (Unit::Codepoints, 4, 2),
            (Unit::Codepoints, 7, 20),
            (Unit::Utf16, 9, 2),
            (Unit::Utf16, 10, 20),
            (Unit::Bytes, 19, 2),
            (Unit::Graphemes, 3, 20),
            (Unit::Graphemes, 9, 21),
        ] {
            let limits = limits(unit, room);
            assert_eq!(limits.prefix(text, limits.max()), want, "{unit:?} {room}");
        }
    }

    #[test]
    fn graphemes_alone_are_bounded_in_bytes() {
        let list = limits(Unit::Graphemes, 16);
        assert_eq!(list.max().0[..2], [16, 1024]);
    }
}
