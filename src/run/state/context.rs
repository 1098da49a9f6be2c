//! Texts of the state directory that runs name by their SHA-256.

use std::collections::HashSet;
use std::io::{ErrorKind, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::fs::{AtFlags, OFlags};
use rustix::io::Errno;

use super::{PRIVATE_FOLDER, StateFolder, if_any, new_word, open_file};
use crate::runs::history::digest;
use crate::serve::request::reference;

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
        let file = open_file(&self.folder, &format!("{FOLDER}/{digest}"), OFlags::RDONLY);
        let Some(mut file) = if_any(file.with_context(cannot))? else { return Ok(None) };
        let mut text = Vec::new();
        file.read_to_end(&mut text).with_context(cannot)?;
        Ok(Some(text))
    }

    /// Removes the texts that no run names any more: those of removed runs, and those that are older than `unused`.
    pub fn remove_contexts(&self, removed: &[String], unused: Option<Duration>) -> Result<()> {
        let path = self.path.join(FOLDER);
        let cannot = || format!("cannot remove texts of {}", path.display());
        let all = match std::fs::read_dir(&path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            all => all.with_context(cannot)?,
        };
        let mut named: HashSet<String> = HashSet::new();
        for stream in self.streams()? {
            let run = self.run(&stream).ok().flatten();
            named.extend(run.and_then(|run| run.info()).into_iter().flat_map(|info| info.context));
        }
        for text in all {
            let text = text.with_context(cannot)?;
            let reference = reference(&text.file_name().to_string_lossy());
            let age = || text.metadata().ok()?.modified().ok()?.elapsed().ok();
            let is_old = || unused.zip(age()).is_some_and(|(unused, age)| age > unused);
            let goes = removed.contains(&reference) || is_old();
            if goes && !named.contains(&reference) {
                std::fs::remove_file(text.path()).with_context(cannot)?;
            }
        }
        Ok(())
    }

    /// Path of a stored text.
    pub fn context_path(&self, digest: &str) -> PathBuf {
        self.path.join(FOLDER).join(digest)
    }
}
