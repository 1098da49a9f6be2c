//! The last bytes of a text: the byte before a position, and the number of characters in a short range before the end.

use super::look::Before;

/// Bytes that are kept: six characters of four bytes.
const KEPT: usize = 24;

/// The last bytes of a text.
#[derive(Debug, Default, Clone, Copy)]
pub struct Recent {
    bytes: [u8; KEPT],
    length: usize,
}

impl Recent {
    /// The last two bytes.
    #[inline]
    pub fn last(&self) -> Before {
        Before::default().at(&self.bytes, self.length)
    }

    /// Appends a piece of the text.
    pub fn push(&mut self, piece: &[u8]) {
        if piece.len() >= KEPT {
            self.bytes.copy_from_slice(&piece[piece.len() - KEPT..]);
            self.length = KEPT;
            return;
        }
        let excess = (self.length + piece.len()).saturating_sub(KEPT);
        self.bytes.copy_within(excess..self.length, 0);
        self.length -= excess;
        self.bytes[self.length..self.length + piece.len()].copy_from_slice(piece);
        self.length += piece.len();
    }

    /// Number of characters in the last `length` bytes. From 24 bytes on it is at least six, even if the text is not
    /// UTF-8; a larger number is not exact.
    pub fn characters(&self, length: u64) -> usize {
        match usize::try_from(length) {
            Ok(length) if length < KEPT => {
                let begin = self.length.saturating_sub(length);
                let is_first = |byte: &&u8| **byte & 0xC0 != 0x80;
                self.bytes[begin..self.length].iter().filter(is_first).count()
            }
            _ => KEPT / 4,
        }
    }
}
