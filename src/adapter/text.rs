//! Any command's plain output: every chunk is answer text as soon as it comes, one turn for the run.

use super::prelude::*;
use crate::codec::{Malformed, Place};

pub(super) const SPEC: Spec = Spec {
    name: "text",
    aliases: &["plain"],
    versions: "-",
    about: "any command's plain output",
    usage: "any command",
    keys: "",
    has_result: false,
    detect: |_| Match::No,
    framing: Framing::Bytes,
    new: |_| Box::new(PlainText::new("text")),
    ..Spec::LINES
};

const BLOCK: Text<'_> = Text { key: "stdout", kind: TextKind::Answer, parent: None };

/// Plain output of a runtime.
pub(super) struct PlainText {
    runtime: &'static str,
    /// The beginning of a character whose rest has not come; at most three bytes.
    begun: Vec<u8>,
    started: bool,
}

impl PlainText {
    /// An adapter before the first byte.
    pub(super) fn new(runtime: &'static str) -> Self {
        Self { runtime, begun: Vec::new(), started: false }
    }

    fn start(&mut self, emit: &mut Emit<'_>) {
        if !self.started {
            self.started = true;
            emit.start_turn(&TurnStarted {
                runtime: self.runtime.into(),
                ..TurnStarted::default()
            });
        }
    }

    fn say(&mut self, bytes: &[u8], place: Line<'_>, emit: &mut Emit<'_>) {
        let mut invalid = false;
        let mut rest = bytes;
        let mut text = String::with_capacity(bytes.len());
        while !rest.is_empty() {
            match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    rest = &[];
                }
                Err(e) => {
                    let (valid, after) = rest.split_at(e.valid_up_to());
                    text.push_str(std::str::from_utf8(valid).unwrap_or_default());
                    let Some(bad) = e.error_len() else {
                        self.begun = after.to_vec();
                        break;
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    invalid = true;
                    rest = &after[bad..];
                }
            }
        }
        emit.delta(&BLOCK, &text);
        if invalid {
            let offset =
                (place.offset + place.bytes.len() as u64).saturating_sub(bytes.len() as u64);
            let place = Place { line: place.number, offset, bytes };
            emit.diagnostic(&place, &Malformed { offset: 0, reason: "invalid UTF-8".into() });
        }
    }
}

impl Runtime for PlainText {
    fn on_bytes(&mut self, line: Line<'_>, emit: &mut Emit<'_>) {
        self.start(emit);
        if self.begun.is_empty() {
            self.say(line.bytes, line, emit);
        } else {
            let mut bytes = std::mem::take(&mut self.begun);
            bytes.extend_from_slice(line.bytes);
            self.say(&bytes, line, emit);
        }
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> Verdict {
        self.start(emit);
        if !self.begun.is_empty() {
            let bytes = std::mem::take(&mut self.begun);
            emit.delta(&BLOCK, "\u{fffd}");
            let place = Place { line: 0, offset: 0, bytes: &bytes };
            emit.diagnostic(
                &place,
                &Malformed { offset: 0, reason: "the output ends inside a character".into() },
            );
        }
        Verdict::ByExit
    }
}
