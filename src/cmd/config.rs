//! `spile config`.

use std::fmt::Write;

use anyhow::Result;
use clap::ArgMatches;
use clap::parser::ValueSource;

use super::settings::{self, Settings};
use super::{common, refuse, tree, usage};
use crate::config::{self, Origin, Setting};
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
    let mut settings = settings::load(tree()).map_err(usage)?;
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
