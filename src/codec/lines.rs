//! Cuts a stream of bytes into lines at line feeds alone, and bounds what it holds: a line over the limit leaves in pieces.

use memchr::{memchr, memrchr};

/// The byte order mark, U+FEFF, in UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A first line without the byte order mark that may stand before it.
pub(crate) fn unmarked(line: &[u8]) -> &[u8] {
    line.strip_prefix(MARK).unwrap_or(line)
}

/// A line, or a piece of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A whole line without its line feed.
    Line {
        /// From 1.
        number: u64,
        /// Offset of the line in the input, in bytes.
        offset: u64,
        /// Its bytes; a carriage return at the end is still there.
        bytes: &'a [u8],
        /// The same as text, if it was validated with its neighbours.
        text: Option<&'a str>,
        /// `false` for a last line that ended with the input instead of a line feed.
        ended: bool,
    },
    /// A piece of a line that is longer than the limit; the last one ends in the line feed, if there was one.
    Long {
        /// From 1.
        number: u64,
        /// Offset of this piece in the input, in bytes.
        offset: u64,
        /// As they came.
        bytes: &'a [u8],
        /// True if it is the line's first piece.
        first: bool,
    },
}

/// Place of an input's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// In a line too long to look at, whose pieces lack the line feed.
    InLongLine,
    /// Elsewhere: every line was passed on.
    Whole,
}

/// End of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Feed,
    Input,
}

/// The cutter. It holds at most `max` bytes, the beginning of one line.
#[derive(Debug)]
pub struct Lines {
    max: usize,
    held: Vec<u8>,
    long: bool,
    number: u64,
    offset: u64,
}

impl Lines {
    /// A cutter that takes a line of more than `max` bytes for too long.
    pub fn new(max: usize) -> Self {
        Self::starting(max, 1, 0)
    }

    /// A cutter for the rest of an input, of which the next line has this number and begins at this offset.
    pub fn starting(max: usize, number: u64, offset: u64) -> Self {
        Self { max, held: Vec::new(), long: false, number, offset }
    }

    /// The beginning of a line that is held.
    pub fn held(&self) -> &[u8] {
        &self.held
    }

    /// The number of the line that comes next and its offset in the input, as long as nothing is held.
    pub fn place(&self) -> (u64, u64) {
        (self.number, self.offset)
    }

    /// Counts bytes that are read elsewhere.
    pub fn skip(&mut self, bytes: &[u8]) {
        self.number += memchr::memchr_iter(b'\n', bytes).count() as u64;
        self.offset += bytes.len() as u64;
    }

    /// Treats the line that has begun as too long: what is held of it leaves as a piece.
    pub fn release(&mut self, mut each: impl FnMut(Piece<'_>)) {
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            self.long_piece(&held, &mut each);
        }
    }

    /// Takes the next bytes and passes on every line that they complete.
    pub fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(Piece<'_>)) {
        if self.long || !self.held.is_empty() {
            let end = memchr(b'\n', bytes).map_or(bytes.len(), |n| n + 1);
            let (head, rest) = bytes.split_at(end);
            self.go_on(head, &mut each);
            bytes = rest;
        }
        if bytes.is_empty() {
            return;
        }
        // Everything up to the last line feed is cut where it lies; only the beginning of a line is copied.
        let whole = memrchr(b'\n', bytes).map_or(0, |n| n + 1);
        let (lines, tail) = bytes.split_at(whole);
        // One check of a whole chunk costs a fraction of one for each line.
        let text = simdutf8::basic::from_utf8(lines).ok();
        let mut at = 0;
        for feed in memchr::memchr_iter(b'\n', lines) {
            self.line(&lines[at..feed], text.and_then(|t| t.get(at..feed)), End::Feed, &mut each);
            at = feed + 1;
        }
        if !tail.is_empty() {
            self.go_on(tail, &mut each);
        }
    }

    /// Ends the input: a last line without a line feed is passed on.
    pub fn end(&mut self, mut each: impl FnMut(Piece<'_>)) {
        if !self.held.is_empty() {
            let held = std::mem::take(&mut self.held);
            self.line(&held, None, End::Input, &mut each);
        }
        self.long = false;
    }

    /// Ends the input and begins another one, with line 1.
    pub fn restart(&mut self, each: impl FnMut(Piece<'_>)) -> Cut {
        let cut = if self.long { Cut::InLongLine } else { Cut::Whole };
        self.end(each);
        *self = Self::new(self.max);
        cut
    }

    /// More of the line that has begun: `bytes` has at most one line feed, as its last byte.
    fn go_on(&mut self, bytes: &[u8], each: &mut impl FnMut(Piece<'_>)) {
        let complete = bytes.last() == Some(&b'\n');
        if self.long {
            self.long_piece(bytes, each);
        } else if self.held.len() + bytes.len() - usize::from(complete) > self.max {
            self.release(&mut *each);
            self.long_piece(bytes, each);
        } else if complete {
            let mut held = std::mem::take(&mut self.held);
            held.extend_from_slice(&bytes[..bytes.len() - 1]);
            self.line(&held, None, End::Feed, each);
            held.clear();
            // One huge line must not keep its memory for good.
            if held.capacity() <= 1 << 20 {
                self.held = held;
            }
        } else {
            self.hold(bytes);
        }
    }

    /// Grows by doubling up to the limit and no further.
    fn hold(&mut self, bytes: &[u8]) {
        let want = self.held.len() + bytes.len();
        if want > self.held.capacity() {
            let target = (self.held.capacity() * 2).clamp(want, self.max.max(want));
            self.held.reserve_exact(target - self.held.len());
        }
        self.held.extend_from_slice(bytes);
    }

    /// The length of the byte order mark before a line: at the start of the input, or of an object, where files were put
    /// together. RFC 8259 (8.1) lets a parser ignore it.
    fn mark(&self, line: &[u8]) -> usize {
        let rest = line.strip_prefix(MARK);
        let ignored = rest.is_some_and(|rest| self.offset == 0 || rest.first() == Some(&b'{'));
        if ignored { MARK.len() } else { 0 }
    }

    /// Passes on a piece of a line that is too long; its line feed, if it has come, is the last byte.
    fn long_piece(&mut self, bytes: &[u8], each: &mut impl FnMut(Piece<'_>)) {
        let complete = bytes.last() == Some(&b'\n');
        each(Piece::Long { number: self.number, offset: self.offset, bytes, first: !self.long });
        self.offset += bytes.len() as u64;
        self.long = !complete;
        self.number += u64::from(complete);
    }

    fn line(
        &mut self,
        bytes: &[u8],
        text: Option<&str>,
        end: End,
        each: &mut impl FnMut(Piece<'_>),
    ) {
        if bytes.len() > self.max {
            // A whole line that came in one read: one piece, and its line feed as another.
            self.long_piece(bytes, each);
            if end == End::Feed {
                self.long_piece(b"\n", each);
            }
            return;
        }
        let ended = end == End::Feed;
        let (mark, line) = bytes.split_at(self.mark(bytes));
        let text = text.and_then(|text| text.get(mark.len()..));
        let offset = self.offset + mark.len() as u64;
        each(Piece::Line { number: self.number, offset, bytes: line, text, ended });
        self.offset += bytes.len() as u64 + u64::from(ended);
        self.number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds in slices and gives back the lines and whether each was whole.
    fn cut(max: usize, slices: &[&[u8]]) -> Vec<(u64, u64, Vec<u8>, char)> {
        let mut lines = Lines::new(max);
        let mut got = Vec::new();
        let mut each = |piece: Piece<'_>| match piece {
            Piece::Line { number, offset, bytes, ended, .. } => {
                got.push((number, offset, bytes.to_vec(), if ended { 'l' } else { 'e' }));
            }
            Piece::Long { number, offset, bytes, first } => {
                got.push((number, offset, bytes.to_vec(), if first { 'L' } else { 'l' }));
            }
        };
        for slice in slices {
            lines.feed(slice, &mut each);
        }
        lines.end(&mut each);
        got
    }

    #[test]
    fn cuts_at_line_feeds_alone() {
        let got = cut(100, &[b"a\r\n\nb\xe2\x80\xa8", b"c\nd"]);
        let texts: Vec<_> =
            got.iter().map(|(n, at, b, end)| (*n, *at, b.as_slice(), *end)).collect();
        let want: [(u64, u64, &[u8], char); 4] = [
            (1, 0, b"a\r", 'l'),
            (2, 3, b"", 'l'),
            (3, 4, b"b\xe2\x80\xa8c", 'l'),
            (4, 10, b"d", 'e'),
        ];
        assert_eq!(texts, want);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_line_it_stands_before() {
        let mark = "\u{feff}";
        let got = cut(100, &[format!("{mark}a\n{mark}{{}}\n{mark}b\n{mark}{{").as_bytes()]);
        let got: Vec<_> =
            got.iter().map(|(n, at, line, _)| (*n, *at, String::from_utf8_lossy(line))).collect();
        let want = [
            (1, 3, "a".into()),
            (2, 8, "{}".into()),
            (3, 11, format!("{mark}b").into()),
            (4, 19, "{".into()),
        ];
        assert_eq!(got, want);
    }

    proptest! {
        #[test]
        fn conserves_every_byte(input in prop::collection::vec(prop_oneof![Just(b'\n'), 0u8..4], 0..200),
                                cuts in prop::collection::vec(1usize..40, 0..20), max in 1usize..12) {
            let mut slices = Vec::new();
            let mut rest = input.as_slice();
            for cut in cuts {
                let (head, tail) = rest.split_at(cut.min(rest.len()));
                slices.push(head);
                rest = tail;
            }
            slices.push(rest);
            let mut bytes = Vec::new();
            let mut lines = Lines::new(max);
            let mut each = |piece: Piece<'_>| match piece {
                Piece::Line { offset, bytes: b, ended, .. } => {
                    assert_eq!(offset as usize, bytes.len());
                    assert!(b.len() <= max);
                    bytes.extend_from_slice(b);
                    bytes.extend_from_slice(if ended { b"\n" } else { b"" });
                }
                Piece::Long { offset, bytes: b, .. } => {
                    assert_eq!(offset as usize, bytes.len());
                    bytes.extend_from_slice(b);
                }
            };
            for slice in slices {
                lines.feed(slice, &mut each);
            }
            lines.end(&mut each);
            prop_assert_eq!(bytes, input);
        }
    }
}
