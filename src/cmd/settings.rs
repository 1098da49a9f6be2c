//! The settings of this process: where the file is, its text, and the environment, for `config` to resolve.

use std::io::ErrorKind;
use std::path::PathBuf;

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

/// Reads the file and the environment. `Err`: a message that names its source.
pub(super) fn load(tree: Command) -> Result<Settings, String> {
    let var = |name: &str| std::env::var_os(name);
    let path = config::path(var("XDG_CONFIG_HOME").as_deref(), var("HOME").as_deref());
    let text = match &path {
        None => None,
        Some(path) => match std::fs::read_to_string(path) {
            Ok(text) => Some(text),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => None,
            Err(e) => {
                let path = path.display();
                return Err(format!("cannot read {path}: {e}: mend it or take it away"));
            }
        },
    };
    let file = path.as_deref().zip(text.as_deref());
    let presets = match file {
        Some((path, text)) => config::presets(path, text)?,
        None => Vec::new(),
    };
    let all = config::resolve(&chunk::with_presets(tree, &presets), file, &var)?;
    Ok(Settings { all, presets, path, text })
}
