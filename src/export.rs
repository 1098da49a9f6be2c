//! Events as bytes of another format, line by line. One struct for each format.

mod cast;
mod csv;
mod html;
mod markdown;
mod sse;
mod stream_chunk;
mod summary;
#[cfg(test)]
mod tests;
mod timeline;
mod transcript;
mod visible;

pub use csv::Rows;
pub use markdown::Fold;
pub use summary::{MAX_STEP, WithSummary};

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
    Markdown,
    Html,
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
        ("markdown", "A transcript for a pull request or a chat", Self::Markdown),
        ("html", "A transcript as one page for a browser, without scripts", Self::Html),
    ];
}

/// Choices of an export.
#[derive(Debug, Clone)]
pub struct Options {
    pub format: Format,
    pub reading: Reading,
    /// For [`Format::Text`].
    pub text: TextBytes,
    /// For [`Format::Csv`].
    pub rows: Rows,
    /// For [`Format::Markdown`].
    pub fold: Fold,
}

impl Options {
    /// The defaults of a format.
    pub fn of(format: Format) -> Self {
        let (reading, text) = (Reading::default(), TextBytes::Exact);
        Self { format, reading, text, rows: Rows::Turns, fold: Fold::Never }
    }
}

/// Stage that exports.
pub fn stage(options: Options) -> Box<dyn Stage + Send> {
    let Options { format, reading, text, rows, fold } = options;
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
        Format::Markdown => {
            let page = markdown::Markdown::new(fold);
            Box::new(LineStage::of(transcript::Transcript::new(page), &reading))
        }
        Format::Html => {
            let page = html::Html::default();
            Box::new(LineStage::of(transcript::Transcript::new(page), &reading))
        }
    }
}
