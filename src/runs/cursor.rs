//! Place of a reader in an event file that grows. It keeps no bytes behind the last complete line, so a torn tail may be cut
//! and written anew at any time.

#[cfg(test)]
mod tests;

use memchr::{memchr_iter, memrchr};

use super::MAX_LINE;

/// Bytes of a read, unless a line is longer.
const READ: usize = 64 << 10;

/// Place in a file: the end of the last complete line that was given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    place: u64,
    want: usize,
}

/// Complete lines of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch<'a> {
    /// Offset of the first line in the file.
    pub offset: u64,
    /// The lines, each with its line feed.
    pub bytes: &'a [u8],
}

/// A line at this offset that is longer than [`MAX_LINE`]: the reader cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineTooLong(pub u64);

impl Cursor {
    /// A reader at an offset, which must be the start of a line.
    pub fn at(place: u64) -> Self {
        Self { place, want: READ }
    }

    /// Offset from which the file is read next.
    pub fn place(&self) -> u64 {
        self.place
    }

    /// Number of bytes to read next. It grows as long as the next line does not fit.
    pub fn want(&self) -> usize {
        self.want
    }

    /// Takes the bytes that were read from [`Cursor::place`] on, and gives back the complete lines among them. The rest is to
    /// be read again.
    pub fn take<'a>(&mut self, bytes: &'a [u8]) -> Result<Batch<'a>, LineTooLong> {
        let end = memrchr(b'\n', bytes).map_or(0, |feed| feed + 1);
        let batch = Batch { offset: self.place, bytes: &bytes[..end] };
        if end > 0 {
            self.place += end as u64;
            self.want = READ;
        } else if bytes.len() > MAX_LINE {
            return Err(LineTooLong(self.place));
        } else if bytes.len() >= self.want {
            self.want = self.want.saturating_mul(2).min(MAX_LINE + 1);
        }
        Ok(batch)
    }
}

impl<'a> Batch<'a> {
    /// Each line with its offset in the file, without its line feed.
    pub fn lines(self) -> impl Iterator<Item = (u64, &'a [u8])> {
        let mut start = 0;
        memchr_iter(b'\n', self.bytes).map(move |feed| {
            let line = (self.offset + start as u64, &self.bytes[start..feed]);
            start = feed + 1;
            line
        })
    }
}
