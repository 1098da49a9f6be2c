//! The settings of this process: where the file is, its text, and the environment, for `config` to resolve.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use clap::Command;

use super::chunk;
use crate::config::{self, Preset, Setting};

/// What holds outside the command line, and where the file was looked for.
pub(super) struct Settings {
    pub(super) all: Vec<Setting>,
    /// The user's own channels.
    pub(super) presets: Vec<Preset>,
    pub(super) path: Option<PathBuf>,
    /// The file's text, if it is there.
    pub(super) text: Option<String>,
}

impl Settings {
    /// The command line's tree with the settings as its defaults and the presets among the channels.
    pub(super) fn apply(&self, tree: Command) -> Command {
        config::apply(chunk::with_presets(tree, &self.presets), &self.all)
    }
}

/// The largest file of settings, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// Whether a command has options that can be set outside its command line, or shows them; to any other a wrong setting is
/// no hindrance.
pub(super) fn matter_to(command: &str) -> bool {
    command == "config" || config::TUNABLE.iter().any(|(name, _)| *name == command)
}

/// The text of the file; `None` where there is none, or none that this user may look for. It waits for nothing.
fn read(path: &Path) -> io::Result<Option<String>> {
    let mut options = File::options();
    let file = match options.read(true).custom_flags(libc::O_NONBLOCK).open(path) {
        Ok(file) => file,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        // As root's HOME that is left to another user: the folder is what cannot be read.
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

/// Reads the file and the environment. `Err`: a message that names its source.
pub(super) fn load(tree: Command) -> Result<Settings, String> {
    let var = |name: &str| std::env::var_os(name);
    let path = config::path(var("XDG_CONFIG_HOME").as_deref(), var("HOME").as_deref());
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
