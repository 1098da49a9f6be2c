//! Any command's plain output: every chunk is answer text as soon as it comes, one turn for the run.

use super::prelude::*;
use crate::codec::Malformed;

pub(super) const SPEC: Spec = Spec {
    name: "text",
    aliases: &["plain"],
    versions: "-",
    about: "any command's plain output",
    usage: "any command",
    new: |_| Box::new(PlainText::default()),
    ..Spec::BYTES
};

const BLOCK: Text<'_> = Text { key: "stdout", kind: TextKind::Answer, parent: None };

#[derive(Default)]
pub(super) struct PlainText {
    /// Beginning of a character whose rest has not come; at most three bytes.
    begun: Vec<u8>,
    started: bool,
}

impl PlainText {
    fn start(&mut self, emit: &mut Emit<'_>) {
        if !std::mem::replace(&mut self.started, true) {
            emit.start(None, None);
        }
    }
}

impl Runtime for PlainText {
    fn on_bytes(&mut self, place: Place<'_>, emit: &mut Emit<'_>) {
        self.start(emit);
        let offset = place.offset.saturating_sub(self.begun.len() as u64);
        let mut bytes = std::mem::take(&mut self.begun);
        bytes.extend_from_slice(place.bytes);
        let (mut text, mut invalid) = (String::with_capacity(bytes.len()), false);
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.push_str(chunk.valid());
            let bad = chunk.invalid();
            let begun = std::str::from_utf8(bad).is_err_and(|e| e.error_len().is_none());
            if begun && chunks.peek().is_none() {
                self.begun = bad.to_vec();
            } else if !bad.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
                invalid = true;
            }
        }
        emit.delta(&BLOCK, &text);
        if invalid {
            let place = Place { offset, bytes: &bytes, ..place };
            emit.diagnostic(&place, &Malformed::new(0, "invalid UTF-8"));
        }
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> TurnVerdict {
        self.start(emit);
        if !self.begun.is_empty() {
            emit.delta(&BLOCK, "\u{fffd}");
            let place = Place { line: 0, offset: 0, bytes: &self.begun };
            let why = Malformed::new(0, "the output ends inside a character");
            emit.diagnostic(&place, &why);
            self.begun.clear();
        }
        TurnVerdict::ByExit
    }
}
