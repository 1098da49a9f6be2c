//! Arguments shared by commands: input, sizes, durations.

use std::ffi::OsString;
use std::time::Duration;

use anyhow::Result;
use clap::ValueHint;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use unicode_width::UnicodeWidthStr;

use super::usage;
use crate::codec;
use crate::exit::Exit;
use crate::filter::cancel::scaled;
use crate::filter::{Chain, Filter};
use crate::named::Named;
use crate::run::{self, Inputs};
use crate::stage::{Clock, FilterStage, Reading, Stage};
use crate::term::sanitize;
use crate::term::view::TextBytes;
pub(super) use crate::time::duration;

/// Reading of events.
#[derive(Debug, clap::Args)]
pub(super) struct ReadingArgs {
    /// Longest line that is parsed; a longer one passes unchanged
    #[arg(long, value_name = "SIZE", default_value = "16M", value_parser = size)]
    max_line: usize,
    /// Exit with status 65 if any line of the input is no event
    #[arg(long)]
    pub(super) strict: bool,
}

impl ReadingArgs {
    pub(super) fn reading(&self) -> Reading {
        Reading { max_line: self.max_line.clamp(1, codec::MAX_LINE), strict: self.strict }
    }
}

/// Input of a filter.
#[derive(Debug, clap::Args)]
pub(super) struct InputArgs {
    /// Files to read, one after another; - is stdin [default: -]
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    files: Vec<OsString>,
    #[command(flatten)]
    reading: ReadingArgs,
}

impl InputArgs {
    pub(super) fn reading(&self) -> Reading {
        self.reading.reading()
    }

    /// Runs a stage over the files. The first SIGINT is left to the upstream, which may still have output.
    pub(super) fn run(&self, stage: &mut dyn Stage) -> Result<Exit> {
        run::single(stage, Inputs::open(&self.files).map_err(usage)?)
    }

    /// Runs a filter over the files.
    pub(super) fn filter(&self, filter: impl Filter + 'static, clock: Clock) -> Result<Exit> {
        let chain = Chain::new(vec![Box::new(filter)]);
        self.run(&mut FilterStage::new(chain, clock, &self.reading()))
    }
}

/// Sanitising of printed text.
#[derive(Debug, clap::Args)]
pub(super) struct ExactArg {
    /// With the format text: print the answer byte for byte, for a file or a program
    ///
    /// Without it a backslash precedes commands to a CI system, such as ::error::, ##[group] or a line that begins with three
    /// dashes and a space. On a terminal, control characters are always shown as text.
    #[arg(long)]
    exact: bool,
}

impl ExactArg {
    pub(super) fn text_bytes(&self) -> TextBytes {
        let (terminal, _) = run::terminal();
        match terminal {
            true => TextBytes::Sanitised,
            false if self.exact => TextBytes::Exact,
            false => TextBytes::Harmless,
        }
    }
}

/// Parser of an enum by the names of its values.
pub(super) fn named<T: Named>() -> impl TypedValueParser<Value = T> {
    let values = T::ALL.iter().map(|(name, help, _)| PossibleValue::new(*name).help(*help));
    PossibleValuesParser::new(values)
        .try_map(|name| T::by_name(&name).ok_or("there is no such value"))
}

/// A size: `4k`, `1M`, `2G` are powers of 1024; a bare number is bytes.
pub(super) fn size(text: &str) -> Result<usize, String> {
    scaled(text, &[("k", 1 << 10), ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30)])
        .and_then(|n| usize::try_from(n).ok())
        .ok_or_else(|| "write a size like 4096, 64k or 16M".to_owned())
}

/// A time limit; 0 is none, as with `timeout`.
pub(super) fn limit(given: Option<Duration>) -> Option<Duration> {
    given.filter(|time| !time.is_zero())
}

/// The first flag that was given.
pub(super) fn first_given(flags: &[(bool, &'static str)]) -> Option<&'static str> {
    flags.iter().find_map(|(given, flag)| given.then_some(*flag))
}

/// Rows as aligned columns; the last is not padded.
pub(super) fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |n: usize| rows.iter().map(|row| row[n].width()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        for (n, (cell, width)) in row.iter().zip(widths).enumerate() {
            text.push_str(cell);
            if n < N - 1 {
                text.push_str(&" ".repeat(width - cell.width() + 2));
            }
        }
        text.push('\n');
    }
    text
}

/// Widest cell of a table except the last, in columns.
const MAX_CELL: usize = 40;

/// Foreign text for a cell of a table.
pub(super) fn cell(text: &str) -> String {
    let text = clean(text);
    if text.width() <= MAX_CELL {
        return text;
    }
    let mut short: String = text.chars().take(MAX_CELL - 1).collect();
    short.push('…');
    short
}

/// Foreign text on one line, without control sequences.
pub(super) fn clean(text: &str) -> String {
    sanitize::clean(&text.replace(['\n', '\t', '\r'], " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(size("4k"), Ok(4096));
        assert_eq!(size("1M"), Ok(1 << 20));
        assert_eq!(size("17"), Ok(17));
        assert!(size("4q").is_err());
        assert!(size("").is_err());
        assert!(size("99999999999G").is_err());
    }
}
