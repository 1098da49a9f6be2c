//! The open text blocks of a stream, with the text of each, against which a final is compared.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::terms::Text;
use crate::codec;

/// Limit of open blocks; past that the oldest is closed.
const MAX_OPEN: usize = 16;

/// An event of a block.
pub(super) enum Emitted<'a> {
    Delta(Words<'a>),
    Final(Words<'a>),
}

/// Its fields; a delta has none of the last two.
#[derive(Default, Clone, Copy)]
pub(super) struct Words<'a> {
    pub block: &'a str,
    pub kind: &'a str,
    pub text: &'a str,
    pub supersedes: Option<&'a str>,
    pub continues: Option<&'a str>,
}

/// Takes an event, with the block's parent.
pub(super) type EmitFn<'a> = dyn FnMut(Option<&str>, Emitted<'_>) + 'a;

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
    /// Length and hash of each earlier block of this text, closed because of `--max-block`.
    closed: Vec<(usize, u64)>,
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
        let mut rest = whole;
        for &(len, hash) in &self.closed {
            if hash_of(rest.get(..len)?) != hash {
                return None;
            }
            rest = &rest[len..];
        }
        if self.half.is_empty() {
            return codec::strip_emitted(rest, &self.text);
        }
        codec::strip_emitted(rest, &format!("{}{}", self.text, self.half))
    }

    fn close(mut self, emit: &mut EmitFn<'_>) -> String {
        if !self.half.is_empty() {
            let half = std::mem::take(&mut self.half);
            let words = Words { block: &self.id, kind: self.kind, text: &half, ..Words::default() };
            emit(self.parent.as_deref(), Emitted::Delta(words));
            self.text.push_str(&half);
        }
        let words = Words {
            block: &self.id,
            kind: self.kind,
            text: &self.text,
            supersedes: self.supersedes.as_deref(),
            continues: self.continues.as_deref(),
        };
        emit(self.parent.as_deref(), Emitted::Final(words));
        self.id
    }
}

impl Blocks {
    pub(super) fn new(max: usize) -> Self {
        Self { open: Vec::new(), count: 0, max }
    }

    pub(super) fn delta(&mut self, text: &Text<'_>, delta: &str, emit: &mut EmitFn<'_>) {
        let at = self.find_or_open(text, None, emit);
        self.add(at, delta, emit);
    }

    pub(super) fn finish(&mut self, text: &Text<'_>, whole: Option<&str>, emit: &mut EmitFn<'_>) {
        let open = self.open.iter().position(|b| b.is(text));
        let mut supersedes = None;
        if let Some(at) = open {
            match whole.map(|whole| self.open[at].missing(whole)) {
                None => return drop(self.open.remove(at).close(emit)),
                Some(Some(missing)) => {
                    self.add(at, &missing, emit);
                    // A continuation has moved to the end of the list.
                    if let Some(at) = self.open.iter().position(|b| b.is(text)) {
                        self.open.remove(at).close(emit);
                    }
                    return;
                }
                Some(None) => supersedes = Some(self.open.remove(at).close(emit)),
            }
        }
        let Some(whole) = whole.filter(|w| !w.is_empty()) else {
            return;
        };
        if supersedes.is_none() && whole.len() <= self.max && codec::split_half(whole).1.is_empty()
        {
            return self.emit_whole(text, whole, emit);
        }
        let at = self.find_or_open(text, supersedes, emit);
        self.add(at, whole, emit);
        if let Some(at) = self.open.iter().position(|b| b.is(text)) {
            self.open.remove(at).close(emit);
        }
    }

    /// Emits a block of one text, of which nothing has to be kept.
    fn emit_whole(&mut self, text: &Text<'_>, whole: &str, emit: &mut EmitFn<'_>) {
        self.count += 1;
        let id = format!("b{}", self.count);
        let words = Words { block: &id, kind: text.kind.name(), text: whole, ..Words::default() };
        emit(text.parent, Emitted::Delta(words));
        emit(text.parent, Emitted::Final(words));
    }

    /// Closes the blocks of one parent, or of the main agent.
    pub(super) fn close_of(&mut self, parent: Option<&str>, emit: &mut EmitFn<'_>) {
        for block in self.open.extract_if(.., |b| b.parent.as_deref() == parent) {
            block.close(emit);
        }
    }

    /// True if the block that `text` names is open.
    pub(super) fn is_open(&self, text: &Text<'_>) -> bool {
        self.open.iter().any(|b| b.is(text))
    }

    /// Closes the blocks of the main agent but this one.
    pub(super) fn close_but(&mut self, kept: Option<&Text<'_>>, emit: &mut EmitFn<'_>) {
        let ends = |b: &mut OpenBlock| b.parent.is_none() && kept.is_none_or(|text| !b.is(text));
        for block in self.open.extract_if(.., ends) {
            block.close(emit);
        }
    }

    pub(super) fn close_all(&mut self, emit: &mut EmitFn<'_>) {
        for block in self.open.drain(..) {
            block.close(emit);
        }
    }

    fn find_or_open(
        &mut self,
        text: &Text<'_>,
        supersedes: Option<String>,
        emit: &mut EmitFn<'_>,
    ) -> usize {
        if let Some(at) = self.open.iter().position(|b| b.is(text)) {
            return at;
        }
        if self.open.len() >= MAX_OPEN {
            self.open.remove(0).close(emit);
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
    fn add(&mut self, mut at: usize, delta: &str, emit: &mut EmitFn<'_>) {
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
                let (id, kind) = (&block.id, block.kind);
                let words = Words { block: id, kind, text: now, ..Words::default() };
                emit(block.parent.as_deref(), Emitted::Delta(words));
                codec::append(&mut block.text, now);
            }
            if !later.is_empty() {
                at = self.go_on(at, emit);
            }
            delta = later;
        }
        half.clone_into(&mut self.open[at].half);
    }

    /// Closes a full block and opens its continuation.
    fn go_on(&mut self, at: usize, emit: &mut EmitFn<'_>) -> usize {
        let full = self.open.remove(at);
        self.count += 1;
        let mut next = OpenBlock {
            key: full.key.clone(),
            kind: full.kind,
            parent: full.parent.clone(),
            id: format!("b{}", self.count),
            closed: full.closed.clone(),
            ..OpenBlock::default()
        };
        next.closed.push((full.text.len(), hash_of(&full.text)));
        next.continues = Some(full.close(emit));
        self.open.push(next);
        self.open.len() - 1
    }
}

/// Offset at which to cut `delta`, which is longer than the `room` behind `block`: after its last line that fits; else, unless
/// the block ends with a line, at the last character that fits.
fn cut(block: &str, delta: &str, room: usize) -> usize {
    let fits = (0..=room).rev().find(|&i| delta.is_char_boundary(i)).unwrap_or(0);
    match delta[..fits].rfind('\n') {
        Some(line) => line + 1,
        None if block.ends_with('\n') => 0,
        None => fits,
    }
}

fn hash_of(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
