//! Events as bytes of another format, line by line. One struct for each format.

mod sse;
mod stream_chunk;
#[cfg(test)]
mod tests;

use crate::codec::{self, Lines, Malformed, Piece};
use crate::event::Event;
use crate::exit::Exit;
use crate::named::Named;
use crate::stage::{Io, Reading, Stage, Warnings};
use crate::term::view::{self, TextBytes, View};
use crate::time::Time;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Text,
    Sse,
    StreamChunk,
}

impl Named for Format {
    const ALL: &'static [(&'static str, &'static str, Self)] = &[
        ("text", "The main agent's answer and nothing else", Self::Text),
        (
            "sse",
            "Server-sent events: `event` is the type, `id` the delivery id, `data` the line",
            Self::Sse,
        ),
        (
            "stream-chunk",
            "JSON-RPC `scaffold/streamChunk` lines: a stream id and numbers from 1 for each turn",
            Self::StreamChunk,
        ),
    ];
}

/// Turns one event after the other into bytes of another format.
trait Export {
    /// Writes the event if the format has a place for it; [`Malformed`] if it lacks a field that its type requires.
    fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), Malformed>;
}

/// Stage that exports to `format`; `text` is for [`Format::Text`].
pub fn stage(format: Format, reading: Reading, text: TextBytes) -> Box<dyn Stage> {
    let export: Box<dyn Export> = match format {
        Format::Text => {
            return Box::new(View::new(&view::Options {
                format: view::Format::Text,
                reading,
                text,
                ..view::Options::default()
            }));
        }
        Format::Sse => Box::new(sse::Sse),
        Format::StreamChunk => Box::new(stream_chunk::StreamChunk::default()),
    };
    let lines = Lines::new(reading.max_line);
    Box::new(Exporter {
        lines,
        each: Each { export, strict: reading.strict, warnings: Warnings::default() },
    })
}

struct Exporter {
    lines: Lines,
    each: Each,
}

struct Each {
    export: Box<dyn Export>,
    strict: bool,
    warnings: Warnings,
}

impl Each {
    fn piece(&mut self, piece: Piece<'_>, io: &mut Io) {
        match piece {
            Piece::Line { number, bytes, .. } => {
                let done =
                    codec::decode(bytes).and_then(|event| self.export.event(&event, &mut io.out));
                if let Err(why) = done {
                    self.warnings.warn(io, number, why.offset, &why.reason);
                }
            }
            Piece::Long { number, first: true, .. } => {
                self.warnings.warn(io, number, 0, "line too long to export (see --max-line)");
            }
            Piece::Long { .. } => {}
        }
    }
}

impl Stage for Exporter {
    fn on_bytes(&mut self, _: Time, bytes: &[u8], io: &mut Io) {
        self.lines.feed(bytes, |piece| self.each.piece(piece, io));
    }

    fn on_source(&mut self, _: Time, name: &str, io: &mut Io) {
        self.lines.restart(|piece| self.each.piece(piece, io));
        self.each.warnings.set_source(name);
    }

    fn on_end(&mut self, _: Time, io: &mut Io) {
        self.lines.end(|piece| self.each.piece(piece, io));
    }

    fn exit(&self) -> Exit {
        if self.each.strict && self.each.warnings.count() > 0 {
            Exit::Malformed
        } else {
            Exit::Success
        }
    }
}
