//! Random access to the lines of a file.

use std::cell::OnceCell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use memchr::{memchr, memchr_iter};

use super::super::input;
use super::source::Reader;
use crate::replay::find::{Book, Line, Lost, Start, find};
use crate::replay::select::Options;

const BLOCK: usize = 64 << 10;

/// Longest line that is read, in bytes.
const LONGEST: usize = 4 << 20;

/// Seeks in a regular, unpacked file to the start of the selection or near it; `None` if it stays.
pub(super) fn seek(fd: BorrowedFd<'_>, options: &Options) -> Option<Start> {
    // Another process has read from it before: its beginning is not ours.
    if rustix::fs::tell(fd).ok()? != 0 {
        return None;
    }
    let len = input::file_length(fd)?;
    let mut head = [0; 4];
    let n = rustix::io::pread(fd, &mut head, 0).ok()?;
    if Reader::is_packed(head.get(..n)?) {
        return None;
    }
    let mut book = OpenBook { fd, len, at: 0, block: Vec::new() };
    let start = find(&mut book, options)?;
    rustix::fs::seek(fd, rustix::fs::SeekFrom::Start(start.offset)).ok()?;
    Some(start)
}

/// Counts the lines before `offset`, once and lazily.
pub(super) fn lines_before(fd: BorrowedFd<'_>, offset: u64) -> Box<dyn Fn() -> u64> {
    let Ok(fd) = fd.try_clone_to_owned() else { return Box::new(|| 0) };
    let known = OnceCell::new();
    Box::new(move || *known.get_or_init(|| count(&fd, offset)))
}

fn count(fd: &OwnedFd, offset: u64) -> u64 {
    let (mut at, mut lines) = (0, 0);
    let mut buf = vec![0; BLOCK];
    while at < offset {
        let want = usize::try_from(offset - at).map_or(BLOCK, |left| left.min(BLOCK));
        let Some(part) = buf.get_mut(..want) else { break };
        match rustix::io::pread(fd.as_fd(), &mut *part, at) {
            Ok(n @ 1..) => {
                lines += memchr_iter(b'\n', part.get(..n).unwrap_or_default()).count() as u64;
                at += n as u64;
            }
            _ => break,
        }
    }
    lines
}

struct OpenBook<'a> {
    fd: BorrowedFd<'a>,
    len: u64,
    at: u64,
    block: Vec<u8>,
}

impl OpenBook<'_> {
    /// Offset in the block of the first line feed from `from` on; reads more until there is one.
    fn feed(&mut self, mut from: usize) -> Result<Option<usize>, Lost> {
        loop {
            if let Some(n) = memchr(b'\n', &self.block[from..]) {
                return Ok(Some(from + n));
            }
            from = self.block.len();
            if from > LONGEST {
                return Err(Lost);
            }
            if self.more() == 0 {
                return Ok(None);
            }
        }
    }

    fn more(&mut self) -> usize {
        let end = self.block.len();
        self.block.resize(end + BLOCK, 0);
        let part = self.block.get_mut(end..).unwrap_or_default();
        let n = rustix::io::pread(self.fd, part, self.at + end as u64).unwrap_or_default();
        self.block.truncate(end + n);
        n
    }

    /// Loads the block that holds the byte at `at`.
    fn open(&mut self, at: u64) -> Option<usize> {
        let held = self.at..self.at + self.block.len() as u64;
        // Leaves room for a long line.
        if !held.contains(&at) || at - self.at > LONGEST as u64 / 2 {
            self.at = at;
            self.block.clear();
            self.more();
        }
        usize::try_from(at - self.at).ok()
    }
}

impl Book for OpenBook<'_> {
    fn length(&self) -> u64 {
        self.len
    }

    fn line(&mut self, at: u64) -> Result<Option<Line<'_>>, Lost> {
        let from = self.open(at.saturating_sub(1)).ok_or(Lost)?;
        let before = if at == 0 { Some(0) } else { self.feed(from)?.map(|feed| feed + 1) };
        let Some(start) = before else { return Ok(None) };
        let Some(end) = self.feed(start)? else { return Ok(None) };
        Ok(Some(Line {
            start: self.at + start as u64,
            next: self.at + end as u64 + 1,
            bytes: &self.block[start..end],
        }))
    }
}
