//! The open text blocks of a stream, with the text of each, against which a final is compared.

use std::borrow::Cow;

use super::terms::Text;
use super::{Emitter, Origin};
use crate::codec::{self, Object};
use crate::event::Type;
use crate::text::digest::Digest;
use crate::text::floor;

/// Limit of open blocks; past that the oldest is closed.
const MAX_OPEN: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Blocks {
    open: Vec<OpenBlock>,
    count: u64,
    max: usize,
}

#[derive(Debug, Default)]
struct OpenBlock {
    key: String,
    kind: &'static str,
    parent: Option<String>,
    id: String,
    text: String,
    /// First half of a character at the end of the last delta, which waits for the next.
    half: String,
    /// Text of the earlier blocks that were closed because of `--max-block`.
    closed: Digest,
    continues: Option<String>,
    supersedes: Option<String>,
}

impl OpenBlock {
    fn is(&self, text: &Text<'_>) -> bool {
        self.key == text.key
            && self.kind == text.kind.name()
            && self.parent.as_deref() == text.parent
    }

    /// Suffix of `whole` not emitted yet; `None` if what was emitted is no prefix of it.
    fn missing<'t>(&self, whole: &'t str) -> Option<Cow<'t, str>> {
        let rest = self.closed.rest(whole)?;
        if self.half.is_empty() {
            return codec::strip_emitted(rest, &self.text);
        }
        codec::strip_emitted(rest, &format!("{}{}", self.text, self.half))
    }

    fn emit_delta(&self, text: &str, to: &mut Emitter<'_>) {
        to.emit((Type::TextDelta, self.parent.as_deref(), Origin::Runtime), |body| {
            put_text(body, &self.id, self.kind, text);
        });
    }

    fn close(mut self, origin: Origin, to: &mut Emitter<'_>) -> String {
        if !self.half.is_empty() {
            let half = std::mem::take(&mut self.half);
            self.emit_delta(&half, to);
            self.text.push_str(&half);
        }
        to.emit((Type::BlockFinal, self.parent.as_deref(), origin), |body| {
            put_text(body, &self.id, self.kind, &self.text);
            body.text_if("supersedes", self.supersedes.as_deref());
            body.text_if("continues", self.continues.as_deref());
        });
        self.id
    }
}

impl Blocks {
    pub(super) fn new(max: usize) -> Self {
        Self { open: Vec::new(), count: 0, max }
    }

    pub(super) fn delta(&mut self, text: &Text<'_>, delta: &str, to: &mut Emitter<'_>) {
        let at = self.find_or_open(text, None, to);
        self.add(at, delta, to);
    }

    pub(super) fn finish(&mut self, text: &Text<'_>, whole: Option<&str>, to: &mut Emitter<'_>) {
        let open = self.open.iter().position(|b| b.is(text));
        let mut supersedes = None;
        if let Some(at) = open {
            match whole.map(|whole| self.open[at].missing(whole)) {
                None => return self.close(text, to),
                Some(Some(missing)) => {
                    self.add(at, &missing, to);
                    return self.close(text, to);
                }
                Some(None) => supersedes = Some(self.open.remove(at).close(Origin::Runtime, to)),
            }
        }
        let Some(whole) = whole.filter(|w| !w.is_empty()) else {
            return;
        };
        if supersedes.is_none() && whole.len() <= self.max && codec::split_half(whole).1.is_empty()
        {
            return self.emit_whole(text, whole, to);
        }
        let at = self.find_or_open(text, supersedes, to);
        self.add(at, whole, to);
        self.close(text, to);
    }

    /// Closes the block of a text, wherever a continuation has moved it.
    fn close(&mut self, text: &Text<'_>, to: &mut Emitter<'_>) {
        if let Some(at) = self.open.iter().position(|b| b.is(text)) {
            self.open.remove(at).close(Origin::Runtime, to);
        }
    }

    /// Emits a block of one text, of which nothing has to be kept.
    fn emit_whole(&mut self, text: &Text<'_>, whole: &str, to: &mut Emitter<'_>) {
        self.count += 1;
        let id = format!("b{}", self.count);
        for type_ in [Type::TextDelta, Type::BlockFinal] {
            to.emit((type_, text.parent, Origin::Runtime), |body| {
                put_text(body, &id, text.kind.name(), whole);
            });
        }
    }

    /// Closes the blocks of one parent, or of the main agent.
    pub(super) fn close_of(&mut self, parent: Option<&str>, to: &mut Emitter<'_>) {
        for block in self.open.extract_if(.., |b| b.parent.as_deref() == parent) {
            block.close(Origin::Runtime, to);
        }
    }

    /// True if the block that `text` names is open.
    pub(super) fn is_open(&self, text: &Text<'_>) -> bool {
        self.open.iter().any(|b| b.is(text))
    }

    /// Closes the blocks of the main agent but this one.
    pub(super) fn close_but(&mut self, kept: Option<&Text<'_>>, to: &mut Emitter<'_>) {
        let ends = |b: &mut OpenBlock| b.parent.is_none() && kept.is_none_or(|text| !b.is(text));
        for block in self.open.extract_if(.., ends) {
            block.close(Origin::Runtime, to);
        }
    }

    pub(super) fn close_all(&mut self, origin: Origin, to: &mut Emitter<'_>) {
        for block in self.open.drain(..) {
            block.close(origin, to);
        }
    }

    fn find_or_open(
        &mut self,
        text: &Text<'_>,
        supersedes: Option<String>,
        to: &mut Emitter<'_>,
    ) -> usize {
        if let Some(at) = self.open.iter().position(|b| b.is(text)) {
            return at;
        }
        if self.open.len() >= MAX_OPEN {
            self.open.remove(0).close(Origin::Runtime, to);
        }
        self.count += 1;
        self.open.push(OpenBlock {
            key: text.key.to_owned(),
            kind: text.kind.name(),
            parent: text.parent.map(str::to_owned),
            id: format!("b{}", self.count),
            supersedes,
            ..OpenBlock::default()
        });
        self.open.len() - 1
    }

    /// Adds `delta` to the block, and to continuations past `max`.
    fn add(&mut self, mut at: usize, delta: &str, to: &mut Emitter<'_>) {
        let mut joined = std::mem::take(&mut self.open[at].half);
        let delta = if joined.is_empty() {
            delta
        } else {
            codec::append(&mut joined, delta);
            &joined
        };
        let (mut delta, half) = codec::split_half(delta);
        while !delta.is_empty() {
            let block = &mut self.open[at];
            let room = self.max - block.text.len();
            let (now, later) = delta.split_at(if delta.len() <= room {
                delta.len()
            } else {
                cut(&block.text, delta, room)
            });
            if !now.is_empty() {
                block.emit_delta(now, to);
                codec::append(&mut block.text, now);
            }
            if !later.is_empty() {
                at = self.go_on(at, to);
            }
            delta = later;
        }
        half.clone_into(&mut self.open[at].half);
    }

    /// Closes a full block and opens its continuation.
    fn go_on(&mut self, at: usize, to: &mut Emitter<'_>) -> usize {
        let full = self.open.remove(at);
        self.count += 1;
        let mut next = OpenBlock {
            key: full.key.clone(),
            kind: full.kind,
            parent: full.parent.clone(),
            id: format!("b{}", self.count),
            closed: full.closed,
            ..OpenBlock::default()
        };
        next.closed.add(&full.text);
        next.continues = Some(full.close(Origin::Runtime, to));
        self.open.push(next);
        self.open.len() - 1
    }
}

/// Fields that deltas and finals have.
fn put_text(body: &mut Object<'_>, block: &str, kind: &str, text: &str) {
    body.text("block", block);
    body.text("kind", kind);
    body.text("text", text);
}

/// Offset at which to cut `delta`, which is longer than the `room` behind `block`: after its last line that fits; else, unless
/// the block ends with a line, at the last character that fits.
fn cut(block: &str, delta: &str, room: usize) -> usize {
    let fits = floor(delta, room);
    match delta[..fits].rfind('\n') {
        Some(line) => line + 1,
        None if block.ends_with('\n') => 0,
        None => fits,
    }
}
