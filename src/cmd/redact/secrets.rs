//! Arguments that choose the secrets, for `spile redact` and `spile wrap --redact`.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueHint;

use crate::cmd::{common, usage};
use crate::redact::file::{self, FileRule};
use crate::redact::{Options, Part, Pattern, Redact, Refused, Until, WITHIN, rules, values};
use crate::term::quoted;

/// Secrets that are replaced.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Secrets")]
pub(in crate::cmd) struct SecretArgs {
    /// Also replace the values of environment variables whose names say key, token, secret, password or the like
    ///
    /// Left out are values of fewer than 8 bytes, numbers, switches such as `disabled`, paths, and references such as `$KEY`.
    /// The name of the rule is `env:VARIABLE`.
    #[arg(long)]
    env: bool,
    /// Also replace the text of this file, each of its lines, and the values of its assignments
    ///
    /// The file holds secrets: one, one in each line, or NAME=value as in `.env`. A line counts if it has 8 bytes or more, also one
    /// such as LOG_LEVEL=debug. The value of an assignment counts by itself if the name says key, token, secret, password or the
    /// like. The name of the rule is `file:` and that of the file. May be given several times.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    value_file: Vec<PathBuf>,
    /// Also replace what the rules of this file match: TOML in the format of gitleaks
    ///
    /// A rule has `id`, `regex` and perhaps `description`, `secretGroup`, `end` (a regex: everything up to it is replaced) and
    /// `lines` (most lines up to the end, default 200). `keywords`, `entropy` and `tags` have no effect; other keys are refused.
    /// May be given several times.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    rules: Vec<PathBuf>,
    /// Also replace what this regular expression matches, or only its group `secret`: '(?<secret>...)'
    ///
    /// The syntax is that of Rust's crate regex. An empty group '(?<word_start>)' matches where a word may begin: not behind a
    /// letter, a digit or '_', unless an escape ends there, such as '\n' or that of a colour. NAME is the name of the rule. May be given several times.
    #[arg(long, value_name = "NAME=REGEX", value_parser = pattern)]
    pattern: Vec<(String, String)>,
    /// Of the built-in rules use only this one; may be given several times
    #[arg(long, value_name = "RULE", value_parser = rule, conflicts_with = "skip")]
    only: Vec<String>,
    /// Do not use this built-in rule; may be given several times
    #[arg(long, value_name = "RULE", value_parser = rule)]
    skip: Vec<String>,
    /// Add a hash to each replacement: equal secrets have equal hashes, within this run only
    #[arg(long)]
    keyed: bool,
    /// Longest time that text waits because it may be the beginning of a secret [default: 1s]
    ///
    /// After that a beginning of fewer than 6 characters leaves, and a longer one is replaced. The rest is replaced in any case.
    #[arg(long, value_name = "DURATION", value_parser = common::duration)]
    within: Option<Duration>,
}

fn pattern(text: &str) -> Result<(String, String), String> {
    let (name, regex) = text.split_once('=').ok_or("write NAME=REGEX")?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(is_part) {
        return Err("a name has 1 to 64 letters, digits, dots, hyphens and underscores".to_owned());
    }
    Ok((name.to_owned(), regex.to_owned()))
}

fn rule(name: &str) -> Result<String, String> {
    match rules::by_name(name) {
        Some(_) => Ok(name.to_owned()),
        None => Err("there is no such rule: see spile redact --list".to_owned()),
    }
}

/// Origin of a pattern, for the message that refuses it.
enum Origin<'a> {
    BuiltIn,
    Argument(&'a str),
    File(&'a Path, &'a str, FileRule),
}

impl SecretArgs {
    /// A stage that replaces these secrets.
    pub(in crate::cmd) fn stage(&self) -> Result<Redact> {
        let texts = self.rules.iter().map(|path| Ok((path.as_path(), text(path)?)));
        let texts = texts.collect::<Result<Vec<_>>>()?;
        let mut patterns = Vec::new();
        for rule in self.built_in() {
            let until = rule.until.map(|u| Until { end: u.end.to_owned(), lines: u.lines });
            let pattern = Pattern { name: rule.name.into(), regex: rule.regex.into(), until };
            patterns.push((Origin::BuiltIn, pattern));
        }
        for (path, text) in &texts {
            let rules = file::read(text).map_err(|why| at_file(path, &why))?;
            for rule in rules {
                let until =
                    rule.until.as_ref().map(|u| Until { end: u.end.clone(), lines: u.lines });
                let (name, regex) = (rule.name.clone(), rule.regex.clone());
                patterns.push((Origin::File(path, text, rule), Pattern { name, regex, until }));
            }
        }
        for (name, regex) in &self.pattern {
            let pattern = Pattern { name: name.clone(), regex: regex.clone(), until: None };
            patterns.push((Origin::Argument(name), pattern));
        }
        let (origins, patterns): (Vec<_>, Vec<_>) = patterns.into_iter().unzip();
        let values = self.values()?;
        let names: Vec<String> = values.iter().map(|(name, _)| name.clone()).collect();
        let key = if self.keyed { Some(key()?) } else { None };
        let options = Options { values, patterns, key, within: self.within.unwrap_or(WITHIN) };
        options.stage().map_err(|refused| refusal(&refused, &names, &origins))
    }

    /// First of the options that was given.
    pub(in crate::cmd) fn given(&self) -> Option<&'static str> {
        common::first_given(&[
            (self.env, "--env"),
            (!self.value_file.is_empty(), "--value-file"),
            (!self.rules.is_empty(), "--rules"),
            (!self.pattern.is_empty(), "--pattern"),
            (!self.only.is_empty(), "--only"),
            (!self.skip.is_empty(), "--skip"),
            (self.keyed, "--keyed"),
            (self.within.is_some(), "--within"),
        ])
    }

    /// The built-in rules that are in use.
    pub(in crate::cmd) fn built_in(&self) -> impl Iterator<Item = &'static rules::Rule> {
        rules::all().filter(|rule| {
            let is_in = |names: &[String]| names.iter().any(|name| name == rule.name);
            !is_in(&self.skip) && (self.only.is_empty() || is_in(&self.only))
        })
    }

    fn values(&self) -> Result<Vec<(String, String)>> {
        let mut found = Vec::new();
        if self.env {
            let variables = std::env::vars_os().filter_map(|(name, value)| {
                Some((name.into_string().ok()?, value.into_string().ok()?))
            });
            found.extend(values::of_environment(variables));
        }
        for path in &self.value_file {
            let name = path.file_stem().unwrap_or(OsStr::new("file")).to_string_lossy();
            let values = values::of_file(&text(path)?).map_err(|why| of_file(path, &why))?;
            found.extend(values.into_iter().map(|value| (format!("file:{name}"), value)));
        }
        Ok(found)
    }
}

fn text(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path);
    text.map_err(|why| of_file(path, &why))
}

/// Error of a file as a whole.
fn of_file(path: &Path, why: &impl Display) -> anyhow::Error {
    usage(format_args!("{}: {why}", quoted(&path.to_string_lossy())))
}

/// Error at a place in a file, which `why` begins with.
fn at_file(path: &Path, why: &impl Display) -> anyhow::Error {
    usage(format_args!("{}:{why}", quoted(&path.to_string_lossy())))
}

fn refusal(refused: &Refused, values: &[String], origins: &[Origin<'_>]) -> anyhow::Error {
    use crate::redact::BuildError;
    let bad = match refused {
        Refused::Value(at, why) => {
            return usage(format_args!("{}: {why}", values.get(*at).map_or("", String::as_str)));
        }
        Refused::Pattern(BuildError::Values(why)) => return usage(format_args!("values: {why}")),
        Refused::Pattern(BuildError::Pattern(bad)) => bad,
    };
    let (offset, why) = (bad.error.offset, &bad.error.message);
    match origins.get(bad.index) {
        Some(Origin::File(path, text, rule)) if bad.part == Part::Regex => {
            at_file(path, &rule.error_at(text, offset, why.as_str()))
        }
        Some(Origin::File(path, text, rule)) => {
            at_file(path, &rule.error_at(text, 0, format!("end: {why}")))
        }
        Some(Origin::Argument(name)) => {
            usage(format_args!("--pattern {name}: character {}: {why}", offset + 1))
        }
        _ => usage(why),
    }
}

/// A random key.
fn key() -> Result<[u8; 32]> {
    let mut key = [0; 32];
    let read = std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut key));
    read.context("/dev/urandom")?;
    Ok(key)
}
