//! `spile adapters`.

use std::fmt::Write;

use anyhow::Result;

use crate::adapter::ADAPTERS;
use crate::exit::Exit;
use crate::run;

/// List the runtimes that wrap reads, with the command line to use
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "Examples:\n  spile adapters\n  spile adapters | cut -f1 | grep -v text"
)]
pub(super) struct Args {}

pub(super) fn run(_: Args) -> Result<Exit> {
    let mut text = String::new();
    for spec in ADAPTERS {
        writeln!(text, "{}\t{}\t{}", spec.name, spec.about, spec.usage)?;
    }
    Ok(run::print(text.as_bytes()))
}
