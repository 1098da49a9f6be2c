//! Files of rules for `spile redact --rules`: the TOML of gitleaks, as far as it says what a secret looks like. Reading the
//! file is the caller's part.
//!
//! ```toml
//! [[rules]]
//! id = "acme-token"
//! description = "ACME token"
//! regex = '''acme_[0-9a-f]{40}'''
//!
//! [[rules]]
//! id = "acme-password"
//! regex = '''ACME_PASSWORD=(\S{8,})'''
//! secretGroup = 1
//! ```
//!
//! `end`, a regex, and `lines`, a number, are spile's own: everything behind the match is hidden up to that marker. Keys
//! with which gitleaks only reports less (`keywords`, `entropy`, `tags`) have no effect; all others are refused.

mod group;
mod position;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use regex_syntax::Parser;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::rules;

/// A rule of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRule {
    /// Name in kebab case, different from those of the built-in rules.
    pub name: String,
    /// Kind of secret; empty if the file does not have it.
    pub description: String,
    /// Pattern in the syntax of the crate regex, which matches no empty text. A part that is hidden is the group `secret`.
    pub regex: String,
    /// End of the secret, if it is known only by a marker behind it.
    pub until: Option<FileUntil>,
    /// Bytes of the file that hold the regex, with its quotes.
    place: Range<usize>,
    /// Bytes of [`FileRule::regex`] that are not in the file: the name of the group.
    added: Range<usize>,
}

/// End of a secret of many lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileUntil {
    /// Pattern of the marker, in the syntax of the crate regex.
    pub end: String,
    /// Most line feeds behind the match.
    pub lines: u32,
}

/// Lines that are hidden at most, if the file does not have `lines`.
const LINES: u32 = 200;

/// Longest name of a rule, in bytes.
const LONGEST_NAME: usize = 64;

/// Place and reason of what is wrong in a file; both numbers are from 1, the column is in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileError {
    pub line: usize,
    pub column: usize,
    pub message: String,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

impl FileError {
    /// The error at a byte of the file.
    fn at(text: &str, at: usize, message: impl Into<String>) -> Self {
        let (line, column) = position::of(text, at);
        Self { line, column, message: message.into() }
    }
}

impl FileRule {
    /// The error at a byte of [`FileRule::regex`], for what only the search finds out. `text` is the text of the file.
    pub fn error_at(&self, text: &str, offset: usize, message: impl Into<String>) -> FileError {
        let added = offset.min(self.added.end).saturating_sub(self.added.start);
        let at =
            position::in_string(text.get(self.place.clone()).unwrap_or_default(), offset - added);
        FileError::at(text, self.place.start + at, message)
    }
}

/// The rules of a file, in its order.
///
/// # Errors
///
/// The place and the reason, for text that is not TOML, a key that is unknown or has the wrong type, a name that is not in
/// kebab case or stands twice, and a regex that is none or matches an empty text.
pub fn read(text: &str) -> Result<Vec<FileRule>, FileError> {
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        FileError::at(text, at, error.message().replace('\n', ", "))
    })?;
    let mut found = Vec::new();
    let mut names = HashSet::new();
    for (key, value) in table.get_ref() {
        match key.get_ref().as_ref() {
            "rules" => {}
            "title" | "minVersion" => continue,
            other => {
                let message = format!("{other} is unknown here, write [[rules]]");
                return Err(FileError::at(text, key.span().start, message));
            }
        }
        let wrong = |at| FileError::at(text, at, "rules must be tables: write [[rules]]");
        let rules = value.get_ref().as_array().ok_or_else(|| wrong(key.span().start))?;
        for rule in rules {
            let at = rule.span().start;
            let table = rule.get_ref().as_table().ok_or_else(|| wrong(at))?;
            let (rule, name) = Reader { text, at, table }.rule()?;
            if !names.insert(rule.name.clone()) {
                let message = format!("{} stands twice in this file", rule.name);
                return Err(FileError::at(text, name, message));
            }
            found.push(rule);
        }
    }
    Ok(found)
}

/// One table of the file.
struct Reader<'a> {
    text: &'a str,
    /// First byte of the table.
    at: usize,
    table: &'a DeTable<'a>,
}

impl Reader<'_> {
    /// The rule, and the byte at which its name stands.
    fn rule(&self) -> Result<(FileRule, usize), FileError> {
        self.only_known_keys()?;
        let missing = |key| self.error(self.at, format!("a rule needs {key}"));
        let (name, name_at) = self.string("id")?.ok_or_else(|| missing("id"))?;
        self.check_name(name, name_at.start)?;
        let (regex, place) = self.string("regex")?.ok_or_else(|| missing("regex"))?;
        self.check_regex(regex, &place)?;
        let (regex, added) = match self.integer("secretGroup", 0..=99)? {
            Some((index, at)) if index > 0 => {
                group::name(regex, index).map_err(|message| self.error(at, message))?
            }
            _ => (regex.to_owned(), 0..0),
        };
        let rule = FileRule {
            name: name.to_owned(),
            description: self.string("description")?.map_or("", |(text, _)| text).to_owned(),
            regex,
            until: self.until()?,
            place,
            added,
        };
        Ok((rule, name_at.start))
    }

    fn only_known_keys(&self) -> Result<(), FileError> {
        for key in self.table.keys() {
            let message = match key.get_ref().as_ref() {
                "id" | "description" | "regex" | "secretGroup" | "end" | "lines" => continue,
                "keywords" | "entropy" | "tags" => continue,
                "allowlist" | "allowlists" => "there are no lists of what is allowed".to_owned(),
                "path" => "a rule cannot depend on a path".to_owned(),
                other => format!(
                    "{other} is unknown, write id, description, regex, secretGroup, end or lines"
                ),
            };
            return Err(self.error(key.span().start, message));
        }
        Ok(())
    }

    fn until(&self) -> Result<Option<FileUntil>, FileError> {
        let lines = self.integer("lines", 1..=100_000)?;
        match (self.string("end")?, lines) {
            (None, None) => Ok(None),
            (None, Some((_, at))) => Err(self.error(at, "lines needs end, the marker behind them")),
            (Some((end, place)), lines) => {
                self.check_regex(end, &place)?;
                let lines = lines.map_or(LINES, |(lines, _)| lines);
                Ok(Some(FileUntil { end: end.to_owned(), lines }))
            }
        }
    }

    fn check_name(&self, name: &str, at: usize) -> Result<(), FileError> {
        let is_part = |part: &str| {
            let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
            !part.is_empty() && part.bytes().all(allowed)
        };
        if name.len() > LONGEST_NAME || !name.split('-').all(is_part) {
            let message = format!(
                "{name:?} is no name: write at most {LONGEST_NAME} lower-case letters, digits and single hyphens"
            );
            return Err(self.error(at, message));
        }
        if rules::by_name(name).is_some() {
            let message = format!("{name} is the name of a built-in rule, write another one");
            return Err(self.error(at, message));
        }
        Ok(())
    }

    fn check_regex(&self, regex: &str, place: &Range<usize>) -> Result<(), FileError> {
        let (offset, message) = match Parser::new().parse(regex) {
            Ok(parsed) => match parsed.properties().minimum_len() {
                Some(0) => (0, "the regex matches an empty text".to_owned()),
                None => (0, "the regex cannot match anything".to_owned()),
                Some(_) => return Ok(()),
            },
            Err(regex_syntax::Error::Parse(e)) => (e.span().start.offset, e.kind().to_string()),
            Err(regex_syntax::Error::Translate(e)) => (e.span().start.offset, e.kind().to_string()),
            Err(e) => (0, e.to_string()),
        };
        let at = place.start + position::in_string(&self.text[place.clone()], offset);
        Err(self.error(at, message))
    }

    fn value(&self, key: &str) -> Option<&Spanned<DeValue<'_>>> {
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    /// A string, and the bytes of the file that hold it.
    fn string(&self, key: &str) -> Result<Option<(&str, Range<usize>)>, FileError> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        let text = value.get_ref().as_str();
        let text =
            text.ok_or_else(|| self.error(value.span().start, format!("{key} must be a string")));
        Ok(Some((text?, value.span())))
    }

    /// A number within a range, and the byte of the file at which it stands.
    fn integer(
        &self,
        key: &str,
        range: std::ops::RangeInclusive<u32>,
    ) -> Result<Option<(u32, usize)>, FileError> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        let at = value.span().start;
        let number = match value.get_ref() {
            DeValue::Integer(n) => u32::from_str_radix(n.as_str(), n.radix()).ok(),
            _ => None,
        };
        let message = format!("{key} must be a number from {} to {}", range.start(), range.end());
        let number = number.filter(|number| range.contains(number));
        Ok(Some((number.ok_or_else(|| self.error(at, message))?, at)))
    }

    fn error(&self, at: usize, message: impl Into<String>) -> FileError {
        FileError::at(self.text, at, message)
    }
}
