//! Texts of the state directory that runs name by their SHA-256.

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::{PRIVATE_FILE, PRIVATE_FOLDER, StateFolder, new_word};

const FOLDER: &str = "context";

impl StateFolder {
    /// Stores a text; its SHA-256 in hexadecimal.
    pub fn store_context(&self, text: &[u8]) -> Result<String> {
        let digest: String =
            Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
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
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.folder, &fresh, flags, PRIVATE_FILE);
        let written = File::from(file.with_context(cannot)?).write_all(text).and_then(|()| {
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
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let cannot = || format!("cannot read {}", self.context_path(digest).display());
        match rustix::fs::openat(&self.folder, format!("{FOLDER}/{digest}"), flags, Mode::empty()) {
            Err(Errno::NOENT) => Ok(None),
            file => {
                let mut text = Vec::new();
                File::from(file.with_context(cannot)?)
                    .read_to_end(&mut text)
                    .with_context(cannot)?;
                Ok(Some(text))
            }
        }
    }

    /// Path of a stored text.
    pub fn context_path(&self, digest: &str) -> PathBuf {
        self.path.join(FOLDER).join(digest)
    }
}
