//! Stands for `ledger` in a build without it.

use std::path::PathBuf;

use anyhow::Result;

use crate::cmd::ledger::MISSING;
use crate::cmd::usage;
use crate::run::tee::{LedgerSink, Store};
use crate::sink::address::Address;

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
