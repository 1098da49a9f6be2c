//! Files that hold what an agent said: regular, this user's, and readable by nobody else. A name can lead elsewhere: another
//! user can have put a file, a link or a FIFO where we write.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

/// Opens or makes a file to append to. A regular one is this user's and from now on only this user's to read (0600); the path
/// may be a link to it. A device is opened as it is. Nothing in it is changed, and a FIFO is not waited for.
///
/// # Errors
/// Those of `open(2)`; that it is another user's, or a FIFO.
pub fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    options.append(true).create(true).mode(0o600).custom_flags(flags.bits().cast_signed());
    // Reading tells whether its last line is whole; some devices cannot be read.
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

/// Opens a FIFO to write to it, and waits for its reader.
///
/// # Errors
/// Those of `open(2)`; that it is another user's, or no FIFO any more.
pub fn open_fifo(path: &Path) -> io::Result<File> {
    is_ours(&std::fs::metadata(path)?)?;
    let file = OpenOptions::new().write(true).open(path)?;
    let found = file.metadata()?;
    is_ours(&found)?;
    match found.file_type().is_fifo() {
        true => Ok(file),
        false => Err(io::Error::other("is no FIFO any more")),
    }
}

/// That a file belongs to the user as whom we write.
///
/// # Errors
/// That it does not.
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
