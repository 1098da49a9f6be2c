//! One run at a time for a key: a lock that the kernel drops with the last process that holds it, however it ends.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::fs::{FlockOperation, Mode, OFlags, flock};

/// The longest name of a lock file; a longer key is refused. In bytes.
const MAX_NAME: usize = 200;

/// Takes the lock of `key` for as long as the file is open, here or in a process that inherits it.
///
/// # Errors
/// That another run holds it, or that there is no folder for it that is ours alone.
pub fn lock(key: &str) -> Result<File> {
    let path = runtime_folder()?.join(name(key)?);
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR)
        .map(File::from)
        .with_context(|| format!("cannot open {}", path.display()))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut pid = String::new();
            let _ = (&file).take(20).read_to_string(&mut pid);
            bail!(
                "another run with --once {key} is still there (process {}): let it end, or stop it",
                pid.trim()
            );
        }
        Err(e) => return Err(e).with_context(|| format!("cannot lock {}", path.display())),
    }
    // Only so that the message above can name us.
    let _ = file.set_len(0);
    let _ = (&file).write_all(format!("{}\n", std::process::id()).as_bytes());
    Ok(file)
}

/// The key as a file name: what could mean something to a path is written as `%XX`.
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
        bail!("the key of --once must not be empty, and be a name, not a text: a shorter one");
    }
    Ok(name)
}

/// The folder for what only this user's running processes need, made if it is not there.
pub(super) fn runtime_folder() -> Result<PathBuf> {
    let uid = rustix::process::getuid().as_raw();
    let folder = |name: &str| std::env::var_os(name).filter(|f| !f.is_empty());
    let base = folder("XDG_RUNTIME_DIR").map_or_else(
        || {
            let temporary = folder("TMPDIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
            temporary.join(format!("spile-{uid}"))
        },
        PathBuf::from,
    );
    let ours = base.join("spile");
    for folder in [&base, &ours] {
        let made = std::fs::DirBuilder::new().mode(0o700).create(folder);
        match made {
            Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(e).with_context(|| format!("cannot make {}", folder.display()));
            }
            _ => must_be_ours(folder, uid)?,
        }
    }
    Ok(ours)
}

/// In a folder for everybody somebody else could have made it first.
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
