//! Defaults that a user sets once, resolved here and nowhere else: flags, then the environment, then `spile.toml`, then what
//! is built in. It is tuning only: never a sink, a command, a path or an adapter, so that no file found somewhere can run
//! things. What takes part is a list, [`TUNABLE`], beside it [`presets`]; anything else in the file is refused.

use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::named::Named;
use crate::text::cut::{Fences, MIN_MAX};
use crate::text::units::Unit;

/// The options that may be set outside the command line, by command: sizes, durations, presets and colours, each an option
/// with one value.
pub const TUNABLE: &[(&str, &[&str])] = &[
    ("wrap", &["max-line", "max-block"]),
    ("coalesce", &["max", "min", "idle", "within", "by", "first", "max-line"]),
    ("chunk", &["for", "max", "unit", "max-lines", "min", "max-line"]),
    ("heartbeat", &["every", "stall-after", "max-line"]),
    ("merge", &["max-line"]),
    ("tee", &["queue", "spool-max", "linger", "max-line"]),
    ("replay", &["max-gap", "max-line"]),
    ("view", &["color", "max-line"]),
    ("check", &["max-line"]),
    ("export", &["max-line"]),
];

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Flag,
    Env(String),
    /// File and line, from 1.
    File(PathBuf, usize),
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag => f.write_str("flag"),
            Origin::Env(name) => f.write_str(name),
            Origin::File(path, line) => write!(f, "{}:{line}", path.display()),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// One option, its value and where that comes from.
#[derive(Debug, Clone)]
pub struct Setting {
    pub command: &'static str,
    pub option: &'static str,
    /// As it would be written behind the option; `None` where there is no default.
    pub value: Option<String>,
    pub origin: Origin,
}

/// The file's place: `$XDG_CONFIG_HOME/spile/spile.toml`, else `$HOME/.config/spile/spile.toml`; `None` without a home.
/// A relative `XDG_CONFIG_HOME` counts as not set, as the XDG base directory specification says.
pub fn path(xdg_config_home: Option<&OsStr>, home: Option<&OsStr>) -> Option<PathBuf> {
    let absolute = |p: Option<&OsStr>| p.map(PathBuf::from).filter(|p| p.is_absolute());
    absolute(xdg_config_home)
        .or_else(|| absolute(home).map(|home| home.join(".config")))
        .map(|folder| folder.join("spile/spile.toml"))
}

/// The variable that sets an option: `SPILE_COALESCE_MAX`.
pub fn variable(command: &str, option: &str) -> String {
    format!("SPILE_{command}_{option}").replace('-', "_").to_ascii_uppercase()
}

/// Every option of [`TUNABLE`] with its value, without regard to flags. `file` is the file's place and text, `env` looks up
/// a variable; an empty one counts as not set.
/// An error begins with its source: `<file>:<line>` or the variable.
pub fn resolve(
    tree: &Command,
    file: Option<(&Path, &str)>,
    env: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Vec<Setting>, String> {
    let found = match file {
        Some((path, text)) => read(path, text)?,
        None => Vec::new(),
    };
    let mut settings = Vec::new();
    for (command, option) in tunable() {
        let Some(arg) = find(tree, command, option) else {
            continue;
        };
        let built_in = arg.get_default_values().first();
        let value = built_in.map(|v| v.to_string_lossy().into_owned());
        let mut setting = Setting { command, option, value, origin: Origin::Default };
        if let Some(set) = found.iter().find(|s| (s.command, s.option) == (command, option)) {
            accepts(arg, set.value.as_deref().unwrap_or_default())
                .map_err(|why| format!("{}: {command}.{option}: {why}", set.origin))?;
            setting = set.clone();
        }
        let name = variable(command, option);
        if let Some(value) = env(&name).filter(|v| !v.is_empty()) {
            let value = value.into_string().map_err(|_| format!("{name}: it is not UTF-8"))?;
            accepts(arg, &value).map_err(|why| format!("{name}: {why}"))?;
            setting.value = Some(value);
            setting.origin = Origin::Env(name);
        }
        settings.push(setting);
    }
    Ok(settings)
}

/// The command line's tree with the settings as its defaults, so that a flag wins by itself and the help shows the value.
pub fn apply(tree: Command, settings: &[Setting]) -> Command {
    tree.mut_subcommands(|command| {
        let name = command.get_name().to_owned();
        command.mut_args(|arg| {
            let value = settings
                .iter()
                .filter(|s| s.command == name && s.origin != Origin::Default)
                .find(|s| arg.get_long() == Some(s.option))
                .and_then(|s| s.value.clone());
            match value {
                Some(value) => arg.default_value(value),
                None => arg,
            }
        })
    })
}

/// The argument of the tree that a row of [`TUNABLE`] names.
pub fn find<'t>(tree: &'t Command, command: &str, option: &str) -> Option<&'t Arg> {
    tree.find_subcommand(command)?.get_arguments().find(|arg| arg.get_long() == Some(option))
}

/// The rows of [`TUNABLE`], one option each.
pub fn tunable() -> impl Iterator<Item = (&'static str, &'static str)> {
    TUNABLE.iter().flat_map(|(command, options)| options.iter().map(|option| (*command, *option)))
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl<'a> File<'a> {
    /// The line, from 1, of the byte `at`.
    fn line(&self, at: usize) -> usize {
        let before = self.text.bytes().take(at);
        before.filter(|b| *b == b'\n').count() + 1
    }

    /// Why what stands at the byte `at` does not do.
    fn refused(&self, at: usize, why: String) -> String {
        format!("{}:{}: {why}", self.path.display(), self.line(at))
    }

    fn table(&self) -> Result<Spanned<DeTable<'a>>, String> {
        DeTable::parse(self.text).map_err(|e| {
            let at = e.span().map_or(0, |span| span.start);
            self.refused(at, e.message().replace('\n', ", "))
        })
    }
}

/// Reads the file; what may not be there is refused with its line and what may.
fn read(path: &Path, text: &str) -> Result<Vec<Setting>, String> {
    let file = File { path, text };
    let refused = |at, why| file.refused(at, why);
    let table = file.table()?;
    let mut settings = Vec::new();
    for (command, inner) in table.get_ref() {
        let (at, command) = (command.span().start, command.get_ref());
        if command == PRESETS {
            continue;
        }
        let Some((command, allowed)) = TUNABLE.iter().find(|(name, _)| name == command) else {
            let names: Vec<_> = TUNABLE.iter().map(|(name, _)| *name).collect();
            let names = [&names[..], &[PRESETS]].concat();
            let why = format!("{command} cannot be set here, only {}", names.join(", "));
            return Err(refused(at, why));
        };
        let allowed_are = || format!("only {}", allowed.join(", "));
        let Some(inner) = inner.get_ref().as_table() else {
            let why = format!(
                "{command} must be a table: write [{command}], and in it {}",
                allowed_are()
            );
            return Err(refused(at, why));
        };
        for (option, value) in inner {
            let (at, option) = (option.span().start, option.get_ref());
            let Some(option) = allowed.iter().find(|name| *name == option) else {
                let why = format!("{command}.{option} cannot be set here, {}", allowed_are());
                return Err(refused(at, why));
            };
            let value = scalar(value).ok_or_else(|| {
                refused(at, format!("{command}.{option}: write a string or a number"))
            })?;
            let origin = Origin::File(path.to_owned(), file.line(at));
            settings.push(Setting { command, option, value: Some(value), origin });
        }
    }
    Ok(settings)
}

fn scalar(value: &Spanned<DeValue<'_>>) -> Option<String> {
    match value.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(n) if n.radix() == 10 => Some(n.as_str().to_owned()),
        DeValue::Float(n) => Some(n.as_str().to_owned()),
        _ => None,
    }
}

/// True if the option takes the value, found out by clap itself; else why not.
fn accepts(arg: &Arg, value: &str) -> Result<(), String> {
    let flag = format!("--{}={value}", arg.get_long().unwrap_or_default());
    // What it requires beside itself is not asked for here.
    let alone = Arg::new(arg.get_id().clone())
        .long(arg.get_long().unwrap_or_default().to_owned())
        .value_parser(arg.get_value_parser().clone());
    let probe = Command::new("spile").no_binary_name(true).disable_help_flag(true).arg(alone);
    let Err(error) = probe.try_get_matches_from([flag]) else {
        return Ok(());
    };
    let why = match (error.source(), error.get(ContextKind::ValidValue)) {
        (Some(why), _) => why.to_string(),
        (None, Some(ContextValue::Strings(names))) => format!("write one of {}", names.join(", ")),
        (None, _) => "write a value".to_owned(),
    };
    Err(format!("{value:?} does not do: {why}"))
}

/// The table of the file that holds the presets.
const PRESETS: &str = "presets";

/// Settings of a preset. A file may write `_` for `-`.
const KEYS: &str = "max, unit, max-lines, fences";

/// A channel of one's own, for `chunk --for`: a table `[presets.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preset {
    /// The name for `--for`: letters, digits, `.`, `_`, `-`. A channel that is built in can be set anew.
    pub name: String,
    /// Most of a part, at least 16.
    pub max: usize,
    /// Unit of `max`; code points if none is given.
    pub unit: Unit,
    /// Most lines of a part; 0 is any number.
    pub lines: usize,
    /// Reading of fences by the channel; without one, that of the built-in channel of its name, else at the beginnings of lines.
    pub fences: Option<Fences>,
    /// The line of the file, from 1.
    pub line: usize,
}

/// The presets of the file.
/// An error begins with `<file>:<line>`.
pub fn presets(path: &Path, text: &str) -> Result<Vec<Preset>, String> {
    let file = File { path, text };
    let table = file.table()?;
    let Some((key, inner)) = table.get_ref().iter().find(|(key, _)| key.get_ref() == PRESETS)
    else {
        return Ok(Vec::new());
    };
    let Some(inner) = inner.get_ref().as_table() else {
        let why = format!("{PRESETS} must be tables: write [{PRESETS}.NAME], and in it {KEYS}");
        return Err(file.refused(key.span().start, why));
    };
    let each = inner.iter().map(|(name, value)| {
        let at = name.span().start;
        let name = name.get_ref().as_ref();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty() || !name.chars().all(plain) {
            let why =
                format!("{PRESETS}.{name:?}: use letters, digits, '.', '_' and '-' in a name");
            return Err(file.refused(at, why));
        }
        let Some(value) = value.get_ref().as_table() else {
            let why = format!(
                "{PRESETS}.{name} must be a table: write [{PRESETS}.{name}], and in it {KEYS}"
            );
            return Err(file.refused(at, why));
        };
        preset(&file, name, at, value)
    });
    each.collect()
}

/// One preset, of which the name stands at the byte `at`.
fn preset(file: &File<'_>, name: &str, at: usize, table: &DeTable<'_>) -> Result<Preset, String> {
    let mut preset = Preset {
        name: name.to_owned(),
        max: 0,
        unit: Unit::Codepoints,
        lines: 0,
        fences: None,
        line: file.line(at),
    };
    for (key, value) in table {
        let place = key.span().start;
        let key = key.get_ref().replace('_', "-");
        let (set, wanted) = match key.as_str() {
            "max" => {
                let max = number(value, MIN_MAX).map(|max| preset.max = max);
                (max, format!("a number of at least {MIN_MAX}"))
            }
            "max-lines" => {
                let lines = number(value, 1).map(|lines| preset.lines = lines);
                (lines, "a number of at least 1".to_owned())
            }
            "unit" => {
                let unit = scalar(value).and_then(|unit| Unit::by_name(&unit));
                let units = Unit::ALL.iter().map(|(name, ..)| *name).collect::<Vec<_>>();
                (unit.map(|unit| preset.unit = unit), format!("one of {}", units.join(", ")))
            }
            "fences" => {
                let fences = scalar(value).and_then(|name| Fences::by_name(&name));
                preset.fences = fences;
                (fences.map(|_| ()), "one of lines, anywhere".to_owned())
            }
            _ => {
                let why = format!("{PRESETS}.{name}.{key} cannot be set here, only {KEYS}");
                return Err(file.refused(place, why));
            }
        };
        set.ok_or_else(|| file.refused(place, format!("{PRESETS}.{name}.{key}: write {wanted}")))?;
    }
    if preset.max == 0 {
        let why = format!("{PRESETS}.{name} has no max: write what fits into a message");
        return Err(file.refused(at, why));
    }
    Ok(preset)
}

/// A whole number that is no less than `least`.
fn number(value: &Spanned<DeValue<'_>>, least: usize) -> Option<usize> {
    let number: usize = scalar(value)?.parse().ok()?;
    (number >= least).then_some(number)
}

#[cfg(test)]
mod tests;
