//! Claim of a waiting run on the lock of its key: also on lock files that others hold and that were removed meanwhile.

use std::fs::File;
use std::path::Path;

use anyhow::Result;

use super::{holder, leads_to, open_lock, try_lock};

/// Limit of the lock files that are known; past that the oldest is forgotten.
const MAX_FILES: usize = 16;

/// Lock files that stood at the path of a key since the wait began; the last is there now.
#[derive(Debug, Default)]
pub(super) struct Claim {
    files: Vec<File>,
}

impl Claim {
    /// Notes a lock file that is new at `path`.
    pub(super) fn update(&mut self, path: &Path) -> Result<()> {
        if self.files.last().is_some_and(|file| leads_to(path, file)) {
            return Ok(());
        }
        if self.files.len() >= MAX_FILES {
            self.files.remove(0);
        }
        self.files.push(open_lock(path)?);
        Ok(())
    }

    /// Locks all of them without waiting and returns the one at `path`; `None` if another process has locked one.
    pub(super) fn take(&mut self, path: &Path) -> Result<Option<File>> {
        self.update(path)?;
        while self.files.len() > 1 {
            if !try_lock(&self.files[0], path)? {
                return Ok(None);
            }
            // The run that held a removed file has ended; nobody can lock the file who does not wait here.
            self.files.remove(0);
        }
        let Some(file) = self.files.pop() else { return Ok(None) };
        if try_lock(&file, path)? && leads_to(path, &file) {
            return Ok(Some(file));
        }
        self.files.push(file);
        Ok(None)
    }

    /// Process id of the run that has the lock.
    pub(super) fn holder(&self) -> String {
        self.files.first().map(holder).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_that_is_removed_still_counts() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("once-k");
        let holder = open_lock(&path).unwrap();
        assert!(try_lock(&holder, &path).unwrap());
        let mut claim = Claim::default();
        assert!(claim.take(&path).unwrap().is_none());
        std::fs::remove_file(&path).unwrap();
        assert!(claim.take(&path).unwrap().is_none());
        drop(holder);
        let file = claim.take(&path).unwrap().unwrap();
        assert!(leads_to(&path, &file));
        assert!(Claim::default().take(&path).unwrap().is_none());
    }
}
