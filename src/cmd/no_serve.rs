//! Stands for `spile serve` in a build without it.

use std::ffi::OsString;

use anyhow::Result;

use super::usage;
use crate::exit::Exit;

/// Serve background runs by HTTP (this build cannot)
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _words: Vec<OsString>,
}

pub(super) fn run(_: Args) -> Result<Exit> {
    Err(usage("this build has no server: build with --features serve"))
}
