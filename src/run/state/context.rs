//! Texts of the state directory that runs name by their SHA-256.

use std::io::{Read, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use rustix::fs::{AtFlags, OFlags};
use rustix::io::Errno;

use super::{PRIVATE_FOLDER, StateFolder, new_word, open_file};
use crate::runs::history::digest;

const FOLDER: &str = "context";

impl StateFolder {
    /// Stores a text; its SHA-256 in hexadecimal.
    pub fn store_context(&self, text: &[u8]) -> Result<String> {
        let digest = digest(text);
        let path = self.context_path(&digest);
        if path.exists() {
            return Ok(digest);
        }
        let cannot = || format!("cannot write {}", path.display());
        match rustix::fs::mkdirat(&self.folder, FOLDER, PRIVATE_FOLDER) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(e) => return Err(e).with_context(cannot),
        }
        // It gets its name when it is whole.
        let fresh = format!("{FOLDER}/.{}", new_word());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let mut file = open_file(&self.folder, &fresh, flags).with_context(cannot)?;
        let written = file.write_all(text).and_then(|()| {
            let name = format!("{FOLDER}/{digest}");
            rustix::fs::renameat(&self.folder, &fresh, &self.folder, name).map_err(Into::into)
        });
        if written.is_err() {
            let _ = rustix::fs::unlinkat(&self.folder, &fresh, AtFlags::empty());
        }
        written.with_context(cannot)?;
        Ok(digest)
    }

    /// A stored text; `None` if there is none with this SHA-256.
    pub fn context(&self, digest: &str) -> Result<Option<Vec<u8>>> {
        let cannot = || format!("cannot read {}", self.context_path(digest).display());
        match open_file(&self.folder, &format!("{FOLDER}/{digest}"), OFlags::RDONLY) {
            Err(Errno::NOENT) => Ok(None),
            file => {
                let mut text = Vec::new();
                file.with_context(cannot)?.read_to_end(&mut text).with_context(cannot)?;
                Ok(Some(text))
            }
        }
    }

    /// Path of a stored text.
    pub fn context_path(&self, digest: &str) -> PathBuf {
        self.path.join(FOLDER).join(digest)
    }
}
