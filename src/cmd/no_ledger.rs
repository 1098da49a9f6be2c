//! Stands for `spile ledger` in a build without it.

use std::ffi::OsString;

use anyhow::Result;

use super::usage;
use crate::exit::Exit;

/// Reason why this build keeps no ledger.
pub(super) const MISSING: &str = "this build has no ledger: build with --features ledger";

/// Look into a delivery ledger (this build has none)
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _words: Vec<OsString>,
}

pub(super) fn run(_: Args) -> Result<Exit> {
    Err(usage(MISSING))
}
