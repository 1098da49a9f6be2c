//! Stands for `ledger_intake` in a build without the ledger, where no value of these types exists.

use std::convert::Infallible;
use std::sync::Arc;

use anyhow::Result;

use super::OnError;
use super::status::{SinkStatus, Waker};
use crate::event::Event;
use crate::stage::Io;

/// No value.
pub type Store = Infallible;
/// No value.
pub type LedgerSink = Infallible;

pub(super) struct LedgerIntake {
    pub(super) failed: bool,
    never: Infallible,
}

impl LedgerIntake {
    pub(super) fn start(
        store: Store,
        _: Vec<LedgerSink>,
        _: &Waker,
        _: OnError,
        _: &mut Vec<Arc<SinkStatus>>,
    ) -> Result<Self> {
        match store {}
    }

    pub(super) fn offer(&mut self, _: &Event<'_>) {
        match self.never {}
    }

    pub(super) fn commit(&mut self, _: &mut Io) {
        match self.never {}
    }

    pub(super) fn close(&mut self, _: &mut Io) {
        match self.never {}
    }

    pub(super) fn report(&mut self, _: &mut Io) {
        match self.never {}
    }
}
