//! Files with agent output: regular, owned by this user, and readable by no other. Another user may have placed a file,
//! link or FIFO at the path.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

/// Opens or creates a file for appending. A regular file must be owned by this user and becomes private (0600); the
/// path may be a link to it. A device is opened as it is, a FIFO refused.
pub fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    options.append(true).create(true).mode(0o600).custom_flags(flags.bits().cast_signed());
    // Reads tell whether its last line is complete; some devices are write-only.
    let file = match options.clone().read(true).open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(e),
        Err(_) => options.open(path)?,
        Ok(file) => file,
    };
    let found = file.metadata()?;
    if found.file_type().is_fifo() {
        return Err(io::Error::other("is a FIFO: name a file"));
    }
    if found.is_file() {
        is_ours(&found)?;
        if found.mode() & 0o077 != 0 {
            file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        }
    }
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file)
}

/// Opens a FIFO of this user for writing, and waits for its reader.
pub fn open_fifo(path: &Path) -> io::Result<File> {
    is_ours(&std::fs::metadata(path)?)?;
    let file = OpenOptions::new().write(true).open(path)?;
    let found = file.metadata()?;
    is_ours(&found)?;
    match found.file_type().is_fifo() {
        true => Ok(file),
        false => Err(io::Error::other("is not a FIFO any more")),
    }
}

pub fn is_ours(found: &std::fs::Metadata) -> io::Result<()> {
    if found.uid() == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!(
            "belongs to another user (uid {}), who could read and change what is written: name a file of your own",
            found.uid()
        ),
    ))
}
