//! One stream: its open blocks, and the events that wait because a delta before them may end in the beginning of a secret.

use std::collections::VecDeque;
use std::time::Duration;

use super::finder::{Finder, TextEnd};
use super::hiding::Hiding;
use super::line::{self, Known, Stop};
use super::text::Text;
use crate::codec::{self, Fields, Writer};
use crate::event::{Delta, Envelope, Event, Status, Type};
use crate::time::Time;

/// Bytes of waiting events; past that the text is decided at once.
const MAX_WAITING: usize = 1 << 20;

/// Open blocks; past that the oldest ends.
const MAX_BLOCKS: usize = 1024;

/// Path under which the hiding of a block's text goes on in the next block of its kind.
const TEXT: &str = "text";

#[derive(Debug, Default)]
pub(super) struct Stream {
    blocks: Vec<Block>,
    waiting: VecDeque<Waiting>,
    /// Bytes of all events that have waited since none did.
    bytes: usize,
    hiding: Hiding,
    /// Fields of the last delta in which nothing was found, and which mostly stay the same.
    clean: Clean,
}

#[derive(Debug)]
struct Block {
    /// Id and kind, with their escapes.
    name: String,
    kind: String,
    text: Text,
}

#[derive(Debug)]
struct Waiting {
    since: Time,
    what: What,
}

#[derive(Debug)]
enum What {
    /// A line as it will leave, with its line feed.
    Line(Vec<u8>),
    Delta(HeldDelta),
}

/// A delta whose text is not decided.
#[derive(Debug)]
struct HeldDelta {
    line: String,
    block: String,
    /// Place of the text's inside in the line.
    start: usize,
    end: usize,
    /// Place of the text in that of the block.
    from: u64,
    to: u64,
}

#[derive(Debug, Default, PartialEq)]
struct Clean {
    label: Option<String>,
    parent: Option<String>,
    block: String,
    kind: String,
}

impl Clean {
    fn fits(&self, delta: &Delta<'_>) -> bool {
        delta.label.map(|label| label.0) == self.label.as_deref()
            && delta.parent.map(|parent| parent.0) == self.parent.as_deref()
            && delta.block.0 == self.block
            && delta.kind.0 == self.kind
    }

    fn of(delta: &Delta<'_>) -> Self {
        Self {
            label: delta.label.map(|label| label.0.to_owned()),
            parent: delta.parent.map(|parent| parent.0.to_owned()),
            block: delta.block.0.to_owned(),
            kind: delta.kind.0.to_owned(),
        }
    }
}

/// Place of a part in the text that it was cut from.
fn place(whole: &str, part: &str) -> usize {
    part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr())
}

impl Stream {
    /// Arrival of the first event that waits.
    pub(super) fn since(&self) -> Option<Time> {
        self.waiting.front().map(|waiting| waiting.since)
    }

    pub(super) fn due(&self, within: Duration) -> Option<Time> {
        self.since().map(|since| since + within)
    }

    pub(super) fn on_delta(
        &mut self,
        now: Time,
        event: &Event<'_>,
        delta: &Delta<'_>,
        finder: &mut Finder,
        out: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        let start = place(event.line, delta.text.0);
        let end = start + delta.text.0.len();
        let is_sound = delta.extra.is_empty()
            && event.ts.as_deref().is_none_or(line::is_time)
            && self.clean.fits(delta);
        let mut changed = None;
        if !is_sound {
            let known = Known { start, end, hidden: &[] };
            changed = line::redact(event, Some(known), finder, &mut self.hiding)?;
            self.clean = Clean::of(delta);
        }
        let at = self.block(delta, finder);
        let text = &mut self.blocks[at].text;
        let may_pass = self.waiting.is_empty() && changed.is_none();
        if may_pass && delta.text.0.contains('\\') && text.pass(finder, delta.text.0) {
            out.extend_from_slice(event.line.as_bytes());
            out.push(b'\n');
            return Ok(());
        }
        let (from, parts) = (text.length(), text.hidden().len());
        finder.decoded(delta.text.0, |finder, bytes| text.feed(finder, bytes));
        let to = text.length();
        let is_clean = text.hidden().len() == parts
            && text.hidden().last().is_none_or(|part| part.end <= from)
            && text.decided() >= to;
        if is_clean && may_pass {
            out.extend_from_slice(event.line.as_bytes());
            out.push(b'\n');
            return Ok(());
        }
        let held = held(event, delta, changed).map(|(line, start, end)| {
            What::Delta(HeldDelta { line, block: delta.block.0.to_owned(), start, end, from, to })
        });
        self.wait(now, held.ok_or(Stop::Broken)?, finder, out);
        Ok(())
    }

    pub(super) fn on_event(
        &mut self,
        now: Time,
        event: &Event<'_>,
        finder: &mut Finder,
        out: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        let changed = match event.kind {
            Type::BlockFinal => self.on_final(event, finder),
            kind => {
                if kind == Type::TurnStarted || kind.is_terminal() {
                    while !self.blocks.is_empty() {
                        self.end_block(0, finder);
                    }
                }
                line::redact(event, None, finder, &mut self.hiding)
            }
        }?;
        if event.seq.is_none() || self.waiting.is_empty() {
            out.extend_from_slice(changed.as_deref().unwrap_or(event.line.as_bytes()));
            out.push(b'\n');
            return Ok(());
        }
        let mut line = changed.unwrap_or_else(|| event.line.as_bytes().to_vec());
        line.push(b'\n');
        self.wait(now, What::Line(line), finder, out);
        Ok(())
    }

    /// The text of a block's end is what has left of its deltas. Without deltas it is searched.
    fn on_final(
        &mut self,
        event: &Event<'_>,
        finder: &mut Finder,
    ) -> Result<Option<Vec<u8>>, Stop> {
        let fields = Fields::parse(event.line).map_err(|_| Stop::Broken)?;
        if fields.get("part").is_some() {
            return Err(Stop::Parts);
        }
        let inside = |key| {
            let string = fields.get(key)?;
            string.strip_prefix('"')?.strip_suffix('"')
        };
        let (name, kind) =
            (inside("block").unwrap_or_default(), inside("kind").unwrap_or_default());
        let block = self.blocks.iter().position(|block| block.name == name);
        let block = block.map(|at| self.end_block(at, finder));
        let has_hidden = block.as_ref().is_some_and(|block| !block.text.hidden().is_empty());
        if !has_hidden && line::is_clean(event, None, finder, &self.hiding) {
            return Ok(None);
        }
        let Some(raw) = inside("text") else {
            return line::redact(event, None, finder, &mut self.hiding);
        };
        let earlier = self.hiding.of(TEXT, &[kind]).filter(|_| block.is_none());
        let found = finder.string(raw, TextEnd::Cut, earlier).unwrap_or_default();
        let text = match block {
            Some(Block { mut text, .. }) => {
                let mut is_repeated = |bytes: &[u8]| text.is_repeated_by(bytes, found.hidden());
                if finder.decoded(raw, |_, bytes| is_repeated(bytes)) { text } else { found }
            }
            None => {
                self.hiding.set(TEXT, &[kind], found.hiding());
                found
            }
        };
        if text.hidden().is_empty() {
            return line::redact(event, None, finder, &mut self.hiding);
        }
        let start = place(event.line, raw);
        let known = Known { start, end: start + raw.len(), hidden: text.hidden() };
        line::redact(event, Some(known), finder, &mut self.hiding)
    }

    /// Index of a delta's block, which begins if it is new.
    fn block(&mut self, delta: &Delta<'_>, finder: &mut Finder) -> usize {
        let known = self.blocks.iter().rposition(|block| block.name == delta.block.0);
        known.unwrap_or_else(|| {
            if self.blocks.len() >= MAX_BLOCKS {
                self.end_block(0, finder);
            }
            let earlier = self.hiding.of(TEXT, &[delta.kind.0]);
            let text = earlier.map_or_else(Text::default, Text::after);
            let (name, kind) = (delta.block.0.to_owned(), delta.kind.0.to_owned());
            self.blocks.push(Block { name, kind, text });
            self.blocks.len() - 1
        })
    }

    /// Ends a block: its waiting deltas are decided.
    fn end_block(&mut self, at: usize, finder: &mut Finder) -> Block {
        let mut block = self.blocks.remove(at);
        block.text.end(finder);
        self.hiding.set(TEXT, &[&block.kind], block.text.hiding());
        for waiting in &mut self.waiting {
            if let What::Delta(delta) = &waiting.what
                && delta.block == block.name
            {
                waiting.what = What::Line(delta.redacted(&block.text, finder));
            }
        }
        block
    }

    /// Adds an event that may not leave before those that wait, and lets go what need not wait.
    fn wait(&mut self, now: Time, what: What, finder: &mut Finder, out: &mut Vec<u8>) {
        self.bytes += match &what {
            What::Line(line) => line.len(),
            What::Delta(delta) => delta.line.len(),
        };
        self.waiting.push_back(Waiting { since: now, what });
        self.release(finder, out);
        if self.bytes > MAX_WAITING {
            self.settle(finder, out);
        }
    }

    /// Decides everything: its time is up.
    pub(super) fn settle(&mut self, finder: &mut Finder, out: &mut Vec<u8>) {
        for block in &mut self.blocks {
            block.text.settle(finder);
        }
        self.release(finder, out);
    }

    /// Ends the stream.
    pub(super) fn end(&mut self, finder: &mut Finder, out: &mut Vec<u8>) {
        while !self.blocks.is_empty() {
            self.end_block(0, finder);
        }
        self.release(finder, out);
    }

    fn release(&mut self, finder: &Finder, out: &mut Vec<u8>) {
        while let Some(first) = self.waiting.front() {
            let redacted = match &first.what {
                What::Line(line) => {
                    out.extend_from_slice(line);
                    None
                }
                What::Delta(delta) => {
                    let block = self.blocks.iter().rfind(|block| block.name == delta.block);
                    match block.filter(|block| block.text.decided() >= delta.to) {
                        Some(block) => Some(delta.redacted(&block.text, finder)),
                        None => return,
                    }
                }
            };
            out.extend_from_slice(&redacted.unwrap_or_default());
            self.waiting.pop_front();
        }
        self.bytes = 0;
    }
}

/// The line of a delta and the place of its text in it, after a change of other fields.
fn held(
    event: &Event<'_>,
    delta: &Delta<'_>,
    changed: Option<Vec<u8>>,
) -> Option<(String, usize, usize)> {
    let Some(changed) = changed else {
        let start = place(event.line, delta.text.0);
        return Some((event.line.to_owned(), start, start + delta.text.0.len()));
    };
    let line = String::from_utf8(changed).ok()?;
    let event = codec::decode_text(&line).ok()?;
    let text = event.delta?.text.0;
    let start = place(&line, text);
    let end = start + text.len();
    Some((line, start, end))
}

impl HeldDelta {
    /// The line as it leaves, with its line feed.
    fn redacted(&self, text: &Text, finder: &Finder) -> Vec<u8> {
        let mut line = self.line.as_bytes()[..self.start].to_vec();
        finder.replace(&self.line[self.start..self.end], self.from, text.hidden(), &mut line);
        if line.len() == self.start
            && let Some(status) = self.without_text()
        {
            return status;
        }
        line.extend_from_slice(&self.line.as_bytes()[self.end..]);
        line.push(b'\n');
        line
    }

    /// The event that has the number of a delta of which no text is left.
    fn without_text(&self) -> Option<Vec<u8>> {
        let envelope: Envelope<'_> = codec::body(&self.line).ok()?;
        let envelope = Envelope { type_: Type::Status.name().into(), ..envelope };
        let status = Status { kind: "redacted".into(), message: None, data: None };
        let mut line = Vec::new();
        Writer::default().event(&mut line, &envelope, &status);
        Some(line)
    }
}
