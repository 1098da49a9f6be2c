//! Entries of the folder of the runs that are no runs, and runs that cannot be read. They are left out and reported.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

#[cfg(feature = "serve")]
use anyhow::Result;
use rustix::fs::AtFlags;
#[cfg(feature = "serve")]
use rustix::io::Errno;

#[cfg(feature = "serve")]
use super::RunFolder;
use super::StateFolder;
use crate::run::output::warn;

/// Names that are reported.
#[derive(Debug, Default)]
pub(super) struct Strays(Mutex<HashSet<String>>);

impl StateFolder {
    /// Result of a look at a run; `None` if the entry is left out, which is reported. An error if the process can open no file.
    #[cfg(feature = "serve")]
    pub fn look<T>(
        &self,
        stream: &str,
        look: impl FnOnce(RunFolder) -> Result<T>,
    ) -> Result<Option<T>> {
        match self.run(stream).and_then(|run| run.map(look).transpose()) {
            Ok(None) => self.leave_out(stream, "it is no folder"),
            Ok(seen) => return Ok(seen),
            Err(e) => match e.downcast_ref() {
                Some(&(Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => return Err(e),
                _ => self.leave_out(stream, format_args!("{e:#}")),
            },
        }
        Ok(None)
    }

    /// Reports once why an entry is left out. One that was removed meanwhile is not reported.
    pub fn leave_out(&self, stream: &str, why: impl std::fmt::Display) {
        let is_there = rustix::fs::statat(&self.runs, stream, AtFlags::SYMLINK_NOFOLLOW).is_ok();
        let mut reported = self.strays.0.lock().unwrap_or_else(PoisonError::into_inner);
        if is_there && reported.insert(stream.to_owned()) {
            warn(format_args!("{stream}: {why}"));
        }
    }
}

#[cfg(feature = "serve")]
impl RunFolder {
    /// Reports once why the run is left out.
    pub fn leave_out(&self, why: impl std::fmt::Display) {
        self.state.leave_out(self.stream(), why);
    }
}
