//! `spile logs`.

use anyhow::Result;

use super::attach::{Selected, Wanted};
use crate::exit::Exit;

/// Print what background runs have emitted so far: `spile attach --no-follow`
///
/// The exit status is that of `check --exit-from-stream`; runs that still live do not count.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    selected: Selected,
}

const EXAMPLES: &str = "Examples:
  spile logs run-42 | spile view --format text
  spile logs --all | jq -r 'select(.files) | .files[]' | sort -u";

pub(super) fn run(args: Args) -> Result<Exit> {
    args.selected.read(Wanted::Now)
}
