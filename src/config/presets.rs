//! Channels of one's own, for `chunk --for`: `[presets.NAME]` with `max`, `unit`, `max-lines` and `fences`.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{File, scalar};
use crate::named::Named;
use crate::text::cut::{Fences, MIN_MAX};
use crate::text::units::Unit;

/// The table of the file that holds them.
pub(super) const TABLE: &str = "presets";

/// What a preset may say. A file may write `_` for `-`.
const KEYS: &str = "max, unit, max-lines, fences";

/// A channel that the user has set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preset {
    /// The name for `--for`: letters, digits, `.`, `_`, `-`. A channel that is built in can be set anew.
    pub name: String,
    /// Most of a part, at least 16.
    pub max: usize,
    /// What `max` counts; code points if nothing is said.
    pub unit: Unit,
    /// Most lines of a part; 0 is any number.
    pub lines: usize,
    /// How the channel finds fences; if nothing is said, as the built-in one of its name, else at the beginnings of lines.
    pub fences: Option<Fences>,
    /// The line of the file, from 1.
    pub line: usize,
}

/// The presets of the file.
/// An error begins with `<file>:<line>`.
pub fn presets(path: &Path, text: &str) -> Result<Vec<Preset>, String> {
    let file = File { path, text };
    let table = file.table()?;
    let Some((key, inner)) = table.get_ref().iter().find(|(key, _)| key.get_ref() == TABLE) else {
        return Ok(Vec::new());
    };
    let Some(inner) = inner.get_ref().as_table() else {
        let why = format!("{TABLE} must be tables: write [{TABLE}.NAME], and in it {KEYS}");
        return Err(file.refused(key.span().start, why));
    };
    let each = inner.iter().map(|(name, value)| {
        let at = name.span().start;
        let name = name.get_ref().as_ref();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty() || !name.chars().all(plain) {
            let why = format!("{TABLE}.{name:?}: use letters, digits, '.', '_' and '-' in a name");
            return Err(file.refused(at, why));
        }
        let Some(value) = value.get_ref().as_table() else {
            let why =
                format!("{TABLE}.{name} must be a table: write [{TABLE}.{name}], and in it {KEYS}");
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
                let why = format!("{TABLE}.{name}.{key} cannot be set here, only {KEYS}");
                return Err(file.refused(place, why));
            }
        };
        set.ok_or_else(|| file.refused(place, format!("{TABLE}.{name}.{key}: write {wanted}")))?;
    }
    if preset.max == 0 {
        let why = format!("{TABLE}.{name} has no max: write what fits into a message");
        return Err(file.refused(at, why));
    }
    Ok(preset)
}

/// A whole number that is no less than `least`.
fn number(value: &Spanned<DeValue<'_>>, least: usize) -> Option<usize> {
    let number: usize = scalar(value)?.parse().ok()?;
    (number >= least).then_some(number)
}
