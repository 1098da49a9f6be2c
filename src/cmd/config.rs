//! `spile config`.

use std::fmt::Write;

use anyhow::Result;
use clap::ArgMatches;
use clap::parser::ValueSource;

use super::{Settings, refuse, tree, usage};
use crate::config::{self, Origin, Setting};
use crate::exit::Exit;
use crate::named::Named;
use crate::run;

/// Show every setting, its value and where it comes from
///
/// A flag wins, then the environment (SPILE_COALESCE_MAX), then spile.toml in $XDG_CONFIG_HOME/spile or ~/.config/spile
/// ([coalesce] max = 800), then what is built in. Only what is listed can be set: sizes, durations, colours. A table
/// [presets.NAME] with max, unit, max-lines and fences is a channel of one's own for `chunk --for NAME`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// A command line whose flags are to count, without `spile`
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    line: Vec<String>,
}

const EXAMPLES: &str = "Examples:
  spile config
  SPILE_COALESCE_MAX=800 spile config -- coalesce --idle 1s
  spile config | grep -v 'default$'";

pub(super) fn run(args: Args) -> Result<Exit> {
    let mut settings = match super::settings::load(tree()) {
        Ok(settings) => settings,
        Err(message) => return Ok(usage(&message)),
    };
    if !args.line.is_empty() {
        let line = std::iter::once("spile".to_owned()).chain(args.line);
        match settings.apply(tree()).try_get_matches_from(line) {
            Ok(matches) => flags(&matches, &mut settings.all),
            Err(e) => return Ok(refuse(&e)),
        }
    }
    Ok(run::print(table(&settings)?.as_bytes()))
}

/// Puts the flags of a command line above what else is set.
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
        let name = format!("{}.{}", s.command, s.option);
        let value = s.value.clone().unwrap_or_else(|| "-".to_owned());
        (name, value, s.origin.clone())
    });
    let rows: Vec<_> = rows.chain(presets(settings)).collect();
    let widest = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0);
    let name_width = widest(&mut rows.iter().map(|row| row.0.len()));
    let value_width = widest(&mut rows.iter().map(|row| row.1.len()));
    for (name, value, origin) in rows {
        writeln!(text, "{name:name_width$}  {value:value_width$}  {origin}")?;
    }
    Ok(text)
}

/// The rows of the user's own channels.
fn presets(settings: &Settings) -> impl Iterator<Item = (String, String, Origin)> {
    settings.presets.iter().flat_map(|preset| {
        let path = settings.path.clone().unwrap_or_default();
        let unit = preset.unit.name().to_owned();
        let lines = (preset.lines > 0).then(|| ("max-lines", preset.lines.to_string()));
        let fences = preset.fences.map(|fences| ("fences", fences.name().to_owned()));
        let required = [("max", preset.max.to_string()), ("unit", unit)];
        required.into_iter().chain(lines).chain(fences).map(move |(key, value)| {
            let origin = Origin::File(path.clone(), preset.line);
            (format!("presets.{}.{key}", preset.name), value, origin)
        })
    })
}
