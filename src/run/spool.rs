//! Queue in front of a slow consumer: first in memory, then in a spill file.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use crate::spill::SpillFile;

/// Capacity of a spool, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct SpoolLimits {
    pub memory: usize,
    /// Bytes in the file; past that the agent is held back, or the sink given up.
    pub file: u64,
}

/// Bytes that wait, with a number and a tag that mean something to the producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub number: u64,
    pub tag: u8,
    pub bytes: Arc<Vec<u8>>,
}

impl Record {
    fn cost(&self) -> usize {
        self.bytes.len() + OVERHEAD
    }
}

/// Bytes in front of a payload in the file: number, tag, length.
const HEADER: usize = 13;

const OVERHEAD: usize = 64;

/// Bytes that were read before their blocks return to the file system.
const FREE_EVERY: u64 = 16 << 20;

#[derive(Debug, Default)]
pub(super) struct Spool {
    limits: SpoolLimits,
    memory: VecDeque<Record>,
    in_memory: usize,
    file: Option<SpillFile>,
    read: u64,
    written: u64,
    freed: u64,
    /// Items behind the file, once it could not be written any more.
    tail: VecDeque<Record>,
    /// The error because of which the file takes less than its limit.
    pub failed: Option<io::Error>,
}

impl Spool {
    pub(super) fn new(limits: SpoolLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.memory.is_empty() && self.read == self.written && self.tail.is_empty()
    }

    /// True if the next item would go to the file.
    pub(super) fn overflows(&self) -> bool {
        self.limits.file > 0 && (self.in_memory >= self.limits.memory || self.read != self.written)
    }

    /// Bytes that may wait in memory.
    pub(super) fn memory(&self) -> usize {
        self.limits.memory
    }

    /// True if a limit is reached. [`Spool::push`] still accepts items.
    pub(super) fn is_full(&self) -> bool {
        if !self.tail.is_empty() {
            true
        } else if self.limits.file == 0 {
            self.in_memory >= self.limits.memory
        } else {
            self.written - self.read >= self.limits.file
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.limits);
    }

    pub(super) fn push(&mut self, item: Record) {
        if self.tail.is_empty() && !self.overflows() {
            self.in_memory += item.cost();
            self.memory.push_back(item);
            return;
        }
        if self.tail.is_empty() {
            match self.write(&item) {
                Ok(()) => return,
                Err(e) => self.failed = Some(e),
            }
        }
        self.tail.push_back(item);
    }

    fn write(&mut self, item: &Record) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(SpillFile::create()?),
        };
        let length = u32::try_from(item.bytes.len()).map_err(io::Error::other)?;
        let parts: [&[u8]; 3] = [&item.number.to_le_bytes(), &[item.tag], &length.to_le_bytes()];
        self.written = file.write_at(&[&parts.concat(), &item.bytes], self.written)?;
        Ok(())
    }

    pub(super) fn pop(&mut self) -> io::Result<Option<Record>> {
        if self.memory.is_empty() {
            self.refill()?;
        }
        let item = self.memory.pop_front();
        self.in_memory -= item.as_ref().map_or(0, Record::cost);
        Ok(item)
    }

    /// Moves an item from the file into memory; the tail, once the file is empty.
    fn refill(&mut self) -> io::Result<()> {
        let Some(file) = self.file.as_ref().filter(|_| self.read < self.written) else {
            self.memory = std::mem::take(&mut self.tail);
            self.in_memory += self.memory.iter().map(Record::cost).sum::<usize>();
            return Ok(());
        };
        let mut header = [0; HEADER];
        file.read_exact_at(&mut header, self.read)?;
        let [n0, n1, n2, n3, n4, n5, n6, n7, tag, l0, l1, l2, l3] = header;
        let number = u64::from_le_bytes([n0, n1, n2, n3, n4, n5, n6, n7]);
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        file.read_exact_at(&mut bytes, self.read + HEADER as u64)?;
        self.read += HEADER as u64 + u64::from(length);
        if self.read == self.written {
            // The next file begins at its beginning.
            (self.file, self.read, self.written, self.freed) = (None, 0, 0, 0);
        } else if self.read - self.freed >= FREE_EVERY {
            file.free(self.freed..self.read);
            self.freed = self.read;
        }
        let item = Record { number, tag, bytes: Arc::new(bytes) };
        self.in_memory += item.cost();
        self.memory.push_back(item);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_in_order() {
        let mut spool = Spool::new(SpoolLimits { memory: 1000, file: 1 << 20 });
        let frame = |number: u64| {
            let byte = u8::try_from(number % 256).unwrap();
            let bytes = vec![byte; usize::try_from(number % 300).unwrap()];
            Record { number, tag: byte % 3, bytes: Arc::new(bytes) }
        };
        let (mut next_in, mut next_out) = (0, 0);
        for round in 1..60 {
            for _ in 0..round * 7 % 31 {
                let f = frame(next_in);
                spool.push(f);
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
        let mut pushed = 0;
        while !spool.is_full() {
            spool.push(Record { number: 0, tag: 0, bytes: Arc::new(vec![b'x'; 50]) });
            pushed += 1;
        }
        assert_eq!(pushed, 3);
        spool.pop().unwrap();
        assert!(spool.is_full());
        spool.pop().unwrap();
        assert!(!spool.is_full());
    }
}
