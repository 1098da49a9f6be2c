//! Queue of bytes in the order of the recording, divided by marks into parts that leave as one.

use std::collections::VecDeque;

use crate::exit::Exit;
use crate::replay::Gap;
use crate::time::Time;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum To {
    #[default]
    Stdout,
    Stderr,
    /// Exit of a replayed agent, without bytes.
    End(Exit),
}

/// A part; by default one that leaves with its predecessor.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mark {
    pub gap: Gap,
    pub time: Option<Time>,
    /// Offset of its source behind it.
    pub offset: u64,
    pub to: To,
    /// True for a `text_delta`, which stepping may skip.
    pub delta: bool,
    pub(super) len: usize,
    /// Start and length of a time to be replaced by the current one.
    pub(super) stamp: Option<(usize, usize)>,
}

#[derive(Debug, Default)]
pub struct Queue {
    bytes: Vec<u8>,
    left: usize,
    marks: VecDeque<Mark>,
}

impl Queue {
    pub fn len(&self) -> usize {
        self.bytes.len() - self.left
    }

    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    pub fn push(&mut self, mark: Mark, parts: &[&[u8]]) {
        let mut len = 0;
        for part in parts {
            self.bytes.extend_from_slice(part);
            len += part.len();
        }
        if mark.gap == Gap::Joined
            && mark.stamp.is_none()
            && let Some(last) = self.marks.back_mut()
            && last.to == mark.to
        {
            last.len += len;
            last.offset = mark.offset;
            last.time = mark.time.or(last.time);
            return;
        }
        self.marks.push_back(Mark { len, ..mark });
    }

    /// Appends a line and a line feed that leave with their predecessor.
    pub fn join(&mut self, offset: u64, line: &[u8]) {
        match self.marks.back_mut() {
            Some(last) if last.to == To::Stdout && last.stamp.is_none() => {
                self.bytes.reserve(line.len() + 1);
                self.bytes.extend_from_slice(line);
                self.bytes.push(b'\n');
                last.len += line.len() + 1;
                last.offset = offset;
            }
            _ => self.push(Mark { offset, ..Mark::default() }, &[line, b"\n"]),
        }
    }

    pub fn front(&self) -> Option<&Mark> {
        self.marks.front()
    }

    pub fn pop(&mut self, now: Time, out: &mut Vec<u8>) -> Option<Mark> {
        let mark = self.marks.pop_front()?;
        if self.marks.is_empty() && self.left == 0 && out.is_empty() && mark.stamp.is_none() {
            std::mem::swap(out, &mut self.bytes);
            return Some(mark);
        }
        let end = self.left + mark.len;
        let part = self.bytes.get(self.left..end).unwrap_or_default();
        match mark.stamp {
            Some((at, len)) if at + len <= part.len() => {
                let (head, rest) = part.split_at(at);
                out.extend_from_slice(head);
                out.extend_from_slice(now.to_string().as_bytes());
                out.extend_from_slice(rest.get(len..).unwrap_or_default());
            }
            _ => out.extend_from_slice(part),
        }
        self.left = end;
        self.tidy();
        Some(mark)
    }

    fn tidy(&mut self) {
        if self.left >= self.bytes.len() {
            self.bytes.clear();
            // One huge line must not keep its memory.
            self.bytes.shrink_to(1 << 20);
            self.left = 0;
        } else if self.left > 256 << 10 && self.left > self.bytes.len() / 2 {
            self.bytes.drain(..self.left);
            self.left = 0;
        }
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn after(ms: u64) -> Mark {
        Mark { gap: Gap::After(Duration::from_millis(ms)), ..Mark::default() }
    }

    #[test]
    fn parts_leave_as_they_came() {
        let mut queue = Queue::default();
        queue.push(after(1), &[b"one", b"\n"]);
        queue.push(after(2), &[b"two\n"]);
        queue.push(Mark { offset: 9, ..Mark::default() }, &[b"joined\n"]);
        assert_eq!(queue.len(), 15);
        let mut out = Vec::new();
        assert_eq!(queue.pop(Time::default(), &mut out).unwrap().len, 4);
        assert_eq!(out, b"one\n");
        assert_eq!(queue.pop(Time::default(), &mut out).unwrap().offset, 9);
        assert_eq!(out, b"one\ntwo\njoined\n");
        assert!(queue.pop(Time::default(), &mut out).is_none());
        assert!(queue.is_empty());
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn a_stamp_is_the_time_at_which_it_leaves() {
        let mut queue = Queue::default();
        queue.push(Mark { stamp: Some((1, 3)), ..after(1) }, &[b"<old>\n"]);
        let mut out = Vec::new();
        queue.pop(Time::from_millis(0), &mut out);
        assert_eq!(out, b"<1970-01-01T00:00:00.000Z>\n");
    }
}
