//! What the commands' arguments share: sizes, durations, how events are read.

use std::ffi::OsString;
use std::time::Duration;

use clap::ValueHint;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use nom::branch::alt;
use nom::bytes::complete::tag;
use nom::character::complete::u64 as number;
use nom::combinator::{all_consuming, opt, value};
use nom::{IResult, Parser};

use super::usage;
use crate::codec;
use crate::exit::Exit;
use crate::named::Named;
use crate::run::{self, Inputs};
use crate::stage::{Clock, Reading, Stage};
use crate::term::view::TextBytes;
pub(super) use crate::time::duration;

/// How a filter reads its events.
#[derive(Debug, clap::Args)]
pub(super) struct ReadingArgs {
    /// Longest line that is looked at; a longer one is handed on as it is
    #[arg(long, value_name = "SIZE", default_value = "16M", value_parser = size)]
    max_line: usize,
    /// Exit with status 65 if any line of the input is no event
    #[arg(long)]
    strict: bool,
}

impl ReadingArgs {
    pub(super) fn strict(&self) -> bool {
        self.strict
    }

    pub(super) fn reading(&self) -> Reading {
        Reading { max_line: self.max_line.clamp(1, codec::MAX_LINE), strict: self.strict }
    }
}

/// Source of a filter's times.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum ClockArg {
    /// From the clock on the wall.
    Wall,
    /// From the events' own `ts`: the output is a pure function of the input.
    Event,
}

impl From<ClockArg> for Clock {
    fn from(clock: ClockArg) -> Self {
        match clock {
            ClockArg::Wall => Clock::Wall,
            ClockArg::Event => Clock::Event,
        }
    }
}

/// The files that a filter reads.
#[derive(Debug, clap::Args)]
pub(super) struct FileArgs {
    /// Files to read, one after another; - is stdin [default: -]
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    files: Vec<OsString>,
}

impl FileArgs {
    /// Runs `stage` over the files. A Ctrl-C is noted as long as an upstream may still have something to say.
    pub(super) fn run(&self, stage: &mut dyn Stage) -> anyhow::Result<Exit> {
        match Inputs::open(&self.files) {
            Ok(inputs) => run::single(stage, inputs),
            Err(why) => Ok(usage(&why)),
        }
    }
}

/// How much of an agent's bytes a text may have.
#[derive(Debug, clap::Args)]
pub(super) struct ExactArg {
    /// With the format text: print the answer byte for byte, for a file or a program
    ///
    /// Without it a backslash stands before what a CI system would take for a command, such as ::error::, ##[group] or a line
    /// that begins with three dashes and a space. A terminal always sees control characters as text.
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
    let unit = opt(alt((
        value(1 << 10, alt((tag("k"), tag("K")))),
        value(1 << 20, tag("M")),
        value(1 << 30, tag("G")),
    )));
    let parsed: IResult<&str, (u64, Option<u64>)> = all_consuming((number, unit)).parse(text);
    parsed
        .ok()
        .and_then(|(_, (n, unit))| n.checked_mul(unit.unwrap_or(1)))
        .and_then(|n| usize::try_from(n).ok())
        .ok_or_else(|| "write a size like 4096, 64k or 16M".to_owned())
}

/// A time limit as it was given: 0 is no limit, as `timeout` has it.
pub(super) fn limit(given: Option<Duration>) -> Option<Duration> {
    given.filter(|time| !time.is_zero())
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
