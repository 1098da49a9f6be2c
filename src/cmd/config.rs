//! `spile config`, and the settings of this process: the file and the environment, resolved by [`crate::config`].

use std::fmt::Write;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use super::{chunk, common, refuse, tree, usage};
use crate::config::{self, Origin, Preset, Setting};
use crate::exit::Exit;
use crate::named::Named;
use crate::run;

/// Show every setting with its value and source
///
/// A flag wins over the environment (SPILE_COALESCE_MAX), which wins over spile.toml in $XDG_CONFIG_HOME/spile or
/// ~/.config/spile ([coalesce] max = 800). Only the listed options can be set. A table [presets.NAME] with max, unit, max-lines
/// and fences defines a channel for `chunk --for NAME`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Command line without `spile`, whose flags are shown as the source
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    line: Vec<String>,
}

const EXAMPLES: &str = "Examples:
  spile config
  SPILE_COALESCE_MAX=800 spile config -- coalesce --idle 1s
  spile config | grep -v 'default$'";

pub(super) fn run(args: Args) -> Result<Exit> {
    let mut settings = load(tree()).map_err(usage)?;
    if !args.line.is_empty() {
        let line = std::iter::once("spile".to_owned()).chain(args.line);
        match settings.apply(tree()).try_get_matches_from(line) {
            Ok(matches) => flags(&matches, &mut settings.all),
            Err(e) => return Ok(refuse(&e)),
        }
    }
    Ok(run::print(table(&settings)?.as_bytes()))
}

/// Overrides settings by the flags of a command line.
fn flags(matches: &ArgMatches, settings: &mut [Setting]) {
    let Some((name, matches)) = matches.subcommand() else {
        return;
    };
    let tree = tree();
    for setting in settings.iter_mut().filter(|s| s.command == name) {
        let Some(arg) = config::find(&tree, name, setting.option) else {
            continue;
        };
        let id = arg.get_id().as_str();
        if matches.value_source(id) == Some(ValueSource::CommandLine) {
            let mut raw = matches.get_raw(id).into_iter().flatten();
            setting.value = raw.next().map(|v| v.to_string_lossy().into_owned());
            setting.origin = Origin::Flag;
        }
    }
}

fn table(settings: &Settings) -> Result<String> {
    let mut text = String::new();
    match (&settings.path, &settings.text) {
        (None, _) => writeln!(text, "# no file: neither XDG_CONFIG_HOME nor HOME is set")?,
        (Some(path), None) => writeln!(text, "# {} (not there)", path.display())?,
        (Some(path), Some(_)) => writeln!(text, "# {}", path.display())?,
    }
    let rows = settings.all.iter().map(|s| {
        let value = s.value.clone().unwrap_or_else(|| "-".to_owned());
        [format!("{}.{}", s.command, s.option), value, s.origin.to_string()]
    });
    let rows: Vec<_> = rows.chain(presets(settings)).collect();
    Ok(text + &common::columns(&rows))
}

/// Rows of the user's own channels.
fn presets(settings: &Settings) -> impl Iterator<Item = [String; 3]> {
    settings.presets.iter().flat_map(|preset| {
        let path = settings.path.clone().unwrap_or_default();
        let unit = preset.unit.name().to_owned();
        let lines = (preset.lines > 0).then(|| ("max-lines", preset.lines.to_string()));
        let fences = preset.fences.map(|fences| ("fences", fences.name().to_owned()));
        let always = [("max", preset.max.to_string()), ("unit", unit)];
        always.into_iter().chain(lines).chain(fences).map(move |(key, value)| {
            let origin = Origin::File(path.clone(), preset.line);
            [format!("presets.{}.{key}", preset.name), value, origin.to_string()]
        })
    })
}

/// Settings outside the command line, with the place of the file.
pub(super) struct Settings {
    all: Vec<Setting>,
    /// User's own channels.
    presets: Vec<Preset>,
    path: Option<PathBuf>,
    /// Text of the file, if it exists.
    text: Option<String>,
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

/// Reads the file and the environment. An error names its source.
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
