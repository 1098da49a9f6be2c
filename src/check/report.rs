//! What `check` says: one line a violation or note, with its place, and a bounded number of them.

use std::collections::HashSet;
use std::fmt::{self, Write as _};

use crate::stage::STDIN;
use crate::term::marks::without_commands;

/// How many violations are reported; the rest is only counted.
pub(super) const MAX_REPORTED: u64 = 1000;
/// How many different notes are given.
const MAX_NOTES: usize = 100;
/// How many characters of the input are quoted.
const MAX_QUOTED: usize = 80;

/// The rules of docs/EVENTS.md by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    C1,
    C2,
    C3,
    C4,
    C5,
    C6,
    C7,
    C8,
    C9,
}

/// Where in the input: line and byte of the line, both from 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReportPlace {
    pub(super) line: u64,
    pub(super) column: usize,
}

impl ReportPlace {
    /// The beginning of a line.
    pub(super) fn line(line: u64) -> Self {
        Self { line, column: 1 }
    }
}

#[derive(Debug, Default)]
pub(super) struct Report {
    text: String,
    violations: u64,
    noted: HashSet<String>,
    /// The input's name; empty for stdin.
    source: String,
}

impl Report {
    /// What comes now is the input of this name.
    pub(super) fn set_source(&mut self, name: &str) {
        name.clone_into(&mut self.source);
    }

    pub(super) fn violation(&mut self, at: ReportPlace, rule: Rule, what: fmt::Arguments<'_>) {
        self.violations += 1;
        match self.violations {
            ..=MAX_REPORTED => self.line(at, format_args!("{rule:?}: {what}")),
            n if n == MAX_REPORTED + 1 => {
                self.line(at, format_args!("note: violations from here on are only counted"));
            }
            _ => {}
        }
    }

    /// Says something that breaks no rule, once.
    pub(super) fn note(&mut self, at: ReportPlace, what: &str) {
        if self.noted.len() < MAX_NOTES && self.noted.insert(what.to_owned()) {
            self.line(at, format_args!("note: {what}"));
        }
    }

    fn line(&mut self, at: ReportPlace, what: fmt::Arguments<'_>) {
        let name = if self.source.is_empty() { STDIN } else { &self.source };
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{name}:{}:{}: {what}", at.line, at.column);
    }

    pub(super) fn summary(&mut self, what: fmt::Arguments<'_>) {
        let _ = match self.violations {
            0 => writeln!(self.text, "{what}: no violations"),
            n => writeln!(self.text, "{what}: {}", Count(n, "violation")),
        };
    }

    pub(super) fn violations(&self) -> u64 {
        self.violations
    }

    /// Moves what was said to `out`.
    pub(super) fn write(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(without_commands(&self.text).as_bytes());
        self.text.clear();
    }
}

/// A number of things in English.
pub(super) struct Count(pub(super) u64, pub(super) &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == 1 { "" } else { "s" };
        write!(f, "{} {}{plural}", self.0, self.1)
    }
}

/// Text of the input in quotes: nothing in it can move a terminal's cursor, and it is not long.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(MAX_QUOTED) {
            None => write!(f, "{:?}", self.0),
            Some((end, _)) => write!(f, "{:?}...", self.0.get(..end).unwrap_or_default()),
        }
    }
}
