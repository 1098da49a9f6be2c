//! Mutual exclusion of runs by key: a file lock that the kernel releases with the last process that holds it. Runs that
//! wait for it have tickets.

mod claim;
mod queue;
mod ticket;

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;

use super::signal::Signals;
use crate::exit::{Exit, Refusal};

pub use queue::queue;

/// Longest name of a lock file, in bytes; a longer key is refused.
const MAX_NAME: usize = 200;

/// Lock of a key. It holds as long as its file is open, here or in a process that inherits it.
#[derive(Debug)]
pub struct KeyLock {
    file: File,
    /// Signals caught since the wait for the lock began: one that comes between the wait and the agent's start is not lost.
    pub(super) signals: Option<Signals>,
}

impl KeyLock {
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Locks `key`; [`Exit::Taken`] if another run has it or waits for it.
pub fn lock(key: &str) -> Result<KeyLock> {
    let taken = |why| Err(Refusal { exit: Exit::Taken, why }.into());
    let path = runtime_folder()?.join(name(key)?);
    if let Some(pid) = ticket::first(&ticket::folder(&path))? {
        return taken(format!(
            "another run with --once {key} waits for its turn (process {pid}): wait behind it with --queue, or stop it"
        ));
    }
    let file = open_lock(&path)?;
    if !try_lock(&file, &path)? {
        return taken(format!(
            "another run with --once {key} is still there (process {}): let it end, stop it, or wait for it with --queue",
            holder(&file)
        ));
    }
    Ok(locked(file, None))
}

fn open_lock(path: &Path) -> Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)
        .map(File::from)
        .with_context(|| format!("cannot open {}", path.display()))
}

/// Locks a file without waiting; false if another process has locked it.
fn try_lock(file: &File, path: &Path) -> Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(e) => Err(e).with_context(|| format!("cannot lock {}", path.display())),
    }
}

/// Process id that the holder of a lock has written into its file.
fn holder(file: &File) -> String {
    let mut pid = [0; 20];
    let len = rustix::io::pread(file, &mut pid[..], 0).unwrap_or_default();
    String::from_utf8_lossy(&pid[..len]).trim().to_owned()
}

/// Lock of a key on its file, which then names this process for the messages of others.
fn locked(file: File, signals: Option<Signals>) -> KeyLock {
    let _ = file.set_len(0);
    let _ = (&file).write_all(format!("{}\n", std::process::id()).as_bytes());
    KeyLock { file, signals }
}

/// True if `path` leads to this very file.
fn leads_to(path: &Path, file: &File) -> bool {
    let id = |meta: std::fs::Metadata| (meta.dev(), meta.ino());
    let there = std::fs::symlink_metadata(path).map(id).ok();
    there.is_some() && there == file.metadata().map(id).ok()
}

/// File name of a key; characters with a meaning in a path become `%XX`.
fn name(key: &str) -> Result<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let mut name = String::from("once-");
    for byte in key.bytes() {
        if plain(byte) {
            name.push(byte.into());
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    if key.is_empty() || name.len() > MAX_NAME {
        bail!("the key of --once must not be empty, and be shorter");
    }
    Ok(name)
}

/// Longest path of the folder in bytes: a socket in it fits into 107.
const MAX_FOLDER: usize = 77;

/// Private folder for sockets and locks, in XDG_RUNTIME_DIR, TMPDIR or /tmp; the error is that of the first.
pub(super) fn runtime_folder() -> Result<PathBuf> {
    let uid = rustix::process::getuid().as_raw();
    let folder = |name| std::env::var_os(name).map(PathBuf::from).filter(|f| f.is_absolute());
    let temporary = [folder("TMPDIR"), Some(PathBuf::from("/tmp"))].into_iter().flatten();
    let temporary = temporary.map(|folder| folder.join(format!("spile-{uid}")));
    let mut first = None;
    for base in folder("XDG_RUNTIME_DIR").into_iter().chain(temporary) {
        match make(&base, uid) {
            Ok(ours) => return Ok(ours),
            Err(e) => _ = first.get_or_insert(e),
        }
    }
    Err(first.unwrap_or_else(|| anyhow!("there is no folder for it")))
}

fn make(base: &Path, uid: u32) -> Result<PathBuf> {
    let ours = base.join("spile");
    if ours.as_os_str().len() > MAX_FOLDER {
        bail!("{} is too long a name for a socket: set XDG_RUNTIME_DIR", ours.display());
    }
    for folder in [base, &ours] {
        make_folder(folder)?;
        must_be_ours(folder, uid)?;
    }
    Ok(ours)
}

/// Makes a folder for this user alone, unless there is one.
fn make_folder(folder: &Path) -> Result<()> {
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(e).with_context(|| format!("cannot make {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Refuses a folder that another user may have made.
fn must_be_ours(folder: &Path, uid: u32) -> Result<()> {
    let found = std::fs::symlink_metadata(folder)
        .with_context(|| format!("cannot look at {}", folder.display()))?;
    if !found.is_dir() || found.uid() != uid || found.mode() & 0o077 != 0 {
        bail!(
            "{} is not a folder of yours alone: remove it, or set XDG_RUNTIME_DIR",
            folder.display()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_no_path() {
        assert_eq!(name("a-B_9").unwrap(), "once-a-B_9");
        assert_eq!(name("../x y").unwrap(), "once-%2E%2E%2Fx%20y");
        assert!(name("").is_err());
        assert!(name(&"x".repeat(300)).is_err());
    }
}
