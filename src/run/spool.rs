//! Where an agent's output waits while our reader is slower than the agent, and events while a sink is slower than they
//! come: first in memory, then in a file that has no name and dies with the process.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::{Mode, OFlags};

use crate::time::Time;

/// How much of either place may be taken, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct SpoolLimits {
    /// Of memory.
    pub memory: usize,
    /// Of the file; past that the agent is held back, or the sink given up.
    pub file: u64,
}

/// What waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Stdout,
    Stderr,
    /// From here on the open turn is cancelled by the signal that is named.
    Cancel,
    /// From here on the open turn fails; the code, a NUL, the message.
    Fail,
    /// Somebody at the control socket wants the turn that is open here to end.
    Ask,
}

impl Source {
    fn of(byte: u8) -> Self {
        match byte {
            0 => Source::Stdout,
            1 => Source::Stderr,
            2 => Source::Cancel,
            4 => Source::Ask,
            _ => Source::Fail,
        }
    }
}

/// A piece of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub at: Time,
    pub source: Source,
    pub bytes: Vec<u8>,
}

/// What waits in a spool: bytes, and a little about them.
pub(super) trait Stored: Sized {
    /// The bytes.
    fn bytes(&self) -> &[u8];
    /// It again.
    fn restore(head: RecordHead, bytes: Vec<u8>) -> Self;
}

/// What is kept of a frame besides its bytes.
pub(super) type RecordHead = [u8; 9];

impl Stored for Frame {
    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn restore(head: RecordHead, bytes: Vec<u8>) -> Self {
        let [t0, t1, t2, t3, t4, t5, t6, t7, source] = head;
        Frame {
            at: Time::from_micros(u64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7])),
            source: Source::of(source),
            bytes,
        }
    }
}

fn head(at: Time, source: Source) -> RecordHead {
    let [t0, t1, t2, t3, t4, t5, t6, t7] = at.as_micros().to_le_bytes();
    [t0, t1, t2, t3, t4, t5, t6, t7, source as u8]
}

/// RecordHead and length before a frame's bytes in the file.
const HEADER: usize = 13;

/// What a frame costs in memory besides its bytes.
const OVERHEAD: usize = 64;

/// So much that was read is given back to the file system at once.
const GIVE_BACK: u64 = 16 << 20;

/// A queue of frames, oldest first.
#[derive(Debug)]
pub(super) struct Spool<T = Frame> {
    limits: SpoolLimits,
    memory: VecDeque<T>,
    in_memory: usize,
    file: Option<File>,
    /// What lies in the file: from the first unread byte to the end.
    read: u64,
    written: u64,
    given_back: u64,
    /// What came after the file could not be written any more.
    tail: VecDeque<T>,
    failed: Option<io::Error>,
}

impl<T: Stored> Spool<T> {
    pub(super) fn new(limits: SpoolLimits) -> Self {
        Self {
            limits,
            memory: VecDeque::new(),
            in_memory: 0,
            file: None,
            read: 0,
            written: 0,
            given_back: 0,
            tail: VecDeque::new(),
            failed: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.memory.is_empty() && self.read == self.written && self.tail.is_empty()
    }

    /// True if the next frame would go to the file.
    pub(super) fn overflows(&self) -> bool {
        self.limits.file > 0 && (self.in_memory >= self.limits.memory || self.read != self.written)
    }

    /// True if it takes no more: the agent is to be held back.
    pub(super) fn is_full(&self) -> bool {
        if !self.tail.is_empty() {
            true
        } else if self.limits.file == 0 {
            self.in_memory >= self.limits.memory
        } else {
            self.written - self.read >= self.limits.file
        }
    }

    /// Why the file takes less than its limit, if that is so.
    pub(super) fn failed(&self) -> Option<&io::Error> {
        self.failed.as_ref()
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.limits);
    }

    /// Adds behind all others what consists of `head` and `bytes` and can be had as `own`. What comes although
    /// [`Spool::is_full`] is taken as well.
    pub(super) fn put(&mut self, head: RecordHead, bytes: &[u8], own: impl FnOnce() -> T) {
        if self.tail.is_empty() && !self.overflows() {
            self.in_memory += bytes.len() + OVERHEAD;
            self.memory.push_back(own());
            return;
        }
        if self.tail.is_empty() {
            match self.write(head, bytes) {
                Ok(()) => return,
                Err(e) => self.failed = Some(e),
            }
        }
        self.tail.push_back(own());
    }

    fn write(&mut self, head: RecordHead, bytes: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(anonymous_temp_file()?),
        };
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        let mut header = [0; HEADER];
        let (start, end) = header.split_at_mut(head.len());
        start.copy_from_slice(&head);
        end.copy_from_slice(&length.to_le_bytes());
        // Two calls are cheaper than a copy of the bytes behind the header.
        file.write_all_at(&header, self.written)?;
        file.write_all_at(bytes, self.written + HEADER as u64)?;
        self.written += HEADER as u64 + u64::from(length);
        Ok(())
    }

    /// Takes the oldest frame.
    ///
    /// # Errors
    /// That the file cannot be read.
    pub(super) fn pop(&mut self) -> io::Result<Option<T>> {
        if self.memory.is_empty() {
            self.refill()?;
        }
        let frame = self.memory.pop_front();
        if let Some(frame) = &frame {
            self.in_memory -= frame.bytes().len() + OVERHEAD;
        }
        Ok(frame)
    }

    /// Takes a frame from the file into memory.
    fn refill(&mut self) -> io::Result<()> {
        let Some(file) = self.file.as_ref().filter(|_| self.read < self.written) else {
            let tail = std::mem::take(&mut self.tail);
            self.in_memory += tail.iter().map(|f| f.bytes().len() + OVERHEAD).sum::<usize>();
            self.memory = tail;
            return Ok(());
        };
        let mut header = [0; HEADER];
        file.read_exact_at(&mut header, self.read)?;
        let [head @ .., l0, l1, l2, l3] = header;
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        file.read_exact_at(&mut bytes, self.read + HEADER as u64)?;
        self.read += HEADER as u64 + u64::from(length);
        self.in_memory += bytes.len() + OVERHEAD;
        self.memory.push_back(T::restore(head, bytes));
        if self.read == self.written {
            // Nothing of it is needed any more; the next one begins at its beginning.
            (self.file, self.read, self.written, self.given_back) = (None, 0, 0, 0);
        } else if self.read - self.given_back >= GIVE_BACK {
            punch_hole(file, self.given_back, self.read);
            self.given_back = self.read;
        }
        Ok(())
    }
}

impl Spool<Frame> {
    /// Adds a frame behind all others.
    pub(super) fn push(&mut self, at: Time, source: Source, bytes: &[u8]) {
        let own = || Frame { at, source, bytes: bytes.to_vec() };
        self.put(head(at, source), bytes, own);
    }
}

/// A file without a name in the folder for temporary files.
///
/// # Errors
/// Those of `open(2)`.
pub fn anonymous_temp_file() -> io::Result<File> {
    let folder = std::env::temp_dir();
    let mode = Mode::RUSR | Mode::WUSR;
    #[cfg(target_os = "linux")]
    {
        let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
        if let Ok(file) = rustix::fs::open(&folder, flags, mode) {
            return Ok(file.into());
        }
    }
    let name = folder.join(format!("spile-spool-{}", super::new_stream_id()));
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = rustix::fs::open(&name, flags, mode)?;
    std::fs::remove_file(&name)?;
    Ok(file.into())
}

/// Lets the file system have the room of what was read; that it cannot is no harm.
pub fn punch_hole(file: &File, from: u64, to: u64) {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::FallocateFlags;
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let _ = rustix::fs::fallocate(file, flags, from, to - from);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (file, from, to);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_in_order() {
        let mut spool = Spool::new(SpoolLimits { memory: 1000, file: 1 << 20 });
        let frame = |n: u64| Frame {
            at: Time::from_micros(n),
            source: if n.is_multiple_of(3) { Source::Stderr } else { Source::Stdout },
            bytes: vec![u8::try_from(n % 256).unwrap(); usize::try_from(n % 300).unwrap()],
        };
        let (mut next_in, mut next_out) = (0, 0);
        for round in 1..60 {
            for _ in 0..round * 7 % 31 {
                let f = frame(next_in);
                spool.push(f.at, f.source, &f.bytes);
                next_in += 1;
            }
            for _ in 0..round * 11 % 37 {
                if let Some(f) = spool.pop().unwrap() {
                    assert_eq!(f, frame(next_out));
                    next_out += 1;
                }
            }
            assert_eq!(spool.is_empty(), next_in == next_out);
        }
        while let Some(f) = spool.pop().unwrap() {
            assert_eq!(f, frame(next_out));
            next_out += 1;
        }
        assert_eq!(next_in, next_out);
        assert!(spool.is_empty());
    }

    #[test]
    fn it_says_when_it_is_full() {
        let mut spool = Spool::new(SpoolLimits { memory: 100, file: 100 });
        let now = Time::default();
        let mut pushed = 0;
        while !spool.is_full() {
            spool.push(now, Source::Stdout, &[b'x'; 50]);
            pushed += 1;
        }
        assert_eq!(pushed, 3);
        spool.pop().unwrap();
        assert!(spool.is_full());
        spool.pop().unwrap();
        assert!(!spool.is_full());
    }
}
