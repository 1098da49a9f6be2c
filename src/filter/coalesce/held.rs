//! Held deltas of one stream: those of one block, with their raw texts joined, and their deadline.

use std::time::Duration;

use super::tail::{self, Ending};
use super::{Border, Options};
use crate::codec::{self, Writer};
use crate::event::{Delta, Envelope, Event, Type};
use crate::filter::Out;
use crate::time::Time;

#[derive(Debug, Default)]
pub(super) struct Held {
    /// Line of the first delta, which is emitted unchanged if no other follows.
    line: String,
    /// Line of the last delta, kept only where a preferred cut may leave that delta alone.
    last_line: String,
    count: u32,
    merged: MergedDelta,
    pub(super) chars: usize,
    /// Arrival of the first and of the last delta.
    first_at: Time,
    last_at: Time,
    within: Duration,
    idle: Duration,
    /// The held text may leave after a silence: it is long enough and needs no continuation.
    idle_may_flush: bool,
    cut: Option<Cut>,
}

/// The last preferred place to cut: the held text before it, and the number and time of the delta that ends there.
#[derive(Debug)]
struct Cut {
    len: usize,
    chars: usize,
    seq: u64,
    ts: String,
    count: u32,
    /// Arrival of the first delta behind the place.
    next_at: Option<Time>,
}

/// A delta that stands for several. Strings keep their JSON escapes.
#[derive(Debug, Default)]
struct MergedDelta {
    stream: String,
    turn: Option<u64>,
    first_seq: u64,
    /// Number and time of the last one.
    seq: u64,
    ts: String,
    label: Option<String>,
    parent: Option<String>,
    synthetic: bool,
    block: String,
    kind: String,
    text: String,
    /// The first one's unknown fields.
    extra: String,
}

impl MergedDelta {
    /// Begins with the head of the first delta, reusing memory.
    fn begin(&mut self, event: &Event<'_>, delta: &Delta<'_>, first_seq: u64) {
        let set = |to: &mut String, from: &str| {
            to.clear();
            to.push_str(from);
        };
        set(&mut self.stream, event.stream.as_deref().unwrap_or_default());
        set(&mut self.block, delta.block.0);
        set(&mut self.kind, delta.kind.0);
        set(&mut self.extra, &delta.extra);
        self.text.clear();
        self.turn = event.turn;
        self.first_seq = first_seq;
        self.label = delta.label.map(|l| l.0.to_owned());
        self.parent = delta.parent.map(|p| p.0.to_owned());
        self.synthetic = delta.synthetic;
    }

    /// Writes one line for the deltas up to number `seq`, which came at `ts` and made `text`.
    fn write(&self, buf: &mut Vec<u8>, text: &str, seq: u64, ts: &str) {
        let envelope = Envelope {
            stream: Some(self.stream.as_str().into()),
            turn: self.turn,
            seq: Some(seq),
            first_seq: Some(self.first_seq).filter(|first| *first != seq),
            ts: Some(ts.into()).filter(|_| !ts.is_empty()),
            ..Envelope::of(Type::TextDelta)
        };
        let foreign = [("label", self.label.as_deref()), ("parent", self.parent.as_deref())];
        Writer::default().emit(buf, &envelope, |object| {
            for (key, raw) in foreign {
                if let Some(raw) = raw {
                    object.escaped(key, raw);
                }
            }
            if self.synthetic {
                object.json("synthetic", "true");
            }
            object.escaped("block", &self.block);
            object.escaped("kind", &self.kind);
            object.escaped("text", &codec::on_one_line(text));
            object.put(&self.extra);
        });
    }
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Arrival of the first held delta; the beginning of time if nothing is held.
    pub(super) fn since(&self) -> Time {
        if self.is_empty() { Time::default() } else { self.first_at }
    }

    pub(super) fn due(&self) -> Option<Time> {
        let within = self.first_at + self.within;
        let idle = self.last_at + self.idle;
        (!self.is_empty()).then(|| if self.idle_may_flush { within.min(idle) } else { within })
    }

    /// True if a delta continues the held text: next in number, of the same block, equal in all else.
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
            event.line.clone_into(&mut self.line);
            self.first_at = now;
            self.within = options.within;
            self.idle = options.idle;
            m.begin(event, delta, delta.first_seq.unwrap_or(seq));
        } else if let Some(cut) = &mut self.cut {
            cut.next_at.get_or_insert(now);
        }
        m.text.push_str(delta.text.0);
        m.seq = seq;
        event.ts.as_deref().unwrap_or_default().clone_into(&mut m.ts);
        self.count += 1;
        self.chars += chars;
        self.last_at = now;
        let ending = tail::ending(&m.text);
        self.idle_may_flush =
            ending != Ending::Awaits && (self.chars >= options.min || ending >= Ending::Sentence);
        let Some(by) = options.by else {
            return;
        };
        event.line.clone_into(&mut self.last_line);
        if is_border(by, ending) {
            let (len, ts) = (m.text.len(), m.ts.clone());
            self.cut =
                Some(Cut { len, chars: self.chars, seq, ts, count: self.count, next_at: None });
        }
    }

    pub(super) fn flush(&mut self, now: Time, out: &mut Out<'_>) {
        if self.is_empty() {
            return;
        }
        let m = &self.merged;
        out.emit(now, |buf| match self.count {
            1 => untouched(buf, &self.line),
            _ => m.write(buf, &m.text, m.seq, &m.ts),
        });
        self.merged.text.clear();
        self.count = 0;
        self.chars = 0;
        self.cut = None;
    }

    /// Emits the held text up to the preferred place, else all of it.
    pub(super) fn flush_to_border(&mut self, now: Time, out: &mut Out<'_>) {
        let Some(cut) = self.cut.take().filter(|cut| cut.count < self.count) else {
            return self.flush(now, out);
        };
        let m = &mut self.merged;
        out.emit(now, |buf| match cut.count {
            1 => untouched(buf, &self.line),
            _ => m.write(buf, &m.text[..cut.len], cut.seq, &cut.ts),
        });
        m.text.drain(..cut.len);
        m.first_seq = cut.seq + 1;
        self.count -= cut.count;
        self.chars -= cut.chars;
        self.first_at = cut.next_at.unwrap_or(self.last_at);
        // A single delta that is left is the last one; it is emitted unchanged too.
        std::mem::swap(&mut self.line, &mut self.last_line);
    }

    /// Emits the text that is due: everything at the end of `within`, else up to the preferred place.
    pub(super) fn flush_due(&mut self, now: Time, out: &mut Out<'_>) {
        if self.first_at + self.within <= now {
            return self.flush(now, out);
        }
        self.flush_to_border(now, out);
        // The rest is the beginning of a word or a line: only `within` releases it.
        self.idle_may_flush = false;
    }
}

/// Equality without memcmp for two empty strings: with their dangling pointers it does a masked load of an unmapped page,
/// which costs more than all other work for a delta.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && (a.is_empty() || a == b)
}

fn untouched(buf: &mut Vec<u8>, line: &str) {
    buf.extend_from_slice(line.as_bytes());
    buf.push(b'\n');
}

fn is_border(by: Border, ending: Ending) -> bool {
    let least = match by {
        Border::Word => Ending::Word,
        Border::Sentence => Ending::Sentence,
        Border::Line => Ending::Line,
        Border::Paragraph => Ending::Paragraph,
    };
    ending >= least
}
