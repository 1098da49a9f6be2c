//! Events as bytes of another format, line by line. One struct for each format.

mod cast;
mod csv;
mod sse;
mod stream_chunk;
#[cfg(test)]
mod tests;

pub use csv::Rows;

use crate::named::Named;
use crate::stage::{LineStage, Reading, Stage};
use crate::term::view::{self, TextBytes, View};

/// Reason of the warning about a line over the limit.
const TOO_LONG: &str = "line too long to export (see --max-line)";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Text,
    Sse,
    StreamChunk,
    Csv,
    Cast,
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
        (
            "csv",
            "A table: a row for each turn, with --rows tools for each call of a tool",
            Self::Csv,
        ),
        (
            "cast",
            "asciicast v3, for asciinema: what view shows at a terminal, at the times of the events",
            Self::Cast,
        ),
    ];
}

/// Stage that exports to `format`; `text` is for [`Format::Text`], `rows` for [`Format::Csv`].
pub fn stage(format: Format, reading: Reading, text: TextBytes, rows: Rows) -> Box<dyn Stage> {
    match format {
        Format::Text => Box::new(View::new(&view::Options {
            format: view::Format::Text,
            reading,
            text,
            ..view::Options::default()
        })),
        Format::Sse => Box::new(LineStage::of(sse::Sse, &reading)),
        Format::Cast => Box::new(LineStage::of(cast::Cast::new(), &reading)),
        Format::Csv => Box::new(LineStage::of(csv::Csv::new(rows), &reading)),
        Format::StreamChunk => {
            Box::new(LineStage::of(stream_chunk::StreamChunk::default(), &reading))
        }
    }
}
