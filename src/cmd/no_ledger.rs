//! Stands for `spile ledger`, and for the ledger's options of tee, in a build without it.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Result;

use super::usage;
use crate::exit::Exit;
use crate::run::tee::{LedgerSink, Store};
use crate::sink::address::Address;

/// Reason why this build keeps no ledger.
const MISSING: &str = "this build has no ledger: build with --features ledger";

/// Look into a delivery ledger (this build has none)
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _words: Vec<OsString>,
}

pub(super) fn run(_: Args) -> Result<Exit> {
    Err(usage(MISSING))
}

#[derive(Debug, clap::Args)]
pub(super) struct LedgerArgs {
    /// Keep every delivery in this file until it is settled (this build cannot)
    #[arg(long, value_name = "PATH", hide = true)]
    ledger: Option<PathBuf>,
}

impl LedgerArgs {
    pub(super) fn is_given(&self) -> bool {
        self.ledger.is_some()
    }

    pub(super) fn take(
        &self,
        _: &mut Vec<Address>,
        _: u64,
    ) -> Result<Option<(Store, Vec<LedgerSink>)>> {
        if self.is_given() { Err(usage(MISSING)) } else { Ok(None) }
    }
}
