//! Files of the order of all events in the state directory. One process at a time writes them; others read.

use std::fs::File;
use std::io::Write;

use anyhow::{Context, Result};
use rustix::fs::OFlags;

use super::lock::is_free;
use super::{RunLock, StateFolder, if_any, open_file};

const INDEX: &str = "index";
const FRESH: &str = ".index.new";
const LOCK: &str = "index.lock";

impl StateFolder {
    /// Locks the index for its writer; `None` if there is another.
    pub fn lock_index(&self) -> Result<Option<RunLock>> {
        let open = || self.index_file(LOCK, OFlags::RDWR | OFlags::CREATE);
        // A reader that asks now and then does not wait for it.
        if is_free(&open()?)? { RunLock::take(open()?) } else { Ok(None) }
    }

    /// The index; `None` if there is none.
    pub fn index(&self) -> Result<Option<File>> {
        if_any(self.index_file(INDEX, OFlags::RDWR))
    }

    /// A new index with these bytes, in the place of the old one. Only for the holder of the lock.
    pub fn new_index(&self, bytes: &[u8]) -> Result<File> {
        let mut file = self.index_file(FRESH, OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC)?;
        let written = file.write_all(bytes).and_then(|()| file.sync_data());
        let cannot = || format!("cannot write {}", self.path.join(INDEX).display());
        written.with_context(cannot)?;
        rustix::fs::renameat(&self.folder, FRESH, &self.folder, INDEX).with_context(cannot)?;
        rustix::fs::fsync(&self.folder).with_context(cannot)?;
        Ok(file)
    }

    /// Writes everything of the state directory to the disk.
    pub fn sync(&self) -> Result<()> {
        rustix::fs::syncfs(&self.folder).context("cannot write to the disk")
    }

    fn index_file(&self, name: &str, flags: OFlags) -> Result<File> {
        open_file(&self.folder, name, flags)
            .with_context(|| format!("cannot open {}", self.path.join(name).display()))
    }
}
