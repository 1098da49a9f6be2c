//! The settings of this process: the file and the environment, resolved by [`crate::config`].

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use clap::Command;

use super::chunk;
use crate::config::{self, Preset, Setting};

/// Settings outside the command line, with the place of the file.
pub(super) struct Settings {
    pub all: Vec<Setting>,
    /// User's own channels.
    pub presets: Vec<Preset>,
    pub path: Option<PathBuf>,
    /// Text of the file, if it exists.
    pub text: Option<String>,
}

impl Settings {
    /// Sets the settings as defaults of the options, and adds the presets to the channels.
    pub(super) fn apply(&self, tree: Command) -> Command {
        config::apply(chunk::with_presets(tree, &self.presets), &self.all)
    }
}

/// Largest file of settings, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// True for a command that uses or shows settings; any other runs in spite of a wrong one.
pub(super) fn matter_to(command: &str) -> bool {
    command == "config" || config::TUNABLE.iter().any(|(name, _)| *name == command)
}

/// Text of the file, read without blocking; `None` if it does not exist or its folder is not readable.
fn read(path: &Path) -> io::Result<Option<String>> {
    let mut options = File::options();
    let file = match options.read(true).custom_flags(libc::O_NONBLOCK).open(path) {
        Ok(file) => file,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        // HOME of another user, such as root's: its folder cannot be searched.
        Err(e) if e.kind() == ErrorKind::PermissionDenied && path.symlink_metadata().is_err() => {
            return Ok(None);
        }
        Err(e) => return Err(e),
    };
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        return Err(io::Error::from_raw_os_error(libc::EISDIR));
    }
    // A link to /dev/null is an empty file.
    if !kind.is_file() && !kind.is_char_device() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut text = String::new();
    file.take(MAX_FILE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE {
        return Err(io::Error::other("it is larger than 1M"));
    }
    Ok(Some(text))
}

fn var(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Place of the file.
fn path() -> Option<PathBuf> {
    config::path(var("XDG_CONFIG_HOME").as_deref(), var("HOME").as_deref())
}

/// True if there may be a setting in the file or the environment.
pub(super) fn exist() -> bool {
    path().is_some_and(|path| !matches!(read(&path), Ok(None)))
        || config::tunable()
            .any(|(command, option)| var(&config::variable(command, option)).is_some())
}

/// Reads the file and the environment. An error names its source.
pub(super) fn load(tree: Command) -> Result<Settings, String> {
    let path = path();
    let text = match &path {
        None => None,
        Some(path) => read(path)
            .map_err(|e| format!("cannot read {}: {e}: mend it or take it away", path.display()))?,
    };
    let file = path.as_deref().zip(text.as_deref());
    let presets = match file {
        Some((path, text)) => config::presets(path, text)?,
        None => Vec::new(),
    };
    let all = config::resolve(&chunk::with_presets(tree, &presets), file, &var)?;
    Ok(Settings { all, presets, path, text })
}
