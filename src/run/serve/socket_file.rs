//! Sockets in the file system. A file that is no socket, or that of another server, is neither replaced nor removed.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

/// Attempts to take a name, against others that take it at the same time.
const TRIES: usize = 8;

/// Device and inode of a file.
type Identity = (u64, u64);

/// File of a socket, removed when it is dropped.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: Identity,
}

impl SocketFile {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody may have put another file in its place.
        if std::fs::symlink_metadata(&self.path).is_ok_and(|it| identity(&it) == self.identity) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Opens a socket that only this user reaches, in the place of one that a killed server has left.
pub(super) fn bind(path: &Path) -> Result<(SocketFile, UnixListener)> {
    // It gets its name when its mode is right.
    let fresh = beside(path, "");
    let listener = UnixListener::bind(&fresh).with_context(|| cannot(path))?;
    let ready = std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600))
        .and_then(|()| listener.set_nonblocking(true))
        .and_then(|()| std::fs::symlink_metadata(&fresh));
    let named = ready.with_context(|| cannot(path)).and_then(|found| {
        take_name(&fresh, path)?;
        Ok(SocketFile { path: path.to_owned(), identity: identity(&found) })
    });
    let _ = std::fs::remove_file(&fresh);
    Ok((named?, listener))
}

/// Beginning of a failure.
pub(super) fn cannot(path: &Path) -> String {
    format!("cannot listen at {}", path.display())
}

/// Gives a socket its name, which no other file has then.
fn take_name(fresh: &Path, path: &Path) -> Result<()> {
    for _ in 0..TRIES {
        // A link, as opposed to a rename, replaces nothing.
        match std::fs::hard_link(fresh, path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => remove_stale(path)?,
            done => return done.with_context(|| cannot(path)),
        }
    }
    bail!("{}: other files appear there", cannot(path));
}

/// Removes a socket that nobody listens at.
fn remove_stale(path: &Path) -> Result<()> {
    let found = match std::fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found.with_context(|| cannot(path))?,
    };
    if !found.file_type().is_socket() {
        bail!("{}: it is there and is no socket", cannot(path));
    }
    let another = || anyhow!("another server listens at {}", path.display());
    match reach(path) {
        Err(Errno::CONNREFUSED) => {}
        Err(Errno::NOENT) => return Ok(()),
        Ok(()) | Err(Errno::AGAIN) => return Err(another()),
        Err(e) => return Err(e).with_context(|| cannot(path)),
    }
    // Another server may have taken the name since: its socket is put back.
    let old = beside(path, ".old");
    match std::fs::rename(path, &old) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        moved => moved.with_context(|| cannot(path))?,
    }
    let is_stale =
        std::fs::symlink_metadata(&old).is_ok_and(|it| identity(&it) == identity(&found));
    if !is_stale {
        let _ = std::fs::hard_link(&old, path);
    }
    std::fs::remove_file(&old).with_context(|| cannot(path))?;
    if is_stale { Ok(()) } else { Err(another()) }
}

/// Connects to a socket, and does not wait where its queue is full.
fn reach(path: &Path) -> rustix::io::Result<()> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)
}

/// Name of a file for a moment, in the same folder.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}{end}", std::process::id()));
    name.into()
}

fn identity(file: &std::fs::Metadata) -> Identity {
    (file.dev(), file.ino())
}
