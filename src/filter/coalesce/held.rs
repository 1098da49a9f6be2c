//! What coalesce holds of one stream: the deltas of one block, their raw texts spliced, and when they must leave.

use std::time::Duration;

use super::tail::{self, Ending};
use super::{Border, Options};
use crate::codec::{MergedDelta, merged_delta};
use crate::event::{Delta, Event};
use crate::filter::Out;
use crate::time::Time;

#[derive(Debug, Default)]
pub(super) struct Held {
    /// The first delta's line: if no other comes, it leaves as it came.
    line: String,
    /// The last delta's line, kept only where a preferred cut may leave that delta alone.
    last_line: String,
    count: u32,
    merged: MergedDelta,
    chars: usize,
    /// When the first and the last delta came.
    first_at: Time,
    last_at: Time,
    within: Duration,
    idle: Duration,
    /// The held text may leave after a silence: there is enough of it, and no partner is awaited.
    idle_may_flush: bool,
    cut: Option<Cut>,
}

/// The last good place to cut: the held text up to there, and the number and time of the delta that ended there.
#[derive(Debug)]
struct Cut {
    len: usize,
    chars: usize,
    seq: u64,
    ts: String,
    count: u32,
    /// When the first delta behind the place came, once one has.
    next_at: Option<Time>,
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Code points held.
    pub(super) fn chars(&self) -> usize {
        self.chars
    }

    /// When the first held delta came; the beginning of time if nothing is held.
    pub(super) fn since(&self) -> Time {
        if self.is_empty() { Time::default() } else { self.first_at }
    }

    /// When it must leave.
    pub(super) fn due(&self) -> Option<Time> {
        let within = self.first_at + self.within;
        let idle = self.last_at + self.idle;
        (!self.is_empty()).then(|| if self.idle_may_flush { within.min(idle) } else { within })
    }

    /// True if a delta continues what is held: next in number, of the same block, the same in all else.
    pub(super) fn takes(&self, event: &Event<'_>, delta: &Delta<'_>) -> bool {
        if self.is_empty() {
            return true;
        }
        let m = &self.merged;
        let raw =
            |r: Option<crate::event::Raw<'_>>, s: &Option<String>| r.map(|r| r.0) == s.as_deref();
        delta.first_seq.or(event.seq) == Some(m.seq + 1)
            && event.turn == m.turn
            && delta.block.0 == m.block
            && delta.kind.0 == m.kind
            && delta.synthetic == m.synthetic
            && same(&delta.extra, &m.extra)
            && raw(delta.parent, &m.parent)
            && raw(delta.label, &m.label)
    }

    pub(super) fn add(
        &mut self,
        now: Time,
        event: &Event<'_>,
        delta: &Delta<'_>,
        chars: usize,
        options: &Options,
    ) {
        let seq = event.seq.unwrap_or_default();
        let m = &mut self.merged;
        if self.count == 0 {
            self.line.clear();
            self.line.push_str(event.line);
            self.first_at = now;
            self.within = options.within;
            self.idle = options.idle;
            m.begin(event, delta, delta.first_seq.unwrap_or(seq));
        } else if let Some(cut) = &mut self.cut {
            cut.next_at.get_or_insert(now);
        }
        m.text.push_str(delta.text.0);
        m.seq = seq;
        m.ts.clear();
        m.ts.push_str(event.ts.as_deref().unwrap_or_default());
        self.count += 1;
        self.chars += chars;
        self.last_at = now;
        let ending = tail::ending(&m.text);
        self.idle_may_flush = ending != Ending::Awaits
            && (self.chars >= options.min
                || matches!(ending, Ending::Sentence | Ending::Line | Ending::Paragraph));
        let Some(by) = options.by else {
            return;
        };
        self.last_line.clear();
        self.last_line.push_str(event.line);
        if is_border(by, ending) {
            let (len, ts) = (m.text.len(), m.ts.clone());
            self.cut =
                Some(Cut { len, chars: self.chars, seq, ts, count: self.count, next_at: None });
        }
    }

    /// Says all that is held.
    pub(super) fn flush(&mut self, now: Time, out: &mut Out<'_>) {
        if self.is_empty() {
            return;
        }
        let m = &self.merged;
        out.emit(now, |buf| match self.count {
            1 => untouched(buf, &self.line),
            _ => merged_delta(buf, m, &m.text, m.seq, &m.ts),
        });
        self.merged.text.clear();
        self.count = 0;
        self.chars = 0;
        self.cut = None;
    }

    /// Says what is held up to the preferred place if there is one, else all of it.
    pub(super) fn flush_to_border(&mut self, now: Time, out: &mut Out<'_>) {
        let Some(cut) = self.cut.take().filter(|cut| cut.count < self.count) else {
            return self.flush(now, out);
        };
        let m = &mut self.merged;
        out.emit(now, |buf| match cut.count {
            1 => untouched(buf, &self.line),
            _ => merged_delta(buf, m, &m.text[..cut.len], cut.seq, &cut.ts),
        });
        m.text.drain(..cut.len);
        m.first_seq = cut.seq + 1;
        self.count -= cut.count;
        self.chars -= cut.chars;
        self.first_at = cut.next_at.unwrap_or(self.last_at);
        // If one delta is left it is the last one, and it leaves as it came too.
        std::mem::swap(&mut self.line, &mut self.last_line);
    }

    /// Says what a deadline lets go: everything at the end of `within`, else up to the preferred place.
    pub(super) fn flush_due(&mut self, now: Time, out: &mut Out<'_>) {
        if self.first_at + self.within <= now {
            return self.flush(now, out);
        }
        self.flush_to_border(now, out);
        // What is left is the beginning of a word or a line: only `within` forces it out.
        self.idle_may_flush = false;
    }
}

/// Equality that does not call memcmp for two empty strings: with their dangling pointers it takes a masked load of an
/// unmapped page, which costs more than everything else that is done for a delta.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && (a.is_empty() || a == b)
}

fn untouched(buf: &mut Vec<u8>, line: &str) {
    buf.extend_from_slice(line.as_bytes());
    buf.push(b'\n');
}

fn is_border(by: Border, ending: Ending) -> bool {
    match by {
        Border::Paragraph => ending == Ending::Paragraph,
        Border::Line => matches!(ending, Ending::Line | Ending::Paragraph),
        Border::Sentence => matches!(ending, Ending::Sentence | Ending::Line | Ending::Paragraph),
        Border::Word => {
            matches!(ending, Ending::Word | Ending::Sentence | Ending::Line | Ending::Paragraph)
        }
    }
}
